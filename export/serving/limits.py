"""Bounds what a server takes on: requests at a time, their size, and how long they may take."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson

UPLOAD_SECONDS = 30.0  # that a request may take to arrive
RETRY_AFTER = 1  # seconds, told to those who are refused

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class Full(Exception):
    """All places are taken."""


class Places:
    """Counts the requests that are under way, waiting ones included; for one event loop.

    Args:
        limit: how many there may be.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.taken = limit, 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Holds a place.

        Raises:
            Full: there is none.
        """
        if self.taken >= self.limit:
            raise Full(f"{self.limit} requests are under way; ask again")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Limits:
    """In front of KServe: lets through what it answers, and no more at a time than it can.

    Args:
        app: KServe's.
        path: the one address that takes pictures. KServe's other ones load and unload models
            for whoever asks, or take pictures as text.
        places: that requests take before they are read.
        max_bytes: largest request.
    """

    def __init__(self, app: Any, path: str, places: Places, max_bytes: int) -> None:
        self.app, self.path, self.places, self.max_bytes = app, path, places, max_bytes

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answers one request, as ASGI wants it."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
        elif scope["method"] != "POST" or scope["path"] != self.path:
            text = f"pictures are taken by POST {self.path}, and by gRPC"
            await refuse(receive, send, 404, text)
        else:
            try:
                with self.places.take():
                    await self._predict(scope, receive, send)
            except Full as error:
                await refuse(receive, send, 503, str(error))

    async def _predict(self, scope: Event, receive: Receive, send: Send) -> None:
        body, size = bytearray(), 0
        try:
            async with asyncio.timeout(UPLOAD_SECONDS):
                async for part in parts(receive):
                    size += len(part)
                    if size > self.max_bytes:
                        # Read to its end all the same: who still sends, reads no answer.
                        body.clear()
                    else:
                        body += part
        except TimeoutError:
            await answer(send, 408, f"not received within {UPLOAD_SECONDS:g} seconds")
            return
        if size > self.max_bytes:
            await answer(send, 413, f"a request may have {self.max_bytes} bytes at most")
            return
        # Whatever it says it is: pictures are taken as JSON alone.
        scope = {**scope, "headers": [(b"content-type", b"application/json")]}
        events = iter([{"type": "http.request", "body": bytes(body)}])
        del body

        async def replay() -> Event:
            return next(events, None) or await receive()

        await self.app(scope, replay, send)


async def parts(receive: Receive) -> AsyncIterator[bytes]:
    """The body of a request, as it arrives."""
    more = True
    while more:
        event = await receive()
        more = event.get("more_body", False)
        yield event.get("body", b"")


async def refuse(receive: Receive, send: Send, status: int, text: str) -> None:
    """Answers a request with an error, once all of it is here and forgotten."""
    with suppress(TimeoutError):
        async with asyncio.timeout(UPLOAD_SECONDS):
            async for _ in parts(receive):
                pass
    await answer(send, status, text)


async def answer(send: Send, status: int, text: str) -> None:
    """Answers a request with an error, in the form of KServe and TF Serving."""
    headers = [(b"content-type", b"application/json")]
    if status == 503:
        headers.append((b"retry-after", str(RETRY_AFTER).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": orjson.dumps({"error": text})})

"""Limits the requests of a server: their number, their size and the time to receive them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from typing import Any

import orjson

UPLOAD_SECONDS = 30.0  # time for a request to arrive
RETRY_AFTER = 1  # seconds; sent to clients that are refused

Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]


class Full(Exception):
    """All places are taken."""


class Places:
    """Counts the requests that have been accepted and not yet answered, in one event loop.

    Args:
        limit: The largest number of such requests.
    """

    def __init__(self, limit: int) -> None:
        self.limit, self.taken = limit, 0

    @contextmanager
    def take(self) -> Iterator[None]:
        """Returns a context manager that holds a place.

        Raises:
            Full: If no place is free.
        """
        if self.taken >= self.limit:
            raise Full(f"{self.limit} requests are under way; ask again")
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class Limits:
    """Checks requests before KServe gets them (ASGI middleware).

    Args:
        app: The application of KServe.
        path: The only address that accepts pictures. KServe's other addresses load and unload
            models for anyone, or accept pictures as text.
        places: The places that requests take before they are read.
        max_bytes: The size of the largest request.
    """

    def __init__(self, app: Any, path: str, places: Places, max_bytes: int) -> None:
        self.app, self.path, self.places, self.max_bytes = app, path, places, max_bytes

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Answers one request, as ASGI defines it."""
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
                        # The rest is read and dropped, because a client that is still sending
                        # does not read the answer.
                        body.clear()
                    else:
                        body += part
        except TimeoutError:
            await answer(send, 408, f"not received within {UPLOAD_SECONDS:g} seconds")
            return
        if size > self.max_bytes:
            await answer(send, 413, f"a request may have {self.max_bytes} bytes at most")
            return
        # Whatever type the request names, it is read as JSON.
        scope = {**scope, "headers": [(b"content-type", b"application/json")]}
        events = iter([{"type": "http.request", "body": bytes(body)}])
        del body

        async def replay() -> Event:
            return next(events, None) or await receive()

        await self.app(scope, replay, send)


async def parts(receive: Receive) -> AsyncIterator[bytes]:
    """Yields the body of a request in parts, as they arrive."""
    more = True
    while more:
        event = await receive()
        more = event.get("more_body", False)
        yield event.get("body", b"")


async def refuse(receive: Receive, send: Send, status: int, text: str) -> None:
    """Reads and drops a request, then answers it with an error."""
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

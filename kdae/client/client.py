"""A client of the servers of the exported SavedModel: TF Serving or KServe.

A large picture is sent in tiles with as much context as the network sees, several at a time:
the result is that of the whole picture, and no request keeps the server from others for long.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from kdae.cards import DEFAULT_MODEL, load_card, locate_model, shipped_models
from kdae.client.protocols import Transport, Unavailable, connect
from kdae.engine import halo_of
from kdae.errors import UserError, check_share
from kdae.images import Span, decode, encode, spans

SERVER = "http://127.0.0.1:8501"
TIMEOUT = 60.0  # seconds, of one request
RETRIES = 6
TILE = 1024  # pixels along a side, without context
PARALLEL = 4  # tiles under way

_WAIT, _LONGEST_WAIT = 0.25, 10.0  # seconds, before the first new try and at most


class Client:
    """A model on a server, ready for pictures; may be used by several threads.

    Args:
        server: `http://` or `https://` (REST of TF Serving and KServe), `tfserving://` or
            `kserve://` (gRPC), and HOST:PORT.
        model: its name on the server.
        card: the model card, which says how much context a tile needs; by default that of
            the shipped model of this name. Pictures of one tile do without.
        exact: Whether tiles get all the context that the network sees; see `kdae.load`.
        timeout: seconds to wait for one answer.
        retries: how often a server that is busy or not there is asked again, after pauses
            that double from a quarter of a second to 10 seconds, or as long as it asks for.

    Raises:
        UserError: for a server that is no such address, a card with `levels`, or when a package
            is missing.
    """

    def __init__(
        self,
        server: str = SERVER,
        model: str = DEFAULT_MODEL,
        *,
        card: Mapping[str, Any] | None = None,
        exact: bool = False,
        timeout: float = TIMEOUT,
        retries: int = RETRIES,
    ) -> None:
        self.server, self.model = server, model
        self.card = card if card is not None else shipped_card(model)
        if self.card and "levels" in self.card:
            raise UserError(
                f"--card: {model} was trained on files with levels, which a server does not "
                "take as pictures; use kdae denoise"
            )
        self.exact, self.timeout, self.retries = exact, timeout, retries
        self._send: Transport = connect(server, model)

    def denoise_file(self, file: bytes, strength: float = 1.0) -> bytes:
        """Has one PNG or JPEG file denoised, whole; returns a PNG file.

        Args:
            file: PNG or JPEG, as large as the server allows.
            strength: 0 gives the noisy picture back, 1 the denoised one.

        Raises:
            UserError: the server refuses it, or cannot be reached.
        """
        for tried in range(self.retries + 1):
            try:
                return self._send(file, strength, self.timeout)
            except Unavailable as error:
                if tried == self.retries:
                    raise UserError(
                        f"--server {self.server}: {error}; asked {tried + 1} times"
                    ) from None
                # Spread, so that many clients do not come back at once.
                pause = min(_WAIT * 2**tried, _LONGEST_WAIT) * random.uniform(0.5, 1.0)
                time.sleep(pause if error.after is None else max(pause, error.after))
        raise AssertionError("unreachable")

    def denoise(
        self,
        pixels: np.ndarray,
        strength: float = 1.0,
        *,
        tile: int = TILE,
    ) -> np.ndarray:
        """Has a picture of any size denoised, in tiles where it is large.

        Args:
            pixels: [H, W, C] uint8 or uint16, C = 1 (grey) or 3 (RGB).
            strength: 0 gives the noisy picture back, 1 the denoised one.
            tile: side of the tiles in pixels; the result does not depend on it.

        Returns:
            An array of the same shape and dtype.

        Raises:
            UserError: the server refuses it or cannot be reached, or the picture needs tiles
                and there is no card.
            ValueError: naming the argument, what was expected and what came.
        """
        if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or pixels.size == 0:
            raise ValueError(
                f"pixels: expected [H, W, 1] or [H, W, 3], got {list(pixels.shape)}"
            )
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels: expected uint8 or uint16, got {pixels.dtype}")
        check_share("strength", strength)
        if max(pixels.shape[:2]) <= tile:
            multiple, halo = 1, 0
        elif self.card is None:
            raise UserError(
                f"--card: {self.model} is no shipped model, so tell where its model-card.json "
                f"is: pictures of more than {tile} pixels along a side are sent in tiles"
            )
        else:
            multiple = int(self.card["size_multiple"])
            halo = max(halo_of(self.card, self.exact), multiple)
        rows, columns = (spans(length, multiple, tile, halo) for length in pixels.shape[:2])
        out = np.empty_like(pixels)

        def run(place: tuple[Span, Span]) -> None:
            row, column = place
            noisy = pixels[row.low : row.high, column.low : column.high]
            answer = self.denoise_file(encode(noisy), strength)
            try:
                clean = decode(answer)
            except UserError as error:
                raise UserError(f"the server's answer is no picture: {error}") from error
            if clean.shape != noisy.shape or clean.dtype != noisy.dtype:
                raise UserError(
                    f"--server {self.server}: sent a picture of {list(noisy.shape)} "
                    f"{noisy.dtype}, got one of {list(clean.shape)} {clean.dtype}"
                )
            target = out[row.start : row.stop, column.start : column.stop]
            height, width = target.shape[:2]
            top, left = row.start - row.low, column.start - column.low
            target[:] = clean[top : top + height, left : left + width]

        with ThreadPoolExecutor(PARALLEL) as pool:
            tiles = [pool.submit(run, (row, column)) for row in rows for column in columns]
            try:
                for each in tiles:
                    each.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        return out


def shipped_card(model: str) -> dict[str, Any] | None:
    """The card of a shipped model, or None."""
    card = locate_model(model)[1] if model in shipped_models() else None
    return load_card(card) if card else None

"""One picture from an address: asked politely, read within limits, kept only if it opens."""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from types import TracebackType

import aiohttp
from yarl import URL

from recbole_mmsc.politeness import Pace, backoff, retry_after

from .addresses import RefusedAddress, check_address, public_sockets
from .decoding import MAX_BYTES, MAX_PIXELS, BadImage, check_image, decode_image
from .failures import FetchFailed, told

SUFFIXES = {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp", "GIF": ".gif", "BMP": ".bmp"}
HEADERS = {
    "User-Agent": f"recbole-mmsc/{version('recbole-mmsc')} (fetch-images)",
    "Accept": "image/jpeg, image/png, image/webp, image/gif, image/bmp",
    # pictures are compressed already
    "Accept-Encoding": "identity",
}
# Shops answer for a picture they no longer have with one of a pixel.
MIN_SIDE = 8
_SILENT = "host does not answer"
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 425, 429)
# A picture of the largest size takes some hundred megabytes while it is decoded.
_DECODERS = min(4, os.cpu_count() or 1)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one picture may cost; times in seconds.

    Attributes:
        max_bytes: the largest body, after any decompression.
        max_pixels: the largest picture, width times height.
        redirects: followed at most.
        connect: to reach the host.
        read: between two pieces of an answer.
        total: an attempt, redirects and all; waiting for turns is not counted.
        retries: after the first attempt.
        backoff: before the first retry; it doubles with each.
        longest_wait: what a ``Retry-After`` is granted at most.
        silence: a host that failed to answer that many times in a row is left alone.
    """

    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    redirects: int = 5
    connect: float = 10.0
    read: float = 20.0
    total: float = 60.0
    retries: int = 3
    backoff: float = 1.0
    longest_wait: float = 60.0
    silence: int = 50


class PictureClient:
    """Fetches pictures; to be used in ``async with``.

    No cookies are kept, and proxies of the environment are not used: a proxy would look hosts up
    by itself, and the check of addresses would see only the proxy's.

    Args:
        pace: grants the turns.
        limits: of one picture.
        allow_loopback: let this machine be asked, on any port; for tests.
    """

    def __init__(self, pace: Pace, limits: Limits, allow_loopback: bool = False) -> None:
        self._pace = pace
        self._limits = limits
        self._allow_loopback = allow_loopback
        self._unanswered: Counter[str] = Counter()

    async def __aenter__(self) -> PictureClient:
        self._decoders = ThreadPoolExecutor(_DECODERS)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, socket_factory=public_sockets(self._allow_loopback)
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=HEADERS,
            middlewares=(_asked_once,),
            trust_env=False,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._session.close()
        self._decoders.shutdown(cancel_futures=True)

    async def fetch(self, address: str) -> tuple[bytes, str]:
        """Fetch one picture, with retries where they can help.

        Returns:
            The file, and the suffix that its content deserves.

        Raises:
            FetchFailed: there is none.
        """
        chance = random.Random(address)
        for attempt in range(self._limits.retries + 1):
            try:
                data = await self._attempt(address)
                break
            except FetchFailed as failed:
                pointless = failed.final or failed.reason == _SILENT
                if pointless or attempt == self._limits.retries:
                    raise
            await asyncio.sleep(backoff(attempt, self._limits.backoff, chance))
        loop = asyncio.get_running_loop()
        return data, await loop.run_in_executor(self._decoders, self._suffix, data)

    async def _attempt(self, address: str) -> bytes:
        target, left = address, self._limits.total
        for _ in range(self._limits.redirects + 1):
            url = self._checked(target)
            host = url.host or ""
            if self._unanswered[host] >= self._limits.silence:
                raise FetchFailed(_SILENT, host, final=False)
            await self._pace.turn(host)
            started = time.monotonic()
            try:
                found = await self._ask(url, left)
            except FetchFailed as failed:
                self._unanswered[host] += not failed.final
                raise
            if isinstance(found, bytes):
                return found
            target, left = found, max(left - (time.monotonic() - started), 0.001)
        raise FetchFailed("too many redirects", f"more than {self._limits.redirects}", final=True)

    def _checked(self, address: str) -> URL:
        try:
            return check_address(address, any_port=self._allow_loopback)
        except RefusedAddress as error:
            raise FetchFailed("address refused", f"{error}: {address}", final=True) from error

    async def _ask(self, url: URL, seconds: float) -> bytes | str:
        """One request: the body, or where the answer redirects to."""
        host = url.host or ""
        timeout = aiohttp.ClientTimeout(
            total=seconds, sock_connect=self._limits.connect, sock_read=self._limits.read
        )
        with told(url):
            async with self._session.get(url, allow_redirects=False, timeout=timeout) as answer:
                self._unanswered[host] = 0
                if answer.status in _REDIRECTS and (target := answer.headers.get("Location")):
                    return str(url.join(URL(target)))
                if wait := retry_after(
                    answer.headers.get("Retry-After"), self._limits.longest_wait
                ):
                    self._pace.hold(host, wait)
                if answer.status != 200:
                    passing = answer.status >= 500 or answer.status in _PASSING
                    raise FetchFailed(f"HTTP {answer.status}", final=not passing)
                return await self._body(answer)

    async def _body(self, answer: aiohttp.ClientResponse) -> bytes:
        most = self._limits.max_bytes
        if (answer.content_length or 0) > most:
            raise FetchFailed(
                "too large", f"{answer.content_length:,} bytes, the limit is {most:,}", final=True
            )
        data = bytearray()
        async for piece in answer.content.iter_any():
            data += piece
            if len(data) > most:
                raise FetchFailed("too large", f"more than {most:,} bytes", final=True)
        return bytes(data)

    def _suffix(self, data: bytes) -> str:
        """The suffix by content; decoding all of it finds what is truncated."""
        try:
            found = check_image(data, self._limits.max_bytes, self._limits.max_pixels)
            width, height = decode_image(data, self._limits.max_bytes, self._limits.max_pixels).size
            if min(width, height) < MIN_SIDE:
                raise BadImage(f"{width} x {height} pixels are a placeholder")
        except BadImage as error:
            raise FetchFailed("no usable picture", str(error), final=True) from error
        return SUFFIXES[found]


async def _asked_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep the session from asking again by itself, out of turn: it retries its own errors only."""
    with told(request.url):
        return await handler(request)

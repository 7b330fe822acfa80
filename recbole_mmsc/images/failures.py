"""Why there is no picture to be had from an address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from yarl import URL

from .addresses import NotPublic


class FetchFailed(Exception):
    """There is no picture to be had from an address.

    Attributes:
        reason: a short one, the same for all failures of its kind.
        detail: what exactly happened.
        final: whether asking again is pointless.
    """

    def __init__(self, reason: str, detail: str = "", *, final: bool) -> None:
        super().__init__(reason, detail)
        self.reason, self.detail, self.final = reason, detail[:200], final


@contextmanager
def told(url: URL) -> Iterator[None]:
    """Whatever goes wrong on the network becomes :class:`FetchFailed`."""
    try:
        yield
    except FetchFailed:
        raise
    except asyncio.TimeoutError as error:
        raise FetchFailed("timeout", final=False) from error
    except aiohttp.ClientConnectorCertificateError as error:  # a ValueError too
        raise FetchFailed("certificate refused", f"{error}", final=True) from error
    except (ValueError, aiohttp.InvalidURL) as error:
        # a host that cannot be written, a number that only looks like one, a broken redirect
        raise FetchFailed("address refused", f"{error}: {url}", final=True) from error
    except aiohttp.ClientConnectorError as error:
        if isinstance(error.os_error, NotPublic):
            raise FetchFailed("address refused", f"{error.os_error}: {url}", final=True) from error
        raise _broken(error) from error
    except Exception as error:
        raise _broken(error) from error


def _broken(error: Exception) -> FetchFailed:
    return FetchFailed("connection failed", f"{type(error).__name__}: {error}", final=False)

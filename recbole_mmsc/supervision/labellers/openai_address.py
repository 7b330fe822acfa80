"""Which model is asked at which address, as a labeller's name says it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.request import getproxies, proxy_bypass

from yarl import URL

_EXPECTED = (
    "Expected openai:<model>@<address>, such as openai:qwen2.5-7b@http://localhost:8000/v1, found "
)


def model_and_address(argument: str) -> tuple[str, URL]:
    """The parts of ``<model>@<address>``; the model may have an @ of its own.

    Raises:
        ValueError: a part is missing, or the address holds more than a server and a path. What
            was found is not repeated where it may be a password.
    """
    model, _, address = argument.rpartition("@")
    if "://" in model:
        raise ValueError(
            f"{_EXPECTED}an address with a user or a password, which would end up in the labels' "
            "name; a key belongs into the environment variable OPENAI_API_KEY."
        )
    try:
        url = URL(address)
    except ValueError:
        url = URL()
    if not model.strip() or url.scheme not in ("http", "https") or not url.host:
        raise ValueError(f"{_EXPECTED}no model, or no http address behind the last @.")
    if url.query_string or url.fragment:
        raise ValueError(f"{_EXPECTED}an address with a ? or a #; write it without.")
    return model, url


def is_this_machine(url: URL) -> bool:
    """Whether an address is one of the loopback."""
    host = url.host or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def proxy_for(url: URL) -> str | None:
    """The proxy that the environment names for an address; none leads back to this machine."""
    if is_this_machine(url) or proxy_bypass(url.host or ""):
        return None
    return getproxies().get(url.scheme)

"""Which addresses may be asked for a picture: public ones of the web, checked where it counts.

A host's name says nothing about where it leads, and a second look-up may say something else than
the first. So the check sits where the socket is made: what it sees is the very address that the
connection then goes to, for literal addresses, names and redirects alike.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from yarl import URL

#: The web's own ports and their usual alternatives; others belong to services that are no web.
PORTS = (80, 443, 8080, 8443)

_GLOBAL_UNICAST = IPv6Network("2000::/3")
# On networks without IPv4 the whole IPv4 web is reached through this prefix.
_NAT64 = IPv6Network("64:ff9b::/96")
# What some versions of `ipaddress` take for global, and tunnels that can lead anywhere.
_NEVER = (
    IPv4Network("192.0.0.0/24"),
    IPv4Network("192.88.99.0/24"),
    IPv6Network("2001::/23"),
    IPv6Network("2001:db8::/32"),
    IPv6Network("2002::/16"),
    IPv6Network("3fff::/20"),
)


class RefusedAddress(ValueError):
    """The address is not one that may be asked; the text says why."""


class NotPublic(OSError):
    """The host leads into a private network, to this machine, or to no single machine at all."""

    def __init__(self) -> None:
        super().__init__("its host has no public address")


def check_address(address: str | URL, any_port: bool = False) -> URL:
    """Check all of an address that can be checked before its host is looked up.

    Args:
        address: from a catalogue or from a redirect.
        any_port: allow ports other than :data:`PORTS`.

    Returns:
        The address, parsed.

    Raises:
        RefusedAddress: not http or https, without a host, with a name and password, or with a
            port that is none of the web's.
    """
    try:
        url = URL(address)
        host, port = url.host, url.port
    except ValueError as error:
        raise RefusedAddress(f"no valid address ({error})") from error
    if url.scheme not in ("http", "https"):
        raise RefusedAddress(f"expected http or https, found {url.scheme or 'no scheme'}")
    if not host:
        raise RefusedAddress("it names no host")
    if url.user is not None or url.password is not None:
        raise RefusedAddress("it carries a user name or a password")
    if port not in PORTS and not any_port:
        raise RefusedAddress(f"port {port} is none of {', '.join(map(str, PORTS))}")
    return url


def is_public(address: str) -> bool:
    """Whether a numeric IPv4 or IPv6 address is that of one machine on the public internet."""
    ip: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip not in _GLOBAL_UNICAST:
            return False
    unicast = not (ip.is_multicast or ip.is_reserved)
    return ip.is_global and unicast and not any(ip in network for network in _NEVER)


def public_sockets(allow_loopback: bool = False) -> Callable[[tuple[Any, ...]], socket.socket]:
    """Make the factory of sockets that refuses to make one for an address that is not public.

    Args:
        allow_loopback: let this machine be asked, for tests.

    Returns:
        A function from an entry of ``getaddrinfo`` to an unconnected socket for it, which raises
        :class:`NotPublic`.
    """

    def make(found: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, (host, *_) = found
        is_loopback = ip_address(host.partition("%")[0]).is_loopback
        if not (is_public(host) or (allow_loopback and is_loopback)):
            raise NotPublic
        return socket.socket(family, kind, protocol)

    return make

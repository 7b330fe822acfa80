"""Which addresses may be asked, before and after their host was looked up."""

import socket

import pytest

from recbole_mmsc.images.addresses import (
    NotPublic,
    RefusedAddress,
    check_address,
    is_public,
    public_sockets,
)

PRIVATE = [
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.0.1",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.170",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.0.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::127.0.0.1",
    "::8.8.8.8",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "100::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::",
    "2001::1",
    "2001:0:7f00:1::",
    "3fff::1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "4000::1",
]
PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.1",
    "172.15.0.1",
    "172.32.0.1",
    "192.0.1.1",
    "198.20.0.1",
    "223.255.255.1",
    "2606:4700::1111",
    "2a00:1450::1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_only_public_machines_are_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_machines_are(address):
    assert is_public(address)


def found(host, family=socket.AF_INET):
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, 80))


def test_no_socket_is_made_for_an_address_that_is_not_public():
    with public_sockets()(found("8.8.8.8")) as made:
        assert made.family == socket.AF_INET
    for host in ("10.0.0.1", "127.0.0.1", "169.254.169.254"):
        with pytest.raises(NotPublic, match="no public address"):
            public_sockets()(found(host))


def test_loopback_may_be_allowed_and_nothing_else_with_it():
    with public_sockets(allow_loopback=True)(found("127.0.0.1")):
        pass
    for host in ("10.0.0.1", "169.254.169.254", "0.0.0.0"):
        with pytest.raises(NotPublic):
            public_sockets(allow_loopback=True)(found(host))


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        ("ftp://a.example/x.jpg", "expected http or https, found ftp"),
        ("file:///etc/passwd", "expected http or https, found file"),
        ("data:image/png;base64,AAAA", "expected http or https, found data"),
        ("//a.example/x.jpg", "no scheme"),
        ("x.jpg", "no scheme"),
        ("", "no scheme"),
        ("http:///x.jpg", "host"),
        ("http://user@a.example/x.jpg", "user name"),
        ("http://user:secret@a.example/x.jpg", "user name"),
        ("http://a.example:22/x.jpg", "port 22 is none of 80, 443"),
        ("https://a.example:6379/", "port 6379"),
        ("http://a.example:99999/", "no valid address"),
        ("http://a.example:x/", "no valid address"),
        ("http://[::1/x.jpg", "no valid address"),
    ],
)
def test_what_is_no_plain_address_of_the_web_is_refused(address, problem):
    with pytest.raises(RefusedAddress, match=problem):
        check_address(address)


@pytest.mark.parametrize(
    "address",
    ["http://a.example/x.jpg", "https://a.example/%2Fx.jpg?y=1", "https://a.example:8443/x"],
)
def test_plain_addresses_pass_unchanged(address):
    assert str(check_address(address)) == address

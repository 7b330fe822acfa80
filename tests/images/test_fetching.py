"""One picture from servers of every kind; nothing leaves this machine."""

import asyncio
import socket
import tracemalloc
from dataclasses import replace

import pytest

from recbole_mmsc import __version__
from recbole_mmsc.images import fetching
from recbole_mmsc.images.failures import FetchFailed
from recbole_mmsc.images.fetching import Limits, PictureClient
from recbole_mmsc.politeness import Pace

from .picture_server import JPEG, PNG, serving

QUICK = Limits(max_bytes=200_000, connect=5.0, read=5.0, total=5.0, retries=2, backoff=0.001)


@pytest.fixture
def server():
    with serving() as server:
        yield server


class Holds(Pace):
    """Notes who asked for silence, and grants none."""

    def __init__(self):
        super().__init__(1e6)
        self.held = []

    def hold(self, host, seconds):
        self.held.append((host, seconds))


def fetch(address, limits=QUICK, pace=None, allow_loopback=True):
    async def run():
        async with PictureClient(pace or Pace(1e6), limits, allow_loopback) as client:
            return await client.fetch(address)

    return asyncio.run(run())


def failure(address, limits=QUICK, allow_loopback=True):
    with pytest.raises(FetchFailed) as caught:
        fetch(address, limits, allow_loopback=allow_loopback)
    return caught.value


def test_content_decides_not_what_the_server_calls_it(server):
    assert fetch(server.url("jpeg")) == (JPEG, ".jpg")
    assert fetch(server.url("png")) == (PNG, ".png")


def test_it_says_who_asks(server):
    fetch(server.url("jpeg"))
    (headers,) = server.headers
    assert headers["User-Agent"].startswith(f"recbole-mmsc/{__version__}")
    assert headers["Accept-Encoding"] == "identity"
    assert "Cookie" not in headers


@pytest.mark.parametrize(
    ("path", "reason", "detail"),
    [
        ("missing", "HTTP 404", ""),
        ("status-403", "HTTP 403", ""),
        ("status-410", "HTTP 410", ""),
        ("status-451", "HTTP 451", ""),
        ("odd", "address refused", ""),
        ("html", "no usable picture", "none of JPEG"),
        ("empty", "no usable picture", "empty file"),
        ("pixel", "no usable picture", "1 x 1 pixels are a placeholder"),
        ("cut", "no usable picture", "truncated"),
        ("bomb", "no usable picture", "pixels"),
        ("huge", "too large", "1,000,000,000,000 bytes"),
        ("endless", "too large", "more than 200,000 bytes"),
        ("gzipbomb", "too large", "more than 200,000 bytes"),
        ("loop", "too many redirects", "more than 5"),
        ("moved-6", "too many redirects", "more than 5"),
        ("private", "address refused", "no public address: http://10.1.2.3/jpeg"),
        ("file", "address refused", "http or https, found file"),
    ],
)
def test_what_is_no_picture_is_final_and_asked_once(server, path, reason, detail):
    failed = failure(server.url(path))
    assert (failed.reason, failed.final) == (reason, True)
    assert detail in failed.detail
    assert server.counts[path] == (6 if path == "loop" else 1)


def test_a_redirect_to_a_private_address_opens_no_connection(server, monkeypatch):
    connected = []
    original = fetching.public_sockets

    def recording(allow_loopback):
        make = original(allow_loopback)

        def made(found):
            result = make(found)
            connected.append(found[4][0])
            return result

        return made

    monkeypatch.setattr(fetching, "public_sockets", recording)
    failure(server.url("private"))
    assert connected == ["127.0.0.1"]


def test_a_compressed_bomb_is_not_unpacked_beyond_the_limit(server):
    tracemalloc.start()
    try:
        failure(server.url("gzipbomb"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 16 * 2**20


def test_redirects_within_the_limit_are_followed(server):
    assert fetch(server.url("moved-5")) == (JPEG, ".jpg")


def test_a_body_that_is_compressed_all_the_same_is_read(server):
    assert fetch(server.url("gzipped")) == (JPEG, ".jpg")


@pytest.mark.parametrize(("path", "asked"), [("dropped", 2), ("twice", 3), ("busy", 2)])
def test_what_passes_is_asked_again(server, path, asked):
    assert fetch(server.url(path), pace=Holds()) == (JPEG, ".jpg")
    # a lost connection that had been used before may be asked once more by the client itself
    assert server.counts[path] == asked


def test_retry_after_silences_the_host_and_is_capped(server):
    pace = Holds()
    fetch(server.url("busy-1"), pace=pace)
    fetch(server.url("busy-2"), replace(QUICK, longest_wait=2.0), pace)
    assert pace.held == [("127.0.0.1", 7.0), ("127.0.0.1", 2.0)]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("status-500", "HTTP 500"),
        ("status-503", "HTTP 503"),
        ("status-429", "HTTP 429"),
        ("hangup", "connection failed"),
        ("short", "connection failed"),
    ],
)
def test_what_does_not_pass_is_given_up_for_now(server, path, reason):
    failed = failure(server.url(path))
    assert (failed.reason, failed.final) == (reason, False)
    assert server.counts[path] == 3


@pytest.mark.parametrize("limit", ["read", "total"])
def test_silence_ends_at_the_time_limit(server, limit):
    failed = failure(server.url("slow"), replace(QUICK, retries=0, **{limit: 0.05}))
    assert (failed.reason, failed.final) == ("timeout", False)


def test_a_slow_drip_ends_although_every_piece_comes_in_time(server):
    failed = failure(server.url("drip"), replace(QUICK, retries=0, total=0.2))
    assert failed.reason == "timeout"


def test_a_picture_with_too_many_pixels_is_refused(server):
    assert "48 x 48 pixels" in failure(server.url("png"), replace(QUICK, max_pixels=1000)).detail


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "0.0.0.0",
        "10.0.0.1",
        "169.254.169.254",
        "[fe80::1%25lo]",
        "0x7f000001",
        "2130706433",
        "017700000001",
        "127.1",
    ],
)
def test_private_hosts_are_refused_in_any_spelling(host):
    failed = failure(f"http://{host}/jpeg", allow_loopback=False)
    assert (failed.reason, failed.final) == ("address refused", True)


def test_the_server_of_the_tests_is_refused_without_the_flag(server, monkeypatch):
    monkeypatch.setattr("recbole_mmsc.images.addresses.PORTS", (80, server.server_port))
    for host in ("127.0.0.1", "localhost"):
        address = f"http://{host}:{server.server_port}/jpeg"
        assert failure(address, allow_loopback=False).reason == "address refused"
    assert not server.counts


def test_a_name_that_changes_its_mind_cannot_lead_inside(server, monkeypatch):
    """DNS rebinding: public at the first look-up, this machine at the second."""
    answers = iter(["8.8.8.8", "127.0.0.1"])

    def lookup(host, port, *_, **__):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    seen = []

    def refuse_all(found):
        seen.append(found[4][0])
        raise OSError("no network in tests")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    monkeypatch.setattr(fetching, "public_sockets", lambda _: refuse_all)
    failure("http://rebinding.example/jpeg", replace(QUICK, retries=0), allow_loopback=False)
    assert seen == ["8.8.8.8"]  # the socket is made for the one address looked up, and no other
    monkeypatch.undo()
    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    failed = failure("http://rebinding.example/jpeg", allow_loopback=False)
    assert failed.reason == "address refused"
    assert not server.counts


def test_a_proxy_of_the_environment_is_not_used(server, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, server.url(""))
    assert failure("http://10.0.0.1/jpeg", allow_loopback=True).reason == "address refused"
    assert not server.counts


@pytest.mark.parametrize("address", ["http://" + "a" * 70 + ".example/", "http://a..example/"])
def test_hosts_that_cannot_be_written_are_refused(address):
    assert failure(address).reason == "address refused"


def test_a_host_that_never_answers_is_left_alone(monkeypatch):
    asked = []

    def silent(found):
        asked.append(found)
        raise OSError("nobody there")

    waits = []
    monkeypatch.setattr(fetching, "public_sockets", lambda _: silent)
    monkeypatch.setattr(fetching, "backoff", lambda attempt, *_: waits.append(attempt) or 0)
    limits = replace(QUICK, silence=3)

    async def run():
        reasons = []
        async with PictureClient(Pace(1e6), limits, allow_loopback=True) as client:
            for n in range(4):
                try:
                    await client.fetch(f"http://127.0.0.1/{n}")
                except FetchFailed as failed:
                    reasons.append((failed.reason, failed.final))
        return reasons

    expected = [("connection failed", False)] + 3 * [("host does not answer", False)]
    assert asyncio.run(run()) == expected
    assert len(asked) == 3
    assert waits == [0, 1], "a silent host is not worth a wait"


def test_hosts_are_asked_at_their_pace_redirects_too(server):
    class Counted(Pace):
        turns = 0

        async def turn(self, host):
            Counted.turns += 1
            assert host == "127.0.0.1"

    fetch(server.url("moved-2"), pace=Counted(1))
    assert Counted.turns == 3

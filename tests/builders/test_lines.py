"""Lines of plain, gzip and zstd files, whole or broken."""

import bz2
import gzip
import json
import os
import random
import tracemalloc

import pytest
import zstandard

from recbole_mmsc.dataset_builders.lines import DEFAULT_LIMITS, Limits, check_files, read_lines
from recbole_mmsc.dataset_builders.product import BuildError
from recbole_mmsc.dataset_builders.quarantine import EXCERPT_LENGTH, Quarantine

LINES = [b'{"asin": "%06d"}' % number for number in range(50_000)]
CONTENT = b"\n".join(LINES) + b"\n"

SHORT_STRETCHES = Limits(stretch_bytes=4 << 20)
BOMB = "the data expand more than 200-fold, like a decompression bomb"

SKIPPABLE = b"\x50\x2a\x4d\x18\x03\x00\x00\x00abc"


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


def pack(*parts: bytes) -> bytes:
    return b"".join(gzip.compress(part, 1) for part in parts)


@pytest.fixture
def read(tmp_path):
    """A function from a file's bytes to its numbered lines and its quarantine entries."""

    def read_bytes(content: bytes, limits: Limits = DEFAULT_LIMITS):
        path = tmp_path / "data.bin"  # the name says nothing about the compression
        path.write_bytes(content)
        with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
            lines = list(read_lines(path, quarantine, limits))
        entries = (tmp_path / "quarantine.jsonl").read_text().splitlines()
        return lines, [json.loads(entry) for entry in entries]

    return read_bytes


@pytest.mark.parametrize(
    "content",
    [
        CONTENT,
        CONTENT.rstrip(b"\n"),
        b"\xef\xbb\xbf" + CONTENT,
        pack(CONTENT),
        pack(CONTENT[:100_001], CONTENT[100_001:], b""),
        pack(CONTENT) + b"\0" * 1000,
        b"".join(gzip.compress(line + b"\n") for line in LINES[:2000]) + pack(CONTENT[2000 * 19 :]),
        pack(b"\xef\xbb\xbf" + CONTENT),
        zstd(CONTENT),
        zstd(CONTENT[:100_001]) + zstd(CONTENT[100_001:]),
        SKIPPABLE + zstd(CONTENT) + SKIPPABLE,
    ],
    ids=[
        *("plain", "no last newline", "byte order mark", "gzip", "gzip members", "gzip padding"),
        *("2,001 gzip members", "mark in gzip", "zstd", "zstd frames", "zstd skippable"),
    ],
)
def test_every_kind_gives_the_same_lines(read, content):
    lines, entries = read(content)
    assert lines == list(enumerate(LINES, 1))
    assert entries == []


def test_blank_lines_count_but_are_not_yielded(read):
    assert read(b"\n\r\none\r\n\n \t\n{\n\ntwo")[0] == [(3, b"one\r"), (6, b"{"), (8, b"two")]
    assert read(b"") == ([], [])
    assert read(pack(b"")) == ([], [])


@pytest.mark.parametrize(("make", "kind"), [(pack, "gzip"), (zstd, "zstd")])
def test_the_good_lines_of_a_truncated_file_are_kept(read, make, kind):
    packed = make(CONTENT)
    lines, entries = read(packed[: len(packed) // 2])
    assert lines == list(enumerate(LINES[: len(lines)], 1))
    assert len(lines) > 5_000
    assert [entry["line"] for entry in entries] == [len(lines) + 1]
    assert entries[0]["reason"] == f"the {kind} data end too early: the file is truncated"
    assert entries[0]["file"] == "data.bin"
    assert LINES[len(lines)].startswith(entries[0]["excerpt"].encode())


def test_no_line_before_the_cut_of_a_gzip_file_is_lost(read):
    random_ = random.Random(1)
    content = b"".join(b"%x\n" % random_.getrandbits(200) for _ in range(20_000))
    packed = gzip.compress(content)
    for cut in (20, 1000, len(packed) // 2, len(packed) - 9, len(packed) - 1):
        with pytest.raises(EOFError):
            gzip.decompress(packed[:cut])
        lines, entries = read(packed[:cut])
        assert entries[0]["line"] == len(lines) + 1
        # deflate shares out no more than the last code word and the window's tail
        assert len(lines) >= 0.99 * cut / len(packed) * 20_000 - 1500


@pytest.mark.parametrize(("make", "kind"), [(pack, "gzip"), (zstd, "zstd")])
def test_a_damaged_file_is_read_up_to_the_damage(read, make, kind):
    packed = bytearray(make(CONTENT))
    packed[len(packed) // 2 :] = os.urandom(len(packed) // 2)
    lines, entries = read(bytes(packed))
    assert lines[:5000] == list(enumerate(LINES[:5000], 1))
    assert entries[-1]["reason"] == f"the {kind} data are damaged from here on"


def test_a_wrong_checksum_is_noticed(read):
    packed = bytearray(pack(CONTENT))
    packed[-5] ^= 1
    lines, entries = read(bytes(packed))
    assert len(lines) > 0.8 * len(LINES)
    assert entries[-1]["reason"] == "the gzip data are damaged from here on"


def test_what_follows_a_gzip_file_is_noticed(read):
    lines, entries = read(pack(CONTENT) + b"garbage")
    assert len(lines) == len(LINES)
    assert entries[-1]["line"] == len(LINES) + 1


def test_a_long_line_is_kept_out_and_its_neighbours_stay(read):
    limits = Limits(line_bytes=1000)
    content = b"first\n" + b"x" * 1000 + b"\n" + b"y" * 1001 + b"\nlast\n" + b"z" * 300_000
    lines, entries = read(content, limits)
    assert lines == [(1, b"first"), (2, b"x" * 1000), (4, b"last")]
    assert [(entry["line"], entry["excerpt"]) for entry in entries] == [
        (3, "y" * EXCERPT_LENGTH),
        (5, "z" * EXCERPT_LENGTH),
    ]
    assert {entry["reason"] for entry in entries} == {"the line is longer than 1000 bytes"}


@pytest.mark.parametrize("make", [bytes, pack, zstd])
def test_a_line_of_50_mb_is_never_held(tmp_path, make):
    path = tmp_path / "long"
    noise = os.urandom(50_000).replace(b"\n", b" ")  # expands little: no bomb
    path.write_bytes(make(b"first\n" + noise * 1000 + b"\nlast\n"))
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        tracemalloc.start()
        lines = list(read_lines(path, quarantine))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert lines == [(1, b"first"), (3, b"last")]
    assert quarantine.counts == {"the line is longer than 8388608 bytes": 1}
    assert peak < 40 << 20


@pytest.mark.parametrize("filler", [b"\0", b"\n", b'{"asin": "A"}\n'])
@pytest.mark.parametrize("make", [pack, zstd])
def test_a_bomb_is_left_early(tmp_path, make, filler):
    path = tmp_path / "bomb"
    honest = "".join(f"{number * 7919:x}\n" for number in range(1000)).encode()
    path.write_bytes(make(honest + filler * ((100 << 20) // len(filler))))
    seen = 0
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        for number, line in read_lines(path, quarantine, SHORT_STRETCHES):
            seen += len(line) + 1
            assert number > 1000 or line == honest.split(b"\n")[number - 1]
    assert seen <= 20 << 20
    assert list(quarantine.counts) == [BOMB]


def test_a_bomb_behind_honest_data_is_noticed_too(tmp_path):
    path = tmp_path / "bomb"
    honest = os.urandom(4 << 20).replace(b"\n", b" ") + b"\n"
    path.write_bytes(pack(honest, b"\n" * (100 << 20)))
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        assert len(list(read_lines(path, quarantine, SHORT_STRETCHES))) == 1
    assert list(quarantine.counts) == [BOMB]


def test_the_default_stretch_lets_a_small_repetitive_file_pass(tmp_path):
    path = tmp_path / "repetitive"
    path.write_bytes(pack(b"\0" * (60 << 20)))
    with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
        assert list(read_lines(path, quarantine)) == []
    assert list(quarantine.counts) == ["the line is longer than 8388608 bytes"]


def test_other_compressions_are_not_guessed(read):
    lines, _ = read(bz2.compress(CONTENT))
    assert all(line not in LINES for _, line in lines)


def test_bytes_taken_are_reported(tmp_path):
    path = tmp_path / "data"
    path.write_bytes(pack(CONTENT))
    taken = []
    with Quarantine(os.devnull) as quarantine:
        list(read_lines(path, quarantine, advance=taken.append))
    assert sum(taken) == path.stat().st_size


def test_files_are_checked_before_anything_is_read(tmp_path):
    good = tmp_path / "good"
    good.write_text("x")
    assert check_files([str(good)]) == [good]
    with pytest.raises(BuildError, match="at least one input file"):
        check_files([])
    with pytest.raises(BuildError, match=r"no file .*absent"):
        check_files([good, tmp_path / "absent"])
    with pytest.raises(BuildError, match="is a folder"):
        check_files([tmp_path])
    with pytest.raises(BuildError, match="a device"):
        check_files(["/dev/zero"])


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("x")
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(BuildError, match="secret may not be read"):
        check_files([secret])

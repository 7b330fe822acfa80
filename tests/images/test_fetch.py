"""The pictures of a whole dataset: resumable, repeatable, one run at a time."""

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

import recbole_mmsc
from recbole_mmsc.cli import main
from recbole_mmsc.images.decoding import decode_image
from recbole_mmsc.images.fetch import NO_ADDRESS, UNNAMEABLE, fetch_images
from recbole_mmsc.images.fetching import Limits

from .picture_server import JPEG, PNG, serving

QUICK = Limits(connect=5.0, read=5.0, total=5.0, retries=1, backoff=0.001, longest_wait=0.01)


@pytest.fixture
def server():
    with serving() as server:
        yield server


def dataset(folder, catalogue):
    """A folder with nothing but the catalogue: item → addresses."""
    folder.mkdir(parents=True)
    urls = pa.array(list(catalogue.values()), pa.list_(pa.string()))
    table = pa.table({"item_id": pa.array(list(catalogue), pa.string()), "image_urls": urls})
    pq.write_table(table, folder / "catalogue.parquet")
    return folder


def fetch(folder, **options):
    options = {"per_second": 1e6, "limits": QUICK, "progress": False, **options}
    return fetch_images(folder, allow_loopback=True, **options)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted((folder / "images").iterdir())}


def ledger(folder):
    return [json.loads(line) for line in (folder / "images.jsonl").read_text().splitlines()]


@pytest.fixture
def mixed(server, tmp_path):
    """Of eight items three have a picture to be had."""
    return dataset(
        tmp_path / "shop",
        {
            "A": [server.url("jpeg-a")],
            "B": [server.url("missing-b"), server.url("png-b"), server.url("jpeg-b")],
            "C": [server.url("html-c")],
            "D": [],
            "E": [server.url("status-503")],
            "../F": [server.url("jpeg-f")],
            "G": ["http://10.0.0.1/g.jpg", "ftp://a.example/g.jpg"],
            "H": [server.url("busy-h")],
        },
    )


def test_pictures_are_named_after_items_and_failures_listed(mixed, server):
    summary = fetch(mixed)
    assert files(mixed) == {"A.jpg": JPEG, "B.png": PNG, "H.jpg": JPEG}
    assert (summary.n_items, summary.n_with_picture, summary.n_fetched) == (8, 3, 3)
    assert summary.final == {"HTTP 404": 1, "no usable picture": 1, "address refused": 2}
    assert summary.passing == {"HTTP 503": 1}
    assert summary.items == {UNNAMEABLE: 1, NO_ADDRESS: 1}
    rows = ledger(mixed)
    assert [(row["item_id"], row.get("file") or row["reason"]) for row in rows] == [
        ("A", "A.jpg"),
        ("B", "HTTP 404"),
        ("B", "B.png"),
        ("C", "no usable picture"),
        ("E", "HTTP 503"),
        ("../F", UNNAMEABLE),
        ("G", "address refused"),
        ("G", "address refused"),
        ("H", "H.jpg"),
    ]
    assert rows[6]["detail"] == "its host has no public address: http://10.0.0.1/g.jpg"
    assert not server.counts["jpeg-b"], "one picture is enough"
    assert not server.counts["jpeg-f"]
    text = summary.render()
    assert "3 of 8 items have a picture, 3 pictures fetched now" in text
    assert "        2  address refused\n        1  HTTP 404\n" in text


def test_a_proxy_that_was_not_used_is_mentioned_where_something_failed(mixed, monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("no_proxy", "localhost")
    assert "the proxy" not in fetch(mixed).render()
    monkeypatch.setenv("http_proxy", "http://10.0.0.1:3128")
    assert "the proxy that the environment names was not used" in fetch(mixed).render()


def test_a_second_run_asks_only_what_may_have_passed(mixed, server):
    first = fetch(mixed)
    before = (server.counts.copy(), files(mixed), ledger(mixed))
    second = fetch(mixed)
    assert (second.n_with_picture, second.n_fetched) == (3, 0)
    assert (second.final, second.passing) == (first.final, first.passing)
    assert server.counts - before[0] == {"status-503": 2}
    assert (files(mixed), ledger(mixed)) == before[1:]


def test_retry_asks_again_what_failed_for_good(mixed, server):
    fetch(mixed)
    before = server.counts.copy()
    fetch(mixed, retry=True)
    # B has its picture, so its first address is no longer of interest
    assert server.counts - before == {"status-503": 2, "html-c": 1}


def test_the_outcome_does_not_depend_on_who_came_first(server, tmp_path):
    catalogue = {
        f"I{n}": [server.url(f"{('jpeg', 'missing', 'html', 'png')[n % 4]}-{n}")] for n in range(24)
    }
    folders = [dataset(tmp_path / str(n), catalogue) for n in (1, 7)]
    for folder in folders:
        fetch(folder, concurrency=int(folder.name))
    assert files(folders[0]) == files(folders[1])
    assert len(files(folders[0])) == 12
    one, other = ((folder / "images.jsonl").read_bytes() for folder in folders)
    assert one == other


def test_several_pictures_of_an_item_are_numbered(server, tmp_path):
    folder = dataset(
        tmp_path / "shop",
        {
            "A": [
                server.url(f"{kind}-{n}") for n, kind in enumerate(["jpeg", "html", "png", "jpeg"])
            ],
            "A.1": [server.url("png-own")],
        },
    )
    fetch(folder, per_item=1)
    assert list(files(folder)) == ["A.1.png", "A.jpg"]
    before = server.counts.copy()
    summary = fetch(folder, per_item=3)
    # A.1 is an item of its own, so the second picture of A is number 2
    assert list(files(folder)) == ["A.1.png", "A.2.png", "A.3.jpg", "A.jpg"]
    assert (summary.n_with_picture, summary.n_fetched) == (2, 2)
    assert not (server.counts - before)["jpeg-0"]


def test_pictures_of_ones_own_count_and_deleted_ones_are_fetched_again(server, tmp_path):
    folder = dataset(tmp_path / "shop", {"A": [server.url("jpeg-a")], "B": [server.url("jpeg-b")]})
    (folder / "images").mkdir()
    (folder / "images" / "A.PNG").write_bytes(PNG)
    (folder / "images" / ".fetch-images.tmp").write_bytes(b"left by a run that was killed")
    fetch(folder)
    assert files(folder) == {"A.PNG": PNG, "B.jpg": JPEG}
    (folder / "images" / "B.jpg").unlink()
    assert fetch(folder).n_fetched == 1
    assert server.counts == {"jpeg-b": 2}


# The package's own import brings RecBole and torch, which take longer than the whole test.
RUN = """
import functools, sys, types
package = sys.modules["recbole_mmsc"] = types.ModuleType("recbole_mmsc")
package.__path__ = [sys.argv[2]]
import recbole_mmsc.images.fetch as module
from recbole_mmsc.cli import main
module.fetch_images = functools.partial(module.fetch_images, allow_loopback=True)
arguments = ["fetch-images", "shop", "--data", sys.argv[1], "--per-second", "10000"]
sys.exit(main(arguments))
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_is_gone_on_with(server, tmp_path, by):
    catalogue = {f"I{n}": [server.url(f"jpeg-{n}")] for n in range(5)}
    catalogue |= {"X": [server.url("missing-x")], "Y": [server.url("held")]}
    folder = dataset(tmp_path / "shop", catalogue)
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(tmp_path), *recbole_mmsc.__path__],
        stderr=subprocess.PIPE,
        text=True,
    )
    finished = 6
    try:
        until = time.monotonic() + 120
        while not (server.counts["held"] and len(_lines(folder / "images.jsonl")) == finished):
            assert process.poll() is None, process.stderr.read()
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(by)
        printed = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    if by == signal.SIGINT:
        assert process.returncode == 130
        assert "stopped. What was fetched is kept; the same command goes on from there." in printed
        assert "Traceback" not in printed
    for name, data in files(folder).items():
        assert name == ".fetch-images.tmp" or decode_image(data)
    server.release.set()
    summary = fetch(folder)
    assert summary.n_with_picture == 6
    assert summary.final == {"HTTP 404": 1}
    asked = server.counts
    assert asked.pop("held") == 2
    assert set(asked.values()) == {1}
    assert list(files(folder)) == ["I0.jpg", "I1.jpg", "I2.jpg", "I3.jpg", "I4.jpg", "Y.jpg"]
    assert [row["item_id"] for row in ledger(folder)] == list(catalogue)


def _lines(path):
    return path.read_text().splitlines() if path.exists() else []


def test_a_line_that_a_kill_cut_off_is_dropped(mixed, server):
    fetch(mixed)
    path = mixed / "images.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"item_id": "A", "ur')
    fetch(mixed)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("line", ["{broken", "[]", '{"item_id": "A", "unknown": 1}', '"A"', "{}"])
def test_a_damaged_ledger_is_refused_by_line(mixed, line):
    (mixed / "images.jsonl").write_text('{"item_id": "D", "url": "x"}\n' + line + "\n")
    with pytest.raises(ValueError, match=r"images\.jsonl, line 2: expected .* mend the line"):
        fetch(mixed)


def test_a_second_run_at_the_same_time_is_refused(mixed):
    with (
        FileLock(mixed / ".images.lock"),
        pytest.raises(OSError, match=r"another run fetches pictures into .*shop; wait"),
    ):
        fetch(mixed)
    assert not (mixed / "images").exists()
    assert fetch(mixed).n_with_picture == 3


def test_a_full_disk_ends_the_run_and_leaves_nothing_half_made(mixed, monkeypatch):
    def write_half(path, data):
        with path.open("wb") as file:
            file.write(data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", write_half)
        with pytest.raises(OSError, match=r"cannot write .* \(No space left on device\); .*kept"):
            fetch(mixed)
    assert files(mixed) == {}
    assert fetch(mixed).n_with_picture == 3


def test_a_dataset_without_addresses_says_what_to_do(tmp_path):
    folder = dataset(tmp_path / "shop", {"A": [], "B": None, "C": [""]})
    with pytest.raises(ValueError, match=r"None of the 3 items .*--images DIR"):
        fetch(folder)
    assert [path.name for path in folder.iterdir()] == ["catalogue.parquet"]


def test_a_catalogue_of_another_kind_is_refused(tmp_path):
    folder = tmp_path / "shop"
    folder.mkdir()
    with pytest.raises(FileNotFoundError, match=r"found no catalogue\.parquet"):
        fetch(folder)
    pq.write_table(pa.table({"item_id": ["A"]}), folder / "catalogue.parquet")
    with pytest.raises(ValueError, match="the columns item_id, image_urls"):
        fetch(folder)
    (folder / "catalogue.parquet").write_bytes(b"PAR1 no, not really")
    with pytest.raises(ValueError, match="the columns item_id, image_urls"):
        fetch(folder)


@pytest.mark.parametrize(
    "options",
    [{"per_item": 0}, {"concurrency": 0}, {"per_second": 0}, {"per_second": float("nan")}],
)
def test_arguments_out_of_range_are_refused(mixed, options):
    with pytest.raises(ValueError, match="at least one picture per item"):
        fetch(mixed, **options)


def test_the_command_refuses_this_machine_and_says_what_happened(mixed, server, capsys):
    assert main(["fetch-images", "shop", "--data", str(mixed.parent), "--per-item", "2"]) == 0
    printed = capsys.readouterr().out
    assert "0 of 8 items have a picture" in printed
    assert "address refused" in printed
    assert not server.counts
    assert main(["fetch-images", "none", "--data", str(mixed.parent)]) == 1
    assert "recbole-mmsc build" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["fetch-images", "--help"])
    assert "example: recbole-mmsc fetch-images amazon-home" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("item_id", "problem"),
    [
        ("", "empty"),
        (".hidden", "dot"),
        ("..", "dot"),
        ("a/b", "slash"),
        ("a\\b", "backslash"),
        ("a\0b", "control"),
        ("é" * 116, "longer than 230 bytes"),
    ],
)
def test_ids_that_make_no_safe_file_name(item_id, problem):
    from recbole_mmsc.images.shelf import name_problem

    assert problem in name_problem(item_id)
    assert name_problem("B000-ok.1 é") is None

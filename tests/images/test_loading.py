"""Pictures loaded ahead of their use, a bounded number of them."""

import io
import os
import signal
import tarfile
import time
import warnings

import numpy as np
import pytest
from PIL import Image

from recbole_mmsc.images.loading import CHUNK, PictureLoader, default_workers
from recbole_mmsc.images.sources import open_source


def width(image):
    return np.array([image.width])


@pytest.fixture
def opened(tmp_path):
    for n in range(100):
        Image.new("L", (n + 1, 1)).save(tmp_path / f"A.{n}.png")
    (tmp_path / "A.7.png").write_bytes(b"bad")
    return open_source(tmp_path, ["A"])


def test_chunks_come_in_order_and_not_too_many_are_asked_for(opened):
    source, pictures = opened
    asked = []

    def chunks():
        for n in range(20):
            asked.append(n)
            yield pictures[5 * n : 5 * n + 5]

    loader = PictureLoader(source, width, workers=1, batch_size=2 * CHUNK)
    try:
        loaded, most = [], 0
        for n, chunk in enumerate(loader.load(chunks())):
            loaded.extend(chunk)
            most = max(most, len(asked) - n)
    finally:
        loader.close()
    assert most <= 1 + 2 + 2, "the one in use, two for the worker, two of a batch"
    assert loaded.pop(7) == "none of JPEG, PNG, WEBP, GIF, BMP"
    assert [int(array[0]) for array in loaded] == [n + 1 for n in range(100) if n != 7]


def test_none_is_asked_for_before_its_turn_without_workers(opened):
    source, pictures = opened
    loader = PictureLoader(source, width, workers=0, batch_size=1)
    first = next(loader.load(iter([pictures[:1], None])))
    assert [array.tolist() for array in first] == [[1]]
    loader.close()


class Dawdling(io.FileIO):
    """Two threads that share its position read at each other's places."""

    def seek(self, *place):
        found = super().seek(*place)
        time.sleep(0.001)
        return found


def test_threads_read_one_archive_in_order_and_leave_the_warnings_as_they_were(tmp_path):
    with tarfile.open(tmp_path / "pictures.tar", "w") as archive:
        for n in range(400):
            file, member = io.BytesIO(), tarfile.TarInfo(f"A.{n}.png")
            # a palette with a list of transparencies: Pillow warns
            Image.new("P", (n + 1, 1)).save(file, "PNG", transparency=bytes(4))
            member.size = file.tell()
            archive.addfile(member, io.BytesIO(file.getvalue()))
    source, pictures = open_source(tmp_path / "pictures.tar", ["A"])
    source._file = Dawdling(tmp_path / "pictures.tar")
    before = list(warnings.filters)
    loader = PictureLoader(source, width, workers=0, batch_size=1)
    loaded = [each for chunk in loader.load([pictures[:100], pictures[100:]]) for each in chunk]
    loader.close()
    assert [int(array[0]) for array in loaded] == list(range(1, 401))
    assert warnings.filters == before


def end_worker(image):
    if image.width == 50:
        os.kill(os.getpid(), signal.SIGKILL)
    return width(image)


def test_a_lost_worker_is_an_error_that_says_what_to_do(opened):
    source, pictures = opened
    loader = PictureLoader(source, end_worker, workers=1, batch_size=1)
    try:
        with pytest.raises(OSError, match="Finished shards are kept; go on with fewer workers"):
            list(loader.load(pictures[n : n + 5] for n in range(0, 100, 5)))
    finally:
        loader.close()


@pytest.mark.parametrize(
    ("pictures", "busy", "cores", "workers"),
    [(512, False, 8, 0), (513, False, 8, 8), (513, True, 2, 0), (513, True, 17, 2)],
)
def test_workers_are_as_many_as_the_cores_have_room_for(
    monkeypatch, pictures, busy, cores, workers
):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)))
    assert default_workers(pictures, busy) == workers

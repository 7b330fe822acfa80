"""Shards: made once, by whomever, and put together only if they belong together."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from recbole_mmsc.encoders.encode import encode_dataset
from recbole_mmsc.images.sources import FolderSource
from tests.encoders.catalogues import Colours, write_catalogue, write_pictures
from tests.waiting import wait_for

N = 20


@pytest.fixture
def folder(tmp_path):
    return write_toy(tmp_path / "toy")


def write_toy(folder):
    folder.mkdir()
    write_titles(folder, "thing")
    colours = ("red", "green", "blue")
    pictures = {f"I{n}.{k}.png": colours[(n + k) % 3] for n in range(N) for k in range(n % 4)}
    write_pictures(folder / "images", {**pictures, "I7.9.png": b"bad"})
    return folder


def write_titles(folder, word):
    write_catalogue(folder, {f"I{n}": f"{word} {'x' * (n * 7 % 11)}" for n in range(N)})


def encode(folder, encoder=None, **options):
    options = {"workers": 0, "shard_items": 3, **options}
    return encode_dataset(folder, encoder or Colours(), progress=False, **options)


def written(folder):
    return {path.name: path.read_bytes() for path in (folder / "features").iterdir()}


def parts(folder, encoder="colours"):
    return folder / "features" / f".{encoder}.parts"


def test_no_batch_holds_items_of_two_shards(folder):
    encoder = Colours()
    assert encode(folder, encoder, shard="2/7").made == 1
    # of the items 3, 4 and 5, the longest text first
    assert encoder.text_batches == [["thing " + "x" * 10, "thing " + "x" * 6], ["thing xx"]]
    assert encoder.image_batches == [2, 2]


@pytest.mark.parametrize("encoder", ["colours", "offline"])
def test_shards_of_many_runs_merge_to_the_bytes_of_one(folder, encoder):
    fresh = Colours if encoder == "colours" else lambda: "offline"
    encode(folder, fresh())
    whole = written(folder)
    assert len(whole) == 3
    shutil.rmtree(folder / "features")
    assert [encode(folder, fresh(), shard=f"{i}/3").made for i in (3, 1, 2)] == [2, 3, 2]
    assert [path.name for path in (folder / "features").iterdir()] == [f".{encoder}.parts"]
    summary = encode(folder, fresh(), merge=True)
    assert (summary.made, summary.n_shards) == (0, 7)
    assert written(folder) == whole


def test_a_finished_shard_is_not_made_again(folder):
    encode(folder, shard="1/2")
    encoder = Colours()
    summary = encode(folder, encoder)
    assert (summary.made, summary.n_shards) == (3, 7)
    assert sum(map(len, encoder.text_batches)) == 9
    assert "4 of 7 shards were finished before" in summary.render()
    assert not parts(folder).exists()
    with pytest.raises(ValueError, match=r"00000.safetensors is missing"):
        encode(folder, merge=True)


def test_a_killed_run_goes_on_where_it_was(folder, tmp_path):
    """Killed in the middle of the fifth shard, with workers at work."""
    encode(folder)
    whole = written(folder)
    shutil.rmtree(folder / "features")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), str(folder), str(tmp_path / "stuck")]
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        workers = wait_for((tmp_path / "stuck").is_file) and (tmp_path / "stuck").read_text()
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert sorted(path.name for path in parts(folder).iterdir()) == [
        f"{shard:05d}.safetensors" for shard in range(4)
    ]
    wait_for(lambda: not any(map(alive, workers.split())))
    summary = encode(folder)
    assert (summary.made, summary.n_shards) == (3, 7)
    assert written(folder) == whole


SCRIPT = """
import multiprocessing, sys, time
from pathlib import Path
from recbole_mmsc.encoders.encode import encode_dataset
from tests.encoders.catalogues import Colours

class Stuck(Colours):
    def encode_images(self, pixels):
        if (Path(sys.argv[1]) / "features/.colours.parts/00003.safetensors").exists():
            workers = [str(child.pid) for child in multiprocessing.active_children()]
            scratch = Path(sys.argv[2] + ".tmp")
            scratch.write_text(" ".join(workers))
            scratch.rename(sys.argv[2])
            time.sleep(1000)
        return super().encode_images(pixels)

if __name__ == "__main__":
    encode_dataset(sys.argv[1], Stuck(), shard_items=3, workers=1, progress=False)
"""


def alive(process):
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_a_missing_a_cut_and_a_tampered_part_are_named(folder):
    encode(folder, shard="1/1")
    part = [parts(folder) / f"0000{shard}.safetensors" for shard in range(7)]
    part[1].unlink()
    part[3].write_bytes(part[3].read_bytes()[:-5])
    tampered = bytearray(part[4].read_bytes())
    tampered[-3] ^= 1
    part[4].write_bytes(tampered)
    shutil.copy(part[5], part[6])
    with pytest.raises(ValueError, match="Expected 7 parts of one run") as error:
        encode(folder, merge=True)
    for shard, what in {1: "missing", 3: "damaged", 4: "checksum", 6: "checksum"}.items():
        assert what in str(error.value).split(f"0000{shard}.safetensors")[1].split(";")[0]
    for shard in (0, 2, 5):
        assert f"0000{shard}.safetensors" not in str(error.value)
    assert not (folder / "features" / "colours.safetensors").exists()
    assert encode(folder).made == 4


@pytest.mark.parametrize(
    "change",
    [
        "a picture more",
        "a picture of another size",
        "another picture of the same size",
        "other texts",
        "other weights",
        "other batches",
    ],
)
def test_parts_of_another_run_are_refused_by_a_merge_and_made_anew_by_a_run(folder, change):
    encode(folder, shard="1/1")
    encoder, options = Colours(), {}
    if change == "a picture more":
        write_pictures(folder / "images", {"I0.png": "red"})
    elif change == "a picture of another size":
        write_pictures(folder / "images", {"I7.9.png": b"worse"})
    elif change == "another picture of the same size":
        write_pictures(folder / "images", {"I7.9.png": b"dab"})
    elif change == "other texts":
        write_titles(folder, "other")
    elif change == "other weights":
        encoder.describe = lambda: {"weights_sha256": "1"}
    else:
        options = {"batch_size": 5}
    with pytest.raises(ValueError, match=r"00002.safetensors is of another run"):
        encode(folder, encoder, merge=True, **options)
    of_all_shards = change != "another picture of the same size"
    assert encode(folder, encoder, **options).made == (7 if of_all_shards else 1)
    again = written(folder)
    encode(folder, encoder, **options)
    assert written(folder) == again


def test_a_share_reads_its_own_pictures_alone(folder, monkeypatch):
    read = []
    source = FolderSource.read
    monkeypatch.setattr(
        FolderSource, "read", lambda self, each: read.append(each.name) or source(self, each)
    )
    encode(folder, shard="3/7")
    own = {file.name for n in (6, 7, 8) for file in (folder / "images").glob(f"I{n}.*")}
    assert set(read) == own


def test_shares_of_copies_whose_times_differ_belong_together(folder):
    encode(folder, shard="1/1")
    for picture in (folder / "images").iterdir():
        os.utime(picture, (1, 1))
    assert encode(folder, merge=True).merged.pictures == 30


def test_messages_name_commands_that_can_be_copied(folder):
    data = folder.parent
    with pytest.raises(ValueError, match="parts of one run") as error:
        encode(folder, merge=True)
    assert f"`recbole-mmsc encode toy --encoder colours --data {data}`" in str(error.value)
    shutil.rmtree(folder / "images")
    write_catalogue(folder, {"I0": ""})
    with pytest.raises(ValueError, match="Expected text or pictures") as error:
        encode(folder)
    assert f"`recbole-mmsc fetch-images toy --data {data}`" in str(error.value)


def test_wrong_options_say_so(folder):
    for shard in ("0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", ""):
        with pytest.raises(ValueError, match=r"Expected a shard i/n"):
            encode(folder, shard=shard)
    with pytest.raises(ValueError, match="one of a shard, a merge"):
        encode(folder, shard="1/2", merge=True)
    with pytest.raises(ValueError, match="0 workers or more"):
        encode(folder, workers=-1)
    with pytest.raises(ValueError, match="batch size of at least 1"):
        encode(folder, batch_size=0)


def test_more_shares_than_shards_leave_some_with_nothing(folder):
    summary = encode(folder, shard="9/9")
    assert summary.made == 0
    with pytest.raises(ValueError, match="no features file yet"):
        _ = summary.path


def test_vectors_that_are_no_numbers_are_refused(folder):
    encoder = Colours()
    encoder.encode_images = lambda pixels: np.full((len(pixels), 3), np.nan)
    with pytest.raises(ValueError, match="finite image vectors"):
        encode(folder, encoder)

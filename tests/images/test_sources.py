"""Pictures in folders and archives: found by their names, which are trusted no further."""

import gzip
import io
import os
import pickle
import tarfile
import zipfile

import pytest

from recbole_mmsc.images.decoding import MAX_BYTES, BadImage
from recbole_mmsc.images.sources import SourceError, open_source

IDS = ["A", "B", "A.1", "C/D", "é x"]
FILES = {
    "B.10.png": b"b10",
    "B.2.JPG": b"b2",
    "B.webp": b"b",
    "A.1.gif": b"a.1",
    "A.2.bmp": b"a2",
    "é x.jpeg": b"e",
    "Z.png": b"none of ours",
    "B.txt": b"no picture",
    "B": b"no suffix",
    "A.x.png": b"no number",
    "A.².png": b"no number either",
    "A.1.1.png": b"one more of A.1",
    ".png": b"no name",
}
EXPECTED = [
    ("A", 2, b"a2"),
    ("B", 0, b"b"),
    ("B", 2, b"b2"),
    ("B", 10, b"b10"),
    ("A.1", 0, b"a.1"),
    ("A.1", 1, b"one more of A.1"),
    ("é x", 0, b"e"),
]


def as_folder(path, files):
    path.mkdir()
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def as_zip(path, files):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def as_tar(path, files):
    with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


MAKERS = {
    "photos": as_folder,
    "photos.zip": as_zip,
    "photos.tar": as_tar,
    "photos.tar.gz": as_tar,
    "photos.tgz": as_tar,
}
ARCHIVES = [name for name in MAKERS if name != "photos"]


def found(path):
    source, pictures = open_source(path, IDS)
    elsewhere = pickle.loads(pickle.dumps(source))  # as a worker gets it
    return [(IDS[p.item], p.number, elsewhere.read(p)) for p in pictures]


@pytest.mark.parametrize("name", MAKERS)
def test_names_choose_items_and_an_exact_one_wins(name, tmp_path):
    assert found(MAKERS[name](tmp_path / name, FILES)) == EXPECTED


@pytest.mark.parametrize("name", ARCHIVES)
def test_folders_in_an_archive_do_not_matter_and_nothing_is_unpacked(name, tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    files = {
        "a/b/B.png": b"deep",
        "../../A.png": b"up",
        "/etc/B.1.png": b"absolute",
        "C/D.png": b"an item's id is no folder",
        "..\\A.1.png": b"no item",
        "B.2.png/": b"",
        "x" * 300 + ".png": b"long",
        "B." + "9" * 5000 + ".png": b"huge number",
    }
    assert found(MAKERS[name](inside / name, files)) == [
        ("A", 0, b"up"),
        ("B", 0, b"deep"),
        ("B", 1, b"absolute"),
    ]
    assert [path.name for path in tmp_path.iterdir()] == ["inside"]
    assert [path.name for path in inside.iterdir()] == [name]


def test_links_in_a_folder_are_followed_only_inside_it(tmp_path):
    folder = as_folder(tmp_path / "photos", {"A.png": b"a"})
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "B.png").symlink_to(tmp_path / "secret.png")
    (folder / "B.1.png").symlink_to("A.png")
    (folder / "B.2.png").symlink_to("nowhere")
    (folder / "B.3.png").symlink_to("B.3.png")
    (folder / "B.4.png").mkdir()
    os.mkfifo(folder / "B.5.png")
    assert found(folder) == [("A", 0, b"a"), ("B", 1, b"a")]


@pytest.mark.parametrize("name", ["photos.tar", "photos.tar.gz"])
def test_links_and_devices_in_a_tar_are_left_alone(name, tmp_path):
    mode = "w:gz" if name.endswith("gz") else "w"
    with tarfile.open(tmp_path / name, mode) as archive:
        for number, kind in enumerate([tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE]):
            member = tarfile.TarInfo(f"A.{number}.png")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        member = tarfile.TarInfo("B.png")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"b"))
    assert found(tmp_path / name) == [("B", 0, b"b")]


@pytest.mark.parametrize("name", MAKERS)
def test_a_huge_file_is_not_read_whole(name, tmp_path):
    path = MAKERS[name](tmp_path / name, {"A.png": bytes(MAX_BYTES + 5), "B.png": b"b"})
    source, pictures = open_source(path, IDS)
    if name in ("photos", "photos.zip"):
        assert len(source.read(pictures[0])) == MAX_BYTES + 1
    else:
        with pytest.raises(BadImage, match="the limit is"):
            source.read(pictures[0])
    assert source.read(pictures[1]) == b"b"


def test_what_cannot_be_unpacked_is_one_bad_picture(tmp_path):
    path = as_zip(tmp_path / "photos.zip", {"A.png": b"a" * 100, "B.png": b"b"})
    data = bytearray(path.read_bytes())
    data[40] ^= 255  # in the packed bytes of the first member
    path.write_bytes(data)
    source, pictures = open_source(path, IDS)
    with pytest.raises(BadImage, match="cannot be unpacked"):
        source.read(pictures[0])
    assert source.read(pictures[1]) == b"b"


def test_a_file_that_went_away_is_one_bad_picture(tmp_path):
    folder = as_folder(tmp_path / "photos", {"A.png": b"a"})
    source, pictures = open_source(folder, IDS)
    (folder / "A.png").unlink()
    with pytest.raises(BadImage, match=r"cannot be read \(No such file"):
        source.read(pictures[0])


def test_a_tar_that_is_cut_after_it_was_opened_costs_its_end(tmp_path):
    path = as_tar(tmp_path / "photos.tar", {"A.png": b"a", "B.png": bytes(2000)})
    source, pictures = open_source(path, IDS)
    os.truncate(path, 2500)
    assert source.read(pictures[0]) == b"a"
    with pytest.raises(BadImage, match=r"the archive ends after 964 of 2,000 bytes"):
        source.read(pictures[1])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("photos.rar", b"Rar!" + bytes(100), "something else"),
        ("photos.zip", b"", "something else"),
        ("nothing", None, "found nothing at"),
        ("cut.zip", "zip", "something else"),
        ("cut.tar", "tar", "damaged: unexpected end of data"),
        ("cut.tar.gz", "tar.gz", "damaged: .*end"),
    ],
)
def test_what_is_no_source_is_named(name, content, said, tmp_path):
    path = tmp_path / name
    if isinstance(content, str):
        whole = MAKERS[f"photos.{content}"](
            tmp_path / f"whole.{content}", {"A.png": os.urandom(9999)}
        )
        path.write_bytes(whole.read_bytes()[:5000])
    elif content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=said) as error:
        open_source(path, IDS)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("name", ["photos.tar", "photos.tar.gz"])
@pytest.mark.parametrize("kept", [1024, 1324, 2048], ids=["at a header", "in one", "at the end"])
def test_a_tar_that_is_cut_off_between_two_pictures_is_damaged(name, kept, tmp_path):
    whole = as_tar(tmp_path / "whole.tar", {"A.png": b"a", "B.png": b"b"}).read_bytes()
    compressed = gzip.compress if name.endswith("gz") else bytes
    path = tmp_path / name
    path.write_bytes(compressed(whole[:kept]))
    with pytest.raises(SourceError, match="damaged: it is cut off, expected zeros at its end"):
        open_source(path, IDS)
    path.write_bytes(compressed(whole[:2048] + bytes(512)))
    assert found(path) == [("A", 0, b"a"), ("B", 0, b"b")]


@pytest.mark.parametrize("name", ["photos.tar", "photos.tar.gz", "photos.zip"])
@pytest.mark.filterwarnings("ignore:Duplicate name")  # zipfile's
def test_of_two_members_of_one_name_the_last_one_counts(name, tmp_path):
    class Twice(dict):
        def items(self):
            return [("A.png", b"old"), ("B.png", b"b"), ("A.png", b"new")]

    assert found(MAKERS[name](tmp_path / name, Twice())) == [("A", 0, b"new"), ("B", 0, b"b")]


def test_the_temporary_file_of_a_compressed_tar_goes_with_the_source(tmp_path):
    source, _ = open_source(as_tar(tmp_path / "p.tar.gz", {"A.png": b"a"}), IDS)
    scratch = source.path
    assert scratch.is_file()
    del source
    assert not scratch.exists()

"""``recbole-mmsc features`` as a user sees it."""

import io
import struct

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from recbole_mmsc.cli import main
from recbole_mmsc.data.features import FeatureError, features_path, write_features
from recbole_mmsc.feature_view.catalogue import UnknownItem, read_catalogue
from recbole_mmsc.feature_view.inventory import summarise
from recbole_mmsc.feature_view.view import show_features

IDS = ["B000KETTLE", "B000TEAPOT", "B000HOSE01", "B000NOTHIN"]
TITLES = ["Steel [bold]kettle[/bold]", "Glass\x1b[31m kettle\nfor tea", "<b>Hose</b>", None]
CATEGORIES = ["Home > Pots", "Home > Pots", "Garden > Hoses", None]
TEXT = np.array([[1, 0], [0.8, 0.6], [0, 1], [0, 0]], np.float32)
IMAGE = np.array([[1, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 0]], np.float16)
HAS_TEXT = np.array([1, 1, 1, 0], bool)
HAS_IMAGE = np.array([1, 0, 1, 0], bool)  # the hose's picture says nothing


def write(folder, encoder="clip:a/b", ids=IDS, **metadata):
    return write_features(
        features_path(folder, encoder),
        ids,
        {"text": TEXT[: len(ids)], "image": IMAGE[: len(ids)]},
        {"text": HAS_TEXT[: len(ids)], "image": HAS_IMAGE[: len(ids)]},
        encoder=encoder,
        metadata=metadata,
    )


def write_catalogue(folder, count=None):
    columns = {"item_id": IDS, "title": TITLES, "category": CATEGORIES}
    table = {name: pa.array(values[:count], pa.string()) for name, values in columns.items()}
    folder.mkdir(parents=True)
    pq.write_table(pa.table(table), folder / "catalogue.parquet")
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_catalogue(tmp_path / "dataset" / "toy")


def shown(folder, **options):
    """What is printed, and whether all is sound."""
    console = Console(file=io.StringIO(), width=120)
    sound = show_features(folder, console=console, **options)
    return console.file.getvalue(), sound


# --- what is there ----------------------------------------------------------------------------


def test_coverage(folder):
    from recbole_mmsc.data.features import read_features

    path = write(folder)
    summary = summarise(path, read_features(path, IDS))
    text, image = summary.modalities
    assert (text.name, text.dim, text.dtype, text.n_with, text.n_empty) == (
        *("text", 2, "float32"),
        *(3, 0),
    )
    assert (image.name, image.dim, image.dtype, image.n_with, image.n_empty) == (
        *("image", 3, "float16"),
        *(2, 1),
    )
    assert (summary.n_items, summary.n_with_all, summary.n_with_none) == (4, 2, 1)


def test_a_sound_file_is_described(folder):
    write(
        folder,
        weights="a/b, MIT",
        weights_sha256="0123456789abcdef",
        text_template="{title} [9]",
        licence="MIT",
    )
    printed, sound = shown(folder)
    assert sound
    for said in (
        *("clip:a/b  clip-a-b.safetensors", "2 dimensions, float32, 3 of 4 items (75.0%)"),
        "3 dimensions, float16, 2 of 4 items (50.0%); 1 of them a vector of zeros",
        *("2 of 4 items (50.0%)", "1 of 4 items (25.0%)", "verified against the catalogue's 4"),
        *("a/b, MIT, SHA-256 0123456789ab", "{title} [9]", "licence"),
    ):
        assert said in printed
    assert "0123456789abc" not in printed


def test_a_long_header_is_cut_and_tells_no_terminal_what_to_do(folder):
    write(folder, note="n" * 5000 + "\x1b]0;x\x07", **{f"k{i:02}\x1b[2J": "v" for i in range(40)})
    printed, _ = shown(folder)
    assert "\x1b" not in printed
    assert len(printed) < 6000
    assert "and 29 more entries" in printed


def test_bad_files_are_named_and_hide_no_other(folder):
    good, cut = write(folder, "zzz"), write(folder, "cut")
    cut.write_bytes(cut.read_bytes()[:-3])
    write(folder, "order", [IDS[1], IDS[0], *IDS[2:]])
    write(folder, "fewer", IDS[:3])
    write(folder, "other", [*IDS[:3], "B000OTHERS"])
    features = folder / "features"
    dimension = features / "dimension.safetensors"
    dimension.write_bytes(good.read_bytes().replace(b'"text_dim":"2"', b'"text_dim":"7"'))
    (features / "huge.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")
    (features / "pickle.safetensors").write_bytes(b"\x80\x04cos\nsystem\n(S'echo'\ntR.")
    (features / "empty.safetensors").touch()
    (features / "folder.safetensors").mkdir()
    (features / "gone.safetensors").symlink_to("nowhere")
    (features / ".zzz.safetensors").touch()  # hidden: being written
    (features / "zzz.text.png").touch()
    printed, sound = shown(folder)
    assert not sound
    blocks = dict(block.split("\n", 1) for block in printed.strip().split("\n\n"))
    problems = {
        name.removeprefix("✗ "): " ".join(text.split())
        for name, text in blocks.items()
        if name.startswith("✗")
    }
    expected = {
        "cut": "damaged",
        "dimension": "expected text vectors of 7 dimensions",
        "empty": "damaged",
        "fewer": "made for 3 items, but the dataset has 4 items",
        "folder": "no such file",
        "gone": "no such file",
        "huge": "damaged",
        "order": "in another order",
        "other": "made for other items",
        "pickle": "damaged",
    }
    assert list(problems) == [f"{name}.safetensors" for name in expected]
    for problem, said in zip(problems.values(), expected.values(), strict=True):
        assert said in problem
        assert "recbole-mmsc encode toy" in problem
    assert "verified" in printed.split("zzz  zzz.safetensors")[1]
    assert "neighbours and a map: recbole-mmsc features toy" in printed


def test_a_file_too_large_for_the_memory_is_not_read(folder, monkeypatch):
    write(folder)
    monkeypatch.setattr("recbole_mmsc.memory.available_memory", lambda: 100)
    printed, sound = shown(folder)
    assert not sound
    assert "GiB of memory" in printed


def test_a_file_under_another_name_is_pointed_out(folder):
    write(folder, "tfidf").rename(folder / "features" / "minilm.safetensors")
    printed, sound = shown(folder)
    assert sound
    assert "a model that asks for this encoder reads tfidf.safetensors" in printed


@pytest.mark.parametrize("encoder", ["", "tfidf"])
def test_without_features_the_command_is_named(folder, encoder):
    command = f"recbole-mmsc encode toy --encoder {encoder or 'minilm'} --data "
    with pytest.raises(FeatureError, match=f"no features yet. Make them with `{command}"):
        show_features(folder, encoder)


def test_without_features_of_that_encoder_the_others_are_named(folder):
    write(folder, "tfidf")
    with pytest.raises(FeatureError, match=r"features of tfidf, none of 'tfdif'\. .*'tfidf'"):
        show_features(folder, "tfdif")
    with pytest.raises(FeatureError, match=r"none of 'minilm'.*recbole-mmsc encode toy"):
        show_features(folder, "minilm")


def test_no_dataset_and_a_damaged_catalogue(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="recbole-mmsc build"):
        show_features(tmp_path / "nothing")
    for damage in (b"PAR1", b""):
        (folder / "catalogue.parquet").write_bytes(damage)
        with pytest.raises(ValueError, match=r"catalogue\.parquet"):
            read_catalogue(folder)
    pq.write_table(pa.table({"item_id": IDS}), folder / "catalogue.parquet")
    with pytest.raises(ValueError, match="the columns item_id, title, category"):
        read_catalogue(folder)


# --- neighbours and map -----------------------------------------------------------------------


def test_neighbours_by_each_modality_and_both(folder):
    write(folder)
    printed, _ = shown(folder, items=["B000KETTLE", "B000TEAPOT", "B000NOTHIN"], neighbours=2)
    kettle, teapot, nothing = (block.splitlines() for block in printed.split("\n\n")[1:4])
    assert kettle == [
        "B000KETTLE  Steel [bold]kettle[/bold]",
        "  Home > Pots",
        "  by text",
        "   0.800  B000TEAPOT  Glass [31m kettle for tea",
        "   0.000  B000HOSE01  <b>Hose</b>",
        "  by image: no other item has a vector",
        "  by text and image",
        "   0.566  B000TEAPOT  Glass [31m kettle for tea",
        "   0.000  B000HOSE01  <b>Hose</b>",
    ]
    assert "  by image: the item has no vector" in teapot
    assert nothing == [
        "B000NOTHIN  (no title)",
        "  no category",
        *(f"  by {by}: the item has no vector" for by in ("text", "image", "text and image")),
    ]
    assert "\x1b" not in printed


def test_items_are_chosen_where_none_are_named(folder):
    write(folder)
    printed, _ = shown(folder)
    heads = [block.split("\n")[0][:10] for block in printed.split("\n\n")[1:3]]
    assert heads == ["B000KETTLE", "B000HOSE01"], "those with text and image"


def test_of_several_files_one_is_chosen(folder):
    write(folder, "one")
    write(folder, "two")
    printed, _ = shown(folder)
    assert "by text" not in printed
    assert not any((folder / "features").glob("*.png"))
    with pytest.raises(ValueError, match="Expected --encoder beside --items, one of: one, two"):
        show_features(folder, items=[IDS[0]])
    printed, _ = shown(folder, encoder="two")
    assert "by text" in printed
    assert "one.safetensors" not in printed
    assert [file.name for file in sorted((folder / "features").glob("*.png"))] == [
        "two.image.png",
        "two.text.png",
    ]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("b000kettle", "Did you mean 'B000KETTLE'"),
        ("B000KETLE", "Did you mean 'B000KETTLE'"),
        ("X000HOSE01", "Did you mean 'B000HOSE01'"),
        ("", "looks like 'B000KETTLE'"),
        ("?\x1b[31m", r"got '\?\\x1b\[31m'.* looks like 'B000KETTLE'"),
    ],
)
def test_unknown_items_name_the_nearest(folder, asked, said):
    write(folder)
    with pytest.raises(UnknownItem, match=said):
        show_features(folder, items=[IDS[0], asked])


def test_one_item_only(tmp_path):
    folder = write_catalogue(tmp_path / "one", 1)
    write(folder, ids=IDS[:1])
    printed, sound = shown(folder)
    assert sound
    assert "by text: no other item has a vector" in printed
    assert (folder / "features" / "clip-a-b.text.png").is_file()


def test_a_modality_that_no_item_has(folder):
    nothing = np.zeros(4, bool)
    path = features_path(folder, "none")
    masks = {"text": HAS_TEXT, "image": nothing}
    write_features(path, IDS, {"text": TEXT, "image": IMAGE}, masks, encoder="none")
    printed, sound = shown(folder)
    assert sound
    assert "0 of 4 items (0.0%)" in printed
    assert "no map of image: no item has it" in printed
    assert "by text" in printed
    masks["text"] = nothing
    write_features(path, IDS, {"text": TEXT, "image": IMAGE}, masks, encoder="none")
    printed, sound = shown(folder)
    assert sound
    assert "no neighbours: no item has a vector" in printed
    assert "4 of 4 items (100.0%)" in printed


# --- command line -----------------------------------------------------------------------------


def test_the_command_end_to_end(tmp_path, tiny_folder, capsys):
    data, out = str(tiny_folder.parent), tmp_path / "maps"
    before = sorted(path.name for path in (tiny_folder / "features").iterdir())
    command = ["features", "tiny", "--data", data, "--out", str(out)]
    assert main([*command, "--items", "B00", "--neighbours", "3"]) == 0
    printed = capsys.readouterr().out
    assert "39 of 40 items (97.5%)" in printed
    near = [line.split() for line in printed.split("by text\n")[1].split("\n\n")[0].splitlines()]
    assert len(near) == 3
    assert {words[1] for words in near} <= {f"B{n:02}" for n in range(10)}, "all of one type"
    (picture,) = out.iterdir()
    first = picture.read_bytes()
    assert main(command) == 0
    assert picture.read_bytes() == first
    assert sorted(path.name for path in (tiny_folder / "features").iterdir()) == before


def test_exit_codes(tiny_folder, capsys):
    command = ["features", "tiny", "--data", str(tiny_folder.parent)]
    (file,) = (tiny_folder / "features").iterdir()
    for wrong, said in ((["--neighbours", "0"], "got 0"), (["--items", "B99"], "B99")):
        assert main([*command, *wrong]) == 1
        assert said in capsys.readouterr().err
    file.write_bytes(file.read_bytes()[:-1])
    assert main(command) == 1
    assert "damaged" in capsys.readouterr().out
    file.unlink()
    assert main(command) == 1
    assert "recbole-mmsc encode tiny" in capsys.readouterr().err

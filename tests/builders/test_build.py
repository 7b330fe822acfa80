import errno
import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from recbole_mmsc.dataset_builders import build as building
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.folder import checked_name, new_folder
from recbole_mmsc.dataset_builders.product import BuildError
from tests.builders.planted import contents, records, write_catalogue, write_lines

FILES = [
    "README.md",
    "behaviour.parquet",
    "candidates",
    "catalogue.parquet",
    "dataset.json",
    "quarantine.jsonl",
    "things.item",
    "things.test.inter",
    "things.train.inter",
    "things.user",
    "things.valid.inter",
]


@pytest.fixture
def source(tmp_path):
    return write_catalogue(tmp_path / "raw")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "dataset"


def build(source, out, name="things", **options):
    return build_dataset(name, [source], out, progress=False, **options)


def document(out, name="things"):
    return json.loads((out / name / "dataset.json").read_text())


def test_the_planted_catalogue(source, out):
    summary = build(source, out)
    assert sorted(path.name for path in (out / "things").iterdir()) == FILES
    assert [path.name for path in out.iterdir()] == ["things"]
    written = document(out)
    assert written == summary.document
    assert written["options"]["format"] == "amazon-2018"
    assert written["exclusive_relations"] is True
    assert written["catalogue"] == {
        "items": 32,
        "lines": 32,
        "duplicate_lines": 0,
        "with_title": 32,
        "with_brand": 24,
        "with_category": 32,
        "with_price": 16,
        "with_description": 32,
        "with_image_address": 5,
        "with_picture": 0,
        "with_references": 32,
        "with_pairs": 32,
        "with_relations": 32,
    }
    assert written["references"] == {
        "inside": {"all": 192, "also_view": 96, "also_buy": 96},
        "outside": {"all": 32, "also_buy": 32},
        "outside_ids": 1,
        "self_relations_dropped": 0,
        "duplicates_dropped": 0,
        "unusable_ids_dropped": 0,
    }
    pairs = written["pairs"]
    # a circle of 8 with steps 1 to 3: 24 pairs in each of 4 groups. Across: 8 + 8 + 8 pairs in
    # each of 2 couples of groups. Step 1 in the group is bought as well: 32 pairs.
    assert (pairs["co_view"], pairs["co_purchase"], pairs["co_view_and_co_purchase"]) == (
        96,
        80,
        32,
    )
    assert pairs["any"] == pairs["labelled"] == 144
    assert {relation: counts["all"] for relation, counts in pairs["by_relation"].items()} == {
        "substitute": 96,
        "complement": 48,
    }
    held_out = sum(
        counts[phase] for counts in pairs["by_relation"].values() for phase in ("valid", "test")
    )
    assert held_out == 28  # 14 and 14 of 144
    assert written["degrees"]["items_by_neighbours"] == {"0": 0, "1-5": 0, "6-20": 32, ">20": 0}
    assert written["degrees"]["quantiles"]["50%"] == 9
    assert written["quarantine"] == {"total": 0, "by_reason": {}}
    assert summary.audit.ok


def test_a_source_of_a_shape_that_holds_no_ids_is_told(tmp_path, out):
    shaped = [
        {**record, "also_view": [{"id": other} for other in record["also_view"]]}
        for record in records()
    ]
    fields = {"item_id": "asin", "also_view": "also_view", "also_buy": "also_buy"}
    source = write_lines(tmp_path / "shop.json", shaped)
    printed = build(source, out, format="jsonl", field_map=fields).render()
    assert "references dropped: 96 to what cannot be an id\n" in printed
    assert "No usable id in column 'also_view', mapped to also_view: expected texts" in printed
    assert "no substitutes in this dataset: what its sources list cannot be ids." in printed
    del fields["also_buy"]
    with pytest.raises(BuildError, match="No usable id in column 'also_view'"):
        build(source, out, "none", format="jsonl", field_map=fields)


def test_the_same_input_gives_the_same_bytes_anywhere(source, out, tmp_path):
    build(source, out)
    code = (
        "import sys\n"
        "from recbole_mmsc.dataset_builders.build import build_dataset\n"
        "build_dataset('things', [sys.argv[1]], sys.argv[2], progress=False)\n"
    )
    elsewhere = tmp_path / "else" / "where"
    elsewhere.mkdir(parents=True)
    moved = elsewhere / source.name
    moved.write_bytes(source.read_bytes())
    subprocess.run(
        [sys.executable, "-c", code, moved.name, "out"],
        check=True,
        cwd=elsewhere,
        env={**os.environ, "PYTHONHASHSEED": "5", "TZ": "Asia/Tokyo"},
    )
    assert contents(elsewhere / "out" / "things") == contents(out / "things")


def test_a_warm_split_has_no_name_of_a_cold_one(source, out):
    with pytest.raises(BuildError, match="Expected another name or the split cold, found 'x-cold'"):
        build(source, out, "x-cold")
    assert build(source, out, "x-cold", split="cold").document["options"]["split"] == "cold"


def test_seed_policy_and_split_change_the_dataset(source, out):
    first = build(source, out).document
    assert build(source, out, "seeded", seed=7).document["split_sha256"] != first["split_sha256"]
    raw = build(source, out, "raw", policy="raw").document
    assert raw["exclusive_relations"] is False
    assert raw["pairs"]["by_relation"]["complement"]["all"] == 80
    exclusive = build(source, out, "exclusive", policy="exclusive").document
    assert exclusive["exclusive_relations"] is True
    assert exclusive["pairs"]["by_relation"]["substitute"]["all"] == 64
    assert exclusive["pairs"]["labelled"] == 112
    cold = build(source, out, split="cold")
    assert cold.name == "things-cold"
    assert (out / "things-cold" / "things-cold.train.inter").is_file()
    assert cold.document["split_audit"]["cold_items"] == {"valid": 2, "test": 3}
    assert build(source, out, "own-cold", split="cold").name == "own-cold"


def test_card_and_terminal_speak_of_the_same_figures(source, out):
    summary = build(source, out)
    card = (out / "things" / "README.md").read_text(encoding="utf-8")
    assert card.startswith("# things\n")
    assert 'run_recbole(model="MMSC", dataset="things")' in card
    assert "Ni et al." in card
    assert "| both co-view and co-purchase | 32 |" in card
    assert summary.document["split_sha256"] in card
    assert str(source.parent) not in card + json.dumps(summary.document)
    build(source, out, "one", seed=1)
    assert "| seed | `1` |" in (out / "one" / "README.md").read_text(encoding="utf-8")
    text = summary.render()
    assert "32 items from 32 products read" in text
    assert "No findings." in text
    assert str(out / "things") in text


def test_2023_says_plainly_that_there_are_no_substitutes(out, tmp_path):
    lines = [
        {
            "parent_asin": f"Q{n}",
            "title": f"t{n}",
            "bought_together": [f"Q{(n + step) % 12}" for step in (1, 2, 3)],
        }
        for n in range(12)
    ]
    summary = build(write_lines(tmp_path / "meta.jsonl", lines), out, "new")
    assert summary.document["options"]["format"] == "amazon-2023"
    for text in (summary.render(), (out / "new" / "README.md").read_text(encoding="utf-8")):
        assert "no co-view" in text.lower()
        assert "There are no substitutes in this dataset" in text


def test_reviews_become_a_co_purchase_source(source, out, tmp_path):
    lines = [
        {"reviewerID": user, "asin": item}
        for user in ("U1", "U2")
        for item in ("P000", "P030", "UNKNOWN")
    ]
    reviews = write_lines(tmp_path / "reviews.json", lines)
    written = build(source, out, reviews=[reviews]).document
    assert written["pairs"]["by_source"]["co_review"] == 1
    assert written["references"]["inside"]["co_review"] == 2
    assert [entry["kind"] for entry in written["sources"]] == ["metadata", "reviews"]
    rows = "".join((out / "things" / f"things.{p}.inter").read_text() for p in ("train", "test"))
    rows += (out / "things" / "things.valid.inter").read_text()
    assert "complement|P000\tP030\tco_review\t2\n" in rows


def test_reviews_that_add_nothing_are_told(source, out, tmp_path):
    reviews = write_lines(tmp_path / "else.json", [{"reviewerID": "U1", "asin": "UNKNOWN"}] * 2)
    [notice] = build(source, out, reviews=[reviews]).document["notices"]
    assert "No two items were reviewed by the same 2 users in else.json" in notice


def test_a_relation_whose_sources_list_outsiders_alone(out, tmp_path):
    lines = [
        {"asin": f"A{n}", "also_view": [f"A{(n + 1) % 20}", f"A{(n + 3) % 20}"], "also_buy": ["X"]}
        for n in range(20)
    ]
    [notice] = build(write_lines(tmp_path / "meta.json", lines), out).document["notices"]
    assert notice.endswith(
        "no complements in this dataset: its sources list no two items of the catalogue."
    )


def test_bad_lines_are_quarantined_counted_and_the_good_ones_kept(out, tmp_path):
    good = [json.dumps(record) for record in records()]
    code = f"__import__('pathlib').Path({str(tmp_path / 'owned')!r}).touch()"
    bad = [code, '{"asin"', json.dumps({"title": "no id"})]
    meta = write_lines(tmp_path / "meta.json", [*good[:5], *bad, *good[5:]])
    summary = build(meta, out, format="amazon-2018")
    assert summary.document["catalogue"]["items"] == 32
    assert summary.document["quarantine"]["total"] == 3
    assert not (tmp_path / "owned").exists()
    entries = (out / "things" / "quarantine.jsonl").read_text().splitlines()
    assert [json.loads(entry)["line"] for entry in entries] == [6, 7, 8]
    assert "lines not usable: 3" in summary.render()
    assert "the item id is missing" in (out / "things" / "README.md").read_text()


def test_a_truncated_gzip_keeps_what_is_before(out, tmp_path):
    text = "".join(json.dumps(record) + "\n" for record in records())
    packed = gzip.compress(text.encode())
    (tmp_path / "meta.json.gz").write_bytes(packed[:-20])
    summary = build(tmp_path / "meta.json.gz", out)
    assert 16 < summary.document["catalogue"]["items"] <= 32
    assert summary.document["quarantine"]["total"] == 1
    for text in (summary.render(), (out / "things" / "README.md").read_text(encoding="utf-8")):
        assert "meta.json.gz breaks off in line" in text
        assert "all after it is missing" in text


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "../up",
        "/etc",
        "a\\b",
        ".hidden",
        "ends.",
        "new\nline",
        "a" * 101,
        "ä",
    ],
)
def test_unsafe_names_are_refused_before_anything_is_written(source, out, name):
    with pytest.raises(BuildError, match="Expected a dataset name"):
        build(source, out, name)
    assert not out.exists()


@pytest.mark.parametrize("name", ["a", "amazon-home", "A.b_c-9", "9", "a" * 100, "x_"])
def test_safe_names(name):
    assert checked_name(name) == name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"policy": "rwa"}, "label policy out of difference, raw, exclusive, got 'rwa'"),
        ({"split": "hot"}, "split out of warm, cold, got 'hot'"),
        ({"seed": -1}, "seed of 0 or more, got -1"),
        ({"format": "amazon-2019"}, "amazon-2018"),
        ({"images": "nowhere"}, "folder of pictures"),
        ({"reviews": ["nowhere.json"]}, "nowhere.json"),
    ],
)
def test_wrong_options_leave_nothing(source, out, options, message):
    with pytest.raises(BuildError, match=message):
        build(source, out, **options)
    assert not out.exists() or list(out.iterdir()) == []


def test_no_usable_product_and_no_pair_say_what_was_read(out, tmp_path):
    nothing = write_lines(tmp_path / "nothing.json", ['{"asin"', "{}", '{"title": "no id"}'])
    with pytest.raises(BuildError, match=r"3 lines could not be used: .*the item id is missing"):
        build(nothing, out, format="amazon-2018")
    alone = write_lines(
        tmp_path / "alone.json", ['{"asin"', {"asin": "A", "also_buy": ["X", "A"]}, {"asin": "B"}]
    )
    said = r"No two of the 2 products.*, and 1 more of products to themselves.*\n1 lines could not"
    with pytest.raises(BuildError, match=said):
        build(alone, out, format="amazon-2018")
    assert list(out.iterdir()) == []


def test_an_existing_dataset_stays_unless_it_is_to_be_replaced(source, out, tmp_path):
    build(source, out)
    before = contents(out / "things")
    with pytest.raises(BuildError, match="exists and was left as it is"):
        build(source, out, seed=7)
    assert contents(out / "things") == before
    labels = out / "things" / "supervision"
    labels.mkdir()
    (labels / ".cache.sqlite").write_bytes(b"paid for")
    (labels / "rules.parquet").write_bytes(b"of the old split")
    build(source, out, seed=7, replace=True)
    after = contents(out / "things")
    assert after != before
    assert contents(labels) == {".cache.sqlite": b"paid for"}
    broken = write_lines(tmp_path / "broken.json", ['{"asin"'])
    with pytest.raises(BuildError):
        build(broken, out, format="amazon-2018", replace=True)
    assert contents(out / "things") == after
    assert [path.name for path in out.iterdir()] == ["things"]


def test_what_is_no_dataset_is_never_replaced(source, out):
    (out / "things").mkdir(parents=True)
    (out / "things" / "thesis.tex").write_text("all my work")
    with pytest.raises(BuildError, match="not a dataset folder"):
        build(source, out, replace=True)
    (out / "link").symlink_to(out / "things")
    with pytest.raises(BuildError, match="not a dataset folder"):
        build(source, out, "link", replace=True)
    assert contents(out / "things") == {"thesis.tex": b"all my work"}
    assert sorted(path.name for path in out.iterdir()) == ["link", "things"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, MemoryError, ValueError])
@pytest.mark.parametrize(
    "step", ["write_behaviour", "write_candidates", "render_card", "audit_folder"]
)
def test_a_failure_at_any_step_leaves_all_as_it_was(source, out, monkeypatch, stop, step):
    build(source, out)
    before = contents(out)

    def fail(*_):
        raise stop("planted")

    monkeypatch.setattr(building, step, fail)
    with pytest.raises(stop, match="planted"):
        build(source, out, replace=True)
    with pytest.raises(stop, match="planted"):
        build(source, out, "second")
    assert contents(out) == before
    assert [path.name for path in out.iterdir()] == ["things"]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(source, out, monkeypatch, code):
    build(source, out)
    before = contents(out)

    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(building, "write_behaviour", full)
    with pytest.raises(BuildError, match=r"the disk .*Nothing was published"):
        build(source, out, replace=True)
    assert contents(out) == before


def test_a_leak_is_an_error_and_nothing_is_published(source, out, monkeypatch):
    honest = building.write_inter

    def leaky(folder, name, *rest):
        queries = honest(folder, name, *rest)
        secret = (folder / f"{name}.test.inter").read_text().splitlines(keepends=True)[1]
        with (folder / f"{name}.train.inter").open("a") as file:
            file.write(secret)
        return queries

    monkeypatch.setattr(building, "write_inter", leaky)
    with pytest.raises(BuildError, match=r"(?s)audit of the new dataset failed.*LEAK.*test is in"):
        build(source, out)
    assert list(out.iterdir()) == []


def test_a_failed_swap_puts_the_old_dataset_back(source, out, monkeypatch):
    build(source, out)
    before = contents(out)
    rename = Path.rename

    def failing(self, target):
        if self.name == ".things.building":
            raise OSError(errno.EIO, "planted")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(BuildError, match="planted"):
        build(source, out, replace=True, seed=7)
    assert contents(out) == before
    assert [path.name for path in out.iterdir()] == ["things"]


def test_a_build_killed_between_the_two_renames_is_mended_by_the_next(source, out):
    build(source, out)
    before = contents(out / "things")
    (out / "things").rename(out / ".things.replaced")
    with pytest.raises(BuildError, match="exists and was left as it is"):
        build(source, out)
    assert contents(out / "things") == before
    (out / ".things.replaced").mkdir()
    build(source, out, replace=True)
    assert [path.name for path in out.iterdir()] == ["things"]


def test_two_builds_of_one_name_at_once(out):
    with new_folder(out, "things") as folder:
        (folder / "dataset.json").write_text("{}")
        with pytest.raises(BuildError, match="Another build of things is running"):  # noqa: SIM117
            with new_folder(out, "things"):
                pytest.fail("two builds hold the same folder")
        with new_folder(out, "other"):
            pass
    assert (out / "things" / "dataset.json").read_text() == "{}"


def run_in_child(code, *arguments, **options):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **options)


KILLED = """
import sys, time
from pathlib import Path
from recbole_mmsc.dataset_builders import build as building

def hang(*_):
    Path(sys.argv[3]).touch()
    time.sleep(600)

building.write_behaviour = hang
building.build_dataset("things", [sys.argv[1]], sys.argv[2], replace=True, progress=False)
"""


def test_a_kill_in_the_middle(source, out, tmp_path):
    build(source, out)
    before = contents(out / "things")
    child = run_in_child(KILLED, source, out, tmp_path / "reached")
    try:
        deadline = time.monotonic() + 120
        while not (tmp_path / "reached").exists():
            assert child.poll() is None, "the child ended early"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        with pytest.raises(BuildError, match="Another build of things is running"):
            build(source, out, replace=True)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    assert contents(out / "things") == before
    assert (out / ".things.building" / "things.train.inter").exists()
    assert contents(build(source, out, replace=True).folder) == before
    assert [path.name for path in out.iterdir()] == ["things"]


NO_ROOM = """
import sys
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.product import BuildError
try:
    build_dataset("things", [sys.argv[1]], sys.argv[2], progress=False)
except BuildError as error:
    sys.exit(f"refused: {error}")
"""


def test_no_room_for_a_file(source, out):
    """The kernel itself refuses to write beyond 2,000 bytes."""
    child = run_in_child(
        NO_ROOM,
        source,
        out,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    _, errors = child.communicate(timeout=120)
    assert "refused: The build stopped: a file grew beyond the limit" in errors
    assert child.returncode == 1
    assert list(out.iterdir()) == []


def picture(folder, name, content=b"picture"):
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)


def test_pictures(source, out, tmp_path):
    photos, elsewhere = tmp_path / "photos", tmp_path / "elsewhere"
    names = (
        "P000.jpg",
        "P000.1.bmp",
        "P001.JPG",
        "P002.png",
        "P002.webp",
        "P003.gif",
        "P003.2.jpg",
    )
    for name in (*names, "NOBODY.jpg", "NOBODY.1.jpg", "P001.txt", "P001.x.jpg"):
        picture(photos, name, name.encode())
    picture(photos, os.fsdecode(b"\xff.jpg"))
    picture(elsewhere, "secret", b"secret")
    (photos / "P004.jpg").symlink_to(elsewhere / "secret")
    (photos / "P005.jpg").symlink_to(photos / "P000.jpg")
    (photos / "P006.jpg").symlink_to("P006.jpg")
    (photos / "P007.jpg").mkdir()
    written = build(source, out, images=photos).document
    assert contents(out / "things" / "images") == {
        **{name: name.encode() for name in names if name != "P001.JPG"},
        "P001.jpg": b"P001.JPG",
        "P005.jpg": b"P000.jpg",
    }
    assert written["catalogue"]["with_picture"] == 5
    assert (out / "things" / "images" / "P000.jpg").samefile(photos / "P000.jpg")
    assert not (out / "things" / "images" / "P005.jpg").is_symlink()


def test_pictures_are_copied_where_they_cannot_be_linked(source, out, tmp_path, monkeypatch):
    picture(tmp_path / "photos", "P000.jpg")

    def refuse(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    build(source, out, images=tmp_path / "photos")
    assert contents(out / "things" / "images") == {"P000.jpg": b"picture"}

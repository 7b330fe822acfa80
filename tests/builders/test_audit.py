"""Every check of the audit on a folder spoilt in just that way."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from recbole_mmsc.data.features import FeatureError, read_features, write_features
from recbole_mmsc.dataset_builders.audit import audit_folder
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.checksums import file_checksum
from recbole_mmsc.dataset_builders.product import BuildError
from tests.builders.planted import write_catalogue


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """Warm and cold datasets of the 32 planted products; copied before they are spoilt."""
    base = tmp_path_factory.mktemp("audit")
    source = write_catalogue(base)
    for split in ("warm", "cold"):
        build_dataset("things", [source], base / "data", split=split, progress=False)
    return base / "data"


@pytest.fixture
def warm(clean, tmp_path):
    return shutil.copytree(clean / "things", tmp_path / "things")


@pytest.fixture
def cold(clean, tmp_path):
    return shutil.copytree(clean / "things-cold", tmp_path / "things-cold")


def found(folder):
    """Check → (severity, count) of all findings."""
    report = audit_folder(folder)
    assert report.ok == all(finding.severity == "warning" for finding in report.findings)
    assert report.render().isprintable() or "\n" in report.render()
    return {finding.check: (finding.severity, finding.count) for finding in report.findings}


def rows(folder, phase):
    path = folder / f"{folder.name}.{phase}.inter"
    return [line.split("\t") for line in path.read_text().splitlines()[1:]]


def append(folder, phase, *new):
    with (folder / f"{folder.name}.{phase}.inter").open("a") as file:
        file.writelines("\t".join(row) + "\n" for row in new)


def remove(folder, phase, row):
    path = folder / f"{folder.name}.{phase}.inter"
    lines = path.read_text().splitlines(keepends=True)
    lines.remove("\t".join(row) + "\n")
    path.write_text("".join(lines))


def turned(row):
    """The same pair asked from the other end."""
    relation, item = row[0].split("|")
    return [f"{relation}|{row[1]}", item, *row[2:]]


def other_relation(row):
    relation, item = row[0].split("|")
    return [f"{'complement' if relation == 'substitute' else 'substitute'}|{item}", *row[1:]]


def add_behaviour(folder, item, other, in_catalogue=True, place=0):
    path = folder / "behaviour.parquet"
    table = pq.read_table(path)
    more = pa.table(
        {
            "item": [item],
            "other": [other],
            "source": ["also_buy"],
            "place": pa.array([place], pa.int16()),
            "in_catalogue": [in_catalogue],
        }
    )
    pq.write_table(pa.concat_tables([table, more.cast(table.schema)]), path)


def test_fresh_builds_are_clean(clean):
    assert found(clean / "things") == {}
    assert found(clean / "things-cold") == {}
    report = audit_folder(clean / "things")
    assert report.counts["items"] == 32
    assert report.counts["queries"] == 64
    assert "No findings." in report.render()


@pytest.mark.parametrize("phase", ["valid", "test"])
@pytest.mark.parametrize("change", [list, turned, other_relation])
def test_held_out_pair_in_train(warm, phase, change):
    row = change(rows(warm, phase)[0])
    append(warm, "train", row, turned(row))
    assert found(warm) == {f"{phase}-in-train": ("leak", 1), "checksum": ("error", 1)}


def test_valid_pair_in_test_under_the_other_relation(warm):
    row = other_relation(rows(warm, "valid")[0])
    append(warm, "test", row, turned(row))
    assert found(warm) == {"test-in-valid": ("leak", 1), "checksum": ("error", 1)}


@pytest.mark.parametrize("phase", ["valid", "test"])
def test_held_out_pair_in_behaviour_in_either_direction(warm, phase):
    row = rows(warm, phase)[0]
    item = row[0].split("|")[1]
    add_behaviour(warm, item, row[1])
    add_behaviour(warm, row[1], item)
    assert found(warm) == {"held-out-in-behaviour": ("leak", 2), "behaviour-rows": ("error", 1)}
    assert f"{item} ~ {row[1]}" in audit_folder(warm).render()


def test_behaviour_about_strangers(warm):
    add_behaviour(warm, "STRANGER", "OUTSIDER01", in_catalogue=False)
    add_behaviour(warm, "P000", "OUTSIDER01", in_catalogue=True)
    assert found(warm) == {
        "unknown-in-behaviour": ("error", 1),
        "in-catalogue": ("error", 1),
        "behaviour-rows": ("error", 1),
    }


def test_a_gap_in_a_list_tells_where_a_held_out_item_stood(warm):
    listed = pq.read_table(warm / "behaviour.parquet").to_pylist()
    length = sum(row["item"] == "P000" and row["source"] == "also_buy" for row in listed)
    add_behaviour(warm, "P000", "OUTSIDER01", in_catalogue=False, place=length + 1)
    assert found(warm) == {"gap-in-list": ("leak", 1), "behaviour-rows": ("error", 1)}


def test_behaviour_without_places_is_of_an_earlier_build(warm):
    path = warm / "behaviour.parquet"
    pq.write_table(pq.read_table(path).drop_columns("place"), path)
    assert found(warm) == {"no-places": ("error", 1)}


def test_cold_item_with_behaviour(cold):
    item = rows(cold, "test")[0][0].split("|")[1]
    add_behaviour(cold, item, "OUTSIDER01", in_catalogue=False)
    add_behaviour(cold, "P000", item)
    assert found(cold)["cold-in-behaviour"] == ("leak", 2)


def test_cold_item_in_training(cold):
    cold_item = rows(cold, "test")[0][0].split("|")[1]
    asked = {row[0].split("|")[1] for phase in ("valid", "test") for row in rows(cold, phase)}
    related = {row[1] for row in rows(cold, "test") if row[0].endswith(cold_item)}
    warm_item = next(f"P{n:03d}" for n in range(32) if f"P{n:03d}" not in asked | related)
    row = [f"substitute|{warm_item}", cold_item, "also_view", "1"]
    append(cold, "train", row, turned(row))
    assert found(cold) == {
        "cold-in-train": ("leak", 2),
        "positive-among-candidates": ("leak", 1),
        "checksum": ("error", 1),
    }


def test_a_warm_dataset_keeps_its_promise(warm):
    item = rows(warm, "test")[0][0].split("|")[1]
    for row in rows(warm, "train"):
        if item in (row[0].split("|")[1], row[1]):
            remove(warm, "train", row)
    assert found(warm) == {"untrained": ("error", 1), "checksum": ("error", 1)}


def test_an_item_paired_with_itself(warm):
    append(warm, "train", ["substitute|P000", "P000", "also_view", "1"])
    assert found(warm) == {"self-pair": ("error", 1), "checksum": ("error", 1)}


def test_duplicates(warm):
    first, second = rows(warm, "test")[:2]
    append(warm, "test", first, first, second)
    assert found(warm) == {"duplicate": ("error", 3), "checksum": ("error", 1)}


@pytest.mark.parametrize("phase", ["train", "valid", "test"])
def test_one_direction_is_missing(warm, phase):
    remove(warm, phase, rows(warm, phase)[0])
    assert found(warm)["one-way"] == ("error", 1)


def test_unknown_tokens(warm):
    append(warm, "train", ["substitute|P000", "NOBODY", "also_view", "1"])
    append(warm, "train", ["substitute|NOBODY", "P000", "also_view", "1"])
    append(warm, "train", ["gift|P000", "P020", "also_view", "1"])
    append(warm, "train", ["gift|P020", "P000", "also_view", "1"])
    assert found(warm) == {
        "unknown-item": ("error", 1),
        "unknown-query": ("error", 3),
        "checksum": ("error", 1),
    }


def test_items_listed_twice_and_in_another_order(warm):
    path = warm / "things.item"
    head, first, second, *rest = path.read_text().splitlines(keepends=True)
    path.write_text("".join([head, second, first, *rest, first]))
    assert found(warm) == {"duplicate-items": ("error", 1), "catalogue": ("error", 2)}


def write_candidates(folder, lists, queries="string", items="string"):
    """Lists of the phase of which dataset.json says nothing."""
    table = pa.table(
        {
            "query": pa.array(list(lists)).cast(queries),
            "candidates": pa.array(list(lists.values()), pa.list_(pa.type_for_alias(items))),
        }
    )
    pq.write_table(table, folder / "candidates" / "valid.parquet")


def related(folder, query, *phases):
    """The items that a query's item is paired with in the phases: relation → items."""
    item = query.split("|")[1]
    found = {"substitute": set(), "complement": set()}
    for phase in phases:
        for asked, target, *_ in rows(folder, phase):
            relation, source = asked.split("|")
            if item in (source, target):
                found[relation].add(target if item == source else source)
    return found


def one_of_each(folder):
    """A test query of each relation, and items that are related to neither."""
    queries = [
        next(row[0] for row in rows(folder, "test") if row[0].startswith(relation))
        for relation in ("substitute", "complement")
    ]
    taken = {query.split("|")[1] for query in queries}
    for query in queries:
        taken |= set().union(*related(folder, query, "train", "valid", "test").values())
    return queries, [f"P{n:03d}" for n in range(32) if f"P{n:03d}" not in taken]


def test_clean_candidates(warm):
    queries, far = one_of_each(warm)
    write_candidates(warm, dict.fromkeys(queries, far))
    assert found(warm) == {}


@pytest.mark.parametrize("phase", ["train", "valid", "test"])
@pytest.mark.parametrize("relation", ["substitute", "complement"])
def test_positives_among_candidates(warm, phase, relation):
    """Own ones of any phase; the other relation's where they are held out."""
    for asked in ("substitute", "complement"):
        query, hit = next(
            (row[0], hits[relation])
            for row in rows(warm, "test")
            if row[0].startswith(asked) and (hits := related(warm, row[0], phase))[relation]
        )
        write_candidates(warm, {query: sorted(hit)})
        leak = {"positive-among-candidates": ("leak", len(hit))}
        assert found(warm) == ({} if relation != asked and phase == "train" else leak)


def test_other_faults_of_candidates(warm):
    (query, _), far = one_of_each(warm)
    item = query.split("|")[1]
    write_candidates(
        warm,
        {
            query: [far[0], item, far[1], far[0], "NOBODY", far[0]],
            "gift|P000": ["P001"],
            "substitute|NOBODY": ["P001"],
        },
    )
    assert found(warm) == {
        "query-among-candidates": ("leak", 1),
        "duplicate-candidate": ("error", 2),
        "unknown-candidate": ("error", 3),
    }


@pytest.mark.parametrize("items", ["string", "large_string", "binary"])
@pytest.mark.parametrize("queries", ["string", "large_string"])
def test_candidates_of_other_types_and_with_holes(warm, queries, items):
    (query, other), far = one_of_each(warm)
    lists = {query: [far[0], None, far[1]], other: None, None: far[:2]}
    write_candidates(warm, lists, queries, items)
    assert found(warm) == {"unknown-candidate": ("error", 3)}


def test_candidates_that_are_no_lists(warm):
    table = pa.table({"query": ["substitute|P000"], "candidates": ["P001"]})
    pq.write_table(table, warm / "candidates" / "test.parquet")
    assert found(warm) == {"unreadable": ("error", 1)}
    pq.write_table(pa.table({"query": ["substitute|P000"]}), warm / "candidates" / "test.parquet")
    assert found(warm) == {"unreadable": ("error", 1)}


def features(folder, ids, available, **metadata):
    vectors = np.ones((len(ids), 3), np.float32)
    path = folder / "features" / "toy.safetensors"
    write_features(
        path, ids, {"text": vectors}, {"text": available}, encoder="toy", metadata=metadata
    )
    return path


def test_features(warm):
    ids = [f"P{n:03d}" for n in range(32)]
    available = np.ones(32, bool)
    features(warm, ids, available)
    assert found(warm) == {}
    features(warm, ids, np.arange(32) > 1)
    assert found(warm) == {"without-features": ("warning", 2)}
    features(warm, ids[::-1], available)
    assert found(warm) == {"features": ("error", 1)}
    features(warm, ids, available, train_sha256=file_checksum(warm / "things.train.inter"))
    assert found(warm) == {}
    features(warm, ids, available, train_sha256=file_checksum(warm / "things.test.inter"))
    assert found(warm) == {"adapted-elsewhere": ("leak", 1)}
    path = features(warm, ids[:-1], available[:-1])
    assert found(warm) == {"features": ("error", 1)}
    path.write_bytes(path.read_bytes()[:-5])
    assert found(warm) == {"features": ("error", 1)}
    path.write_bytes((2**60).to_bytes(8, "little") + b"{}")
    assert found(warm) == {"features": ("error", 1)}


@pytest.mark.parametrize(
    "missing",
    [
        "things.item",
        "things.user",
        "things.valid.inter",
        "behaviour.parquet",
        "catalogue.parquet",
        "candidates/test.parquet",
        "dataset.json",
    ],
)
def test_missing_files(warm, missing):
    (warm / missing).unlink()
    assert found(warm)["missing-file"] == ("error", 1)
    assert f"{missing} is missing" in audit_folder(warm).render()


def test_a_card_that_says_nothing(warm):
    (warm / "dataset.json").write_text("{}")
    assert found(warm) == {"missing-file": ("error", 1)}
    assert "dataset.json says nothing" in audit_folder(warm).render()


def test_other_peoples_figures(warm):
    document = json.loads((warm / "dataset.json").read_text())
    document |= {"name": "else", "split_sha256": "0" * 64}
    (warm / "dataset.json").write_text(json.dumps(document))
    assert found(warm) == {"name": ("error", 1), "checksum": ("error", 1)}


def test_a_renamed_folder(warm):
    moved = warm.rename(warm.with_name("other"))
    report = audit_folder(moved)
    assert [finding.check for finding in report.findings] == ["name"]
    assert report.counts["train rows"] > 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("things.train.inter", b"no header\nat all\n"),
        ("things.train.inter", b""),
        ("things.train.inter", b"query_id:token\titem_id:token\n\xff\xfe\tP000\n"),
        ("things.train.inter", b'query_id:token\titem_id:token\n"open\tP000\n'),
        ("things.train.inter", b"query_id:token\titem_id:token\nonly one column\n"),
        ("things.train.inter", b"query_id:token\n"),
        ("things.item", b"\x00\x01\x02"),
        ("things.user", b"query_id:float\n1\n"),
        ("dataset.json", b"{"),
        ("dataset.json", b"[1, 2]"),
        ("dataset.json", b"[" * 100_000),
        ("dataset.json", b"\xff"),
        ("behaviour.parquet", b"PAR1 not quite"),
        ("catalogue.parquet", b""),
    ],
)
def test_files_that_cannot_be_read_are_findings(warm, name, content):
    (warm / name).write_bytes(content)
    report = audit_folder(warm)
    assert not report.ok
    assert "unreadable" in {finding.check for finding in report.findings}


def test_more_relations_than_anyone_has(warm):
    append(warm, "train", *([f"r{n}|P000", "P001", "x", "1"] for n in range(200)))
    assert found(warm)["unreadable"][0] == "error"


def plain_folder(path, **phases):
    """A folder of RecBole's, of users and items, as others make them."""
    path.mkdir()
    for phase, pairs in phases.items():
        lines = ["user_id:token\titem_id:token\trating:float"]
        lines += [f"{user}\t{item}\t1.0" for user, item in pairs]
        (path / f"{path.name}.{phase}.inter").write_text("\n".join(lines) + "\n")
    return path


def test_a_folder_of_users_and_items(tmp_path):
    folder = plain_folder(
        tmp_path / "films",
        train=[("1", "2"), ("2", "1"), ("3", "3"), ("1", "2")],
        valid=[("1", "3"), ("2", "2")],
        test=[("1", "3"), ("3", "1"), ("2", "1")],
    )
    assert found(folder) == {
        "test-in-train": ("leak", 1),
        "test-in-valid": ("leak", 1),
        "duplicate": ("error", 1),
    }
    assert "2 → 1" in audit_folder(folder).render()


def test_a_folder_without_a_split(tmp_path):
    (tmp_path / "films").mkdir()
    (tmp_path / "films" / "films.inter").write_text("user_id:token\titem_id:token\n1\t1\n")
    assert found(tmp_path / "films") == {"no-split": ("warning", 1)}


def test_a_folder_of_queries_without_our_document(warm):
    for name in ("dataset.json", "behaviour.parquet", "catalogue.parquet", "things.user"):
        (warm / name).unlink()
    assert found(warm) == {}
    row = turned(rows(warm, "test")[0])
    append(warm, "train", row)
    assert found(warm) == {"test-in-train": ("leak", 1), "one-way": ("warning", 1)}


def test_no_folder(tmp_path, monkeypatch):
    with pytest.raises(BuildError, match="found none at"):
        audit_folder(tmp_path / "nothing")
    (tmp_path / "dataset" / "shop").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BuildError, match=r"none at shop\. Did you mean dataset/shop\?"):
        audit_folder("shop")


def test_a_folder_without_interactions_names_those_inside_it(clean, tmp_path):
    with pytest.raises(BuildError, match=r"found no \.inter file in .*Name one\.$") as error:
        audit_folder(clean)
    assert f"Dataset folders in it: {clean / 'things'}, {clean / 'things-cold'}." in str(
        error.value
    )
    with pytest.raises(BuildError, match=r"found no \.inter file in [^ ]*\.$"):
        audit_folder(tmp_path)


def test_hostile_tokens_cannot_steer_the_terminal(warm):
    append(warm, "train", ["substitute|P000", "\x1b[2Jgone", "x", "1"])
    text = audit_folder(warm).render()
    assert "[2Jgone" in text
    assert "\x1b" not in text


def change_document(folder, **changes):
    """dataset.json with other values; a value of None takes the option away."""
    path = folder / "dataset.json"
    document = json.loads(path.read_text())
    options = {**document["options"], **changes.pop("options", {})}
    document |= {"options": {k: v for k, v in options.items() if v is not None}, **changes}
    path.write_text(json.dumps(document))
    return document


@pytest.mark.parametrize("split", [None, "Cold", 3])
def test_a_split_that_is_not_said_cannot_hide_a_leak(cold, split):
    change_document(cold, options={"split": split})
    assert found(cold)["unknown-split"] == ("error", 1)


def test_policies_and_masks_that_the_files_do_not_have(warm, tmp_path):
    change_document(warm, options={"policy": "guess"})
    assert found(warm) == {"unknown-policy": ("error", 1)}
    change_document(warm, options={"policy": "difference"}, exclusive_relations=False)
    assert found(warm) == {"exclusive": ("error", 1)}
    build_dataset("raw", [write_catalogue(tmp_path)], tmp_path, policy="raw", progress=False)
    assert found(tmp_path / "raw") == {}
    relations = {}
    for phase in ("train", "valid", "test"):
        for query, target, *_ in rows(tmp_path / "raw", phase):
            relation, item = query.split("|")
            relations.setdefault(frozenset((item, target)), set()).add(relation)
    both = sum(len(of) == 2 for of in relations.values())
    assert both > 1
    change_document(tmp_path / "raw", options={"policy": "difference"}, exclusive_relations=True)
    assert found(tmp_path / "raw") == {"exclusive": ("error", both)}


def test_figures_that_are_not_those_of_the_files(warm):
    document = json.loads((warm / "dataset.json").read_text())
    pairs = document["pairs"]
    pairs["by_relation"]["substitute"]["train"] += 1
    change_document(warm, pairs=pairs)
    assert found(warm) == {"figures": ("error", 1)}
    pairs["by_relation"]["substitute"]["train"] -= 1
    document["queries"]["test"]["complement"] = 0
    change_document(warm, pairs=pairs, queries=document["queries"])
    assert found(warm) == {"figures": ("error", 1)}


def change_lists(folder, change):
    """Change the rows of the lists that dataset.json speaks of."""
    path = folder / "candidates" / "test.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), path)


@pytest.mark.parametrize(
    ("change", "findings"),
    [
        (lambda rows: [{**rows[0], "candidates": rows[0]["candidates"][:2]}, *rows[1:]], 1),
        (lambda rows: [{**rows[0], "candidates": None}, *rows[1:]], 1),
        (lambda rows: rows[:3], 1),
        (lambda rows: [], 1),
    ],
)
def test_lists_that_are_cut_or_gone(warm, change, findings):
    change_lists(warm, change)
    assert found(warm) == {"candidate-lists": ("error", findings)}


def test_a_query_with_two_lists(warm):
    change_lists(warm, lambda rows: [*rows, rows[0]])
    assert found(warm) == {"repeated-query": ("error", 1)}


def change_behaviour(folder, change):
    path = folder / "behaviour.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist(change(table.to_pylist()), table.schema), path)


@pytest.mark.parametrize(
    ("column", "value", "finding"),
    [
        ("place", -5, "no-place"),
        ("place", None, "no-place"),
        ("source", "hearsay", "unknown-source"),
        ("source", None, "unknown-source"),
        ("item", None, "unknown-in-behaviour"),
        ("in_catalogue", None, "in-catalogue"),
    ],
)
def test_values_in_behaviour_that_cannot_be(warm, column, value, finding):
    table = pq.read_table(warm / "behaviour.parquet").to_pylist()
    inside = next(i for i, row in enumerate(table) if row["in_catalogue"])
    table[inside][column] = value
    change_behaviour(warm, lambda rows: table)
    assert found(warm)[finding] == ("error", 1)
    assert "unreadable" not in found(warm)


def test_behaviour_that_is_doubled_empty_or_with_itself(warm):
    table = pq.read_table(warm / "behaviour.parquet")
    change_behaviour(warm, lambda rows: [*rows, rows[-1]])
    assert found(warm) == {"behaviour-rows": ("error", 1)}
    change_behaviour(warm, lambda rows: [])
    assert found(warm) == {"behaviour-rows": ("error", 1)}
    pq.write_table(table, warm / "behaviour.parquet")
    add_behaviour(warm, "P000", "P000")
    assert found(warm)["self-in-behaviour"] == ("error", 1)


def test_a_catalogue_without_its_columns_or_ids(warm):
    path = warm / "catalogue.parquet"
    table = pq.read_table(path)
    pq.write_table(table.select(["item_id", "title"]), path)
    assert found(warm) == {"catalogue": ("error", 5)}
    assert "brand, category, price, description, image_urls" in audit_folder(warm).render()
    ids = table["item_id"].to_pylist()
    pq.write_table(table.set_column(0, "item_id", pa.array([None, *ids[1:]])), path)
    assert found(warm) == {"catalogue": ("error", 1)}


def test_vectors_that_no_model_takes(warm):
    ids = [row["item_id"] for row in pq.read_table(warm / "catalogue.parquet").to_pylist()]
    path = features(warm, ids, np.ones(32, bool))
    good = load_file(path)
    with safe_open(path, "numpy") as file:
        header = file.metadata()
    broken = [
        {**good, "text": np.full((32, 3), np.nan, np.float32)},
        {**good, "text": good["text"][:20]},
        {**good, "text": good["text"].astype(np.float64)},
        {"text": good["text"]},
        {},
    ]
    for tensors in broken:
        save_file(tensors, path, header)
        assert found(warm) == {"features": ("error", 1)}
        with pytest.raises(FeatureError):
            read_features(path, ids)
    save_file(good, path, header)
    assert found(warm) == {}


def test_adapted_features_and_labels_that_do_not_say_of_which_pairs(warm):
    ids = [row["item_id"] for row in pq.read_table(warm / "catalogue.parquet").to_pylist()]
    path = features(warm, ids, np.ones(32, bool))
    path.rename(path.with_name("toy+adapted.safetensors"))
    assert found(warm) == {"adapted-elsewhere": ("leak", 1)}
    shutil.rmtree(warm / "features")
    query, target, *_ = rows(warm, "train")[0]
    labels = pa.table({"query": [query.split("|")[1]], "target": [target]})
    (warm / "supervision").mkdir()
    for metadata, expected in (
        ({}, {"labelled-elsewhere": ("error", 1)}),
        ({"train_sha256": "0" * 64}, {"labelled-elsewhere": ("error", 1)}),
        ({"train_sha256": file_checksum(warm / "things.train.inter")}, {}),
    ):
        path = warm / "supervision" / "people.parquet"
        pq.write_table(labels.replace_schema_metadata(metadata), path)
        assert found(warm) == expected


def test_columns_of_other_types_and_a_card_of_another_kind(warm):
    path = warm / "behaviour.parquet"
    table = pq.read_table(path)
    for column, kind in (
        ("source", pa.dictionary(pa.uint8(), pa.string())),
        ("place", pa.uint16()),
        ("in_catalogue", pa.int8()),
    ):
        at = table.column_names.index(column)
        pq.write_table(table.set_column(at, column, table[column].cast(kind)), path)
        assert found(warm) == {}
    candidates = json.loads((warm / "dataset.json").read_text())["candidates"]
    for strange in ({"behaviour_rows": [1]}, {"candidates": {**candidates, "queries": None}}):
        shutil.copy(warm / "dataset.json", warm / "card")
        change_document(warm, **strange)
        assert found(warm)["unreadable"] == ("error", 1)
        shutil.move(warm / "card", warm / "dataset.json")

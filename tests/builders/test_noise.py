"""Planted noise: in training only, all of it listed, none of it a secret of the split."""

import errno
import json
import os
import shutil
from itertools import combinations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recbole_mmsc.data.features import read_features, write_features
from recbole_mmsc.dataset_builders import noise as planting
from recbole_mmsc.dataset_builders.audit import audit_folder
from recbole_mmsc.dataset_builders.build import build_dataset
from recbole_mmsc.dataset_builders.noise import add_noise
from recbole_mmsc.dataset_builders.product import CO_PURCHASE, CO_VIEW, BuildError
from tests.builders.planted import contents, item_id, write_catalogue, write_lines

IDS = [item_id(number) for number in range(32)]
BEHAVIOUR = {"substitute": CO_VIEW, "complement": CO_PURCHASE}
OTHER = {"substitute": "complement", "complement": "substitute"}
BUILDS = {
    "things": {},
    "things-cold": {"split": "cold"},
    "things-raw": {"policy": "raw"},
    "things-exclusive": {"policy": "exclusive"},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """The planted catalogue, built in four ways, with features; nothing here is changed."""
    base = tmp_path_factory.mktemp("noise")
    source = write_catalogue(base)
    for name, options in BUILDS.items():
        folder = build_dataset(name, [source], base / "data", progress=False, **options).folder
        write_features(
            folder / "features" / "toy.safetensors",
            IDS,
            {"text": np.ones((32, 3), np.float32)},
            {"text": np.ones(32, bool)},
            encoder="toy",
        )
    return base / "data"


def rows(folder, phase):
    """[query token, target, source, weight] of each row."""
    path = folder / f"{folder.name}.{phase}.inter"
    return [line.split("\t") for line in path.read_text().splitlines()[1:]]


def pairs(folder, *phases):
    """Relation → unordered pairs of the phases, both ends in order."""
    found = {"substitute": set(), "complement": set()}
    for phase in phases:
        for query, target, *_ in rows(folder, phase):
            relation, item = query.split("|")
            found[relation].add(tuple(sorted((item, target))))
    return found


def behaviour(folder):
    """(item, other, source) of every row."""
    table = pq.read_table(folder / "behaviour.parquet").to_pylist()
    found = [(row["item"], row["other"], row["source"]) for row in table]
    assert len(found) == len(set(found))
    return set(found)


def truth(folder, kind):
    """Relation → unordered pairs of ``noise.parquet``."""
    table = pq.read_table(folder / "noise.parquet")
    assert table.column_names == ["item", "other", "relation", "kind"]
    found = {"substitute": set(), "complement": set()}
    for row in table.to_pylist():
        assert row["kind"] == kind
        assert row["item"] < row["other"]
        found[row["relation"]].add((row["item"], row["other"]))
    assert sum(map(len, found.values())) == len(table)
    return found


def document(folder):
    return json.loads((folder / "dataset.json").read_text())


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_random_noise_is_new_in_every_way(data, tmp_path, name, share):
    clean = data / name
    noisy = add_noise(clean, tmp_path, "random", share, 1)
    assert noisy == tmp_path / f"{name}-random{100 * share:g}"
    planted, before, after = truth(noisy, "random"), pairs(clean, "train"), pairs(noisy, "train")
    everything = set().union(*pairs(clean, "train", "valid", "test").values())
    # without a label, as some under "exclusive", but something is known of them
    everything |= {tuple(sorted(row[:2])) for row in behaviour(clean)}
    trained = {item for found in before.values() for pair in found for item in pair}
    for relation, found in planted.items():
        assert len(found) == round(share * len(before[relation]))
        assert not found & everything
        assert {item for pair in found for item in pair} <= trained
        assert after[relation] == before[relation] | found
    assert not planted["substitute"] & planted["complement"]
    assert audit_folder(noisy).findings == ()


def test_random_noise_reaches_the_behaviour_as_one_reference_a_pair(data, tmp_path):
    noisy = add_noise(data / "things", tmp_path, "random", 0.5, 1)
    clean_rows, noisy_rows = behaviour(data / "things"), behaviour(noisy)
    assert clean_rows < noisy_rows
    added = {"also_view": [], "also_buy": []}
    for item, other, source in noisy_rows - clean_rows:
        added[source].append((item, other))
    planted = truth(noisy, "random")
    for relation, source in (("substitute", "also_view"), ("complement", "also_buy")):
        assert sorted(tuple(sorted(pair)) for pair in added[source]) == sorted(planted[relation])
        assert {pair < pair[::-1] for pair in added[source]} == {True, False}  # either lists
        for a, b in planted[relation]:
            for item, other in ((a, b), (b, a)):
                assert [f"{relation}|{item}", other, source, "1"] in rows(noisy, "train")
    old = [row for row in rows(noisy, "train") if row in rows(data / "things", "train")]
    assert old == rows(data / "things", "train")


@pytest.mark.parametrize("kind", ["random", "swapped"])
def test_noise_stands_anywhere_in_the_lists(tmp_path, kind):
    """At their ends, or where it stood in other lists, it would give itself away."""
    items = [f"I{n:03d}" for n in range(150)]
    lines = [
        {
            "asin": item,
            "also_view": [items[(n + step) % 150] for step in (1, 2, 3)],
            "also_buy": [items[(n + step) % 150] for step in range(20, 40)],
        }
        for n, item in enumerate(items)
    ]
    meta = write_lines(tmp_path / "meta.json", lines)
    folder = build_dataset("toy", [meta], tmp_path, format="amazon-2018", progress=False).folder
    noisy = add_noise(folder, None, kind, 0.5, 0)
    lists = {}
    for row in pq.read_table(noisy / "behaviour.parquet").to_pylist():
        lists.setdefault((row["item"], row["source"]), []).append((row["place"], row["other"]))
    assert all(
        sorted(places) == [(n, other) for n, (_, other) in enumerate(sorted(places))]
        for places in lists.values()
    )
    planted = truth(noisy, kind)
    planted = planted["substitute"] | planted["complement"]
    for kind_of_list in ("also_view", "also_buy"):
        where = [
            place / (len(places) - 1)
            for (item, source), places in lists.items()
            for place, other in places
            if source == kind_of_list and len(places) > 4
            if tuple(sorted((item, other))) in planted
        ]
        assert len(where) > 100
        assert 0.4 < sum(where) / len(where) < 0.6
        assert sum(share < 0.2 for share in where) > 0.1 * len(where)
        assert sum(share > 0.8 for share in where) > 0.1 * len(where)


@pytest.mark.parametrize("name", BUILDS)
@pytest.mark.parametrize("share", [0.3, 1.0])
def test_swapped_pairs_change_relation_and_behaviour(data, tmp_path, name, share):
    clean = data / name
    noisy = add_noise(clean, tmp_path, "swapped", share, 1)
    assert noisy.name == f"{name}-swapped{100 * share:g}"
    planted, before, after = truth(noisy, "swapped"), pairs(clean, "train"), pairs(noisy, "train")
    both = before["substitute"] & before["complement"]
    assert bool(both) == (name == "things-raw")
    for relation, found in planted.items():
        other = OTHER[relation]
        assert found <= before[other] - both
        assert after[relation] == before[relation] - planted[other] | found
        wanted = round(share * len(before[other]))
        assert len(found) == wanted if not both else len(found) <= wanted
        if share == 1:
            assert found == before[other] - both
    gone, come = behaviour(clean) - behaviour(noisy), behaviour(noisy) - behaviour(clean)
    moved = planted["substitute"] | planted["complement"]
    assert {tuple(sorted(row[:2])) for row in gone | come} == moved
    for relation, found in planted.items():
        for pair in found:
            said = {s for item, other, s in behaviour(noisy) if {item, other} == set(pair)}
            assert said
            assert said <= BEHAVIOUR[relation]
    assert audit_folder(noisy).findings == ()


def test_a_swapped_pair_that_was_viewed_and_bought_counts_its_references_once(tmp_path):
    """A lists B as viewed and as bought, B lists A as viewed: swapped, two references are left."""
    ring = [f"R{n}" for n in range(8)]
    lines = [
        {"asin": "A", "also_view": ["B"], "also_buy": ["B", ring[0]]},
        {"asin": "B", "also_view": ["A"]},
        *(
            {"asin": item, "also_buy": [ring[(n + 1) % 8], ring[(n + 2) % 8]]}
            for n, item in enumerate(ring)
        ),
    ]
    meta = write_lines(tmp_path / "meta.json", lines)
    folder = build_dataset("toy", [meta], tmp_path, format="amazon-2018", progress=False).folder
    assert ["substitute|A", "B", "also_view+also_buy", "2"] in rows(folder, "train")
    noisy = add_noise(folder, None, "swapped", 1.0, 0)
    assert ["complement|A", "B", "also_buy", "2"] in rows(noisy, "train")
    assert {row for row in behaviour(noisy) if {*row[:2]} == {"A", "B"}} == {
        ("A", "B", "also_buy"),
        ("B", "A", "also_buy"),
    }


def test_noise_speaks_through_the_sources_that_the_dataset_has(tmp_path):
    """2014's catalogues say also_viewed and also_bought, and so does their noise."""
    items = [f"I{n:02d}" for n in range(20)]
    lines = [
        repr(
            {
                "asin": item,
                "related": {
                    "also_viewed": [items[(n + step) % 20] for step in (1, 2)],
                    "also_bought": [items[(n + step) % 20] for step in (5, 6)],
                    "bought_together": [items[(n + 5) % 20]],
                },
            }
        )
        for n, item in enumerate(items)
    ]
    meta = write_lines(tmp_path / "meta.json", lines)
    folder = build_dataset("old", [meta], tmp_path, format="amazon-2014", progress=False).folder
    for kind in ("random", "swapped"):
        noisy = add_noise(folder, None, kind, 0.5, 0)
        new = {source for *_, source in behaviour(noisy) - behaviour(folder)}
        assert new == {"also_viewed", "also_bought"}


@pytest.mark.parametrize("kind", ["random", "swapped"])
def test_all_but_training_is_the_same(data, tmp_path, kind):
    clean = shutil.copytree(data / "things-cold", tmp_path / "things-cold")
    (clean / "images").mkdir()
    (clean / "images" / "P000.png").write_bytes(b"picture")
    (clean / "supervision").mkdir()
    labels = pa.table({"query": pa.array([], pa.string()), "target": pa.array([], pa.string())})
    pq.write_table(labels, clean / "supervision" / "rules.parquet")
    (clean / "supervision" / ".half-written").write_bytes(b"")
    (clean / "features" / "toy+adapted.safetensors").write_bytes(b"learned from clean pairs")
    (clean / "notes.txt").write_text("mine")
    before = contents(clean)
    noisy = add_noise(clean, None, kind, 0.3, 1)
    assert noisy == tmp_path / f"things-cold-{kind}30"
    assert contents(clean) == before
    own = {"things-cold.train.inter", "behaviour.parquet", "dataset.json", "README.md"}
    # what was learned from the clean training must not clean the noisy one
    learned = {"supervision/rules.parquet", "features/toy+adapted.safetensors"}
    left = {"notes.txt", "supervision/.half-written", *learned}
    for name in before.keys() - own - left:
        twin = noisy / name.replace("things-cold.", f"{noisy.name}.")
        assert twin.samefile(clean / name), name
    assert len(contents(noisy)) == len(before) - len(left) + 1  # and noise.parquet
    assert not any((noisy / name).exists() for name in learned)
    assert read_features(noisy / "features" / "toy.safetensors", IDS).dim("text") == 3


def test_copies_where_there_can_be_no_links(data, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EXDEV, "another disk")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    noisy = add_noise(data / "things", tmp_path, "random", 0.3, 1)
    for file in ("candidates/test.parquet", "catalogue.parquet", "features/toy.safetensors"):
        assert (noisy / file).read_bytes() == (data / "things" / file).read_bytes()
        assert not (noisy / file).samefile(data / "things" / file)


def test_the_document_says_what_is_planted_and_counts_afresh(data, tmp_path):
    for name, kind in (("things", "random"), ("things-raw", "swapped")):
        before = document(data / name)
        noisy = add_noise(data / name, tmp_path, kind, 0.3, 7)
        after = document(noisy)
        planted = {relation: len(found) for relation, found in truth(noisy, kind).items()}
        assert after["noise"] == {
            "kind": kind,
            "share": 0.3,
            "seed": 7,
            "of": name,
            "of_split_sha256": before["split_sha256"],
            "pairs": planted,
        }
        assert after["name"] == noisy.name
        assert after["split_sha256"] != before["split_sha256"]
        for same in ("options", "sources", "catalogue", "references", "candidates", "quarantine"):
            assert after[same] == before[same]
        assert f"planted noise ({kind}, 0.3 of each" in after["notices"][-1]
        for relation, counts in after["pairs"]["by_relation"].items():
            for phase in ("train", "valid", "test"):
                assert counts[phase] == len(pairs(noisy, phase)[relation])
        for relation, count in after["queries"]["train"].items():
            asked = {query for query, *_ in rows(noisy, "train") if query.startswith(relation)}
            assert count == len(asked)
        counted = {source: 0 for source in after["behaviour_rows"]}
        for *_, source in behaviour(noisy):
            counted[source] += 1
        assert after["behaviour_rows"] == counted
        card = (noisy / "README.md").read_text()
        assert f"# {noisy.name}\n" in card
        assert f"`{name}` with noise planted in training" in card
        assert f'dataset="{noisy.name}"' in card


def test_pair_figures_are_those_of_all_phases(data, tmp_path):
    noisy = add_noise(data / "things", tmp_path, "swapped", 0.3, 7)
    sources = {}
    for phase in ("train", "valid", "test"):
        for query, target, source, _ in rows(noisy, phase):
            sources[tuple(sorted((query.split("|")[1], target)))] = set(source.split("+"))
    viewed = {pair for pair, said in sources.items() if said & CO_VIEW}
    bought = {pair for pair, said in sources.items() if said & CO_PURCHASE}
    figures = document(noisy)["pairs"]
    assert figures["by_source"] == {
        source: sum(source in said for said in sources.values())
        for source in ("also_view", "also_buy")
    }
    assert figures["co_view"] == len(viewed)
    assert figures["co_purchase"] == len(bought)
    assert figures["co_view_and_co_purchase"] == len(viewed & bought)
    assert figures["any"] == figures["labelled"] == len(sources) == 144
    random = document(add_noise(data / "things", tmp_path, "random", 0.3, 7))
    n_new = sum(random["noise"]["pairs"].values())
    assert random["pairs"]["labelled"] == 144 + n_new
    assert random["degrees"]["mean"] == pytest.approx(2 * (144 + n_new) / 32, abs=1e-3)
    assert random["split_audit"]["shares_reached"]["test"] == round(14 / (144 + n_new), 6)


def test_the_same_arguments_give_the_same_bytes(data, tmp_path):
    for kind in ("random", "swapped"):
        one = add_noise(data / "things", tmp_path / "one", kind, 0.3, 1)
        again = add_noise(data / "things", tmp_path / "again", kind, 0.3, 1)
        other = add_noise(data / "things", tmp_path / "other", kind, 0.3, 2)
        assert contents(one) == contents(again)
        assert truth(one, kind) != truth(other, kind)


@pytest.mark.parametrize("share", [0, -0.1, 1.01, float("nan"), float("inf")])
def test_shares_that_make_no_sense(data, tmp_path, share):
    with pytest.raises(BuildError, match=r"share in \(0, 1\]"):
        add_noise(data / "things", tmp_path, "random", share, 1)
    assert list(tmp_path.iterdir()) == []


def test_other_arguments_that_make_no_sense(data, tmp_path):
    with pytest.raises(BuildError, match="kind of noise out of random, swapped, got 'flipped'"):
        add_noise(data / "things", tmp_path, "flipped", 0.3, 1)
    with pytest.raises(BuildError, match="seed of 0 or more, got -1"):
        add_noise(data / "things", tmp_path, "random", 0.3, -1)
    with pytest.raises(BuildError, match="share that comes to a pair"):
        add_noise(data / "things", tmp_path, "swapped", 1e-6, 1)
    with pytest.raises(BuildError, match="found none at"):
        add_noise(tmp_path / "nowhere", tmp_path, "random", 0.3, 1)
    assert list(tmp_path.iterdir()) == []


def change_document(folder, **entries):
    (folder / "dataset.json").write_text(json.dumps({**document(folder), **entries}))


def test_folders_that_noise_cannot_be_planted_in(data, tmp_path):
    noisy = add_noise(data / "things", tmp_path, "random", 0.3, 1)
    with pytest.raises(BuildError, match="without noise, found things-random30"):
        add_noise(noisy, None, "swapped", 0.3, 1)
    renamed = shutil.copytree(data / "things", tmp_path / "renamed")
    with pytest.raises(BuildError, match="Expected the dataset 'things' in a folder of that name"):
        add_noise(renamed, None, "random", 0.3, 1)
    folder = shutil.copytree(data / "things", tmp_path / "things")
    change_document(folder, options={"policy": "exclusive"})
    with pytest.raises(BuildError, match="gives under the label policy 'exclusive', found others"):
        add_noise(folder, None, "random", 0.3, 1)
    change_document(folder, options={"policy": "rwa"})
    with pytest.raises(BuildError, match="found 'rwa'"):
        add_noise(folder, None, "random", 0.3, 1)
    (folder / "dataset.json").write_text('{"name": "things"}')
    with pytest.raises(BuildError, match=r"Expected notices, options, .* Build the dataset again"):
        add_noise(folder, None, "random", 0.3, 1)
    (folder / "dataset.json").write_text("{")
    with pytest.raises(BuildError, match="found none at"):
        add_noise(folder, None, "random", 0.3, 1)
    assert {path.name for path in tmp_path.iterdir()} == {"renamed", "things", "things-random30"}


@pytest.mark.parametrize("file", ["things.valid.inter", "things.item", "behaviour.parquet"])
def test_damaged_folders(data, tmp_path, file):
    folder = shutil.copytree(data / "things", tmp_path / "things")
    (folder / file).write_bytes(b"\xff")
    with pytest.raises(BuildError):
        add_noise(folder, None, "random", 0.3, 1)
    (folder / file).unlink()
    with pytest.raises(BuildError):
        add_noise(folder, None, "random", 0.3, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["things"]


def test_sources_that_nobody_knows(data, tmp_path):
    folder = shutil.copytree(data / "things", tmp_path / "things")
    table = pq.read_table(folder / "behaviour.parquet")
    table = table.set_column(2, "source", pa.repeat("heard_of", len(table)))
    pq.write_table(table, folder / "behaviour.parquet")
    with pytest.raises(BuildError, match=r"sources out of also_view, .* found 'heard_of'"):
        add_noise(folder, None, "random", 0.3, 1)


def test_a_build_without_places_is_to_be_built_again(data, tmp_path):
    folder = shutil.copytree(data / "things", tmp_path / "things")
    path = folder / "behaviour.parquet"
    pq.write_table(pq.read_table(path).drop_columns("place"), path)
    with pytest.raises(BuildError, match=r"Expected a column place in .* Build the dataset again"):
        add_noise(folder, None, "random", 0.3, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["things"]


def test_an_existing_one_stays_unless_it_is_to_be_replaced(data, tmp_path):
    noisy = add_noise(data / "things", tmp_path, "random", 0.3, 1)
    before = contents(noisy)
    with pytest.raises(BuildError, match="exists and was left as it is"):
        add_noise(data / "things", tmp_path, "random", 0.3, 2)
    assert contents(noisy) == before
    add_noise(data / "things", tmp_path, "random", 0.3, 2, replace=True)
    assert contents(noisy) != before
    assert [path.name for path in tmp_path.iterdir()] == [noisy.name]


@pytest.mark.parametrize("step", ["write_phase", "write_behaviour", "render_card", "audit_folder"])
def test_a_failure_at_any_step_leaves_all_as_it_was(data, tmp_path, monkeypatch, step):
    before = contents(data)

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(planting, step, full)
    with pytest.raises(BuildError, match="the disk is full"):
        add_noise(data / "things", tmp_path, "random", 0.3, 1)
    assert list(tmp_path.iterdir()) == []
    assert contents(data) == before


def test_nothing_to_swap_with_and_nothing_left_to_add(tmp_path):
    items = [f"I{n}" for n in range(8)]
    lines = [{"asin": item, "also_buy": [i for i in items if i != item]} for item in items]
    meta = write_lines(tmp_path / "meta.json", lines)
    folder = build_dataset("full", [meta], tmp_path, format="amazon-2018", progress=False).folder
    with pytest.raises(BuildError, match="found no substitute"):
        add_noise(folder, None, "swapped", 0.3, 1)
    with pytest.raises(BuildError, match="that are not related, found 0 among the 8 items"):
        add_noise(folder, None, "random", 0.3, 1)


def test_the_last_pair_is_found(tmp_path):
    """All pairs of 8 items but two: a share of 0.1 of what is in training asks for just these."""
    items = [f"I{n}" for n in range(8)]
    free = {("I0", "I1"), ("I2", "I3")}
    listed = {item: [] for item in items}
    for a, b in combinations(items, 2):
        if (a, b) not in free:
            listed[a].append(b)
    lines = [{"asin": item, "also_buy": others} for item, others in listed.items()]
    meta = write_lines(tmp_path / "meta.json", lines)
    folder = build_dataset("full", [meta], tmp_path, format="amazon-2018", progress=False).folder
    noisy = add_noise(folder, None, "random", 0.1, 1)
    assert truth(noisy, "random")["complement"] == free


def checks(folder):
    return {
        finding.check: (finding.severity, finding.count)
        for finding in audit_folder(folder).findings
    }


def test_the_audit_excuses_random_noise_only_and_only_what_is_listed(data, tmp_path):
    noisy = add_noise(data / "things", tmp_path, "random", 1.0, 1)
    table = pq.read_table(noisy / "noise.parquet")
    candidates = {
        row["query"]: set(row["candidates"])
        for row in pq.read_table(noisy / "candidates" / "test.parquet").to_pylist()
    }
    hits = [
        sum(
            other in candidates.get(f"{row['relation']}|{item}", ())
            for item, other in ((row["item"], row["other"]), (row["other"], row["item"]))
        )
        for row in table.to_pylist()
    ]
    assert sum(hits) > 10  # noise does meet the candidates, which are no positives for it
    pq.write_table(table.slice(1), noisy / "noise.parquet")
    leak = "positive-among-candidates"
    assert checks(noisy).get(leak) == (("leak", hits[0]) if hits[0] else None)
    swapped = table.set_column(3, "kind", pa.repeat("swapped", len(table)))
    pq.write_table(swapped, noisy / "noise.parquet")
    assert checks(noisy)[leak] == ("leak", sum(hits))
    (noisy / "noise.parquet").unlink()
    assert checks(noisy)["missing-file"] == ("error", 1)
    assert checks(noisy)[leak] == ("leak", sum(hits))


def test_the_audit_wants_noise_to_be_in_training(data, tmp_path):
    noisy = add_noise(data / "things", tmp_path, "swapped", 0.3, 1)
    assert audit_folder(noisy).counts["pairs of noise"] == len(
        pq.read_table(noisy / "noise.parquet")
    )
    table = pq.read_table(noisy / "noise.parquet")
    query, target, *_ = rows(noisy, "test")[0]
    relation, item = query.split("|")
    more = [
        {"item": item, "other": target, "relation": relation, "kind": "swapped"},
        {"item": "NOBODY", "other": target, "relation": relation, "kind": "swapped"},
        {"item": item, "other": target, "relation": "gift", "kind": "random"},
    ]
    pq.write_table(
        pa.concat_tables([table, pa.Table.from_pylist(more, table.schema)]),
        noisy / "noise.parquet",
    )
    assert checks(noisy) == {"noise": ("error", 3)}
    (noisy / "noise.parquet").write_bytes(b"PAR1")
    assert checks(noisy)["unreadable"][0] == "error"


def test_a_held_out_pair_as_noise_is_a_leak(data, tmp_path, monkeypatch):
    """Were the draw to hit one, the audit would stop it."""
    honest = planting.KINDS["random"]

    def leaky(clean, share, rng):
        noisy = honest(clean, share, rng)
        n = clean.relations.n_items
        secret = int(clean.held_out["test"][0])
        references = noisy.references
        references.item[0], references.other[0] = secret // n, secret % n
        return noisy

    monkeypatch.setitem(planting.KINDS, "random", leaky)
    with pytest.raises(BuildError, match=r"(?s)audit of the noisy .*LEAK.*test is in"):
        add_noise(data / "things", tmp_path, "random", 0.3, 1)
    assert list(tmp_path.iterdir()) == []

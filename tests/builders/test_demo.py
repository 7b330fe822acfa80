"""The demo catalogue: deterministic, honest about its noise, neither trivial nor hopeless."""

import gzip
import json
from collections import Counter

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from recbole_mmsc.dataset_builders.demo import generate_demo
from recbole_mmsc.dataset_builders.demo.pictures import DRAWINGS, draw_product
from recbole_mmsc.dataset_builders.demo.words import COMPLEMENTS, STYLES, TYPES
from recbole_mmsc.dataset_builders.demo.world import (
    LONGEST_LIST,
    list_references,
    make_world,
)

N = 400


@pytest.fixture(scope="module")
def paths(tmp_path_factory):
    return generate_demo(tmp_path_factory.mktemp("demo"), N, progress=False)


@pytest.fixture(scope="module")
def records(paths):
    return [json.loads(line) for line in gzip.open(paths.meta)]


@pytest.fixture(scope="module")
def truth(paths):
    return pq.read_table(paths.truth).to_pylist()


@pytest.fixture(scope="module")
def items(paths):
    return {row["item"]: row for row in pq.read_table(paths.items_truth).to_pylist()}


def test_words_and_drawings_belong_together():
    names = [t.name for t in TYPES]
    assert len(names) == len(set(names)) == 40
    assert set(DRAWINGS) == set(names)
    assert len({t.department for t in TYPES}) == 8
    partners = Counter(name for pair in COMPLEMENTS for name in pair)
    assert set(partners) == set(names)
    assert min(partners.values()) >= 2
    assert len({frozenset(pair) for pair in COMPLEMENTS}) == len(COMPLEMENTS)
    assert all(len(set(pair)) == 2 for pair in COMPLEMENTS)


def test_same_arguments_same_bytes(paths, tmp_path):
    def contents(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    again = generate_demo(tmp_path / "again", N, progress=False)
    assert contents(again.meta.parent) == contents(paths.meta.parent)
    generate_demo(again.meta.parent, N, seed=1, progress=False)
    assert again.meta.read_bytes() != paths.meta.read_bytes()


def test_records_are_amazon_2018(records):
    assert len({record["asin"] for record in records}) == len(records) == N
    for record in records:
        assert set(record) == {
            *("asin", "title", "brand", "category", "description", "price"),
            *("also_buy", "also_view", "imageURL"),
        }
    assert sum(not record["title"] for record in records) < 0.03 * N
    assert sum(record["price"].startswith("$") for record in records) > 0.8 * N


def test_truth_lists_every_reference_of_the_file(records, truth):
    listed = Counter(
        (record["asin"], other, source)
        for record in records
        for source in ("also_buy", "also_view")
        for other in record[source]
    )
    assert listed == Counter((row["item"], row["other"], row["source"]) for row in truth)
    assert max(listed.values()) == 1, "nobody names the same item twice"
    assert all(item != other for item, other, _ in listed)
    assert max(len(r[s]) for r in records for s in ("also_buy", "also_view")) == LONGEST_LIST


def test_kinds_are_what_they_say(truth, items):
    together = {frozenset(pair) for pair in COMPLEMENTS}
    for row in truth:
        types = items[row["item"]]["type"], items[row["other"]]["type"]
        related = "also_view" if types[0] == types[1] else "also_buy"
        assert row["noise"] == (row["kind"] in ("random", "swapped"))
        if row["kind"] == "random":
            continue
        assert types[0] == types[1] or frozenset(types) in together
        assert (row["source"] == related) == (row["kind"] == "clean")
        if row["kind"] == "overlap":
            assert types[0] == types[1]


@pytest.mark.parametrize("noise", [0.0, 0.25, 0.5])
def test_the_share_of_noise_is_known(noise):
    rngs = np.random.default_rng(5).spawn(3)
    rows = list_references(make_world(600, rngs[0]), noise, rngs[1], rngs[2]).to_pylist()
    pairs = {
        (frozenset((row["item"], row["other"])), row["source"]): row["kind"]
        for row in rows
        if row["kind"] != "overlap"
    }
    kinds = Counter(pairs.values())
    assert (kinds["random"] + kinds["swapped"]) / len(pairs) == pytest.approx(noise, abs=0.02)
    assert kinds["random"] == pytest.approx(kinds["swapped"], rel=0.15)


def test_some_items_have_no_relation_and_some_references_lead_outside(records, truth, items):
    named = {row["other"] for row in truth} | {row["item"] for row in truth}
    cold = [record["asin"] for record in records if record["asin"] not in named]
    assert 0.03 * N <= len(cold) <= 0.1 * N
    assert all(not items[item]["popularity"] for item in cold[: round(0.04 * N)])
    outside = {row["other"] for row in truth} - {record["asin"] for record in records}
    assert len(outside) > 0.04 * N
    assert all(not items[item]["in_catalogue"] for item in outside)


def test_clean_pairs_fit_in_style_and_audience_and_noise_does_not(truth, items):
    def agreement(kind, field):
        pairs = [row for row in truth if row["kind"] == kind]
        same = [items[row["item"]][field] == items[row["other"]][field] for row in pairs]
        return np.mean(same)

    assert agreement("clean", "style") > 0.5 > 0.3 > agreement("random", "style")
    assert agreement("clean", "audience") > 0.75 > 0.6 > agreement("random", "audience")


def test_popularity_has_a_long_tail(truth):
    degrees = np.sort(list(Counter(row["other"] for row in truth).values()))[::-1]
    assert degrees[: len(degrees) // 10].sum() > 0.2 * degrees.sum()
    assert degrees[0] > 4 * np.median(degrees) > 10 * degrees[-len(degrees) // 20]


def test_pictures(paths, records):
    pictures = sorted(paths.images.iterdir())
    ids = {record["asin"] for record in records}
    assert {picture.stem for picture in pictures} < ids
    assert 0.9 * N < len(pictures) < N
    with Image.open(pictures[0]) as picture:
        assert (picture.format, picture.size, picture.mode) == ("PNG", (64, 64), "RGB")


def test_pictures_show_type_and_style():
    rng = np.random.default_rng(0)
    looks = {}
    for kind in ("kettle", "umbrella"):
        for style in ("industrial", "coastal"):
            colour = next(iter(STYLES[style][1].values()))
            drawn = [np.asarray(draw_product(kind, style, colour, rng), float) for _ in range(8)]
            looks[kind, style] = np.mean(drawn, 0)

    def distance(a, b):
        return np.abs(looks[a] - looks[b]).mean()

    assert distance(("kettle", "industrial"), ("kettle", "coastal")) > 4
    assert distance(("kettle", "industrial"), ("umbrella", "industrial")) > 10


def ease_ndcg(noise, seed=3, n=1000, k=10):
    """NDCG@10 of EASE per relation on held-out clean pairs (a fifth of them)."""
    rngs = np.random.default_rng(seed).spawn(3)
    world = make_world(n, rngs[0])
    rows = list_references(world, noise, rngs[1], rngs[2]).to_pylist()
    index = {item: i for i, item in enumerate(world.ids[:n])}
    result = {}
    for source in ("also_view", "also_buy"):
        kinds = {
            tuple(sorted((index[row["item"]], index[row["other"]]))): row["kind"]
            for row in rows
            if row["source"] == source and row["other"] in index and row["kind"] != "overlap"
        }
        pairs = np.array(sorted(kinds))
        clean = np.array([kinds[tuple(pair)] == "clean" for pair in pairs.tolist()])
        held = clean & (np.random.default_rng(0).random(len(pairs)) < 0.2)
        train, test = np.zeros((n, n)), np.zeros((n, n))
        for matrix, part in ((train, pairs[~held]), (test, pairs[held])):
            matrix[part[:, 0], part[:, 1]] = matrix[part[:, 1], part[:, 0]] = 1
        inverse = np.linalg.inv(train @ train + 20 * np.eye(n))
        scores = train @ (np.eye(n) - inverse / np.diag(inverse))
        scores[(train > 0) | np.eye(n, dtype=bool)] = -np.inf
        queries = np.flatnonzero(test.sum(1))
        top = np.argsort(-scores[queries], 1)[:, :k]
        gain = 1 / np.log2(np.arange(k) + 2)
        ideal = np.cumsum(gain)[np.minimum(test[queries].sum(1).astype(int), k) - 1]
        hits = np.take_along_axis(test[queries], top, 1)
        result[source] = float(((hits * gain).sum(1) / ideal).mean())
    return result


def test_the_task_is_neither_trivial_nor_hopeless_and_noise_hurts():
    clean, noisy = ease_ndcg(noise=0.0), ease_ndcg(noise=0.5)
    for source in ("also_view", "also_buy"):
        assert 0.2 < noisy[source] < 0.9 * clean[source] < 0.6


@pytest.mark.parametrize("bad", [{"n_items": 10}, {"noise": 0.9}, {"noise": -0.1}])
def test_arguments_out_of_range_are_refused(tmp_path, bad):
    with pytest.raises(
        ValueError, match=r"Expected (200 products or more|noise in \[0, 0.6\]), got"
    ):
        generate_demo(tmp_path / "demo", progress=False, **bad)
    assert not (tmp_path / "demo").exists()

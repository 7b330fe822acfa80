"""Co-reviews as a co-purchase source, on reviews with a known truth."""

import gzip
import json
from itertools import combinations

import numpy as np
import pytest

from recbole_mmsc.dataset_builders.amazon import reviews as module
from recbole_mmsc.dataset_builders.amazon.reviews import co_review_references
from recbole_mmsc.dataset_builders.product import BuildError
from recbole_mmsc.dataset_builders.quarantine import Quarantine

# Ann and Bob both reviewed A and B; Cid reviewed B and C, alone; Dan reviewed everything.
REVIEWS = [
    *(("ann", "A"), ("ann", "B"), ("ann", "A"), ("bob", "B"), ("bob", "A"), ("cid", "B")),
    *(("cid", "C"), ("dan", "A"), ("dan", "B"), ("dan", "C"), ("dan", "D"), ("eve", "X")),
]
KNOWN = ["A", "B", "C", "D"]


def json_2018(user, item):
    return json.dumps({"reviewerID": user, "asin": item, "reviewText": "Nice", "overall": 5.0})


def json_2023(user, item):
    return json.dumps({"user_id": user, "parent_asin": item, "asin": "other", "rating": 5.0})


def literal_2014(user, item):
    return repr({"reviewerID": user, "asin": item, "helpful": [1, 2], "reviewText": "It's"})


def item_first(user, item):
    return f"{item},{user},5.0,1400000000"


def user_first(user, item):
    return f"{user},{item},5.0,1400000000\r"


def quoted(user, item):
    return f'"{user}", "{item}",5.0'.replace(", ", ",")


@pytest.fixture
def read(tmp_path):
    """A function from lines to references and quarantine counts."""

    def read_lines(*files, **options):
        paths = []
        for number, lines in enumerate(files):
            paths.append(tmp_path / f"reviews{number}")
            paths[-1].write_bytes(gzip.compress("\n".join(lines).encode()))
        with Quarantine(tmp_path / "quarantine.jsonl") as quarantine:
            found = co_review_references(paths, KNOWN, quarantine, progress=False, **options)
            return list(found), quarantine.counts

    return read_lines


@pytest.mark.parametrize(
    "form", [json_2018, json_2023, literal_2014, item_first, user_first, quoted]
)
def test_pairs_that_two_users_share(read, form):
    found, counts = read([form(*review) for review in REVIEWS])
    # A-B: ann, bob, dan (twice ann's A is one); B-C: cid, dan; all others: dan alone
    assert found == [("A", ["B"]), ("B", ["A", "C"]), ("C", ["B"])]
    assert not counts


def test_thresholds(read):
    lines = [json_2018(*review) for review in REVIEWS]
    assert read(lines, min_users=3)[0] == [("A", ["B"]), ("B", ["A"])]
    assert read(lines, max_reviews=3)[0] == [("A", ["B"]), ("B", ["A"])]  # without dan
    everything = [(item, [other for other in KNOWN if other != item]) for item in KNOWN]
    assert read(lines, min_users=1)[0] == everything


def test_several_files_and_a_header(read):
    lines = [item_first(*review) for review in REVIEWS]
    header = "user_id,parent_asin,rating,timestamp"
    assert read(lines[:5], [header, *lines[5:]])[0] == read(lines)[0]


def test_unusable_lines_are_kept_out(read):
    lines = [json_2018(*review) for review in REVIEWS]
    junk = ["__import__('os').system('touch /tmp/x')", '{"asin": "A"}', '{"asin": 5, "user_id": 1}']
    junk += ["ann,A,5.0\rx,1", "u," + "A" * 200_000]
    found, counts = read([*junk, *lines, "{broken"])
    assert found == read(lines)[0]
    assert counts == {
        "the line names no user and item": 3,
        "the line is no CSV": 2,
        "the line is not a Python literal": 1,
    }


def test_no_reviews_of_known_items(read):
    assert read([json_2018("ann", "X")])[0] == []
    assert read([])[0] == []


def test_against_counting_by_hand_over_many_blocks(read, monkeypatch):
    monkeypatch.setattr(module, "ITEMS_AT_ONCE", 3)
    random_ = np.random.default_rng(7)
    known = [f"item{number}" for number in range(20)]
    monkeypatch.setitem(globals(), "KNOWN", known)
    reviews = {(f"u{u}", known[i]) for u, i in random_.integers(0, (40, 20), (300, 2)).tolist()}
    shared: dict[frozenset, int] = {}
    for user in {user for user, _ in reviews}:
        items = [item for who, item in reviews if who == user]
        for pair in combinations(items, 2) if len(items) <= 9 else ():
            shared[frozenset(pair)] = shared.get(frozenset(pair), 0) + 1
    expected = [
        (item, others)
        for item in known
        if (others := [o for o in known if o != item and shared.get(frozenset((item, o)), 0) >= 2])
    ]
    found, _ = read([json_2018(*review) for review in sorted(reviews)], max_reviews=9)
    assert found == expected
    assert len(expected) > 10


def test_a_missing_file_is_named(tmp_path):
    with Quarantine(tmp_path / "q") as quarantine, pytest.raises(BuildError, match="no file"):
        list(co_review_references([tmp_path / "absent"], KNOWN, quarantine, progress=False))

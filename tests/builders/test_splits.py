import numpy as np
import pytest

from recbole_mmsc.dataset_builders.labels import Relations
from recbole_mmsc.dataset_builders.product import BuildError
from recbole_mmsc.dataset_builders.splits import (
    TEST,
    TRAIN,
    UNLABELLED,
    VALID,
    cold_split,
    warm_split,
)


def relations(pairs, n_items, unlabelled=()):
    first, second = np.array(sorted(pairs), np.int32).reshape(-1, 2).T
    ones = np.ones(len(pairs), np.uint8)
    labelled = np.array([pair not in unlabelled for pair in sorted(pairs)], bool)
    return Relations(n_items, first, second, ones, ones, ones, labelled, labelled)


def random_pairs(n_items, count, seed=0):
    rng = np.random.default_rng(seed)
    found = set()
    while len(found) < count:
        one, other = sorted(rng.integers(n_items, size=2).tolist())
        if one != other:
            found.add((one, other))
    return found


def ends(found, phase, wanted):
    return set(found.first[phase == wanted]) | set(found.second[phase == wanted])


def test_warm_shares_and_every_held_out_item_keeps_a_training_pair():
    found = relations(random_pairs(100, 2000), 100)
    split = warm_split(found, seed=1)
    assert np.bincount(split.phase).tolist() == [1600, 200, 200]
    trained = ends(found, split.phase, TRAIN)
    assert ends(found, split.phase, VALID) | ends(found, split.phase, TEST) <= trained
    assert split.audit["shares_reached"] == {"train": 0.8, "valid": 0.1, "test": 0.1}
    assert split.audit["held_out_items_keep_a_training_pair"] is True


def test_warm_split_on_a_sparse_graph_takes_what_is_free_and_says_so():
    # A path of 30 items: many pairs are somebody's only safe one.
    found = relations([(n, n + 1) for n in range(29)], 30)
    split = warm_split(found, seed=3, shares=(0.2, 0.4, 0.4))
    free = split.audit["pairs_that_could_be_held_out"]
    counts = np.bincount(split.phase, minlength=3)
    assert counts[VALID] + counts[TEST] == free < 0.8 * 29
    assert abs(counts[VALID] - counts[TEST]) <= 1
    assert ends(found, split.phase, TRAIN) == set(range(30))
    assert split.audit["shares_reached"]["train"] == round(1 - free / 29, 6)


def test_warm_split_needs_two_pairs_to_hold_out():
    star = relations([(0, n) for n in range(1, 6)], 6)  # each leaf has this one pair only
    with pytest.raises(BuildError, match="at least 2 pairs that can be held out, found 0 among 5"):
        warm_split(star, seed=0)


def test_unlabelled_pairs_are_in_no_phase():
    pairs = random_pairs(30, 200)
    unlabelled = set(sorted(pairs)[::4])
    found = relations(pairs, 30, unlabelled)
    for split in (warm_split(found, 5), cold_split(found, 5)):
        assert (split.phase[~found.labelled] == UNLABELLED).all()
        assert (split.phase[found.labelled] >= TRAIN).all()


def test_the_seed_decides():
    found = relations(random_pairs(50, 500), 50)
    for draw in (warm_split, cold_split):
        assert (draw(found, 7).phase == draw(found, 7).phase).all()
        assert (draw(found, 7).phase != draw(found, 8).phase).any()


def test_the_draw_is_pinned():
    """Were numpy's stream or our use of it to change, published splits would change with it."""
    found = relations(random_pairs(8, 20), 8)
    assert "".join(map(str, warm_split(found, 2026).phase)) == "00000000010200002100"
    assert "".join(map(str, cold_split(found, 2026, 0.4, 0.2).item_phase)) == "11000200"


def test_cold_items_have_no_training_pair_and_their_pairs_their_phase():
    found = relations(random_pairs(200, 3000), 200)
    split = cold_split(found, seed=4)
    first, second = split.item_phase[found.first], split.item_phase[found.second]
    assert (split.item_phase > 0).sum() == 30
    assert (split.item_phase == VALID).sum() == 10
    assert ((first > 0) | (second > 0)).tolist() == (split.phase > TRAIN).tolist()
    # valid with test is test; all others follow their cold end
    assert split.phase[(first == VALID) & (second == TEST)].tolist().count(TEST) > 0
    assert (split.phase == np.maximum(first, second)).all()
    assert split.audit["cold_items"] == {"valid": 10, "test": 20}
    assert split.audit["cold_share_reached"] == 0.15


def test_cold_questions_are_asked_from_the_cold_side():
    split = cold_split(relations(random_pairs(200, 3000), 200), seed=4)
    warm, valid, test = (int(np.flatnonzero(split.item_phase == phase)[0]) for phase in range(3))
    items = np.array([warm, valid, test])
    assert split.asked_from(items, VALID).tolist() == [False, True, False]
    assert split.asked_from(items, TEST).tolist() == [False, False, True]
    assert split.asked_from(items, TRAIN).tolist() == [True, True, True]


def test_cold_split_counts_warm_items_that_lose_all_their_pairs():
    # A star: as soon as the centre is cold, all leaves lose their pair; else only cold leaves do.
    found = relations([(0, n) for n in range(1, 20)] + [(20, 21)], 22)
    split = cold_split(found, seed=0, share=0.2, valid_share=0.1)
    trained = ends(found, split.phase, TRAIN)
    warm = set(np.flatnonzero(split.item_phase == 0).tolist())
    assert split.audit["warm_items_left_without_training_pair"] == len(warm - trained)


def test_cold_split_of_too_little_says_what_is_missing():
    with pytest.raises(BuildError, match=r"found none for train.*2 items have pairs"):
        cold_split(relations([(0, 1)], 2), seed=0)

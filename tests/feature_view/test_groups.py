"""Which level of the categories is told apart, and which items stand for a catalogue."""

import numpy as np
import pyarrow as pa

from recbole_mmsc.feature_view.groups import category_groups, short_names, typical_rows


def paths(*texts):
    return pa.chunked_array([pa.array(texts, pa.string())])


def test_the_first_level_where_it_tells_items_apart_else_the_second():
    wide = paths("Home > Pots", "Garden > Hoses", None, "")
    assert category_groups(wide).tolist() == ["Home", "Garden", "", ""]
    narrow = paths("Beauty > Hair > Wigs", "Beauty > Skin", "Beauty")
    assert category_groups(narrow).tolist() == ["Beauty > Hair", "Beauty > Skin", "Beauty"]


def test_no_categories_and_no_items():
    assert category_groups(paths(None, "")).tolist() == ["", ""]
    assert category_groups(paths()).tolist() == []
    assert typical_rows(paths(), np.zeros(0, bool), 5) == []


def test_names_are_short_unless_two_would_be_alike():
    assert short_names(["A > Hair", "A > Shoes", "B > Shoes"]) == ["Hair", "A > Shoes", "B > Shoes"]


CATEGORIES = paths("H > Pots", "H > Pots", "H > Pots", "H > Pans", "H > Pans", "G > Hoses", None)


def test_the_largest_leaf_of_each_group_first():
    everything = np.ones(7, bool)
    assert typical_rows(CATEGORIES, everything, 2) == [0, 5]
    assert typical_rows(CATEGORIES, everything, 3) == [0, 5, 3]
    # then others, evenly spread, each once
    assert sorted(typical_rows(CATEGORIES, everything, 7)) == list(range(7))


def test_only_usable_items_are_chosen():
    usable = np.array([0, 1, 0, 0, 1, 0, 1], bool)
    assert typical_rows(CATEGORIES, usable, 5) == [1, 4, 6]
    assert typical_rows(CATEGORIES, np.zeros(7, bool), 5) == []
    assert typical_rows(paths(None, None, None), np.ones(3, bool), 2) == [0, 2]

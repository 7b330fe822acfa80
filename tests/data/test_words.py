"""The words of titles and brands."""

import numpy as np
import pytest

from recbole_mmsc.data.words import Words

TEXTS = ["Avo argan shampoo", "Avo argan conditioner", "Bel nail file", "Bel nail polish red", ""]


def cosines(words, texts):
    return words.vectors(texts).astype(np.float32) @ words.catalogue.astype(np.float32).T


def test_items_that_share_words_are_alike_and_a_word_of_one_item_alone_says_nothing():
    found = cosines(Words(TEXTS), TEXTS)
    # each of these has but shared words left: "avo argan" and "bel nail" with their pairs
    assert found[0, 1] == pytest.approx(1, abs=1e-3)
    assert found[2, 3] == pytest.approx(1, abs=1e-3)
    assert abs(found[:2, 2:4]).max() < 0.15  # the projection's noise
    assert not found[4].any()


def test_a_rare_word_counts_more_than_a_common_one():
    texts = [f"shampoo number {n}" for n in range(30)] + ["argan shampoo", "argan soap"]
    found = cosines(Words(texts), ["argan shampoo"])[0]
    assert found[31] > max(found[:30]) + 0.2


def test_new_texts_are_read_by_the_words_of_the_catalogue():
    words = Words(TEXTS)
    np.testing.assert_array_equal(words.vectors([TEXTS[2]])[0], words.catalogue[2])
    assert not words.vectors(["something else entirely"]).any()


@pytest.mark.parametrize("texts", [["", ""], ["one", "two"], ["!!!", "???"]])
def test_a_catalogue_without_shared_words_has_none(texts):
    words = Words(texts)
    assert words.catalogue.shape == (2, 1024)
    assert not words.catalogue.any()
    assert not words.vectors(["one"]).any()

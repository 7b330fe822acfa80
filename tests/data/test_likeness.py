"""What text, image and words are each worth when items borrow."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.preprocessing import normalize

from recbole_mmsc.data.likeness import Likeness, find_likeness

N_GROUPS, SIZE = 20, 10
N = N_GROUPS * SIZE
GROUP = np.arange(N) % N_GROUPS
HOW = {"k": 5, "sharpness": 4, "reg_weight": 0.2}


def telling(groups, noise, seed):
    """Vectors that show the groups, the less the more noise."""
    rng = np.random.default_rng(seed)
    centres = normalize(rng.standard_normal((N_GROUPS, 32)))
    noisy = centres[groups] + noise * normalize(rng.standard_normal((len(groups), 32)))
    return normalize(noisy).astype(np.float32)


def related_groups():
    """Every item is related to all of the next group."""
    graph = (GROUP[:, None] + 1) % N_GROUPS == GROUP
    return [sparse.csr_array((graph | graph.T).astype(np.float32))]


def find(sources, related=None, lenders=None):
    lenders = np.ones(N, bool) if lenders is None else lenders
    return find_likeness(sources, related or related_groups(), lenders, **HOW).shares


def test_a_source_that_tells_nothing_gets_no_say():
    sources = {"text": telling(GROUP, 1.2, 1), "image": telling(GROUP, 9, 2)}
    shares = find(sources)
    assert shares["text"] >= 0.7
    assert sum(shares.values()) == pytest.approx(1)


def test_two_sources_that_tell_different_things_share():
    half = telling(GROUP // 2, 0.3, 1), telling(GROUP % 2, 0.3, 2)
    shares = find({"text": half[0], "image": half[1]})
    assert 0.2 <= shares["text"] <= 0.8


def test_the_same_answer_every_time_and_whoever_is_named_first():
    sources = {"text": telling(GROUP, 0.8, 1), "words": telling(GROUP, 1.2, 2)}
    shares = find(sources)
    assert find(sources) == shares
    assert find(dict(reversed(sources.items()))) == shares


def test_one_source_is_all_there_is():
    assert find({"image": telling(GROUP, 0.3, 1)}) == {"image": 1}


@pytest.mark.parametrize("n_lenders", [0, 1, 2])
def test_without_items_to_learn_from_the_shares_stay_even(n_lenders):
    sources = {"text": telling(GROUP, 0.3, 1), "image": telling(GROUP, 9, 2)}
    nothing = [sparse.csr_array((N, N), dtype=np.float32)]
    assert find(sources, nothing, np.arange(N) < n_lenders) == {"text": 0.5, "image": 0.5}


def test_the_cosines_are_a_mixture():
    sources = {
        "text": np.array([[1, 0], [0.6, 0.8], [0, 0], [0, 0]], np.float32),
        "words": np.array([[1, 0], [0, 1], [0, 1], [0, 0]], np.float16),
    }
    found = Likeness({"text": 0.8, "words": 0.2}).vectors(sources)
    assert found.dtype == np.float32
    # the third has no text: .2 / √.2 is what it shares with the second
    np.testing.assert_allclose(
        found @ found.T,
        [[1, 0.48, 0, 0], [0.48, 1, 0.4472136, 0], [0, 0.4472136, 1, 0], [0, 0, 0, 0]],
        atol=1e-6,
    )


def test_a_source_without_a_share_takes_no_room():
    sources = {"text": np.eye(3, dtype=np.float32), "image": np.eye(3, 7, dtype=np.float32)}
    assert Likeness({"text": 1.0, "image": 0.0}).vectors(sources).shape == (3, 3)

"""What speaks for suggestions whose linear models are written down by hand."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import sparse

from recbole_mmsc.data.completion import Completion
from recbole_mmsc.data.suggestions import PARTS, suggestions

N, NODES = 4, 5  # one product outside the catalogue, node 4
VECTORS = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 0]], np.float32)


def matrix(entries, shape):
    found = sparse.lil_array(shape, dtype=np.float32)
    for (row, column), value in entries.items():
        found[row, column] = value
    return sparse.csr_array(found)


def completion():
    """Item 0 stands beside 1 and the outsider in co-view, beside 3 in co-purchase."""
    view, bought, alike = 0, NODES, 2 * NODES
    rows = matrix(
        {
            (0, view + 1): 1,
            (0, view + 4): 1,
            (0, bought + 3): 0.5,
            (0, alike + 2): 0.6,
            (2, bought + 4): 1,
        },
        (N, 2 * NODES + N),
    )
    of_two = {(view + 1, 2): 0.4, (view + 4, 2): 0.3, (bought + 3, 2): -0.2, (alike + 2, 2): 0.5}
    weights = [
        matrix({**of_two, (bought + 4, 0): 0.25, (view + 1, 3): 0.1}, (2 * NODES + N, N)),
        matrix({(bought + 3, 2): 0.8}, (2 * NODES + N, N)),
    ]
    known = [matrix({(0, 1): 1, (1, 0): 1}, (N, N)), matrix({}, (N, N))]
    nothing = [matrix({}, (N, N))] * 2
    borrowing = sparse.csr_array(sparse.eye_array(N, dtype=np.float32))
    columns = [sparse.csc_array(each) for each in weights]
    return Completion(rows, columns, known, borrowing, NODES, nothing)


def graphs():
    beside = {(0, 1): 1, (1, 0): 1, (0, 4): 1, (2, 4): 1}
    return [matrix(beside, (N, NODES)), matrix({(0, 3): 1, (3, 0): 1, (2, 4): 1}, (N, NODES))]


def found(at_most=3, sources=None, items=(0, 1), wanted=None):
    given = completion(), graphs(), sources if sources is not None else {"text": VECTORS}
    (block,) = suggestions(*given, 0, np.array(items, np.int64), at_most, wanted)
    return block


def test_the_largest_suggestions_of_each_item_none_of_them_known():
    items, targets, evidence = found()
    assert list(zip(items.tolist(), targets.tolist(), strict=True)) == [(0, 2), (0, 3)]
    assert evidence.dtype == np.float32
    assert found(at_most=1)[1].tolist() == [2]


@pytest.mark.parametrize("relation", [0, 1])
@pytest.mark.parametrize(("known", "left"), [(2, [3]), (3, [2])])
def test_a_training_pair_of_either_relation_is_no_candidate(relation, known, left):
    nothing, pair = matrix({}, (N, N)), matrix({(0, known): 0.3, (known, 0): 0.3}, (N, N))
    trained = [pair, nothing] if relation == 0 else [nothing, pair]
    found = replace(completion(), known=trained).candidates(0, np.array([0]), at_most=3)
    assert found.indices.tolist() == left


def test_rank_share_mean_directions_and_size():
    _, _, evidence = found()
    there, back = 0.4 + 0.3 - 0.1 + 0.3, 0.25
    mean = (1.15 + 0.1) / 2
    first = evidence[0, :6]
    np.testing.assert_allclose(first, [0, 1, mean, there, back, 1.15], rtol=1e-5)
    second = [np.log(2), 0.1 / 1.15, mean, 0.1, 0, 0.1]
    np.testing.assert_allclose(evidence[1, :6], second, rtol=1e-5)


def test_ranks_begin_anew_with_each_item_and_a_suggestion_is_as_large_either_way():
    items, targets, evidence = found(items=(0, 2))
    assert list(zip(items.tolist(), targets.tolist(), strict=True)) == [(0, 2), (0, 3), (2, 0)]
    np.testing.assert_allclose(evidence[:, 0], [0, np.log(2), 0], rtol=1e-6)
    np.testing.assert_allclose(evidence[:, 2], [0.625, 0.625, 1.15], rtol=1e-6)
    assert evidence[2, 5] == evidence[0, 5]
    assert evidence[2, 3:5].tolist() == evidence[0, 4:2:-1].tolist()


def test_summands_are_added_up_by_where_they_come_from_and_those_that_speak_for_it_counted():
    _, _, evidence = found()
    start, n = 6, len(PARTS)
    added = dict(zip(PARTS, evidence[0, start : start + n].tolist(), strict=True))
    assert added == pytest.approx(
        {
            "co_view, in the catalogue": 0.4,
            "co_view, outside": 0.3,
            "co_purchase, in the catalogue": -0.1,
            "co_purchase, outside": 0.25,
            "content neighbours": 0.3,
        }
    )
    assert evidence[0, start + n : start + 2 * n].tolist() == [1, 1, 0, 1, 1]


def test_of_either_direction_the_largest_summand_and_all_that_speak_against_it():
    _, _, evidence = found(items=(0, 2))
    largest_and_against = evidence[:, 6 + 2 * len(PARTS) :][:, :4]
    np.testing.assert_allclose(largest_and_against[0], [0.4, 0.25, -0.1, 0], rtol=1e-6)
    np.testing.assert_allclose(largest_and_against[2], [0.25, 0.4, 0, -0.1], rtol=1e-6)


def test_the_other_relation_the_neighbourhood_and_the_sources_follow():
    _, _, evidence = found()
    other = evidence[0, 6 + 2 * len(PARTS) + 4 :]
    np.testing.assert_allclose(other[:3], [0.4, 0, 0.4], rtol=1e-6)
    # the outsider is co-viewed with both, and co-purchased with the target; of three items beside
    # it, one counts twice
    of_both = [np.log(2), 1 / np.sqrt(2), 1 / 3]
    np.testing.assert_allclose(other[3:15], [*of_both, *of_both, *[0] * 6], rtol=1e-6)
    degrees = [np.log(3), np.log(2), np.log(2), np.log(2)]  # of co-view, then co-purchase
    np.testing.assert_allclose(other[15:], [*degrees, 0.6], rtol=1e-6)
    assert found(sources={})[2].shape[1] == evidence.shape[1] - 1


def test_of_those_that_are_wanted_the_evidence_is_as_if_all_were():
    items, targets, evidence = found(items=(0, 2), wanted=lambda items, targets: targets != 2)
    assert list(zip(items.tolist(), targets.tolist(), strict=True)) == [(0, 3), (2, 0)]
    np.testing.assert_array_equal(evidence, found(items=(0, 2))[2][1:])


def test_where_nothing_is_suggested_there_is_no_evidence():
    for items in ([1], []):
        of, targets, evidence = found(items=items)
        assert (len(of), len(targets)) == (0, 0)
        assert evidence.shape == (0, found()[2].shape[1])

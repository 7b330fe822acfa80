"""Training pairs under the wrong relation: planted ones are found; where none are, none is."""

import numpy as np
import pytest
from scipy import sparse

from recbole_mmsc.data import misfiled
from recbole_mmsc.data.beliefs import beliefs_of
from recbole_mmsc.data.evidence import evidence_of_pairs
from recbole_mmsc.data.misfiled import (
    ENOUGH,
    LIKELY,
    belief_by_likeness,
    belief_in_each,
    find_misfiled,
    wrong_marks,
)
from recbole_mmsc.data.training import keys_of_pairs, undirected

N_CLUSTERS, SIZE = 40, 24
N = N_CLUSTERS * SIZE


def world(rng):
    """Substitutes are of one cluster; complements of two clusters that go together."""
    items = np.arange(N).reshape(N_CLUSTERS, SIZE)
    one, other = np.triu_indices(SIZE, k=1)
    substitutes = np.stack([items[:, one].ravel(), items[:, other].ravel()])
    partners = items[np.arange(N_CLUSTERS) ^ 1]
    complements = np.stack(
        [np.repeat(items, SIZE, axis=1).ravel(), np.tile(partners, SIZE).ravel()]
    )
    complements = complements[:, complements[0] < complements[1]]
    return tuple(some[:, rng.random(some.shape[1]) < 0.6] for some in (substitutes, complements))


def graphs_of(relations, n=N):
    return tuple(undirected(*pairs, n) for pairs in relations)


def swapped(relations, share, rng):
    """Both relations with a share of their pairs in the other one, and those pairs."""
    moved = [rng.random(pairs.shape[1]) < share for pairs in relations]
    one, two = relations
    mixed = (
        np.concatenate([one[:, ~moved[0]], two[:, moved[1]]], axis=1),
        np.concatenate([two[:, ~moved[1]], one[:, moved[0]]], axis=1),
    )
    return mixed, (two[:, moved[1]], one[:, moved[0]])


def by_structure(pairs, graphs):
    return evidence_of_pairs(pairs, graphs, None, {})


def keys(pairs):
    return set((pairs.min(axis=0) * N + pairs.max(axis=0)).tolist())


@pytest.mark.parametrize(("share", "recall", "precision"), [(0.1, 0.8, 0.98), (0.3, 0.5, 0.75)])
def test_pairs_in_the_wrong_relation_are_found_by_the_structure(share, recall, precision):
    rng = np.random.default_rng(0)
    mixed, moved = swapped(world(rng), share, rng)
    related = graphs_of(mixed)
    found = find_misfiled(related, related, by_structure)
    for relation in (0, 1):  # of which they are said to be, where the other has them
        wanted = keys(moved[1 - relation])
        said = {*keys_of_pairs(found.approved(relation)).tolist()} - keys(mixed[relation])
        assert len(said & wanted) > recall * len(wanted)
        assert len(said & wanted) > precision * len(said)


def test_what_the_contents_tell_finds_more():
    rng = np.random.default_rng(0)
    mixed, moved = swapped(world(rng), 0.3, rng)
    related = graphs_of(mixed)
    content = np.eye(N_CLUSTERS, dtype=np.float32)[np.arange(N) // SIZE]
    wanted = [keys(moved[1 - relation]) for relation in (0, 1)]

    def right(found):
        for relation in (0, 1):
            said = {*keys_of_pairs(found.approved(relation)).tolist()} - keys(mixed[relation])
            yield len(said & wanted[relation]) / len(said | wanted[relation])

    alone = right(find_misfiled(related, related, by_structure))
    both = right(find_misfiled(related, related, by_structure, content))
    assert all(more > some + 0.1 for more, some in zip(both, alone, strict=True))


def test_the_contents_are_read_in_the_second_look_too():
    rng = np.random.default_rng(0)
    mixed, moved = swapped(world(rng), 0.3, rng)
    related = graphs_of(mixed)
    content = np.eye(N_CLUSTERS, dtype=np.float32)[np.arange(N) // SIZE]

    def evidence(pairs, of):
        found = by_structure(pairs, of)
        return found if of is related else np.zeros_like(found)

    found = find_misfiled(related, related, evidence, content)
    said = {*keys_of_pairs(found.approved(0)).tolist()} - keys(mixed[0])
    assert len(said & keys(moved[1])) > 0.9 * len(said | keys(moved[1]))


def test_a_doubted_pair_counts_in_either_relation():
    rng = np.random.default_rng(0)
    mixed, _ = swapped(world(rng), 0.3, rng)
    related = graphs_of(mixed)
    found = find_misfiled(related, related, by_structure)
    ends = np.divmod(keys_of_pairs(found.targets[0]), N)
    trust = np.asarray(found.trust[ends]).ravel()
    for relation in (0, 1):
        belief = np.asarray(found.targets[relation][ends]).ravel()
        marked = np.asarray(related[relation][ends]).ravel() > 0
        assert (belief[~marked] > LIKELY).all()
        assert ((trust[~marked] > 0) == (belief[~marked] > 0.5)).all()
        counts = np.asarray(found.weigh(relation, related)[ends]).ravel()
        assert counts[~marked] == pytest.approx(np.minimum(2 * belief[~marked], 1))
        assert (counts[marked] >= np.minimum(2 * belief[marked], 1) - 1e-6).all()
    assert 0 < (belief[~marked] < 0.5).mean() < 1


def test_nothing_is_moved_where_nothing_is_wrong():
    related = graphs_of(world(np.random.default_rng(0)))
    assert find_misfiled(related, related, by_structure) is None


def test_few_pairs_of_a_relation_are_no_sign_that_its_marks_are_wrong(monkeypatch):
    monkeypatch.setattr(misfiled, "MANY", ENOUGH)
    rng = np.random.default_rng(0)
    substitutes, complements = world(rng)
    few = complements[:, rng.permutation(complements.shape[1])[: ENOUGH + 50]]
    related = graphs_of((substitutes, few))

    def weak(pairs, _graphs):
        alike = pairs[0] // SIZE == pairs[1] // SIZE
        return (np.random.default_rng(1).standard_normal(len(alike)) + 0.6 * alike)[:, None]

    found = find_misfiled(related, related, weak)
    moved = keys(substitutes) & {*keys_of_pairs(found.approved(1)).tolist()}
    assert len(moved) < 0.15 * substitutes.shape[1]
    assert found.trust.nnz < related[0].nnz, "they are not given up"


def test_wrong_marks_are_shares_of_each_relation_however_many_pairs_it_has():
    rng = np.random.default_rng(0)
    probability = [rng.beta(2, 3, 300), rng.beta(3, 2, 300)]
    wrong = wrong_marks(np.concatenate(probability), np.repeat([0, 1], 300))
    many = wrong_marks(
        np.concatenate([*[probability[0]] * 20, probability[1]]), np.repeat([0, 1], [6000, 300])
    )
    assert wrong.min() > 0.02
    assert many == pytest.approx(wrong, abs=0.02)


def test_where_the_marks_of_many_say_nothing_the_most_alike_are_substitutes():
    rng = np.random.default_rng(0)
    relations = world(rng)
    related = graphs_of(swapped(relations, 0.5, rng)[0])
    content = np.eye(N_CLUSTERS, dtype=np.float32)[np.arange(N) // SIZE]
    found = find_misfiled(related, related, by_structure, content, [content])
    for relation, pairs in enumerate(relations):
        assert {*keys_of_pairs(found.approved(relation)).tolist()} == keys(pairs)
    ends = np.divmod(keys_of_pairs(related[0] + related[1]), N)
    first, second, trust = (
        np.asarray(matrix[ends]).ravel() for matrix in (*found.targets, found.trust)
    )
    assert first + second == pytest.approx(1)
    assert trust == pytest.approx(np.abs(first - second), abs=1e-6)


def test_belief_by_likeness_is_the_place_among_all_of_which_anything_is_known():
    texts = np.array([[0, 0], [1, 0], [0.8, 0.6], [0, 1], [1, 0]], np.float32)
    ends = np.array([1, 1, 2, 1, 4, 1]), np.array([4, 3, 3, 0, 2, 2])  # cosines 1, 0, .6, -, .8, .8
    belief = belief_by_likeness(ends, [texts])
    assert belief[:, 0] == pytest.approx([0.9, 0.1, 0.3, 0.5, 0.6, 0.6])
    assert belief[:, 1] == pytest.approx([0.1, 0.9, 0.7, 0.5, 0.4, 0.4])
    assert (belief_by_likeness(ends, []) == 0.5).all()


def test_a_missing_picture_makes_two_products_no_less_alike():
    texts = np.array([[1, 0], [1, 0], [0.8, 0.6]], np.float32)
    ends = np.array([0, 0]), np.array([1, 2])
    whole = belief_by_likeness(ends, [texts, texts])[:, 0]
    assert whole == pytest.approx([0.75, 0.25])
    pictures = texts * np.float32([[1], [0], [1]])  # side by side: .71, below .8
    assert belief_by_likeness(ends, [texts, pictures])[:, 0] == pytest.approx(whole)


def test_without_contents_such_pairs_count_in_both_relations(monkeypatch):
    rng = np.random.default_rng(0)
    mixed, _ = swapped(world(rng), 0.5, rng)
    related = graphs_of(mixed)
    pairs = related[0] + related[1]
    found = find_misfiled(related, related, by_structure)
    for relation in (0, 1):
        assert (found.weigh(relation, related) != pairs).nnz == 0
        assert found.approved(relation).nnz == 0

    ends = np.divmod(keys_of_pairs(pairs)[:1], N)
    with_labels = beliefs_of(ends, np.array([[0.4, 0.3, 0.3]]), N).surer(found)
    said = np.stack([matrix[ends] for matrix in with_labels.targets], axis=1)
    assert said == pytest.approx(np.array([[0.4, 0.3]]))

    monkeypatch.setattr(misfiled, "MANY", len(pairs.data) // 2)  # more than either relation has
    assert find_misfiled(related, related, by_structure) is None


def test_the_contents_are_asked_before_the_marks_are_given_up():
    rng = np.random.default_rng(0)
    mixed, moved = swapped(world(rng), 0.2, rng)
    related = graphs_of(mixed)
    cluster = np.arange(N) // SIZE
    content = np.eye(N_CLUSTERS, dtype=np.float32)[cluster]

    def silent(pairs, graphs):
        return np.ones((len(pairs[0]), 2), np.float32)

    found = find_misfiled(related, related, silent, content)
    said = {*keys_of_pairs(found.approved(0)).tolist()} - keys(mixed[0])
    assert len(said & keys(moved[1])) > 0.9 * len(keys(moved[1]))
    assert len(said & keys(moved[1])) > 0.9 * len(said)
    blind = find_misfiled(related, related, silent)
    assert (blind.weigh(0, related) != related[0] + related[1]).nnz == 0


def test_random_pairs_are_not_taken_for_the_other_relation():
    rng = np.random.default_rng(0)
    relations = [
        np.concatenate([pairs, rng.integers(0, N, (2, pairs.shape[1] // 2))], axis=1)
        for pairs in world(rng)
    ]
    related = graphs_of([pairs[:, pairs[0] != pairs[1]] for pairs in relations])
    found = find_misfiled(related, related, by_structure)
    assert found is None or found.trust.nnz / 2 < 0.01 * keys_of_pairs(sum(related)).size


def test_pairs_of_both_relations_and_small_catalogues_are_left_alone():
    rng = np.random.default_rng(0)
    mixed, moved = swapped(world(rng), 0.2, rng)
    both = moved[0][:, :50]  # complements among the substitutes, and rightly filed as well
    related = graphs_of((mixed[0], np.concatenate([mixed[1], both], axis=1)))
    found = find_misfiled(related, related, by_structure)
    assert not keys(both) & {*keys_of_pairs(found.trust).tolist()}

    few = graphs_of([pairs[:, : ENOUGH - 1] for pairs in mixed])
    assert find_misfiled(few, few, by_structure) is None
    none = graphs_of((mixed[0], np.zeros((2, 0), np.int64)))
    assert find_misfiled(none, none, by_structure) is None


def test_the_second_look_is_at_mended_behaviour():
    rng = np.random.default_rng(0)
    mixed, _ = swapped(world(rng), 0.2, rng)
    related = graphs_of(mixed)
    outside = sparse.csr_array(([1.0, 1.0], ([0, N], [N, 0])), shape=(N + 1, N + 1))
    graphs = []
    for graph in related:
        wider = graph.copy()
        wider.resize((N + 1, N + 1))
        graphs.append(sparse.csr_array(wider + outside))
    seen = []

    def evidence(pairs, of):
        seen.append(of)
        return by_structure(pairs, of)

    find_misfiled(related, graphs, evidence)
    first, second = seen
    assert first is graphs
    found = find_misfiled(related, graphs, lambda pairs, _of: by_structure(pairs, graphs))
    for relation in (0, 1):
        gained, lost = (keys_of_pairs(found.approved(r)) for r in (relation, 1 - relation))
        before, after = (keys_of_pairs(of[relation][:N, :N].tocsr()) for of in (first, second))
        assert {*after.tolist()} == {*before.tolist(), *gained.tolist()} - {*lost.tolist()}
        assert (second[relation].data == 1).all()
        assert second[relation][0, N] == second[relation][N, 0] == 1


def test_the_same_pairs_are_found_again():
    rng = np.random.default_rng(0)
    related = graphs_of(swapped(world(rng), 0.2, rng)[0])
    one, two = (find_misfiled(related, related, by_structure) for _ in range(2))
    assert (one.trust != two.trust).nnz == 0


def test_belief_weighs_the_mark_against_the_evidence():
    probability = np.repeat([0.1, 0.5, 0.8], 10)
    marked = np.concatenate([[1], [0] * 9, [0] * 4, [1] * 6, [0] * 2, [1] * 8])
    wrong = wrong_marks(probability, marked)
    assert wrong == pytest.approx([0.1, 0.2])
    belief = belief_in_each(probability, marked, wrong)
    # (p - .1) / .7: the relation has 0, 4/7 and 1, of which .02 and .98 are the utmost
    assert belief[0] == pytest.approx(np.array([0.98 * 0.1, 0.02 * 0.8]) / 0.114)
    assert belief[1] == pytest.approx(np.array([0.98 * 0.9, 0.02 * 0.2]) / 0.886)
    assert belief[10] == pytest.approx(np.array([3 / 7 * 0.9, 4 / 7 * 0.2]) / (3.5 / 7))
    assert belief[20] == pytest.approx(np.array([0.02 * 0.9, 0.98 * 0.2]) / 0.214)

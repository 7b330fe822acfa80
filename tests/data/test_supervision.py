"""What labels come to: literal, on six items."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from scipy import sparse

from recbole_mmsc.data.beliefs import Beliefs, beliefs_of, strength
from recbole_mmsc.data.labels import (
    TRAIN_SHA256,
    SupervisionError,
    read_labels,
    supervision_path,
)
from recbole_mmsc.data.pairs import training_checksum, training_path
from recbole_mmsc.data.positives import positives_of
from recbole_mmsc.data.supervision import read_supervision
from recbole_mmsc.data.training import undirected

N = 60
IDS = {f"I{n}": n for n in range(1, N)}


def graph(*pairs):
    one, other = np.array(pairs, np.int64).reshape(-1, 2).T
    return undirected(one, other, N)


SUBSTITUTES = [(n, n + 1) for n in range(1, 19)]
COMPLEMENTS = [(n, n + 20) for n in range(1, 19)]
STRANGERS = [(n, n + 40) for n in range(1, 19)]
RELATED = (graph(*SUBSTITUTES), graph(*COMPLEMENTS))
RIGHT = [(*pair, "substitute") for pair in SUBSTITUTES]
RIGHT += [(*pair, "complement") for pair in COMPLEMENTS]
RIGHT += [(*pair, "irrelevant") for pair in STRANGERS]


def write(folder, labeller, rows, confidence=1.0, **columns):
    path = supervision_path(folder, labeller)
    path.parent.mkdir(exist_ok=True)
    training_path(folder).touch()
    table = {
        "query": [f"I{one}" for one, _, _ in rows],
        "target": [f"I{other}" for _, other, _ in rows],
        "label": [label for _, _, label in rows],
        "confidence": [confidence] * len(rows),
        "labeller": [labeller] * len(rows),
        "prompt_version": ["1"] * len(rows),
    }
    metadata = {TRAIN_SHA256: training_checksum(folder)}
    pq.write_table(pa.table({**table, **columns}, metadata=metadata), path)
    return path


def believed(supervision, one, other):
    """Belief in either relation, and trust."""
    ends = np.array([one]), np.array([other])
    (substitute,), (trust,) = supervision.of(0, *ends)
    (complement,), _ = supervision.of(1, *ends)
    return substitute, complement, trust


def test_a_labeller_that_agrees_with_behaviour_is_believed(tmp_path):
    write(tmp_path, "good", [*RIGHT, (5, 35, "substitute"), (8, 9, "irrelevant")][:-1])
    supervision = read_supervision(tmp_path, ["good"], IDS, RELATED)
    substitute, complement, trust = believed(supervision, 35, 5)
    assert substitute > 0.7
    assert complement < 0.2
    assert trust > 0.5
    assert believed(supervision, 3, 50) == (0, 0, 0)
    assert supervision.approved(0)[5, 35] == supervision.approved(0)[35, 5] > 0.4
    assert supervision.approved(1)[5, 35] == 0


def test_a_labeller_that_says_the_same_of_everything_has_no_say(tmp_path):
    write(tmp_path, "bored", [(one, other, "irrelevant") for one, other, _ in RIGHT])
    supervision = read_supervision(tmp_path, ["bored"], IDS, RELATED)
    assert supervision.trust.max() < 1e-6


def test_contradiction_is_trusted_less_than_either(tmp_path):
    write(tmp_path, "one", [*RIGHT, (5, 35, "substitute")])
    write(tmp_path, "two", [*RIGHT, (5, 35, "complement")])
    alone = believed(read_supervision(tmp_path, ["one"], IDS, RELATED), 5, 35)
    both = believed(read_supervision(tmp_path, ["one", "two"], IDS, RELATED), 5, 35)
    agreed = believed(read_supervision(tmp_path, ["one", "two"], IDS, RELATED), 1, 2)
    assert both[2] < alone[2] < agreed[2]


def test_confidence_is_weight_and_unsure_says_nothing(tmp_path):
    rows = [*RIGHT, (5, 35, "substitute"), (6, 50, "unsure")]
    write(tmp_path, "sure", rows)
    write(tmp_path, "half", rows, confidence=0.5)
    sure, half = (read_supervision(tmp_path, [name], IDS, RELATED) for name in ("sure", "half"))
    assert 0 < believed(half, 5, 35)[2] < believed(sure, 5, 35)[2]
    assert believed(sure, 6, 50) == (0, 0, 0)


def test_only_pairs_chosen_at_random_tell_how_well_it_judges(tmp_path):
    wrong = [(*pair, "complement") for pair in SUBSTITUTES]
    rows = [*RIGHT, *wrong]
    write(tmp_path, "asked", rows, chosen=["random"] * len(RIGHT) + ["doubtful"] * len(wrong))
    write(tmp_path, "any", rows)
    asked, anyhow = (read_supervision(tmp_path, [name], IDS, RELATED) for name in ("asked", "any"))
    assert believed(asked, 25, 5)[2] > believed(anyhow, 25, 5)[2]


def test_an_item_with_few_pairs_gets_as_many_new_ones_and_no_other_gets_any(tmp_path):
    new = [(5, 35, "substitute"), (6, 35, "substitute"), (7, 35, "irrelevant")]  # 35 has one pair
    rich, without = (5, 9, "substitute"), (5, 50, "substitute")
    write(tmp_path, "good", [*RIGHT, *new, rich, without])
    supervision = read_supervision(tmp_path, ["good"], IDS, RELATED)
    assert [believed(supervision, *row[:2])[2] > 0 for row in new] == [True, False, False]
    assert believed(supervision, 5, 9) == believed(supervision, 5, 50) == (0, 0, 0)


def test_training_pairs_are_weighed_and_approved_ones_added():
    trust = sparse.csr_array(graph((1, 2), (3, 50)) * 0.8)
    target = graph((1, 2), (3, 50)).astype(np.float32)
    target[1, 2] = target[2, 1] = 0.25
    target[3, 50] = target[50, 3] = 0.75
    supervision = Beliefs([target, target], trust)
    weighed = supervision.weigh(0, RELATED)
    assert weighed[1, 2] == pytest.approx(1 - 0.8 * 0.75)
    assert weighed[2, 3] == 1
    assert weighed[3, 50] == weighed[50, 3] == pytest.approx(0.75)
    assert strength(np.array([0.25]), np.array([0.0])) == 1
    assert strength(np.array([0.75]), np.array([0.8])) == 1

    positives = positives_of(RELATED, supervision)
    added = {*zip(positives.added_queries.tolist(), positives.added_targets.tolist(), strict=True)}
    # 1 and 2 are training pairs of the first relation, and nothing approves them for the second
    assert added == {(3, 50), (50, 3), (N + 3, 50), (N + 50, 3)}
    counts = positives.counts(positives.added_queries, positives.added_targets)
    assert counts.tolist() == pytest.approx([0.75] * 4)
    assert len(positives.draw_added(10)[0]) >= 1
    assert not len(positives_of(RELATED, None).draw_added(10)[0])


def test_a_pair_of_the_other_relation_counts_twice_its_belief_above_the_least():
    ends = np.array([1, 2, 3, 30]), np.array([2, 3, 4, 50])  # substitutes, and one of neither
    belief = np.array([[0.7, 0.3], [0.94, 0.06], [0.4, 0.6], [0.1, 0.4]])
    doubts = beliefs_of(ends, belief, N, 0.1)
    counts = doubts.weigh(1, RELATED)
    found = [counts[pair] for pair in zip(*ends, strict=True)]
    assert found == pytest.approx([0.6, 0, 1, 0])
    assert counts[1, 21] == 1  # of which nothing is believed
    own = [doubts.weigh(0, RELATED)[pair] for pair in zip(*ends, strict=True)]
    assert own == pytest.approx([1, 1, 1 - 0.2 * 0.6, 0])
    labels = beliefs_of(ends, belief, N)
    assert labels.weigh(1, RELATED)[1, 2] == 0
    assert labels.surer(doubts).least == doubts.surer(labels).least == 0.5


def test_of_two_beliefs_the_surer_one_counts():
    one = Beliefs([graph((1, 2), (3, 4)) * 0.9, graph((1, 2), (3, 4)) * 0.1], graph((1, 2)) * 0.8)
    one = Beliefs(one.targets, sparse.csr_array(one.trust + graph((3, 4)) * 0.2))
    two = Beliefs(
        [graph((3, 4), (5, 6)) * 0.3, graph((3, 4), (5, 6)) * 0.7], graph((3, 4), (5, 6)) * 0.4
    )
    for both in (one.surer(two), two.surer(one)):
        assert believed(both, 1, 2) == pytest.approx((0.9, 0.1, 0.8))
        assert believed(both, 4, 3) == pytest.approx((0.3, 0.7, 0.4))
        assert believed(both, 5, 6) == pytest.approx((0.3, 0.7, 0.4))
        assert believed(both, 7, 8) == (0, 0, 0)


def test_labels_that_say_nothing_leave_the_other_belief_as_it_is(tmp_path):
    ends = np.array([1, 2]), np.array([2, 3])
    doubts = beliefs_of(ends, np.array([[0.7, 0.3], [0.1, 0.9]]), N, 0.1)
    write(tmp_path, "unsure", [(*pair, "unsure") for pair in SUBSTITUTES])
    nothing = read_supervision(tmp_path, ["unsure"], IDS, RELATED, evidence)
    assert nothing.surer(doubts) is doubts


def test_a_pair_that_everybody_rejects_stays_a_known_pair():
    judged = sparse.csr_array(graph((1, 2)))
    supervision = Beliefs([judged * 0, judged * 0], judged)
    weighed = supervision.weigh(0, RELATED)
    assert 0 < weighed[1, 2] < 1e-3
    positives = positives_of(RELATED, supervision)
    pairs = torch.tensor([[1, 2], [2, 3]])
    assert len(positives.counts(*pairs.T)) == 2
    assert not len(positives.added_queries)


def related_by(item, other):
    """1 for substitutes, 2 for complements: what is planted, and what the evidence shows."""
    return (item * other) % 2 + 1


PAIRS = [(a, b) for a in range(1, N) for b in range(a + 1, min(a + 6, N))]
MOVED = {pair for n, pair in enumerate(PAIRS) if n % 4 == 0}  # training has them the wrong way
JUDGED = [pair for n, pair in enumerate(PAIRS) if n % 3 == 1]


def evidence(ends):
    noise = np.random.default_rng(0).normal(0, 0.1, len(ends[0]))
    return np.column_stack([related_by(*ends) + noise, noise])


def trained(relation):
    return graph(*(p for p in PAIRS if (related_by(*p) == relation) != (p in MOVED)))


def test_labels_speak_of_pairs_like_the_judged_ones(tmp_path):
    names = {1: "substitute", 2: "complement"}
    write(tmp_path, "some", [(*pair, names[related_by(*pair)]) for pair in JUDGED])
    related = trained(1), trained(2)
    alone, further = (
        read_supervision(tmp_path, ["some"], IDS, related, given) for given in (None, evidence)
    )
    others = [pair for pair in PAIRS if pair not in JUDGED]
    assert all(believed(alone, *pair) == (0, 0, 0) for pair in others)
    for pair in others:
        belief = believed(further, *pair)
        assert belief[related_by(*pair) - 1] > 0.5, pair
        assert belief[2] > 0.2
    moved = next(pair for pair in others if pair in MOVED and related_by(*pair) == 1)
    assert further.weigh(0, related)[moved] > 0.5
    assert further.weigh(1, related)[moved] < 0.7


def test_who_guesses_moves_nothing(tmp_path):
    rng = np.random.default_rng(3)
    guessed = rng.choice(["substitute", "complement", "irrelevant"], len(JUDGED))
    write(tmp_path, "guess", [(*pair, label) for pair, label in zip(JUDGED, guessed, strict=True)])
    related = trained(1), trained(2)
    supervision = read_supervision(tmp_path, ["guess"], IDS, related, evidence)
    assert supervision.trust.data.mean() < 0.1
    assert supervision.weigh(0, related).sum() > 0.95 * related[0].sum()


@pytest.mark.parametrize(
    ("rows", "columns", "said"),
    [
        ([(1, 2, "maybe")], {}, "'maybe'"),
        ([(1, 99, "substitute")], {}, "'I99'"),
        ([(1, 1, "substitute")], {}, "bad.parquet, found 'I1' with itself"),
        ([(1, 2, "substitute")], {"confidence": [1.5]}, "confidence"),
        ([(1, 2, "substitute")], {"confidence": [None]}, "confidence"),
        ([(1, 2, "substitute")], {"confidence": ["high"]}, "confidence in .*bad.parquet"),
    ],
)
def test_what_is_no_label_is_refused_by_name(tmp_path, rows, columns, said):
    write(tmp_path, "bad", rows, **columns)
    with pytest.raises(SupervisionError, match=said):
        read_supervision(tmp_path, ["bad"], IDS, RELATED)


def test_labels_that_do_not_say_which_training_they_are_of_are_refused(tmp_path):
    path = write(tmp_path, "edited", RIGHT)
    pq.write_table(pq.read_table(path).replace_schema_metadata(None), path)
    with pytest.raises(SupervisionError, match=r"found none \(pandas.*recbole-mmsc label"):
        read_supervision(tmp_path, ["edited"], IDS, RELATED)


def test_labellers_have_files_of_their_own_in_any_script(tmp_path):
    names = "people:Мария", "people:Елена", "people:müller", "people:möller"
    assert len({supervision_path(tmp_path, name) for name in names}) == 4
    ascii_path = supervision_path(tmp_path, "openai:org/a-b_1.5+x@http://h:1/v1")
    assert ascii_path.name == "openai-org-a-b_1.5+x-http-h-1-v1.parquet"
    write(tmp_path, "people:мы", RIGHT)
    for asked in ("people:мы", "people-мы"):  # by its own name, or by the file's
        assert len(read_labels(tmp_path, asked, IDS).said) == len(RIGHT)
    with pytest.raises(SupervisionError, match=r"by people/мы in .*, found some by people:мы"):
        read_labels(tmp_path, "people/мы", IDS)


def test_a_missing_or_damaged_file_is_refused_by_name(tmp_path):
    for name, labeller in (
        ("rules", "rules"),
        ("people", "people:SHEET.csv"),
        ("people:pairs", "people:pairs.csv"),
        ("people-pairs", "people:pairs.csv"),
        ("people:pairs.csv", "people:pairs.csv"),
    ):
        with pytest.raises(SupervisionError, match=rf"label .* --labeller {labeller}( |$)"):
            read_supervision(tmp_path, [name], IDS, RELATED)
    write(tmp_path, "bad", RIGHT)
    path = supervision_path(tmp_path, "bad")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(SupervisionError, match="Parquet"):
        read_supervision(tmp_path, ["bad"], IDS, RELATED)
    pq.write_table(pa.table({"query": ["I1"]}), path)
    with pytest.raises(SupervisionError, match="target"):
        read_supervision(tmp_path, ["bad"], IDS, RELATED)

"""Marks told by those who have not seen them: planted truth is learned, the marks are not."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score

from recbole_mmsc.data.marks import unseen_marks
from recbole_mmsc.nn.draws import own_draws
from recbole_mmsc.nn.pair_network import PairNetwork

KINDS, ITEMS, PAIRS = 6, 120, 6_000


@pytest.fixture(scope="module")
def planted():
    """Pairs of one kind, or of kinds that go together; evidence that says nothing of it."""
    rng = np.random.default_rng(0)
    kind = np.arange(ITEMS) % KINDS
    content = np.eye(16, dtype=np.float32)[kind] + rng.normal(0, 0.1, (ITEMS, 16))
    content = (content / np.linalg.norm(content, axis=1, keepdims=True)).astype(np.float32)
    truth = rng.integers(2, size=PAIRS)
    one = rng.integers(ITEMS, size=PAIRS)
    of_kind = rng.integers(ITEMS // KINDS, size=PAIRS) * KINDS
    other = of_kind + np.where(truth, kind[one] ^ 1, kind[one])
    marked = truth ^ (rng.random(PAIRS) < 0.3)
    evidence = rng.normal(size=(PAIRS, 3)).astype(np.float32)
    evidence[:, 2] = 1  # says the same of all
    return evidence, marked, (one, other), content, truth


def test_what_goes_together_is_learned_from_the_contents(planted):
    evidence, marked, ends, content, truth = planted
    assert roc_auc_score(truth, unseen_marks(evidence, marked, ends, content)) > 0.95
    assert 0.4 < roc_auc_score(truth, unseen_marks(evidence, marked)) < 0.6


def test_evidence_can_mean_one_thing_for_these_and_another_for_those(planted):
    _, _, (one, _), content, _ = planted
    rng = np.random.default_rng(1)
    told = rng.normal(size=(PAIRS, 1)).astype(np.float32)
    truth = (told[:, 0] > 0) ^ (one % KINDS < KINDS // 2)
    marked = truth ^ (rng.random(PAIRS) < 0.3)
    ends = one, rng.permutation(ITEMS // KINDS)[one // KINDS] * KINDS + one % KINDS  # of one kind
    assert roc_auc_score(truth, unseen_marks(told, marked, ends, content)) > 0.7
    assert roc_auc_score(truth, unseen_marks(told, marked)) < 0.6


def test_a_pair_does_not_tell_its_own_mark(planted):
    evidence, _, ends, content, _ = planted
    marked = np.random.default_rng(3).integers(2, size=PAIRS)
    assert 0.45 < roc_auc_score(marked, unseen_marks(evidence, marked, ends, content)) < 0.55


def test_the_same_is_told_again_and_nobody_elses_draws_change(planted):
    evidence, marked, ends, content, _ = planted
    torch.manual_seed(1)
    before = torch.get_rng_state()
    one = unseen_marks(evidence, marked, ends, content)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert np.array_equal(one, unseen_marks(evidence, marked, ends, content))


def test_nobody_elses_draws_change_on_any_device(monkeypatch):
    forked = []
    fork = torch.random.fork_rng

    def noted(devices, *args, **kwargs):
        forked.append([*devices])
        return fork([], *args, **kwargs)

    monkeypatch.setattr(torch.random, "fork_rng", noted)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with own_draws(1):
        drawn = torch.rand(3)
    assert forked == [[0, 1]]
    with own_draws(1):
        assert torch.equal(torch.rand(3), drawn)


def test_of_very_many_pairs_the_network_reads_some(planted, monkeypatch):
    evidence, marked, ends, content, truth = planted
    read = []
    fit = PairNetwork.fit

    def noted(self, pairs, known, labels):
        read.append(len(labels))
        fit(self, pairs, known, labels)

    monkeypatch.setattr(PairNetwork, "fit", noted)
    monkeypatch.setattr("recbole_mmsc.data.marks.READ", 3_000)
    assert roc_auc_score(truth, unseen_marks(evidence, marked, ends, content)) > 0.9
    assert read == [3_000] * 3

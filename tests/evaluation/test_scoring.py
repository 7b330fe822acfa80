"""Scores of RecBole's own models, multiplied here."""

import pytest
import torch
from recbole.model.general_recommender import BPR

from recbole_mmsc.evaluation import scoring
from recbole_mmsc.evaluation.scoring import CatalogueScores, inner_products, vectors_of
from tests.evaluation.trained import train

pytestmark = pytest.mark.filterwarnings("ignore")
FEW = 41 * 10  # scores: ten queries a batch
SMALL = {"DGCF": {"train_batch_size": 32}}  # it samples users, more than there are


@pytest.mark.parametrize("n_items", [1, 16, 41, 50])
def test_rows_begin_at_even_addresses(n_items):
    sources, items = torch.arange(6.0).view(3, 2), torch.arange(2.0 * n_items).view(n_items, 2)
    scores = inner_products(sources, items)
    assert scores.tolist() == [
        [a * 2 * item + b * (2 * item + 1) for item in range(n_items)] for a, b in sources.tolist()
    ]
    assert all(row.data_ptr() % 64 == scores.data_ptr() % 64 for row in scores)


@pytest.mark.parametrize("model", sorted(scoring.VECTORS))
def test_a_known_model_is_as_it_ranks_itself(tiny_folder, tmp_path, monkeypatch, model):
    monkeypatch.chdir(tmp_path)
    settings = {"eval_batch_size": FEW, "embedding_size": 16, **SMALL.get(model, {})}
    run = train(tiny_folder, model, **settings)
    run.model.eval()
    score = CatalogueScores(run.model, run.test._dataset, FEW)
    with torch.no_grad():
        found = [
            (score(queries), run.model.full_sort_predict(queries).view(-1, 41))
            for queries, *_ in run.test
        ]
    assert len(found) > 1
    for ours, its_own in found:
        assert torch.allclose(ours, its_own, rtol=1e-6, atol=1e-7)
    ours = run.trainer.evaluate(run.test, load_best_model=False)
    monkeypatch.setattr(scoring, "VECTORS", {})
    assert run.trainer.evaluate(run.test, load_best_model=False) == ours


def test_what_was_trained_on_is_ranked_by_its_new_vectors(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(tiny_folder, "LightGCN", eval_batch_size=FEW)
    before = run.trainer.evaluate(run.test, load_best_model=False)
    run.model.train()
    with torch.no_grad():
        run.model.item_embedding.weight.normal_()
    run.model.restore_user_e = run.model.restore_item_e = None  # as its calculate_loss does
    after = run.trainer.evaluate(run.test, load_best_model=False)
    assert after != before
    monkeypatch.setattr(scoring, "VECTORS", {})
    assert run.trainer.evaluate(run.test, load_best_model=False) == after


def test_a_known_model_ranks_one_batch(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(tiny_folder, "BPR", eval_batch_size=FEW)
    rank, asked = BPR.full_sort_predict, []

    def full_sort_predict(model, queries):
        asked.append(len(queries))
        return rank(model, queries)

    monkeypatch.setattr(BPR, "full_sort_predict", full_sort_predict)
    run.trainer.evaluate(run.test, load_best_model=False)
    assert asked == [10]


def test_who_ranks_otherwise_is_asked_itself(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = train(tiny_folder, "BPR").model
    assert vectors_of(model)
    model.full_sort_predict = lambda queries: None
    assert vectors_of(model) is None
    del model.full_sort_predict
    model.__class__ = type("BPR", (BPR,), {})
    assert vectors_of(model) is None


def test_other_datasets_are_left_to_recbole(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = train(tiny_folder, "BPR", relation_dataset=False, eval_batch_size=FEW)
    result = run.trainer.evaluate(run.test, load_best_model=False)
    assert 0 < result["ndcg@10"] < 1
    assert "substitute/ndcg@10" not in result

import pytest
import torch
from recbole.config import Config
from recbole.evaluator import Evaluator
from recbole.evaluator.collector import DataStruct

from recbole_mmsc import run_recbole
from recbole_mmsc.evaluation.relations import QUERY_RELATION, RelationEvaluator


@pytest.fixture
def config(tiny_folder):
    return Config(
        model="BPR",
        dataset="tiny",
        config_dict={
            "data_path": str(tiny_folder.parent),
            "metrics": ["NDCG", "Hit", "Recall"],
            "topk": 2,
            "metric_decimal_place": 12,
            "gpu_id": "",
        },
    )


def struct():
    """Three queries, their top 2 as hits, and how many positives they have."""
    found = DataStruct()
    found.set("rec.topk", torch.tensor([[1, 0, 1], [0, 0, 1], [0, 1, 2]]))
    found.set(QUERY_RELATION, torch.tensor([0, 0, 1]))
    return found


def test_each_relation_apart(config):
    result = RelationEvaluator(config).evaluate(struct())
    assert result["substitute/hit@2"] == pytest.approx(1 / 2)
    assert result["complement/hit@2"] == 1
    assert result["substitute/recall@2"] == pytest.approx(1 / 2)
    assert result["complement/recall@2"] == pytest.approx(1 / 2)
    # a hit at place 2 of two positives: (1/log2 3) / (1 + 1/log2 3)
    assert result["complement/ndcg@2"] == pytest.approx(0.386852807, abs=1e-8)


def test_all_together_is_as_recbole_has_it(config):
    stock = Evaluator(config).evaluate(struct())
    ours = RelationEvaluator(config).evaluate(struct())
    assert {name: ours[name] for name in stock} == dict(stock)


def test_one_relation_alone(config):
    found = DataStruct()
    found.set("rec.topk", torch.tensor([[1, 0, 1]]))
    found.set(QUERY_RELATION, torch.tensor([1]))
    assert not any(n.startswith("substitute") for n in RelationEvaluator(config).evaluate(found))


def test_the_stock_call_reports_both_relations(tiny_folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run_recbole(
        model="Pop",
        dataset="tiny",
        config_dict={
            "data_path": str(tiny_folder.parent),
            "gpu_id": "",
            "epochs": 1,
            "metric_decimal_place": 12,
            "show_progress": False,
        },
    )["test_result"]
    both = [result["substitute/ndcg@10"], result["complement/ndcg@10"]]
    assert min(both) <= result["ndcg@10"] <= max(both)
    assert both[0] != both[1]

"""Graphs are completed once: a model takes them out of its checkpoint."""

from pathlib import Path

import pytest
import torch
from recbole.quick_start import load_data_and_model
from recbole.utils import get_trainer

from recbole_mmsc.checkpoint import load_checkpoint
from recbole_mmsc.data import inputs, reranking
from recbole_mmsc.data.queries import RELATIONS
from tests.model.test_mmsc import everyone, prepare


def trained(folder: Path, **settings):
    """A trained model and the checkpoint that RecBole wrote of it; there are re-ranked pairs."""
    config, model, parts = prepare(folder, epochs=2, checkpoint_dir="saved", **settings)
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    trainer.fit(parts[0], parts[1])
    trainer.evaluate(parts[2])  # with the weights of the best epoch
    return model.eval(), trainer.saved_model_file


@pytest.mark.parametrize("by", ["RecBole", "ours"])
def test_a_checkpoint_holds_what_was_solved(tiny_folder, monkeypatch, by):
    monkeypatch.setattr(reranking, "ENOUGH", 2)
    model, checkpoint = trained(tiny_folder)
    monkeypatch.setattr(inputs, "solve_completion", None)  # who solves again, fails
    if by == "RecBole":
        loaded = load_data_and_model(checkpoint)[1].eval()
    else:
        loaded = load_checkpoint(Path(checkpoint)).model
    users = everyone(model)
    assert torch.equal(loaded.full_sort_predict(users), model.full_sort_predict(users))
    best = model.full_sort_predict(users)[:40].topk(3).indices
    for user, targets in enumerate(best.tolist(), start=1):
        query, relation = model.names[model.query_item[user]], RELATIONS[model.relation[user]]
        for target in targets:
            asked = query, model.names[target], relation
            assert loaded.explain(*asked) == model.explain(*asked)
    vectors = {"text": model.network.content.modalities["text"].vectors[1:3].numpy()}
    for relation in RELATIONS:
        unseen = model.rank_unseen(vectors, relation)
        assert torch.equal(loaded.rank_unseen(vectors, relation), unseen)


def test_what_other_settings_have_solved_is_not_taken(tiny_folder):
    given, checkpoint = trained(tiny_folder)
    expected = prepare(tiny_folder, completion_reg=5.0)[1].completed[0].weights
    config, model, _ = prepare(tiny_folder, completion_reg=5.0)
    get_trainer(config["MODEL_TYPE"], "MMSC")(config, model).resume_checkpoint(checkpoint)
    assert torch.equal(model.completed[0].weights, expected)
    assert not torch.equal(given.completed[0].weights, expected)


def test_solving_is_a_part_of_training(tiny_folder, monkeypatch):
    """Not of reading, since a checkpoint may hold it, nor of the first validation."""
    config, model, parts = prepare(tiny_folder, epochs=1)
    assert model.other_parameter()["solved"] is None
    solved_before = []
    trainer = get_trainer(config["MODEL_TYPE"], "MMSC")(config, model)
    train = trainer._train_epoch

    def train_epoch(*args, **kwargs):
        solved_before.append(model.other_parameter()["solved"] is not None)
        return train(*args, **kwargs)

    monkeypatch.setattr(trainer, "_train_epoch", train_epoch)
    trainer.fit(parts[0], saved=False)
    assert solved_before == [True]

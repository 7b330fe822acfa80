import json

import numpy as np
import pytest
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.dataloader import FullSortEvalDataLoader
from recbole.sampler import Sampler
from recbole.utils import get_model
from recbole.utils.case_study import full_sort_scores

from recbole_mmsc.evaluation.masking import RelationFullSortDataLoader
from tests.tiny import ITEMS, pairs


def loaders(folder, **settings):
    settings |= {"data_path": str(folder.parent), "gpu_id": ""}
    config = Config(model="BPR", dataset="tiny", config_dict=settings)
    dataset = create_dataset(config)
    return dataset, data_preparation(config, dataset)


def masked(dataset, loader, relation, item):
    user = dataset.field2token_id["query_id"][f"{relation}|{ITEMS[item]}"]
    tokens = dataset.field2id_token["item_id"]
    return {tokens[i] for i in loader.uid2history_item[user].tolist()}


def beside(relation, item, phases):
    return {
        ITEMS[b if a == item else a]
        for a, b, phase in pairs()[relation]
        if item in (a, b) and phase in phases
    }


@pytest.mark.parametrize(("place", "known"), [(1, {"train"}), (2, {"train", "valid"})])
def test_masks_itself_what_is_known_and_the_other_relation_of_training(tiny_folder, place, known):
    dataset, parts = loaders(tiny_folder)
    loader = parts[place]
    assert isinstance(loader, RelationFullSortDataLoader)
    item = 1
    expected = {ITEMS[item]} | beside("substitute", item, known)
    expected |= beside("complement", item, {"train"})
    assert masked(dataset, loader, "substitute", item) == expected


def test_no_positive_is_ever_masked(tiny_folder):
    _, parts = loaders(tiny_folder)
    for loader in parts[1:]:
        for user in loader.uid_list.tolist():
            history = set(loader.uid2history_item[user].tolist())
            assert not history & set(loader.uid2positive_item[user].tolist())


def test_raw_relations_do_not_mask_each_other(tiny_folder):
    card = json.loads((tiny_folder / "dataset.json").read_text())
    (tiny_folder / "dataset.json").write_text(json.dumps({**card, "exclusive_relations": False}))
    dataset, parts = loaders(tiny_folder)
    expected = {ITEMS[1]} | beside("substitute", 1, {"train"})
    assert masked(dataset, parts[1], "substitute", 1) == expected


def test_batches_say_what_the_lists_say(tiny_folder):
    _, (_, _, loader) = loaders(tiny_folder)
    users = []
    for interaction, (masked_row, masked), positive_row, positive in loader:
        for row, user in enumerate(interaction["query_id"].tolist()):
            users.append(user)
            assert masked[masked_row == row].tolist() == loader.uid2history_item[user].tolist()
            assert positive[positive_row == row].tolist() == loader.uid2positive_item[user].tolist()
    assert users == loader.uid_list.tolist()
    counts = {user: len(loader.uid2positive_item[user]) for user in users}
    assert {user: loader.uid2items_num[user] for user in users} == counts


def test_recbole_finds_the_same_positives_and_queries(tiny_folder):
    _, (_, valid, test) = loaders(tiny_folder)
    for loader in (valid, test):
        ours = loader._sampler
        sampler = Sampler(ours.phases, ours.datasets, "uniform").set_phase(ours.phase)
        stock = FullSortEvalDataLoader(loader.config, loader._dataset, sampler)
        assert stock.uid_list.tolist() == loader.uid_list.tolist()
        assert stock.uid2items_num.tolist() == loader.uid2items_num.tolist()
        for user in stock.uid_list.tolist():
            positives = sorted(stock.uid2positive_item[user].tolist())
            assert positives == loader.uid2positive_item[user].tolist()
            history = set(stock.uid2history_item[user].tolist())
            assert history <= set(loader.uid2history_item[user].tolist())


@pytest.mark.parametrize(("eval_batch_size", "rows"), [(41 * 7, 7), (1, 1), (10**9, 100)])
def test_batches_are_bounded(tiny_folder, monkeypatch, eval_batch_size, rows):
    monkeypatch.setattr("recbole_mmsc.evaluation.masking.SCORES_AT_ONCE", 41 * 100)
    _, (_, _, loader) = loaders(tiny_folder, eval_batch_size=eval_batch_size)
    assert loader.step == rows


def test_recboles_case_study_ranks_with_the_masks(tiny_folder):
    _, (train, _, test) = loaders(tiny_folder)
    model = get_model("BPR")(test.config, train.dataset)
    user = test.uid_list[0].item()
    scores = full_sort_scores(np.array([user]), model, test)
    masked = {0, *test.uid2history_item[user].tolist()}
    assert set((scores[0] == -np.inf).nonzero().squeeze(1).tolist()) == masked

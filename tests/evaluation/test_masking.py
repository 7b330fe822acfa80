import json

import pytest
from recbole.config import Config
from recbole.data import create_dataset, data_preparation

from recbole_mmsc.evaluation.masking import RelationFullSortDataLoader
from tests.tiny import ITEMS, pairs


def loaders(folder):
    config = Config(
        model="BPR", dataset="tiny", config_dict={"data_path": str(folder.parent), "gpu_id": ""}
    )
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

from types import SimpleNamespace

import numpy as np
import pytest

from recbole_mmsc.data.queries import read_queries


def dataset(users, items):
    return SimpleNamespace(
        uid_field="query_id",
        iid_field="item_id",
        dataset_name="toy",
        dataset_path="dataset/toy",
        field2id_token={"query_id": np.array(["[PAD]", *users]), "item_id": np.array(items)},
        field2token_id={"item_id": {item: n for n, item in enumerate(items)}},
    )


def test_tokens_become_relations_and_items():
    found = read_queries(
        dataset(["complement|B|1", "substitute|A", "complement|A"], ["[PAD]", "A", "B|1"])
    )
    assert found.relation.tolist() == [-1, 1, 0, 1]
    assert found.item.tolist() == [0, 2, 1, 1]


@pytest.mark.parametrize("token", ["A", "similar|A", "substitute|Z", "substitute|"])
def test_what_is_no_query_token_is_named(token):
    with pytest.raises(ValueError, match="recbole-mmsc audit dataset/toy"):
        read_queries(dataset([token], ["[PAD]", "A"]))

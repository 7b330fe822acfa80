"""Each guard: the breakage as it is, and the repair, on literal data."""

import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import recbole
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.dataset import Dataset
from scipy.sparse import dok_matrix

from recbole_mmsc import compat
from recbole_mmsc.columns import fill_nan, row_lengths
from recbole_mmsc.trust import trusting

CITED = {
    "config/configurator.py:625": "def compatibility_settings",
    "quick_start/quick_start.py:20": "from ray import tune",
    "quick_start/quick_start.py:250": "torch.load(",
    "trainer/trainer.py:323": "torch.load(",
    "trainer/trainer.py:583": "torch.load(",
    "model/general_recommender/lightgcn.py:111": "._update(",
    "data/dataset/dataset.py:501": "fillna(",
    "data/dataset/dataset.py:648": "fillna(",
    "data/dataset/dataset.py:650": "fillna(",
    "data/dataset/dataset.py:712": "agg(len)",
    "data/dataset/dataset.py:792": "agg(len)",
    "data/dataset/dataset.py:809": "agg(len)",
    "data/dataset/dataset.py:1217": "agg(len)",
    "data/dataset/kg_dataset.py:316": "agg(len)",
    "data/dataset/sequential_dataset.py:165": "agg(len)",
}


@pytest.mark.parametrize(("place", "code"), CITED.items())
def test_the_cited_lines_of_recbole_are_the_broken_ones(place, code):
    file, _, line = place.partition(":")
    source = Path(recbole.__path__[0], file).read_text(encoding="utf-8").splitlines()
    assert code in source[int(line) - 1]
    assert any(line in guard.mends for guard in compat.GUARDS)


def test_a_guard_is_applied_once_and_only_where_needed(monkeypatch):
    applied = []

    def guard(name, needed):
        return compat.Guard(name, "", "", "", lambda: needed, lambda: applied.append(name))

    monkeypatch.setattr(compat, "GUARDS", (guard("here", True), guard("elsewhere", False)))
    monkeypatch.setattr(compat, "_active", {})
    assert compat.activate() == {"here": True, "elsewhere": False}
    assert compat.activate() == {"here": True, "elsewhere": False}
    assert applied == ["here"]


def test_importing_the_package_decided_every_guard():
    assert list(compat.activate()) == [guard.name for guard in compat.GUARDS]
    assert compat.activate()["pandas-missing-values"] == (int(pd.__version__.split(".")[0]) >= 3)


@pytest.mark.parametrize(
    ("version", "expected"),
    [("3.1.1", (3, 1)), ("2.13.0+cpu", (2, 13)), ("2.0rc1", (2, 0)), ("1.26.4", (1, 26))],
)
def test_major_minor(version, expected):
    assert compat.major_minor(version)[0] == expected[0]
    assert version == "2.0rc1" or compat.major_minor(version) == expected


# --- numpy


def test_numpy_gets_back_only_the_names_it_lacks(monkeypatch):
    monkeypatch.delattr(np, "float", raising=False)
    monkeypatch.setattr(np, "long", "numpy's own", raising=False)
    compat.give_numpy_its_aliases()
    assert np.float is np.float64
    assert np.long == "numpy's own"
    assert np.zeros(1, dtype=np.float).dtype == np.float64


def test_config_can_be_made(tiny_folder):
    config = Config(model="BPR", dataset="tiny", config_dict={"data_path": str(tiny_folder.parent)})
    config.compatibility_settings()
    assert np.object is np.object_


# --- ray


def test_a_failed_import_of_ray_leaves_no_trace(monkeypatch):
    monkeypatch.delitem(sys.modules, "recbole.quick_start")
    monkeypatch.setitem(sys.modules, "ray.tune", None)  # makes `import ray.tune` fail
    monkeypatch.setattr(sys, "path", list(sys.path))
    path = list(sys.path)
    before = {name for name in sys.modules if name.partition(".")[0] == "ray"}
    assert compat.ray_tune_imports.__wrapped__() is False
    assert {name for name in sys.modules if name.partition(".")[0] == "ray"} == before
    assert sys.path == path


def test_a_ray_that_works_without_its_tune_is_left_in_place(monkeypatch):
    monkeypatch.delitem(sys.modules, "recbole.quick_start")
    ray = ModuleType("ray")
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "ray.tune", None)
    assert compat.ray_tune_imports.__wrapped__() is False
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "ray", ray)
    before = set(sys.modules)
    compat._mend_ray()  # recbole.quick_start is imported already: only the stand-ins come and go
    assert sys.modules["ray"] is ray
    assert set(sys.modules) - {"ray.tune"} == before - {"ray.tune"}


NO_RAY = """
import sys, importlib.abc
class NoRay(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "ray":
            raise ModuleNotFoundError("No module named 'ray'", name="ray")
sys.meta_path.insert(0, NoRay())
import recbole_mmsc
from recbole.quick_start import quick_start
from recbole_mmsc.compat import activate
assert activate()["ray-stand-in"]
assert quick_start.tune.report(ndcg=0.5) is None
assert "ray" not in sys.modules and "ray.tune" not in sys.modules
print("stand-in gone")
"""


def test_without_ray_the_stand_in_lasts_for_one_import():
    done = subprocess.run([sys.executable, "-c", NO_RAY], capture_output=True, text=True)
    assert done.stdout == "stand-in gone\n", done.stderr


# --- torch

strict_torch = pytest.mark.skipif(
    compat.major_minor(torch.__version__) < (2, 6), reason="torch.load is strict since 2.6"
)


@pytest.fixture
def checkpoint(tmp_path):
    """What RecBole writes: more than weights, pickle protocol 4."""
    file = tmp_path / "BPR.pth"
    torch.save({"epoch": 3, "config": Path("not a tensor")}, file, pickle_protocol=4)
    return file


@strict_torch
def test_torch_load_trusts_one_file_in_one_block(checkpoint, tmp_path):
    load = torch.load
    other = tmp_path / "other.pth"
    other.write_bytes(checkpoint.read_bytes())
    with pytest.raises(Exception, match="weights_only"):
        torch.load(checkpoint)
    with trusting(checkpoint):
        assert torch.load(str(checkpoint))["epoch"] == 3
        with pytest.raises(Exception, match="weights_only"):
            torch.load(other)
        with pytest.raises(Exception, match="weights_only"):
            torch.load(checkpoint, weights_only=True)
        with trusting(other):
            assert torch.load(other)["epoch"] == 3
        assert torch.load(checkpoint)["epoch"] == 3
    assert torch.load is load


@strict_torch
def test_trust_ends_with_an_error_too(checkpoint):
    load = torch.load
    with pytest.raises(KeyError), trusting(checkpoint):
        raise KeyError
    assert torch.load is load


@strict_torch
def test_trust_does_not_reach_other_threads(checkpoint):
    load, refused = torch.load, []

    def read():
        try:
            torch.load(checkpoint)
        except Exception as error:
            refused.append(type(error).__name__)

    with trusting(checkpoint):
        thread = threading.Thread(target=read)
        thread.start()
        thread.join()
    assert refused == ["UnpicklingError"]
    assert torch.load is load


@strict_torch
def test_overlapping_blocks_of_two_threads_put_torch_load_back(checkpoint):
    load, inside, leave = torch.load, threading.Event(), threading.Event()

    def hold():
        with trusting(checkpoint):
            inside.set()
            leave.wait(10)

    thread = threading.Thread(target=hold)
    with trusting(checkpoint):
        thread.start()
        assert inside.wait(10)
    assert torch.load is not load  # the other block is still open
    leave.set()
    thread.join()
    assert torch.load is load


# --- scipy


def test_dok_matrix_update():
    matrix = dok_matrix((2, 3), dtype=np.float32)
    matrix._update({(0, 1): 1.0, (1, 2): 2.0})
    assert matrix.toarray().tolist() == [[0, 1, 0], [0, 0, 2]]


# --- pandas


def test_what_pandas_3_changed():
    """The two breakages themselves; the guards' predicate must tell the same."""
    frame = pd.DataFrame({"age": [1.0, np.nan]})
    column = frame["age"]
    column.fillna(0, inplace=True)
    assert frame["age"].isna().any() == compat.pandas_copies_on_write()


@pytest.fixture
def holes(tmp_path):
    """A dataset with a missing value of each kind of column."""
    folder = tmp_path / "dataset" / "holes"
    folder.mkdir(parents=True)
    files = {
        "inter": [
            "user_id:token\titem_id:token\trating:float",
            "u1\ti1\t1",
            "u2\ti2\t",
            "u1\ti3\t5",
        ],
        "user": ["user_id:token\tjob:token", "u1\tcook", "u2\t"],
        "item": [
            "item_id:token\tprice:float\ttags:token_seq\tsizes:float_seq",
            "i1\t2.0\tred big\t1.5 2.5",
            "i2\t\t\t",
            "i3\t4.0\tred\t3.5",
        ],
    }
    for suffix, lines in files.items():
        (folder / f"holes.{suffix}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {
        "data_path": str(folder.parent),
        "load_col": {"inter": "*", "user": "*", "item": "*"},
        "gpu_id": "",
    }


def test_missing_values_are_filled(holes):
    dataset = create_dataset(Config(model="BPR", dataset="holes", config_dict=holes))
    # row 0 is the padding: no user or item, so every one of its values is missing
    assert dataset.user_feat["job"].tolist() == [0, 1, 0]
    assert dataset.item_feat["price"].tolist() == [3.0, 2.0, 3.0, 4.0]
    assert [cell.tolist() for cell in dataset.item_feat["tags"]] == [[], [1, 2], [], [1]]
    assert [cell.tolist() for cell in dataset.item_feat["sizes"]] == [[], [1.5, 2.5], [], [3.5]]
    assert dataset.inter_feat["rating"].tolist() == [1.0, 3.0, 5.0]
    assert dataset.field2id_token["tags"].tolist() == ["[PAD]", "red", "big"]


def test_filled_values_become_tensors(holes):
    holes["eval_args"] = {"split": {"RS": [0.4, 0.3, 0.3]}, "group_by": None}
    config = Config(model="BPR", dataset="holes", config_dict=holes)
    train, _, _ = data_preparation(config, create_dataset(config))
    items = train.dataset.item_feat
    assert items["tags"].tolist() == [[0, 0], [1, 2], [0, 0], [1, 0]]
    assert items["sizes"].tolist() == [[0, 0], [1.5, 2.5], [0, 0], [3.5, 0]]
    assert items["price"].tolist() == [3.0, 2.0, 3.0, 4.0]
    assert train.dataset.user_feat["job"].tolist() == [0, 1, 0]


def test_sequences_are_normalised_row_by_row(holes):
    holes["normalize_field"] = ["sizes"]
    dataset = create_dataset(Config(model="BPR", dataset="holes", config_dict=holes))
    assert [cell.tolist() for cell in dataset.item_feat["sizes"]] == [[], [0.0, 0.5], [], [1.0]]


@pytest.mark.parametrize("fill", [fill_nan, Dataset._fill_nan])
def test_fill_nan_is_recbole_s_own_where_that_works(holes, fill):
    """On pandas 2 ``Dataset._fill_nan`` is RecBole's: both do the same."""
    dataset = create_dataset(Config(model="BPR", dataset="holes", config_dict=holes))
    dataset.feat_name_list = ["item_feat"]
    dataset.item_feat = pd.DataFrame(
        {
            "item_id": [1.0, np.nan, 2.0],
            "price": [1.0, np.nan, 3.0],
            "tags": [np.array([1, 2]), np.nan, np.array([2])],
            "sizes": [np.nan, np.array([0.5]), np.nan],
        }
    )
    fill(dataset)
    filled = dataset.item_feat
    assert filled["item_id"].tolist() == [1.0, 0.0, 2.0]
    assert filled["price"].tolist() == [1.0, 2.0, 3.0]
    assert [cell.tolist() for cell in filled["tags"]] == [[1, 2], [], [2]]
    assert [cell.tolist() for cell in filled["sizes"]] == [[], [0.5], []]
    assert [cell.dtype for cell in filled["sizes"]] == [np.float64] * 3


def test_row_lengths():
    column = pd.Series([np.array([1, 2]), np.array([]), np.array([3])])
    assert row_lengths(column).tolist() == [2, 0, 1]
    assert row_lengths([1, 2, 3]) == 3
    assert row_lengths(pd.DataFrame({"a": [1, 2]})) == 2

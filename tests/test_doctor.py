"""``doctor``: what it finds, and that it can print it."""

import importlib.util
from io import StringIO

from rich.console import Console

from recbole_mmsc import compat
from recbole_mmsc.doctor import Diagnosis, GuardState, diagnose
from tests.tiny import ENCODER


def printed(diagnosis: Diagnosis, width: int = 100) -> str:
    """What ``render`` prints."""
    console = Console(file=StringIO(), width=width)
    diagnosis.render(console)
    return console.file.getvalue()


def test_versions_guards_and_datasets(tiny_folder):
    broken = tiny_folder.parent / "broken [1]"
    broken.mkdir()
    (broken / "dataset.json").write_text("{", encoding="utf-8")
    half_built = tiny_folder.parent / ".tiny.building"
    half_built.mkdir()
    (half_built / "dataset.json").write_text("{}", encoding="utf-8")
    found = diagnose(tiny_folder.parent)
    assert found.versions["recbole"] == "1.2.1"
    assert {state.guard.name: state.active for state in found.guards} == compat.activate()
    assert [dataset.name for dataset in found.datasets] == ["broken [1]", "tiny"]
    lacks = {"broken [1].train.inter", "catalogue.parquet", "a readable dataset.json"}
    assert lacks <= {*found.datasets[0].lacks}
    assert found.datasets[1].features == (ENCODER,)
    assert found.datasets[1].lacks == ()
    text = printed(found)
    assert "ray-stand-in" in text
    assert "broken [1]" in text
    assert "ready" in text


def test_what_is_missing_is_named_with_its_use(tmp_path, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "faiss" else find(name)
    )
    found = diagnose(tmp_path / "nowhere")
    assert "faiss-cpu" in [missing.package for missing in found.missing]
    text = printed(found)
    assert "NCL" in text
    assert "No datasets in" in text


def test_both_states_of_a_guard_are_printed(tmp_path):
    guard = compat.GUARDS[0]
    states = (GuardState(guard, True), GuardState(guard, False))
    text = printed(Diagnosis(tmp_path, {"ray": None}, states, (), ()))
    assert "active" in text
    assert "not needed" in text
    assert "not installed" in text

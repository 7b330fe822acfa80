"""Scripts: ``python -m recbole_mmsc``, spawned workers, and checkpoints in another process."""

import json
import os
import subprocess
import sys

import pytest

from recbole_mmsc.__main__ import main
from recbole_mmsc.script import SCRIPT as SCRIPT_VARIABLE

SCRIPT = """
import json, sys, warnings
warnings.simplefilter("ignore")
{top}
import torch.multiprocessing as mp
from recbole.quick_start import load_data_and_model, run_recbole

def train(rank, queue, settings):
    result = run_recbole(model="MMSC", dataset="tiny", config_dict=settings)
    queue.put((__name__, sys.argv, sorted(result["test_result"])))

if __name__ == "__main__":
    settings = {{"epochs": 1, "gpu_id": "", "state": "ERROR", "show_progress": False}}
    queue = mp.get_context("spawn").SimpleQueue()
    mp.spawn(train, args=(queue, settings), nprocs=1)
    name, argv, metrics = queue.get()
    # the checkpoint was written by the other process
    import glob
    config, model, *_ = load_data_and_model(glob.glob("saved/MMSC-*.pth")[0])
    print("RESULT", json.dumps(
        [name, argv, metrics, __name__, __file__, type(model).__module__, config["seed"]]))
"""


def run(arguments, folder):
    """Run Python in `folder`; return the finished process."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize(
    ("top", "launcher"),
    [("import recbole_mmsc", []), ("# an unchanged RecBole script", ["-m", "recbole_mmsc"])],
    ids=["top-level import", "python -m recbole_mmsc"],
)
def test_a_spawned_worker_trains_and_its_parent_loads_the_checkpoint(
    tiny_folder, tmp_path, top, launcher
):
    (tmp_path / "train.py").write_text(SCRIPT.format(top=top), encoding="utf-8")
    done = run([*launcher, "train.py", "--seed=7"], tmp_path)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    name, argv, metrics, main, file, module, seed = json.loads(line.removeprefix("RESULT "))
    assert (name, main) == ("__mp_main__", "__main__")
    assert argv == ["train.py", "--seed=7"]
    assert seed == 7
    assert "ndcg@10" in metrics
    assert file.endswith("train.py")
    assert module == "recbole_mmsc.model.mmsc"


def test_without_a_script_there_is_usage(capsys):
    assert main([]) == 2
    assert "usage: python -m recbole_mmsc SCRIPT" in capsys.readouterr().err


@pytest.fixture
def own_main(monkeypatch, tmp_path):
    """Put back what running a script in this process changes; return its folder."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv(SCRIPT_VARIABLE, "")
    return tmp_path


def test_a_script_that_is_not_there(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere.py")]) == 2
    assert f"the script {tmp_path / 'nowhere.py'} does not exist" in capsys.readouterr().err
    assert main([str(tmp_path)]) == 2
    assert f"the script {tmp_path} is a folder" in capsys.readouterr().err


def test_a_script_sees_its_arguments_its_folder_and_itself_as_main(own_main, capsys):
    (own_main / "helper.py").write_text("WORD = 'beside'\n", encoding="utf-8")
    script = own_main / "script.py"
    script.write_text(
        "import sys, helper\n"
        "def f(): pass\n"
        "print(__name__, sys.argv[1:], helper.WORD, getattr(sys.modules['__main__'], 'f') is f)\n",
        encoding="utf-8",
    )
    assert main([str(script), "--epochs=3", "x"]) == 0
    assert capsys.readouterr().out == "__main__ ['--epochs=3', 'x'] beside True\n"


def test_a_script_s_exit_code_and_error_are_its_own(own_main):
    script = own_main / "fails.py"
    script.write_text("import sys\nsys.exit(sys.argv[1])\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="no luck"):
        main([str(script), "no luck"])
    script.write_text("\n\n1 / 0\n", encoding="utf-8")
    with pytest.raises(ZeroDivisionError) as error:
        main([str(script)])
    assert (error.traceback[-1].path, error.traceback[-1].lineno) == (script, 2)

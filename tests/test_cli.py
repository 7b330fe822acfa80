"""The whole job through the command line, and its errors."""

import gzip
import json
import logging
import os
import subprocess
import sys
from importlib.metadata import version

import pytest
from recbole.quick_start import run_recbole

from recbole_mmsc.cli import COMMANDS as COMMANDS_OF_CLI
from recbole_mmsc.cli import main

COMMANDS = (
    "build",
    "audit",
    "fetch-images",
    "encode",
    "adapt",
    "features",
    "benchmark",
    "compare",
    "demo",
    "doctor",
)


@pytest.fixture
def meta(tmp_path):
    """60 products of 6 types; viewed with all of their type, bought with some of the next."""
    lines = []
    for n in range(60):
        kind = n // 10
        lines.append(
            {
                "asin": f"B{n:09d}",
                "title": f"Thing {n} of kind{kind}",
                "category": ["All", f"Kind {kind}"],
                "brand": f"brand{n % 4}",
                "price": f"${n}.99",
                "also_view": [f"B{m:09d}" for m in range(60) if m // 10 == kind and m != n],
                "also_buy": [f"B{(n + 10 + step) % 60:09d}" for step in range(3)],
            }
        )
    file = tmp_path / "meta_things.json.gz"
    file.write_bytes(gzip.compress("\n".join(map(json.dumps, lines)).encode() + b"\n{broken\n"))
    return file


def test_build_audit_encode_and_the_stock_call(meta, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["build", "--name", "things", "--meta", str(meta), "--format", "amazon-2018"]) == 0
    printed = capsys.readouterr().out
    assert "60 items" in printed
    assert "lines not usable: 1" in printed
    assert printed.endswith("next: recbole-mmsc encode things\n")
    assert main(["audit", "dataset/things"]) == 0
    assert main(["encode", "things", "--encoder", "tfidf", "--shard", "1/1"]) == 0
    assert "made 1 of 1 shards" in capsys.readouterr().out
    assert main(["encode", "things", "--encoder", "tfidf", "--merge"]) == 0
    assert "text: 60 of 60 items" in capsys.readouterr().out
    logging.disable(logging.CRITICAL)
    result = run_recbole(
        model="MMSC",
        dataset="things",
        config_dict={
            "encoder": "tfidf",
            "epochs": 10,
            "embedding_size": 16,
            "train_batch_size": 128,
            "gpu_id": "",
            "show_progress": False,
        },
    )["test_result"]
    logging.disable(logging.NOTSET)
    assert result["substitute/ndcg@10"] > 0.6


def test_an_audit_that_finds_a_leak_fails(meta, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    main(["build", "--name", "things", "--meta", str(meta)])
    test = tmp_path / "dataset/things/things.test.inter"
    leak = test.read_text().splitlines()[1]
    with (tmp_path / "dataset/things/things.train.inter").open("a") as train:
        train.write(leak + "\n")
    capsys.readouterr()
    assert main(["audit", "dataset/things"]) == 1
    assert "LEAK" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["build", "amazon-hone", "--meta", "x.gz"], "amazon-home"),
        (["build", "amazon-home", "--meta", "nowhere.gz"], "nowhere.gz"),
        (["build", "--format", "jsonl", "--meta", "x.gz"], "expected a preset or --name NAME"),
        (["build", "--name", "../up", "--meta", "x.gz"], "../up"),
        (["encode", "nothing"], "nothing"),
        (["encode", "nothing", "--shard", "3/2"], "such as 1/4"),
        (["audit", "nowhere"], "nowhere"),
        (["audit", ""], "found no .inter file in"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(arguments, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.gz").touch()
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["build", "x"], ["demo", "--items"], [], ["frobnicate"]])
def test_wrong_usage_exits_with_2(arguments):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_a_count_below_one_is_wrong_usage(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["compare", "one", "two", "--queries", "0"])
    assert "expected a whole number of 1 or more, found '0'" in capsys.readouterr().err


def test_a_field_that_is_given_twice_is_named(capsys):
    twice = ["--field", "also_view=a", "--field", "also_view=b"]
    with pytest.raises(SystemExit) as stop:
        main(["build", "--name", "x", "--meta", "x.gz", *twice])
    assert stop.value.code == 2
    assert "--field: expected also_view once, found 'a' and 'b'" in capsys.readouterr().err


def test_help_has_an_example(capsys):
    for command in ([], *([name] for name in COMMANDS)):
        with pytest.raises(SystemExit) as stop:
            main([*command, "--help"])
        assert stop.value.code == 0
        assert "example: recbole-mmsc" in capsys.readouterr().out


def test_recbole_does_not_read_our_arguments(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["recbole-mmsc", "doctor", "--data=here"])
    assert main() == 0
    assert sys.argv == ["recbole-mmsc"]


def test_a_reader_that_stops_and_a_poor_terminal_are_no_errors(tmp_path):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    script = "from recbole_mmsc.cli import main; raise SystemExit(main())"
    command = [sys.executable, "-c", script, "doctor", "--data", str(tmp_path)]
    whole = subprocess.run(command, capture_output=True, env=environment, check=False)
    assert whole.returncode == 0, whole.stderr.decode()
    closed = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    closed.stdout.close()
    assert closed.stderr.read() == b""
    closed.wait()


def test_a_resumable_command_says_so_when_it_is_stopped(monkeypatch, capsys):
    def stop(_options):
        raise KeyboardInterrupt

    monkeypatch.setitem(COMMANDS_OF_CLI, "encode", stop)
    monkeypatch.setitem(COMMANDS_OF_CLI, "build", stop)
    assert main(["encode", "shop"]) == 130
    said = "recbole-mmsc encode: stopped. The same command goes on where it was."
    assert capsys.readouterr().err.strip() == said
    assert main(["build", "amazon-home", "--meta", "x"]) == 130
    assert capsys.readouterr().err.strip() == "recbole-mmsc build: stopped."


def test_the_version(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out.strip() == version("recbole-mmsc")

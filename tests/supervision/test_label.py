"""The command ``label``: what it chooses, keeps and reports."""

import csv
import logging
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from scipy import sparse

from recbole_mmsc.cli import main
from recbole_mmsc.data.labels import SupervisionError, read_labels
from recbole_mmsc.dataset_builders.audit import audit_folder
from recbole_mmsc.properties_files import model_defaults
from recbole_mmsc.settings import MMSCSettings
from recbole_mmsc.supervision.catalogue import Catalogue
from recbole_mmsc.supervision.judgement import Failure, Judgement
from recbole_mmsc.supervision.label import label_dataset
from recbole_mmsc.supervision.labellers import Labeller, register_labeller
from recbole_mmsc.supervision.selection import Material
from tests import tiny
from tests.supervision.chat_server import serving

ENCODER = MMSCSettings.from_config(model_defaults("MMSC")).encoder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    logging.disable(logging.CRITICAL)
    yield tiny.write_tiny(tmp_path / "dataset" / "tiny")
    logging.disable(logging.NOTSET)


class Counting(Labeller):
    """Says substitute of everything, counts who is asked, and can fail or be stopped."""

    name, prompt_version = "counting", "1"

    def __init__(self):
        self.asked = Counter()
        self.stop_after = self.fail_first = None

    def judge(self, pairs):
        for number, pair in enumerate(pairs):
            if number == self.stop_after:
                raise KeyboardInterrupt
            if self.fail_first and number < self.fail_first:
                yield pair, Failure("HTTP 503", f"busy with {number}", tokens=2)
                continue
            self.asked[pair.key] += 1
            yield pair, Judgement("substitute", 0.9, "same purpose", tokens=7)


@pytest.fixture
def counting():
    labeller = Counting()
    register_labeller("counting", lambda *_: labeller)
    return labeller


def test_from_the_command_line(folder, capsys):
    assert main(["label", "tiny", "--budget", "120"]) == 0
    printed = capsys.readouterr().out
    assert "120 pairs" in printed
    labels = pq.read_table(folder / "supervision" / "rules.parquet").to_pylist()
    assert {row["chosen"] for row in labels} >= {"random", "doubtful"}
    held_out = {
        frozenset((tiny.ITEMS[a], tiny.ITEMS[b]))
        for found in tiny.pairs().values()
        for a, b, phase in found
        if phase != "train"
    }
    assert held_out
    assert not held_out & {frozenset((row["query"], row["target"])) for row in labels}
    report = (folder / "supervision" / "rules.md").read_text()
    assert "Cohen's κ" in report
    assert "**substitute**" in report
    assert not [f for f in audit_folder(folder).findings if "label" in f.check]
    before = (folder / "supervision" / "rules.parquet").read_bytes()
    assert main(["label", "tiny", "--budget", "120"]) == 0
    assert (folder / "supervision" / "rules.parquet").read_bytes() == before


@pytest.mark.parametrize("source", ["also_view", "also_buy"])
def test_a_catalogue_of_one_behaviour(folder, source):
    relation = {"also_view": "substitute", "also_buy": "complement"}[source]
    table = pq.read_table(folder / "behaviour.parquet")
    pq.write_table(table.filter(pc.equal(table["source"], source)), folder / "behaviour.parquet")
    for file in folder.glob("*.inter"):
        head, *rows = file.read_text().splitlines()
        file.write_text("\n".join([head, *(r for r in rows if r.startswith(relation))]) + "\n")
    assert main(["label", "tiny", "--budget", "40"]) == 0
    labels = pq.read_table(folder / "supervision" / "rules.parquet").to_pylist()
    assert {row["chosen"] for row in labels} >= {"random", "doubtful"}


def test_a_stopped_run_goes_on_and_pays_nothing_twice(folder, counting):
    counting.stop_after = 30
    with pytest.raises(KeyboardInterrupt):
        label_dataset(folder, "counting", 80, ENCODER, progress=False)
    counting.stop_after = None
    summary = label_dataset(folder, "counting", 80, ENCODER, progress=False)
    assert summary.asked == 50
    assert summary.tokens == 350
    assert len(counting.asked) == 80
    assert {*counting.asked.values()} == {1}
    assert "80 pairs" in summary.render()


def test_what_failed_is_asked_again(folder, counting):
    counting.fail_first = 10
    summary = label_dataset(folder, "counting", 40, ENCODER, progress=False)
    assert summary.failures == {"HTTP 503": 10}
    assert summary.tokens == 30 * 7 + 10 * 2
    assert "10 HTTP 503 (busy with 0); the same command asks again" in summary.render()
    counting.fail_first = None
    assert label_dataset(folder, "counting", 40, ENCODER, progress=False).asked == 10


def test_rules_judge_anew_what_behaviour_may_have_changed(folder):
    summary = label_dataset(folder, "rules", 40, ENCODER, progress=False)
    before = summary.path.read_bytes()
    database = sqlite3.connect(folder / "supervision" / ".cache.sqlite")
    with database:
        database.execute("UPDATE judgements SET label = 'unsure'")  # as if of an older build
    database.close()
    assert label_dataset(folder, "rules", 40, ENCODER, progress=False).asked == 40
    assert summary.path.read_bytes() == before


def test_the_report_leaves_out_what_it_cannot_read(folder, counting):
    others = folder / "supervision"
    others.mkdir()
    good = {"query": ["B00"], "target": ["B01"], "label": ["unsure"]}
    pq.write_table(pa.table({"label": ["unsure"]}), others / "fewer.parquet")
    pq.write_table(pa.table({**good, "query": [["B00"]]}), others / "lists.parquet")
    pq.write_table(pa.table({**good, "label": ["good"]}), others / "other.parquet")
    (others / "damaged.parquet").write_bytes(b"PAR1")
    report = label_dataset(folder, "counting", 10, ENCODER, progress=False).report
    for name in ("fewer", "lists", "other", "damaged"):
        said = f"Left out: {name}.parquet is damaged, or no file of labels."
        assert said in report.read_text()


def test_the_report_compares_pairs_in_either_order(folder, counting):
    path = label_dataset(folder, "counting", 10, ENCODER, progress=False).path
    table = pq.read_table(path).rename_columns({"query": "target", "target": "query"})
    pq.write_table(table, path.with_name("turned.parquet"))
    report = label_dataset(folder, "counting", 10, ENCODER, progress=False).report
    _, _, agreement = report.read_text().partition("## Agreement with turned")
    assert agreement.lstrip().startswith("10 pairs, 100% alike")


def test_a_sheet_for_people_comes_back_as_labels(folder, tmp_path, capsys):
    sheet = tmp_path / "sheet.csv"
    assert main(["label", "tiny", "--budget", "40", "--sheet", str(sheet)]) == 0
    rows = [*csv.DictReader(sheet.open(encoding="utf-8-sig", newline=""))]
    assert len(rows) == 40
    rows[0]["label"], rows[1]["label"] = "Complement", "irrelevant"
    fill_in(sheet, rows)
    assert main(["label", "tiny", "--budget", "40", "--sheet", str(sheet)]) == 1
    read_back = ["label", "tiny", "--budget", "3", "--labeller", f"people:{sheet}"]
    assert main(read_back) == 0
    told = capsys.readouterr().out
    assert "38 not filled in" in told
    assert "to use it: supervision: ['people:sheet']" in told

    def labels():
        table = pq.read_table(folder / "supervision" / "people-sheet.parquet").to_pylist()
        return sorted((row["label"], row["chosen"]) for row in table)

    chosen = [row["chosen"] for row in rows]
    assert labels() == [("complement", chosen[0]), ("irrelevant", chosen[1])]
    rows[0]["label"] = "substitute"  # they changed their minds
    fill_in(sheet, rows)
    assert main(read_back) == 0
    assert labels() == [("irrelevant", chosen[1]), ("substitute", chosen[0])]


def fill_in(sheet, rows):
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def test_a_sheet_with_what_may_not_be_judged_is_refused(folder, tmp_path, capsys):
    sheet = tmp_path / "sheet.csv"
    a, b = next((a, b) for a, b, phase in tiny.pairs()["complement"] if phase == "valid")
    wrong = {
        "B00,B01,perhaps": "line 2",
        "B00,nobody,substitute": "'nobody'",
        f"{tiny.ITEMS[b]},{tiny.ITEMS[a]},substitute": "not held out",
    }
    for row, said in wrong.items():
        sheet.write_text(f"first,second,label\n{row}\n", encoding="utf-8")
        assert main(["label", "tiny", "--labeller", f"people:{sheet}"]) == 1
        assert said in capsys.readouterr().err
    assert not (folder / "supervision" / "people-sheet.parquet").exists()


def test_a_sheet_says_each_pair_once_and_is_csv(folder, tmp_path, capsys):
    sheet = tmp_path / "sheet.csv"
    wrong = {
        b"B00,B01,substitute\nB00,B01,complement\n": "line 3: expected each pair of items once",
        b"B00,B01,substitute\nB01,B00,\n": "line 2 says 'substitute'",
        b"B00,B00,substitute\n": "line 2: expected each pair of items once, an item with itself",
        b'B00,"B01,substitute\n' + b"B02,B03,complement\n" * 9000: "a quotation mark too many?",
        "B00,B01,für\n".encode("cp1252"): "save the sheet as CSV UTF-8",
        b'B00,B01,substitute,"0,8"\n': "numbers such as 0.8",
    }
    for rows, said in wrong.items():
        sheet.write_bytes(b"first,second,label,confidence\n" + rows)
        assert main(["label", "tiny", "--labeller", f"people:{sheet}"]) == 1
        assert said in capsys.readouterr().err
    sheet.write_text("first,second,label\nB00,B01,substitute\nB01,B00,substitute\n")
    assert main(["label", "tiny", "--labeller", f"people:{sheet}"]) == 0
    assert len(pq.read_table(folder / "supervision" / "people-sheet.parquet")) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_sheet_as_spreadsheets_save_it(folder, tmp_path, delimiter):
    rows = [
        ("first", "second", "label", "note, ours"),
        (" B00", "B01 ", "substitute", "a, b; c"),
        ("", " ", "", ""),
        ("", "", "", "", ""),
        ("B02", "B03", "complement", ""),
    ]
    sheet = tmp_path / "sheet.csv"
    with sheet.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, delimiter=delimiter).writerows(rows)
    assert main(["label", "tiny", "--labeller", f"people:{sheet}"]) == 0
    labels = pq.read_table(folder / "supervision" / "people-sheet.parquet").to_pylist()
    said = [(row["query"], row["target"], row["label"]) for row in labels]
    assert said == [("B00", "B01", "substitute"), ("B02", "B03", "complement")]


def test_an_id_that_lost_its_zeros_is_recognised():
    nothing = sparse.csr_array((3, 3))
    catalogue = Catalogue(
        Material([], nothing, [], None, None), {"0042": 1, "B1": 2}, {}, [nothing, nothing]
    )
    with pytest.raises(ValueError, match=r"people:mine, found '42' .* is it '0042'.* drop zeros"):
        catalogue.checked({("B1", "42"): "people"}, "people:mine")


def test_a_sheet_is_read_back_without_features(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(Catalogue, "chosen", None)  # nor is anything chosen
    shutil.rmtree(folder / "features")
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("first,second,label\nB00,B01,substitute\n")
    assert main(["label", "tiny", "--labeller", f"people:{sheet}"]) == 0


def test_what_a_sheet_is_followed_by_can_be_run(folder, tmp_path, capsys):
    words = ["label", "tiny", "--data", str(folder.parent), "--budget", "10"]
    assert main([*words, "--sheet", str(tmp_path / "my pairs.csv")]) == 0
    _, follows = capsys.readouterr().out.strip().splitlines()
    sheet = tmp_path / "my pairs.csv"
    fill_in(sheet, [{"first": "B00", "second": "B01", "label": "substitute"}])
    assert main(shlex.split(follows.removeprefix("next: recbole-mmsc "))) == 0


def test_where_nothing_is_judged_it_has_not_worked(folder, counting, capsys):
    counting.fail_first = 1000
    assert main(["label", "tiny", "--labeller", "counting", "--budget", "10"]) == 1
    assert "10 HTTP 503" in capsys.readouterr().out
    assert main(["label", "nothing"]) == 1
    assert "Expected a built dataset in dataset/nothing" in capsys.readouterr().err
    assert not (folder.parent / "nothing").exists()


def test_what_was_judged_before_a_dataset_was_built_anew(folder, counting, tmp_path):
    """Of judgements that are kept, those of pairs held out now, or of strangers, are left out."""
    summary = label_dataset(folder, "counting", 60, ENCODER, progress=False)
    other = tiny.write_tiny(tmp_path / "other" / "tiny")
    held_out = {key for key in counting.asked if key[0] == "B03"}
    test = other / "tiny.test.inter"
    for phase in ("train", "valid", "test"):
        file = other / f"tiny.{phase}.inter"
        head, *rows = file.read_text().splitlines()
        moved = [row for row in rows if "B03" in row]
        if phase != "test":
            file.write_text("\n".join([head, *(row for row in rows if row not in moved)]) + "\n")
            with test.open("a") as more:
                more.writelines(f"{row}\n" for row in moved)
    shutil.copytree(folder / "supervision", other / "supervision")
    with pytest.raises(SupervisionError, match="those of another split"):
        read_labels(other, "counting", {})
    database = sqlite3.connect(other / "supervision" / ".cache.sqlite")
    with database:
        database.execute("UPDATE judgements SET first = 'gone' WHERE first = 'B00'")
    database.close()
    again = label_dataset(other, "counting", 1, ENCODER, progress=False)
    labelled = pq.read_table(again.path).to_pylist()
    assert held_out
    assert again.left_out > 0
    assert f"left out: {again.left_out}" in again.render()
    assert len(labelled) == sum(summary.labels.values()) + again.asked - again.left_out
    assert not [f for f in audit_folder(other).findings if "label" in f.check]


def test_a_pair_is_named_in_the_order_of_the_catalogue(folder, counting, tmp_path):
    """RecBole numbers items as they come: another order of the pairs makes no other judgements."""
    label_dataset(folder, "counting", 60, ENCODER, progress=False)
    before = set(counting.asked)
    assert all(first < second for first, second in before), "the catalogue is in that order"
    other = tmp_path / "other" / "tiny"
    shutil.copytree(folder, other)
    shutil.rmtree(other / "supervision")
    training = other / "tiny.train.inter"
    head, *rows = training.read_text().splitlines()
    training.write_text("\n".join([head, *reversed(rows)]) + "\n")
    label_dataset(other, "counting", 60, ENCODER, progress=False)
    assert all(first < second for first, second in counting.asked)


def test_labels_of_another_budget_stay(folder, counting):
    label_dataset(folder, "counting", 20, ENCODER, progress=False)
    first = {*counting.asked}
    summary = label_dataset(folder, "counting", 60, ENCODER, progress=False)
    assert {*counting.asked.values()} == {1}
    table = pq.read_table(summary.path).to_pylist()
    assert {(row["query"], row["target"]) for row in table} == {*counting.asked} > first


def test_the_audit_finds_a_held_out_pair_with_a_label(folder):
    assert main(["label", "tiny", "--budget", "20"]) == 0
    path = folder / "supervision" / "rules.parquet"
    table = pq.read_table(path).to_pydict()
    a, b = next((a, b) for a, b, phase in tiny.pairs()["substitute"] if phase == "test")
    table["query"][0], table["target"][0] = tiny.ITEMS[b], tiny.ITEMS[a]
    table["query"][1] = "nobody"
    pq.write_table(pa.table(table), path)
    found = {finding.check: finding.severity for finding in audit_folder(folder).findings}
    assert found["held-out-labelled"] == "leak"
    assert found["unknown-label"] == "error"


def test_wrong_words_are_refused(folder, capsys):
    assert main(["label", "tiny", "--labeller", "rule"]) == 1
    assert "Did you mean 'rules'" in capsys.readouterr().err
    assert main(["label", "tiny", "--budget", "0"]) == 1
    assert main(["label", "tiny", "--labeller", "rules:x"]) == 1
    (folder / "supervision").mkdir(exist_ok=True)
    (folder / "supervision" / ".cache.sqlite").write_bytes(b"no database, but long enough" * 50)
    assert main(["label", "tiny"]) == 1
    assert "paid for again" in capsys.readouterr().err


def test_a_server_that_fails_at_first_and_is_never_paid_twice(folder, capsys):
    with serving() as server:
        words = ["label", "tiny", "--budget", "8", "--labeller", server.labeller("failing-1")]
        words += ["--per-second", "500"]
        assert main(words) == 0
        assert "8 judged now" in capsys.readouterr().out
        asked = len(server.questions)
        assert asked > 8
        assert main(words) == 0
        assert "0 judged now" in capsys.readouterr().out
        assert len(server.questions) == asked


def test_what_a_model_says_that_is_not_understood_is_asked_again(folder, capsys):
    with serving() as server:
        words = ["label", "tiny", "--budget", "8", "--per-second", "500"]
        words += ["--labeller", server.labeller("content-I am a teapot")]
        for n_asked in (8, 16):
            assert main(words) == 1
            printed = capsys.readouterr().out
            assert "560 tokens" in printed
            assert "8 answer not understood (no JSON object with a label: I am a teapot)" in printed
            assert len(server.questions) == n_asked


def test_a_killed_run_pays_again_for_what_was_in_flight_alone(folder):
    with serving() as server:
        words = ["label", "tiny", "--budget", "30", "--labeller", server.labeller("right")]
        words += ["--concurrency", "1", "--per-second", "20"]
        code = f"from recbole_mmsc.cli import main; main({words!r})"
        run = subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL)
        waited = 0.0
        while len(server.questions) < 5 and run.poll() is None and waited < 120:
            time.sleep(0.05)
            waited += 0.05
        run.kill()
        assert run.wait() == -signal.SIGKILL
        before = len(server.questions)
        assert 5 <= before < 30
        words[-1] = "500"
        assert main(words) == 0
        assert 30 <= len(server.questions) <= 31
    assert len(pq.read_table(next((folder / "supervision").glob("openai*.parquet")))) == 30

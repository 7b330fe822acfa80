"""Two runs of the tiny dataset, written by hand: every figure is known."""

import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.cells import cell_len
from rich.console import Console

from recbole_mmsc.benchmark.compare import compare_runs
from recbole_mmsc.benchmark.compare_text import render
from recbole_mmsc.benchmark.record import RunRecord

# Of the tiny dataset: B00 and B05 are substitutes in test, B00 and B11 complements in training;
# B01 and B02 are substitutes in test, B01 and B12 complements in test.
QUERIES = ["substitute|B00", "substitute|B01", "substitute|B03", "complement|B01"]
FIRST = [1.0, 0.5, 0.0, 0.0]
SECOND = [0.0, 0.5, 1.0, 0.25]
FIRST_ITEMS = [["B05", "B11", "B30"], ["B30", "B02"], ["B31"], ["B02"]]
SECOND_ITEMS = [["B31", "B32"], ["B30", "B02"], ["B30"], ["B31", "B12"]]


def write(folder: Path, values, items, split: str, **record) -> Path:
    fields = {
        "id": folder.name,
        "label": folder.name,
        "model": "MMSC",
        "dataset": "tiny",
        "split_sha256": split,
        "seed": 1,
        "settings": {},
        "purpose": "run",
        "status": "done",
    }
    folder.mkdir(parents=True)
    RunRecord(**{**fields, **record}).write(folder)
    relation, item = zip(*(query.split("|") for query in QUERIES), strict=True)
    table = {
        "query": QUERIES,
        "relation": relation,
        "item": item,
        "degree": [3, 3, 30, 0],
        "n_positives": [1, 1, 1, 1],
        "ndcg@10": pa.array(values),
        "ndcg@10 (1+100)": pa.array([*values[:3], None], pa.float64()),
        "recommended": items,
        "confused@10": [1, 0, 0, 0],
    }
    pq.write_table(pa.table(table), folder / "queries.parquet")
    return folder


@pytest.fixture
def split(tiny_folder) -> str:
    return json.loads((tiny_folder / "dataset.json").read_text())["split_sha256"]


@pytest.fixture
def runs(tmp_path, split) -> tuple[Path, Path]:
    return (
        write(tmp_path / "runs" / "plain", FIRST, FIRST_ITEMS, split),
        write(tmp_path / "runs" / "better", SECOND, SECOND_ITEMS, split),
    )


def printed(comparison, width: int = 80) -> str:
    file = io.StringIO()
    render(comparison, Console(file=file, width=width, force_terminal=False))
    return file.getvalue()


def test_differences_are_the_second_run_minus_the_first(runs, tiny_folder):
    comparison = compare_runs(*runs, tiny_folder.parent)
    substitute, complement = comparison.overall
    assert (substitute.relation, substitute.bucket, substitute.n_queries) == ("substitute", "", 3)
    assert (substitute.first, substitute.second) == (0.5, 0.5)
    assert (substitute.wins, substitute.ties, substitute.losses) == (1, 1, 1)
    assert substitute.paired.difference == 0.0
    assert (complement.first, complement.second, complement.paired.difference) == (0, 0.25, 0.25)
    assert (complement.wins, complement.ties, complement.losses) == (1, 0, 0)


def test_damaged_results_are_named(runs, tiny_folder):
    file = runs[0] / "queries.parquet"
    whole = pq.read_table(file)
    pq.write_table(whole.drop_columns("degree"), file)
    with pytest.raises(ValueError, match=r"expected the columns .*found no \['degree'\]"):
        compare_runs(*runs, tiny_folder.parent)
    file.write_bytes(b"PAR1")
    with pytest.raises(ValueError, match="found a damaged file; remove the folder"):
        compare_runs(*runs, tiny_folder.parent)


def test_differences_by_training_pairs(runs, tiny_folder):
    found = [
        (part.relation, part.bucket, part.n_queries, part.paired.difference)
        for part in compare_runs(*runs, tiny_folder.parent).by_degree
    ]
    assert found == [
        ("substitute", "1-5", 2, -0.5),
        ("substitute", ">20", 1, 1.0),
        ("complement", "0", 1, 0.25),
    ]


def test_gains_and_losses_with_what_was_recommended(runs, tiny_folder):
    comparison = compare_runs(*runs, tiny_folder.parent)
    gains = [(one.relation, one.item, one.first, one.second) for one in comparison.gains]
    assert gains == [("substitute", "B03", 0.0, 1.0), ("complement", "B01", 0.0, 0.25)]
    (loss,) = comparison.losses
    assert (loss.title, loss.degree, loss.first, loss.second) == ("title 0 of type0", 3, 1.0, 0.0)
    marks = [(one.item, one.title, one.hit, one.other_relation) for one in loss.first_items]
    assert marks == [
        ("B05", "title 5 of type0", True, False),
        ("B11", "title 11 of type1", False, True),
        ("B30", "title 30 of type3", False, False),
    ]
    assert "title 5 of type0" in loss.positives
    # B02 is a substitute of B01, held out, and was recommended as its complement
    second_gain = comparison.gains[1]
    assert [one.other_relation for one in second_gain.first_items] == [True]
    assert [one.hit for one in second_gain.second_items] == [False, True]


def test_n_bounds_gains_and_losses(runs):
    comparison = compare_runs(*runs, n=1)
    assert [one.item for one in comparison.gains] == ["B03"]
    assert [one.item for one in comparison.losses] == ["B00"]


def test_of_equal_differences_the_one_with_more_positives_comes_first(runs, tiny_folder):
    for folder in runs:
        table = pq.read_table(folder / "queries.parquet")
        equal = pa.array([0.0] * 4 if folder.name == "plain" else [0.5] * 4)
        table = table.set_column(5, "ndcg@10", equal)
        pq.write_table(
            table.set_column(4, "n_positives", pa.array([1, 3, 2, 3])), folder / "queries.parquet"
        )
    gains = compare_runs(*runs, tiny_folder.parent, n=3).gains
    assert [(one.relation, one.item) for one in gains] == [
        ("substitute", "B01"),
        ("complement", "B01"),
        ("substitute", "B03"),
    ]


def test_queries_without_the_metric_are_left_out(runs):
    comparison = compare_runs(*runs, metric="ndcg@10 (1+100)")
    assert [(part.relation, part.n_queries) for part in comparison.overall] == [("substitute", 3)]


def test_a_run_against_itself_has_no_gains(runs):
    comparison = compare_runs(runs[0], runs[0])
    assert comparison.gains == comparison.losses == ()
    assert "Largest gains: B is better: none" in printed(comparison)


@pytest.mark.parametrize("data", [None, Path("nowhere")])
def test_without_the_dataset_ids_are_shown(runs, data):
    comparison = compare_runs(*runs, data)
    (loss,) = comparison.losses
    assert loss.title == "B00"
    assert [one.title for one in loss.first_items] == ["B05", "B11", "B30"]
    assert loss.positives == ()
    (notice,) = comparison.notices
    assert "no dataset tiny" in notice
    assert "--data" in notice


def test_without_the_catalogue_ids_are_shown_with_marks(runs, tiny_folder):
    (tiny_folder / "catalogue.parquet").unlink()
    comparison = compare_runs(*runs, tiny_folder.parent)
    assert [one.hit for one in comparison.losses[0].first_items] == [True, False, False]
    assert comparison.losses[0].first_items[0].title == "B05"
    assert "catalogue.parquet" in comparison.notices[0]


def test_the_text_names_figures_titles_and_marks(runs, tiny_folder):
    text = printed(compare_runs(*runs, tiny_folder.parent))
    for expected in (
        "A  plain, seed 1",
        "B  better, seed 1",
        "substitutes 3 0.5000 0.5000 +0.0000",
        "substitutes of title 0 of type0",
        "B00, 3 training pairs, 1.000 → 0.000",
        "1. ✓ title 5 of type0",
        "2. ≠ title 11 of type1",
    ):
        assert expected in text


def test_runs_of_one_label_and_seed_are_told_apart_by_id(tmp_path, split):
    first = write(tmp_path / "one", FIRST, FIRST_ITEMS, split, label="MMSC")
    second = write(tmp_path / "two", SECOND, SECOND_ITEMS, split, label="MMSC")
    text = printed(compare_runs(first, second))
    assert "A  MMSC, seed 1, one" in text
    assert "B  MMSC, seed 1, two" in text


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("[bold]loud[/bold] [link=x]y", "[bold]loud[/bold] [link=x]y"),
        ("\x1b[31mred\x1b]0;title\x07", "[31mred ]0;title"),
        ("\u202egnp.exe\u2066", "gnp.exe"),
        ("one\nline\r\tonly", "one line only"),
        ("שלום עולם", "שלום עולם"),
        ("long " * 2000, "long long"),
        ("漢字" * 500, "漢字漢字"),
    ],
)
def test_hostile_titles_stay_text_on_one_line(runs, tiny_folder, title, shown):
    file = tiny_folder / "catalogue.parquet"
    catalogue = pq.read_table(file)
    at = catalogue.column_names.index("title")
    pq.write_table(catalogue.set_column(at, "title", pa.array([title] * 40)), file)
    text = printed(compare_runs(*runs, tiny_folder.parent))
    assert shown in text
    assert not set("\x1b\x07\r\t\u202e\u2066") & set(text)
    assert max(map(cell_len, text.splitlines())) <= 80


def test_runs_of_different_datasets_are_refused(tmp_path, runs, split):
    other = write(tmp_path / "other", FIRST, FIRST_ITEMS, split, dataset="home")
    with pytest.raises(ValueError, match=r"same dataset, found 'tiny' \(plain\) and 'home'"):
        compare_runs(runs[0], other)


def test_runs_of_different_splits_are_refused(tmp_path, runs):
    other = write(tmp_path / "other", FIRST, FIRST_ITEMS, "another")
    with pytest.raises(ValueError, match=r"same split checksum.*'another'.*again"):
        compare_runs(runs[0], other)


def test_a_dataset_that_was_built_anew_is_refused(runs, tiny_folder):
    (tiny_folder / "dataset.json").write_text('{"split_sha256": "new"}')
    with pytest.raises(ValueError, match="found 'new'"):
        compare_runs(*runs, tiny_folder.parent)


def test_a_failed_run_is_refused_with_its_reason(tmp_path, runs, split):
    failed = write(
        tmp_path / "failed", FIRST, FIRST_ITEMS, split, status="failed", reason="out of memory"
    )
    with pytest.raises(FileNotFoundError, match="failed, which failed: out of memory"):
        compare_runs(runs[0], failed)


def test_a_run_without_queries_is_refused(runs):
    (runs[1] / "queries.parquet").unlink()
    with pytest.raises(FileNotFoundError, match="expected per-query results in"):
        compare_runs(*runs)


def test_a_folder_that_is_no_run_is_refused(tmp_path, runs):
    with pytest.raises(FileNotFoundError, match="finished run"):
        compare_runs(runs[0], tmp_path)


def test_an_unknown_metric_is_refused_with_the_known_ones(runs):
    with pytest.raises(ValueError, match=r"ndcg@10, ndcg@10 \(1\+100\).*found 'auc'"):
        compare_runs(*runs, metric="auc")


def test_other_queries_are_refused(runs):
    file = runs[1] / "queries.parquet"
    pq.write_table(pq.read_table(file).slice(1), file)
    with pytest.raises(ValueError, match="same queries in both runs, found 4 in plain and 3"):
        compare_runs(*runs)

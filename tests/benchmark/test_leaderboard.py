import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recbole_mmsc.benchmark.leaderboard import Figure, make_leaderboards
from recbole_mmsc.benchmark.record import Seconds
from recbole_mmsc.evaluation.significance import holm
from tests.benchmark.fake_runs import write_run

N = 120


def values_of(gain: float = 0.0, noise: int = 0) -> dict[str, np.ndarray]:
    """Substitute and complement values of N and 10 queries; a larger gain is a better model."""
    common, own = np.random.default_rng(0), np.random.default_rng(1 + noise)
    substitute = np.clip(common.random(N) * 0.5 + gain + 0.05 * own.normal(size=N), 0, 1)
    return {"substitute": substitute, "complement": common.random(10)}


def test_a_planted_winner_leads_significantly(tmp_path):
    write_run(tmp_path, "Good", "beauty", 1, values_of(0.1, noise=1))
    write_run(tmp_path, "Fair", "beauty", 1, values_of(0.0, noise=2))
    write_run(tmp_path, "Bad", "beauty", 1, values_of(-0.1, noise=3))
    board = make_leaderboards(tmp_path)[0]
    assert (board.dataset, board.relation, board.metric) == ("beauty", "substitute", "ndcg@10")
    assert (board.n_queries, board.split_sha256) == (N, "split of beauty")
    good, fair, bad = board.rows
    assert [row.label for row in board.rows] == ["Good", "Fair", "Bad"]
    assert (good.best, good.versus_best, good.p, good.not_worse) == (True, None, None, False)
    for row in (fair, bad):
        assert not row.best
        assert not row.not_worse
        assert row.versus_best.difference < 0
        assert row.p == pytest.approx(2 / 10_001)  # twice the smallest p: Holm, two compared
        assert row.p < 0.01


def test_both_tests_are_corrected(tmp_path):
    for place, label in enumerate("ABCD"):
        write_run(tmp_path, label, "beauty", 1, values_of(-0.003 * place, noise=place))
    _, *others = make_leaderboards(tmp_path)[0].rows
    for test, found in (("p_bootstrap", "p"), ("p_wilcoxon", "p_wilcoxon")):
        raw = [getattr(row.versus_best, test) for row in others]
        assert [getattr(row, found) for row in others] == holm(raw) != raw


def test_two_copies_never_differ(tmp_path):
    for label in ("Copy", "Original", "Third"):
        for seed in (1, 2, 3):
            write_run(tmp_path, label, "beauty", seed, values_of(noise=seed))
    for board in make_leaderboards(tmp_path):
        assert [row.best for row in board.rows] == [True, False, False]
        for row in board.rows[1:]:
            assert row.not_worse
            assert (row.p, row.versus_best.p_bootstrap, row.versus_best.p_wilcoxon) == (1, 1, 1)
            assert row.p_wilcoxon == 1
            assert row.versus_best.difference == row.versus_best.effect == 0


def test_noise_alone_is_not_worse(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, values_of(noise=1))
    write_run(tmp_path, "B", "beauty", 1, values_of(noise=2))
    _, second = make_leaderboards(tmp_path)[0].rows
    assert second.not_worse
    assert second.p >= 0.05


def test_one_leaderboard_for_each_dataset_and_relation(tmp_path):
    write_run(tmp_path, "A", "toys", 1, values_of())
    write_run(tmp_path, "A", "beauty", 1, values_of())
    write_run(tmp_path, "A", "views", 1, {"substitute": [0.5, 1.0]})
    found = [(board.dataset, board.relation) for board in make_leaderboards(tmp_path)]
    assert found == [
        ("beauty", "substitute"),
        ("beauty", "complement"),
        ("toys", "substitute"),
        ("toys", "complement"),
        ("views", "substitute"),
    ]


def test_figures_over_seeds(tmp_path):
    for seed, value in ((1, 0.25), (2, 0.5), (3, 0.75)):
        write_run(tmp_path, "A", "beauty", seed, {"substitute": [value, value, value]})
    write_run(tmp_path, "Once", "beauty", 1, {"substitute": [0.0, 0.5, 1.0]}, deterministic=True)
    board = make_leaderboards(tmp_path)[0]
    a, once = board.rows
    assert a.seeds == (1, 2, 3)
    assert a.figures["ndcg@10"] == Figure(0.5, 0.25, 3)
    assert a.figures["mrr@10"] == Figure(0.125, 0.0625, 3)
    assert a.figures["coverage@10"] == Figure(0.25, 0.0, 3)  # of the record
    assert a.figures["confusion@10"] == Figure(0.125, 0.0, 3)
    assert a.figures["recall@10"].mean == 0.25  # of the queries: the record has none
    assert a.valid == Figure(0.25, 0.125, 3)
    assert once.figures["ndcg@10"] == Figure(0.5, None, 1)
    assert once.figures["ndcg@10 (1+100)"] == Figure(0.0625, None, 1)  # of the record
    assert once.deterministic
    assert not a.deterministic
    np.testing.assert_array_equal(board.values["A"], [0.5, 0.5, 0.5])  # mean over seeds
    assert "recommended" not in a.figures
    assert "confused@10" not in a.figures


def test_costs_are_means_over_seeds(tmp_path):
    for seed, train in ((1, 10.0), (2, 30.0)):
        seconds = Seconds(train=train, evaluate=train / 10)
        write_run(tmp_path, "A", "beauty", seed, values_of(), seconds=seconds, peak_memory=train)
    row = make_leaderboards(tmp_path)[0].rows[0]
    assert (row.train_seconds, row.evaluate_seconds, row.peak_memory) == (20.0, 2.0, 20.0)
    assert row.parameters == 1000


def test_figures_by_degree_of_the_query_item(tmp_path):
    # degrees 0, 1, 5, 6, 20, 21, 0, 1
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [1.0, 0.5, 0.0, 0.25, 0.75, 0.5, 0, 1]})
    write_run(tmp_path, "Few", "cold", 1, {"substitute": [1.0]})
    beauty, cold = make_leaderboards(tmp_path)
    assert beauty.buckets == {"0": 2, "1-5": 3, "6-20": 2, ">20": 1}
    means = {name: figure.mean for name, figure in beauty.rows[0].by_degree.items()}
    assert means == {"0": 0.5, "1-5": 0.5, "6-20": 0.5, ">20": 0.5}
    assert cold.buckets == {"0": 1, "1-5": 0, "6-20": 0, ">20": 0}
    assert cold.rows[0].by_degree == {"0": Figure(1.0, None, 1)}


def test_another_main_metric(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.1, 0.1]})
    write_run(tmp_path, "B", "beauty", 1, {"substitute": [0.0, 0.25, 0.5]})
    hit, fixed = (make_leaderboards(tmp_path, metric=m)[0] for m in ("hit@10", "ndcg@10 (1+100)"))
    assert [row.label for row in hit.rows] == ["A", "B"]
    assert (hit.n_queries, fixed.n_queries) == (3, 2)
    assert fixed.rows[0].figures["ndcg@10 (1+100)"].mean == 0.125
    np.testing.assert_array_equal(fixed.values["B"], [0.0, 0.25])


def test_trials_never_count(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, values_of())
    write_run(tmp_path, "Tuned", "beauty", 1, values_of(0.3), purpose="trial")
    assert [row.label for row in make_leaderboards(tmp_path)[0].rows] == ["A"]


def test_failed_runs(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, values_of())
    write_run(tmp_path, "B", "beauty", 1, values_of(0.2), reason="stopped at 60 s of training")
    write_run(tmp_path, "B", "beauty", 2, None)
    write_run(tmp_path, "0 Broken", "beauty", 1, None, reason="KeyError: 'x'")
    write_run(tmp_path, "0 Broken", "beauty", 2, None)
    b, a, broken = make_leaderboards(tmp_path)[0].rows
    assert (b.label, b.seeds, b.best) == ("B", (1,), True)
    assert [(one.seed, one.reason) for one in b.failures] == [(2, "RuntimeError: out of memory")]
    assert [(one.seed, one.reason) for one in b.cut_short] == [(1, "stopped at 60 s of training")]
    assert a.failures == a.cut_short == ()
    assert (broken.label, broken.seeds, broken.figures) == ("0 Broken", (), {})
    assert [one.reason for one in broken.failures] == [
        "KeyError: 'x'",
        "RuntimeError: out of memory",
    ]
    assert broken.valid is broken.p is broken.train_seconds is None


def test_a_dataset_where_all_failed(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, None)
    boards = make_leaderboards(tmp_path)
    assert [board.relation for board in boards] == ["substitute", "complement"]
    assert all(board.n_queries == 0 and len(board.rows) == 1 for board in boards)


def test_labels_choose_models_and_order_equals(tmp_path):
    for label in ("A", "B", "C"):
        write_run(tmp_path, label, "beauty", 1, values_of())
    board = make_leaderboards(tmp_path, labels=["C", "A"])[0]
    assert [row.label for row in board.rows] == ["C", "A"]
    assert set(board.values) == {"A", "C"}
    with pytest.raises(ValueError, match=r"expected labels of A, B, C; found \['D'\]"):
        make_leaderboards(tmp_path, labels=["A", "D"])


def test_ids_choose_runs(tmp_path):
    old = write_run(tmp_path, "A", "beauty", 1, values_of(), id="old")
    write_run(tmp_path, "A", "beauty", 1, values_of(0.1), id="new")
    with pytest.raises(ValueError, match="with seed 1, found new and old; remove one"):
        make_leaderboards(tmp_path)
    (row,) = make_leaderboards(tmp_path, ids=[old.name])[0].rows
    assert row.figures["ndcg@10"].mean == pytest.approx(values_of()["substitute"].mean())


def test_queries_are_paired_by_token_not_by_place(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, values_of())
    folder = write_run(tmp_path, "B", "beauty", 1, values_of())
    table = pq.read_table(folder / "queries.parquet")
    shuffled = np.random.default_rng(0).permutation(len(table))
    pq.write_table(table.take(pa.array(shuffled)), folder / "queries.parquet")
    assert make_leaderboards(tmp_path)[0].rows[1].p == 1


def test_any_two_models_can_be_compared(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, values_of(0.2, noise=1))
    write_run(tmp_path, "B", "beauty", 1, values_of(0.1, noise=2))
    write_run(tmp_path, "C", "beauty", 1, values_of(0.0, noise=3))
    write_run(tmp_path, "Broken", "beauty", 1, None)
    board = make_leaderboards(tmp_path)[0]
    found = board.compare("B", "C")
    means = {label: values.mean() for label, values in board.values.items()}
    assert found.difference == pytest.approx(means["B"] - means["C"])
    assert found.relative == pytest.approx(means["B"] / means["C"] - 1)
    # the test of the table is the same one, before the correction
    assert board.compare("C", "A").p_bootstrap == board.rows[2].versus_best.p_bootstrap
    with pytest.raises(ValueError, match="A, B, C; found 'Broken'"):
        board.compare("A", "Broken")


def test_the_same_runs_give_the_same_leaderboards(tmp_path):
    for place, label in enumerate("ABC"):
        write_run(tmp_path, label, "beauty", 1, values_of(0.01 * place, noise=place))
    assert make_leaderboards(tmp_path) == make_leaderboards(tmp_path)
    other = make_leaderboards(tmp_path, seed=1)[0].rows[1]
    assert other.versus_best.low != make_leaderboards(tmp_path)[0].rows[1].versus_best.low


def test_other_queries_are_refused(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.2, 0.3]})
    write_run(tmp_path, "B", "beauty", 1, {"substitute": [0.1, 0.2]})
    with pytest.raises(ValueError, match="another query in beauty-A-1 and beauty-B-1"):
        make_leaderboards(tmp_path)


def test_other_positives_are_refused(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.2, 0.3]})
    folder = write_run(tmp_path, "B", "beauty", 1, {"substitute": [0.1, 0.2, 0.3]})
    change(folder, "n_positives", [1, 2, 9])
    with pytest.raises(ValueError, match="another n_positives in beauty-A-1 and beauty-B-1"):
        make_leaderboards(tmp_path)


def test_another_split_is_refused(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, values_of())
    write_run(tmp_path, "B", "beauty", 1, values_of(), split_sha256="another")
    with pytest.raises(ValueError, match="split_sha256 differs between beauty-A-1 and beauty-B-1"):
        make_leaderboards(tmp_path)


def test_values_missing_elsewhere_are_refused(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, {"substitute": [0.1, 0.2, 0.3]})
    folder = write_run(tmp_path, "B", "beauty", 1, {"substitute": [0.1, 0.2, 0.3]})
    change(folder, "ndcg@10", [0.1, None, 0.3])
    with pytest.raises(ValueError, match="values missing elsewhere in beauty-A-1 and beauty-B-1"):
        make_leaderboards(tmp_path)


def test_other_settings_under_one_label_are_refused(tmp_path):
    write_run(tmp_path, "A", "beauty", 1, values_of(), settings={"layers": 2})
    write_run(tmp_path, "A", "beauty", 2, values_of(), settings={"layers": 3})
    with pytest.raises(ValueError, match="other settings in beauty-A-1 and beauty-A-2"):
        make_leaderboards(tmp_path)


def test_a_metric_that_was_not_measured_is_refused(tmp_path):
    folder = write_run(tmp_path, "A", "beauty", 1, values_of())
    with pytest.raises(ValueError, match=r"metric ndcg@50 in .*, found only \['ndcg@10'") as error:
        make_leaderboards(tmp_path, metric="ndcg@50")
    assert str(folder) in str(error.value)


@pytest.mark.parametrize("kept", [0, 4, 1000])
def test_damaged_queries_are_named(tmp_path, kept):
    file = write_run(tmp_path, "A", "beauty", 1, values_of()) / "queries.parquet"
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(ValueError, match="found a damaged file") as error:
        make_leaderboards(tmp_path)
    assert str(file) in str(error.value)


def test_missing_and_empty_queries_are_named(tmp_path):
    file = write_run(tmp_path, "A", "beauty", 1, values_of()) / "queries.parquet"
    pq.write_table(pq.read_table(file).slice(0, 0), file)
    with pytest.raises(ValueError, match="found none; audit"):
        make_leaderboards(tmp_path)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"queries\.parquet"):
        make_leaderboards(tmp_path)


def test_a_query_twice_is_refused(tmp_path):
    file = write_run(tmp_path, "A", "beauty", 1, values_of()) / "queries.parquet"
    table = pq.read_table(file)
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), file)
    with pytest.raises(ValueError, match="found some twice") as error:
        make_leaderboards(tmp_path)
    assert str(file) in str(error.value)


def test_a_damaged_record_is_named(tmp_path):
    file = write_run(tmp_path, "A", "beauty", 1, values_of()) / "record.json"
    file.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match="found a damaged one") as error:
        make_leaderboards(tmp_path)
    assert str(file) in str(error.value)


def test_nothing_to_compare(tmp_path):
    with pytest.raises(ValueError, match=r"expected runs in .*runs, found none"):
        make_leaderboards(tmp_path)
    write_run(tmp_path, "A", "beauty", 1, values_of(), purpose="trial")
    with pytest.raises(ValueError, match="found none but trials"):
        make_leaderboards(tmp_path)


def test_a_figure():
    assert Figure.of([1.0, 3.0]) == Figure(2.0, math.sqrt(2), 2)
    assert Figure.of([1.0]) == Figure(1.0, None, 1)


def change(folder, name: str, values: list) -> None:
    file = folder / "queries.parquet"
    table = pq.read_table(file)
    place = table.column_names.index(name)
    pq.write_table(table.set_column(place, name, pa.array(values)), file)

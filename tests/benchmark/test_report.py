"""The report: nothing from outside, hostile text stays text, same runs give the same bytes."""

import base64
import hashlib
import json
import math
import re
import shlex
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest

from recbole_mmsc.arguments import make_parser
from recbole_mmsc.benchmark.grid import number
from recbole_mmsc.benchmark.leaderboard import make_leaderboards
from recbole_mmsc.benchmark.record import Moment, Seconds, read_records
from recbole_mmsc.benchmark.report import plots, svg, words, write_report
from recbole_mmsc.benchmark.report.lead import lead_of
from tests.benchmark.fake_runs import write_run

GOOD = [1.0, 0.8, 0.9, 0.7, 0.8, 0.9, 1.0, 0.6]
POOR = [0.1, 0.2, 0.1, 0.3, 0.2, 0.1, 0.2, 0.1]
HOSTILE = '</script><script>alert(1)</script>"><img src=x onerror=alert(1)> & \x1b[31m\u202egnp'
VOID = {"meta", "link", "img", "br", "hr", "input", "col", "source", "base", "embed"}
CELLS = {"th", "td", "p", "b", "caption"}


class Page(HTMLParser):
    """What is in a document: elements with their attributes, its text, and whether tags match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, str] = {}  # of the elements that are of one kind, all together
        self._open: list[str] = []
        self.feed(text)
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)
        if tag in CELLS:
            self.text[""] = self.text.get("", "") + " "

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        for tag in {*self._open, ""}:
            self.text[tag] = self.text.get(tag, "") + data

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def report(out: Path, data: Path, title: str = "") -> Page:
    boards = make_leaderboards(out, n_resamples=50)
    file = write_report(boards, list(read_records(out / "runs")), out, data, title)
    assert file == out / "report.html"
    return Page(file.read_text(encoding="utf-8"))


def plain(page: Page) -> str:
    return " ".join(page.text[""].split())


def write_both(out: Path, label: str, dataset: str, seed: int, values, **record) -> None:
    shifted = [value / 2 + seed / 1000 for value in values]
    relations = {"substitute": values, "complement": shifted}
    history = [Moment(seconds=2.0 * n, value=0.1 * n) for n in (1, 2, 3)]
    write_run(out, label, dataset, seed, relations, **{"history": history, **record})


def write_document(data: Path, name: str, **more) -> None:
    document = {
        "name": name,
        "options": {"policy": "difference", "split": "warm", "seed": 2026},
        "catalogue": {"items": 12101},
        "pairs": {"by_relation": {"substitute": {"train": 95441, "valid": 11832, "test": 11839}}},
        "sources": [
            {"kind": "metadata", "file": "meta.json.gz", "bytes": 6197521, "sha256": "df7f99e7"}
        ],
        "origin": "Cite *Image-based recommendations*.",
        "split_sha256": f"split of {name}",
        **more,
    }
    (data / name).mkdir(parents=True)
    (data / name / "dataset.json").write_text(json.dumps(document))


@pytest.fixture
def out(tmp_path) -> Path:
    """Two models on two datasets, a third that failed; ``data`` beside it describes one."""
    folder = tmp_path / "out"
    for dataset in ("beauty", "home"):
        for seed in (1, 2):
            write_both(folder, "Good", dataset, seed, GOOD, settings={"n_layers": 2})
            write_both(folder, "Poor", dataset, seed, POOR, versions={"torch": f"2.{seed}"})
    write_run(folder, "Broken", "beauty", 1, None)
    write_document(tmp_path / "data", "beauty")
    return folder


def test_nothing_is_fetched_from_anywhere(out, tmp_path):
    page = report(out, tmp_path / "data")
    for tag, attributes in page.elements:
        for name in ("src", "srcset", "href", "xlink:href", "action", "data", "poster", "style"):
            if name in attributes:
                assert attributes[name].startswith("#") or attributes[name] == "data:,"
        assert not [name for name in attributes if name.startswith("on")], tag
    assert not {"img", "iframe", "object", "embed", "base", "form"} & {t for t, _ in page.elements}
    assert not re.search(r"url\(|@import|https?:", page.text["style"] + page.text["script"])


def test_the_policy_allows_the_own_style_and_script_alone(out, tmp_path):
    page = report(out, tmp_path / "data")
    (policy,) = [one["content"] for one in page.all("meta") if "http-equiv" in one]
    assert policy.startswith("default-src 'none'; ")
    for kind in ("style", "script"):
        digest = hashlib.sha256(page.text[kind].encode()).digest()
        assert f"{kind}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy


def test_the_parts_come_in_order(out, tmp_path):
    page = report(out, tmp_path / "data", "Beauty and home")
    assert page.text["h1"] == page.text["title"][: len("Beauty and home")] == "Beauty and home"
    parts = ["leaderboards", "failures", "plots", "datasets", "method"]
    assert [one["id"] for one in page.all("h2")] == parts


def test_the_verdict_says_who_leads_by_how_much(out, tmp_path):
    text = plain(report(out, tmp_path / "data"))
    assert "beauty On substitutes Good leads with NDCG@10 0.8375 ± 0.0000; every" in text
    assert "every other model is significantly worse. The lead over Poor, the second, is" in text
    assert "is 0.6750 (415.4 %), 95 % interval" in text


def test_a_lead_that_is_chance_is_called_so(tmp_path):
    write_both(tmp_path, "One", "beauty", 1, [0.5, 0.4, 0.6, 0.5])
    write_both(tmp_path, "Two", "beauty", 1, [0.4, 0.5, 0.5, 0.5])
    page = report(tmp_path, tmp_path)
    assert "One leads with NDCG@10 0.5000; not significantly worse: Two." in plain(page)
    assert "≈" in page.text["abbr"]


def test_a_third_is_named_where_the_second_is_significantly_worse(tmp_path):
    best = [0.5] * 40
    write_both(tmp_path, "A", "beauty", 1, best)
    write_both(tmp_path, "B", "beauty", 1, [0.45] * 40)  # surely worse, by little
    wild = [0.0 if n % 2 else 0.86 for n in range(40)]  # worse by more, and not surely
    write_both(tmp_path, "C", "beauty", 1, wild)
    rows = make_leaderboards(tmp_path)[0].rows
    assert [(row.label, row.not_worse) for row in rows[1:]] == [("B", False), ("C", True)]
    text = plain(report(tmp_path, tmp_path))
    assert "A leads with NDCG@10 0.5000; not significantly worse: C. The lead over B" in text
    assert "wins" not in text


def test_every_model_has_its_difference_to_the_best(tmp_path):
    for seed in (1, 2):
        write_both(tmp_path, "A", "beauty", seed, [value - seed / 100 for value in GOOD])
        write_both(tmp_path, "B", "beauty", seed, POOR)
    page = report(tmp_path, tmp_path)
    text = plain(page)
    assert "Δ to best [95 %] p Wilcoxon p effect d_z" in text
    (versus,) = [row.versus_best for row in make_leaderboards(tmp_path, n_resamples=50)[0].rows[1:]]
    shown = [number(value) for value in (versus.difference, versus.low, versus.high)]
    assert "{} [{}, {}]".format(*shown) in text
    assert "p: of the paired bootstrap, which decides, and of Wilcoxon's signed ranks" in text
    assert "± 0.0035" in {one.get("title") for one in page.all("td")}  # MRR is a quarter of NDCG


def test_an_unfinished_benchmark_keeps_its_title(out, tmp_path):
    boards = make_leaderboards(out, n_resamples=50, missing=3)
    file = write_report(boards, list(read_records(out / "runs")), out, tmp_path / "data")
    page = Page(file.read_text(encoding="utf-8"))
    assert page.text["h1"] == "Benchmark"
    assert page.text["title"].startswith("Benchmark (unfinished)")
    assert "Unfinished: 3 runs are missing." in plain(page)
    assert "every run finished" not in plain(page)


def test_lead_is_the_best_minus_the_second(out):
    board = make_leaderboards(out, n_resamples=50)[0]
    lead = lead_of(board)
    assert (lead.best.label, lead.second.label, lead.equals) == ("Good", "Poor", ())
    assert lead.difference == pytest.approx(0.675)
    assert lead.relative == pytest.approx(0.675 / 0.1625)
    assert 0 < lead.low < lead.difference < lead.high


def test_headings_sort_by_what_cells_hold(out, tmp_path):
    page = report(out, tmp_path / "data")
    tables = [one for one in page.all("table") if one.get("class") == "sortable"]
    assert len(tables) == 8  # each leaderboard, and its figures by training pairs
    headings = [one for one in page.all("th") if "aria-sort" in one]
    assert [one["aria-sort"] for one in headings] == ["descending"] * 4
    assert {one["type"] for one in page.all("button")} == {"button"}
    assert {one["data-order"] for one in page.all("button")} == {"ascending", "descending"}
    assert {one["scope"] for one in page.all("th")} == {"col", "row"}
    sorted_by = [one["data-value"] for one in page.all("td") if "data-value" in one]
    assert all(math.isfinite(float(value)) for value in sorted_by if value)
    assert "" in sorted_by  # the best has no difference to itself


SORTED = r"""
const row = (label, value) => ({ cells: [{ dataset: { value: label } }, { dataset: { value } }] });
const rows = [row("B", "0.1"), row("a", ""), row("c", "10"), row("D", "-Infinity"), row("e", "9")];
const column = (kind, order) => {
  const state = {}, button = { dataset: { order }, addEventListener: (_, f) => (state.press = f) };
  return Object.assign(state, {
    querySelector: () => button,
    classList: { contains: (one) => one === kind },
    getAttribute: (name) => state[name],
    setAttribute: (name, value) => (state[name] = value),
    removeAttribute: (name) => delete state[name],
  });
};
const cells = [column("text", "ascending"), column("number", "descending")];
const body = { rows, append: (...sorted) => (body.rows = sorted) };
const table = { tHead: { rows: [{ cells }] }, tBodies: [body] };
globalThis.document = { querySelectorAll: () => [table] };
SCRIPT
for (const place of [0, 0, 1, 1]) {
  cells[place].press();
  const order = cells.map((one) => one["aria-sort"] || "-");
  console.log(order.join(), body.rows.map((one) => one.cells[0].dataset.value).join(""));
}
"""


@pytest.mark.skipif(not shutil.which("node"), reason="the script is run by node")
def test_a_heading_sorts_its_column():
    file = Path(plots.__file__).with_name("sort.js")
    script = SORTED.replace("SCRIPT", file.read_text(encoding="utf-8").partition(";")[2])
    done = subprocess.run(["node", "-"], input=script, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "ascending,- aBcDe",
        "descending,- eDcBa",
        "-,descending ceBDa",  # by number, not by letter; the empty one stays last
        "-,ascending DBeca",
    ]


def test_values_to_sort_by_are_javascripts():
    assert words.sort_value(0.25) == "0.25"
    assert words.sort_value(-math.inf) == "-Infinity"
    assert words.sort_value(None) == words.sort_value(math.nan) == ""


def test_tables_and_plots_have_names(out, tmp_path):
    page = report(out, tmp_path / "data")
    ids = [one["id"] for _, one in page.elements if "id" in one]
    assert len(ids) == len(set(ids))
    named = [one["aria-labelledby"].split() for _, one in page.elements if "aria-labelledby" in one]
    assert {name for names in named for name in names} <= set(ids)
    assert len(page.all("caption")) == len(page.all("table"))
    pictures = page.all("svg")
    assert len(pictures) == len(page.all("desc")) == len(page.all("figure")) == 14
    assert {one["role"] for one in pictures} == {"img"}


def test_failed_runs_have_their_reason(out, tmp_path):
    text = plain(report(out, tmp_path / "data"))
    assert "Broken beauty 1 RuntimeError: out of memory" in text
    assert "Without a finished run: Broken" in text


def test_runs_that_were_cut_short_are_marked(tmp_path):
    write_both(tmp_path, "Slow", "beauty", 1, GOOD, reason="budget of 60 s spent after epoch 3")
    text = plain(report(tmp_path, tmp_path))
    assert "Slow†" in text
    assert "Slow beauty 1 budget of 60 s spent after epoch 3" in text


def test_how_it_was_made(out, tmp_path):
    write_both(
        out, "Good", "beauty", 9, GOOD, purpose="trial", id="trial", settings={"n_layers": 1}
    )
    write_both(out, "Told", "beauty", 1, GOOD, command="python -m worker runs/told")
    (out / "plan.yaml").write_text("datasets:\n  - name: beauty\n")
    page = report(out, tmp_path / "data")
    text = plain(page)
    assert "Good Good n_layers: 2 1, 2 1 all" in text  # seeds, one trial, datasets
    assert "python -m worker runs/told" in page.text["pre"]
    assert "# home-Poor-2: not recorded" in page.text["pre"]
    assert "datasets:\n  - name: beauty\n" in page.text["pre"]
    assert "torch 2.1, 2.2" in text
    assert "50 resamples" in text
    assert text.count("processor time over the number of threads, on a GPU wall-clock time") == 4


def test_commands_from_raw_files_to_the_report(out, tmp_path):
    data = tmp_path / "data"
    noise = {"kind": "random", "share": 0.3, "of": "home", "seed": 7}
    options = {"format": "jsonl", "policy": "raw", "split": "cold", "seed": 5, "images": True}
    fields = {"title": "product name"}
    write_document(data, "home", noise=noise, options={**options, "field_map": fields})
    (out / "plan.yaml").write_text("datasets:\n  - name: beauty\n")
    commands = report(out, data).text["pre"].splitlines()
    for expected in (
        "recbole-mmsc build --name beauty --meta meta.json.gz --policy difference --split warm "
        "--seed 2026 --out ../data",
        "recbole-mmsc build --name home --meta meta.json.gz --format jsonl --policy raw "
        "--split cold --seed 5 --field 'title=product name' --images DIR --out ../data",
        "recbole-mmsc benchmark plan.yaml --data ../data --out .",
    ):
        assert expected in commands
        make_parser().parse_args(shlex.split(expected)[1:])
    (planted,) = [shlex.split(line) for line in commands if "add_noise" in line]
    assert planted[:2] == ["python", "-c"]
    assert planted[2].endswith("add_noise('../data/home', None, 'random', 0.3, 7)")


def test_datasets_are_described(out, tmp_path):
    text = plain(report(out, tmp_path / "data"))
    for expected in (
        "label policy difference",
        "items, all of them ranked 12,101",
        "substitute pairs, test 11,839",
        "meta.json.gz metadata 6,197,521 df7f99e7",
        "Cite Image-based recommendations.",
        "beauty split of beauty",
    ):
        assert expected in text


def test_a_dataset_that_is_gone_is_named(out, tmp_path):
    text = plain(report(out, tmp_path / "data"))
    assert f"The folder of home, {tmp_path / 'data' / 'home'}, was not there" in text
    assert "home split of home" in text


def test_a_dataset_that_was_built_anew_is_named(out, tmp_path):
    write_document(tmp_path / "data", "home", split_sha256="new")
    text = plain(report(out, tmp_path / "data"))
    assert "no longer holds the split that the runs were made of" in text
    assert "no longer" not in plain(report(out, tmp_path))


def test_a_damaged_dataset_json_is_refused(out, tmp_path):
    (tmp_path / "data" / "beauty" / "dataset.json").write_text('{"catalogue": 3}')
    with pytest.raises(ValueError, match=r"dataset\.json, found a damaged file; build"):
        report(out, tmp_path / "data")


def test_hostile_text_stays_text(tmp_path):
    document = {"origin": HOSTILE, "noise": None, "options": {"policy": HOSTILE}}
    write_document(tmp_path, "beauty", **document)
    run = {"settings": {HOSTILE: HOSTILE}, "versions": {HOSTILE: HOSTILE}, "command": HOSTILE}
    write_both(tmp_path, HOSTILE, "beauty", 1, GOOD, id="a", model=HOSTILE, **run)
    write_both(tmp_path, HOSTILE, "beauty", 2, GOOD, id="b", model=HOSTILE, **run)
    write_both(tmp_path, "x" * 5000, "beauty", 1, POOR, id="c")
    write_run(tmp_path, "failed", "beauty", 1, None, id="d", reason=HOSTILE)
    (tmp_path / "plan.yaml").write_text(f"title: {HOSTILE}\n")
    page = report(tmp_path, tmp_path, HOSTILE)
    assert len(page.all("script")) == 1
    assert not page.all("img")
    assert not {"\x1b", "\u202e"} & set(page.text[""])
    assert "alert(1)" in page.text["h1"]
    assert "alert" not in page.text["script"]
    assert "alert(1)" in page.text["svg"]


def test_the_same_runs_give_the_same_bytes(out, tmp_path):
    found = set()
    for _ in range(2):
        report(out, tmp_path / "data")
        found.add((out / "report.html").read_bytes())
    assert len(found) == 1
    assert [file.name for file in out.iterdir() if file.is_file()] == ["report.html"]


def test_one_model_alone_is_no_winner(tmp_path):
    write_both(tmp_path, "Alone", "beauty", 1, GOOD)
    text = plain(report(tmp_path, tmp_path))
    assert "Alone stands alone, with NDCG@10 0.8375: there is nothing to compare it with" in text
    assert "Over seeds" not in text


def test_all_failed(tmp_path):
    write_run(tmp_path, "One", "beauty", 1, None)
    write_run(tmp_path, "Two", "beauty", 1, None)
    page = report(tmp_path, tmp_path)
    assert "On substitutes no run finished." in plain(page)
    assert "Two beauty 1 RuntimeError: out of memory" in plain(page)
    assert not page.all("svg")


def test_no_leaderboards(tmp_path):
    (tmp_path / "runs").mkdir()
    page = Page(write_report([], [], tmp_path, tmp_path).read_text(encoding="utf-8"))
    assert "There are no leaderboards." in plain(page)


def test_runs_without_time_history_or_figures_are_drawn_as_far_as_they_go(tmp_path):
    write_both(tmp_path, "Quick", "beauty", 1, GOOD, seconds=Seconds(), history=[])
    write_both(tmp_path, "Odd", "beauty", 1, POOR, history=[Moment(seconds=0.0, value=0.1)])
    page = report(tmp_path, tmp_path)
    assert not re.search(r"nan|inf\b", " ".join(str(one) for one in page.all("circle")))


def test_noise_is_drawn_relative_to_the_clean_dataset(tmp_path):
    for name, share in (("beauty", 0.0), ("beauty-random30", 0.3), ("beauty-random10", 0.1)):
        noise = {"kind": "random", "share": share, "of": "beauty", "seed": 1} if share else None
        write_document(tmp_path / "data", name, noise=noise)
        write_both(tmp_path, "Good", name, 1, [value * (1 - share) for value in GOOD], history=[])
        write_both(tmp_path, "Poor", name, 1, POOR, history=[])
    page = report(tmp_path, tmp_path / "data")
    assert "beauty, random noise" in page.text["h4"]
    assert "Good: 1.0000Good: 0.9000Good: 0.7000" in page.text["title"]
    assert "30%, random" in plain(page)


def test_noise_without_its_clean_dataset_is_not_drawn(tmp_path):
    noise = {"kind": "random", "share": 0.3, "of": "beauty", "seed": 1}
    write_document(tmp_path / "data", "beauty-random30", noise=noise)
    write_both(tmp_path, "Good", "beauty-random30", 1, GOOD)
    assert "random noise" not in plain(report(tmp_path, tmp_path / "data"))


def test_only_the_best_models_have_a_colour(tmp_path):
    for n in range(12):
        write_both(tmp_path, f"M{n:02d}", "beauty", 1, [value / (n + 1) for value in GOOD])
    page = report(tmp_path, tmp_path)
    kinds = [one["class"].split()[-1] for one in page.all("span") if "key" in one.get("class", "")]
    assert kinds[:12] == [f"s{n}" for n in range(8)] + ["other"] * 4


def test_pareto_front_is_what_no_faster_model_reaches():
    points = [("slow", 9.0, 0.5), ("fast", 1.0, 0.2), ("good", 5.0, 0.6), ("same", 1.0, 0.1)]
    assert plots.pareto_front(points) == [("fast", 1.0, 0.2), ("good", 5.0, 0.6)]


def test_best_so_far_never_falls():
    points = [(0.0, 9.0), (1.0, 0.2), (2.0, 0.1), (3.0, math.nan), (4.0, 0.3)]
    assert list(plots.best_so_far(points)) == [(1.0, 0.2), (2.0, 0.2), (4.0, 0.3)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ([50.0], [50.0]),
        ([50.0, 80.0], [50.0, 80.0]),
        ([50.0, 50.0], [45.0, 55.0]),
        ([52.0, 50.0, 48.0], [60.0, 50.0, 40.0]),
        ([0.0, 0.0], [0.0, 10.0]),
        ([100.0, 99.0, 20.0], [100.0, 90.0, 20.0]),
        ([], []),
    ],
)
def test_labels_keep_apart(wanted, expected):
    assert svg.spread(wanted, 10.0, 0.0, 100.0) == expected


def test_ticks_are_round():
    assert svg.value_ticks(0.0, 0.63) == [
        (0.0, "0.0"),
        (pytest.approx(0.2), "0.2"),
        (pytest.approx(0.4), "0.4"),
        (pytest.approx(0.6), "0.6"),
    ]
    assert [text for _, text in svg.time_ticks(2, 4000, most=9)] == [
        *("3 s", "10 s", "30 s", "1 min", "3 min", "10 min", "30 min", "1 h")
    ]
    assert [text for _, text in svg.time_ticks(2, 4000, most=4)] == [
        *("3 s", "30 s", "3 min", "30 min")
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (words.p_value(0.0004), "< 0.001"),
        (words.p_value(0.0421), "0.042"),
        (words.duration(0.44), "0.4 s"),
        (words.duration(75), "75 s"),
        (words.duration(204), "3.4 min"),
        (words.duration(9000), "2.5 h"),
        (words.count(940), "940"),
        (words.count(3_400_000), "3.4 M"),
        (words.listing(["a", "b", "c"]), "a, b and c"),
        (words.listing(["a"]), "a"),
    ],
)
def test_words(text, expected):
    assert text == expected

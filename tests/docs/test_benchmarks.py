"""Tables and plots of the docs are what the figures give; records and the peers restated beside us are right."""

import itertools
import math
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest
import torch

import ctrldiff as cd
from tests.benchmarks import dense, render
from tests.benchmarks.child import cost
from tests.benchmarks.measure import in_turns
from tests.benchmarks.plot import draw, exponent, plots, series
from tests.benchmarks.record import Record, Report, Suite
from tests.benchmarks.suites import LONG, NAMES

REPORT = Report.read(render.FIGURES)
VOCABULARY = cd.Vocabulary.from_tokens([b"a", b"b", b"ab", None], stop_ids=[3])
FORMS = [cd.Regex(pattern) for pattern in ("(a|bb)*", "a(ba?)*b?", "(ab|b){1,3}", "b*a{2}")]
SEEDS = range(8)


def test_pages_and_plots_are_what_the_figures_give():
    told = render.blocks(REPORT)
    for page in render.PAGES:
        text = page.read_text(encoding="utf-8")
        assert "<!-- figures:" in text
        assert render.rendered(text, told) == text, "run python -m tests.benchmarks.render"
    for name, svg in plots(REPORT).items():
        assert (render.ROOT / "docs" / name).read_text(encoding="utf-8") == svg


def test_another_figure_makes_a_page_stale():
    suite = REPORT.suites["default_step"]
    first = replace(suite.records[0], median=12_345.0)
    told = render.blocks(REPORT.but("default_step", replace(suite, records=(first, *suite.records[1:]))))
    page = render.PAGES[1].read_text(encoding="utf-8")
    assert render.rendered(page, told) != page


def test_every_suite_with_figures_is_one_that_can_be_run():
    assert set(REPORT.suites) <= {*NAMES, *LONG}
    for name, suite in REPORT.suites.items():
        assert suite.records or suite.skipped, name


def test_a_report_is_read_back_as_it_was_written(tmp_path):
    records = (
        Record.of("ours", [1.0, 2.0, 4.0], "ms", to=("theirs", 4.0), peak_mib=1.5, S=3, of="a|b"),
        Record.none("theirs", "over 5 s", S=3, of="a|b"),
        Record.one("states", 3, S=3, of="a|b"),
    )
    suite = Suite("now", "here", {"torch": "2"}, (1.0, 2.0), True, 3.0, 2.0, records)
    report = Report({"one": suite})
    report.write(tmp_path / "new" / "a.json")
    assert Report.read(tmp_path / "new" / "a.json") == report
    (tmp_path / "b.json").write_text('{"format": 0, "suites": {}}')
    with pytest.raises(ValueError, match="format 0"):
        Report.read(tmp_path / "b.json")


def test_a_record_has_median_quartiles_and_ratio():
    record = Record.of("ours", [5.0, 1.0, 3.0, 2.0, 4.0], "ms", to=("theirs", 6.0))
    assert (record.median, record.spread, record.n, record.ratio) == (3.0, 1.0, 5, 0.5)
    assert Record.of("ours", [5.0], "ms").spread is None


def test_a_table_has_a_row_for_each_thing_and_a_column_for_each_name():
    records = [
        Record.of("ours", [2.0], "ms", to=("ours", 2.0), peak_mib=1.5, of="a|b"),
        Record.of("theirs", [20.0, 20.0], "ms", to=("ours", 2.0), of="a|b"),
        Record.none("theirs", "over 5 s", of="c"),
    ]
    assert render.figures(records) == (
        "| of | ours | theirs |\n|---|---|---|\n| a\\|b | 2 ms (1.5 MiB) | 20 ms ± 0 (10x) |\n| c |  | over 5 s |"
    )
    alone = render.figures([records[0]])
    assert (
        alone == "| what | median ± spread | of ours | MiB | n |\n|---|---|---|---|---|\n| ours | 2 ms | 1x | 1.5 | 1 |"
    )


@pytest.mark.parametrize(
    ("value", "said"), [(3, "3"), (0.0123, "0.012"), (1.234, "1.23"), (12.34, "12.3"), (1e4, "10,000")]
)
def test_numbers_are_short(value, said):
    assert render.number(value) == said


def test_works_taken_in_turns_are_each_measured_and_compared():
    buffer = []

    def wasteful():
        buffer[:] = [np.ones(4 * 2**20)]  # 32 MiB, touched
        buffer.clear()

    few, many = in_turns({"few": lambda: None, "many": wasteful}, 3, "few", B=1)
    assert (few.n, many.ratio_to, few.ratio) == (3, "few", 1.0)
    assert many.ratio > 1 and few.parameters == {"B": 1}
    assert many.peak_mib > 16 > few.peak_mib


def test_a_call_that_is_refused_or_never_ends_has_no_figure_and_says_why():
    done = cost(lambda: "fine", 3)
    assert len(done.seconds) == 3 and done.answer == "fine"
    refused = cost(lambda: 1 / 0).record("theirs", ("ours", done), of="x")
    assert refused.median is None and "ZeroDivisionError" in refused.note
    endless = cost(lambda: [0 for _ in itertools.count()] and "", timeout_s=1)
    assert endless.record("theirs").note == "over 1 s"


def test_the_exponent_of_a_power_is_found():
    points = [(x, 3 * x**1.7) for x in (2.0, 10.0, 50.0)]
    assert exponent(points) == pytest.approx(1.7)
    svg = draw({"a default step": points}, "rows")
    circles = [one for one in ElementTree.fromstring(svg).iter() if one.tag.endswith("circle")]
    assert "exponent 1.70" in svg and len(circles) == 3
    heights = [float(one.attrib["cy"]) for one in circles]
    assert heights == sorted(heights, reverse=True), "what is dearer stands higher"


def test_a_point_belongs_to_the_axes_that_it_names():
    records = [
        Record("amax", {"axis": axis, "T": t, "B": 1, "S": 1, "E": 1, "V": 1}, "ms", float(t))
        for axis, t in (("T B", 8), ("T", 4), ("B", 9))
    ]
    assert series(records, "T")["amax"] == [(4.0, 4.0), (8.0, 8.0)]


def case(seed):
    """A table, scores over 5 positions, and every string of tokens with its weight."""
    rng = np.random.default_rng(seed)
    pattern = FORMS[seed % len(FORMS)]
    table = pattern.compile(VOCABULARY)
    scores = torch.from_numpy(rng.normal(size=(5, 4)).astype(np.float32) * 2)
    weights = {}
    for tokens in itertools.product(range(4), repeat=5):
        texts = list(itertools.takewhile(lambda token: token != 3, tokens))
        text = b"".join([b"a", b"b", b"ab"][token] for token in texts).decode()
        ended = all(token == 3 for token in tokens[len(texts) :])
        if ended and text in pattern:
            weights[tokens] = float(scores[range(5), list(tokens)].sum())
    return table, scores, weights


def dense_form(table, scores, between=dense.between):
    to, accept = dense.transitions(table), torch.from_numpy(table.automaton.accept.copy())
    return to, accept, torch.stack([between(to, position) for position in scores])


@pytest.mark.parametrize("seed", SEEDS)
def test_the_restated_peers_find_what_is_found_by_trying_every_string(seed):
    table, scores, weights = case(seed)
    to, accept, matrices = dense_form(table, scores)
    best = max(weights.values())
    assert weights[tuple(dense.dingo(to, accept, scores))] == pytest.approx(best, abs=1e-5)
    assert dense.tree_max(matrices, accept) == pytest.approx(best, abs=1e-5)
    total = math.log(sum(map(math.exp, weights.values())))
    assert dense.tree_sum(dense_form(table, scores, summed)[2], accept) == pytest.approx(total, abs=1e-4)
    assert float(table.bind(scores.log_softmax(dim=1)).log_z()) == pytest.approx(
        total - float(scores.logsumexp(dim=1).sum()), abs=1e-4
    )


def summed(to, position):
    """(S, S) log-sums between states, by a plain loop."""
    S = len(to)
    found = torch.zeros((S, S + 1))
    for state, token in itertools.product(range(S), range(len(position))):
        found[state, to[state, token]] += position[token].exp()
    return found[:, :S].log()


def test_a_tree_that_multiplies_from_the_wrong_side_is_caught():
    wrong = []
    for seed in SEEDS:
        table, scores, weights = case(seed)
        _, accept, matrices = dense_form(table, scores)
        turned = dense.tree(matrices, lambda left, right: dense.max_plus(right, left))
        wrong.append(abs(float(turned[0, accept].max()) - max(weights.values())) > 1e-3)
    assert any(wrong)


def test_what_does_not_fit_is_not_tried():
    assert dense.needs(65, 32, 131_072) == ""
    assert "GiB" in dense.needs(3_631, 32, 131_072)


def test_each_suite_is_a_module_with_records():
    for name in (*NAMES, *LONG):
        path = render.ROOT / "tests" / "benchmarks" / f"{name}.py"
        assert "def records(quick: bool) -> Iterator[Record]:" in path.read_text(encoding="utf-8"), name

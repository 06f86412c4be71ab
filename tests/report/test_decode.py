"""Who decided a token is told truly, and a decode's page holds all of it."""

import json
import re
from dataclasses import dataclass

import pytest
import torch

import ctrldiff as cd
from ctrldiff.cli.show import DECIDED, canvas_text
from ctrldiff.report.decode import Value, decode_page
from ctrldiff.sampling.trace import DECIDERS, Canvases, Frame, Guess, Trace
from tests.conftest import SIZE, VOCABULARY, ToyNetwork, blank, spec, toy

FRAMES = re.compile(r'id="data">(.*?)</script>', re.DOTALL)


def last(trace: Trace, row: int = 0):
    return trace.frames[row][-1]


def decoded(**how):
    state = cd.sample(toy(), blank(1, 6), observers=[Canvases()], schedule=cd.schedule.Linear(3), **how)
    return Trace.of(state, VOCABULARY)


def test_unconstrained_the_model_decides_everything():
    trace = decoded()
    assert set(last(trace).by) == {"model"}
    for piece, own in zip(last(trace).pieces, last(trace).own, strict=True):
        assert not own or own[0].piece == piece


@pytest.fixture(scope="module")
def model():
    return cd.Model.from_callable(ToyNetwork(), spec("mask", canvas=16), VOCABULARY, lambda text: [1])


def test_what_the_constraint_leaves_no_choice_of_is_its_own(model):
    frame = last(model("19", cd.Regex("a-[ab]-b"), max_new_tokens=6, trace=True).trace)
    assert [frame.pieces[n] for n in (0, 1, 3, 4)] == ["a", "-", "-", "b"]
    assert {frame.by[n] for n in (0, 1, 3, 4)} == {"constraint"}
    assert model("19", cd.Regex("a-b"), max_new_tokens=4, trace=True).trace is None, "no step was taken"


def test_a_token_that_is_legal_and_not_the_models_first_is_the_constraints(model):
    trace = model("19", cd.Regex("[ab]{4}"), max_new_tokens=6, steps=4, trace=True).trace
    moved = 0
    for before, frame in zip(trace.frames[0], trace.frames[0][1:], strict=False):
        for n, piece in enumerate(frame.pieces):
            if piece is not None and before.pieces[n] is None and frame.own[n]:
                assert frame.by[n] in ("model", "constraint")
                assert frame.own[n][0].piece == piece or frame.by[n] == "constraint"
                moved += frame.by[n] == "constraint" and frame.own[n][0].piece not in ("a", "b")
                assert all(guess.piece in ("a", "b", "") for guess in frame.legal[n])
    assert moved


@dataclass(frozen=True)
class Towards:
    """Guidance that wants one token everywhere."""

    token: int

    def branches(self, state, step):
        return []

    def combine(self, logits, branches, state, step):
        return logits + 50 * (torch.arange(SIZE) == self.token)


def test_a_guide_that_turns_the_model_is_named():
    trace = decoded(guides=[Towards(3)])
    assert set(last(trace).pieces) == {"3"} and set(last(trace).by) <= {"guide", "model"} and "guide" in last(trace).by


def test_draws_are_told_from_choices():
    by = last(decoded(propose=cd.propose.Draw(), processors=[cd.processors.Temperature(5.0)])).by
    assert "draw" in by and set(by) <= {"draw", "model", "constraint"}


@dataclass(frozen=True)
class Again:
    """Opens the first position after the second step."""

    def __call__(self, posterior, state, step):
        where = torch.zeros(state.shape, dtype=torch.bool)
        where[:, 0] = state.step == 1
        return where & state.held


@dataclass(frozen=True)
class Another:
    """In the first step nothing but token 1 at the first position, later anything but it."""

    def __call__(self, logits, state, step):
        logits = logits.clone()
        first = step.index == 0
        logits[first, 0, 1] += 100
        logits[~first, 0, 1] -= 100
        return logits


def test_a_token_that_replaces_another_is_a_revision():
    trace = decoded(revise=Again(), processors=[Another()], commit=cd.commit.TopK())
    assert last(trace).by[0] == "revision", str(trace)
    assert set(last(trace).by[1:]) == {"model"}


def test_a_function_is_told_of_every_canvas(model):
    seen = []
    trace = model(
        "19", cd.Regex("[ab]{4}"), steps=4, trace=lambda state: seen.append(Trace.latest(state, VOCABULARY))
    ).trace
    assert [str(frame) for frame in seen] == [str(frame) for frame in trace.frames[0][1:]]


def test_the_page_holds_every_frame_and_ties_values_to_positions(model):
    trace = model("19", cd.Regex("[ab]{4}"), max_new_tokens=6, steps=4, trace=True).trace
    raw = "".join(piece or "" for piece in last(trace).pieces)
    whole = decode_page(trace.frames[0], raw=raw, document="19", values=[Value("x", raw[1:3], (1, 3), ((0, 2),), 0.5)])
    (data,) = map(json.loads, FRAMES.findall(whole))
    assert [frame["pieces"] for frame in data["frames"]] == [list(frame.pieces) for frame in trace.frames[0]]
    assert data["values"] == [[1, 2]] and '<mark data-v="0" tabindex="0">19</mark>' in whole
    assert data["frames"][-1]["by"] == list(last(trace).by)


def test_a_large_decode_has_a_page_that_can_be_opened():
    guesses = ((Guess("a", 0.5), Guess("b", 0.25)),) * 400
    nan = float("nan")
    frames = [
        Frame(
            n,
            ("a",) * n + (None,) * (400 - n),
            (0.5,) * n + (nan,) * (400 - n),
            ("model",) * n + ("",) * (400 - n),
            guesses,
            guesses,
        )
        for n in range(401)
    ]
    whole = decode_page(frames)
    (data,) = map(json.loads, FRAMES.findall(whole))
    assert len(whole) < 8_000_000
    for n, frame in enumerate(data["frames"]):
        assert [at for at, one in enumerate(frame["legal"]) if one] == ([n - 1] if n else [])


def test_a_result_shows_itself_in_a_notebook(model):
    result = model("19", cd.Regex("[ab]{4}"), max_new_tokens=6, trace=True)
    for shown in (result._repr_html_(), result.trace._repr_html_(), model("19", cd.Choice(["a", "b"]))._repr_html_()):
        assert shown.startswith("<iframe sandbox") and shown.endswith("</iframe>")


def test_a_decision_shows_its_labels(model):
    whole = model("19", cd.Choice(["a", "b"]), trace=True).page("19")
    assert "<script" not in whole and whole.count('class="track"') >= 2


def test_guesses_are_ranked_and_are_probabilities(model):
    frame = model("19", cd.Regex("[ab]{4}"), max_new_tokens=6, trace=True).trace.frames[0][1]
    for guesses in (*frame.legal, *frame.own):
        assert all(isinstance(one, Guess) and 0 < one.prob <= 1 + 1e-6 for one in guesses)
        assert [one.prob for one in guesses] == sorted((one.prob for one in guesses), reverse=True)


def test_the_terminal_has_the_colours_of_the_page_and_shows_no_control():
    before = Frame(1, ("a", None, None), (0.9, float("nan"), float("nan")), ("model", "", ""))
    frame = Frame(2, ("a", "\x1b[2J", None), (0.9, 0.1, float("nan")), ("model", "constraint", ""))
    text = canvas_text(frame, before)
    assert "\x1b" not in text.plain and text.plain == "  2  a<U+001B>[2J\u00b7"
    styles = {text.plain[span.start : span.end]: str(span.style) for span in text.spans}
    assert styles["a"] == DECIDED["model"] and styles["<U+001B>[2J"] == f"{DECIDED['constraint']} bold underline"
    assert set(DECIDED) == set(DECIDERS) - {""}

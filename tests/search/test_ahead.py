"""Guessing ahead is the plain loop, token for token and step for step, in fewer calls."""

import pytest
import torch

import ctrldiff as cd
import ctrldiff.search.ahead as ahead
from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import prepared
from ctrldiff.json_schema import JsonSchema
from ctrldiff.sampling.edit import Disagree
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.trace import Canvases
from ctrldiff.search.ahead import Ahead
from ctrldiff.search.run import Run, searchable
from tests.cases import COMMITS, GUIDES, NOTES, bound, hard_state
from tests.conftest import NOISES, toy
from tests.guidance.fakes import context


class Counted:
    """A denoiser that counts its calls."""

    def __init__(self, inner):
        self.inner, self.calls = inner, 0

    def __getattr__(self, name):
        return getattr(self.inner, name)

    def __call__(self, state):
        self.calls += 1
        return self.inner(state)


def both(plan, constraint="schema", noise="mask", guesses=3, seed=0, rows=(0, 1, 2), guide=None):
    """The states and calls of the plain loop and of guessing ahead."""
    start = hard_state(constraint, seed).gather(list(rows))
    out = []
    for search in (None, Ahead(guesses)):
        denoiser = Counted(toy(noise, seed=seed))
        given = bound(constraint, len(rows))
        told = context(len(rows), denoiser, constraint=given)
        guides = prepared([GUIDES[guide]], told) if guide else ()
        run = Run(denoiser, plan, plan.constrain(given), told, guides)
        if search is None:
            state = Loop(denoiser, plan, run.constraint, guides).run(start)
        else:
            found = search(run, start)
            state = found.state
            assert torch.equal(found.forwards, state.forwards) and found.chosen.tolist() == list(range(len(rows)))
        out.append((state, denoiser.calls))
    return out


def equal(one, other):
    return (
        torch.equal(one.tokens, other.tokens)
        and torch.equal(one.held_at, other.held_at)
        and torch.equal(one.step, other.step)
        and torch.allclose(one.held_confidence, other.held_confidence, atol=1e-5, equal_nan=True)
    )


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("commit", COMMITS)
def test_every_commit_rule_writes_the_same_in_no_more_calls(commit, noise):
    for n, constraint in enumerate(("schema", "free", "alternatives")):
        plan = Plan.searching().but(commit=COMMITS[commit], observers=NOTES.get(commit, ()), processors=())
        (plain, calls), (guessed, fewer) = both(plan, constraint, noise, guesses=1 + n)
        assert equal(plain, guessed) and fewer <= calls


@pytest.mark.parametrize("name", ["llada", "fast_dllm", "dream", "klass", "remdm", "default"])
def test_presets_write_the_same_and_most_in_fewer_calls(name):
    plain_calls = guessed_calls = 0
    for seed in range(6):
        (plain, calls), (guessed, fewer) = both(Plan.preset(name), "free", seed=seed)
        assert equal(plain, guessed)
        plain_calls, guessed_calls = plain_calls + calls, guessed_calls + fewer
    assert guessed_calls <= plain_calls
    assert name in ("remdm", "fast_dllm", "default") or guessed_calls < 0.9 * plain_calls


def test_a_guess_that_is_not_checked_is_found_out(monkeypatch):
    plan = Plan.preset("llada", steps=8, block=8)
    assert all(equal(*(state for state, _ in both(plan, "free", seed=seed))) for seed in range(6))
    monkeypatch.setattr(ahead, "same", lambda these, those: torch.ones(these.shape[0], dtype=torch.bool))
    assert not all(equal(*(state for state, _ in both(plan, "free", seed=seed))) for seed in range(6))


def test_rows_go_at_their_own_pace():
    plan = Plan.preset("llada", steps=8, block=8)
    together, _ = both(plan, "free")[1]
    for row in range(3):
        alone, _ = both(plan, "free", rows=[row])[1]
        assert torch.equal(alone.tokens[0], together.tokens[row]) and alone.step[0] == together.step[row]


def test_the_front_door_gives_the_same_answer():
    tiny = cd.from_pretrained("tiny")
    kind = JsonSchema({"properties": {"item": {"type": "string"}, "count": {"type": "integer"}}, "required": ["item"]})
    texts = ["Please send 3 desk lamps.", "Two chairs were sent back.", "One lamp, please."]
    for how in ({}, {"temperature": 1.0}, {"plan": Plan.preset("fast_dllm", block=16)}):
        plain, ahead = (tiny(texts, kind, search=search, **how) for search in (None, Ahead(2)))
        assert [one.raw for one in plain] == [one.raw for one in ahead]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("guide", ["words", "classifier-free", "adaptive classifier-free", "classifier, open"])
def test_guides_and_their_branches_go_with_it(guide, noise):
    """Some ask for a view of the state that says more of it than its tokens do: what was unsure when it was written."""
    plan = Plan.searching().but(processors=())
    for constraint, seed in (("alternatives", 0), ("alternatives", 2), ("text", 0)):
        (plain, calls), (guessed, fewer) = both(plan, constraint, noise, guide=guide, seed=seed)
        assert equal(plain, guessed) and fewer <= calls


def test_edits_go_with_it():
    (plain, _), (guessed, _) = both(Plan().but(edit=Disagree(0.2)), "alternatives")
    assert equal(plain, guessed)


def test_it_goes_with_plans_that_do_not_draw_and_refuses_what_it_cannot_prove():
    searchable(Ahead(), Plan.default())
    with pytest.raises(InputError, match="guesses=0"):
        Ahead(0)
    traced = Plan.preset("llada", steps=8, block=8).but(observers=[Canvases()])
    (plain, _), (guessed, _) = both(traced, "free", rows=[0])
    assert equal(plain, guessed) and torch.equal(plain.memory["canvases"], guessed.memory["canvases"])
    with pytest.raises(InputError, match="different paces"):
        for seed in range(20):
            both(traced, "free", seed=seed)


def test_a_network_that_reads_its_own_logits_is_refused():
    class Looking(Counted):
        def observe(self, state, logits):
            return state.remember(mine=logits)

    plan = Plan()
    told = context(1, toy(), constraint=bound("free", 1))
    with pytest.raises(InputError, match="proves nothing"):
        Ahead()(Run(Looking(toy()), plan, plan.constrain(bound("free", 1)), told), hard_state("free").gather([0]))

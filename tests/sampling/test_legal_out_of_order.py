"""The legal mass that is noted of a value written while others on its left are open: of every published order."""

from functools import cache

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.protocols import Move
from ctrldiff.sampling.constrain import GapsFirst, Tables, normalised
from ctrldiff.sampling.legal import LEGAL, NoteLegal
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.state import State
from tests.conftest import NOISES, SIZE, VOCABULARY, prompt, toy
from tests.laws.test_preset_laws import plan as preset
from tests.oracles import Case, try_every_string
from tests.sampling.test_gaps_first import starts_of

LENGTH = 6
PATTERN = cd.Regex("(1|2)(0|1)?-(a|b)+")
PLANS = {
    "rooms": Plan.rooms(),
    "random": Plan.preset("llada", steps=4, block=LENGTH, order="random"),
    **{name: preset(name) for name in Plan.presets()},
}


@cache
def strings(written: tuple[int, ...]) -> np.ndarray:
    """(N, T) all legal canvases that agree with what is written."""
    dfa, nothing = PATTERN.dfa(), np.zeros((len(written), SIZE), np.float32)
    step = dfa.table[:, dfa.classes].astype(np.int32)
    return try_every_string(Case(step, dfa.accept, VOCABULARY, nothing, np.array(written))).strings


def recomputed(plan: Plan, move: Move, state: State, b: int) -> dict[int, float]:
    """The mass at each position that was written in row b, with all to the left of it as it was proposed."""
    length = int(move.before.lengths[b])
    written = [int(one) for one in move.before.written[b, :length]]
    log_probs = normalised(move.logits)[b, :length].to(torch.float64).numpy()
    proposed = state.history[b, -1, :length].numpy()
    legal = strings(tuple(written))
    open_now = [t for t in range(length) if written[t] < 0]
    legal = legal[(log_probs[open_now, legal[:, open_now]] > -np.inf).all(axis=1)]
    starts = starts_of([one < 0 for one in written], move.before.segment[b].tolist())
    chosen = legal  # those that begin every gap as it was chosen
    if plan.constrain is GapsFirst:
        chosen = legal[(legal[:, starts] == proposed[starts]).all(axis=1)]
    found = {}
    for t in move.wrote[b, :length].nonzero()[:, 0].tolist():
        among = legal if t in starts else chosen
        possible = np.unique(among[(among[:, :t] == proposed[:t]).all(axis=1)][:, t])
        found[t] = float(np.exp(log_probs[t, possible]).sum())
    return found


def decoded(plan: Plan, noise: str, note) -> list[tuple[float, float, bool]]:
    """Of all that was written: the mass as noted, as recomputed, and whether something on its left was open."""
    told = []

    def spy(move: Move, state: State, step) -> State:
        after = note(move, state, step)
        for b in range(state.shape[0]):
            for t, mass in recomputed(plan, move, state, b).items():
                if not state.open[b, t]:
                    told.append((float(after.memory[LEGAL][b, t]), mass, bool(state.open[b, :t].any())))
        return after

    start = State.blank(
        [prompt(0), prompt(1)], LENGTH, seed=3, written=torch.tensor([[-1] * 6, [-1, -1, -1, 11, -1, -1]])
    )
    watched = plan.but(observers=[*plan.observers, spy])
    constraint = plan.constrain(Tables.same(PATTERN.compile(VOCABULARY), 2))
    assert Loop(toy(noise), watched, constraint).run(start).done.all()
    return told


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", PLANS)
def test_what_is_noted_is_the_mass_given_what_was_proposed_on_the_left(name, noise):
    told = decoded(PLANS[name], noise, NoteLegal())
    noted, masses, _ = np.array(told).T
    np.testing.assert_allclose(noted, masses, rtol=2e-3, atol=1e-5)


def of_what_is_written(move: Move, state: State, step) -> State:
    """With noise for what is open on the left."""
    return state.remember(**{LEGAL: move.posterior.legal(state.tokens).cpu()})


def test_a_mask_on_the_left_would_say_that_nothing_is_legal():
    wrong = decoded(PLANS["random"], "mask", of_what_is_written)
    assert any(noted == 0 and mass > 1e-3 for noted, mass, out_of_order in wrong if out_of_order)
    right = decoded(PLANS["random"], "mask", NoteLegal())
    assert all(noted > 0 for noted, _, _ in right) and any(out_of_order for _, _, out_of_order in right)

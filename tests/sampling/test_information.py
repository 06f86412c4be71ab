"""Orders by information, against the released process restated in plain loops over a vocabulary with a mask."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from ctrldiff.errors import InputError
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.information import Informative, Spindle
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.orders import Frequencies
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.schedules import Linear
from ctrldiff.state import State, Step
from tests.conftest import SIZE, STOP, prompt, toy

COUNTS = [5, 1, 3, 40, 2, 9, 1, 7]  # every token came
TABLE = Frequencies.of([[v] * n for v, n in enumerate(COUNTS)], 8)
LENGTHS = [6, 4]


def blank():
    return State.blank([prompt(0), prompt(1)], 6, lengths=LENGTHS, pad_id=0)


def step_of(state, index, steps):
    return Step(
        index=torch.tensor(index),
        steps=torch.tensor(steps),
        window=torch.ones_like(state.open),
        quota=torch.tensor([2, 3]),
        last=torch.zeros(len(steps), dtype=torch.bool),
    )


def released(tokens, s, n, strength, sign=1.0, by_paper=False):
    """Of each position, the chance that noise at s + 1 is a token at s: q(x_s | noise, x_0) as released."""
    logs = [math.log(1 + count) for count in COUNTS]
    common = [logs[v] / max(logs) for v in tokens]
    mean, out = sum(common) / len(common), []
    information = [-math.log(COUNTS[v] / sum(COUNTS)) for v in tokens]
    noise = len(COUNTS)  # the mask is one id more
    for own, h, v in zip(common, information, tokens):
        weight = sum(information) / (len(tokens) * h) - 1 if by_paper else own - mean
        stays = 1 - s / n + sign * strength * math.sin(math.pi * s / n) * weight
        stays = 1.0 if s == 0 else min(max(stays, 0.0), 0.999)
        at_s = [0.0] * (noise + 1)
        at_s[v], at_s[noise] = stays, 1 - stays
        beta = 1 / (n - s)
        onward = [beta] * noise + [1.0]  # to noise, from every id
        joint = [a * b for a, b in zip(at_s, onward)]
        out.append(joint[v] / sum(joint))
    return out


@pytest.mark.parametrize("strength", [0.0, 0.3, 0.5, 2.0])
def test_spindle_is_the_released_process(strength):
    rng, state = np.random.default_rng(0), blank()
    for index in ([0, 0], [1, 3], [3, 4], [7, 4]):
        tokens = torch.from_numpy(rng.integers(8, size=(2, 6)))
        chances = Spindle(TABLE, strength).chances(tokens, state, step_of(state, index, [8, 5]))
        for row, (own, n) in enumerate(zip(LENGTHS, (8, 5))):
            s = n - index[row] - 1
            wanted = released(tokens[row, :own].tolist(), s, n, strength)
            assert chances[row, :own].tolist() == pytest.approx(wanted, abs=1e-9)
            if strength == 0:
                assert wanted == pytest.approx([1 / (s + 1)] * own), "MDLM's"
            elif 0 < s < n - 1:
                rare_first = released(tokens[row, :own].tolist(), s, n, strength, sign=-1.0)
                by_paper = released(tokens[row, :own].tolist(), s, n, strength, by_paper=True)
                for wrong in (rare_first, by_paper):
                    assert chances[row, :own].tolist() != pytest.approx(wrong, abs=1e-3)


def test_spindle_draws_each_position_by_its_own_chance():
    state = blank()
    step, tokens = step_of(state, [2, 2], [8, 8]), torch.tensor([[0, 1, 2, 3, 4, 5], [6, 7, 3, 3, 0, 0]])
    spindle, hits = Spindle(TABLE, 0.5), torch.zeros(2, 6)
    for _ in range(3000):
        hits += spindle(None, tokens, state, step)
    chances = torch.where(state.open, spindle.chances(tokens, state, step), 0.0)
    assert torch.allclose(hits / 3000, chances.float(), atol=4 * 0.5 / 3000**0.5)


@pytest.mark.parametrize("first", ["least", "most"])
def test_as_many_as_asked_for_rarest_first_or_last(first):
    rng, state = np.random.default_rng(1), blank()
    step = step_of(state, [0, 0], [8, 8])
    told_apart = 0
    for _ in range(20):
        tokens = torch.from_numpy(rng.integers(8, size=(2, 6)))
        chosen = Informative(TABLE, first)(None, tokens, state, step)
        for row, own in enumerate(LENGTHS):
            by = [-math.log(COUNTS[v] / sum(COUNTS)) for v in tokens[row, :own].tolist()]
            order = sorted(range(own), key=lambda t: (by[t] if first == "least" else -by[t], t))
            wanted = set(order[: int(step.quota[row])])
            assert set(chosen[row].nonzero()[:, 0].tolist()) == wanted
            told_apart += wanted != set(order[-int(step.quota[row]) :])
    assert told_apart > 20, "the other end of the order would be noticed"


@pytest.mark.parametrize("commit", [Informative, Spindle])
def test_a_whole_decode_ends_in_the_schedule_s_steps(commit):
    table = Frequencies.of([[1, 9, 11, 11], [2, 0, 12]], SIZE)
    plan = Plan().but(commit=commit(table), schedule=Linear(5))
    state = Loop(toy(), plan, FREE).run(State.blank([prompt(0), prompt(1)], 8, lengths=[8, 5], pad_id=STOP))
    assert state.done.all() and int(state.forwards.max()) <= 5


def test_tables_that_do_not_fit_are_refused():
    state = blank()
    with pytest.raises(InputError, match="frequencies of 8 tokens, and token 9"):
        Informative(TABLE)(None, torch.full((2, 6), 9), state, step_of(state, [0, 0], [4, 4]))
    with pytest.raises(InputError, match="first="):
        Informative(TABLE, "last")
    with pytest.raises(InputError, match="strength"):
        replace(Spindle(TABLE), strength=-1.0)

"""Searches of the toy model, and the distributions they should draw from, by trying everything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ctrldiff.constraints.description import Description
from ctrldiff.guidance.guide import prepared
from ctrldiff.protocols import Denoiser
from ctrldiff.sampling.constrain import Tables, normalised
from ctrldiff.sampling.plan import Plan
from ctrldiff.search.run import Run
from ctrldiff.state import State
from tests.conftest import PAD, VOCABULARY, text, toy
from tests.guidance.fakes import context

PROMPT = [1, 2]


def begin(rows: int, n: int, length: int, *, seed: int = 0) -> State:
    """`rows` groups of n blank canvases, all with one prompt and generators of their own."""
    return State.blank([PROMPT], length, seed=seed).fork(rows).fork(n)


def run_of(
    rows: int, constraint: Description, *, denoiser: Denoiser | None = None, guidance: Sequence[Any] = (), **how: Any
) -> Run:
    """A decode of so many canvases."""
    denoiser = denoiser or toy(seed=5)
    tables = Tables.same(constraint.compile(VOCABULARY), rows)
    told = context(rows, denoiser, constraint=tables)
    return Run(denoiser, Plan.searching().but(processors=(), **how), tables, told, prepared(guidance, told))


def members(constraint: Description, length: int) -> list[tuple[int, ...]]:
    """Every legal canvas."""
    table = constraint.compile(VOCABULARY)
    level = np.zeros((length, table.size), np.float32)
    level[:, PAD] = -np.inf  # the model never writes it
    found = [tuple(row) for row in table.bind(level).map(400).tolist() if row[0] >= 0]
    assert 1 < len(found) < 400
    return found


def left_to_right(
    constraint: Description, length: int, denoiser: Denoiser, *, constrained: bool
) -> dict[tuple[int, ...], float]:
    """{canvas: probability} of writing the leftmost open position and what it forces, again and again.

    constrained: tokens drawn from the exact posterior of each step. Else from the model alone, which puts less than 1
    on the language.
    """
    tables, all_of_them = Tables.same(constraint.compile(VOCABULARY), 1), members(constraint, length)
    out: dict[tuple[int, ...], float] = {}

    def walk(state: State, probability: float) -> None:
        if bool(state.done):
            out[tuple(state.tokens[0].tolist())] = probability
            return
        state = denoiser.noise(state)
        logits = normalised(denoiser(state))
        at = int(state.open[0].to(torch.uint8).argmax())
        where = torch.zeros_like(state.open)
        where[0, at] = True
        held = (~state.open)[0].tolist()
        here = state.tokens[0].tolist()
        agreeing = [x for x in all_of_them if all(x[i] == here[i] for i, h in enumerate(held) if h)]
        weight = {x: float(sum(logits[0, i, x[i]] for i, h in enumerate(held) if not h)) for x in agreeing}
        for token in sorted({x[at] for x in agreeing}):
            after = tables.settle(state.write(where, torch.full_like(state.tokens, token)))
            new = (state.open & ~after.open)[0]
            if constrained:
                some = np.logaddexp.reduce([weight[x] for x in agreeing if x[at] == token])
                step = float(np.exp(some - np.logaddexp.reduce(list(weight.values()))))
            else:
                step = float(np.exp(float(logits[0].gather(1, after.tokens[0][:, None])[:, 0][new].sum())))
            walk(after, probability * step)

    walk(tables.settle(State.blank([PROMPT], length)), 1.0)
    assert set(out) == set(all_of_them)
    return out


def tilted(
    base: dict[tuple[int, ...], float], reward: Callable[[list[str]], Sequence[float]], strength: float
) -> tuple[float, dict[tuple[int, ...], float]]:
    """The normaliser of base * exp(strength * r), and that distribution."""
    values = reward([text(torch.tensor(x)).decode() for x in base])
    weights = {x: p * float(np.exp(strength * r)) for (x, p), r in zip(base.items(), values)}
    total = sum(weights.values())
    return total, {x: w / total for x, w in weights.items()}


def count_a(texts: list[str]) -> list[float]:
    """A reward: how often "a" is there, less a little for every "b"."""
    return [one.count("a") - 0.4 * one.count("b") + 0.3 * one.startswith("1") for one in texts]


def within(samples: np.ndarray, truth: float, errors: float = 4.0) -> bool:
    """The mean of the samples is so many standard errors from the truth at most."""
    return abs(samples.mean() - truth) < errors * samples.std(ddof=1) / np.sqrt(len(samples)) + 1e-9

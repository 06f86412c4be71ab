"""The next steps guessed and checked in one call: the same answer, step for step, in fewer calls of the network.

state ── forwarded ──> logits 0 ──> the next state: certain
  guesses: the steps after it, as if they read logits 0 as well
state, guess 1, guess 2 ── forwarded together ──> logits 0, 1, 2
  logits 0 write the next state; if guess 1 was that, logits 1 are its own and write the one after; and so on
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ctrldiff.errors import InputError, ShapeError
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.passes import Passed, forward
from ctrldiff.search.run import Found, Run, checked
from ctrldiff.state import State


@dataclass(frozen=True)
class Ahead:
    """`guesses` states ahead of the present one are forwarded with it, and those that prove right are gone past.

    Whatever the plan, the constraint and the draws are, every token, confidence and step is the plain loop's; only the
    calls are fewer, each with up to 1 + guesses canvases a row (`usage.forwards` counts canvases). A guess is the
    plan's own next step by logits that are a step or more old, so it costs a sweep and no call; of a plan that asks
    within its steps, a judge or the network again, it costs what they ask, and is counted. Best where a call is far
    from filling the device: one text, or a few.

    Source: FreeDave (arXiv:2510.00294), with the plan's rule in the place of one token a step.
    Raises: InputError for a network that reads its own logits of the step before (self-conditioning): what it would say
        of a guess is not what it says of the state.
    """

    guesses: int = 3

    draws = False

    def __post_init__(self) -> None:
        checked("Ahead", 1, guesses=self.guesses)

    @property
    def n(self) -> int:
        """Canvases a row: one."""
        return 1

    def __call__(self, run: Run, state: State) -> Found:
        run.of_one_length()
        loop = Loop(run.denoiser, run.plan, run.constraint, run.guides)
        state = loop.begin(state)
        guesses: list[State] = []
        bill = Bill.of(state)
        while not state.done.all():
            passed = asked(loop, [state, *guesses])
            bill.forwarded([state, *guesses])
            last, right = passed[0][1], ~state.done
            for seen, found in passed:
                noisy = loop.denoiser.noise(state.snapshot())
                right = right & same(seen, noisy) & same_views(loop, seen, noisy) & ~state.done
                if not right.any():
                    break
                state = among(right, bill.written(loop, noisy, found), state)
                last = mixed(right, found, last)
            guesses = self._guessed(loop, state, last, bill)
        nothing = np.full(state.shape[0], np.nan)
        return Found(bill.on(state), nothing, np.arange(state.shape[0]), bill.forwards)

    def _guessed(self, loop: Loop, state: State, found: Passed, bill: Bill) -> list[State]:
        """The states that would come if the network went on to say what it said."""
        out: list[State] = []
        for _ in range(self.guesses):
            if state.done.all():
                break
            noisy = loop.denoiser.noise(state.snapshot())
            state = bill.written(loop, noisy, found)
            out.append(state)
        return out


@dataclass
class Bill:
    """What a search that forwards states and writes them apart has asked for: (B,) canvases forwarded, and calls of
    models beside the network. States that are gone back from have cost what they cost."""

    forwards: torch.Tensor
    others: torch.Tensor

    @staticmethod
    def of(state: State) -> Bill:
        """What the state has cost so far."""
        return Bill(state.forwards.clone(), state.other_calls.clone())

    def forwarded(self, states: Sequence[State]) -> None:
        """Each of these in one call; complete rows cost nothing."""
        for state in states:
            self.forwards += (~state.done).to(torch.int64)

    def written(self, loop: Loop, state: State, found: Passed) -> State:
        """The state after its step by what the network said of it, with what the plan's own parts asked for meanwhile
        counted, and not the pass itself."""
        after = loop.write(state, loop.plan.schedule(state), found)
        self.forwards += after.forwards - state.forwards - (~state.done).to(torch.int64)
        self.others += after.other_calls - state.other_calls
        return after

    def on(self, state: State) -> State:
        """The state, with all of it."""
        return replace(state, forwards=self.forwards, other_calls=self.others)


def asked(loop: Loop, states: Sequence[State]) -> list[tuple[State, Passed]]:
    """The states with noise in their open positions, and what the network says of them: one call."""
    noisy = [loop.denoiser.noise(state.snapshot()) for state in states]
    shapes = [state.remembers for state in noisy]  # what grows with the steps is the plan's, and not for the network
    alike = [name for name in shapes[0] if all(shape.get(name) == shapes[0][name] for shape in shapes)]
    plain = [replace(state, memory={name: state.memory[name] for name in alike}) for state in noisy]
    steps = [(state, loop.plan.schedule(state)) for state in plain]
    passed = forward(loop.denoiser, steps, loop.guides, loop.plan.attends)
    if loop.denoiser.observe(plain[0], passed[0].logits).remembers != plain[0].remembers:
        raise InputError(
            "the network reads its own logits of the step before, so what it says of a guess proves nothing",
            hint="leave search=Ahead() out",
            param="search",
        )
    return list(zip(noisy, passed, strict=True))


def same(these: State, those: State) -> torch.Tensor:
    """(B,) whether the network is shown the same: tokens, what is open, and the time."""
    shown = (these.tokens == those.tokens) & (these.status == those.status)
    return shown.all(1) & (these.step == those.step) & (these.steps == those.steps)


def same_views(loop: Loop, these: State, those: State) -> torch.Tensor:
    """(B,) whether the network is shown the same for every guide, who may ask for what was unsure or said before."""
    right = torch.ones(these.shape[0], dtype=torch.bool)
    seen, true = (
        [view for guide in loop.guides for view in guide.branches(one, loop.plan.schedule(one))]
        for one in (these, those)
    )
    for view, other in zip(seen, true, strict=True):
        prompts = zip(view.prompt, other.prompt, strict=True)
        right &= same(view, other) & torch.tensor([torch.equal(one, its) for one, its in prompts])
    return right


def among(where: torch.Tensor, these: State, those: State) -> State:
    """Rows of `these` where `where` (B,), else of `those`."""
    if where.all():
        return these
    rows = torch.arange(len(where))
    try:
        return State.concat([these, those]).gather(torch.where(where, rows, rows + len(where)))
    except ShapeError as error:
        raise InputError(
            "Ahead takes rows on at different paces, and something the plan remembers grows with every step",
            hint="one text at a time (batch_size=1), or without trace=True",
            param="search",
        ) from error


def mixed(where: torch.Tensor, these: Passed, those: Passed) -> Passed:
    """Logits and attention of `these` where `where` (B,), else of `those`, branch for branch."""
    if where.all() or these is those:
        return these

    def rows(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.where(where.to(one.device)[:, None, None], one, other)

    views: list[Sequence[torch.Tensor]] = [
        [rows(one, other) for one, other in zip(group, others, strict=True)]
        for group, others in zip(these.views, those.views, strict=True)
    ]
    attention = these.attention
    if attention is not None and those.attention is not None:
        attention = rows(attention, those.attention)
    return Passed(rows(these.logits, those.logits), views, attention)

"""Which written positions to clear and solve anew (law X5), and correcting a text that is complete.

The commit policy says what becomes of the cleared ones: `Rewrite` writes them at once, `Renoise` turns them to noise,
any other lets them compete with the rest. Whatever it does, a step writes part of one legal completion of all that
stays, so an edit that the constraint forbids comes to nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Ask, Constraint, Denoiser, EditPolicy, Guidance, Posterior, Processor, Proposer
from ctrldiff.sampling.commit import best_first, check_count, first, in_range
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.doubts import TokenToMask
from ctrldiff.sampling.passes import forward, guided, hidden, log_probability, only_in_the_loop
from ctrldiff.sampling.propose import Best
from ctrldiff.state import NOISE_TOLD, Scores, State, Step, Tokens, Where

__all__ = ["Brittle", "Disagree", "Final", "Reconsider", "Surprising", "TokenToMask", "correct", "self_correct"]


@dataclass(frozen=True)
class Final:
    """What is written is not edited."""

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        return torch.zeros(state.shape, dtype=torch.bool)


@dataclass(frozen=True)
class Reconsider:
    """Everything written, in every step: acceptance is decided afresh over the whole canvas, as models of uniform noise
    do, which are never told what is noise (DiffusionGemma; predictor-corrector steps of Duo, arXiv:2506.10892).

    With `block`, only in the block of that many positions that holds the first open one: those before it are finished.
    """

    block: int | None = None

    def __post_init__(self) -> None:
        if self.block is not None:
            check_count("block", self.block)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        if self.block is None:
            return state.held
        block_of = torch.arange(state.shape[1]) // self.block
        return state.held & (block_of[None, :] == block_of[state.open.to(torch.uint8).argmax(dim=1)][:, None])


@dataclass(frozen=True)
class Disagree:
    """Where the model's own best token is another one and its probability is above `above` (token-to-token editing,
    LLaDA2.1); with `count`, no more than that many in a row, the most probable first. Ties: the smallest id is the
    best, the leftmost position the first."""

    above: float = 0.9
    count: int | None = None

    def __post_init__(self) -> None:
        in_range("above", self.above, 0)
        if self.count is not None:
            check_count("count", self.count)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        best, tokens = (found.cpu() for found in logits.softmax(dim=-1, dtype=torch.float32).max(dim=-1))
        where = state.held & (tokens != state.tokens) & (best > self.above)
        if self.count is None:
            return where
        return first(torch.full((state.shape[0],), self.count), best_first(best, where), where)


@dataclass(frozen=True)
class Surprising:
    """Where the model, seeing the token, gives it less than exp(-`nats`): the surprise of what is held, by this step's
    own logits, before any constraint; with `count`, no more than that many in a row, the most surprising first.

    With `Renoise` these become noise, with `Rewrite` they are written anew at once. `TokenToMask` is T2M's own rule,
    with its bounds.
    The network has to have been trained on tokens that it sees (`ModelSpec.edits`).
    """

    nats: float = 3.0
    count: int | None = None

    def __post_init__(self) -> None:
        in_range("nats", self.nats, 0)
        if self.count is not None:
            check_count("count", self.count)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        surprise = -log_probability(logits, state.tokens)
        where = state.held & (surprise > self.nats)
        if self.count is None:
            return where
        return first(torch.full((state.shape[0],), self.count), best_first(surprise, where), where)


@dataclass(frozen=True)
class Brittle:
    """Held tokens that do not stand a test of their context: in every `every`-th step between the shares `begin` and
    `end` of a row's steps, the `candidates` held ones of smallest margin, by this step's logits, are hidden together
    and asked about in one more pass. The `count` least probable of those in whose place the model would put another
    token, with a probability of at least `least` (CORE, arXiv:2602.04096).

    With `Renoise` these become noise, as published. It goes with any masked model: the test hides what it tests.
    """

    every: int = 8
    begin: float = 0.25
    end: float = 0.75
    candidates: int = 32
    count: int = 1
    least: float = 0.3

    def __post_init__(self) -> None:
        for name in ("every", "candidates", "count"):
            check_count(name, getattr(self, name))
        in_range("begin", self.begin, 0, 1)
        in_range("end", self.end, self.begin, 1)
        in_range("least", self.least, 0, 1)

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        raise only_in_the_loop(self)

    def asking(self, ask: Ask) -> EditPolicy:
        return partial(self._edit, ask)

    def _edit(self, ask: Ask, logits: torch.Tensor, state: State, step: Step) -> Where:
        share = step.index / step.steps.clamp(min=1)
        due = (step.index % self.every == 0) & (share >= self.begin) & (share <= self.end) & ~state.done
        among = state.held & due[:, None]
        if not among.any():
            return among
        one, two = logits.softmax(dim=-1, dtype=torch.float32).topk(2, dim=-1).values.cpu().unbind(dim=-1)
        count = torch.full_like(step.index, self.candidates)
        suspects = first(count, best_first(two - one, among), among)
        (again,) = ask([hidden(state, suspects, among.any(dim=1))])
        best, tokens = (found.cpu() for found in again.softmax(dim=-1, dtype=torch.float32).max(dim=-1))
        failing = suspects & (tokens != state.tokens) & (best >= self.least)
        worst = best_first(-log_probability(again, state.tokens), failing)
        return first(torch.full_like(step.index, self.count), worst, failing)


def correct(
    denoiser: Denoiser,
    state: State,
    *,
    edit: EditPolicy,
    constraint: Constraint = FREE,
    propose: Proposer = Best(),
    steps: int = 16,
) -> State:
    """Edit complete canvases, until a step changes nothing in any row or `steps` are taken.

    Each step asks the denoiser about the text as it stands, clears what `edit` names, and writes it anew from one legal
    completion of the rest. The canvases are legal before and after every step.

    Args: state: every row complete, as `sample` leaves it.   steps: at most, for each row.
    Returns: the state with the edited tokens; `forwards` counts what a row took part in.
    Raises: InputError if a row is not complete or steps < 0; otherwise as `sample`.
    Source: LLaDA2.1 (steps after the last mask).
    """
    state = _complete(state, steps)
    going, last = state.held.any(dim=1), state.step + steps
    while bool((going & (state.step < last)).any()):
        state = replace(state, step=state.step + 1)
        shown = state.clear(state.held & going[:, None])  # open to be asked about, every token in sight
        logits = denoiser(shown)
        shown = denoiser.observe(shown, logits)
        index = state.step + steps - last - 1
        step = Step(index, torch.full_like(index, steps), shown.open, shown.open.sum(dim=1), state.step >= last)
        where = edit(logits, state, step) & shown.open
        cleared = replace(state.clear(where), memory=shown.memory)
        posterior = constraint.bind(logits, cleared)
        tokens = propose(posterior, cleared).cpu()
        after = cleared.write(where, tokens, posterior.confidence(tokens).cpu()).recall(tokens)
        state = replace(after, forwards=state.forwards + going.to(torch.int64))
        going = going & (state.tokens != shown.tokens).any(dim=1)
    return state


def self_correct(
    denoiser: Denoiser,
    state: State,
    *,
    constraint: Constraint = FREE,
    guides: Sequence[Guidance] = (),
    processors: Sequence[Processor] = (),
    temperature: float = 0.1,
    count: int = 1,
    steps: int = 128,
    patience: int = 32,
    time: float = 0.01,
) -> State:
    """GIDD's self-correction of complete canvases, with its numbers as released (arXiv:2503.04482).

    Each step draws a token for every position from the logits, sharpened by `temperature`, and writes those `count` of
    the differing ones that are most probable among the sharpened. A change that the constraint forbids, with the rest
    as it stands, is passed over for the next best one, so the canvases are legal before and after every step. A row
    ends when a step changes nothing; or when its self-accuracy, the share of tokens that are the model's own best, has
    not been better for more than `patience` steps, and that step's change is not made.

    Args: state: every row complete, as `sample` leaves it.   time: the noise level that the model is told of.
    Returns: the state with the edited tokens; `forwards` counts what a row took part in.
    Raises: InputError if a row is not complete or a number is out of range; otherwise as `sample`.
    """
    in_range("temperature", temperature, 1e-6)
    in_range("time", time, 1e-6, 1)
    check_count("count", count)
    state = _complete(state, steps)
    going = state.held.any(dim=1)
    best, waited = torch.zeros(going.shape), torch.zeros(going.shape, dtype=torch.int64)
    for index in range(steps):
        if not going.any():
            break
        state = replace(state, step=state.step + 1)
        shown = state.clear(state.held & going[:, None])  # open to be asked about, every token in sight
        at = torch.full_like(state.step, index)
        step = Step(at, torch.full_like(at, steps), shown.open, shown.open.sum(dim=1), at + 1 >= steps)
        told = shown.remember(**{NOISE_TOLD: torch.full(going.shape, time)})
        ((own, views, _),) = forward(denoiser, [(told, step)], guides)
        logits = guided(own, views, told, step, processors, guides)
        shown = denoiser.observe(shown, logits)
        sharp = FREE.bind(logits.to(torch.float32) / temperature, shown)
        drawn = sharp.sample(rngs=state.drawing(going)).cpu()
        posterior = constraint.bind(logits, shown)
        tokens = _changed(posterior, sharp.confidence(drawn).cpu(), drawn, shown, count)
        agreeing = (tokens == logits.argmax(dim=-1).cpu()) & state.held
        accuracy = agreeing.sum(dim=1) / state.held.sum(dim=1).clamp(min=1)
        waited = torch.where(accuracy > best, 0, waited + 1)
        best = best.maximum(accuracy)
        changes = (tokens != state.tokens) & (going & (waited <= patience))[:, None]
        sure = posterior.confidence(tokens).cpu()
        after = replace(state.clear(changes), memory=shown.memory).write(changes, tokens, sure)
        state = replace(after, forwards=state.forwards + going.to(torch.int64))
        going = changes.any(dim=1)
    return state


def _changed(posterior: Posterior, scores: Scores, drawn: Tokens, state: State, count: int) -> Tokens:
    """(B, T) the tokens with `count` of the drawn ones in their places, the highest score first, legal ones only."""
    tokens, everywhere = state.tokens, torch.ones(state.shape, dtype=torch.bool)
    differs = state.open & (drawn != tokens)
    order, taken = best_first(scores, differs), torch.zeros(state.shape[0], dtype=torch.int64)
    for at in order.split(1, dim=1):
        wanted = differs.gather(1, at)[:, 0] & (taken < count)
        if not wanted.any():
            break
        trial = torch.where(wanted[:, None], tokens.scatter(1, at, drawn.gather(1, at)), tokens)
        fits = wanted & torch.as_tensor(posterior.feasible(trial, everywhere)).cpu()
        tokens, taken = torch.where(fits[:, None], trial, tokens), taken + fits
    return tokens


def _complete(state: State, steps: int) -> State:
    """A copy to be corrected. Raises: InputError if a row is not complete or steps < 0."""
    if steps < 0:
        raise InputError(f"steps={steps}: at least 0", param="steps")
    if not bool(state.done.all()):
        raise InputError("a row has open positions", hint="sample fills them, then correct edits them")
    return state.snapshot()

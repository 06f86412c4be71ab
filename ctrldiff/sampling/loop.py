"""The loop. It never asks whether there is a constraint, a mask id or a plug-in: each has a nothing that works."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import (
    CommitPolicy,
    Constraint,
    Denoiser,
    EditPolicy,
    Guidance,
    Move,
    Observer,
    Processor,
    Proposer,
    RevisePolicy,
    Schedule,
    StopRule,
)
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.edit import Final
from ctrldiff.sampling.propose import Best
from ctrldiff.sampling.revise import Keep
from ctrldiff.sampling.schedules import Linear
from ctrldiff.sampling.stop import Never
from ctrldiff.state import State, Step, Where


def sample(
    denoiser: Denoiser,
    state: State,
    *,
    constraint: Constraint = FREE,
    processors: Sequence[Processor] = (),
    guides: Sequence[Guidance] = (),
    schedule: Schedule = Linear(),
    propose: Proposer = Best(),
    edit: EditPolicy = Final(),
    commit: CommitPolicy = TopK(),
    revise: RevisePolicy = Keep(),
    stop: StopRule = Never(),
    observers: Sequence[Observer] = (),
) -> State:
    """Write every open position of `state`.

    Each step asks the denoiser once, binds the exact posterior over all that is open or that the edit policy clears
    (law X5), proposes one legal completion a row and lets the commit policy pick which part to keep (law X1). Positions
    with only one possible token are written without asking. On a row's last step all that is open is written, so the
    result is complete whatever the policy; nothing is reopened then, nor once a row is complete.

    Returns: the final state; `state.tokens` is a member of the constraint's language in every row. The argument is
        left as it was, generators included: the same call gives the same result.
    Raises: Infeasible or BudgetTooSmall before the first forward pass if nothing legal fits the canvas;
        LogitsInvalid if the denoiser returns NaN or +inf for an open position, Infeasible if it forbids every text.
    """
    state = constraint.settle(state.snapshot())
    steps = schedule.budget(state)
    for index in range(max(steps.tolist(), default=0)):
        if state.done.all():
            break
        state = denoiser.noise(replace(state, step=index))
        step = schedule(state, index, steps)
        own, views = forward(denoiser, state, step, guides)
        logits = guided(own, views, state, step, processors, guides)
        state = denoiser.observe(state, logits)
        again = positions("edit", edit(logits, state, step), state) & state.held & ~state.done[:, None]
        state, step = state.clear(again), step.widen(again)
        posterior = constraint.bind(logits, state)
        tokens = propose(posterior, state).cpu()
        confidence = posterior.confidence(tokens).cpu()
        finish = (stop(posterior, state, step) | state.done | (index + 1 >= steps))[:, None]
        chosen = positions("commit", commit(posterior, tokens, state, step), state)
        where = ((chosen | step.last[:, None]) & step.window) | finish
        move = Move(state, posterior, where & state.open, partial(guided, own, (), state, step, processors, ()))
        state = replace(state, forwards=state.forwards + (~state.done).to(torch.int64))
        state = state.write(where, tokens, confidence).recall(tokens)
        reopened = positions("revise", revise(posterior, state, step), state)
        state = constraint.settle(state.reopen(reopened & ~finish))
        for observer in observers:
            state = observer(move, state, step)
    return state


def positions(policy: str, where: object, state: State) -> Where:
    """What a policy said, checked. Raises: InputError if it is no (B, T) tensor of bools."""
    if not isinstance(where, torch.Tensor) or where.dtype != torch.bool or where.shape != state.shape:
        what = type(where).__name__
        if isinstance(where, torch.Tensor):
            what = f"a {where.dtype} tensor of shape {tuple(where.shape)}"
        raise InputError(
            f"the {policy} policy returned {what}",
            hint=f"it says where, as a torch.bool tensor of shape (B, T) = {state.shape}",
            param=policy,
        )
    return where.cpu()


def forward(
    denoiser: Denoiser, state: State, step: Step, guides: Sequence[Guidance]
) -> tuple[torch.Tensor, list[Sequence[torch.Tensor]]]:
    """(B, T, V) logits, and those of every guide's branches: one batched call, whatever their number (X6)."""
    branches = [guide.branches(state, step) for guide in guides]
    views = [state, *(view for group in branches for view in group)]
    logits, *rest = denoiser(stack(views)).split(state.shape[0]) if len(views) > 1 else (denoiser(state),)
    following: Iterator[torch.Tensor] = iter(rest)
    return logits, [list(islice(following, len(group))) for group in branches]


def guided(
    logits: torch.Tensor,
    views: Sequence[Sequence[torch.Tensor]],
    state: State,
    step: Step,
    processors: Sequence[Processor],
    guides: Sequence[Guidance],
) -> torch.Tensor:
    """(B, T, V) logits after guidance, then processors."""
    for guide, group in zip(guides, views, strict=True):
        logits = guide.combine(logits, group, state, step)
    for processor in processors:
        logits = processor(logits, state, step)
    return logits


def stack(states: Sequence[State]) -> State:
    """States of equal canvas length as one batch, in order. History stays behind: denoisers do not read it."""
    return State(
        tokens=torch.cat([s.tokens for s in states]),
        status=torch.cat([s.status for s in states]),
        segment=torch.cat([s.segment for s in states]),
        held_at=torch.cat([s.held_at for s in states]),
        held_confidence=torch.cat([s.held_confidence for s in states]),
        prompt=tuple(ids for s in states for ids in s.prompt),
        log_weight=torch.cat([s.log_weight for s in states]),
        rngs=tuple(rng for s in states for rng in s.rngs),
        memory={name: torch.cat([s.memory[name] for s in states]) for name in states[0].memory},
        step=states[0].step,
        forwards=torch.cat([s.forwards for s in states]),
    )

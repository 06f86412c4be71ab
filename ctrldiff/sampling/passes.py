"""One batched forward pass, and the logits that come of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, islice
from typing import NamedTuple

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Attends, Denoiser, Guidance, Processor
from ctrldiff.state import Scores, State, Status, Step, Tokens, Where


class Passed(NamedTuple):
    """What a forward pass says of one state: its (B, T, V) logits, those of each guide's branches, and the (B, T, T)
    attention, if it was asked for."""

    logits: torch.Tensor
    views: list[Sequence[torch.Tensor]]
    attention: torch.Tensor | None = None


def forward(
    denoiser: Denoiser, asked: Sequence[tuple[State, Step]], guides: Sequence[Guidance], attention: bool = False
) -> list[Passed]:
    """For each state its (B, T, V) logits, and those of every guide's branches: one batched call, whatever their number
    (X6). attention: of each state too, by a denoiser that `can_attend`."""
    groups = [[guide.branches(state, step) for guide in guides] for state, step in asked]
    views = [view for (state, _), own in zip(asked, groups, strict=True) for view in (state, *chain.from_iterable(own))]
    whole, sizes = stack(views) if len(views) > 1 else views[0], [view.shape[0] for view in views]
    if attention and isinstance(denoiser, Attends):
        logits, seen = denoiser.attended(whole)
        attended = iter(seen.cpu().split(sizes))
    else:
        logits, attended = denoiser(whole), iter(())
    parts: Iterator[torch.Tensor] = iter(logits.split(sizes) if len(views) > 1 else [logits])
    out = []
    for own in groups:
        first, seen_here = next(parts), next(attended, None)
        branches: list[Sequence[torch.Tensor]] = [list(islice(parts, len(group))) for group in own]
        list(islice(attended, sum(map(len, own))))  # nobody asks what a guide's branches attended to
        out.append(Passed(first, branches, seen_here))
    return out


def guided(
    logits: torch.Tensor,
    views: Sequence[Sequence[torch.Tensor]],
    state: State,
    step: Step,
    processors: Sequence[Processor],
    guides: Sequence[Guidance],
) -> torch.Tensor:
    """(B, T, V) logits after guidance, then processors; where there are any in float32, which they do arithmetic in."""
    if guides or processors:
        logits, views = logits.to(torch.float32), [[one.to(torch.float32) for one in group] for group in views]
    for guide, group in zip(guides, views, strict=True):
        logits = guide.combine(logits, group, state, step)
    for processor in processors:
        logits = processor(logits, state, step)
    return logits


def given(
    logits: torch.Tensor,
    views: Sequence[Sequence[torch.Tensor]],
    state: State,
    step: Step,
    processors: Sequence[Processor],
    guides: Sequence[Guidance],
    processor: Processor,
) -> torch.Tensor:
    """(B, T, V) logits as one of the processors is given them. Raises: InputError if it is not among them."""
    if processor not in processors:
        raise InputError(
            f"{processor!r} is no processor of the plan", hint=f"processors=[{processor!r}]", param="processors"
        )
    before = processors[: list(processors).index(processor)]
    return guided(logits, views, state, step, before, guides)


def hidden(state: State, where: Where, rows: torch.Tensor) -> State:
    """The state as a second pass is shown it: these written positions are noise too, and only these rows (B,) have
    anything open, so that the others cost nothing."""
    state = state.reopen(where)
    nobody = state.open & ~rows[:, None]
    return replace(state, status=torch.where(nobody, torch.full_like(state.status, int(Status.HELD)), state.status))


def log_probability(logits: torch.Tensor, tokens: Tokens) -> Scores:
    """(B, T) float32, what (B, T, V) logits give these tokens."""
    at = tokens.clamp(min=0).to(logits.device)[..., None]
    return logits.log_softmax(dim=-1, dtype=torch.float32).gather(-1, at)[..., 0].cpu()


def only_in_the_loop(policy: object) -> InputError:
    """What is said where a policy that asks for more than its step is called without anyone to ask."""
    return InputError(
        f"{policy!r} asks for more than its step, within the loop", hint="a part of a plan, and not of another part"
    )


def stack(states: Sequence[State]) -> State:
    """States of equal canvas length as one batch, in order, with what the first of them remembers."""
    names = states[0].memory
    return State.concat([replace(state, memory={name: state.memory[name] for name in names}) for state in states])

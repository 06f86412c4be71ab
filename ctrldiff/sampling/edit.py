"""Which written positions to clear and solve anew (law X5), and correcting a text that is complete.

The commit policy says what becomes of the cleared ones: `Rewrite` writes them at once, `Renoise` turns them to noise,
any other lets them compete with the rest. Whatever it does, a step writes part of one legal completion of all that
stays, so an edit that the constraint forbids comes to nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Constraint, Denoiser, EditPolicy, Proposer
from ctrldiff.sampling.commit import best_first, first
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.propose import Best
from ctrldiff.state import State, Step, Where

__all__ = ["Disagree", "Final", "Reconsider", "correct"]


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

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        if self.block is None:
            return state.held
        block_of = torch.arange(state.shape[1]) // self.block
        return state.held & (block_of[None, :] == block_of[state.open.to(torch.uint8).argmax(dim=1)][:, None])


@dataclass(frozen=True)
class Disagree:
    """Where the model's own best token is another one and its probability is above `above` (token-to-token editing,
    LLaDA2.1); with `count`, no more than that many in a row, the most probable first (GIDD's self-correction, which
    takes one a step). Ties: the smallest id is the best, the leftmost position the first."""

    above: float = 0.9
    count: int | None = None

    def __call__(self, logits: torch.Tensor, state: State, step: Step) -> Where:
        best, tokens = (found.cpu() for found in logits.softmax(dim=-1).max(dim=-1))
        where = state.held & (tokens != state.tokens) & (best > self.above)
        if self.count is None:
            return where
        return first(torch.full((state.shape[0],), self.count), best_first(best, where), where)


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
    Source: LLaDA2.1 (steps after the last mask); von Rütte et al. 2025, arXiv:2503.04482 (self-correction of GIDD).
    """
    if steps < 0:
        raise InputError(f"steps={steps}: at least 0", param="steps")
    if not bool(state.done.all()):
        raise InputError("a row has open positions", hint="sample fills them, then correct edits them")
    state = state.snapshot()
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

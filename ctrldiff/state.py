"""The values that travel through the loop: `State` (a batch of canvases), `Step` (where in time we are).

What is still open is a *status*, never `tokens == mask_id`: some models have no mask, in others the mask is an
ordinary word, and a prompt may hold one.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from hashlib import blake2b
from typing import Any, TypeAlias

import numpy as np
import torch

from ctrldiff.errors import ShapeError

Tokens: TypeAlias = torch.Tensor  # (B, T) int64 token ids; whatever the noise is where a position is open
Where: TypeAlias = torch.Tensor  # (B, T) bool
Scores: TypeAlias = torch.Tensor  # (B, T) float32

ATTENTION = "attention"  # in `State.memory`, (B, T, T) float32, of this step alone: what policies are shown that ask
NOISE_TOLD = "noise share told"  # in `State.memory`, (B,): what models that are told the time are told in its place
HISTORY = 4  # proposals a state remembers


class Status(IntEnum):
    """What a position is to the sampler."""

    FIXED = 0  # given by the caller, never changed
    OPEN = 1  # noise: to be written
    HELD = 2  # written by a policy; a revise policy may reopen it
    PAD = 3  # beyond this row's canvas


@dataclass(frozen=True)
class Step:
    """One step of a schedule: when, where and how much.

    Fields:
        index: (B,) int64, the step that each row takes, from 0.
        steps: (B,) int64, how many each row has at most.
        window: (B, T) bool, the positions that may be written now.
        quota: (B,) int64, how many of them a fixed-rate policy should write; 0 asks for none.
        last: (B,) bool, this window's final step in the row: all of it has to be written.
    """

    index: torch.Tensor
    steps: torch.Tensor
    window: Where
    quota: torch.Tensor
    last: torch.Tensor

    def widen(self, where: Where) -> Step:
        """The step with these positions in its window too, and as many more in its quota."""
        return replace(self, window=self.window | where, quota=self.quota + where.sum(dim=1))

    @property
    def time(self) -> torch.Tensor:
        """(B,) float64: from 1 (all noise) towards 0, at the start of the step; 0 for a row past its last one."""
        return (1.0 - self.index / self.steps.to(torch.float64)).clamp(min=0.0)


@dataclass(frozen=True)
class State:
    """A batch of canvases, part of them written. A value: every change makes a new one.

    Fields (B rows, T positions):
        tokens: (B, T) int64.            status: (B, T) uint8, see `Status`.
        segment: (B, T) int32, which field or span a position belongs to, -1 none.
        held_at: (B, T) int32, the step that wrote it, -1 if none did; 0 for what was written before the first one.
        held_confidence: (B, T) float32, its constrained marginal when written; NaN if not written.
        prompt: B tensors of token ids, read by the denoiser and by nothing else.
        log_weight: (B,) float64, for samplers that weigh rows.
        rngs: one numpy Generator a row, so a row draws the same numbers in any batch.
        memory: what plug-ins remember, tensors with a leading B; plug-ins have no fields of their own to change.
        history: (B, HISTORY, T) int64, the last proposals, newest last, for rules that ask whether they agree (law X9);
            -1 where there has been none.
        step: (B,) int64, the step that each row takes, from 0; rows of one batch may have begun at different times.
        steps: (B,) int64, how many its schedule gives it at most.
        forwards: (B,) int64, denoiser calls that a row took part in.
        other_calls: (B,) int64, calls of models beside it.
    """

    tokens: Tokens
    status: torch.Tensor
    segment: torch.Tensor
    held_at: torch.Tensor
    held_confidence: Scores
    prompt: tuple[torch.Tensor, ...]
    log_weight: torch.Tensor
    rngs: tuple[np.random.Generator, ...]
    history: torch.Tensor
    step: torch.Tensor
    steps: torch.Tensor
    forwards: torch.Tensor
    other_calls: torch.Tensor
    memory: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @staticmethod
    def blank(
        prompts: Sequence[Sequence[int] | torch.Tensor],
        length: int,
        *,
        seed: int | Sequence[int] = 0,
        draws: Sequence[int] | None = None,
        written: torch.Tensor | None = None,
        segments: torch.Tensor | None = None,
        lengths: Sequence[int] | None = None,
        pad_id: int | None = None,
    ) -> State:
        """Open canvases of `length` positions, one for each prompt.

        Args:
            seed: with the prompt's own tokens it seeds the row's generator, so a row's draws depend on nothing
                else: not on the batch around it, not on its place in it. One for all rows, or one each.
            draws: (B,) which of several independent decodes of its prompt each row is, from 0; all the first if None.
            written: (B, T) int64, ids that are given (they become FIXED), -1 where open.
            segments: (B, T) which span each position belongs to, -1 for none; None: none does.
            lengths: positions each row may use; the rest is PAD and holds `pad_id`. Under a constraint the text ends
                before it: a stop id as `pad_id` leaves the row all its positions, the vocabulary's pad takes one of
                them for the stop id that has to come first.
        Raises: ShapeError for shapes that differ, ids given beyond a row's length, lengths outside 0..length.
        """
        rows = len(prompts)
        prompt = tuple(torch.as_tensor(ids, dtype=torch.int64).reshape(-1) for ids in prompts)
        seeds = [seed] * rows if isinstance(seed, int) else list(seed)
        if len(seeds) != rows or (draws is not None and len(draws) != rows):
            raise ShapeError(f"{len(seeds)} seeds and {len(draws or seeds)} draws for {rows} prompts")
        status = torch.full((rows, length), int(Status.OPEN), dtype=torch.uint8)
        tokens = torch.zeros((rows, length), dtype=torch.int64)
        if written is not None:
            if written.shape != (rows, length):
                raise ShapeError(f"written is {tuple(written.shape)}, the canvases are {(rows, length)}")
            given = written >= 0
            tokens = torch.where(given, written, tokens)
            status[given] = int(Status.FIXED)
        if lengths is not None:
            if pad_id is None:
                raise ShapeError("lengths need a pad_id: the positions beyond them must hold something")
            used = torch.as_tensor(lengths, dtype=torch.int64)
            if used.shape != (rows,) or bool(((used < 0) | (used > length)).any()):
                raise ShapeError(f"lengths {used.tolist()}: {rows} of them, each from 0 to {length}")
            beyond = torch.arange(length)[None, :] >= used[:, None]
            if bool((beyond & (status == int(Status.FIXED))).any()):
                raise ShapeError("an id is given beyond its row's length", hint="leave it out, or lengthen the row")
            tokens = torch.where(beyond, torch.full_like(tokens, pad_id), tokens)
            status[beyond] = int(Status.PAD)
        return State(
            tokens=tokens,
            status=status,
            segment=torch.full((rows, length), -1, dtype=torch.int32) if segments is None else segments.to(torch.int32),
            held_at=torch.full((rows, length), -1, dtype=torch.int32),
            held_confidence=torch.full((rows, length), float("nan")),
            prompt=prompt,
            log_weight=torch.zeros(rows, dtype=torch.float64),
            rngs=tuple(map(row_generator, seeds, prompt, draws or [0] * rows)),
            history=torch.full((rows, HISTORY, length), -1, dtype=torch.int64),
            step=torch.zeros(rows, dtype=torch.int64),
            steps=torch.zeros(rows, dtype=torch.int64),
            forwards=torch.zeros(rows, dtype=torch.int64),
            other_calls=torch.zeros(rows, dtype=torch.int64),
        )

    @staticmethod
    def concat(states: Sequence[State]) -> State:
        """The rows of all, in order. Raises: ShapeError for canvases of different lengths, or memories that differ in
        name or shape."""
        first = states[0]
        for state in states:
            if state.shape[1] != first.shape[1] or state.remembers != first.remembers:
                raise ShapeError(
                    f"states of {first.shape} and {state.shape}, which remember {first.remembers} and "
                    f"{state.remembers}, are no batch"
                )

        tensors: dict[str, Any] = {name: torch.cat([getattr(state, name) for state in states]) for name in PER_ROW}
        return State(
            **tensors,
            prompt=tuple(ids for state in states for ids in state.prompt),
            rngs=tuple(rng for state in states for rng in state.rngs),
            memory={name: torch.cat([state.memory[name] for state in states]) for name in first.memory},
        )

    @property
    def shape(self) -> tuple[int, int]:
        """(B, T)."""
        return self.tokens.shape[0], self.tokens.shape[1]

    @property
    def open(self) -> Where:
        """(B, T) bool: still noise."""
        return self.status == int(Status.OPEN)

    @property
    def held(self) -> Where:
        """(B, T) bool: written by a policy, so it may be reopened."""
        return self.status == int(Status.HELD)

    @property
    def cleared(self) -> Where:
        """(B, T) bool: open, but not noise: the token an edit policy cleared in this step is still there to be seen."""
        return self.open & (self.held_at >= 0)

    @property
    def written(self) -> Tokens:
        """(B, T) int64: token ids, -1 where open."""
        return torch.where(self.open, torch.full_like(self.tokens, -1), self.tokens)

    @property
    def lengths(self) -> torch.Tensor:
        """(B,) int64: positions of each row's canvas, padding aside."""
        return (self.status != int(Status.PAD)).sum(dim=1)

    @property
    def remembers(self) -> dict[str, tuple[int, ...]]:
        """The names in the memory, with their shapes after B."""
        return {name: tuple(value.shape[1:]) for name, value in sorted(self.memory.items())}

    @property
    def done(self) -> torch.Tensor:
        """(B,) bool: nothing is open."""
        return ~self.open.any(dim=1)

    def drawing(self, where: torch.Tensor) -> list[np.random.Generator]:
        """Each row's own generator where `where` (B,); elsewhere one that is nobody's, for draws that are not used."""
        nobody = np.random.default_rng(0)
        return [rng if own else nobody for own, rng in zip(where.tolist(), self.rngs, strict=True)]

    def write(self, where: Where, tokens: Tokens, confidence: Scores | None = None) -> State:
        """Hold `tokens` where `where`; positions that are not open are left as they are. What was cleared and is not
        written anew is noise from now on."""
        where = where & self.open
        lost = self.cleared & ~where
        sure = torch.ones_like(self.held_confidence) if confidence is None else confidence.to(torch.float32)
        return replace(
            self,
            tokens=torch.where(where, tokens, self.tokens),
            status=torch.where(where, torch.full_like(self.status, int(Status.HELD)), self.status),
            held_at=torch.where(where, self.step[:, None].to(torch.int32), torch.where(lost, -1, self.held_at)),
            held_confidence=torch.where(where, sure, torch.where(lost, torch.nan, self.held_confidence)),
        )

    def clear(self, where: Where) -> State:
        """Open held positions to be solved anew, their tokens still in sight (law X5). Fixed and pad positions stay."""
        status = torch.where(where & self.held, torch.full_like(self.status, int(Status.OPEN)), self.status)
        return replace(self, status=status)

    def reopen(self, where: Where) -> State:
        """Turn held positions back to noise (law X4: always safe). Fixed and pad positions stay."""
        where = where & self.held
        return replace(
            self,
            status=torch.where(where, torch.full_like(self.status, int(Status.OPEN)), self.status),
            held_at=torch.where(where, torch.full_like(self.held_at, -1), self.held_at),
            held_confidence=torch.where(
                where, torch.full_like(self.held_confidence, float("nan")), self.held_confidence
            ),
        )

    def recall(self, tokens: Tokens) -> State:
        """The state with one more proposal in its history, the oldest dropped."""
        return replace(self, history=torch.cat([self.history[:, 1:], tokens[:, None]], dim=1))

    def begin(self, steps: torch.Tensor) -> State:
        """The state before its first step, each row with so many (B,) at most. What was written before, by the clock of
        another decode, counts as written in the first one."""
        return replace(self, step=torch.zeros_like(self.step), steps=steps, held_at=self.held_at.clamp(max=0))

    def remember(self, **tensors: torch.Tensor) -> State:
        """The state with these memories added or replaced."""
        return replace(self, memory={**self.memory, **tensors})

    def gather(self, rows: Sequence[int] | torch.Tensor) -> State:
        """The rows asked for, in that order; a row asked for twice gets its own copy of the generator."""
        index = torch.as_tensor(rows, dtype=torch.int64)
        tensors: dict[str, Any] = {name: getattr(self, name)[index] for name in PER_ROW}
        return State(
            **tensors,
            prompt=tuple(self.prompt[i] for i in index.tolist()),
            rngs=tuple(copy.deepcopy(self.rngs[i]) for i in index.tolist()),
            memory={name: value[index] for name, value in self.memory.items()},
        )

    def fork(self, n: int) -> State:
        """Every row `n` times, copies side by side, each copy with a generator of its own, spawned from the row's.

        The state itself is left as it was, so forking it again gives the same copies.
        """
        spawned = [rng.spawn(n) for rng in self.snapshot().rngs]
        many = self.gather([row for row in range(self.shape[0]) for _ in range(n)])
        return replace(many, rngs=tuple(rng for row in spawned for rng in row))

    def snapshot(self) -> State:
        """A copy that later draws cannot change: continue from it twice and both continuations are the same."""
        return replace(self, rngs=tuple(copy.deepcopy(rng) for rng in self.rngs))


PER_ROW = (
    "tokens",
    "status",
    "segment",
    "held_at",
    "held_confidence",
    "log_weight",
    "history",
    "step",
    "steps",
    "forwards",
    "other_calls",
)  # the fields of a `State` that are tensors with a leading B


def row_generator(seed: int, prompt: torch.Tensor, draw: int = 0) -> np.random.Generator:
    """A generator seeded by `seed`, the prompt's tokens and the number of the decode, and by nothing else."""
    digest = blake2b(prompt.cpu().numpy().astype("<i8").tobytes(), digest_size=16).digest()
    words = [seed, int.from_bytes(digest, "little")]
    return np.random.default_rng([*words, draw] if draw else words)


def gap_starts(open: torch.Tensor, segment: torch.Tensor) -> torch.Tensor:
    """(B, T) bool: the first position of each gap, a stretch of open ones within one segment."""
    before = torch.zeros_like(open)
    before[:, 1:] = open[:, :-1] & (segment[:, 1:] == segment[:, :-1])
    return open & ~before

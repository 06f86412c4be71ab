"""A decode as text, one canvas a line: what was written when, and how sure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ctrldiff.protocols import Move
from ctrldiff.state import State, Status, Step

if TYPE_CHECKING:
    from ctrldiff.tokens.vocabulary import Vocabulary

HOLE = "·"
CANVASES, SURE = "canvases", "canvases, how sure"  # the keys in `State.memory`


@dataclass(frozen=True)
class Canvases:
    """An observer that keeps every canvas in `state.memory`: (B, n, T) int64 tokens, -1 where open, after 0 to n - 1
    steps, and (B, n, T) float32 their confidences. `Trace.of` reads them."""

    def __call__(self, move: Move, state: State, step: Step) -> State:
        return kept(state)


def kept(state: State) -> State:
    """The state with its canvas added to those that are kept; the first one is what was given."""
    if CANVASES not in state.memory:
        given = state.status == int(Status.FIXED)
        given |= state.status == int(Status.PAD)
        first = torch.where(given, state.tokens, -1)
        state = state.remember(
            **{CANVASES: first[:, None], SURE: torch.full_like(first, torch.nan, dtype=torch.float32)[:, None]}
        )
    canvases = torch.cat([state.memory[CANVASES], state.written[:, None]], dim=1)
    return state.remember(
        **{CANVASES: canvases, SURE: torch.cat([state.memory[SURE], state.held_confidence[:, None]], 1)}
    )


@dataclass(frozen=True)
class Frame:
    """One canvas after one step: a piece of text for each position, None where it is open; and its confidence."""

    step: int
    pieces: tuple[str | None, ...]
    confidence: tuple[float, ...]

    def __str__(self) -> str:
        return "".join(HOLE if piece is None else piece for piece in self.pieces)


@dataclass(frozen=True)
class Trace:
    """The canvases of some rows, step by step until each is complete. `str()` prints them, a frame a line."""

    frames: tuple[tuple[Frame, ...], ...]  # by row

    @staticmethod
    def of(state: State, vocabulary: Vocabulary, row: int | None = None) -> Trace:
        """What `Canvases` kept of every row, or of one; padding is left out."""
        rows = range(state.shape[0]) if row is None else (row,)
        return Trace(tuple(_frames(state, one, vocabulary) for one in rows))

    def row(self, n: int) -> Trace:
        """The trace of one row."""
        return Trace((self.frames[n],))

    def __str__(self) -> str:
        return "\n".join(f"{frame.step:>3}  {frame}" for frames in self.frames for frame in frames)


def _frames(state: State, row: int, vocabulary: Vocabulary) -> tuple[Frame, ...]:
    frames: list[Frame] = []
    own = int(state.lengths[row])
    canvases, sures = (state.memory[name][row, :, :own].tolist() for name in (CANVASES, SURE))
    for step, (ids, sure) in enumerate(zip(canvases, sures, strict=True)):
        if frames and None not in frames[-1].pieces:
            break  # the row was complete a step ago
        frames.append(Frame(step, tuple(_piece(token, vocabulary) for token in ids), tuple(sure)))
    return tuple(frames)


def _piece(token: int, vocabulary: Vocabulary) -> str | None:
    if token < 0:
        return None
    data = vocabulary[token]
    return "" if data is None else data.decode("utf-8", errors="replace")

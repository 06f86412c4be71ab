"""A decode as text, one canvas a line: what was written when, and how sure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ctrldiff.state import Scores, State, Step

if TYPE_CHECKING:
    from ctrldiff.automata.vocabulary import Vocabulary

HOLE = "·"


@dataclass(frozen=True)
class Frame:
    """One canvas after one step: a piece of text for each position, None where it is open; and its confidence."""

    step: int
    pieces: tuple[str | None, ...]
    confidence: tuple[float, ...]

    def __str__(self) -> str:
        return "".join(HOLE if piece is None else piece for piece in self.pieces)


@dataclass
class Trace:
    """A watcher that keeps the canvases. `row(n)` is the trace of one row; `str()` prints it, a frame a line."""

    vocabulary: Vocabulary
    frames: list[list[Frame]] = field(default_factory=list)  # by row

    @staticmethod
    def start(vocabulary: Vocabulary, state: State) -> Trace:
        """A trace whose first frame is the canvas as given."""
        trace = Trace(vocabulary, [[] for _ in range(state.shape[0])])
        trace.add(state, 0)
        return trace

    def watch(self, state: State, step: Step, scores: Scores) -> None:
        """Keep the canvas after a step."""
        self.add(state, step.index + 1)

    def add(self, state: State, step: int) -> None:
        """Keep the canvas as it is after `step` steps."""
        for row, frames in enumerate(self.frames):
            if frames and all(piece is not None for piece in frames[-1].pieces):
                continue  # the row was complete a step ago
            ids = state.written[row].tolist()
            pieces = tuple(None if token < 0 else self._piece(token) for token in ids)
            frames.append(Frame(step, pieces, tuple(state.held_confidence[row].tolist())))

    def _piece(self, token: int) -> str:
        data = self.vocabulary[token]
        return "" if data is None else data.decode("utf-8", errors="replace")

    def row(self, n: int) -> Trace:
        """The trace of one row."""
        return replace(self, frames=[self.frames[n]])

    def __str__(self) -> str:
        return "\n".join(f"{frame.step:>3}  {frame}" for frames in self.frames for frame in frames)

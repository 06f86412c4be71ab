"""A decode as text, one canvas a line: what was written when, how sure, by whom, and what else it might have been."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch

from ctrldiff.protocols import Move
from ctrldiff.report.decode import decode_fragment
from ctrldiff.state import State, Status, Step

if TYPE_CHECKING:
    from ctrldiff.tokens.vocabulary import Vocabulary

HOLE = "·"
CANVASES, SURE = "canvases", "canvases, how sure"  # the keys in `State.memory`
WHO, LEGAL_BEST, OWN_BEST = "canvases, by whom", "canvases, the likeliest", "canvases, the model's own likeliest"
LEGAL_P, OWN_P = f"{LEGAL_BEST}, p", f"{OWN_BEST}, p"
KEPT = 4  # tokens of each kind that are kept for a position
# Who decided a token; the number in the memory is the place in this list.
DECIDERS = ("", "model", "constraint", "guide", "draw", "revision")
MODEL, CONSTRAINT, GUIDE, DRAW, REVISION = range(1, len(DECIDERS))


@dataclass(frozen=True)
class Canvases:
    """An observer that keeps every canvas in `state.memory`; `Trace.of` reads what it keeps.

    After 0 to n - 1 steps, for B rows and T positions: (B, n, T) int64 tokens, -1 where open; (B, n, T) float32 their
    confidences; (B, n, T) who decided them; and (B, n, T, KEPT) the likeliest tokens with their probabilities, among
    the legal ones and by the model alone, -1 where the step had nothing to decide.

    Fields: tell, told of the state after every step, with what is kept: `Trace.latest` reads its last canvas.
    """

    tell: Callable[[State], object] | None = None

    def __call__(self, move: Move, state: State, step: Step) -> State:
        was_open = move.before.open
        own = move.unguided().float()
        k = min(KEPT, own.shape[-1])
        legal, legal_p = move.posterior.top(k)
        own_p, own_best = own.softmax(-1).topk(k, dim=-1)
        notes = {
            WHO: _decided(move, state, own_best[..., 0].cpu()),
            LEGAL_BEST: _kept_best(legal, was_open, -1).to(torch.int32),
            LEGAL_P: _kept_best(legal_p, was_open, torch.nan).float(),
            OWN_BEST: _kept_best(own_best, was_open, -1).to(torch.int32),
            OWN_P: _kept_best(own_p, was_open, torch.nan).float(),
        }
        state = kept(state, notes)
        if self.tell is not None:
            self.tell(state)
        return state


def kept(state: State, notes: dict[str, torch.Tensor] | None = None) -> State:
    """The state with its canvas added to those that are kept, and what was noted of it; the first one is what was
    given."""
    if CANVASES not in state.memory:
        given = state.status == int(Status.FIXED)
        given |= state.status == int(Status.PAD)
        first = torch.where(given, state.tokens, -1)
        state = _longer(state, first, torch.full_like(first, torch.nan, dtype=torch.float32), {})
    return _longer(state, state.written, state.held_confidence, notes or {})


def _longer(state: State, canvas: torch.Tensor, sure: torch.Tensor, notes: dict[str, torch.Tensor]) -> State:
    best = torch.full((*canvas.shape, KEPT), -1, dtype=torch.int32)
    nothing = {WHO: torch.zeros_like(canvas, dtype=torch.uint8), LEGAL_BEST: best, OWN_BEST: best}
    nothing |= {name: torch.full_like(best, torch.nan, dtype=torch.float32) for name in (LEGAL_P, OWN_P)}
    new = nothing | notes | {CANVASES: canvas, SURE: sure}
    old = state.memory
    return state.remember(
        **{name: torch.cat([old[name], one[:, None]], 1) if name in old else one[:, None] for name, one in new.items()}
    )


def _kept_best(values: torch.Tensor, where: torch.Tensor, nothing: float) -> torch.Tensor:
    """(B, T, KEPT) of (B, T, k), `nothing` elsewhere."""
    values = torch.as_tensor(values).cpu()
    values = torch.nn.functional.pad(values, (0, KEPT - values.shape[-1]), value=nothing)
    return torch.where(where[..., None], values, torch.full_like(values, nothing))


def _decided(move: Move, state: State, own: torch.Tensor) -> torch.Tensor:
    """(B, T) uint8: who decided the tokens that stand, by their place in `DECIDERS`; 0 where nothing does.

    The first that holds: a revision, the token follows another one that stood there; the constraint, no other one was
    possible; the model, it is its likeliest; a guide, it is the likeliest of the guided logits; the constraint, it is
    of the likeliest legal text or the likeliest legal token; a draw, or another choice of the proposer's.
    """
    before, now = move.before, state.written
    guided = move.logits.unflatten(-1, (-1, move.unguided().shape[-1])).argmax(-1).cpu()  # (B, T, layers)
    best = torch.as_tensor(move.posterior.map()).cpu()
    legal = torch.as_tensor(move.posterior.top(1)[0])[..., 0].cpu()
    who = torch.full_like(now, DRAW, dtype=torch.uint8)
    who = torch.where((now == best) | (now == legal), CONSTRAINT, who)
    who = torch.where((now[..., None] == guided).any(-1), GUIDE, who)
    who = torch.where(now == own, MODEL, who)
    who = torch.where(move.wrote, who, CONSTRAINT)
    canvases = state.memory.get(CANVASES)
    if canvases is not None:
        earlier = canvases[:, -1]
        stood = (canvases >= 0) & (canvases != now[:, None])
        who = torch.where(stood.any(1), REVISION, who)
        who = torch.where(now == earlier, state.memory[WHO][:, -1], who)
    given = (before.status == int(Status.FIXED)) | (before.status == int(Status.PAD))
    return torch.where((now < 0) | given, 0, who)


class Guess(NamedTuple):
    """A token that might stand at a position: what it spells, and its probability."""

    piece: str
    prob: float


@dataclass(frozen=True)
class Frame:
    """One canvas after one step, T positions.

    Fields:
        pieces: the text of each position, None where it is open.     confidence: of its token, NaN where open.
        by: who decided it, one of `DECIDERS`; "" where it is open or was given.
        legal, own: the likeliest tokens in this step, most probable first, of the posterior and of the model alone;
            none where the position was not open in it.
    """

    step: int
    pieces: tuple[str | None, ...]
    confidence: tuple[float, ...]
    by: tuple[str, ...] = ()
    legal: tuple[tuple[Guess, ...], ...] = ()
    own: tuple[tuple[Guess, ...], ...] = ()

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

    @staticmethod
    def latest(state: State, vocabulary: Vocabulary, row: int = 0) -> Frame:
        """The last canvas that was kept of a row, while it is decoded."""
        return _frame(state, row, state.memory[CANVASES].shape[1] - 1, vocabulary)

    def row(self, n: int) -> Trace:
        """The trace of one row."""
        return Trace((self.frames[n],))

    def __str__(self) -> str:
        return "\n".join(f"{frame.step:>3}  {frame}" for frames in self.frames for frame in frames)

    def _repr_html_(self) -> str:
        """For notebooks: each row with a slider over its steps."""
        return "".join(decode_fragment(frames) for frames in self.frames)


def _frames(state: State, row: int, vocabulary: Vocabulary) -> tuple[Frame, ...]:
    canvases = state.memory[CANVASES][row, :, : int(state.lengths[row])]
    last = len(canvases) - 1
    if bool((canvases[-1] >= 0).all()):  # what was kept after the last change is of other rows' steps
        changed = (canvases[1:] != canvases[:-1]).any(dim=1).nonzero()[:, 0].tolist()
        last = changed[-1] + 1 if changed else 0
    return tuple(_frame(state, row, step, vocabulary) for step in range(last + 1))


def _frame(state: State, row: int, step: int, vocabulary: Vocabulary) -> Frame:
    own = int(state.lengths[row])
    names = (CANVASES, SURE, WHO, LEGAL_BEST, LEGAL_P, OWN_BEST, OWN_P)
    ids, sure, who, legal, legal_p, alone, alone_p = (state.memory[name][row, step, :own].tolist() for name in names)
    return Frame(
        step,
        tuple(_piece(token, vocabulary) for token in ids),
        tuple(sure),
        tuple(DECIDERS[one] for one in who),
        tuple(_guesses(*one, vocabulary) for one in zip(legal, legal_p, strict=True)),
        tuple(_guesses(*one, vocabulary) for one in zip(alone, alone_p, strict=True)),
    )


def _guesses(ids: list[int], probs: list[float], vocabulary: Vocabulary) -> tuple[Guess, ...]:
    return tuple(
        Guess(_piece(token, vocabulary) or "", p) for token, p in zip(ids, probs, strict=True) if token >= 0 and p > 0
    )


def _piece(token: int, vocabulary: Vocabulary) -> str | None:
    if token < 0:
        return None
    data = vocabulary[token]
    return "" if data is None else data.decode("utf-8", errors="replace")

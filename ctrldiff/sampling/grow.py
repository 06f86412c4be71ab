"""How long a canvas is, while it is written. Public as `ctrldiff.grow`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from ctrldiff.errors import InputError
from ctrldiff.protocols import Constraint, Move
from ctrldiff.sampling.commit import check_count, in_range
from ctrldiff.sampling.room import fits, inserted, lengthened, shortened
from ctrldiff.state import Scores, State, Status, Step, Where

__all__ = ["Daedal", "Fixed", "RhoEos", "inserted", "lengthened", "shortened"]

MOST = "grow: most"  # in `State.memory`, (B,) int64: how many positions each row may have
FIRST = "grow: first stage"  # (B,) bool: nothing is written yet, its length is still sought


@dataclass(frozen=True)
class Fixed:
    """As long as it was at the beginning."""

    def begin(self, state: State, constraint: Constraint) -> State:
        return state

    def __call__(self, move: Move, state: State, step: Step, constraint: Constraint) -> State:
        return state


@dataclass(frozen=True)
class Daedal:
    """From `initial` positions, `more` at a time at the end, until the ends of text that the model wants there are sure
    enough: nothing is written until then, and a pass is paid for each length. Then, while they are less sure than
    `settled`, the least sure open position of the window, if it is below `low`, is made `more` of them (DAEDAL,
    arXiv:2508.00819; published with blocks of 32 and a threshold of .9).

    How sure the ends are: the mean probability of an end of text, of the last `window` positions of which it is the
    likeliest token; 0 if there is none. The released code divides by `window` always, so that an answer may not be
    shorter than that.

    ends: ids that end a text (`ModelSpec.stop_ids`); the first fills what is beyond a row's end.
    spare: positions that the released code adds once the length is found.
    Positions are inserted as many as fit: the constraint has to find a text around what is written, moved to the right.
    """

    ends: tuple[int, ...]
    initial: int = 64
    more: int = 8
    enough: float = 0.5
    settled: float = 0.9
    low: float = 0.1
    window: int = 32
    spare: int = 16

    def __post_init__(self) -> None:
        check_ends(self.ends)
        for name in ("initial", "more", "window"):
            check_count(name, getattr(self, name))
        for name in ("enough", "settled", "low"):
            in_range(name, getattr(self, name), 0, 1)
        in_range("spare", self.spare, 0)

    def begin(self, state: State, constraint: Constraint) -> State:
        state = started(state, self.initial, self.ends, constraint)
        return state.remember(**{FIRST: torch.ones(state.shape[0], dtype=torch.bool)})

    def __call__(self, move: Move, state: State, step: Step, constraint: Constraint) -> State:
        going, most = ~move.before.done, state.memory[MOST]
        sure = sure_of_ends(move, self.ends, self.window)
        first = state.memory[FIRST] & going
        later = going & ~first & (sure < self.settled) & (state.lengths < most)
        # The first stage: what was written is noise again, and the clock stands.
        state = state.reopen(move.before.open & first[:, None])
        state = replace(state, step=state.step - first.to(torch.int64))
        before = state.lengths
        seeks = first & (sure < self.enough) & (before < most)
        added = torch.where(seeks, self.more, torch.where(first, self.spare, 0))
        state = _grown(state, lengthened(state, before + added, most, self.ends, constraint, move.logits))
        state = state.remember(**{FIRST: seeks & (state.lengths > before)})
        return self._widened(move, state, step.window & later[:, None], constraint) if later.any() else state

    def _widened(self, move: Move, state: State, window: Where, constraint: Constraint) -> State:
        """With more positions in the place of the least sure one of each row's window."""
        sure = move.posterior.confidence(state.history[:, -1].clamp(min=0)).cpu()
        doubtful = state.open & window & (sure < self.low)
        at = sure.masked_fill(~doubtful, torch.inf).argmin(dim=1)
        for row in doubtful.any(dim=1).nonzero()[:, 0].tolist():
            room = min(int(state.memory[MOST][row] - state.lengths[row]), self.more - 1)
            for n in range(room, 0, -1):
                count = torch.zeros(state.shape[0], dtype=torch.int64)
                count[row] = n
                wider = inserted(state, at, count)
                if fits(constraint, wider):
                    # What was pushed into a later block is not work done on this one: the clock goes back by as much.
                    state = _grown(state, replace(wider, step=(wider.step - count).clamp(min=-1)))
                    break
        return state


@dataclass(frozen=True)
class RhoEos:
    """From `initial` positions, after every step more of them at the end while less than `low` of the open positions
    are wanted to end the text, fewer while more than `high` are (rho-EOS, arXiv:2601.22527).

    `unit` positions for the first tenth of a share beyond the bound; for each tenth more the same again ("linear"), or
    twice as many ("exp"), eight units at most; or `unit` always ("const"). None any more after `until` steps.

    ends: ids that end a text (`ModelSpec.stop_ids`); the first fills what is beyond a row's end.
    measure: "density" is the paper's, the share of the open positions whose likeliest token ends a text. The released
        code calls that and then measures "confidence": DAEDAL's, over `window` ends, here without its fault.
    What is written is never cut off, unless it is the end of a text; the released code cuts. A row with nothing open
    may be given positions again, as there.
    """

    ends: tuple[int, ...]
    initial: int = 64
    unit: int = 8
    low: float = 0.4
    high: float = 0.6
    curve: Literal["const", "linear", "exp"] = "exp"
    measure: Literal["density", "confidence"] = "density"
    window: int = 32
    until: int = 64

    def __post_init__(self) -> None:
        check_ends(self.ends)
        for name in ("initial", "unit", "window"):
            check_count(name, getattr(self, name))
        in_range("low", self.low, 0, 1)
        in_range("high", self.high, self.low, 1)
        in_range("until", self.until, 0)
        for name, known in (("curve", ("const", "linear", "exp")), ("measure", ("density", "confidence"))):
            if getattr(self, name) not in known:
                raise InputError(f"{name}={getattr(self, name)!r}", hint=f"one of {', '.join(known)}", param=name)

    def begin(self, state: State, constraint: Constraint) -> State:
        return started(state, self.initial, self.ends, constraint)

    def __call__(self, move: Move, state: State, step: Step, constraint: Constraint) -> State:
        going = ~move.before.done & (state.step < self.until)
        if not going.any():
            return state
        if self.measure == "density":
            share = density_of_ends(move, self.ends)
        else:
            share = sure_of_ends(move, self.ends, self.window)
        more, less = self._units(self.low - share), self._units(share - self.high)
        before, most = state.lengths, state.memory[MOST]
        wanted = before + torch.where(going, more, 0)
        state = _grown(state, lengthened(state, wanted, most, self.ends, constraint, move.logits))
        wanted = torch.where(going & (less > 0), before - less, state.lengths)
        return shortened(state, wanted, self.ends, constraint)

    def _units(self, beyond: torch.Tensor) -> torch.Tensor:
        """(B,) int64 positions, of how far beyond a bound the share is; 0 where it is not."""
        tenths = torch.ceil((beyond + 1e-12) / 0.1).clamp(min=1, max=8).to(torch.int64)
        times = {"const": torch.ones_like(tenths), "linear": tenths, "exp": 2 ** (tenths - 1)}[self.curve]
        return torch.where(beyond > 0, times.clamp(max=8) * self.unit, 0)


def started(state: State, initial: int, ends: tuple[int, ...], constraint: Constraint) -> State:
    """Canvases of so many positions, or of the fewest above that in which something legal fits."""
    most = state.lengths
    state = state.remember(**{MOST: most})
    return shortened(state, most.clamp(max=initial), ends, constraint)


def sure_of_ends(move: Move, ends: tuple[int, ...], window: int) -> Scores:
    """(B,) float64: how probable an end of text is, on average over the last `window` positions of a row where it is
    the likeliest; 0 if there are none. What is written counts as sure."""
    ended = _wanted(move, ends) & (move.before.status != int(Status.PAD))
    last = ended & (ended.flip(1).cumsum(dim=1).flip(1) <= window)
    shape = ended.shape
    mass = sum(move.posterior.confidence(torch.full(shape, one)).cpu().to(torch.float64) for one in ends)
    return torch.where(last, mass, 0.0).sum(dim=1) / last.sum(dim=1).clamp(min=1)


def density_of_ends(move: Move, ends: tuple[int, ...]) -> Scores:
    """(B,) float64: the share of a row's open positions whose likeliest token ends a text."""
    ended = _wanted(move, ends) & move.before.open
    return ended.sum(dim=1).to(torch.float64) / move.before.open.sum(dim=1).clamp(min=1)


def _wanted(move: Move, ends: tuple[int, ...]) -> Where:
    """(B, T) bool: the likeliest token ends a text."""
    tokens, _ = move.posterior.top(1)
    return torch.isin(torch.as_tensor(tokens).cpu()[..., 0], torch.tensor(ends))


def _grown(before: State, after: State) -> State:
    """With a step more for each position more."""
    return replace(after, steps=after.steps + (after.lengths - before.lengths))


def check_ends(ends: object, of: str = "text", hint: str = "ends=model.vocabulary.stop_ids") -> None:
    """Raise InputError for what is no tuple of token ids, or an empty one."""
    if not isinstance(ends, tuple) or not ends or not all(isinstance(one, int) for one in ends):
        hint = f"{hint}, a tuple of ints; on the command line ends=11+13"
        raise InputError(f"ends={ends!r}: which ids end a {of}?", hint=hint, param="ends")

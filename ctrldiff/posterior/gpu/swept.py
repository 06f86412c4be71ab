"""What a posterior asks of the kernels, each launched when first needed; and the logits as the host reads them.

An answer is None where something is wrong with a row: a score that is no number, or nothing legal of positive weight.
The host's queries then say what, and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.posterior.device import DeviceLogits
from ctrldiff.posterior.gpu import asked
from ctrldiff.posterior.gpu.workspace import Workspace
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.read import F32, F64, I32, I64, NOT_THERE, Place, Tied

Bools: TypeAlias = NDArray[np.bool_]
ID = 2**32 - 1  # no token's id is more
FLOATS = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True, eq=False)
class Led:
    """What `Swept.led` says: the rows given their first choices; (B, T) int64 the choices, 0 elsewhere, and bool where
    they are; (B,) float32 as in `leading`."""

    swept: Swept
    tokens: torch.Tensor
    first: torch.Tensor
    sure: torch.Tensor
    mass: torch.Tensor


@dataclass(frozen=True, eq=False)
class Swept:
    """The answers of B rows, on the device. `before`: the rows these were narrowed from, if nobody looked at them."""

    work: Workspace
    before: Swept | None = None

    @staticmethod
    def of(tables: Sequence[Lifted], logits: torch.Tensor, written: I64, raw: bool) -> Swept | None:
        """None for what the kernels do not do: layers of scores, provisos, floats that are neither float32 nor halves,
        and more classes or labels than a grid has programs (4 million)."""
        if logits.dtype not in FLOATS or logits.stride(2) != 1 or 0 in logits.shape:
            return None
        return Swept._of(tables, logits, _there(written, logits), raw)

    @staticmethod
    def _of(tables: Sequence[Lifted], logits: torch.Tensor, written: torch.Tensor, raw: bool) -> Swept | None:
        if any(table.layers > 1 or table.proviso is not None for table in tables):
            return None
        work = Workspace.of(tables, logits, written, raw)
        return Swept(work) if work.fits else None

    def narrowed(self, written: I64) -> Swept:
        """The same logits with more written; what was read is not read again."""
        self._segments()
        return Swept(self.work.narrowed(_there(written, self.work.logits)))

    # --- launches, each once -------------------------------------------------------------------------------------

    def _segments(self) -> None:
        """A workspace that was made of another one has what that one read."""
        if "seg" not in self.work.__dict__:
            self.work.read()

    @cached_property
    def closed(self) -> Workspace:
        """Classes and labels are there."""
        self._segments()
        self.work.close()
        return self.work

    @cached_property
    def _best(self) -> Workspace:
        self.closed.best()
        return self.work

    @cached_property
    def _summed(self) -> Workspace:
        self.closed.sums()
        return self.work

    @cached_property
    def _spread(self) -> Workspace:
        self._summed.spread()
        return self.work

    @cached_property
    def sound(self) -> bool:
        """Nothing is wrong with any row. The one place that waits for the device: best strings and sums have the same
        faults, so whichever was launched is looked at, once."""
        faults = (self._best.best_weight if "_best" in self.__dict__ else self._summed.weight)[2]
        if self.before is not None:
            faults = faults | self.before._best.best_weight[2]
        return not looked(faults)

    @property
    def best(self) -> Workspace | None:
        """The best strings are there."""
        launched = self._best
        return launched if self.sound else None

    @property
    def summed(self) -> Workspace | None:
        """Futures, pasts and weights are there."""
        launched = self._summed
        return launched if self.sound else None

    @property
    def spread(self) -> Workspace | None:
        """Gains are there."""
        launched = self._spread
        return launched if self.sound else None

    # --- answers -------------------------------------------------------------------------------------------------

    def map(self) -> torch.Tensor | None:
        """(B, T) the best strings."""
        work = self.best
        return None if work is None else work.strings.clone()

    def log_z(self) -> torch.Tensor | None:
        """(B,) float64."""
        work = self.summed
        return None if work is None else work.weight[1].clone()

    def marginals(self) -> torch.Tensor | None:
        """(B, T, V) float32."""
        work = self.spread
        if work is None:
            return None
        out = torch.empty(work.logits.shape, dtype=torch.float32, device=work.logits.device)
        work.marginals(out)
        return out

    def top(self, k: int) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(B, T, k) the likeliest tokens and their marginals, ties to the smallest id: by keys in which the bits of a
        probability, ordered as it is since none is below 0, come before what is left of the id."""
        marginals = self.marginals()
        if marginals is None:
            return None
        tokens = torch.arange(marginals.shape[2], device=marginals.device)
        found = []
        for probs in marginals:  # row by row: the keys take twice the room of the row
            keys = (probs.view(torch.int32).to(torch.int64) << 32) | (ID - tokens)
            found.append(ID - (keys.topk(k, dim=1).values & ID))
        best = torch.stack(found)
        return best, marginals.gather(2, best)

    def confidence(self, tokens: I64) -> torch.Tensor | None:
        """(B, T) float32, the marginals of these tokens."""
        work = self.spread
        if work is None:
            return None
        out = self._line()
        work.confidence(_there(tokens, out), out)
        return out

    @cached_property
    def beliefs(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(B, T) float32 margins and entropies."""
        work = self.spread
        if work is None:
            return None
        margin, entropy = self._line(), self._line()
        work.beliefs(margin, entropy)
        return margin, entropy

    def anchored(self) -> torch.Tensor | None:
        """(B, T) float32, the probability of the likeliest state before each position."""
        work = self.summed
        if work is None:
            return None
        out = self._line()
        work.anchored(out)
        return out

    def given(self, tokens: I64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """(B, T) float32 each, what `local`, `legal` and `surprise` say of these strings."""
        work = self.best
        if work is None:
            return None
        local, legal, surprise = (self._line() for _ in range(3))
        work.given(_there(tokens, local), local, legal, surprise)
        return local, legal, surprise

    def leading(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """(B, T) int64 and (B,) float32 twice, as `ChainPosterior.leading`."""
        found = self._leading()
        return found if self.sound else None

    def _leading(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        work = self._best
        if work.pack.weighted:
            _ = self._summed
        tokens = torch.empty_like(work.written)
        sure, mass = (torch.empty(len(tokens), dtype=torch.float32, device=tokens.device) for _ in range(2))
        work.leading(tokens, sure, mass)
        return tokens, sure, mass

    def led(self, believed: float) -> Led:
        """The first choices, and the rows given them, all launched as far as marginals; nobody looks at the device
        before one of their answers is asked for. See `LeftmostFirst` for `believed`."""
        tokens, sure, mass = self._leading()
        after = Swept(self.work.narrowed(torch.empty_like(tokens)), before=self)
        asked.write_first(self.work, tokens, sure, mass, believed, after.work)
        _ = after._best, after._spread
        return Led(after, tokens.clamp(min=0), tokens >= 0, sure, mass)

    def sample(self, n: int, rngs: Sequence[np.random.Generator]) -> torch.Tensor | None:
        """(B, n, T) draws. Each generator gives its row one number: the key of a counter-based stream."""
        work = self.summed
        if work is None:
            return None
        keys = torch.tensor([int(rng.integers(2**63)) for rng in rngs])
        out = torch.empty((len(rngs), n, work.written.shape[1]), dtype=torch.int64, device=work.logits.device)
        if n:
            work.sample(keys.to(out.device), out)
        return out

    # --- canvases of which more is written -----------------------------------------------------------------------

    def log_z_given(self, tokens: I64, keep: Bools) -> torch.Tensor | None:
        """(B,) float64, as `ChainPosterior.log_z_given`."""
        return self._weighed(tokens, keep, own=True)

    def feasible(self, tokens: I64, keep: Bools) -> torch.Tensor | None:
        """(B,) bool, as `ChainPosterior.feasible`."""
        weight = self._weighed(tokens, keep, own=False)
        return None if weight is None else weight > -torch.inf

    def score(self, tokens: I64) -> torch.Tensor | None:
        """(B,) float64, as `ChainPosterior.score`."""
        whole = self.log_z()
        if whole is None:
            return None
        given = self._weighed(tokens, np.ones(tokens.shape, np.bool_), own=True)
        return None if given is None else given - whole

    def _weighed(self, tokens: I64, keep: Bools, own: bool) -> torch.Tensor | None:
        """What `asked.weigh` says, if nothing is wrong with a score that counts."""
        work = self.closed
        more = work.narrowed(torch.empty_like(work.written))
        clash, faults = (torch.empty(len(tokens), dtype=torch.int32, device=work.logits.device) for _ in range(2))
        weight = torch.empty(len(tokens), dtype=torch.float64, device=work.logits.device)
        asked.write(work, _there(tokens, weight), _there(keep.astype(np.int8), weight), more, clash)
        more.close()
        if own:
            more.sums()
        else:
            more.best()
        asked.weigh(work, more, own, clash, weight, faults)
        known = "sound" in self.__dict__ and self.sound
        return weight if known or not looked(faults) else None

    # --- of the automaton ----------------------------------------------------------------------------------------

    def forced(self) -> torch.Tensor:
        """(B, T) bool: one token is possible there by what is written alone."""
        work, (B, T) = self.work, self.work.written.shape
        tokens = torch.empty_like(work.written)
        labels, value = (
            torch.empty(shape, dtype=torch.float64, device=work.logits.device)
            for shape in ((B * T, work.pack.labels), (2, B, T + 1, work.pack.states))
        )
        asked.forced(work, labels, value, tokens)
        return tokens >= 0

    def ends(self) -> torch.Tensor | None:
        """(B, S) float64, as `ChainPosterior.ends`."""
        work = self.summed
        if work is None:
            return None
        out = torch.empty((len(work.written), work.pack.states), dtype=torch.float64, device=work.logits.device)
        asked.ends(work, out)
        return out

    def branch(self, table: Lifted) -> torch.Tensor | None:
        """(B,) float64: the probability that a string is also in this table's language."""
        whole = self.log_z()
        part = Swept._of([table] * len(self.work.written), self.work.logits, self.work.written, self.work.raw)
        if whole is None or part is None:
            return None
        return torch.exp(part._summed.weight[1] - whole)

    def _line(self) -> torch.Tensor:
        return torch.empty(self.work.written.shape, dtype=torch.float32, device=self.work.logits.device)


def looked(faults: torch.Tensor) -> bool:
    """Whether there are any. Nothing else of this package waits for the device."""
    return bool(faults.any())


def _there(values: NDArray[Any], other: torch.Tensor) -> torch.Tensor:
    """A copy of an array where a tensor is."""
    return torch.from_numpy(values.copy()).to(other.device)


@dataclass(frozen=True, eq=False)
class ReadLogits:
    """Logits on a device, of which the host's queries get the classes that the kernels read. Other questions, and
    those by other tables, are `plain`'s."""

    plain: DeviceLogits
    swept: Swept
    tables: Sequence[Lifted]

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, T, V)."""
        return self.plain.shape

    @cached_property
    def _host(self) -> tuple[NDArray[Any], ...]:
        """Best, log-summed and first best of each class (B, T, C + 1), the log-sum and what is wrong (B, T)."""
        work, (B, T, _) = self.swept.closed, self.shape
        arrays = (one.cpu().numpy() for one in (*work.classes, *work.line))
        return tuple(one.reshape(B, T, *one.shape[1:]) for one in arrays)

    def _ours(self, places: Sequence[Place]) -> bool:
        return all(place.table is self.tables[place.row].scored for place in places)

    def class_max(self, places: Sequence[Place], out: Sequence[F32]) -> list[int]:
        """As `Logits.class_max`."""
        if not self._ours(places):
            return self.plain.class_max(places, out)
        best, wrong, bad = self._host[0], self._host[4], []
        for (row, table, at), own in zip(places, out):
            own[at] = best[row, at, : table.n_classes + 1]
            no_number = at[wrong[row, at] == 1]
            bad.append(int(no_number[0]) if len(no_number) else -1)
        return bad

    def class_scores(
        self, places: Sequence[Place], best: Sequence[F32], sums: Sequence[F64], whole: Sequence[F64]
    ) -> list[int]:
        """As `Logits.class_scores`."""
        if not self._ours(places):
            return self.plain.class_scores(places, best, sums, whole)
        for (row, table, at), own, every in zip(places, sums, whole):
            own[at] = self._host[1][row, at, : table.n_classes + 1]
            every[at] = self._host[3][row, at]
        return self.class_max(places, best)

    def first(
        self, places: Sequence[Place], best: Sequence[F32], known: Sequence[I32], tied: Tied
    ) -> list[NDArray[Any]]:
        """As `Logits.first`: every one was found when the classes were read."""
        if not self._ours(places):
            return self.plain.first(places, best, known, tied)
        for (row, table, at), own in zip(places, known):
            own[at] = self._host[2][row, at, : table.n_classes + 1]
        return [NOT_THERE] * len(places)

    def at(self, places: Sequence[Place], tokens: Sequence[I64]) -> list[F64]:
        """As `Logits.at`."""
        return self.plain.at(places, tokens)

    def of(self, row: int, t: int, tokens: NDArray[np.int32]) -> F32:
        """As `Logits.of`."""
        return self.plain.of(row, t, tokens)

    def draw(
        self,
        places: Sequence[Place],
        best: Sequence[F32],
        classes: Sequence[I32],
        uniforms: Sequence[F64],
        tokens: Sequence[I64],
    ) -> None:
        """As `Logits.draw`."""
        self.plain.draw(places, best, classes, uniforms, tokens)

    def marginals(
        self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32], written: Sequence[I64]
    ) -> list[torch.Tensor]:
        """As `Logits.marginals`."""
        return self.plain.marginals(places, base, gain, written)

    def beliefs(self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32]) -> list[tuple[F64, F64]]:
        """As `Logits.beliefs`."""
        return self.plain.beliefs(places, base, gain)

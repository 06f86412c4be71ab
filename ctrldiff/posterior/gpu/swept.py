"""What a posterior asks of the kernels, each launched when first needed; and the logits as the host reads them.

An answer is None where something is wrong with a row: a score that is no number, or nothing legal of positive weight.
The host's queries then say what, and where.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.posterior.device import DeviceLogits
from ctrldiff.posterior.gpu.workspace import Workspace
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.read import F32, F64, I32, I64, NOT_THERE, Place, Tied

FLOATS = (torch.float32, torch.bfloat16, torch.float16)


@dataclass(frozen=True, eq=False)
class Swept:
    """The answers of B rows, on the device."""

    work: Workspace

    @staticmethod
    def of(tables: Sequence[Lifted], logits: torch.Tensor, written: I64, raw: bool) -> Swept | None:
        """None for what the kernels do not do: layers of scores, provisos, floats that are neither float32 nor halves,
        and more classes or labels than a grid has programs (4 million)."""
        plain = all(table.layers == 1 and table.proviso is None for table in tables)
        if not plain or logits.dtype not in FLOATS or logits.stride(2) != 1 or 0 in logits.shape:
            return None
        work = Workspace.of(tables, logits, torch.from_numpy(written.copy()).to(logits.device), raw)
        return Swept(work) if work.fits else None

    def narrowed(self, written: I64) -> Swept:
        """The same logits with more written; what was read is not read again."""
        self._segments()
        return Swept(self.work.narrowed(torch.from_numpy(written).to(self.work.logits.device)))

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
    def best(self) -> Workspace | None:
        """The best strings are there."""
        self.closed.best()
        return None if bool(self.work.best_weight[2].any()) else self.work

    @cached_property
    def summed(self) -> Workspace | None:
        """Futures, pasts and weights are there."""
        self.closed.sums()
        return None if bool(self.work.weight[2].any()) else self.work

    @cached_property
    def spread(self) -> Workspace | None:
        """Gains are there."""
        if self.summed is not None:
            self.summed.spread()
        return self.summed

    # --- answers -------------------------------------------------------------------------------------------------

    def map(self) -> torch.Tensor | None:
        """(B, T) the best strings."""
        return None if self.best is None else self.best.strings.clone()

    def log_z(self) -> torch.Tensor | None:
        """(B,) float64."""
        return None if self.summed is None else self.summed.weight[1].clone()

    def marginals(self) -> torch.Tensor | None:
        """(B, T, V) float32."""
        if self.spread is None:
            return None
        out = torch.empty(self.work.logits.shape, dtype=torch.float32, device=self.work.logits.device)
        self.spread.marginals(out)
        return out

    def confidence(self, tokens: I64) -> torch.Tensor | None:
        """(B, T) float32, the marginals of these tokens."""
        if self.spread is None:
            return None
        out = self._line()
        self.spread.confidence(torch.from_numpy(tokens).to(out.device), out)
        return out

    @cached_property
    def beliefs(self) -> tuple[torch.Tensor, torch.Tensor] | None:
        """(B, T) float32 margins and entropies."""
        if self.spread is None:
            return None
        margin, entropy = self._line(), self._line()
        self.spread.beliefs(margin, entropy)
        return margin, entropy

    def anchored(self) -> torch.Tensor | None:
        """(B, T) float32, the probability of the likeliest state before each position."""
        if self.summed is None:
            return None
        out = self._line()
        self.summed.anchored(out)
        return out

    def given(self, tokens: I64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """(B, T) float32 each, what `local`, `legal` and `surprise` say of these strings."""
        if self.best is None:
            return None
        local, legal, surprise = (self._line() for _ in range(3))
        self.best.given(torch.from_numpy(tokens).to(local.device), local, legal, surprise)
        return local, legal, surprise

    def leading(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor] | None:
        """(B, T) int64 and (B,) float32 twice, as `ChainPosterior.leading`; not of tables with weights."""
        if self.best is None or self.work.pack.weighted:
            return None
        tokens = torch.empty_like(self.work.written)
        sure, mass = (torch.empty(len(tokens), dtype=torch.float32, device=tokens.device) for _ in range(2))
        self.best.leading(tokens, sure, mass)
        return tokens, sure, mass

    def sample(self, n: int, rngs: Sequence[np.random.Generator]) -> torch.Tensor | None:
        """(B, n, T) draws. Each generator gives its row one number: the key of a counter-based stream."""
        if self.summed is None:
            return None
        keys = torch.tensor([int(rng.integers(2**63)) for rng in rngs])
        out = torch.empty((len(rngs), n, self.work.written.shape[1]), dtype=torch.int64, device=self.work.logits.device)
        if n:
            self.summed.sample(keys.to(out.device), out)
        return out

    def _line(self) -> torch.Tensor:
        return torch.empty(self.work.written.shape, dtype=torch.float32, device=self.work.logits.device)


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

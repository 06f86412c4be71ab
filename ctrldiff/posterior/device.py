"""Logits on a torch device, for which `posterior/read.py` has the questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.read import F32, F64, I32, I64, NOT_THERE, Place, Tied

if TYPE_CHECKING:
    import torch

CHUNK = 1 << 24  # logits per temporary on a device
FIXED_POINT = float(1 << 40)  # sums on a device are of integers: exact, so the order of additions cannot show


@dataclass(frozen=True, eq=False)
class DeviceLogits:
    """Logits on a torch device, of any floats: reduced there in float32, a few positions at a time: (T, C) numbers
    travel and not (T, V)."""

    x: torch.Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, T, V)."""
        return self.x.shape[0], self.x.shape[1], self.x.shape[2]

    def _ids(self, table: Lifted) -> torch.Tensor:
        import torch

        ids = table.device_classes
        if self.x.device not in ids:
            ids[self.x.device] = torch.from_numpy(table.classes.of_token.astype(np.int64)).to(self.x.device)
        return ids[self.x.device]

    def _chunks(self, positions: I64) -> list[I64]:
        size = max(1, CHUNK // max(1, self.shape[2]))
        return [positions[i : i + size] for i in range(0, len(positions), size)]

    def _rows(self, row: int, positions: I64) -> torch.Tensor:
        import torch

        return self.x[row, torch.from_numpy(positions).to(self.x.device)].to(torch.float32)

    def class_max(self, places: Sequence[Place], out: Sequence[F32]) -> list[int]:
        """As `Logits.class_max`; each position is checked before any is trusted."""
        return [self._class_max(place, best) for place, best in zip(places, out)]

    def _class_max(self, place: Place, out: F32) -> int:
        import torch

        ids, bad = self._ids(place.table), -1
        for chunk in self._chunks(place.positions):
            x = self._rows(place.row, chunk)
            wrong = (~(x < float("inf"))).any(dim=1).cpu().numpy()
            if wrong.any() and bad < 0:
                bad = int(chunk[np.argmax(wrong)])
            best = torch.full((len(x), out.shape[1]), -float("inf"), dtype=x.dtype, device=x.device)
            best.scatter_reduce_(1, ids.expand_as(x), x, "amax")
            out[chunk] = best.cpu().numpy()
        return bad

    def class_scores(
        self, places: Sequence[Place], best: Sequence[F32], sums: Sequence[F64], whole: Sequence[F64]
    ) -> list[int]:
        """As `Logits.class_scores`; sums are of fixed-point integers, the same in any order of additions."""
        bad = self.class_max(places, best)
        for place, wrong, top, out, every in zip(places, bad, best, sums, whole):
            if wrong < 0:
                self._class_log_sum(place, top, out, every)
        return bad

    def _class_log_sum(self, place: Place, best: F32, out: F64, whole: F64) -> None:
        import torch

        ids = self._ids(place.table)
        for chunk in self._chunks(place.positions):
            x, top = self._rows(place.row, chunk), best[chunk]
            base = torch.from_numpy(np.where(np.isfinite(top), top, np.float32(0))).to(x.device)
            terms = ((x - base.gather(1, ids.expand_as(x))).exp() * FIXED_POINT).to(torch.int64)
            sums = torch.zeros(top.shape, dtype=torch.int64, device=x.device)
            sums.scatter_add_(1, ids.expand_as(x), terms)
            with np.errstate(divide="ignore"):
                out[chunk] = top + np.log(sums.cpu().numpy() / FIXED_POINT)
            whole[chunk] = np.logaddexp.reduce(out[chunk], axis=1)

    def at(self, places: Sequence[Place], tokens: Sequence[I64]) -> list[F64]:
        """As `Logits.at`: one look-up for all rows."""
        import torch

        counts = [len(place.positions) for place in places]
        rows = np.repeat([place.row for place in places], counts)
        index = rows, np.concatenate([place.positions for place in places]), np.concatenate(tokens)
        row, t, v = (torch.from_numpy(part.astype(np.int64)).to(self.x.device) for part in index)
        scores = self.x[row, t, v].cpu().to(torch.float64).numpy()
        return np.split(scores, np.cumsum(counts)[:-1])

    def of(self, row: int, t: int, tokens: NDArray[np.int32]) -> F32:
        """As `Logits.of`."""
        import torch

        return self.x[row, t, torch.from_numpy(tokens.astype(np.int64)).to(self.x.device)].float().cpu().numpy()

    def first(
        self, places: Sequence[Place], best: Sequence[F32], known: Sequence[I32], tied: Tied
    ) -> list[NDArray[Any]]:
        """Every smallest token, so that the walk need not look: there are no scores to look through on the host."""
        for place, top, tokens in zip(places, best, known):
            missing = place.positions[(tokens[place.positions] < 0).all(axis=1)]
            self._first(place._replace(positions=missing), top, tokens)
        return [NOT_THERE] * len(places)

    def _first(self, place: Place, best: F32, out: I32) -> None:
        import torch

        ids, V = self._ids(place.table), self.shape[2]
        every = torch.arange(V, device=self.x.device)
        for chunk in self._chunks(place.positions):
            x = self._rows(place.row, chunk)
            top = torch.from_numpy(best[chunk]).to(x.device).gather(1, ids.expand_as(x))
            found = torch.full((len(x), best.shape[1]), V, dtype=torch.int64, device=x.device)
            found.scatter_reduce_(1, ids.expand_as(x), torch.where(x == top, every, V), "amin")
            out[chunk] = found.cpu().numpy()

    def draw(
        self,
        places: Sequence[Place],
        best: Sequence[F32],
        classes: Sequence[I32],
        uniforms: Sequence[F64],
        tokens: Sequence[I64],
    ) -> None:
        """As `Logits.draw`, with the same fixed-point sums as `class_log_sum`."""
        import torch

        for (row, table, _), top, drawn, chance, out in zip(places, best, classes, uniforms, tokens):
            for j, t in zip(*np.nonzero(out < 0)):
                c = drawn[j, t]
                members = table.members(c)
                x = self.x[row, int(t), torch.from_numpy(members.astype(np.int64)).to(self.x.device)].float()
                run = ((x - float(top[t, c])).exp() * FIXED_POINT).to(torch.int64).cumsum(0)
                target = (run[-1].to(torch.float64) * chance[j, t]).to(torch.int64)
                out[j, t] = members[int(torch.searchsorted(run, target, right=True))]

    def marginals(
        self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32], written: Sequence[I64]
    ) -> list[torch.Tensor]:
        """As `Logits.marginals`, on the device."""
        return [self._marginals(*each) for each in zip(places, base, gain, written)]

    def _marginals(self, place: Place, base: F32, gain: F32, written: I64) -> torch.Tensor:
        import torch

        out = torch.zeros_like(self.x[place.row], dtype=torch.float32)
        for chunk in self._chunks(place.positions):
            where = torch.from_numpy(chunk).to(self.x.device)
            out[where] = self._log_marginals(place, chunk, base, gain).exp()
        held = np.flatnonzero(written >= 0)
        out[torch.from_numpy(held).to(out.device), torch.from_numpy(written[held]).to(out.device)] = 1.0
        return out

    def _log_marginals(self, place: Place, chunk: I64, base: F32, gain: F32) -> torch.Tensor:
        import torch

        ids, x = self._ids(place.table), self._rows(place.row, chunk)
        least, add = (torch.from_numpy(one[chunk]).to(x.device).gather(1, ids.expand_as(x)) for one in (base, gain))
        return ((x - least) + add).clamp_(max=0.0)

    def beliefs(self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32]) -> list[tuple[F64, F64]]:
        """As `Logits.beliefs`."""
        return [self._beliefs(*each) for each in zip(places, base, gain)]

    def _beliefs(self, place: Place, base: F32, gain: F32) -> tuple[F64, F64]:
        margin, entropy = np.ones(self.shape[1]), np.zeros(self.shape[1])
        for chunk in self._chunks(place.positions):
            d = self._log_marginals(place, chunk, base, gain)
            p = d.exp()
            top = p.topk(min(2, p.shape[1]), dim=1).values.cpu().numpy().astype(np.float64)
            margin[chunk] = top[:, 0] - (top[:, 1] if top.shape[1] > 1 else 0.0)
            entropy[chunk] = -(p * d).nan_to_num(0.0).sum(dim=1).cpu().numpy()
        return margin, entropy

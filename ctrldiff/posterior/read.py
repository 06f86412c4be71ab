"""One row's (T, V) logits, where they live: read once per query, and only what the query needs comes to the host.

`HostLogits` (numpy, or torch on the CPU without a copy) and `DeviceLogits` (torch anywhere else) answer the same
questions; `class_max` and `class_log_sum` are the two that a fused GPU kernel replaces.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels import reduce as kernels
from ctrldiff.posterior.table import Table, fixed

if TYPE_CHECKING:
    import torch

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]
CHUNK = 1 << 24  # logits per temporary on a device
FIXED_POINT = float(1 << 40)  # sums on a device are of integers: exact, so the order of additions cannot show


class Logits(Protocol):
    """(T, V) scores. `positions` are the ones that may be read; everything returned is on the host unless said."""

    @property
    def shape(self) -> tuple[int, int]: ...
    def class_max(self, table: Table, positions: I64, out: F32) -> int: ...  # first bad position, or -1
    def class_log_sum(self, table: Table, positions: I64, best: F32, out: F64) -> None: ...
    def at(self, positions: I64, tokens: I64) -> F64: ...
    def of(self, t: int, tokens: NDArray[np.int32]) -> F32: ...
    def first(self, table: Table, positions: I64, best: F32) -> tuple[F32, NDArray[np.int32]]: ...
    def draw(self, table: Table, best: F32, classes: NDArray[np.int32], uniforms: F64, tokens: I64) -> None: ...
    def marginals(
        self, table: Table, positions: I64, base: F32, gain: F32, written: I64
    ) -> Any: ...  # (T, V), where they live
    def beliefs(
        self, table: Table, positions: I64, base: F32, gain: F32
    ) -> tuple[F64, F64]: ...  # margin, entropy (T,)


@dataclass(frozen=True, eq=False)
class HostLogits:
    """Logits in ordinary memory, read by the Numba kernels in place."""

    x: F32

    @property
    def shape(self) -> tuple[int, int]:
        """(T, V)."""
        return self.x.shape[0], self.x.shape[1]

    def class_max(self, table: Table, positions: I64, out: F32) -> int:
        """Best score of every class at these positions into out (T, C + 1)."""
        return int(kernels.class_max(self.x, positions, table.classes.of_token, out))

    def class_log_sum(self, table: Table, positions: I64, best: F32, out: F64) -> None:
        """Log-summed scores of every class into out (T, C + 1)."""
        kernels.class_log_sum(self.x, positions, *table.classes, best, out)

    def at(self, positions: I64, tokens: I64) -> F64:
        """The scores of single tokens."""
        return self.x[positions, tokens].astype(np.float64)

    def of(self, t: int, tokens: NDArray[np.int32]) -> F32:
        """The scores of many tokens at one position."""
        return self.x[t, tokens]

    def first(self, table: Table, positions: I64, best: F32) -> tuple[F32, NDArray[np.int32]]:
        """What `walk_best` looks tokens up in: the logits, and nothing known yet."""
        return self.x, np.full(best.shape, -1, np.int32)

    def draw(self, table: Table, best: F32, classes: NDArray[np.int32], uniforms: F64, tokens: I64) -> None:
        """Fill the negative entries of tokens (n, T) by a draw within their class."""
        _, ptr, members = table.classes
        kernels.draw_tokens(self.x, ptr, members, best, classes, uniforms, tokens)

    def marginals(self, table: Table, positions: I64, base: F32, gain: F32, written: I64) -> F32:
        """(T, V) probabilities."""
        out = np.empty(self.x.shape, np.float32)
        kernels.expand(self.x, positions, table.classes.of_token, base, gain, out)
        held = np.flatnonzero(written >= 0)
        out[held] = 0.0
        out[held, written[held]] = 1.0
        return out

    def beliefs(self, table: Table, positions: I64, base: F32, gain: F32) -> tuple[F64, F64]:
        """Margin and entropy (T,); 1 and 0 at positions that are not asked for."""
        margin, entropy = np.ones(len(self.x)), np.zeros(len(self.x))
        kernels.beliefs(self.x, positions, table.classes.of_token, base, gain, margin, entropy)
        return margin, entropy


@dataclass(frozen=True, eq=False)
class DeviceLogits:
    """Logits on a torch device: reduced there, so that (T, C) numbers travel and not (T, V)."""

    x: torch.Tensor

    @property
    def shape(self) -> tuple[int, int]:
        """(T, V)."""
        return self.x.shape[0], self.x.shape[1]

    def _ids(self, table: Table) -> torch.Tensor:
        import torch

        ids = table.device_classes
        if self.x.device not in ids:
            ids[self.x.device] = torch.from_numpy(table.classes.of_token.astype(np.int64)).to(self.x.device)
        return ids[self.x.device]

    def _chunks(self, positions: I64) -> list[I64]:
        size = max(1, CHUNK // max(1, self.shape[1]))
        return [positions[i : i + size] for i in range(0, len(positions), size)]

    def _rows(self, positions: I64) -> torch.Tensor:
        import torch

        return self.x[torch.from_numpy(positions).to(self.x.device)]

    def class_max(self, table: Table, positions: I64, out: F32) -> int:
        """As `HostLogits.class_max`; each position is checked before any is trusted."""
        import torch

        ids, bad = self._ids(table), -1
        for chunk in self._chunks(positions):
            x = self._rows(chunk)
            wrong = (~(x < float("inf"))).any(dim=1).cpu().numpy()
            if wrong.any() and bad < 0:
                bad = int(chunk[np.argmax(wrong)])
            best = torch.full((len(x), out.shape[1]), -float("inf"), dtype=x.dtype, device=x.device)
            best.scatter_reduce_(1, ids.expand_as(x), x, "amax")
            out[chunk] = best.cpu().numpy()
        return bad

    def class_log_sum(self, table: Table, positions: I64, best: F32, out: F64) -> None:
        """As `HostLogits.class_log_sum`; sums are of fixed-point integers, the same in any order of additions."""
        import torch

        ids = self._ids(table)
        for chunk in self._chunks(positions):
            x, top = self._rows(chunk), best[chunk]
            base = torch.from_numpy(np.where(np.isfinite(top), top, np.float32(0))).to(x.device)
            terms = ((x - base.gather(1, ids.expand_as(x))).exp() * FIXED_POINT).to(torch.int64)
            sums = torch.zeros(top.shape, dtype=torch.int64, device=x.device)
            sums.scatter_add_(1, ids.expand_as(x), terms)
            with np.errstate(divide="ignore"):
                out[chunk] = top + np.log(sums.cpu().numpy() / FIXED_POINT)

    def at(self, positions: I64, tokens: I64) -> F64:
        """The scores of single tokens."""
        import torch

        where = [torch.from_numpy(np.asarray(i, np.int64)).to(self.x.device) for i in (positions, tokens)]
        return self.x[where[0], where[1]].cpu().numpy().astype(np.float64)

    def of(self, t: int, tokens: NDArray[np.int32]) -> F32:
        """The scores of many tokens at one position."""
        import torch

        return self.x[t, torch.from_numpy(tokens.astype(np.int64)).to(self.x.device)].cpu().numpy()

    def first(self, table: Table, positions: I64, best: F32) -> tuple[F32, NDArray[np.int32]]:
        """The smallest token that attains each class's best score."""
        import torch

        ids, V = self._ids(table), self.shape[1]
        every = torch.arange(V, device=self.x.device)
        out = np.full(best.shape, -1, np.int32)
        for chunk in self._chunks(positions):
            x = self._rows(chunk)
            top = torch.from_numpy(best[chunk]).to(x.device).gather(1, ids.expand_as(x))
            found = torch.full((len(x), best.shape[1]), V, dtype=torch.int64, device=x.device)
            found.scatter_reduce_(1, ids.expand_as(x), torch.where(x == top, every, V), "amin")
            out[chunk] = found.cpu().numpy()
        return fixed(np.zeros((0, 0)), np.float32), out

    def draw(self, table: Table, best: F32, classes: NDArray[np.int32], uniforms: F64, tokens: I64) -> None:
        """As `HostLogits.draw`, with the same fixed-point sums as `class_log_sum`."""
        import torch

        for j, t in zip(*np.nonzero(tokens < 0)):
            c = classes[j, t]
            members = table.members(c)
            x = self.x[int(t), torch.from_numpy(members.astype(np.int64)).to(self.x.device)]
            run = ((x - float(best[t, c])).exp() * FIXED_POINT).to(torch.int64).cumsum(0)
            target = (run[-1].to(torch.float64) * uniforms[j, t]).to(torch.int64)
            tokens[j, t] = members[int(torch.searchsorted(run, target, right=True))]

    def marginals(self, table: Table, positions: I64, base: F32, gain: F32, written: I64) -> torch.Tensor:
        """(T, V) probabilities, on the device."""
        import torch

        ids, out = self._ids(table), torch.zeros_like(self.x)
        for chunk in self._chunks(positions):
            where = torch.from_numpy(chunk).to(self.x.device)
            out[where] = self._log_marginals(ids, chunk, base, gain).exp()
        held = np.flatnonzero(written >= 0)
        out[torch.from_numpy(held).to(out.device), torch.from_numpy(written[held]).to(out.device)] = 1.0
        return out

    def _log_marginals(self, ids: torch.Tensor, chunk: I64, base: F32, gain: F32) -> torch.Tensor:
        import torch

        x = self._rows(chunk)
        least, add = (torch.from_numpy(one[chunk]).to(x.device).gather(1, ids.expand_as(x)) for one in (base, gain))
        return ((x - least) + add).clamp_(max=0.0)

    def beliefs(self, table: Table, positions: I64, base: F32, gain: F32) -> tuple[F64, F64]:
        """As `HostLogits.beliefs`."""
        ids = self._ids(table)
        margin, entropy = np.ones(self.shape[0]), np.zeros(self.shape[0])
        for chunk in self._chunks(positions):
            d = self._log_marginals(ids, chunk, base, gain)
            p = d.exp()
            top = p.topk(min(2, p.shape[1]), dim=1).values.cpu().numpy().astype(np.float64)
            margin[chunk] = top[:, 0] - (top[:, 1] if top.shape[1] > 1 else 0.0)
            entropy[chunk] = -(p * d).nan_to_num(0.0).sum(dim=1).cpu().numpy()
        return margin, entropy

"""The (B, T, V) logits, where they live: read once per query, and only what the query needs comes to the host.

`HostLogits` (numpy, or torch on the CPU, without a copy of float32 or of halves) and `DeviceLogits` (torch anywhere
else, `posterior/device.py`) answer the same questions, for all rows that are asked about in one call; `class_max` and
`class_scores` are the two that a fused GPU kernel replaces. With `posterior/sweeps.py` this is all that does arithmetic
on scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels import reduce as kernels
from ctrldiff.posterior.arrays import fixed
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.posterior.spread import spread

F32: TypeAlias = NDArray[np.float32]
F64: TypeAlias = NDArray[np.float64]
I32: TypeAlias = NDArray[np.int32]
I64: TypeAlias = NDArray[np.int64]
Tied: TypeAlias = Callable[[], Sequence[NDArray[np.uint8]]]  # (T, C) of each place: classes on best strings
NOT_THERE: F32 = fixed(np.zeros((0, 0)), np.float32)
AT_ONCE = 16  # positions that are converted at a time: 8 MiB at 131,072 tokens
POOLED = 64  # positions that a kernel reads in one call


class Place(NamedTuple):
    """What may be read: of one row these positions, by the classes of this table."""

    row: int
    table: Lifted
    positions: I64


class Logits(Protocol):
    """(B, T, V) scores. Lists have one entry for each place; entries are on the host unless said otherwise.

    C + 1 below: the classes of a place's table, and the class of tokens on no edge.
    """

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, T, V)."""

    def class_max(self, places: Sequence[Place], out: Sequence[F32]) -> list[int]:
        """Best score of every class into each out (T, C + 1); the first bad position of each place, or -1."""

    def class_scores(
        self, places: Sequence[Place], best: Sequence[F32], sums: Sequence[F64], whole: Sequence[F64]
    ) -> list[int]:
        """Best and log-summed scores of every class into `best` and `sums` (T, C + 1), the log-sum of all tokens into
        `whole` (T,); as `class_max` otherwise."""

    def at(self, places: Sequence[Place], tokens: Sequence[I64]) -> list[F64]:
        """The score of one token at each position."""

    def of(self, row: int, t: int, tokens: NDArray[np.int32]) -> F32:
        """The scores of many tokens at one position."""

    def first(
        self, places: Sequence[Place], best: Sequence[F32], known: Sequence[I32], tied: Tied
    ) -> list[NDArray[Any]]:
        """What `walk_best` finds tokens by: scores (T, V) to look through, as kernels read them. `known` (T, C + 1) is
        the smallest token that attains each class's best score, or -1: it is filled in where there are no scores to
        look through; `walk_best` asks for what `tied` says alone, and notes what it finds."""

    def draw(
        self,
        places: Sequence[Place],
        best: Sequence[F32],
        classes: Sequence[I32],
        uniforms: Sequence[F64],
        tokens: Sequence[I64],
    ) -> None:
        """Fill the negative entries of each tokens (n, T) by a draw within their class."""

    def marginals(
        self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32], written: Sequence[I64]
    ) -> list[Any]:
        """(T, V) probabilities, where the logits live."""

    def beliefs(self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32]) -> list[tuple[F64, F64]]:
        """Margin and entropy (T,); 1 and 0 at positions that are not asked for."""


class Pool(NamedTuple):
    """Positions of several places, to be read together by the classes of one table: of each its place, its row and
    itself."""

    table: Lifted
    place: I64
    row: I64
    position: I64

    def give(self, values: NDArray[Any], out: Sequence[NDArray[Any]]) -> None:
        """A line of `values` for each position, to its place's array."""
        for i in np.unique(self.place):
            own = self.place == i
            out[i][self.position[own]] = values[own]


@dataclass(frozen=True, eq=False)
class HostLogits:
    """Logits in ordinary memory, read by the Numba kernels: float32, bfloat16 and float16 in place, other floats a few
    positions at a time. Both numpy and torch tensors will do."""

    x: Any

    @property
    def shape(self) -> tuple[int, int, int]:
        """(B, T, V)."""
        return self.x.shape[0], self.x.shape[1], self.x.shape[2]

    @cached_property
    def in_place(self) -> NDArray[Any] | None:
        """(N, V) the scores themselves, if kernels can read them as they lie, float32 or the bits of narrower floats
        (`kernels/lanes.py`): position t of row b is line `b * self.step + t`."""
        x = bits(self.x)
        if x is None:
            return None
        (B, T, V), (of_row, of_position, of_token) = x.shape, x.strides
        if of_token != x.itemsize or of_position != V * x.itemsize or (B > 1 and of_row % of_position):
            return None
        lines = (B - 1) * (of_row // of_position) + T if B else 0
        return np.lib.stride_tricks.as_strided(x, (lines, V), (of_position, of_token), writeable=False)

    @property
    def step(self) -> int:
        """Lines of `in_place` from a row to the next."""
        of_row, of_position = (self.x.stride() if hasattr(self.x, "detach") else self.x.strides)[:2]
        return int(of_row // of_position)

    def _lines(self, rows: I64, positions: I64) -> tuple[NDArray[Any], I64]:
        """Scores (N, V) as kernels read them, and the line that is about each position (n,) of these rows (n,)."""
        if self.in_place is not None:
            return self.in_place, rows * self.step + positions
        return self._converted((rows, positions)), np.arange(len(rows))

    def _blocks(self, row: int, positions: I64) -> Iterator[tuple[NDArray[Any], I64, I64]]:
        """Scores as kernels read them, which of these lines to read, and the position that each is about."""
        size = max(1, len(positions)) if self.in_place is not None else AT_ONCE
        for i in range(0, len(positions), size):
            some = positions[i : i + size]
            yield *self._lines(np.full(len(some), row), some), some

    def _converted(self, index: tuple[Any, ...]) -> F32:
        """Scores here and there, as float32."""
        if not hasattr(self.x, "detach"):
            return fixed(self.x[index], np.float32)
        own = (one if isinstance(one, int) else _torch().from_numpy(one.astype(np.int64)) for one in index)
        return fixed(self.x[tuple(own)].float().numpy(), np.float32)

    def class_max(self, places: Sequence[Place], out: Sequence[F32]) -> list[int]:
        """As `Logits.class_max`."""

        def read(pool: Pool) -> int:
            x, line = self._lines(pool.row, pool.position)
            best = np.empty((len(line), pool.table.n_classes + 1), np.float32)
            wrong = kernels.class_max(x, line, np.arange(len(line)), pool.table.classes.of_token, best)
            pool.give(best, out)
            return int(wrong)

        return self._read(read, places)

    def class_scores(
        self, places: Sequence[Place], best: Sequence[F32], sums: Sequence[F64], whole: Sequence[F64]
    ) -> list[int]:
        """As `Logits.class_scores`."""

        def read(pool: Pool) -> int:
            x, line = self._lines(pool.row, pool.position)
            shape = len(line), pool.table.n_classes + 1
            top, total, every = np.empty(shape, np.float32), np.empty(shape), np.empty(len(line))
            wrong = kernels.class_scores(x, line, np.arange(len(line)), *pool.table.classes, top, total, every)
            pool.give(top, best)
            pool.give(total, sums)
            pool.give(every, whole)
            return int(wrong)

        return self._read(read, places)

    def _read(self, work: Callable[[Pool], int], places: Sequence[Place]) -> list[int]:
        """The first bad position of each place, or -1: `work` says which of a pool's is bad."""
        pools, bad = self._pools(places), [-1] * len(places)
        steps = sum(len(pool.row) for pool in pools) * self.shape[2]
        for pool, wrong in zip(pools, spread(work, pools, steps=steps)):
            if wrong >= 0 and bad[pool.place[wrong]] < 0:
                bad[pool.place[wrong]] = int(pool.position[wrong])
        return bad

    def _pools(self, places: Sequence[Place]) -> list[Pool]:
        """The positions of all places with one table, some at a time: a kernel reads several side by side, whichever
        rows they are of."""
        of_table: dict[int, list[int]] = {}
        for i, place in enumerate(places):
            of_table.setdefault(id(place.table), []).append(i)
        pools, size = [], AT_ONCE if self.in_place is None else POOLED
        for members in of_table.values():
            counts = [len(places[i].positions) for i in members]
            which, rows = np.repeat(members, counts), np.repeat([places[i].row for i in members], counts)
            positions, table = np.concatenate([places[i].positions for i in members]), places[members[0]].table
            for a in range(0, len(which), size):
                some = slice(a, a + size)
                pools.append(Pool(table, which[some], rows[some], positions[some]))
        return pools

    def at(self, places: Sequence[Place], tokens: Sequence[I64]) -> list[F64]:
        """As `Logits.at`."""
        return [self._converted((row, at, v)).astype(np.float64) for (row, _, at), v in zip(places, tokens)]

    def of(self, row: int, t: int, tokens: NDArray[np.int32]) -> F32:
        """As `Logits.of`."""
        return self._converted((row, t, tokens))

    def first(
        self, places: Sequence[Place], best: Sequence[F32], known: Sequence[I32], tied: Tied
    ) -> list[NDArray[Any]]:
        """In place the walk looks through the few classes that tie for the best. Else these are looked up before, as
        there are no scores to look through."""
        x = self.in_place
        if x is not None:
            begin = [place.row * self.step for place in places]
            return [x[one : one + self.shape[1]] for one in begin]
        for place, top, tokens, classes in zip(places, best, known, tied()):
            for t in place.positions:
                for c in np.flatnonzero((classes[t] > 0) & (tokens[t, :-1] < 0)):
                    members = place.table.members(int(c))
                    tokens[t, c] = members[np.argmax(self.of(place.row, int(t), members) == top[t, c])]
        return [NOT_THERE] * len(places)

    def draw(
        self,
        places: Sequence[Place],
        best: Sequence[F32],
        classes: Sequence[I32],
        uniforms: Sequence[F64],
        tokens: Sequence[I64],
    ) -> None:
        """As `Logits.draw`."""
        for (row, table, every), top, drawn, chance, out in zip(places, best, classes, uniforms, tokens):
            ptr, members = table.classes.ptr, table.classes.tokens
            for x, at, positions in self._blocks(row, every):
                kernels.draw_tokens(x, at, positions, ptr, members, top, drawn, chance, out)

    def marginals(
        self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32], written: Sequence[I64]
    ) -> list[F32]:
        """As `Logits.marginals`."""
        out = []
        for (row, table, every), least, add, held in zip(places, base, gain, written):
            probs = np.empty(self.shape[1:], np.float32)
            for x, at, positions in self._blocks(row, every):
                kernels.expand(x, at, positions, table.classes.of_token, least, add, probs)
            known = np.flatnonzero(held >= 0)
            probs[known] = 0.0
            probs[known, held[known]] = 1.0
            out.append(probs)
        return out

    def beliefs(self, places: Sequence[Place], base: Sequence[F32], gain: Sequence[F32]) -> list[tuple[F64, F64]]:
        """As `Logits.beliefs`."""
        out = []
        for (row, table, every), least, add in zip(places, base, gain):
            margin, entropy = np.ones(self.shape[1]), np.zeros(self.shape[1])
            for x, at, positions in self._blocks(row, every):
                kernels.beliefs(x, at, positions, table.classes.of_token, least, add, margin, entropy)
            out.append((margin, entropy))
        return out


def bits(x: Any) -> NDArray[Any] | None:
    """Scores (B, T, V) as numpy, without a copy: float32 as they are, of narrower floats the bits; None for others."""
    if not hasattr(x, "detach"):
        return x if x.dtype == np.float32 else x.view(np.int16) if x.dtype == np.float16 else None
    torch = _torch()
    if x.dtype == torch.float32:
        return x.numpy()
    if x.dtype in (torch.bfloat16, torch.float16):
        half = x.view(torch.int16).numpy()
        return half if x.dtype == torch.float16 else half.view(np.uint16)
    return None


def _torch() -> Any:
    """Torch, which is imported only once somebody has a tensor."""
    import torch

    return torch

"""The tables of a batch as two buffers on a device, and of each row where its own arrays begin.

All index arrays of a table follow one another in one int32 buffer, all weights in one float64 buffer; tables follow one
another too. So a kernel takes three pointers whatever the rows' tables are, and a row finds its arrays by its line of
`meta`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
import triton.language as tl
from numpy.typing import NDArray

from ctrldiff.posterior.lifted import Lifted

NARROW, WIDE, PER_TILE = 16, 1024, 64  # tokens of a segment: a tile reads 64 narrow ones or a wide one
FEW, SOME = 8, 64  # edges of a state: up to which of them a tile takes many states, or several

# Columns of `meta`: counts, then where arrays begin.
STATES, LABELS, CLASSES, NARROWS, WIDES, START = (tl.constexpr(i) for i in range(6))
TOKENS, CLASS_OF, ORDER, SEG_PTR, CLASS_PTR = (tl.constexpr(i) for i in range(6, 11))
LABEL_PTR, LABEL_CLASSES, OF_CLASS_PTR, OF_CLASS, ACCEPT = (tl.constexpr(i) for i in range(11, 16))
OUT, IN, BY_LABEL = (tl.constexpr(i) for i in (16, 24, 32))  # a graph each, as follows
PTR, FAR, LABEL, STATE_ORDER, N_FEW, N_SOME, N_ALL, WEIGHT = (tl.constexpr(i) for i in range(8))
EXIT, ONLY, TAIL = (tl.constexpr(i) for i in (40, 41, 42))
COLUMNS = tl.constexpr(43)
OFFSETS = (
    *range(6, 16),
    *(g + i for g in (16, 24, 32) for i in (0, 1, 2, 3)),
    40,
    41,
)  # columns that point into `ints`
WEIGHTS = tuple(g + 7 for g in (16, 24, 32))  # into `weights`
MOST_LANES = 65_535  # programs that one axis of a grid holds, but the first


@dataclass(frozen=True, eq=False)
class Pack:
    """Tables of B rows on a device.

    Fields:
        ints: int32, weights: float64, meta: (B, COLUMNS) int64. The most that any row has follows:
        states, labels, classes, segments, tiles (programs that read a line), tokens, and in `degrees` how many states
        have few, some and many edges, of those that go out or come in. weighted: some edge of some row has a weight.
    """

    ints: torch.Tensor
    weights: torch.Tensor
    meta: torch.Tensor
    states: int
    labels: int
    classes: int
    segments: int
    tiles: int
    tokens: int
    degrees: tuple[int, int, int]
    weighted: bool

    @cached_property
    def plain(self) -> torch.Tensor:
        """What sweeps read in place of `weights` where these do not count."""
        return torch.zeros_like(self.weights)

    @staticmethod
    def of(tables: Sequence[Lifted], device: torch.device) -> Pack:
        """The tables of these rows, each in memory once. A table's own arrays are copied when it is first seen; what
        was packed last is kept with the first of them, since the next step wants it again."""
        kept = tables[0].device_packs.get("last")
        if kept is not None and kept[1].ints.device == device and list(map(id, kept[0])) == list(map(id, tables)):
            found: Pack = kept[1]
            return found
        pack = Pack._of(tables, device)
        tables[0].device_packs["last"] = tuple(tables), pack
        return pack

    @staticmethod
    def _of(tables: Sequence[Lifted], device: torch.device) -> Pack:
        different = list({id(table): table for table in tables}.values())
        parts = [_on_device(table, device) for table in different]
        starts = np.cumsum([[0, 0]] + [[len(ints), len(weights)] for ints, weights, _ in parts], axis=0)
        lines = {}
        for table, (_, _, meta), (at_int, at_weight) in zip(different, parts, starts):
            line = meta.copy()
            line[list(OFFSETS)] += at_int
            line[list(WEIGHTS)] += at_weight
            lines[id(table)] = line
        meta = np.stack([lines[id(table)] for table in tables])
        most = meta.max(axis=0)
        narrows, wides = meta[:, NARROWS.value], meta[:, WIDES.value]
        return Pack(
            ints=torch.cat([ints for ints, _, _ in parts]),
            weights=torch.cat([weights for _, weights, _ in parts]),
            meta=torch.from_numpy(meta).to(device),
            states=int(most[STATES.value]),
            labels=int(most[LABELS.value]),
            classes=int(most[CLASSES.value]),
            segments=int((narrows + wides).max()),
            tiles=int((-(-narrows // PER_TILE) + wides).max()),
            tokens=max(table.size for table in tables),
            degrees=_degrees(meta),
            weighted=any(len(table.chain.weight) for table in tables),
        )


def _degrees(meta: NDArray[np.int64]) -> tuple[int, int, int]:
    """The most states of any row with few, some and many edges."""
    graphs = np.concatenate([meta[:, OUT.value : IN.value], meta[:, IN.value : BY_LABEL.value]])
    few, some, every = (graphs[:, column.value] for column in (N_FEW, N_SOME, N_ALL))
    return int(few.max()), int((some - few).max()), int((every - some).max())


def _on_device(table: Lifted, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.int64]]:
    """A table's buffers, kept with it."""
    kept = table.device_packs
    if device not in kept:
        ints, weights, meta = flat(table)
        kept[device] = torch.from_numpy(ints).to(device), torch.from_numpy(weights).to(device), meta
    found: tuple[torch.Tensor, torch.Tensor, NDArray[np.int64]] = kept[device]
    return found


def flat(table: Lifted) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.int64]]:
    """All arrays of a table one after another: its index arrays, its weights, and its line of `meta`."""
    ints, weights, meta = _Buffer(np.int32), _Buffer(np.float64), np.zeros(COLUMNS.value, np.int64)
    chain, C = table.chain, table.n_classes
    S, E, L = table.n_states, table.n_edges, len(chain.label_ptr) - 1
    meta[[STATES.value, LABELS.value, CLASSES.value, START.value]] = S, L, C, table.start
    seg_ptr, class_ptr = _segments(table.classes.ptr)
    narrow = np.diff(seg_ptr) <= NARROW
    meta[NARROWS.value], meta[WIDES.value] = narrow.sum(), (~narrow).sum()
    label_of = np.repeat(np.arange(L), np.diff(chain.label_ptr))
    by_class = np.argsort(chain.label_classes, kind="stable")
    arrays: dict[Any, NDArray[Any]] = {
        TOKENS: table.classes.tokens,
        CLASS_OF: table.classes.of_token,
        ORDER: np.argsort(~narrow, kind="stable"),
        SEG_PTR: seg_ptr,
        CLASS_PTR: class_ptr,
        LABEL_PTR: chain.label_ptr,
        LABEL_CLASSES: chain.label_classes,
        OF_CLASS_PTR: _pointers(chain.label_classes, C),
        OF_CLASS: label_of[by_class],
        ACCEPT: chain.accept,
        EXIT: _exits(table),
        ONLY: table.only_token,
    }
    meta[TAIL.value] = -1 if table.automaton.tail is None else table.automaton.tail
    for column, values in arrays.items():
        meta[column.value] = ints.add(values)
    weight = chain.weight if len(chain.weight) else np.zeros(E)
    source = table.automaton.edge_from
    # What a sweep gathers from: the far ends of edges. By label both ends are needed: the other one stands where a
    # graph has its order of states.
    graphs = {OUT: (source, chain.edge_to, S), IN: (chain.edge_to, source, S), BY_LABEL: (chain.edge_label, source, L)}
    for graph, (near, far, n) in graphs.items():
        order, at = np.argsort(near, kind="stable"), graph.value
        degree = np.bincount(near, minlength=n)
        meta[at + PTR.value], meta[at + FAR.value] = ints.add(_pointers(near, n)), ints.add(far[order])
        meta[at + LABEL.value] = ints.add(chain.edge_label[order])
        states = np.argsort(degree, kind="stable")
        meta[at + STATE_ORDER.value] = ints.add(chain.edge_to[order] if graph is BY_LABEL else states)
        meta[at + N_FEW.value], meta[at + N_SOME.value] = (degree <= FEW).sum(), (degree <= SOME).sum()
        meta[at + N_ALL.value] = n
        meta[at + WEIGHT.value] = weights.add(weight[order])
    return ints.whole(), weights.whole(), meta


def _exits(table: Lifted) -> NDArray[np.int64]:
    """(S,) the edge by which a text ends behind each state, as the graph OUT has them in order; -1 where none does. An
    edge from one state to another is one at most."""
    out, tail = np.full(table.n_states, -1), table.automaton.tail
    if tail is not None:
        order = np.argsort(table.automaton.edge_from, kind="stable")
        source, to = table.automaton.edge_from[order], table.chain.edge_to[order]
        leaving = np.flatnonzero((to == tail) & (source != tail))
        out[source[leaving]] = leaving
    return out


def _segments(class_ptr: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens in class order cut into segments of at most WIDE, each within one class: where each begins, and which is
    the first of each class."""
    counts = -(-np.diff(class_ptr) // WIDE)
    starts = [np.arange(a, b, WIDE) for a, b in pairwise(class_ptr)]
    return np.concatenate([*starts, class_ptr[-1:]]), np.concatenate([[0], np.cumsum(counts)])


def _pointers(of: NDArray[Any], n: int) -> NDArray[np.int64]:
    """(n + 1,) where the entries of each begin, once they are sorted by it."""
    return np.concatenate([[0], np.cumsum(np.bincount(of, minlength=n))])


class _Buffer:
    """Arrays one after another."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.parts, self.size = dtype, [np.zeros(0, dtype)], 0

    def add(self, values: NDArray[Any]) -> int:
        """Where these values begin."""
        begin = self.size
        self.parts.append(np.ascontiguousarray(values, self.dtype))
        self.size += len(values)
        return begin

    def whole(self) -> NDArray[Any]:
        """All of it."""
        return np.concatenate(self.parts)

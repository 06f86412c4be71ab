"""Byte automata with free moves, built in pieces between two outer states and copied as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Fragment:
    """An automaton between state 0, which enters, and state 1, which leaves; inner states count from 2.

    No edge leads into state 0 and none out of state 1, so fragments may be joined by sharing outer states.
    """

    n_states: int
    src: Ints  # byte edges
    dst: Ints
    label: Ints  # an index into Labels
    free_src: Ints  # moves that read nothing
    free_dst: Ints


class Labels:
    """Sets of bytes by number; numbers 0 to 255 are the single bytes."""

    def __init__(self) -> None:
        self._masks: list[int] = []
        self._number: dict[int, int] = {}
        self._classes: dict[bytes, tuple[NDArray[np.uint8], Ints, Ints, Ints]] = {}

    def number(self, mask: int) -> int:
        """The number of this set of bytes."""
        if mask & (mask - 1) == 0:
            return mask.bit_length() - 1
        found = self._number.setdefault(mask, len(self._masks) + 256)
        if found == len(self._masks) + 256:
            self._masks.append(mask)
        return found

    def mask(self, number: int) -> int:
        """The set of bytes with this number, one bit each."""
        return 1 << number if number < 256 else self._masks[number - 256]

    def classes(self, used: NDArray[np.integer]) -> tuple[NDArray[np.uint8], Ints, Ints, Ints]:
        """Bytes that no used label tells apart, as one class; classes are numbered by their first byte.

        Returns: (256,) byte -> class, the first byte of each class, then the classes of each used label as
            (len(used) + 1,) offsets into a flat array.
        """
        key = used.tobytes()  # parts of one constraint use the same labels again and again
        if key not in self._classes:
            self._classes[key] = self._classes_of(used)
        return self._classes[key]

    def _classes_of(self, used: NDArray[np.integer]) -> tuple[NDArray[np.uint8], Ints, Ints, Ints]:
        masks = [self.mask(number) for number in used.tolist()]
        blocks = [(1 << 256) - 1]
        for mask in masks:  # as whole numbers: some ten labels and classes are the rule, and arrays cost more
            split = [part for block in blocks for part in (block & mask, block & ~mask) if part]
            if len(split) > len(blocks):
                blocks = split
        blocks.sort(key=lambda block: block & -block)
        members = np.frombuffer(b"".join(block.to_bytes(32, "little") for block in blocks), np.uint8)
        bits = np.unpackbits(members.reshape(len(blocks), 32), axis=1, bitorder="little")
        first = np.array([(block & -block).bit_length() - 1 for block in blocks], np.int32)
        covered = [[c for c, block in enumerate(blocks) if block & mask] for mask in masks]
        ptr = np.array([0, *accumulate(map(len, covered))], np.int32)
        flat = np.array([c for classes in covered for c in classes], np.int32)
        return bits.argmax(axis=0).astype(np.uint8), first, ptr, flat


@dataclass
class Builder:
    """Collects states and edges; `fragment()` expands all copies at once."""

    n_states: int = 2
    src: list[int] = field(default_factory=list)
    dst: list[int] = field(default_factory=list)
    label: list[int] = field(default_factory=list)
    free_src: list[int] = field(default_factory=list)
    free_dst: list[int] = field(default_factory=list)
    _chunks: list[tuple[Ints, Ints, Ints]] = field(default_factory=list)
    _copies: dict[int, tuple[Fragment, list[int], list[int], list[int]]] = field(default_factory=dict)

    def states(self, count: int) -> int:
        """Reserve `count` new states; returns the first."""
        first = self.n_states
        self.n_states += count
        return first

    def edge(self, source: int, target: int, label: int) -> None:
        """One edge that reads a byte of `label`."""
        self.src.append(source)
        self.dst.append(target)
        self.label.append(label)

    def free(self, source: int, target: int) -> None:
        """One move that reads nothing."""
        self.free_src.append(source)
        self.free_dst.append(target)

    def literal(self, data: bytes, enter: int, leave: int) -> None:
        """A chain that reads `data`."""
        if not data:
            self.free(enter, leave)
            return
        first = self.states(len(data) - 1)
        if len(data) < 64:
            inner = range(first, first + len(data) - 1)
            self.src += [enter, *inner]
            self.dst += [*inner, leave]
            self.label += data
            return
        path = np.arange(first - 1, first + len(data), dtype=np.int32)
        path[0], path[-1] = enter, leave
        self._chunks.append((path[:-1], path[1:], np.frombuffer(data, np.uint8).astype(np.int32)))

    def copy(self, fragment: Fragment, enter: int, leave: int) -> None:
        """The whole of `fragment` between two states of this builder."""
        held = self._copies.setdefault(id(fragment), (fragment, [], [], []))
        held[1].append(enter)
        held[2].append(leave)
        held[3].append(self.states(fragment.n_states - 2))

    def fragment(self) -> Fragment:
        """Everything collected, as arrays."""
        edges = [(_ints(self.src), _ints(self.dst), _ints(self.label)), *self._chunks]
        free = [(_ints(self.free_src), _ints(self.free_dst))]
        for part, enter, leave, base in self._copies.values():
            names = np.empty((len(base), part.n_states), np.int32)  # a row per copy: its name of each state
            names[:, 2:] = np.arange(part.n_states - 2, dtype=np.int32) + _ints(base)[:, None]
            names[:, 0], names[:, 1] = enter, leave
            edges.append((names[:, part.src].ravel(), names[:, part.dst].ravel(), np.tile(part.label, len(base))))
            free.append((names[:, part.free_src].ravel(), names[:, part.free_dst].ravel()))
        src, dst, label = (np.concatenate(column) for column in zip(*edges))
        free_src, free_dst = (np.concatenate(column) for column in zip(*free))
        return Fragment(self.n_states, src, dst, label, free_src, free_dst)


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int32)

"""Expression -> minimal byte automaton.

An expression is measured first (its unrolled size, shared parts counted as often as they are used), so that
one that cannot fit is refused before anything is built. Then it becomes a byte automaton with free moves, in
which repeated and shared parts are built once and copied as arrays; then it is determinised and minimised.
Nothing here recurses, so nesting costs no stack.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from ctrldiff.automata.dfa import NO_TEXT, Dfa, any_text, combined, from_table, too_large
from ctrldiff.automata.expression import (
    Alt,
    Both,
    Chars,
    Concat,
    Expression,
    Graph,
    Language,
    Literal,
    Minus,
    Ranges,
    Repeat,
)
from ctrldiff.automata.nfa import Builder, Fragment, Labels
from ctrldiff.automata.sharing import shared
from ctrldiff.automata.trie import add_words, tree_size
from ctrldiff.automata.utf8 import byte_edges, split
from ctrldiff.automata.widths import children, children_first, reached
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.kernels.determinise import OK, subsets
from ctrldiff.limits import DEFAULT, Fuel, Limits

_SHARE = 32  # a part used twice is copied as arrays from this size on; below it, rebuilding is as quick
_OPERATION = 30_000  # steps that an intersection or difference costs however small: about a millisecond
_COPY = 64  # so is the inside of a repeat whose unrolled size is this


def compile_expression(expression: Expression, limits: Limits = DEFAULT, fuel: Fuel | None = None) -> Dfa:
    """The minimal automaton of the texts that `expression` describes.

    Args:
        expression: any value of `automata.expression`; parts may be shared and nested to any depth.
        limits: what it may cost.
        fuel: a tank shared with other compilations, for a caller that compiles many parts of one constraint.
    Raises: ConstraintTooLarge, naming what grew.
    """
    return _Compilation(limits, fuel or limits.fuel()).run(expression)


def unrolled(expression: Expression, limits: Limits = DEFAULT) -> int:
    """States and nodes of an expression with its repeats written out, which `max_nfa_states` bounds; without algebra.

    Raises: ConstraintTooLarge if they are more than that.
    """
    measuring = _Compilation(limits, limits.fuel())
    for node in children_first(expression):
        measuring.facts[id(node)] = measuring._measure(node)
    return measuring.facts[id(expression)].size


@dataclass(frozen=True)
class _Facts:
    size: int  # states and nodes once unrolled
    nothing: bool  # matches no text at all


class _Compilation:
    """One run: facts, ready automata and fragments of expression nodes, by identity."""

    def __init__(self, limits: Limits, fuel: Fuel) -> None:
        self.limits, self.fuel = limits, fuel
        self.labels = Labels()
        self.facts: dict[int, _Facts] = {}
        self.uses: dict[int, int] = {}
        self.ready: dict[int, Dfa] = {}  # Both and Minus, compiled on their own
        self.fragments: dict[int, Fragment] = {}
        self.unicode: dict[Ranges, Fragment] = {}
        self.languages: dict[int, tuple[Dfa, Fragment]] = {}

    def run(self, root: Expression) -> Dfa:
        self.root = root = shared(root)  # held: its parts are told apart by identity
        order = list(children_first(root))
        for node in order:
            for child in children(node):
                self.uses[id(child)] = self.uses.get(id(child), 0) + 1
        for node in order:
            if isinstance(node, Both | Minus):
                self.ready[id(node)] = self._algebra(node)
            self.facts[id(node)] = self._measure(node)
            if self.uses.get(id(node), 0) > 1 and self.facts[id(node)].size >= _SHARE:
                self._prepare(node)
            elif isinstance(node, Repeat) and self.facts[id(node)].size >= _COPY:
                self._prepare(node.inner)
        return self._dfa(root)

    def _measure(self, node: Expression) -> _Facts:
        facts = self.facts
        if isinstance(node, Literal):
            size, nothing = 1 + len(node.data), False
        elif isinstance(node, Chars):
            mask, rest = split(node.ranges)
            size, nothing = 1 + (byte_edges(rest)[0] if rest else 0), not (mask or rest)
        elif isinstance(node, Concat):
            size = 1 + sum(facts[id(part)].size for part in node.parts)
            nothing = any(facts[id(part)].nothing for part in node.parts)
        elif isinstance(node, Alt):
            words = [part.data for part in node.parts if isinstance(part, Literal)]
            size = 1 + sum(facts[id(part)].size for part in node.parts)
            if len(words) >= _SHARE:  # sorting few words is no use, and the prefixes of many are worth knowing
                size += tree_size(words) - sum(map(len, words))
            nothing = all(facts[id(part)].nothing for part in node.parts)
        elif isinstance(node, Repeat):
            inner = facts[id(node.inner)]
            copies = max(node.low, 1) if node.high is None else node.high
            nothing = inner.nothing and node.low > 0
            size = 1 if inner.nothing else 2 + copies * inner.size
        elif isinstance(node, Graph):
            open_edges = [(a, b) for a, b, part in node.edges if not facts[id(part)].nothing]
            size = 1 + node.n_states + sum(facts[id(part)].size for _, _, part in node.edges)
            nothing = not reached(open_edges) & set(node.ends)
        else:
            dfa = node.dfa if isinstance(node, Language) else self.ready[id(node)]
            edges = int(np.count_nonzero(dfa.table >= 0))  # eight of them take the room of a state
            size, nothing = 1 + dfa.n_states + edges // 8, dfa.is_empty
        if nothing:
            size = 1
        if size > self.limits.max_nfa_states:
            raise ConstraintTooLarge("states before determinising", size, self.limits.max_nfa_states)
        return _Facts(size, nothing)

    def _algebra(self, node: Both | Minus) -> Dfa:
        self.fuel.spend("steps", _OPERATION, self.limits.max_steps)
        if isinstance(node, Minus):
            return combined(self._dfa(node.left), self._dfa(node.right), "minus", self.limits, self.fuel)
        parts = sorted((self._dfa(part) for part in node.parts), key=lambda part: part.n_states)
        result = parts[0] if parts else any_text()
        for part in parts[1:]:
            result = combined(result, part, "and", self.limits, self.fuel)
        return result

    def _dfa(self, node: Expression) -> Dfa:
        if isinstance(node, Language):
            return node.dfa
        if id(node) in self.ready:
            return self.ready[id(node)]
        if self.facts[id(node)].nothing:
            return NO_TEXT
        self._prepare(node)
        return determinised(self.fragments[id(node)], self.labels, self.limits, self.fuel)

    def _prepare(self, node: Expression) -> None:
        """Build the fragment of `node`, unless it is there."""
        if id(node) not in self.fragments and not self.facts[id(node)].nothing:
            builder = Builder()
            self._emit(builder, node)
            self.fragments[id(node)] = builder.fragment()

    def _emit(self, builder: Builder, root: Expression) -> None:
        """Write `root` between the outer states of `builder`. A part only ever adds edges out of the state it
        enters by and into the state it leaves by, so parts join without free moves in between."""
        todo: list[tuple[Expression, int, int]] = [(root, 0, 1)]
        while todo:
            node, enter, leave = todo.pop()
            if id(node) in self.fragments:
                builder.copy(self.fragments[id(node)], enter, leave)
            elif isinstance(node, Literal):
                builder.literal(node.data, enter, leave)
            elif isinstance(node, Chars):
                self._chars(builder, node, enter, leave)
            elif isinstance(node, Concat):
                parts = [part for part in node.parts if not (isinstance(part, Literal) and not part.data)]
                if not parts:
                    builder.free(enter, leave)
                    continue
                first = builder.states(len(parts) - 1)
                stops = [enter, *range(first, first + len(parts) - 1), leave]
                todo.extend(zip(parts, stops, stops[1:]))
            elif isinstance(node, Alt):
                words = [part.data for part in node.parts if isinstance(part, Literal)]
                if words:
                    add_words(builder, words, enter, leave)
                todo.extend(
                    (part, enter, leave)
                    for part in node.parts
                    if not isinstance(part, Literal) and not self.facts[id(part)].nothing
                )
            elif isinstance(node, Repeat):
                todo.extend(_repeat(builder, node, enter, leave, self.facts[id(node.inner)].nothing))
            elif isinstance(node, Graph):
                first = builder.states(node.n_states)
                builder.free(enter, first)
                for end in node.ends:
                    builder.free(first + end, leave)
                todo.extend((p, first + a, first + b) for a, b, p in node.edges if not self.facts[id(p)].nothing)
            else:
                builder.copy(self._language(self._dfa(node)), enter, leave)

    def _chars(self, builder: Builder, node: Chars, enter: int, leave: int) -> None:
        mask, rest = split(node.ranges)
        if mask:
            builder.edge(enter, leave, self.labels.number(mask))
        if rest:
            if rest not in self.unicode:
                n_states, edges = byte_edges(rest)
                inner = Builder(n_states)
                for source, target, bytes_read in edges:
                    inner.edge(source, target, self.labels.number(bytes_read))
                self.unicode[rest] = inner.fragment()
            builder.copy(self.unicode[rest], enter, leave)

    def _language(self, dfa: Dfa) -> Fragment:
        if id(dfa) not in self.languages:
            masks = [0] * dfa.n_classes
            for byte, c in enumerate(dfa.classes.tolist()):
                masks[c] |= 1 << byte
            labels = np.array([self.labels.number(mask) for mask in masks], np.int32)
            source, c = np.nonzero(dfa.table >= 0)
            ends = np.flatnonzero(dfa.accept).astype(np.int32) + 2
            fragment = Fragment(
                dfa.n_states + 2,
                (source + 2).astype(np.int32),
                dfa.table[source, c] + np.int32(2),
                labels[c],
                np.append(np.int32(0), ends),
                np.append(np.int32(2), np.ones_like(ends)),
            )
            self.languages[id(dfa)] = dfa, fragment
        return self.languages[id(dfa)][1]


def concatenated(a: Dfa, b: Dfa, limits: Limits = DEFAULT) -> Dfa:
    """A text of the one and then a text of the other."""
    return compile_expression(Concat((Language(a), Language(b))), limits)


def _repeat(builder: Builder, node: Repeat, enter: int, leave: int, nothing: bool) -> list[tuple[Expression, int, int]]:
    """The copies that a repeat unrolls to, after writing the free moves around them."""
    if nothing or node.high == 0:
        builder.free(enter, leave)
        return []
    inner, low = node.inner, node.low
    if node.high is None:
        if low == 0:
            loop = builder.states(1)
            builder.free(enter, loop)
            builder.free(loop, leave)
            return [(inner, loop, loop)]
        first = builder.states(low + 1)
        stops = list(range(first, first + low + 1))  # the last copy may start over
        builder.free(enter, first)
        builder.free(stops[-1], stops[-2])
        builder.free(stops[-1], leave)
        return [(inner, a, b) for a, b in pairwise(stops)]
    first = builder.states(node.high - 1)
    stops = [enter, *range(first, first + node.high - 1), leave]
    for stop in stops[low:-1]:
        builder.free(stop, leave)
    return [(inner, a, b) for a, b in pairwise(stops)]


def determinised(fragment: Fragment, labels: Labels, limits: Limits, fuel: Fuel) -> Dfa:
    """The minimal automaton of what leads from state 0 of `fragment` to state 1."""
    n = fragment.n_states
    used = np.flatnonzero(np.bincount(fragment.label))
    label = np.zeros(int(fragment.label.max(initial=0)) + 1, np.int32)
    label[used] = np.arange(len(used))
    classes, first, label_ptr, label_class = labels.classes(used)
    edge_ptr, order = _grouped(fragment.src, n)
    free_ptr, free_order = _grouped(fragment.free_src, n)
    why, reached, n_states, table, ends = subsets(
        edge_ptr,
        label[fragment.label[order]],
        fragment.dst[order],
        label_ptr,
        label_class,
        free_ptr,
        fragment.free_dst[free_order],
        _scattered((n - 1).bit_length())[:n],
        1,
        len(first),
        limits.max_states,
        limits.max_steps - fuel.spent.get("steps", 0),
        limits.max_bytes,
    )
    if why != OK:
        raise too_large(why, reached, limits, fuel)
    fuel.spend("steps", reached, limits.max_steps)
    return from_table(table[: n_states * len(first)], (ends[:n_states] & 1).astype(np.bool_), 0, classes, limits)


@cache
def _scattered(bits: int) -> np.ndarray:
    """The bits of 0 to 2**bits - 1 scattered, odd for the state that accepts.

    Subsets are hashed by exclusive or, and alternatives that are alike hold states at equal distances: a product alone
    (Fibonacci hashing) keeps distances, and their subsets collide. So SplitMix64 (Steele, Lea and Flood 2014).
    """
    x = np.arange(1, (1 << bits) + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    mix = ((x ^ (x >> np.uint64(31))) >> np.uint64(34)).astype(np.int32) << 1
    mix[1] |= 1
    return mix


def _grouped(source: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Offsets and order that group edges by the state they leave."""
    ptr = np.zeros(n + 1, np.int32)
    np.cumsum(np.bincount(source, minlength=n), out=ptr[1:])
    return ptr, np.argsort(source, kind="stable")

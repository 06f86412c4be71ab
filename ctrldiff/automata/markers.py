"""Assertions anywhere, exactly: write them into the text as marks, ask that every mark be true, erase the marks.

The marks are bytes that UTF-8 never uses. The pattern with marks in place of assertions is an ordinary language; that
every mark of one kind tells the truth is another; their intersection holds exactly the matches, and without its
marks it is the answer. This needs ready automata, so it is kept for what plain algebra cannot say.
"""

from __future__ import annotations

import numpy as np

from ctrldiff.automata.assertions import Assert, Where, rebuilt
from ctrldiff.automata.compile import compile_expression, determinised
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import (
    ANY_CHAR,
    ANY_TEXT,
    Alt,
    Both,
    Concat,
    Expression,
    Language,
    Literal,
    Minus,
    Repeat,
)
from ctrldiff.automata.nfa import Builder, Labels
from ctrldiff.automata.widths import children
from ctrldiff.errors import RegexUnsupported
from ctrldiff.limits import Fuel, Limits

MARKS = bytes([0xC0, 0xC1, *range(0xF5, 0x100)])  # never part of UTF-8 (RFC 3629)


def resolve_by_markers(tree: Expression, where: Where, limits: Limits) -> Language:
    """The texts of `tree`, which may hold `Assert`s anywhere, as a ready automaton.

    Raises: RegexUnsupported for more than 13 different assertions, ConstraintTooLarge.
    """
    found = _occurrences(tree)
    if len(found) > len(MARKS):
        raise RegexUnsupported(
            f"more than {len(MARKS)} assertions that look across each other",
            where.pattern,
            where.position,
            hint="move anchors and lookarounds to the ends of the pattern",
            length=where.length,
        )
    marks = dict(zip(found, MARKS))
    fuel = limits.fuel()

    def marked(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if isinstance(node, Assert):
            return Literal(bytes([marks[node]]))
        if isinstance(node, Repeat):
            return Repeat(parts[0], node.low, node.high)
        return type(node)(parts) if isinstance(node, Concat | Alt) else node

    used = bytes(marks.values())
    language = rebuilt(tree, marked)
    for assertion, mark in marks.items():
        language = Both((language, _true(assertion, mark, used, found[assertion], limits, fuel)))
    return Language(_erased(compile_expression(language, limits, fuel), used, limits, fuel))


def _occurrences(tree: Expression) -> dict[Assert, bool]:
    """Every assertion of the tree, and whether one match may pass it more than once."""
    found: dict[Assert, bool] = {}
    todo = [(tree, False)]
    while todo:
        node, looped = todo.pop()
        if isinstance(node, Assert):
            found[node] = looped or node in found
        if isinstance(node, Repeat):
            looped = looped or node.high is None or node.high > 1
        todo.extend((part, looped) for part in reversed(children(node)))
    return found


def _true(assertion: Assert, mark: int, used: bytes, often: bool, limits: Limits, fuel: Fuel) -> Expression:
    """Marked texts in which every `mark` is true; other marks may stand anywhere."""
    mark_here = Literal(bytes([mark]))
    if not often:
        # One mark at most: two copies of a small automaton, where "every mark" would have to follow many at once.
        others = used.replace(mark_here.data, b"")
        free = _any_marked(others)
        rest = Language(_with_marks(compile_expression(assertion.rest, limits, fuel), others, limits))
        return Alt((free, Concat((free, mark_here, rest) if assertion.ahead else (rest, mark_here, free))))
    free = _any_marked(used)
    lie = compile_expression(Minus(ANY_TEXT, assertion.rest), limits, fuel)
    wrong = Language(_with_marks(lie, used, limits))
    return Minus(free, Concat((free, mark_here, wrong) if assertion.ahead else (wrong, mark_here, free)))


def _any_marked(marks: bytes) -> Expression:
    return Repeat(Alt((ANY_CHAR, *(Literal(bytes([mark])) for mark in marks))), 0, None)


def _with_marks(dfa: Dfa, marks: bytes, limits: Limits) -> Dfa:
    """The same texts with `marks` strewn in: every mark leads from a state to itself."""
    table = dfa.full_table().copy()
    table[:, list(marks)] = np.arange(dfa.n_states, dtype=np.int32)[:, None]
    return Dfa.from_arrays(table, np.arange(256), dfa.accept, limits=limits)


def _erased(dfa: Dfa, marks: bytes, limits: Limits, fuel: Fuel) -> Dfa:
    """The same texts with their marks left out: a move on a mark reads nothing."""
    labels, builder = Labels(), Builder()
    base = builder.states(dfa.n_states)
    builder.free(0, base)
    table = dfa.full_table()
    for mark in marks:
        for state in np.flatnonzero(table[:, mark] >= 0).tolist():
            builder.free(base + state, base + int(table[state, mark]))
    table[:, list(marks)] = -1
    source, byte = np.nonzero(table >= 0)
    builder.src += (source + base).tolist()
    builder.dst += (table[source, byte] + base).tolist()
    builder.label += byte.tolist()
    for state in np.flatnonzero(dfa.accept).tolist():
        builder.free(base + state, 1)
    return determinised(builder.fragment(), labels, limits, fuel)

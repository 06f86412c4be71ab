"""Assertions anywhere, exactly: write them into the text as marks, ask that every mark be true, erase the marks.

The marks are bytes that UTF-8 never uses. The pattern with marks in place of assertions is an ordinary language; that
every mark of one kind tells the truth is another; their intersection holds exactly the matches, and without its
marks it is the answer. This needs ready automata, so it is kept for what plain algebra cannot say.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctrldiff.automata.compile import compile_expression, determinised
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import (
    ANY_CHAR,
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
from ctrldiff.regex.nodes import Assert, Where, rebuilt

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
        rest = compile_expression(assertion.rest, limits, fuel)
        if not assertion.ahead:
            language = Both((language, Language(_true_behind(rest, mark, used, limits))))
        elif assertion.reach == 1 or not found[assertion]:
            language = Both((language, Language(_true_ahead(rest, mark, used, limits))))
        else:
            language = Minus(language, _false_ahead(rest, mark, used, limits))
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


def _completed(dfa: Dfa, marks: bytes) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Next states, the last one a sink, and byte -> column; each of `marks` has a column and stays where it is."""
    table = np.where(dfa.table < 0, dfa.n_states, dfa.table)
    table = np.vstack([table, np.full(dfa.n_classes, dfa.n_states)])
    stay = np.repeat(np.arange(dfa.n_states + 1)[:, None], len(marks), axis=1)
    classes = dfa.classes.astype(np.int64)
    classes[list(marks)] = dfa.n_classes + np.arange(len(marks))
    return np.hstack([table, stay]).astype(np.int32), classes


def _true_behind(rest: Dfa, mark: int, marks: bytes, limits: Limits) -> Dfa:
    """Marked texts in which `mark` only stands where the text so far is in `rest`."""
    table, classes = _completed(rest, marks)
    table[~np.append(rest.accept, False), classes[mark]] = -1
    return Dfa.from_arrays(table, classes, np.ones(len(table), np.bool_), limits=limits)


def _true_ahead(rest: Dfa, mark: int, marks: bytes, limits: Limits) -> Dfa:
    """Marked texts in which the text after `mark` is in `rest`, if `mark` is there once at most or looks one
    character far: then what one mark has asked for is settled before the next.

    A small automaton, where following every mark at once might need many states.
    """
    table, classes = _completed(rest, marks)
    table[:-1, classes[mark]] = 0
    before = np.full((1, table.shape[1]), len(table), np.int32)
    before[0, classes[mark]] = 0
    accept = np.concatenate([rest.accept, [False, True]])
    return Dfa.from_arrays(np.vstack([table, before]), classes, accept, len(table), limits)


def _false_ahead(rest: Dfa, mark: int, marks: bytes, limits: Limits) -> Expression:
    """Marked texts in which the text after some `mark` is not in `rest`."""
    table, classes = _completed(rest, marks)
    wrong = Dfa.from_arrays(table, classes, ~np.append(rest.accept, False), limits=limits)
    marked_text = Repeat(Alt((ANY_CHAR, *(Literal(bytes([m])) for m in marks))), 0, None)
    return Concat((marked_text, Literal(bytes([mark])), Language(wrong)))


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

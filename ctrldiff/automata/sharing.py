"""Equal parts of an expression as one part, so that each is compiled once.

A schema repeats itself: the same definition under two names, the same field in ten alternatives. Parts are compared
from the bottom up, each by what it is and by its parts, which are one already where they are equal; so this is linear
in the parts and nothing is compared twice.
"""

from __future__ import annotations

from typing import Any

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import (
    NOTHING,
    Alt,
    Both,
    Concat,
    Expression,
    Graph,
    Language,
    Minus,
    Repeat,
)
from ctrldiff.automata.widths import children_first

_COMPARED = 5_000  # states of a ready automaton that is compared by its arrays; a larger one is only equal to itself


def shared(root: Expression) -> Expression:
    """The same expression with equal parts as one object, and no part twice among alternatives or what all hold."""
    one: dict[int, Expression] = {}  # each part by identity, as the one that stands for it
    known: dict[Any, Expression] = {}
    for node in children_first(root):
        key, made = _seen_from_above(node, one)
        if key not in known:
            known[key] = made
        one[id(node)] = known[key]
    return one[id(root)]


def _seen_from_above(node: Expression, one: dict[int, Expression]) -> tuple[Any, Expression]:
    """What tells a part from others, given what stands for its parts; and the part over those."""
    if isinstance(node, Concat):
        return _listed(node, Concat, tuple(one[id(part)] for part in node.parts))
    if isinstance(node, Alt | Both):
        distinct = tuple({id(part): part for part in (one[id(part)] for part in node.parts)}.values())
        if len(distinct) == 1:
            return ("is", id(distinct[0])), distinct[0]
        return _listed(node, type(node), distinct)
    if isinstance(node, Repeat):
        inner = one[id(node.inner)]
        made = node if inner is node.inner else Repeat(inner, node.low, node.high)
        return (Repeat, id(inner), node.low, node.high), made
    if isinstance(node, Minus):
        left, right = one[id(node.left)], one[id(node.right)]
        if left is right:
            return (Alt,), NOTHING
        return (Minus, id(left), id(right)), node if left is node.left and right is node.right else Minus(left, right)
    if isinstance(node, Graph):
        edges = tuple((a, b, one[id(part)]) for a, b, part in node.edges)
        same = all(new is old for (_, _, new), (_, _, old) in zip(edges, node.edges, strict=True))
        key = (Graph, node.n_states, node.ends, tuple((a, b, id(part)) for a, b, part in edges))
        return key, node if same else Graph(node.n_states, edges, node.ends)
    if isinstance(node, Language):
        return _of_automaton(node.dfa), node
    return node, node


def _listed(
    node: Concat | Alt | Both, kind: type[Concat] | type[Alt] | type[Both], parts: tuple[Expression, ...]
) -> tuple[Any, Expression]:
    same = len(parts) == len(node.parts) and all(a is b for a, b in zip(parts, node.parts, strict=True))
    return (kind, *map(id, parts)), node if same else kind(parts)


def _of_automaton(dfa: Dfa) -> Any:
    return (Language, dfa.fingerprint) if dfa.n_states <= _COMPARED else (Language, id(dfa))

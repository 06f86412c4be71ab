"""Simple facts about expressions, found without recursion: what they are made of, how long their texts are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

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
    Repeat,
)


def children(node: Expression) -> tuple[Expression, ...]:
    """The parts of one node; leaves have none."""
    if isinstance(node, Concat | Alt | Both):
        return node.parts
    if isinstance(node, Repeat):
        return (node.inner,)
    if isinstance(node, Graph):
        return tuple(part for _, _, part in node.edges)
    return (node.left, node.right) if isinstance(node, Minus) else ()


def children_first(root: Expression) -> Iterator[Expression]:
    """Every distinct node once, each after its parts."""
    seen: set[int] = set()
    stack: list[tuple[Expression, bool]] = [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            yield node
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((node, True))
            stack.extend((child, False) for child in children(node))


def reached(moves: Sequence[tuple[int, int]]) -> set[int]:
    """The states that `moves` lead to from state 0."""
    onward: dict[int, list[int]] = {}
    for source, target in moves:
        onward.setdefault(source, []).append(target)
    found, todo = {0}, [0]
    while todo:
        for target in onward.get(todo.pop(), ()):
            if target not in found:
                found.add(target)
                todo.append(target)
    return found


def nullable(root: Expression) -> bool:
    """Whether the empty text is a member."""
    empty: dict[int, bool] = {}
    for node in children_first(root):
        parts = [empty[id(part)] for part in children(node)]
        if isinstance(node, Literal):
            found = not node.data
        elif isinstance(node, Concat | Both):
            found = all(parts)
        elif isinstance(node, Alt):
            found = any(parts)
        elif isinstance(node, Repeat):
            found = node.low == 0 or parts[0]
        elif isinstance(node, Minus):
            found = parts[0] and not parts[1]
        elif isinstance(node, Graph):
            free = [(a, b) for (a, b, _), empty_part in zip(node.edges, parts, strict=True) if empty_part]
            found = bool(reached(free) & set(node.ends))
        else:
            found = isinstance(node, Language) and bool(node.dfa.accept[0])
        empty[id(node)] = found
    return empty[id(root)]


@dataclass(frozen=True)
class Width:
    """Fewest and most characters of a match; `most=None` is without bound."""

    least: int
    most: int | None


def widths(root: Expression) -> dict[int, Width]:
    """The width of every part of a pattern's tree, by identity. What is no expression has width zero."""
    known: dict[int, Width] = {}
    for node in children_first(root):
        parts = [known[id(part)] for part in children(node)]
        least, most = 0, 0 if all(part.most is not None for part in parts) else None
        if isinstance(node, Literal):
            least = most = len(node.data.decode("utf-8"))
        elif isinstance(node, Chars):
            least = most = 1
        elif isinstance(node, Concat):
            least = sum(part.least for part in parts)
            most = None if most is None else sum(part.most or 0 for part in parts)
        elif isinstance(node, Alt):
            # Only a surrogate is read as "no alternative at all", and that is one character wide.
            least = min((part.least for part in parts), default=1)
            most = None if most is None else max((part.most or 0 for part in parts), default=1)
        elif isinstance(node, Repeat):
            least = node.low * parts[0].least
            if parts[0].most == 0 or node.high == 0:
                most = 0
            else:
                most = None if most is None or node.high is None else node.high * (parts[0].most or 0)
        known[id(node)] = Width(least, most)
    return known

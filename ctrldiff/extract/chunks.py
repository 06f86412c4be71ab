"""A text that is too long for one canvas: cut between sentences, and the answers to its parts put together again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from ctrldiff.pointer import escaped

# Where a sentence ends: behind its mark and what closes it, before white space; and at every line break.
_ENDS = re.compile(r"(?<=[.!?])[\"')\]]*\s+|(?<=[。！？])|\n+")
_SLACK = 4  # tokens that the edges of a part may cost, which tokens of its sentences do not tell

Places = list[dict[str, Any]]  # where a value stands in the original: start, end, ...


def cut(text: str, most: int, overlap: int, count: Callable[[str], int]) -> list[tuple[int, int]]:
    """Parts of at most so many tokens (1 at least) that together are all of the text, as (start, end) in characters.

    Args:
        overlap: tokens of whole sentences at the end of a part with which the next begins again; less than half of
            `most`, so that there is an end.
        count: how many tokens a text is.
    """
    most, overlap = max(most - _SLACK, 1), min(overlap, (most - _SLACK) // 2)
    pieces = _sentences(text, most, count)
    parts: list[tuple[int, int]] = []
    first = 0
    while first < len(pieces):
        end, held = first, 0
        while end < len(pieces) and (end == first or held + pieces[end][2] <= most):
            held += pieces[end][2]
            end += 1
        parts.append((pieces[first][0], pieces[end - 1][1]))
        if end == len(pieces):
            break
        again, held = end, 0
        room = min(overlap, most - pieces[end][2])  # the next sentence has to fit too
        while again - 1 > first and held + pieces[again - 1][2] <= room:
            again -= 1
            held += pieces[again][2]
        first = again
    return parts


def _sentences(text: str, most: int, count: Callable[[str], int]) -> list[tuple[int, int, int]]:
    """(start, end, tokens) of every sentence; one that is too long for a part is halved until it is not."""
    edges = [0, *(found.end() for found in _ENDS.finditer(text)), len(text)]
    waiting = [(a, b) for a, b in pairwise(edges) if a < b][::-1]
    found: list[tuple[int, int, int]] = []
    while waiting:
        start, end = waiting.pop()
        # A token is a byte at least: no need to count what is far too long.
        tokens = count(text[start:end]) if end - start <= 32 * most else most + 1
        if tokens <= most or end - start < 2:
            found.append((start, end, tokens))
            continue
        middle = start + (end - start) // 2
        space = text.rfind(" ", start + 1, middle)
        middle = space + 1 if space > start + (middle - start) // 2 else middle
        waiting += [(middle, end), (start, middle)]
    return found


@dataclass(frozen=True)
class Part:
    """The answer to one part of a text.

    Fields:
        value: as JSON.        sure: how probable the whole is, 0 to 1.
        fields: how probable each value is, by its JSON pointer; what is not in it is as probable as the whole.
        spans: where a value stands in the original, by its JSON pointer.
        doubted: pointers of values that the constraint forced on the model: any other goes before them.
    """

    value: Any
    sure: float
    fields: Mapping[str, float] = field(default_factory=dict)
    spans: Mapping[str, Places] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()

    def prob(self, at: str) -> float:
        """How probable a value is."""
        if any(at == one or one.startswith(f"{at}/") for one in self.doubted):
            return 0.0
        return self.fields.get(at, self.sure)


@dataclass
class Merged:
    """What parts make together. `taken` says of every value that is one part's own, by pointer: whose, which there."""

    value: Any
    taken: dict[str, tuple[int, str]]

    def moved(self, of: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the parts have to say of their values, by pointer, for the values that were taken."""
        found: dict[str, Any] = {}
        for at, (part, there) in self.taken.items():
            for name, what in of[part].items():
                if name == there or name.startswith(f"{there}/"):
                    found[at + name[len(there) :]] = what
        return found


def merge(parts: Sequence[Part]) -> Merged:
    """One value of several: an object key by key, each by its own probability; lists one behind the other, an item that
    stands at the same place of the original as one of an earlier part left out; of other values the most probable, the
    earlier of two alike. A value goes before null unless the model believes less in it than in null by more than it
    would in a coin: a part in which a thing is not mentioned says null, and is right.
    """
    taken: dict[str, tuple[int, str]] = {}
    value = _merged(parts, [(n, "", part.value) for n, part in enumerate(parts)], "", taken)
    return Merged(value, taken)


_Alike = Sequence[tuple[int, str, Any]]  # part, pointer in it, value


def _merged(parts: Sequence[Part], values: _Alike, at: str, taken: dict[str, tuple[int, str]]) -> Any:
    objects = [one for one in values if isinstance(one[2], dict)]
    lists = [one for one in values if isinstance(one[2], list)]
    rest = len(values) - len(objects) - len(lists)
    nulls = sum(one[2] is None for one in values)
    if objects and not lists and rest == nulls:
        keys = dict.fromkeys(key for _, _, value in objects for key in value)
        return {
            key: _merged(
                parts,
                [(n, f"{there}/{escaped(key)}", value[key]) for n, there, value in objects if key in value],
                f"{at}/{escaped(key)}",
                taken,
            )
            for key in keys
        }
    if lists and not objects and rest == nulls:
        return _joined(parts, lists, at, taken)

    def rank(one: tuple[int, str, Any]) -> tuple[bool, float]:
        n, there, value = one
        prob = parts[n].prob(there)
        return value is not None and prob >= 0.5, prob if value is not None else min(prob, 0.5)

    n, there, value = max(values, key=lambda one: (*rank(one), -one[0]))
    taken[at] = (n, there)
    return value


@dataclass(eq=False)
class _Kept:
    """An item of a joined list. Fields: last, the part that had it last; stands, all its places."""

    last: int
    item: Any
    stands: set[tuple[Any, ...]]


def _joined(parts: Sequence[Part], lists: _Alike, at: str, taken: dict[str, tuple[int, str]]) -> list[Any]:
    items: list[Any] = []
    kept: list[_Kept] = []
    for n, there, value in lists:
        before = list(kept)  # each of them is met once more at most
        for m, item in enumerate(value):
            pointer = f"{there}/{m}"
            stands = _stands(parts[n], pointer)
            met = (one for one in before if one.item == item and (stands & one.stands if stands else n - one.last == 1))
            if (again := next(met, None)) is not None:
                again.last = n
                before.remove(again)
                continue
            taken[f"{at}/{len(items)}"] = (n, pointer)
            kept.append(_Kept(n, item, stands))
            items.append(item)
    return items


def _stands(part: Part, at: str) -> set[tuple[Any, ...]]:
    """All places of a value and of what is in it, each with the pointer within it."""
    return {
        (name[len(at) :], place.get("ref"), place["start"], place["end"])
        for name, places in part.spans.items()
        if name == at or name.startswith(f"{at}/")
        for place in places
    }

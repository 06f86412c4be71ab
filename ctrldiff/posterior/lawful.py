"""Strings under a proviso: the best, and draws, of those strings of an automaton that the proviso lets be.

The automaton alone is solved first. A string with a fault shows a beginning that no legal text has, and everything that
begins so is cut off: what is left falls into parts, one for each position at which a string may leave that beginning,
and the best of each part is known at once (`nbest.py`). So the parts are tried best first, and the first string without
a fault is the best of all legal ones.

A model that is sure of nothing has more strings with a fault than can be tried. After `BEST` of them the search keeps
what stands before the fault and changes what follows, going back only where nothing fits: what it finds is legal, and
no longer proven to be the best. If that finds nothing either, the last proposal of the decode still is a legal text.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import Infeasible
from ctrldiff.posterior import passing, queries, refusals
from ctrldiff.posterior import row as of
from ctrldiff.posterior.nbest import Menu, Part, first_part, n_best
from ctrldiff.posterior.proviso import Fault
from ctrldiff.posterior.row import Row, Rows

I64 = NDArray[np.int64]
BEST = 64  # strings that are tried in the order of their weight
DEEP = 448  # strings that are tried after them, each as near to the one before as it can be
DRAWN = 64  # draws that are rejected before one is mended
LEADING = 32  # tokens that are tried at the leftmost open position


def fault_of(row: Row, tokens: I64) -> Fault | None:
    """The first fault of a row's string."""
    table = row.table
    if table.proviso is None or table.vocabulary is None:
        return None
    count = written_of(row, tokens)
    whole = table.after == 0 or count < len(tokens)
    return table.proviso.fault(table.before + table.vocabulary.decode(tokens[:count].tolist()), whole)


def written_of(row: Row, tokens: I64) -> int:
    """How many positions the text takes, its end not among them."""
    vocabulary = row.table.vocabulary
    assert vocabulary is not None
    ends = vocabulary.stop_ids if vocabulary.pad_id is None else (*vocabulary.stop_ids, vocabulary.pad_id)
    over = np.flatnonzero(np.isin(tokens, ends))  # behind the end of a text a block may begin with padding
    return int(over[0]) if len(over) else len(tokens)


def positions_of(row: Row, tokens: I64, fault: Fault) -> tuple[int, int]:
    """The position of the token in which what must not be there begins, and of that in which a fault shows."""
    vocabulary, written = row.table.vocabulary, written_of(row, tokens)
    assert vocabulary is not None
    ends = len(row.table.before) + np.cumsum([len(vocabulary[token] or b"") for token in tokens[:written].tolist()])
    start, end = (min(int(np.searchsorted(ends, at)), len(tokens) - 1) for at in (fault.start + 1, fault.end))
    return min(start, end), end


@of.kept
def strings(rows: Rows) -> list[I64]:
    """(T,) the best legal string of each. Raises: as `passing.best_strings`, and as `best`."""
    found = passing.best_strings(rows)
    return [tokens if fault_of(row, tokens) is None else best(row, 1)[0] for row, tokens in zip(rows, found)]


def best(row: Row, n: int) -> I64:
    """(n, T) the n best legal strings, best first; -1 where there are fewer, or none was found within the bounds.

    Raises: LogitsInvalid; Infeasible if no string is legal, SearchExhausted if none was found though there may be some.
    """
    if row.table.proviso is None:
        return row.folded(n_best(row, n))
    found: list[I64] = []
    menu = Menu(row, BEST + DEEP + n + 1)  # as many choices as there are tries: none is missed
    parts = [first_part(menu)]
    for _ in range(BEST + n):
        if not parts or len(found) == n:
            break
        parts += _rest(row, heapq.heappop(parts), found)[1]
        heapq.heapify(parts)
    parts.sort(reverse=True)
    _search_deep(row, parts, found, n)
    if not found and row.last is not None and _stands(row, row.last):
        found.append(row.last)
    if not found:
        raise refusals.none_lawful(row.table, row.scores.row, len(row.written), proven=not parts)
    out = np.full((n, len(row.written)), -1, np.int64)
    out[: len(found)] = found[:n]
    return out


def _search_deep(row: Row, stack: list[Part], found: list[I64], n: int) -> None:
    """Add legal strings to `found`, keeping what stands before each fault as long as that can be."""
    for _ in range(DEEP):
        if not stack or len(found) == n:
            return
        start, parts = _rest(row, stack.pop(), found)
        parts.sort(reverse=True)  # the best is taken up first
        stack += [part for part in parts if len(part.before) < start]
        stack += [part for part in parts if len(part.before) >= start]


def _rest(row: Row, part: Part, found: list[I64]) -> tuple[int, list[Part]]:
    """What is left of a part without its best string, which is found if it is legal, or without all that begins with
    its fault; and the position where that fault begins."""
    tokens = row.folded(np.array(part.tokens, np.int64))
    fault = fault_of(row, tokens)
    if fault is None:
        found.append(tokens)
        return 0, part.split()
    start, shown = positions_of(row, tokens, fault)
    return start, part.split(shown + 1)


def _stands(row: Row, tokens: I64) -> bool:
    """These tokens are a legal string of positive weight that agrees with what is written."""
    everywhere = np.ones(len(tokens), np.bool_)
    whole = row.clamp(tokens, everywhere) if row.agrees(tokens, everywhere) else None
    if whole is None or not whole.possible or fault_of(row, tokens) is not None:
        return False
    (scores,) = queries.logits([row]).at([row.place], [tokens[row.open]])
    return bool((scores > -np.inf).all())


def fits(row: Row) -> bool:
    """A legal string of positive weight was found."""
    try:
        strings([row])
    except Infeasible:
        return False
    return True


def draws(rows: Rows, n: int, rngs: Sequence[np.random.Generator]) -> list[I64]:
    """(n, T) independent draws of the legal strings, by rejection; each row's from its own generator.

    Exact where one of `DRAWN` draws is legal; after as many, one is mended.
    """
    drawn = queries.draws(rows, n, rngs)
    for row, some, rng in zip(rows, drawn, rngs):
        if row.table.proviso is None:
            continue
        bad = np.arange(n)
        for _ in range(DRAWN):
            bad = np.array([i for i in bad if fault_of(row, some[i]) is not None], np.int64)
            if not len(bad):
                break
            some[bad] = queries.draws([row], len(bad), [rng])[0]
        for i in bad:
            some[i] = _mended(row, some[i], rng)
    return drawn


def _mended(row: Row, tokens: I64, rng: np.random.Generator) -> I64:
    """A legal string that is a draw as far as its first fault, what follows drawn anew as often as it takes."""
    for _ in range(DRAWN):
        fault = fault_of(row, tokens)
        if fault is None:
            return tokens
        kept = np.arange(len(tokens)) < positions_of(row, tokens, fault)[0]
        tokens = queries.draws([row.clamp(tokens, kept)], 1, [rng])[0][0]
    return strings([row])[0]


def leading(rows: Rows) -> list[tuple[int, float, float]]:
    """As `passing.leading`: of the tokens that some legal string was found to go on with."""
    out = []
    for row, choice in zip(rows, passing.leading(rows)):
        if row.table.proviso is not None and not fits(_with(row, choice[0])):
            others = (one for one in passing.leading_ranked(row, LEADING) if fits(_with(row, one[0])))
            token, sure = next(others, None) or _best_leading(row)
            choice = token, sure, choice[2]
        out.append(choice)
    return out


def _with(row: Row, token: int) -> Row:
    """The row with this token at its leftmost open position."""
    first = np.arange(len(row.written)) == row.open[0]
    return row.clamp(np.full(len(row.written), token, np.int64), first)


def _best_leading(row: Row) -> tuple[int, float]:
    """What the best legal string has at the leftmost open position, and its own probability there."""
    (tokens,) = strings([row])
    at = row.open[0]
    return int(tokens[at]), float(np.exp(-queries.surprise([row], tokens[None])[0][at]))


def feasible(rows: Rows, tokens: I64, keep: NDArray[np.bool_]) -> list[bool]:
    """As `queries.feasible`: a legal string was found that agrees with `tokens` where `keep`."""
    out = queries.feasible(rows, tokens, keep)
    return [
        ok and (row.table.proviso is None or fits(row.clamp(v, k))) for ok, row, v, k in zip(out, rows, tokens, keep)
    ]


def score(rows: Rows, tokens: I64) -> list[float]:
    """As `queries.score`, and -inf for a string with a fault."""
    found = queries.score(rows, tokens)
    return [one if one == -np.inf or fault_of(row, v) is None else -np.inf for row, v, one in zip(rows, tokens, found)]

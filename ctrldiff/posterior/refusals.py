"""Why nothing fits, said so that the reader can do something about it. Slow and only run when raising."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import BudgetTooSmall, Infeasible, LogitsInvalid, SearchExhausted, ShapeError
from ctrldiff.posterior import sweeps
from ctrldiff.posterior.lifted import Lifted

I64 = NDArray[np.int64]
SHOWN = 5  # tokens named in an error


def nothing_fits(table: Lifted, written: I64, row: int) -> Infeasible:
    """The error for a canvas no legal text agrees with: too few positions, or the first position that cannot be."""
    T = len(written)
    if table.shortest > T:
        return BudgetTooSmall(
            f"the shortest legal text takes {table.shortest} tokens, the canvas has {T} positions (row {row})",
            hint=f"give it {table.shortest} positions or more, or loosen the constraint",
            shortest=table.shortest,
            budget=T,
            row=row,
            position=None,
        )
    held = np.flatnonzero(written >= 0)

    def survives(count: int) -> bool:
        part = np.where(np.isin(np.arange(T), held[:count]), written, -1)
        return bool((sweeps.reach([table], [part])[0][-1] & table.chain.accept).any())

    if not survives(0):
        longest = table.automaton.longest
        most = "" if longest is None else f", the longest takes {longest}"
        return Infeasible(
            f"no legal text takes exactly {T} tokens (row {row})",
            why=f"the vocabulary has no stop id, so the text must fill the canvas{most}",
            hint="give the vocabulary its stop ids, or the canvas another length",
            shortest=table.shortest,
            budget=T,
            row=row,
            position=None,
        )
    low, high = 0, len(held)  # survives(low), not survives(high): more written, fewer survivors
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if survives(middle) else (low, middle)
    position = int(held[low])
    part = np.where(np.isin(np.arange(T), held[:low]), written, -1)
    (live,) = sweeps.live([table], [part], sweeps.reach([table], [part]))
    allowed = tokens_of(table, np.flatnonzero(live[position]))
    some = ", ".join(shown(table, v) for v in allowed[:SHOWN]) + (", ..." if len(allowed) > SHOWN else "")
    return Infeasible(
        f"position {position} of row {row} holds {shown(table, written[position])}, which no legal text has there",
        why=f"given {low} written positions before it and {T} positions in all, it could be: {some}",
        hint=f"clear position {position}, or loosen the constraint",
        shortest=table.shortest,
        budget=T,
        row=row,
        position=position,
    )


def dead_end(table: Lifted, state: int, tokens: I64, position: int) -> Infeasible:
    """The error for a prefix that no legal text begins with."""
    chain = table.chain
    allowed = tokens_of(table, np.unique(chain.edge_label[chain.edge_ptr[state] : chain.edge_ptr[state + 1]]))
    some = ", ".join(shown(table, v) for v in allowed[:SHOWN]) + (", ..." if len(allowed) > SHOWN else "")
    return Infeasible(
        f"token {position} of the text is {shown(table, tokens[position])}, which no legal text has there",
        why=f"after the {position} before it, it could be: {some}" if some else f"the text ends after {position}",
        hint="check where the answer begins, and that nothing else writes or edits it",
        shortest=table.shortest,
        budget=None,
        row=0,
        position=position,
    )


def contradiction(table: Lifted, row: int, position: int, written: int, wanted: int) -> Infeasible:
    """The error for clamping a written position to another token."""
    return Infeasible(
        f"position {position} of row {row} already holds {shown(table, written)}, not {shown(table, wanted)}",
        why="a posterior only ever narrows",
        hint="bind again with that position cleared, or keep what is written",
        shortest=table.shortest,
        budget=None,
        row=row,
        position=position,
    )


def all_improbable(table: Lifted, scores: NDArray[np.float64], reach: NDArray[np.uint8], row: int) -> Infeasible:
    """The error for logits that are -inf on some position of every legal text.

    Args:
        scores: (T, L) label scores; -inf where the logits forbid all of a label.
    """
    chain, T = table.chain, len(scores)
    here = reach[0].astype(bool)
    position = T
    for t in range(T):
        open_edges = here[table.automaton.edge_from] & (scores[t, chain.edge_label] > -np.inf)
        here = np.zeros_like(here)
        here[chain.edge_to[open_edges]] = True
        here &= reach[t + 1].astype(bool)
        if not here.any():
            position = t
            break
    return Infeasible(
        f"the logits forbid every legal text of row {row}: none gets past position {min(position, T - 1)}",
        why="each has a token whose log-probability is -inf",
        hint="lift the ban (a token bias, a banned id), or loosen the constraint",
        shortest=table.shortest,
        budget=T,
        row=row,
        position=min(position, T - 1),
    )


def not_a_number(row: int, position: int) -> LogitsInvalid:
    """The error for NaN or +inf."""
    return LogitsInvalid(
        f"NaN or +inf in the logits of row {row}, position {position}",
        why="no token can be told from another there",
        hint="check the model's dtype (float16 overflows), and guidance that divides",
        row=row,
        position=position,
    )


def all_forbidden(table: Lifted, positions: int, row: int, position: int) -> Infeasible:
    """The error for a position where every token is -inf."""
    return Infeasible(
        f"every token is -inf at position {position} of row {row}",
        why="nothing can be written there",
        hint="check token bans and biases: at least one token must stay possible",
        shortest=table.shortest,
        budget=positions,
        row=row,
        position=position,
    )


def bad_ids(what: str, ids: I64, size: int) -> ShapeError:
    """The error for token ids outside the vocabulary."""
    wrong = ids[(ids < 0) | (ids >= size)]
    return ShapeError(
        f"{what} holds token id {int(wrong.flat[0])}, the logits speak of ids 0 to {size - 1}",
        hint="-1 marks an open position in `written`; elsewhere ids are real",
        token=int(wrong.flat[0]),
        size=size,
    )


def tokens_of(table: Lifted, labels: NDArray[np.int64]) -> list[int]:
    """A few of the tokens in these labels, smallest ids first."""
    ptr, classes = table.chain.label_ptr, table.chain.label_classes
    wanted = np.unique(np.concatenate([classes[ptr[k] : ptr[k + 1]] for k in labels] or [classes[:0]]))
    some = np.concatenate([table.members(c)[: SHOWN + 1] for c in wanted] or [classes[:0]])
    return [int(v) for v in np.sort(some)[: SHOWN + 1]]


def shown(table: Lifted, token: int) -> str:
    """A token as a reader knows it: its bytes, or what it is for."""
    vocabulary = table.vocabulary
    if vocabulary is None:
        return f"token {token}"
    if token in vocabulary.stop_ids:
        return f"token {token} (stop)"
    if token == vocabulary.pad_id:
        return f"token {token} (pad)"
    text = vocabulary[int(token)]
    if text is None:
        return f"token {token} (never written)"
    try:
        return f'"{text.decode()}"'
    except UnicodeDecodeError:
        return repr(text)


def none_lawful(table: Lifted, row: int, positions: int, proven: bool) -> Infeasible:
    """The error for a canvas in which no text was found that the table's proviso lets be; proven, if there is none."""
    kind, what = (Infeasible, "there is no text") if proven else (SearchExhausted, "no text was found")
    return kind(
        f"{what} for row {row} in which nothing comes twice that must not",
        why="every text that fits" + ("" if proven else " and was tried") + " has a key or an item again",
        hint="give the canvas more positions, or the constraint fewer keys or items that have to differ",
        shortest=table.shortest,
        budget=positions,
        row=row,
        position=None,
    )

"""How deep a recursive schema has to go for texts of so many tokens: exactly as far as they can reach.

Where a place is entered once more than it is unrolled, a mark is written in place of every text: a byte that no text
holds, then a bit for each schema that may speak there, 1 if it holds. A text that goes deeper is, up to that place, the
beginning of one with a mark. So the fewest tokens that spell such a beginning are fewer than any deeper text needs; if
they are more than there are, going deeper would add nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import ConstraintError
from ctrldiff.json_schema.compiler import compile_schema
from ctrldiff.json_schema.keywords import REFERS
from ctrldiff.json_schema.recursion import MARK
from ctrldiff.limits import Limits
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary

if TYPE_CHECKING:
    from ctrldiff.json_schema import JsonSchema

_MOST_STATES, _MOST_STEPS = 20_000, 10_000_000  # what looking for the depth may cost each time


def deep_enough(schema: JsonSchema, tokens: int, vocabulary: Vocabulary, limits: Limits) -> int | None:
    """How often to enter a recursive schema again so that no text of `tokens` tokens needs more; None if it is not
    recursive. Where that passes the limits: as often as they allow."""
    if not any(f'"{name}"' in schema.text for name in REFERS):
        return None
    limits = replace(
        limits,
        max_states=min(limits.max_states, _MOST_STATES),
        max_nfa_states=min(limits.max_nfa_states, 5 * _MOST_STATES),
        max_steps=min(limits.max_steps, _MOST_STEPS),
    )
    good, too_deep = schema.depth, None
    try:
        least = _tokens_beyond(schema, good, vocabulary, limits)
    except ConstraintError:
        return None  # the stated depth is large enough by itself, or is refused when it is compiled
    if least is None:
        return None
    step = 1
    while least <= tokens:
        level = good + step if too_deep is None else (good + too_deep) // 2
        if level == good:
            break
        try:
            beyond = _tokens_beyond(schema, level, vocabulary, limits)
        except ConstraintError:
            too_deep = level
            continue
        if beyond is None:
            return level
        # The next step goes as far as the last one would have to go on, and at most twice as deep.
        step = max(1, min(level, (tokens - beyond) * (level - good) // max(1, beyond - least)))
        good, least = level, beyond
    return good


def _tokens_beyond(schema: JsonSchema, level: int, vocabulary: Vocabulary, limits: Limits) -> int | None:
    """The fewest tokens that spell the beginning of a text deeper than `level`, up to where it is; None if none is."""
    context = schema.but(recursion=level).context(limits)
    context.with_marks = True
    expression = compile_schema(context)
    if not context.marks:
        return None
    dfa = compile_expression(expression, limits, context.fuel)
    entered = np.flatnonzero(dfa.table[:, dfa.classes[MARK]] >= 0)
    if not len(entered):
        return None
    table = dfa.table.copy()
    table[entered] = entered[:, None]  # once there, whatever follows
    accept = np.zeros(dfa.n_states, np.bool_)
    accept[entered] = True
    return int(lift(Dfa.from_arrays(table, dfa.classes, accept, limits=limits), vocabulary, limits).distance[0])

"""Texts by how often something comes in them: an automaton of what is counted, in one copy for every number."""

from __future__ import annotations

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import ANY_TEXT, NOTHING, Alt, Concat, Expression, Literal
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.limits import DEFAULT, Limits

_ENDS, _WHOLE = b"\xff", b"\xfe"  # bytes that UTF-8 never uses: a text in `ends`; a text

OUT = "count less far, or raise the limit: Limits(...); with ascii=True every copy is smaller"


def counted(
    marks: Expression, low: int, high: int | None, *, ends: Expression = NOTHING, limits: Limits = DEFAULT
) -> Dfa:
    """The texts with `low` to `high` marks.

    A text has a mark for each of its beginnings that is in `marks`, itself included, and one more if it is in `ends`:
    so something may be counted only when the character behind it has been read, or nothing is left to read.

    Args: high: None: without end.
    Raises: ConstraintTooLarge.
    """
    told = compile_expression(Alt((marks, Concat((ends, Literal(_ENDS))), Concat((ANY_TEXT, Literal(_WHOLE))))), limits)
    layers = (low if high is None else high) + 1
    states, width = told.table.shape
    if states * layers > limits.max_states:
        raise ConstraintTooLarge("states that count", states * layers, limits.max_states, hint=OUT)
    if states * layers * width * 4 > limits.max_bytes:
        raise ConstraintTooLarge("bytes of states that count", states * layers * width * 4, limits.max_bytes, hint=OUT)
    at_end, is_text = (told.table[:, told.classes[byte[0]]] >= 0 for byte in (_ENDS, _WHOLE))
    step = told.table.copy()
    step[:, told.classes[[_ENDS[0], _WHOLE[0]]]] = -1
    more = told.accept[step] & (step >= 0)
    table = np.full((layers, states, width), -1, np.int64)
    accept = np.zeros((layers, states), np.bool_)
    for n in range(layers):
        then = n + more if high is not None else np.minimum(n + more, low)
        table[n] = np.where((step >= 0) & (then < layers), then * states + step, -1)
        last = n + at_end
        accept[n] = is_text & (last >= low) & (True if high is None else last <= high)
    return Dfa.from_arrays(table.reshape(-1, width), told.classes, accept.reshape(-1), limits=limits)

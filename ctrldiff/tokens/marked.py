"""A `Dfa` read through a `Vocabulary` with its states kept apart by what the text so far is.

The minimal automaton may merge a state inside one field with one inside another. Here each state knows in which of
some languages of prefixes the text lies that led to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels import lift as kernels
from ctrldiff.kernels.reach import survey
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.tokens.token_automaton import TokenAutomaton, columns_of, restrict, unsatisfiable, with_tail
from ctrldiff.tokens.weighted import Weighted

if TYPE_CHECKING:
    from ctrldiff.automata.dfa import Dfa
    from ctrldiff.tokens.vocabulary import Vocabulary


def lift_marked(
    dfa: Dfa, languages: Sequence[Dfa], vocabulary: Vocabulary, limits: Limits = DEFAULT
) -> tuple[TokenAutomaton, NDArray[np.int64]]:
    """`lift`, and for each state (S,) a set of bits: bit k says that the text so far is in language k.

    The start and the tail have none. Raises: as `lift`.
    """
    marked = Weighted(dfa.table, dfa.classes, dfa.accept, np.zeros(dfa.n_states))
    for k, language in enumerate(languages):
        marked = marked.beside(language, 2.0**k, limits)  # whole powers of two below 2^53: sums are sets of bits
    marks, accept = marked.weight.astype(np.int64), marked.accept.copy()
    token_class, begin, end, pairs = columns_of(marked.table, marked.classes, len(accept), vocabulary, limits)
    edges = kernels.group(begin, end, pairs, len(accept))
    live, distance, longest = survey(edges[0], edges[1], accept)
    if not live[0]:
        raise unsatisfiable(marked.table, marked.classes, accept, vocabulary)
    if not live.all():
        token_class, begin, end, pairs = restrict(token_class, begin, end, pairs, live)
        edges = kernels.group(begin, end, pairs, int(live.sum()))
    lifted = with_tail(token_class, len(begin), edges, accept[live], distance[live], int(longest), vocabulary)
    marks = marks[live]
    return lifted, marks if lifted.tail is None else np.append(marks, 0)

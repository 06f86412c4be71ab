"""No constraint: the factorised posterior, as the chain over an automaton of one state that every token keeps.

So there is no second implementation to trust, and `FREE` answers every query the constrained posterior does. Every
token with a finite log-probability may stand at every position; no stop ids are special.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ctrldiff.posterior.chain import ChainPosterior, bind_table
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.token_automaton import TokenAutomaton


def bind_free(log_probs: Any, written: Any = None, raw: bool = False) -> ChainPosterior:
    """The posterior in which positions are independent. Arguments and answers as `Table.bind`; `raw`: see
    `chain.bind_rows`."""
    return bind_table(free_table(int(np.shape(log_probs)[-1])), log_probs, written, raw)


@lru_cache(maxsize=8)
def free_table(size: int) -> Table:
    """Any string over `size` tokens, of any length."""

    def one(value: int) -> Any:
        return np.array([value], np.int32)

    return Table(
        TokenAutomaton(
            token_class=np.zeros(size, np.int32),
            label_ptr=np.array([0, 1], np.int32),
            label_classes=one(0),
            edge_from=one(0),
            edge_to=one(0),
            edge_label=one(0),
            edge_weight=None,
            accept=np.array([True]),
            distance=one(0),
            longest=None,
            n_classes=1,
            tail=None,
            vocabulary="",
        )
    )

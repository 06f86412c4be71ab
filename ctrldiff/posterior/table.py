"""A token automaton, ready to be bound to logits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.kernels import walk
from ctrldiff.posterior import refusals
from ctrldiff.posterior.arrays import token_ids
from ctrldiff.posterior.chain import ChainPosterior, bind_table, forced_tokens
from ctrldiff.posterior.lifted import Lifted


@dataclass(frozen=True, eq=False, repr=False)
class Table(Lifted):
    """What may be written. `bind` it to log-probabilities at every step; nothing is parsed or compiled there.

    Fields: as of `Lifted`.
    """

    def bind(self, log_probs: Any, written: Any = None) -> ChainPosterior:
        """The exact posterior over all open positions.

        Args:
            log_probs: (T, V) or (B, T, V), with layers (B, T, layers * V); numpy or torch on any device, natural log;
                -inf forbids. Other floats than float32 are converted.
            written: (T,) or (B, T) token ids, -1 where open. Logits of written positions are never read.
        Raises: BudgetTooSmall, Infeasible (naming the first written position that cannot be), ShapeError.
        """
        return bind_table(self, log_probs, written)

    def forced(self, written: Any) -> Any:
        """(T,) int64: the only token that can be at each position, whatever the logits; -1 where there is a choice.

        Args:
            written: (T,) token ids, -1 where open, numpy or torch; the answer comes back the same way.
        Raises: as `bind`.
        """
        return forced_tokens(self, written)

    def walk(self, tokens: Any) -> int:
        """The state after these tokens of a text. Behind its end (a stop id) nothing more is read.

        Raises: Infeasible, naming the first token that no legal text has there; VocabularyError without stop ids.
        """
        ids = token_ids("tokens", tokens).reshape(-1)
        if ((ids < 0) | (ids >= self.size)).any():
            raise refusals.bad_ids("tokens", ids, self.size)
        state, read = walk.walk_to(self.chain, self.start, self.tail, self.written_class(ids))
        if read < len(ids):
            raise refusals.dead_end(self, state, ids, read)
        return int(state)

    def states(self, tokens: Any) -> NDArray[np.int32]:
        """(T + 1,) the states along a canvas, the start first. Raises: Infeasible, naming the first illegal token."""
        self.walk(tokens)
        classes = self.written_class(token_ids("tokens", tokens).reshape(-1))
        return walk.walk_states(self.chain, self.start, classes)

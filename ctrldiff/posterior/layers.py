"""Scores that depend on where in the text a token stands: layers of logits, one for each kind of place.

The table's tokens are (layer, token) pairs: an edge of layer j carries its tokens as j * V + v, so the chain solver
reads the scores of that layer there and of no other. A string of tokens takes one way through the automaton, hence one
string of pairs: every query stays exact, and answers are folded back to V tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ctrldiff.automata.token_automaton import TokenAutomaton
from ctrldiff.posterior.table import Table


@dataclass(frozen=True, eq=False)
class LayeredTable:
    """What may be written, by layers of scores.

    Fields: plain, the table over V tokens; pairs, the same automaton over layers * V pairs; layers.
    """

    plain: Table
    pairs: Table
    layers: int

    @staticmethod
    def of(automaton: TokenAutomaton, layer: NDArray[np.int64], layers: int, plain: Table) -> LayeredTable:
        """Each edge of `automaton` reads the scores of its `layer` (E,)."""
        a, C = automaton, automaton.n_classes
        keys, edge_label = np.unique(a.edge_label.astype(np.int64) * layers + layer, return_inverse=True)
        sets = [a.label_classes[a.label_ptr[k] : a.label_ptr[k + 1]] + j * C for k, j in zip(*divmod(keys, layers))]
        shifted = [np.where(a.token_class < 0, -1, a.token_class + j * C) for j in range(layers)]
        pairs = replace(
            a,
            token_class=np.concatenate(shifted).astype(np.int32),
            label_ptr=np.cumsum([0, *(len(one) for one in sets)]).astype(np.int32),
            label_classes=np.concatenate(sets).astype(np.int32),
            edge_label=edge_label.astype(np.int32),
            n_classes=layers * C,
        )
        return LayeredTable(plain, Table(pairs), layers)

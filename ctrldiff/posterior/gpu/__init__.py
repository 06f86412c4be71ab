"""The sweeps of `kernels/chain.py` on an accelerator, in Triton: from (B, T, V) logits to strings and probabilities
without a number on the host.

    pack       the tables of a batch as one buffer, rows told apart by offsets
    read       K1 classes, K2 labels: one read of the logits
    sweep      K3 the chain: values of all futures (and pasts), the walk, draws
    spread     K4 marginals: the mass on labels, classes and tokens
    along      one string, position by position; the first choice
    given      canvases of which more is written, where texts end, what is forced
    workspace  every buffer, and the launches of a step in their order
    asked      the launches of `given`
    swept      what a posterior asks

Sums, maxima and ties are float64 as on the host: the best string is the host's to the last bit, ties included. Nothing
here waits for the device but `swept.looked`, once a posterior.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec


@cache
def importable() -> bool:
    """Triton is installed."""
    return find_spec("triton") is not None


def wanted() -> bool:
    """Triton is installed and `$CTRLDIFF_TRITON` is not `off`."""
    return os.environ.get("CTRLDIFF_TRITON", "on") != "off" and importable()

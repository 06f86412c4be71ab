"""Posterior to one legal completion a row, all of it on one page. Public as `ctrldiff.propose`."""

from ctrldiff.sampling.judge import Judged, Mixture
from ctrldiff.sampling.propose import Best, Draw, Kept, Weighed
from ctrldiff.sampling.recompute import Recomputed

__all__ = ["Best", "Draw", "Judged", "Kept", "Mixture", "Recomputed", "Weighed"]

"""Which open positions to write, all of it on one page. Public as `ctrldiff.commit`."""

from ctrldiff.sampling.ancestral import Bernoulli, Remasking, Unmask
from ctrldiff.sampling.attention import Independent
from ctrldiff.sampling.combine import And, AtLeastOne, ButOne, Cap, Or, Proposed, Spacing
from ctrldiff.sampling.commit import (
    Anchored,
    CertainFree,
    EntropyBound,
    Everything,
    Factor,
    Gaps,
    LeftToRight,
    Prefix,
    Renoise,
    Rewrite,
    Threshold,
    TopK,
    best_first,
    certainty,
    first,
    leftmost,
)
from ctrldiff.sampling.history import HistoryStable
from ctrldiff.sampling.hyper import Timed
from ctrldiff.sampling.information import Informative, Spindle
from ctrldiff.sampling.learned import Features, Learned
from ctrldiff.sampling.orders import Density, Dependent, Dilated, Frequencies, Hierarchy, Positional, Routed
from ctrldiff.sampling.planned import Planned, Spans
from ctrldiff.sampling.stability import Consistent, Steady

__all__ = [
    "Anchored",
    "And",
    "AtLeastOne",
    "Bernoulli",
    "ButOne",
    "Cap",
    "CertainFree",
    "Consistent",
    "Density",
    "Dependent",
    "Dilated",
    "EntropyBound",
    "Everything",
    "Factor",
    "Features",
    "Frequencies",
    "Gaps",
    "Hierarchy",
    "HistoryStable",
    "Independent",
    "Informative",
    "Learned",
    "LeftToRight",
    "Or",
    "Planned",
    "Positional",
    "Prefix",
    "Proposed",
    "Remasking",
    "Renoise",
    "Rewrite",
    "Routed",
    "Spacing",
    "Spans",
    "Spindle",
    "Steady",
    "Threshold",
    "Timed",
    "TopK",
    "Unmask",
    "best_first",
    "certainty",
    "first",
    "leftmost",
]

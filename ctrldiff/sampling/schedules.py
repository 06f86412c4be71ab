"""When, where and how much, all of it on one page. Public as `ctrldiff.schedule`."""

from ctrldiff.sampling.hyper import Annealed, Hyper
from ctrldiff.sampling.pace import steps_for
from ctrldiff.sampling.schedule import (
    Blocks,
    Constant,
    Cosine,
    Floor,
    Linear,
    Proportional,
    Scaled,
)
from ctrldiff.sampling.slow_fast import SlowFast
from ctrldiff.sampling.windows import ByEntropy, Delimited, Dynamic, Sliding

__all__ = [
    "Annealed",
    "Blocks",
    "ByEntropy",
    "Constant",
    "Cosine",
    "Delimited",
    "Dynamic",
    "Floor",
    "Hyper",
    "Linear",
    "Proportional",
    "Scaled",
    "Sliding",
    "SlowFast",
    "steps_for",
]

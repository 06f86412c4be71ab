"""When, where and how much, all of it on one page. Public as `ctrldiff.schedule`."""

from ctrldiff.sampling.hyper import Annealed, Hyper
from ctrldiff.sampling.schedule import (
    Blocks,
    Constant,
    Cosine,
    Floor,
    Linear,
    Proportional,
    Scaled,
    steps_for,
)
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
    "steps_for",
]

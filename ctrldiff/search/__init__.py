"""Search: many canvases for each row, and rewards that say which to go on with. Public as `ctrldiff.search`."""

from ctrldiff.search.agree import MinimumRisk, Vote, agreement, votes
from ctrldiff.search.ahead import Ahead
from ctrldiff.search.back import BackAndRefine
from ctrldiff.search.best_of import BestOfN
from ctrldiff.search.branches import Branches
from ctrldiff.search.particles import Particles
from ctrldiff.search.refine import Refine
from ctrldiff.search.run import Found, Run, Search
from ctrldiff.search.thoughts import Thoughts
from ctrldiff.search.tolerate import Tolerator
from ctrldiff.search.value import ValueDecoding

__all__ = [
    "Ahead",
    "BackAndRefine",
    "BestOfN",
    "Branches",
    "Found",
    "MinimumRisk",
    "Particles",
    "Refine",
    "Run",
    "Search",
    "Thoughts",
    "Tolerator",
    "ValueDecoding",
    "Vote",
    "agreement",
    "votes",
]

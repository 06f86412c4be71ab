"""Search: many canvases for each row, and rewards that say which to go on with. Public as `ctrldiff.search`."""

from ctrldiff.search.agree import MinimumRisk, Vote, agreement, votes
from ctrldiff.search.ahead import Ahead
from ctrldiff.search.back import BackAndRefine
from ctrldiff.search.best_of import BestOfN
from ctrldiff.search.branches import Branches
from ctrldiff.search.gibbs import ParticleGibbs
from ctrldiff.search.info_gain import InfoGain
from ctrldiff.search.medal import Medal
from ctrldiff.search.particles import Particles
from ctrldiff.search.refine import Refine
from ctrldiff.search.run import Found, Run, Search
from ctrldiff.search.thoughts import Thoughts
from ctrldiff.search.tolerate import Tolerator
from ctrldiff.search.tree_edits import TreeEdits
from ctrldiff.search.value import ValueDecoding
from ctrldiff.search.voting import DVoting

__all__ = [
    "Ahead",
    "BackAndRefine",
    "BestOfN",
    "Branches",
    "DVoting",
    "Found",
    "InfoGain",
    "Medal",
    "MinimumRisk",
    "ParticleGibbs",
    "Particles",
    "Refine",
    "Run",
    "Search",
    "Thoughts",
    "Tolerator",
    "TreeEdits",
    "ValueDecoding",
    "Vote",
    "agreement",
    "votes",
]

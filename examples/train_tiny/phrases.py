"""Choosing among phrasings, with a held-out part that training never sees.

A phrasing is held out when a stable hash of its pattern (5 % of the patterns: all their variants go) or of its
expanded text (9 %) says so. Training draws only from the rest; the "unseen" set only from the held-out part.
"""

import re
from functools import cache
from random import Random

from examples.train_tiny.values import stable_hash

PATTERNS_HELD_OUT, PHRASES_HELD_OUT = 5, 9  # percent
CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
SLOT = re.compile(r"\{(\w*)\}")
SEEN, UNSEEN = "seen", "unseen"


def expand(pattern: str, rng: Random) -> str:
    """Choose one alternative of every "(a|b|)"; parentheses without a bar stay as they are."""
    if "|" not in pattern:
        return pattern
    phrase = CHOICE.sub(lambda match: rng.choice(match[1].split("|")), pattern)
    return phrase if "  " in pattern else phrase.replace("  ", " ")


def is_unseen(pattern: str, phrase: str) -> bool:
    return (
        stable_hash("pattern:" + pattern) % 100 < PATTERNS_HELD_OUT
        or stable_hash("phrase:" + phrase) % 100 < PHRASES_HELD_OUT
    )


@cache
def slots(pattern: str) -> tuple[str, ...]:
    return tuple(name for name in SLOT.findall(pattern) if name != "n")


def choose(patterns, rng: Random, split: str, tries: int = 60, finish=None) -> str | None:
    """One phrasing of the wanted split, or None when a few dozen draws find none.

    Args:
        patterns: a sequence, or a function that draws (pattern, phrase).
        finish: applied to the expanded phrase before hashing (substitutes a noun, say).
    """
    for _ in range(tries):
        if callable(patterns):
            pattern, phrase = patterns()
        else:
            pattern = rng.choice(patterns)
            phrase = expand(pattern, rng)
        if finish:
            phrase = finish(phrase)
        if is_unseen(pattern, phrase) == (split == UNSEEN):
            return phrase
    return None

"""Eight different letters, to be written again: in any order (shuffle), or as they are (copy)."""

from __future__ import annotations

from functools import reduce
from operator import and_
from random import Random
from string import ascii_lowercase

import ctrldiff as cd
from ctrldiff.constraints.description import Description
from examples.puzzles.task import Problem, Task

COUNT = 8


def shuffle(rng: Random) -> Problem:
    """ "~" and the letters; every order of them is an answer, and as likely as any other."""
    letters = rng.sample(ascii_lowercase, COUNT)
    return Problem("~" + "".join(letters), "".join(rng.sample(letters, COUNT)))


def same_letters(text: str, answer: str) -> bool:
    return sorted(text[1:]) == sorted(answer)


def each_once(text: str) -> Description:
    """All orders of the letters, and nothing else."""
    letters = text[1:]
    once = (cd.Regex(f"[^{letter}]*{letter}[^{letter}]*") for letter in letters)
    return reduce(and_, once, cd.Regex(f"[{letters}]{{{len(letters)}}}"))


def copy(rng: Random) -> Problem:
    """ "=" and the letters, which are the answer: nothing in it depends on anything else in it."""
    letters = "".join(rng.sample(ascii_lowercase, COUNT))
    return Problem("=" + letters, letters)


def is_same(text: str, answer: str) -> bool:
    return answer == text[1:]


LETTERS = (
    Task("shuffle", shuffle, same_letters, lambda text: "".join(sorted(text)), each_once, True, COUNT),
    Task("copy", copy, is_same, str, lambda text: cd.Regex(f"[a-z]{{{COUNT}}}"), False, COUNT),
)

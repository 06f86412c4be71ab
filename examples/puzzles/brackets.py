"""Twelve brackets of two kinds, some of them shown: any balanced text that keeps those is an answer."""

from __future__ import annotations

from functools import cache
from random import Random

import ctrldiff as cd
from ctrldiff.constraints.description import Description
from examples.puzzles.task import Problem, Task

PAIRS = {"(": ")", "[": "]"}
LENGTH = 12
SHOWN = 0.35


@cache
def endings(left: int, depth: int) -> int:
    """In how many ways `left` more brackets close all `depth` open ones; kinds aside."""
    if depth < 0 or depth > left:
        return 0
    return 1 if left == 0 else endings(left - 1, depth + 1) + endings(left - 1, depth - 1)


def balanced(rng: Random) -> str:
    """One of all balanced texts, each as likely as any other."""
    text, due = "", []
    for left in range(LENGTH, 0, -1):
        opens = endings(left - 1, len(due) + 1)
        if rng.randrange(endings(left, len(due))) < opens:
            kind = rng.choice("([")
            text += kind
            due.append(PAIRS[kind])
        else:
            text += due.pop()
    return text


def brackets(rng: Random) -> Problem:
    answer = balanced(rng)
    return Problem("".join(sign if rng.random() < SHOWN else "." for sign in answer), answer)


def closes(text: str, answer: str) -> bool:
    if len(answer) != LENGTH or any(shown not in (".", sign) for shown, sign in zip(text, answer)):
        return False
    due = []
    for sign in answer:
        if sign in PAIRS:
            due.append(PAIRS[sign])
        elif not due or due.pop() != sign:
            return False
    return not due


@cache
def nested(depth: int) -> str:
    """A pattern of the balanced texts that are nested at most so deep."""
    return rf"(?:\({nested(depth - 1)}\)|\[{nested(depth - 1)}\])*" if depth else ""


def balanced_around(text: str) -> Description:
    """All answers, and nothing else."""
    shown = "".join(r"[()\[\]]" if sign == "." else "\\" + sign for sign in text)
    return cd.Regex(nested(LENGTH // 2)) & cd.Regex(shown)


BRACKETS = Task("brackets", brackets, closes, str, balanced_around, complete=True, length=LENGTH)

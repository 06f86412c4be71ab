"""Addition of six-digit numbers, with long carries; and countdown: three digits and a number to reach with them."""

from __future__ import annotations

import re
from random import Random

import ctrldiff as cd
from ctrldiff.constraints.description import Description
from examples.puzzles.task import Problem, Task

DIGITS = 6
CARRIES = 0.4  # share of columns that add up to 9, so that a carry goes through them
SIGNS = "+-*"


def addition(rng: Random) -> Problem:
    """ "012345+067890", answered by seven digits."""
    left, right = [], []
    for _ in range(DIGITS):
        digit = rng.randrange(10)
        left.append(digit)
        right.append(9 - digit if rng.random() < CARRIES else rng.randrange(10))
    one, other = ("".join(map(str, digits)) for digits in (left, right))
    return Problem(f"{one}+{other}", f"{int(one) + int(other):0{DIGITS + 1}}")


def adds_up(text: str, answer: str) -> bool:
    left, right = text.split("+")
    return answer == f"{int(left) + int(right):0{DIGITS + 1}}"


def either_way(text: str) -> str:
    """a + b is b + a."""
    return "+".join(sorted(text.split("+")))


def value(expression: str) -> int:
    """Of digits with signs between them; times goes before plus and minus."""
    total = 0
    for sign, product in re.findall(r"([-+]?)(\d(?:\*\d)*)", expression):
        factors = 1
        for factor in product.split("*"):
            factors *= int(factor)
        total += -factors if sign == "-" else factors
    return total


def countdown(rng: Random) -> Problem:
    """ "357=022", answered by "3*5+7" or whatever else uses each digit once and comes to 22."""
    while True:
        digits = [str(rng.randint(1, 9)) for _ in range(3)]
        answer = digits[0] + rng.choice(SIGNS) + digits[1] + rng.choice(SIGNS) + digits[2]
        if value(answer) >= 0:
            rng.shuffle(digits)
            return Problem(f"{''.join(digits)}={value(answer):03}", answer)


def reaches(text: str, answer: str) -> bool:
    digits, target = text.split("=")
    if not re.fullmatch(r"[1-9][-+*][1-9][-+*][1-9]", answer, re.ASCII):
        return False
    return sorted(answer[::2]) == sorted(digits) and value(answer) == int(target)


def any_order(text: str) -> str:
    digits, target = text.split("=")
    return f"{''.join(sorted(digits))}={target}"


def signs_between(text: str) -> Description:
    """The given digits, in any order and number, with signs between them."""
    digit = f"[{''.join(sorted(set(text.split('=')[0])))}]"
    return cd.Regex(f"{digit}[-+*]{digit}[-+*]{digit}")


NUMBERS = (
    Task("addition", addition, adds_up, either_way, lambda text: cd.Regex("[01][0-9]{6}"), False, DIGITS + 1),
    Task("countdown", countdown, reaches, any_order, signs_between, False, 5),
)

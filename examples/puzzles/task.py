"""What a task is: a maker of problems, a judge of answers, and what form says of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from ctrldiff.constraints.description import Description

HELD_OUT = 16  # one problem in so many is never trained on
PATIENCE = 20_000  # problems made without one that is wanted


@dataclass(frozen=True)
class Problem:
    """What is asked, and one of its answers."""

    text: str
    answer: str


@dataclass(frozen=True)
class Task:
    """A kind of puzzle. Its texts are of one length, and so are its answers.

    Fields:
        make: a problem from a generator.
        judge: (text, answer): whether the answer is one, whichever of the legal ones.
        key: text to what counts as the same problem; problems are held out by it.
        form: text to a constraint that every legal answer meets. complete: and no other.
        length: signs of an answer.
    """

    name: str
    make: Callable[[Random], Problem]
    judge: Callable[[str, str], bool]
    key: Callable[[str], str]
    form: Callable[[str], Description]
    complete: bool
    length: int

    def held_out(self, text: str) -> bool:
        """By a hash that is the same on every machine."""
        digest = sha256(f"{self.name} {self.key(text)}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % HELD_OUT == 0

    def problems(self, seed: str, held_out: bool) -> Iterator[Problem]:
        """Problems of one side of the split: without end those to train on, and the held-out ones each text once.

        Raises: ValueError when no more held-out ones are found.
        """
        rng, seen = Random(f"{seed} {self.name}"), set()
        fruitless = 0
        while fruitless < PATIENCE:
            one = self.make(rng)
            fruitless += 1
            if self.held_out(one.text) == held_out and one.text not in seen:
                fruitless = 0
                if held_out:
                    seen.add(one.text)
                yield one
        raise ValueError(f"{self.name}: {len(seen)} held-out problems found, and no more")

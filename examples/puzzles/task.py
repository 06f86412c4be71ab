"""What a task is: a maker of problems, a judge of answers, and what form says of an answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from random import Random

from ctrldiff.constraints.description import Description

HELD_OUT = 16  # one problem in so many is never trained on


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
        """Endless problems of one side of the split; the held-out ones each once."""
        rng, seen = Random(f"{seed} {self.name}"), set()
        while True:
            one = self.make(rng)
            key = self.key(one.text)
            if self.held_out(one.text) != held_out or (held_out and key in seen):
                continue
            if held_out:
                seen.add(key)
            yield one

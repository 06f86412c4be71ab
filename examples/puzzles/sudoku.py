"""Grids of 4 x 4 and 6 x 6, row after row: "." is an empty cell, and any legal grid with the clues is an answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from random import Random

import ctrldiff as cd
from ctrldiff.constraints.description import Description
from examples.puzzles.task import Problem, Task


@dataclass(frozen=True)
class Sudoku:
    """Grids of `size` signs a row, in boxes of `high` rows; from `fewest` to `most` clues."""

    size: int
    high: int
    fewest: int
    most: int

    @property
    def cells(self) -> int:
        return self.size**2

    @cached_property
    def groups(self) -> tuple[tuple[int, int, int], ...]:
        """Of each cell the numbers of its row, its column and its box."""
        wide, n = self.size // self.high, self.size
        return tuple(
            (row, n + column, 2 * n + row // self.high * self.high + column // wide)
            for row in range(n)
            for column in range(n)
        )

    def grid(self, rng: Random) -> list[int]:
        """A legal grid of 0..size-1: cell by cell at random, and back where nothing fits."""
        taken, grid = [0] * (3 * self.size), [0] * self.cells

        def fill(cell: int) -> bool:
            if cell == self.cells:
                return True
            row, column, box = self.groups[cell]
            signs = [sign for sign in range(self.size) if not (taken[row] | taken[column] | taken[box]) >> sign & 1]
            rng.shuffle(signs)
            for sign in signs:
                for group in (row, column, box):
                    taken[group] |= 1 << sign
                grid[cell] = sign
                if fill(cell + 1):
                    return True
                for group in (row, column, box):
                    taken[group] &= ~(1 << sign)
            return False

        fill(0)
        return grid

    def make(self, rng: Random) -> Problem:
        answer = "".join(str(sign + 1) for sign in self.grid(rng))
        shown = set(rng.sample(range(self.cells), rng.randint(self.fewest, self.most)))
        return Problem("".join(sign if cell in shown else "." for cell, sign in enumerate(answer)), answer)

    def judge(self, text: str, answer: str) -> bool:
        signs = {str(n + 1) for n in range(self.size)}
        if len(answer) != self.cells or any(clue not in (".", sign) for clue, sign in zip(text, answer)):
            return False
        members: list[set[str]] = [set() for _ in range(3 * self.size)]
        for sign, groups in zip(answer, self.groups, strict=True):
            for group in groups:
                members[group].add(sign)
        return all(one == signs for one in members)

    def form(self, text: str) -> Description:
        """The clues, and a sign in every other cell."""
        return cd.Regex(text.replace(".", f"[1-{self.size}]"))

    def task(self) -> Task:
        name = f"sudoku {self.size}x{self.size}"
        return Task(name, self.make, self.judge, str, self.form, complete=False, length=self.cells)


SUDOKUS = (Sudoku(4, 2, 3, 9).task(), Sudoku(6, 2, 16, 26).task())

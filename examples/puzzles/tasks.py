"""All tasks, by name."""

from __future__ import annotations

from examples.puzzles.brackets import BRACKETS
from examples.puzzles.letters import LETTERS
from examples.puzzles.numbers import NUMBERS
from examples.puzzles.sudoku import SUDOKUS
from examples.puzzles.task import Task

TASKS: dict[str, Task] = {task.name: task for task in (*SUDOKUS, *NUMBERS, *LETTERS, BRACKETS)}

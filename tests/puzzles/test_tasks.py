"""Problems have the answers they say, and judges say what plain rules say."""

from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import islice, permutations, product
from random import Random

import pytest

from examples.orders import puzzles
from examples.puzzles.brackets import LENGTH, balanced, closes, endings
from examples.puzzles.numbers import reaches, value
from examples.puzzles.sudoku import Sudoku
from examples.puzzles.task import HELD_OUT, Problem
from examples.puzzles.tasks import TASKS

SMALL, LARGE = Sudoku(4, 2, 3, 9), Sudoku(6, 2, 16, 26)


@cache
def grids() -> list[str]:
    """All of 4 x 4, by trying all rows."""
    return puzzles.sudoku()


def swapped(text: str, rng: Random) -> str:
    """Two signs in each other's place."""
    signs = list(text)
    one, other = rng.sample(range(len(text)), 2)
    signs[one], signs[other] = signs[other], signs[one]
    return "".join(signs)


@pytest.mark.parametrize("name", TASKS)
def test_made_problems_have_the_answer_they_say(name):
    task = TASKS[name]
    for one in islice(task.problems("test", held_out=False), 100):
        assert len(one.answer) == task.length and task.judge(one.text, one.answer)
        assert not task.judge(one.text, one.answer[:-1]) and not task.judge(one.text, one.answer + one.answer[-1])


@pytest.mark.parametrize("name", TASKS)
def test_form_holds_of_every_answer_and_where_it_is_complete_of_nothing_else(name):
    task, rng, wrong = TASKS[name], Random(3), 0
    for one in islice(task.problems("test", held_out=False), 8):
        form = task.form(one.text)
        assert one.answer in form
        for _ in range(25):
            other = swapped(one.answer, rng)
            right = task.judge(one.text, other)
            assert other in form or not right
            wrong += other in form and not right
    assert (wrong == 0) == task.complete


@pytest.mark.parametrize("name", TASKS)
def test_a_problem_is_on_one_side_of_the_split(name):
    task = TASKS[name]
    made = [task.make(Random(f"{name} {n}")).text for n in range(1600)]
    share = sum(map(task.held_out, made)) / len(made)
    assert 0.5 / HELD_OUT < share < 1.6 / HELD_OUT
    asked = [one.text for one in islice(task.problems("test", held_out=True), 40)]
    assert all(map(task.held_out, asked)) and len(set(asked)) == 40
    assert asked == [one.text for one in islice(task.problems("test", held_out=True), 40)]
    assert not any(task.held_out(one.text) for one in islice(task.problems("test", held_out=False), 200))


def test_a_task_says_when_it_has_no_more():
    few = replace(TASKS["copy"], make=lambda rng: Problem(f"={rng.randrange(100)}", ""))
    with pytest.raises(ValueError, match=r"copy: [1-9]\d* held-out problems found"):
        list(few.problems("test", held_out=True))


def test_the_same_problem_told_otherwise_is_held_out_with_it():
    assert all(
        TASKS["addition"].held_out(f"{n:06}+123456") == TASKS["addition"].held_out(f"123456+{n:06}") for n in range(200)
    )
    for digits in permutations("357"):
        assert TASKS["countdown"].key("".join(digits) + "=022") == "357=022"


# ---- sudoku


def test_of_all_latin_squares_the_judge_takes_the_grids():
    rows = ["".join(row) for row in permutations("1234")]
    squares = [""]
    for _ in range(4):
        longer = (square + row for square in squares for row in rows)
        squares = [one for one in longer if all(len(set(one[c::4])) == len(one[c::4]) for c in range(4))]
    assert len(squares) == 576
    legal = {square for square in squares if SMALL.judge("." * 16, square)}
    assert legal == set(grids())  # 288 of 576: the boxes


def plain(grid: str) -> bool:
    """Of 6 x 6: rows, columns and boxes of 2 x 3, by slices."""
    rows = [grid[6 * r : 6 * r + 6] for r in range(6)]
    boxes = [rows[r][c : c + 3] + rows[r + 1][c : c + 3] for r in (0, 2, 4) for c in (0, 3)]
    return all(sorted(group) == list("123456") for group in (*rows, *map("".join, zip(*rows, strict=True)), *boxes))


def test_the_judge_of_large_grids_says_what_slices_say():
    rng, seen = Random(5), Counter()
    for _ in range(200):
        grid = "".join(str(sign + 1) for sign in LARGE.grid(rng))
        rows = [grid[6 * r : 6 * r + 6] for r in range(6)]
        one, other = rng.sample(range(6), 2)
        rows[one], rows[other] = rows[other], rows[one]  # legal within a band, and across bands but for the boxes
        for candidate in (grid, "".join(rows), swapped(grid, rng)):
            seen[plain(candidate)] += 1
            assert LARGE.judge("." * 36, candidate) == plain(candidate)
    assert min(seen.values()) > 100


def test_an_answer_keeps_the_clues():
    first = grids()[0]
    assert SMALL.judge(first[:5] + "." * 11, first)
    assert not SMALL.judge(first[:5] + "." * 11, next(grid for grid in grids() if grid[:5] != first[:5]))


def test_all_small_grids_are_made():
    rng = Random(1)
    assert {"".join(str(sign + 1) for sign in SMALL.grid(rng)) for _ in range(4000)} == set(grids())


# ---- numbers


def expressions(digits: str) -> set[str]:
    return {
        f"{a}{s}{b}{t}{c}" for a, b, c in permutations(digits) for s, t in product("+-*", repeat=2)
    }  # all that use each digit once


def test_values_are_those_of_python():
    for one in expressions("257") | expressions("119"):
        assert value(one) == eval(one)


def from_the_left(expression: str) -> int:
    """The wrong variant: times does not go first."""
    a, s, b, t, c = expression
    return eval(f"({a}{s}{b}){t}{c}")


def test_countdown_is_judged_as_by_trying_all():
    differ = 0
    for one in islice(TASKS["countdown"].problems("test", held_out=False), 30):
        digits, target = one.text.split("=")
        legal = {e for e in expressions(digits) if eval(e) == int(target)}
        others = expressions("".join(sorted(digits))[:2] + "9")
        assert {e for e in expressions(digits) | others if reaches(one.text, e)} == legal
        differ += legal != {e for e in expressions(digits) if from_the_left(e) == int(target)}
    assert differ
    assert not reaches("357=022", "3*5+٧") and not reaches("357=022", "3*5+7+0")


def test_carries_go_far():
    longest = 0
    for one in islice(TASKS["addition"].problems("test", held_out=False), 200):
        left, right = one.text.split("+")
        run = best = 0
        for a, b in zip(left[::-1], right[::-1], strict=True):
            total = int(a) + int(b)
            run = 1 if total > 9 else run + 1 if total == 9 and run else 0
            best = max(best, run)
        longest += best >= 3
        assert TASKS["addition"].judge(one.text, str(int(left) + int(right)).zfill(7))
    assert longest > 30  # of digits drawn alike it would be four


# ---- brackets


def by_removal(text: str) -> bool:
    """Balanced is what vanishes when pairs that touch are taken out."""
    while "()" in text or "[]" in text:
        text = text.replace("()", "").replace("[]", "")
    return not text


def test_balanced_is_what_vanishes():
    rng, seen = Random(2), Counter()
    for _ in range(400):
        text = balanced(rng)
        for candidate in (text, swapped(text, rng), "".join(rng.choices("()[]", k=LENGTH))):
            seen[by_removal(candidate)] += 1
            assert closes("." * LENGTH, candidate) == by_removal(candidate)
    assert min(seen.values()) > 300
    assert closes("(" + "." * 11, "()" * 6) and not closes("[" + "." * 11, "()" * 6)


def test_balanced_texts_are_drawn_alike():
    shapes = ["".join(one) for one in product("()", repeat=LENGTH) if by_removal("".join(one))]
    assert len(shapes) == endings(LENGTH, 0) == 132

    def away(counts: Counter) -> float:
        total = sum(counts.values())
        return sum(abs(counts[shape] / total - 1 / 132) for shape in shapes) / 2

    def by_coin(rng: Random) -> str:
        """The wrong variant: open or close by a fair coin, where both can end."""
        text, depth = "", 0
        for left in range(LENGTH, 0, -1):
            opens = depth == 0 or (depth < left and rng.random() < 0.5)
            text, depth = text + ("(" if opens else ")"), depth + (1 if opens else -1)
        return text

    rng = Random(4)
    flat = str.maketrans("[]", "()")
    assert away(Counter(balanced(rng).translate(flat) for _ in range(4000))) < 0.1
    assert away(Counter(by_coin(rng) for _ in range(4000))) > 0.2

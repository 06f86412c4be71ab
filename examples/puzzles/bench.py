"""Every decoder on every puzzle, by the model in the box: what it solves, and in how many passes.

    python -m examples.puzzles.bench --out F.jsonl [--problems N] [--tasks A,B] [--methods "C;D"] [--dtype bfloat16]
    python -m examples.puzzles.bench --table F.jsonl [--svg FOLDER]

Problems are held out. Decoders that are told how many passes they have get 1, 4, 8 and 16, where that is fewer than a
text has positions, and rules that can write one position a pass as many as it has. Some are measured again with what
form says of an answer. Searches that choose among draws draw at half a temperature. Run it again with the same file and
it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import torch

import ctrldiff as cd
from ctrldiff.models.hf import Loaded, load, resolve
from ctrldiff.report.plot import Point, curves
from ctrldiff.search.run import Search, draws
from examples.orders.counted import Decoded, cost, decoded
from examples.orders.searches import FREE, PACED, SEARCHED, decoder
from examples.puzzles.task import Problem, Task
from examples.puzzles.tasks import TASKS

PASSES = (1, 4, 8, 16)
SEARCHES_TOLD = (4, 8)  # searches get these alone, for each of their decodes
RATES = ("at random", "confidence", "margin", "entropy")  # these have a meaning at one position a pass
FORMED = ("confidence", "threshold .9", "prefix .99, own .9 (default)", "eb .1 nats")  # measured with a constraint too
FORM = ", form"
DRAWN = 0.5  # the temperature of searches that choose among draws
SEED = "bench"


@dataclass(frozen=True)
class Solved:
    """One method on one task.

    Fields: weights: what tells them from others. told: the number of passes that the method was given, 0 where it
    decides itself. passes, canvases: of a text, those included in which it looks again or ahead; see `counted.py`.
    """

    weights: str

    task: str
    method: str
    told: int
    problems: int
    temperature: float
    solved: float = 0.0
    passes: float = 0.0
    canvases: float = 0.0

    @property
    def asked(self) -> Solved:
        """Without what was found."""
        return replace(self, solved=0.0, passes=0.0, canvases=0.0)

    @property
    def error(self) -> float:
        """The standard error of `solved`."""
        return float(np.sqrt(self.solved * (1 - self.solved) / self.problems))

    @property
    def cell(self) -> str:
        """For tables: solved per cent, and what it cost where that is not one canvas for each pass it was told."""
        spent = cost(self.passes, self.canvases)
        return f"{100 * self.solved:.0f}" + ("" if spent == f"{self.told:.1f}" else f" ({spent})")


def paces(length: int, every: bool) -> list[int]:
    """The numbers of passes at which a text of this length is written."""
    fewer = [passes for passes in PASSES if passes < length]
    return [*fewer, length] if every or length <= PASSES[-1] else fewer


def held_out(task: Task, count: int) -> list[Problem]:
    return list(islice(task.problems(SEED, held_out=True), count))


def answers(
    model: Loaded,
    task: Task,
    problems: Sequence[Problem],
    plan: cd.Plan,
    form: bool = False,
    search: Search | None = None,
) -> tuple[list[str], Decoded]:
    """What is written for all problems in one batch, each with a generator of its own, and what it cost."""
    prompts = [model.prompt_ids(one.text, "") for one in problems]
    state = cd.State.blank(prompts, task.length, seed=list(range(len(problems))))
    vocabulary = model.denoiser.vocabulary
    tables = tuple(task.form(one.text).compile(vocabulary) for one in problems) if form else ()
    done = decoded(model.denoiser, plan, state, tables, search)
    return [vocabulary.decode(ids).decode(errors="replace") for ids in done.tokens.tolist()], done


def solve(model: Loaded, asked: Solved) -> Solved:
    """One method on the first so many held-out problems of a task."""
    task, name = TASKS[asked.task], asked.method.removesuffix(FORM)
    problems = held_out(task, asked.problems)
    plan, search = decoder(name, asked.told, task.length, asked.temperature)
    if draws(search):
        plan = decoder(name, asked.told, task.length, DRAWN).plan
    texts, done = answers(model, task, problems, plan, name != asked.method, search)
    right = [task.judge(one.text, text) for one, text in zip(problems, texts, strict=True)]
    passes, canvases = (float(one.double().mean()) for one in (done.passes, done.canvases))
    return replace(asked, solved=float(np.mean(right)), passes=passes, canvases=canvases)


def attends(asked: Solved) -> bool:
    """Whether the method reads the network's attention."""
    return decoder(asked.method.removesuffix(FORM), asked.told, TASKS[asked.task].length, 0.0).plan.attends


def work(task: Task) -> Iterator[tuple[str, int]]:
    """All methods, and the numbers of passes they are told."""
    for method in (*PACED, *(name + FORM for name in FORMED if name in PACED)):
        yield from ((method, told) for told in paces(task.length, method.removesuffix(FORM) in RATES))
    for method in SEARCHED:
        yield from ((method, told) for told in SEARCHES_TOLD if told < task.length)
    for method in (*FREE, *(name + FORM for name in FORMED if name in FREE)):
        yield method, 0


# ---- the command


def read(path: Path) -> list[Solved]:
    return [Solved(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def table(rows: Sequence[Solved]) -> str:
    """Markdown: solved per cent by the passes that were told, with passes and canvases in brackets where they are not
    those; then per cent and passes of those that decide."""
    tasks = list(dict.fromkeys(row.task for row in rows))
    by = {(row.task, row.method, row.told): row for row in rows}
    lines = []
    for own in (False, True):
        methods = list(dict.fromkeys(row.method for row in rows if (row.told == 0) == own))
        at = {task: sorted({row.told for row in rows if row.task == task and row.told}) for task in tasks}
        heads = [task if own else f"{task} ({'/'.join(map(str, at[task]))})" for task in tasks]
        lines += [f"| {'solved % (passes; canvases)' if own else 'solved % at so many passes'} | {' | '.join(heads)} |"]
        lines += ["|---" * (len(tasks) + 1) + "|"]
        for method in methods:
            cells = []
            for task in tasks:
                found = [by.get((task, method, told)) for told in ([0] if own else at[task])]
                cells.append("/".join(one.cell if one else "-" for one in found) if any(found) else "-")
            lines.append(f"| {method} | {' | '.join(cells)} |")
        lines.append("")
    counts = sorted({row.problems for row in rows})
    worst = max(row.error for row in rows)
    lines.append(f"{' or '.join(map(str, counts))} problems each; standard errors up to {100 * worst:.1f} points")
    return "\n".join(lines)


def drawing(task: str, rows: Sequence[Solved]) -> str:
    """An SVG of one task's rows: solved against passes."""
    points = [Point(row.method, row.passes, row.solved, row.error) for row in rows]
    return curves(points, f"{task}: {rows[0].problems} problems", "solved")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", default="puzzles", help='a model folder; "puzzles" is in the box')
    parser.add_argument("--problems", type=int, default=250, help="of each task")
    parser.add_argument("--temperature", type=float, default=0.0)
    parser.add_argument("--dtype", default="float32", help="what the network runs in")
    parser.add_argument("--tasks", default=",".join(TASKS), help="names with commas between them")
    parser.add_argument("--methods", help="names with semicolons between them; all, if none are given")
    parser.add_argument("--out", type=Path, help="where figures are added; what is there is not measured again")
    parser.add_argument("--table", type=Path, help="print the figures of this file")
    parser.add_argument("--svg", type=Path, help="with --table: a drawing of each task in this folder")
    options = parser.parse_args()
    if options.table:
        rows = read(options.table)
        rows = [row for row in rows if row.weights == rows[-1].weights]
        print(table(rows))
        for task in dict.fromkeys(row.task for row in rows) if options.svg else ():
            drawn = drawing(task, [row for row in rows if row.task == task])
            (options.svg / f"{task.replace(' ', '_')}.svg").write_text(drawn, encoding="ascii")
        return
    torch.set_num_threads(1)

    @cache
    def model(attention: bool) -> Loaded:
        more = {"attn_implementation": "eager"} if attention else {}
        return load(resolve(options.folder), dtype=options.dtype, **more)

    weights = model(False).digest
    rows = read(options.out) if options.out and options.out.exists() else []
    done = {row.asked for row in rows}
    wanted = options.methods and set(options.methods.split(";"))
    for name in options.tasks.split(","):
        for method, told in work(TASKS[name]):
            asked = Solved(weights, name, method, told, options.problems, options.temperature)
            if asked in done or (wanted and method not in wanted):
                continue
            row = solve(model(attends(asked)), asked)
            rows.append(row)
            line = json.dumps(asdict(row))
            if options.out:
                with options.out.open("a", encoding="utf-8") as file:
                    file.write(line + "\n")
            print(line, flush=True)
    print(table([row for row in rows if row.weights == weights]))


if __name__ == "__main__":
    main()

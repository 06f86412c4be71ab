"""What the commands print for people: with rich, which is imported when it is needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from ctrldiff.report.page import plain

if TYPE_CHECKING:
    from ctrldiff.calibration import Report
    from ctrldiff.extract.job import Progress, Summary
    from ctrldiff.reliability import Calibration, Worth
    from ctrldiff.sampling.trace import Frame
    from ctrldiff.state import State
    from ctrldiff.tokens.vocabulary import Vocabulary

UNSURE = 0.5  # tokens less probable than this are underlined


def show_check(facts: dict[str, Any]) -> None:
    """What became of a schema: enforced, narrowed, refused, and how large the answer can be."""
    console = Console()
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    enforced = ", ".join(f"{k} ×{n}" if n > 1 else k for k, n in facts["enforced"].items())
    grid.add_row("enforced", enforced or "nothing")
    for item in facts["narrowed"]:
        grid.add_row("narrowed", escape(f"{item['pointer']}: {item['how']}"))
    for item in facts.get("plain", ()):
        grid.add_row("for plain texts", escape(f"{item['pointer']}: {item['how']}"))
    for item in facts["ignored"]:
        grid.add_row("ignored", escape(f'"{item["keyword"]}" at {item["pointer"]} ({item["why"]})'))
    for item in facts["empty"]:
        grid.add_row("empty", escape(f"{item['pointer']}: {item['why']}"))
    for item in facts["unknown"]:
        meant = f" ({item['meant']}?)" if item["meant"] else ""
        grid.add_row("unknown", escape(f'"{item["keyword"]}" at {item["pointer"]}{meant}'))
    for item in facts["refused"]:
        why = f" ({item['why']})" if item["why"] else ""
        grid.add_row("[red]refused[/red]", escape(f'"{item["keyword"]}" at {item["pointer"]}{why}'))
    if "text" in facts:
        text = facts["text"] if len(facts["text"]) <= 60 else facts["text"][:57] + "..."
        grid.add_row("spans", escape(f"an automaton for each text; this is the one for {text!r}"))
    if "states" in facts:
        tokens = facts["tokens"]
        most = facts["bytes"]["longest"]
        longest = "no end" if tokens["longest"] is None else f"{tokens['longest']:,} tokens, {most:,} bytes"
        grid.add_row("automaton", f"{facts['states']:,} byte states in {facts['seconds']['automaton']:.3f} s")
        grid.add_row(
            "token table",
            f"{tokens['states']:,} states, {tokens['classes']:,} classes, {tokens['edges']:,} edges over "
            f"{tokens['vocabulary']:,} tokens in {facts['seconds']['token_table']:.3f} s",
        )
        grid.add_row("shortest", escape(f"{tokens['shortest']} tokens, e.g. {facts['shortest']}"))
        grid.add_row("longest", longest)
    if "explained" in facts:
        _add_explanation(grid, facts["explained"])
    console.print(grid)


def _add_explanation(grid: Table, told: dict[str, Any]) -> None:
    if told["accepted"]:
        spelled = "as it stands" if told["verbatim"] else f"spelled {told['text']}"
        grid.add_row("[green]instance[/green]", escape(f"in the language, {spelled}"))
        return
    read = told["text"].encode()[: told["byte"]].decode(errors="replace")
    grid.add_row("[red]instance[/red]", escape(f"not in the language: at byte {told['byte']} of {told['text']}"))
    grid.add_row("", escape(f"after {read!r} it could end like this: {told['could']}"))
    for at, message in told["reasons"]:
        grid.add_row("", escape(f"{at}: {message}"))
    if not told["reasons"]:
        grid.add_row("", "the schema accepts the value, but it is not written: see what is narrowed")


DECIDED = {  # the colours of the pages: who decided a token
    "model": "blue",
    "constraint": "yellow",
    "guide": "magenta",
    "draw": "cyan",
    "revision": "red",
}


def canvas_text(frame: Frame, before: Frame | None = None) -> Text:
    """A canvas as a line: a token in the colour of who decided it, bold if new, underlined if unsure."""
    line = Text().append(f"{frame.step:>3}  ", "dim")
    last = max((n for n, piece in enumerate(frame.pieces) if piece), default=-1)
    for n, piece in enumerate(frame.pieces[: last + 1]):
        style = "dim"
        if piece is not None:
            new = before is not None and before.pieces[n] != piece
            unsure = frame.confidence[n] < UNSURE  # not so of a NaN: nothing was chosen there
            who = DECIDED.get(frame.by[n], "") if frame.by else ""
            style = " ".join(filter(None, (who, "bold" if new else "", "underline" if unsure else "")))
        line.append("·" if piece is None else plain(piece), style)
    holes = sum(piece is None for piece in frame.pieces[last + 1 :])
    return line.append("·" * min(holes, 5) + (f" and {holes - 5} more" if holes > 5 else ""), "dim")


def legend() -> Text:
    """What the colours of `canvas_text` say."""
    line = Text("     ")
    for name, colour in DECIDED.items():
        line.append(name, colour).append("  ")
    return line.append("bold", "bold").append(": new  ").append("underlined", "underline").append(": unsure")


@contextmanager
def streaming(vocabulary: Vocabulary) -> Iterator[Callable[[State], None]]:
    """What is told of each state of one text, and shows its canvas in place, on standard error; where that is no
    terminal, a line a step."""
    from rich.live import Live

    from ctrldiff.sampling.trace import Trace

    console = Console(stderr=True, highlight=False)
    before: list[Frame | None] = [None]

    def tell(state: State) -> None:
        frame = Trace.latest(state, vocabulary)
        text, before[0] = canvas_text(frame, before[0]), frame
        if console.is_terminal:
            live.update(text, refresh=True)
        else:
            console.print(text)

    if not console.is_terminal:
        yield tell
        return
    console.print(legend())
    with Live(console=console, auto_refresh=False) as live:
        yield tell


def show_result(result: Any, *, pretty: bool, canvases: bool = False) -> None:
    """An answer, what it cost, and with `canvases` the canvas filling up."""
    console = Console(highlight=False)
    if canvases:
        for frame, before in zip(result.trace.frames[0], [None, *result.trace.frames[0]], strict=False):
            console.print(canvas_text(frame, before))
        if None in result.trace.frames[0][-1].pieces:  # decided in one pass: there is no canvas to look at
            console.print(Text(f"{result.usage.forwards:>3}  ", style="dim").append(result.raw, "bold green"))
        console.print()
    if pretty:
        console.print_json(result.raw)
    else:
        console.print(Text(result.raw))
    for label, prob in sorted(result.probs.items(), key=lambda item: -item[1]):
        console.print(Text(f"  {prob:6.3f}  {label}", style="dim"))
    usage = result.usage
    console.print(
        Text(
            f"{usage.answer_tokens} tokens in {usage.forwards} forward passes, "
            f"{usage.seconds:.2f} s, prob {result.prob:.3g}",
            style="dim",
        )
    )


@contextmanager
def progress(what: str, *, hidden: bool) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on standard error, to be told the lines done and the lines in all."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), disable=hidden) as bars:
        task = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def extraction(*, hidden: bool) -> Iterator[Callable[[Progress], None]]:
    """A bar on standard error: how much of the input is read, documents a second, answers, failures, the time left."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), disable=hidden) as bar:
        task = bar.add_task("extracting", total=None, told="")
        first: list[tuple[float, int]] = []

        def report(progress: Progress) -> None:
            came = progress.done + progress.failed
            first[:] = first or [(time.monotonic(), came)]
            took = time.monotonic() - first[0][0]
            rate = (came - first[0][1]) / took if took else 0.0
            share = None if progress.share is None else 1.0
            said = f"{rate:.1f} documents/s, {progress.done:,} answers, {progress.failed:,} failed"
            bar.update(task, completed=progress.share or 0.0, total=share, told=said)

        yield report


def show_reliability(rows: dict[str, tuple[Worth, Worth]], fitted: Calibration) -> None:
    """What probabilities of values are worth, before and after a fit, and which ones to ask for."""
    console = Console()
    table = Table("kind", "values", "right", "mean p", "ECE", "surer half right", "temperature", "shift")
    for kind, (before, after) in rows.items():
        scale = fitted.scales.get("others" if kind == "values" else kind, fitted.scales["others"])
        fit = ("", "") if kind == "values" else (f"{scale.temperature:.2f}", f"{scale.shift:+.2f}")
        pairs = [(before.confidence, after.confidence), (before.ece, after.ece), (before.surer_half, after.surer_half)]
        cells = [f"{a:.3f} -> {b:.3f}" for a, b in pairs]
        table.add_row(kind, f"{before.count:,}", f"{before.accuracy:.3f}", *cells, *fit)
    console.print(table)
    for one in fitted.thresholds:
        console.print(f"--below {one.prob:.3f}: right in {one.accuracy:.0%} of what is left, {one.coverage:.0%} of all")


def show_summary(summary: Summary) -> None:
    """What became of an input, on standard error."""
    here = summary.here
    rate = here / summary.seconds if summary.seconds else 0.0
    forwards, others = (calls / max(here, 1) for calls in (summary.forwards, summary.other_calls))
    parts = [f"{here} documents in {summary.seconds:.1f} s ({rate:.2f}/s), {forwards:.1f} forwards each"]
    if summary.other_calls:
        parts.append(f"{others:.1f} calls of other models each")
    if summary.earlier:
        parts.append(f"{summary.earlier} were done before")
    if summary.failed:
        where = summary.failed_file or summary.job
        parts.append(f"{summary.done} answers, {summary.failed} failed (see {where})")
    if not summary.complete:
        parts.append(f"not all of the input is done: the job is {summary.job}")
    Console(stderr=True).print("; ".join(parts), highlight=False, markup=False)


def show_calibration(measured: Report) -> None:
    """Print the figures and the reliability table."""
    console = Console(highlight=False)
    grid = Table.grid(padding=(0, 2))
    grid.add_row("predictions", f"{measured.count:,}")
    grid.add_row("accuracy", f"{measured.accuracy:.4f} (mean confidence {measured.confidence:.4f})")
    for name, error, chance in (
        ("ECE, equal mass", measured.ece_mass, measured.chance_mass),
        ("ECE, equal width", measured.ece_width, measured.chance_width),
    ):
        grid.add_row(name, f"{error:.4f} (about {chance:.4f} by chance, were every confidence true)")
    grid.add_row("Brier", f"{measured.brier:.4f} (summed over labels, 0 to 2)")
    grid.add_row("log loss", f"{measured.log_loss:.4f} nats")
    console.print(grid)
    table = Table("confidence", "count", "mean", "accuracy", "95 %", "gap", title="equal-mass bins")
    for one in measured.mass:
        low, high = one.interval
        table.add_row(
            f"{one.low:.3f} to {one.high:.3f}",
            f"{one.count:,}",
            f"{one.confidence:.3f}",
            f"{one.accuracy:.3f}",
            f"{low:.2f} to {high:.2f}",
            f"{one.gap:+.3f}",
        )
    console.print(table)


def show_families(rows: list[dict[str, Any]]) -> None:
    """Print the registry."""
    table = Table("family", "models", "runs", "checked", box=None, pad_edge=False)
    for row in rows:
        table.add_row(row["family"], row["models"], row["runs"], row["checked"])
    Console().print(table)


def _memory_rows(grid: Table, memory: dict[str, Any]) -> None:
    kept = f", {memory['kept'] / 1e3:,.0f} kB kept for each token of a text" if memory["kept"] else ""
    grid.add_row("memory", f"{memory['weights'] / 1e9:,.2f} GB of weights in {memory['dtype']}")
    grid.add_row("", f"{memory['logits'] / 1e6:,.2f} MB of logits for each position of a canvas{kept}")
    fits = ", ".join(f"{rows:,} in {card} GiB" for card, rows in memory["rows"].items() if rows)
    say = f"rows of {memory['prompt']:,} + {memory['canvas']} tokens that fit: {fits or 'none'}"
    grid.add_row("", say)


def show_report(facts: dict[str, Any]) -> None:
    """Print a folder's report."""
    from ctrldiff.models.spec import ModelSpec

    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column()
    grid.add_row("family", escape(f"{facts['family']}, because of {facts['why']}"))
    grid.add_row("runs", escape(facts["runs"]))
    grid.add_row("checked", escape(facts["checked"]))
    if facts["own_code"]:
        grid.add_row("own code", escape(f"not run: {', '.join(facts['own_code'])}"))
    grid.add_row("weights", escape(", ".join(facts["files"][:3]) + (" ..." if len(facts["files"]) > 3 else "")))
    if "parameters" in facts:
        grid.add_row("parameters", f"{facts['parameters']:,}")
    if "memory" in facts:
        _memory_rows(grid, facts["memory"])
    usual = {name: one.default for name, one in ModelSpec.__dataclass_fields__.items()}
    for name, value in facts["spec"].items():
        if name != "family" and value != usual.get(name) and value != []:
            grid.add_row(name, escape(repr(value)))
    for one in facts["missing"]:
        grid.add_row("[red]missing[/red]", escape(f"{one['code']}: {one['what']}"))
        grid.add_row("", escape(f"-> {one['hint']}"))
    Console().print(grid)

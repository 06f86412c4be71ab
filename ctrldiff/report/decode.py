"""A decode as a page: a slider over its steps, who decided each token and how surely, and what else it might have
been."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ctrldiff.report.page import cards, escape, framed, highlighted, isolated, page, plain, script_of, table

# Positions times steps up to which guesses are told for every open position; in a larger decode for those that a step
# wrote: the page stays within some 25 MB for a thousand positions in a thousand steps.
EVERYWHERE = 40_000
LEGEND = (
    ("model", "the model"),
    ("constraint", "the constraint"),
    ("guide", "a guide"),
    ("draw", "a draw"),
    ("revision", "a revision"),
)
_BODY = """<div class="play"><button id="play" type="button">Play</button>
<input id="step" type="range" min="0" value="0" aria-label="step"><output id="count"></output></div>
<div class="panel"><div id="canvas" class="canvas mono" dir="auto">{final}</div></div>
<div class="legend">decided by {legend} <span class="sure" style="background:rgba(var(--doubt),.65)">unsure</span>
<span class="sure">sure</span> <b>bold: written in this step</b></div>
<h3>What the model alone would have written at each position, in the step that wrote it</h3>
<div class="panel"><div id="own" class="canvas mono" dir="auto"></div></div>
<p class="dim small">Each on its own, no constraint and no guide; red where another token was written.</p>
<h3>A position</h3>
<div id="detail" class="panel detail" aria-live="polite"><p class="dim">Point at a token.</p></div>"""


class FrameLike(Protocol):
    """A `sampling.trace.Frame`."""

    @property
    def pieces(self) -> Sequence[str | None]: ...
    @property
    def confidence(self) -> Sequence[float]: ...
    @property
    def by(self) -> Sequence[str]: ...
    @property
    def legal(self) -> Sequence[Sequence[tuple[str, float]]]: ...
    @property
    def own(self) -> Sequence[Sequence[tuple[str, float]]]: ...


@dataclass(frozen=True)
class Value:
    """One value of an answer.

    Fields: name, its place ("total", "items/0/price"); text, as it is written; where, the characters of the answer
        that it takes, if known; source, all the places of the document that state it; prob, None if not known; flagged,
        it was forced on the model, or is less probable than was asked for.
    """

    name: str
    text: str
    where: tuple[int, int] | None = None
    source: tuple[tuple[int, int], ...] = ()
    prob: float | None = None
    flagged: bool = False


def decode_page(
    frames: Sequence[FrameLike],
    *,
    raw: str = "",
    document: str = "",
    values: Sequence[Value] = (),
    labels: Mapping[str, float] | None = None,
    facts: Mapping[str, str] | None = None,
    title: str = "A decode",
) -> str:
    """The page, one file.

    Args:
        frames: of one row, from the empty canvas to the full one; none shows the answer alone.
        raw, document: the answer and what it was read from; values: of the answer.
        labels: of a lone choice, the probability of each.     facts: figures by their names.
    """
    body = [f"<h1>{escape(title)}</h1>", cards((b, a) for a, b in (facts or {}).items())]
    if frames:
        legend = " ".join(f'<span class="{name}">{words}</span>' for name, words in LEGEND)
        body.append(_BODY.format(final=escape("".join(piece or "" for piece in frames[-1].pieces)), legend=legend))
    if labels:
        ranked = sorted(labels.items(), key=lambda one: -one[1])
        body.append(table(["label", "probability"], [[isolated(name), meter(prob)] for name, prob in ranked]))
    body.append(answer(raw, document, values))
    if not frames:
        return page(title, "\n".join(body))
    steps = [_frame(one, before, len(frames)) for one, before in zip(frames, [None, *frames], strict=False)]
    final = ["" if piece is None else piece for piece in frames[-1].pieces]
    linked = [_positions(final, raw, value.where) for value in values]
    return page(title, "\n".join(body), script=script_of("decode.js"), data={"frames": steps, "values": linked})


def decode_fragment(frames: Sequence[FrameLike], **more: Any) -> str:
    """The page inside a notebook."""
    return framed(decode_page(frames, **more))


def answer(raw: str, document: str, values: Sequence[Value]) -> str:
    """An answer, its values in a table, and its document with the places that state them, as HTML."""
    parts = []
    if raw:
        parts.append(f'<h2>The answer</h2><div class="panel"><pre dir="auto">{escape(raw)}</pre></div>')
    if values:
        parts.append(value_table(values))
    if document:
        spans = [(*place, n) for n, value in enumerate(values) for place in value.source]
        parts.append(f'<h2>The text</h2><div class="panel source">{highlighted(document, spans)}</div>')
    return "\n".join(parts)


def value_table(values: Sequence[Value]) -> str:
    """Values by name; `data-v` ties each to its marks in the text."""
    known = any(value.prob is not None for value in values)
    rows = [
        [
            f'<span class="mono" data-v="{n}" tabindex="0">{isolated(value.name or "(the whole)")}</span>',
            isolated(value.text if len(value.text) <= 300 else value.text[:300] + "...")
            + (' <span class="small differs">flagged</span>' if value.flagged else ""),
            *([meter(value.prob)] if known else []),
            ", ".join(f"{start:,}&ndash;{end:,}" for start, end in value.source[:3]) or '<span class="dim">-</span>',
        ]
        for n, value in enumerate(values)
    ]
    return table(["value", "", *(["probability"] if known else []), "characters of the text"], rows)


def meter(prob: float | None) -> str:
    """A probability as a bar and a figure."""
    if prob is None or not math.isfinite(prob):
        return '<span class="dim">-</span>'
    share = min(1.0, max(0.0, prob))
    figure = f"{prob:.1e}" if 0 < prob < 0.001 else f"{prob:.3f}"
    return f'<span class="track"><i style="width:{100 * share:.1f}%"></i></span> {figure}'


def _frame(frame: FrameLike, before: FrameLike | None, frames: int) -> dict[str, Any]:
    count = len(frame.pieces)
    everywhere = count * frames <= EVERYWHERE

    def guesses(kept: Sequence[Sequence[tuple[str, float]]]) -> list[list[tuple[str, float]]]:
        out = []
        for n, one in enumerate(kept or [()] * count):
            is_new = before is not None and before.pieces[n] != frame.pieces[n]
            out.append([(plain(a), float(f"{p:.4g}")) for a, p in one] if everywhere or is_new else [])
        return out

    return {
        "pieces": [None if piece is None else plain(piece) for piece in frame.pieces],
        "sure": [None if math.isnan(one) else float(f"{one:.4g}") for one in frame.confidence],
        "by": list(frame.by or [""] * count),
        "legal": guesses(frame.legal),
        "own": guesses(frame.own),
    }


def _positions(pieces: Sequence[str], raw: str, where: tuple[int, int] | None) -> list[int]:
    """The positions whose pieces overlap these characters; none if the answer is not what the pieces spell, with the
    tabs that fill rooms or without."""
    if not "".join(pieces).startswith(raw):
        pieces = [piece.replace("\t", "") for piece in pieces]
    if where is None or not "".join(pieces).startswith(raw):
        return []
    out, start = [], 0
    for n, piece in enumerate(pieces):
        end = start + len(piece)
        if start < where[1] and end > where[0]:
            out.append(n)
        start = end
    return out

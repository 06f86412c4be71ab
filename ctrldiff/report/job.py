"""A job as a page: what became of it, how sure its values are, what failed, and a sample of its documents."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from ctrldiff.pointer import name_of, pointer_of
from ctrldiff.report.decode import Value, answer, meter
from ctrldiff.report.page import cards, escape, isolated, page, table
from ctrldiff.report.rows import JobRow
from ctrldiff.report.tally import BINS, UNSURE, Bins, FieldTally, JobTally, leaves

SHOWN = 200  # fields in the table


def job_page(tally: JobTally, *, name: str = "", plan: Mapping[str, Any] | None = None) -> str:
    """The page, one file, without a script.

    Args: name, the job's; plan, what decided its rows.
    """
    total = tally.done + tally.failed
    facts = [(f"{total:,}", "documents"), (f"{tally.done:,} ({_share(tally.done, total)})", "have a valid answer")]
    facts += [(f"{tally.failed:,} ({_share(tally.failed, total)})", "failed")]
    facts += [(f"{tally.flagged:,}", "with flagged values"), (f"{tally.full:,}", "bound by their canvas")]
    if tally.values.count:
        facts += [(f"{tally.values.mean:.3f}", "mean probability of a value")]
    if tally.costed:
        facts += [(f"{tally.forwards / tally.costed:.1f}", "forward passes a document")]
    if tally.other_calls:
        facts += [(f"{tally.other_calls / tally.costed:.1f}", "calls of other models a document")]
    body = [f"<h1>Extraction: {isolated(name)}</h1>", _plan(plan or {}), cards(facts)]
    body += [_fields(tally), _calibration(tally), _failures(tally), _slowest(tally), _sample(tally)]
    return page(f"Extraction: {name}", "\n".join(part for part in body if part))


def _plan(plan: Mapping[str, Any]) -> str:
    if not plan:
        return ""
    rows = [
        [escape(key), f'<span class="mono small">{isolated(_cut(_json(value), 600))}</span>']
        for key, value in plan.items()
    ]
    return f'<details><summary class="dim">What decided the rows</summary>{table(["", ""], rows)}</details>'


def _fields(tally: JobTally) -> str:
    if not tally.fields:
        return ""
    known = tally.values.count > 0
    judged = any(one.judged for one in tally.fields.values())
    head = ["field", "values", "null", *(["right", "ECE"] if judged else []), "flagged"]
    head += ["mean p", "probabilities, 0 to 1", f"below {UNSURE:g}", "least probable"] if known else []
    ranked = sorted(tally.fields.items(), key=lambda item: -item[1].count)
    rows = [
        [
            f'<span class="mono">{isolated(name or "(the whole)")}</span>',
            f"{one.count:,}",
            _share(one.nulls, one.count),
            *([_share(one.right, one.judged), _figure(one.bins.error)] if judged else []),
            f"{one.flagged:,}" if one.flagged else "",
            *(_sure(one) if known else []),
        ]
        for name, one in ranked[:SHOWN]
    ]
    more = f'<p class="dim">{len(ranked) - SHOWN:,} more fields are left out.</p>' if len(ranked) > SHOWN else ""
    why = (
        ""
        if known
        else '<p class="dim">No row says how probable its values are: <code>ctrldiff extract --fields</code>.</p>'
    )
    numbers = [*range(1, (5 if known else 4) + 2 * judged), *([6 + 2 * judged] if known else [])]
    return f"<h2>Fields</h2>{why}{table(head, rows, numbers=numbers)}{more}"


def _sure(one: FieldTally) -> list[str]:
    if not one.bins.count:
        return ["", "", "", ""]
    least = "<br>".join(
        f'<span class="small">{-p:.3f} {isolated(_cut(value, 60))} '
        f'<span class="dim">{isolated(_cut(row, 40))}</span></span>'
        for p, _, row, value in sorted(one.least, reverse=True)
    )
    return [f"{one.bins.mean:.3f}", _spark(one.bins.counts), _share(one.unsure, one.bins.count), least]


def _spark(counts: Sequence[int]) -> str:
    most = max(counts)
    bars = (f'<i style="height:{100 * count / most:.0f}%" title="{count:,}"></i>' for count in counts)
    return f'<span class="spark">{"".join(bars)}</span>'


def _calibration(tally: JobTally) -> str:
    """How often values of like probability are right, if there are labels."""
    if not tally.values.count:
        return ""
    if not sum(tally.values.judged):
        told = (
            "Whether they are worth what they say, only labels can tell: <code>ctrldiff report --labelled FILE</code>."
        )
        expected = f"{tally.values.total:,.0f} of {tally.values.count:,} values are right, if their probabilities are."
        return f'<h2>Calibration</h2><p>{expected} <span class="dim">{told}</span></p>'
    bins, rows = tally.values, []
    for n in range(BINS):
        if bins.judged[n]:
            mean, right = bins.judged_total[n] / bins.judged[n], bins.right[n] / bins.judged[n]
            rows.append(
                [
                    f"{n / BINS:.1f}&ndash;{(n + 1) / BINS:.1f}",
                    f"{bins.judged[n]:,}",
                    f"{mean:.3f}",
                    meter(right),
                ]
            )
    head = ["probability", "values", "mean", "right"]
    n = sum(bins.judged)
    told = (
        f"{n:,} labelled values: they say {sum(bins.judged_total) / n:.3f} on average and are right in "
        f"{sum(bins.right) / n:.3f}; the calibration error is {bins.error:.3f} (ten bins of equal width)."
    )
    bars = f'<div class="two"><div>{table(head, rows, numbers=(1, 2))}</div>{_diagram(bins)}</div>'
    return f"<h2>Calibration</h2><p>{told}</p>{bars}"


def _diagram(bins: Bins) -> str:
    """How often right, against the probability."""
    side, edge = 220, 34
    dots = []
    most = max(bins.judged)
    for n in range(BINS):
        if bins.judged[n]:
            x = edge + side * bins.judged_total[n] / bins.judged[n]
            y = 8 + side * (1 - bins.right[n] / bins.judged[n])
            dots.append(
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{3 + 6 * math.sqrt(bins.judged[n] / most):.1f}" '
                'style="fill:var(--accent);fill-opacity:.8"/>'
            )
    texts = "".join(
        f'<text x="{edge + side * tick:.0f}" y="{side + 24}" text-anchor="middle">{tick:g}</text>'
        f'<text x="{edge - 6}" y="{12 + side * (1 - tick):.0f}" text-anchor="end">{tick:g}</text>'
        for tick in (0, 0.5, 1)
    )
    look = "max-width:20rem;font-size:11px;fill:var(--dim)"
    return (
        f'<svg viewBox="0 0 {side + edge + 16} {side + 32}" style="{look}" role="img">'
        "<title>how often right, against the probability</title>"
        f'<rect x="{edge}" y="8" width="{side}" height="{side}" style="fill:none;stroke:var(--line)"/>'
        f'<line x1="{edge}" y1="{side + 8}" x2="{edge + side}" y2="8" style="stroke:var(--line)" '
        'stroke-dasharray="4 4"/>'
        f"{''.join(dots)}{texts}</svg>"
    )


def _failures(tally: JobTally) -> str:
    if not tally.codes:
        return "<h2>Failures</h2><p>None.</p>"
    rows = [
        [
            f'<span class="mono">{escape(code)}</span>',
            f"{count:,}",
            "<br>".join(
                f'<span class="small"><b>{isolated(_cut(where, 80))}</b> {isolated(_cut(error, 300))}</span>'
                for where, error in tally.errors[code]
            ),
        ]
        for code, count in tally.codes.most_common()
    ]
    return f"<h2>Failures</h2>{table(['reason', 'documents', 'the first of them'], rows, numbers=(1,))}"


def _slowest(tally: JobTally) -> str:
    if not tally.slowest:
        return ""
    rows = [
        [
            isolated(_cut(row.name, 120)),
            f"{seconds:.2f}",
            f"{row.forwards:,}",
            f"{row.record.get('usage', {}).get('answer_tokens', 0):,}",
        ]
        for seconds, _, row in sorted(tally.slowest, key=lambda one: -one[0])
    ]
    average = f"On average {tally.seconds / tally.costed:.2f} s; wall clock of the steps a document took part in."
    mean = f'<p class="dim">{average}</p>'
    return (
        f"<h2>Slowest documents</h2>{table(['document', 'seconds', 'passes', 'tokens'], rows, numbers=(1, 2, 3))}{mean}"
    )


def _sample(tally: JobTally) -> str:
    """Some documents with what was made of them: the first, and of the sample those that it was least sure of."""
    parts = []
    for title, rows in (
        ("The first documents", tally.sample),
        (
            "Documents it was least sure of",
            [row for *_, row in sorted(tally.doubtful, key=lambda one: (-one[0], one[1]))],
        ),
    ):
        if rows:
            parts.append(f"<h2>{title}</h2>")
            parts += [
                f'<details class="doc"{" open" if n == 0 else ""}>{_document(row)}</details>'
                for n, row in enumerate(rows)
            ]
    return "\n".join(parts)


def _document(row: JobRow) -> str:
    head = f"<summary>{isolated(_cut(row.name, 160))}</summary>"
    return head + answer("", row.text or "", values_of(row.record, row.text or ""))


def values_of(record: Mapping[str, Any], text: str = "") -> list[Value]:
    """The values of a row of the output, with what it says of them, and where they stand in the text that was read."""
    told = record.get("fields") or {}
    stated = record.get("spans") or {}
    flagged = {name_of(flag["where"]) for flag in record.get("flags") or ()}
    values = dict(leaves(record["output"]))
    out = []
    # An object may be stated as a whole, money say.
    for name in dict.fromkeys([*values, *map(name_of, stated)]):
        one = told.get(name) or {}
        places = stated.get(pointer_of(name)) or ([one["source"]] if "source" in one else [])
        spelled = _json(values[name]) if name in values else str(places[0].get("spelling", "")) if places else ""
        source = tuple(found for place in places if (found := _place(place, spelled, text)))
        where = (one["where"][0], one["where"][1]) if "where" in one else None
        out.append(Value(name, spelled, where, source, one.get("prob"), name in flagged))
    return out


def _place(place: Mapping[str, Any], spelled: str, text: str) -> tuple[int, int] | None:
    """A place in the text that was read. Of a page or a markup file a row says where in the original: the text is
    searched for what stands there."""
    wanted = str(place.get("spelling", spelled))
    start, end = place["start"], place["end"]
    if text[start:end] == wanted:
        return start, end
    at = text.find(wanted) if wanted else -1
    return None if at < 0 else (at, at + len(wanted))


def _json(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _figure(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%" if whole else "-"

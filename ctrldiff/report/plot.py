"""Shares against passes as an SVG: plain values in, a text out, nothing to install and nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from math import ceil, floor, log2
from typing import NamedTuple

WIDTH, PLOT, ROW = 760, 470, 15
LEFT, TOP, BOTTOM = 48, 30, 40
COLOURS = ("#2c6eb3", "#b3452c", "#3d8a4e", "#8a4fa3", "#b3892c", "#2c9a9a", "#a33b68", "#666666", "#6b7f1f", "#3f4fa8")


class Point(NamedTuple):
    """A share (0 to 1) that took so many passes, its standard error, and the series that it is of."""

    series: str
    passes: float
    share: float
    error: float


def curves(points: Iterable[Point], title: str, what: str = "share right") -> str:
    """A line for each series, in the order in which they come, with its standard errors; one point alone is a mark.
    Passes are on a scale of doublings.

    Args: what: what the shares are of, for the axis on the left.
    Returns: an SVG of its own, in ASCII. Ten series have colours of their own; after them they come again, dashed.
    """
    series: dict[str, list[Point]] = {}
    for point in points:
        series.setdefault(point.series, []).append(point)
    passes = [one.passes for line in series.values() for one in line]
    low = floor(log2(min([*passes, 1.0])))
    high = max(ceil(log2(max([*passes, 1.0]))), low + 1)
    height = max(320, TOP + BOTTOM + ROW * len(series))

    def x(passes: float) -> float:
        return LEFT + (log2(passes) - low) / (high - low) * (PLOT - LEFT)

    def y(share: float) -> float:
        return height - BOTTOM - share * (height - BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="11">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="16" font-size="13">{_said(title)}</text>',
        f'<text x="{(LEFT + PLOT) / 2:.0f}" y="{height - 6}" text-anchor="middle">passes</text>',
        f'<text transform="translate(12 {height / 2:.0f}) rotate(-90)" text-anchor="middle">{_said(what)}</text>',
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<path d="M{LEFT} {y(share):.1f}H{PLOT}" stroke="#ddd" stroke-width=".6"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y(share) + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for power in range(low, high + 1):
        at = x(2.0**power)
        parts.append(f'<path d="M{at:.1f} {TOP}V{height - BOTTOM}" stroke="#eee" stroke-width=".6"/>')
        parts.append(f'<text x="{at:.1f}" y="{height - BOTTOM + 14}" text-anchor="middle">{2.0**power:g}</text>')
    for n, (name, line) in enumerate(series.items()):
        colour, dash = COLOURS[n % len(COLOURS)], ' stroke-dasharray="4 3"' if n >= len(COLOURS) else ""
        placed = [(x(one.passes), one) for one in sorted(line)]
        for at, one in placed:
            parts.append(
                f'<path d="M{at:.1f} {y(max(one.share - one.error, 0)):.1f}V{y(min(one.share + one.error, 1)):.1f}" '
                f'stroke="{colour}" stroke-width=".8"/>'
            )
            parts.append(f'<circle cx="{at:.1f}" cy="{y(one.share):.1f}" r="2.6" fill="{colour}"/>')
        way = " ".join(f"{at:.1f},{y(one.share):.1f}" for at, one in placed)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.4"{dash} points="{way}"/>')
        down = TOP + 6 + ROW * n
        parts.append(f'<path d="M{PLOT + 14} {down}h18" stroke="{colour}" stroke-width="2"{dash}/>')
        parts.append(f'<text x="{PLOT + 38}" y="{down + 4}">{_said(name)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _said(text: str) -> str:
    return escape(text).encode("ascii", "xmlcharrefreplace").decode("ascii")

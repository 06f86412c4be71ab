"""How a step grows, drawn from the records of `step_sizes`: one SVG a plot, with the exponents fitted to it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tests.benchmarks.record import Record, Report

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 400, 280, 56, 40, 50, 30
COLOURS = {"a default step": "#b3452c", "best string": "#2c6eb3", "amax": "#888888"}
# The axis of the star, the parameter that is drawn, and what it is called.
AXES = {"T": ("T", "positions"), "B": ("B", "rows"), "S": ("E", "edges"), "V": ("V", "tokens of the vocabulary")}
Points = Sequence[tuple[float, float]]


def exponent(points: Points) -> float:
    """The slope of the least-squares line through the logarithms."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    x, y = (sum(values) / len(logs) for values in zip(*logs, strict=True))
    return sum((a - x) * (b - y) for a, b in logs) / sum((a - x) ** 2 for a, _ in logs)


def series(records: Sequence[Record], axis: str) -> dict[str, list[tuple[float, float]]]:
    """The points of each line along an axis, by what was measured."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in COLOURS}
    for record in records:
        if record.name in found and record.median is not None and axis in str(record.parameters["axis"]).split():
            found[record.name].append((float(record.parameters[AXES[axis][0]]), record.median))
    return {name: sorted(points) for name, points in found.items()}


def draw(lines: Mapping[str, Points], title: str) -> str:
    """Both axes logarithmic; every point, and the exponent of each line."""
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y for points in lines.values() for _, y in points]
    low, high = math.floor(math.log10(min(ys))), math.ceil(math.log10(max(ys)))
    wide = math.log(max(xs) / min(xs))

    def place(x: float, y: float) -> tuple[float, float]:
        across = LEFT + math.log(x / min(xs)) / wide * (WIDTH - LEFT - RIGHT)
        return across, HEIGHT - BOTTOM - (math.log10(y) - low) / (high - low) * (HEIGHT - BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for decade in range(low, high + 1):
        y = place(min(xs), 10.0**decade)[1]
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd" stroke-width="0.6"/>'
        )
        parts.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{10.0**decade:g} ms</text>')
    for x in sorted(set(xs)):
        parts.append(
            f'<text x="{place(x, 1)[0]:.1f}" y="{HEIGHT - 24}" text-anchor="middle" font-size="10">{x:,.0f}</text>'
        )
    for number, (name, points) in enumerate(lines.items()):
        colour, places = COLOURS[name], [place(*point) for point in points]
        parts.append(
            f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" '
            f'points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'
        )
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4" fill="{colour}"/>' for x, y in places]
        said = f"{name}: exponent {exponent(points):.2f}"
        parts.append(f'<text x="{LEFT}" y="{14 + 13 * number}" fill="{colour}">{said}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{title}</text>')
    return "\n".join([*parts, "</svg>\n"])


def plots(report: Report) -> dict[str, str]:
    """File name to SVG, one for each axis of the star."""
    records = report.suites["step_sizes"].records
    return {
        f"benchmarks-{called.split()[0]}.svg": draw(series(records, axis), called) for axis, (_, called) in AXES.items()
    }

"""Draw the loss curve: python -m examples.train_tiny.plot curve.csv curve.svg [WHAT IT WAS TRAINED ON]"""

import csv
import sys
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 640, 300, 46, 34, 14


def line(points: list[tuple[float, float]], high: float, minutes: float, colour: str) -> str:
    """One series as an SVG polyline."""
    across, up = WIDTH - LEFT - 46, HEIGHT - BOTTOM - TOP
    places = (f"{LEFT + x / minutes * across:.1f},{HEIGHT - BOTTOM - y / high * up:.1f}" for x, y in points)
    return f'<polyline fill="none" stroke="{colour}" stroke-width="1.6" points="{" ".join(places)}"/>'


def draw(rows: list[dict[str, str]], of: str = "made-up documents") -> str:
    """Loss on the left axis, share of masked tokens right on the right one, minutes below."""
    minutes = float(rows[-1]["minutes"])
    loss = [(float(r["minutes"]), float(r["loss"])) for r in rows]
    column = "right" if "right" in rows[0] else "masked_tokens_right"
    right = [(float(r["minutes"]), float(r[column])) for r in rows]
    top = max(y for _, y in loss)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        line(loss, top, minutes, "#b3452c"),
        line(right, 1.0, minutes, "#2c6eb3"),
    ]
    for share in (0, 0.25, 0.5, 0.75, 1):
        y = HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - 46}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd" stroke-width="0.6"/>'
        )
        parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end" fill="#b3452c">{share * top:.1f}</text>')
        parts.append(f'<text x="{WIDTH - 40}" y="{y + 4:.1f}" fill="#2c6eb3">{share:.0%}</text>')
        x = LEFT + share * (WIDTH - LEFT - 46)
        parts.append(f'<text x="{x:.1f}" y="{HEIGHT - 16}" text-anchor="middle">{share * minutes:.0f}</text>')
    parts.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 3}" text-anchor="middle">minutes: '
        '<tspan fill="#b3452c">loss (nats a masked token)</tspan>, '
        f'<tspan fill="#2c6eb3">masked tokens right</tspan>, of {of}</text>'
    )
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    source, target = map(Path, sys.argv[1:3])
    with source.open(newline="") as file:
        target.write_text(draw(list(csv.DictReader(file)), *sys.argv[3:4]))

"""The table and the picture of `measure.py`: target rate over masked pseudo-perplexity, a panel for each form."""

from typing import Any

COLOURS = ("#777777", "#2c6eb3", "#b3452c", "#d98f2b", "#5a8f3c", "#8a4fa3", "#222222", "#1c9a9a", "#c2478e", "#6b5b2e")
WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 230, 46, 26, 22
HIGH = 60.0  # perplexities above stand at the edge


def table(lines: list[dict[str, Any]]) -> str:
    """Markdown."""
    out = [
        "| form | method | strength | target | valid | pseudo-perplexity | sequences read |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in lines:
        out.append(
            f"| {one['form']} | {one['method']} | {one['strength']:g} | {one['target']:.0%} | {one['valid']:.0%} | "
            f"{one['perplexity']:.1f} | {one['forwards']:.0f} |"
        )
    return "\n".join(out)


def draw(lines: list[dict[str, Any]]) -> str:
    """SVG: better is further up and to the left."""
    forms = list(dict.fromkeys(one["form"] for one in lines))
    methods = list(dict.fromkeys(one["method"] for one in lines))
    across, up = WIDTH - LEFT - 12, HEIGHT - TOP - 40
    wide, high = max(1, len(forms)) * (WIDTH + GAP), HEIGHT + 16 * ((len(methods) + 3) // 4) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11">',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
    ]
    for n, form in enumerate(forms):
        x0 = n * (WIDTH + GAP) + LEFT
        parts.append(f'<text x="{x0}" y="16" font-weight="bold">{form}</text>')
        for share in (0.0, 0.25, 0.5, 0.75, 1.0):
            y = TOP + up * (1 - share)
            parts.append(f'<line x1="{x0}" x2="{x0 + across}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e2e2e2"/>')
            parts.append(f'<text x="{x0 - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
            x, below = x0 + share * across, TOP + up + 15
            parts.append(f'<text x="{x:.1f}" y="{below}" text-anchor="middle">{share * HIGH:.0f}</text>')
        for colour, method in zip(COLOURS, methods):
            own = [one for one in lines if one["form"] == form and one["method"] == method]
            spots = [(x0 + min(one["perplexity"] / HIGH, 1) * across, TOP + up * (1 - one["target"])) for one in own]
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
            parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" points="{path}"/>')
            parts += [
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2.5 + k}" fill="{colour}"/>' for k, (x, y) in enumerate(spots)
            ]
        parts.append(
            f'<text x="{x0 + across / 2:.0f}" y="{TOP + up + 31}" text-anchor="middle">pseudo-perplexity</text>'
        )
    for n, (colour, method) in enumerate(zip(COLOURS, methods)):
        x, y = LEFT + (n % 4) * (wide - LEFT) / 4, HEIGHT + 12 + 16 * (n // 4)
        parts.append(
            f'<circle cx="{x:.0f}" cy="{y - 4}" r="4" fill="{colour}"/><text x="{x + 9:.0f}" y="{y}">{method}</text>'
        )
    return "\n".join([*parts, "</svg>\n"])

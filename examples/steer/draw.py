"""The table and the picture of `measure.py`: target rate over fluency and over cost, a column for each form."""

from typing import Any

MATERIAL = "made-up products, model tiny; share that a bag-of-words judge calls negative"
COLOURS = ("#777777", "#2c6eb3", "#b3452c", "#d98f2b", "#5a8f3c", "#8a4fa3", "#222222", "#1c9a9a", "#c2478e", "#6b5b2e")
COLOURS += ("#3f51b5", "#9ccc3c", "#ff7f7f", "#7fb2ff")
WIDTH, HEIGHT, LEFT, TOP, GAP = 300, 230, 46, 26, 22
AXES = (("perplexity", "pseudo-perplexity", 60.0), ("forwards", "sequences read", 120.0))  # more stands at the edge


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
    """SVG: better is further up and to the left; points grow with the strength."""
    forms = list(dict.fromkeys(one["form"] for one in lines))
    methods = list(dict.fromkeys(one["method"] for one in lines))
    if len(methods) > len(COLOURS):
        raise ValueError(f"{len(methods)} methods and {len(COLOURS)} colours")
    wide, legend = max(1, len(forms)) * (WIDTH + GAP), len(AXES) * HEIGHT + 12
    high = legend + 16 * ((len(methods) + 3) // 4) + 14
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="11">',
        f'<rect width="{wide}" height="{high}" fill="white"/>',
    ]
    for row, (field, name, most) in enumerate(AXES):
        for column, form in enumerate(forms):
            own = [(COLOURS[methods.index(one["method"])], one) for one in lines if one["form"] == form]
            spots = [(colour, min(one[field] / most, 1), one["target"]) for colour, one in own]
            parts += panel(form, name, most, spots, column * (WIDTH + GAP) + LEFT, row * HEIGHT + TOP)
    for n, (colour, method) in enumerate(zip(COLOURS, methods)):
        x, y = LEFT + (n % 4) * (wide - LEFT) / 4, legend + 16 * (n // 4)
        parts.append(
            f'<circle cx="{x:.0f}" cy="{y - 4}" r="4" fill="{colour}"/><text x="{x + 9:.0f}" y="{y}">{method}</text>'
        )
    parts.append(f'<text x="{wide - 8}" y="{high - 3}" text-anchor="end" fill="#777">{MATERIAL}</text>')
    return "\n".join([*parts, "</svg>\n"])


def panel(title: str, name: str, most: float, spots: list[tuple[str, float, float]], x0: int, y0: int) -> list[str]:
    """One panel: (colour, share of the x axis, share of the y axis) of each point, a line for each colour."""
    across, up = WIDTH - LEFT - 12, HEIGHT - TOP - 40
    parts = [f'<text x="{x0}" y="{y0 - 10}" font-weight="bold">{title}</text>']
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        x, y, below = x0 + share * across, y0 + up * (1 - share), y0 + up + 15
        parts.append(f'<line x1="{x0}" x2="{x0 + across}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e2e2e2"/>')
        parts.append(f'<text x="{x0 - 6}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
        parts.append(f'<text x="{x:.1f}" y="{below}" text-anchor="middle">{share * most:.0f}</text>')
    parts.append(f'<text x="{x0 + across / 2:.0f}" y="{y0 + up + 31}" text-anchor="middle">{name}</text>')
    for colour in dict.fromkeys(colour for colour, _, _ in spots):
        own = [(x0 + x * across, y0 + up * (1 - y)) for one, x, y in spots if one == colour]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in own)
        parts.append(f'<polyline fill="none" stroke="{colour}" stroke-width="1.4" points="{path}"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{2.5 + k}" fill="{colour}"/>' for k, (x, y) in enumerate(own)]
    return parts

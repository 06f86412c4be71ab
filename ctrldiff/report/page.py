"""One HTML file: the look that all pages share, and the only place where a text becomes markup."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CONTEXT, MOST = 400, 20_000  # characters around a highlighted span, and of one document, that are shown
# What is not seen, or turns what is seen around: written out by its number.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff\U000e0000-\U000e007f]"
)


def plain(text: str) -> str:
    """The text with nothing hidden in it: controls, marks of direction and halves of surrogate pairs as <U+202E>."""
    return _HIDDEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def escape(text: object) -> str:
    """Any value as HTML that shows it and does nothing else, in attributes too."""
    return html.escape(plain(str(text)), quote=True)


def isolated(text: object) -> str:
    """The same for a value among other words: its direction is its own affair."""
    return f"<bdi>{escape(text)}</bdi>"


def page(title: str, body: str, *, script: str = "", data: Any = None) -> str:
    """A whole file, in ASCII. Its policy lets run this script and nothing else, and load nothing at all.

    Args:
        title: any text.     body: HTML.
        script: JavaScript that finds `data`, as JSON, in the element "data".
    """
    allowed = f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" if script else "'none'"
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src {allowed}; base-uri 'none'; form-action 'none'"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>\n<style>\n{_file('look.css')}</style>\n</head>\n<body>",
        body,
        f'<script type="application/json" id="data">{_embedded(data)}</script>' if script else "",
        f"<script>{script}</script>" if script else "",
        "</body>\n</html>\n",
    ]
    return "\n".join(part for part in parts if part).encode("ascii", "xmlcharrefreplace").decode("ascii")


def framed(whole: str, height: int = 620) -> str:
    """A page inside another one, a notebook say: neither's style nor script reaches the other."""
    source = html.escape(whole, quote=True)
    style = f"width:100%;height:{height}px;border:1px solid #8884;border-radius:8px"
    return f'<iframe sandbox="allow-scripts" style="{style}" srcdoc="{source}"></iframe>'


def script_of(name: str) -> str:
    """A script of this folder."""
    return "\n" + _file(name)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; the columns `numbers` stand to the right."""

    def cells(tag: str, row: Sequence[str]) -> str:
        return "".join(f"<{tag}{' class=n' if n in numbers else ''}>{cell}</{tag}>" for n, cell in enumerate(row))

    lines = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return (
        f'<div class="wide"><table><thead><tr>{cells("th", head)}</tr></thead><tbody>\n{lines}\n</tbody></table></div>'
    )


def cards(facts: Iterable[tuple[str, str]]) -> str:
    """Figures with their names, both any text."""
    return (
        '<div class="cards">'
        + "".join(f"<div><b>{escape(a)}</b><span>{escape(b)}</span></div>" for a, b in facts)
        + "</div>"
    )


def highlighted(text: str, spans: Iterable[tuple[int, int, int]], most: int = MOST) -> str:
    """A document as HTML, with marks; of a long one the beginning and what stands around the marks.

    Args: spans: start, end and the number of the value that is marked (`data-v`). Of two that overlap the first
        counts; those that lie outside of the text are left out.
    """
    chosen: list[tuple[int, int, int]] = []
    for start, end, value in sorted(spans):
        if 0 <= start < end <= len(text) and (not chosen or start >= chosen[-1][1]):
            chosen.append((start, end, value))
    shown = [(0, len(text))] if len(text) <= most else _windows(len(text), chosen, most)
    out: list[str] = []
    done = 0
    for first, last in shown:
        if first > done:
            out.append(_left_out(first - done))
        at = first
        for start, end, value in (one for one in chosen if one[0] >= first and one[1] <= last):
            out += [escape(text[at:start]), f'<mark data-v="{value}" tabindex="0">{escape(text[start:end])}</mark>']
            at = end
        out.append(escape(text[at:last]))
        done = last
    if done < len(text):
        out.append(_left_out(len(text) - done))
    return f'<pre dir="auto">{"".join(out)}</pre>'


def _windows(length: int, spans: Sequence[tuple[int, int, int]], most: int) -> list[tuple[int, int]]:
    """What is shown of a long text: windows in order, at most `most` characters and no mark cut in two."""
    wanted = [(0, most // 4), *((max(0, a - CONTEXT), min(length, b + CONTEXT)) for a, b, _ in spans)]
    out: list[tuple[int, int]] = []
    spent = 0
    for first, last in wanted:
        if out and first <= out[-1][1]:
            spent += max(0, last - out[-1][1])
            out[-1] = (out[-1][0], max(last, out[-1][1]))
        else:
            spent += last - first
            out.append((first, last))
        if spent >= most:
            break
    return out


def _left_out(count: int) -> str:
    return f'<span class="dim"> [{count:,} characters are left out] </span>'


def _embedded(data: Any) -> str:
    """JSON that cannot end the element it stands in."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="ascii")

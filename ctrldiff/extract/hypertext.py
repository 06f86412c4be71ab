"""HTML to the text that a reader sees, with the place of every character in the page."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from ctrldiff.extract.origin import Origin, Writer

_HIDDEN = {"script", "style", "template", "noscript", "svg"}
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_INLINE = {"a", "abbr", "b", "bdi", "bdo", "cite", "code", "data", "del", "dfn", "em", "font", "i", "ins", "kbd"}
_INLINE |= {"label", "mark", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
_CELLS = {"td", "th"}
_RUNS = re.compile(r"\s+|\S+")
_REFERENCE = re.compile(r"&(?:#[0-9]+|#[xX][0-9a-fA-F]+|[a-zA-Z][a-zA-Z0-9]*);?")
_TAG = re.compile("<")


def read_html(page: str) -> tuple[str, Origin]:
    """What stands in a page, and where: tags stand for line breaks, cells are parted by tabs, white space is one space.

    Scripts, styles, templates and drawings are left out.
    """
    reader = _Reader(page)
    reader.feed(page)
    reader.close()
    return reader.text.done()


class _Reader(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=False)
        self.interesting = _TAG
        self.text = Writer()
        self._lines = [0, *(found.end() for found in re.finditer("\n", page))]
        self._hidden: list[str] = []
        self._pre = 0

    def clear_cdata_mode(self) -> None:
        """References are read here: the base class reads no tag behind a `&#` that is none."""
        super().clear_cdata_mode()
        self.interesting = _TAG

    def parse_marked_section(self, i: int, report: int = 1) -> int:
        """`<![...>`, which is a comment in HTML; the base class asserts that its word is one of SGML's."""
        return self.parse_bogus_comment(i, bool(report))

    @property
    def _at(self) -> int:
        line, column = self.getpos()
        return self._lines[line - 1] + column

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _HIDDEN:
            self._hidden.append(tag)
        self._pre += tag == "pre"
        self._edge(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._edge(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._hidden and tag == self._hidden[-1]:
            self._hidden.pop()
        self._pre = max(0, self._pre - (tag == "pre"))
        self._edge(tag)

    def handle_data(self, data: str) -> None:
        if self._hidden:
            return
        at, done = self._at, 0
        for found in _REFERENCE.finditer(data):
            if (said := unescape(found.group())) != found.group():
                self._plain(data[done : found.start()], at + done)
                self.text.add(said, at + found.start(), at + found.end())
                done = found.end()
        self._plain(data[done:], at + done)

    def _plain(self, data: str, at: int) -> None:
        if self._pre:
            self.text.add(data, at, at + len(data))
            return
        for run in _RUNS.finditer(data):
            if not run.group().isspace():
                self.text.add(run.group(), at + run.start(), at + run.end())
            elif self.text.last not in ("", " ", "\n", "\t"):
                self.text.add(" ", at + run.start(), at + run.end())

    def _edge(self, tag: str) -> None:
        if self._hidden or tag in _INLINE or not self.text.last:
            return
        edge = "\t" if tag in _CELLS else "\n"
        if self.text.last not in ("\n", edge):
            self.text.between(edge)

"""Values that a document states, as a constraint: each in its one spelling, without quotes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from ctrldiff.automata.expression import Alt, Expression, Graph, text
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.span import borders, check_document
from ctrldiff.grounded.kinds import Stated, find, same
from ctrldiff.grounded.labels import label_name
from ctrldiff.limits import DEFAULT, Limits


@dataclass(frozen=True)
class StatedIn(Description):
    """The values of a kind that a document states: `find(kind, document, **options)`, each written once.

    Args: options: as JSON text, so that a description can be compared and remembered.
    Raises: as `find`, when it is compiled.
    """

    document: str
    kind: str
    options: str = "{}"

    def __post_init__(self) -> None:
        check_document(self.document)

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        if self.kind == "text":
            return words_of(self.document)
        found = find(self.kind, self.document, **json.loads(self.options))
        return Alt(tuple(text(one) for one in dict.fromkeys(label_name(stated.value) for stated in found)))

    def blamed(self, limits: Limits = DEFAULT) -> tuple[str, dict[str, Any]]:
        return f"the type: the text states nothing of the kind {self.kind!r}", {"pointer": "#"}

    def places(self, raw: str) -> tuple[Stated, ...]:
        """All places that state the value that is written so."""
        return stated_at(self.kind, json.loads(self.options), raw, self.document)


def words_of(document: str) -> Expression:
    """The spans of a document that stand somewhere in it without cutting a word and with no white space at an end."""
    cuts = _cuts(document)
    pieces = [document[a:b] for a, b in pairwise(cuts)]
    written = {piece: text(piece) for piece in dict.fromkeys(pieces)}
    edges: list[tuple[int, int, Expression]] = []
    for n, piece in enumerate(pieces):
        edges += [(0, n + 2, written[piece])] if not piece[0].isspace() else []
        edges.append((n + 1, n + 2, written[piece]))
    ends = [n + 2 for n, piece in enumerate(pieces) if not piece[-1].isspace()]
    return Graph(len(cuts) + 1, tuple(edges), tuple(ends))


def _cuts(document: str) -> list[int]:
    """Where no word is cut, the ends of the document among them."""
    return [0, *borders(document), len(document)] if document else [0]


def stated_at(kind: str, options: dict[str, Any], value: Any, document: str) -> tuple[Stated, ...]:
    """All places of a document that state a value."""
    if kind == "text":
        return tuple(_spans(document, value)) if isinstance(value, str) and value else ()
    return tuple(one for one in find(kind, document, **options) if same(one.value, value))


def _spans(document: str, words: str) -> Iterator[Stated]:
    """The places where words stand uncut."""
    cuts, start = set(_cuts(document)), document.find(words)
    while start >= 0:
        end = start + len(words)
        if start in cuts and end in cuts:
            yield Stated(words, start, end, words)
        start = document.find(words, start + 1)

"""Keys as given text, values as slots of noise: the scaffolds of S2 and S3, as published.

Self-adaptive schema scaffolding, arXiv:2507.04504. This is a baseline: nothing keeps what is written in a slot from
breaking the text around it. Ours is `Table.forced`, which needs no slots.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ctrldiff.tokens.vocabulary import Vocabulary

SLOT = 16  # noise positions a value gets in the released code
NULL = "null"
NOTE = " Write null for what the text does not say, and for room that is left."


@dataclass(frozen=True)
class Scaffold:
    """An object's text with a slot for every value: `pieces[0]`, slot, `pieces[1]`, slot, ..., `pieces[-1]`.

    Fields: pieces; quoted, whether a slot stands between quotes.
    """

    pieces: tuple[str, ...]
    quoted: tuple[bool, ...]

    @staticmethod
    def of(schema: dict[str, Any]) -> Scaffold:
        """From an object schema. Nested objects keep their own keys; an array is one slot.

        The released code writes every value between quotes. Here numbers, booleans and arrays go without, which is
        kinder to it.
        """
        pieces, quoted = [""], []

        def walk(node: Any) -> None:
            node = next((one for one in node.get("anyOf", ()) if one.get("type") != "null"), node)
            if node.get("properties"):
                for n, (key, inner) in enumerate(node["properties"].items()):
                    pieces[-1] += ("," if n else "{") + json.dumps(key, ensure_ascii=False) + ":"
                    walk(inner)
                pieces[-1] += "}"
                return
            quotes = node.get("type") == "string" or any(isinstance(v, str) for v in node.get("enum", ()))
            pieces[-1] += '"' * quotes
            quoted.append(quotes)
            pieces.append('"' * quotes)

        walk(schema)
        return Scaffold(tuple(pieces), tuple(quoted))

    def canvas(self, encode: Callable[[str], list[int]], slots: Sequence[int]) -> tuple[list[int], list[range]]:
        """Token ids, -1 where open, and where each slot is. Pieces are encoded one by one, as published."""
        ids = list(encode(self.pieces[0]))
        where = []
        for length, piece in zip(slots, self.pieces[1:], strict=True):
            where.append(range(len(ids), len(ids) + length))
            ids += [-1] * length + list(encode(piece))
        return ids, where

    def read(self, ids: Sequence[int], where: Sequence[range], vocabulary: Vocabulary) -> bytes:
        """The text of a filled canvas: tokens that spell nothing are left out of slots, null words at their end too;
        a slot of nothing but null words is a null, without quotes."""
        text = self.pieces[0]
        for at, quotes, piece in zip(where, self.quoted, self.pieces[1:], strict=True):
            value = b"".join(vocabulary[ids[t]] or b"" for t in at).decode("utf-8", "replace").strip()
            said = value
            while said.endswith(NULL):
                said = said.removesuffix(NULL).rstrip()
            if not said and value:
                text, piece = text.removesuffix('"' * quotes) + NULL, piece[quotes:]
            text += said + piece
        return text.encode("utf-8")

"""What a server's request asks for, in its own words, as a table over that server's tokens."""

from __future__ import annotations

import json
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.constraints.description import Description
from ctrldiff.errors import BudgetTooSmall, SchemaInvalid
from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.vocabulary import Vocabulary

TABLES = 64  # tables kept by a server


@dataclass
class Compiler:
    """Compiles what requests ask for, and keeps the last few tables."""

    tables: OrderedDict[tuple[Any, ...], Table] = field(default_factory=OrderedDict)
    vocabularies: dict[tuple[Any, ...], Vocabulary] = field(default_factory=dict)

    def __call__(
        self,
        kind: str,
        text: str,
        tokenizer: Any,
        *,
        stops: tuple[int, ...],
        size: int,
        banned: tuple[int, ...] = (),
        ascii: bool = True,
    ) -> Table:
        """The table of `described(kind, text)` over the tokenizer's tokens.

        Args: stops, ids that end an answer; size, columns of the model's logits; banned, ids that are never written.
        """
        words = (tokenizer, stops, size, banned)  # the tokenizer itself, so that it stays
        if words not in self.vocabularies:
            self.vocabularies[words] = Vocabulary.from_tokenizer(
                tokenizer, stop_ids=stops, banned_ids=banned, size=size
            )
        key = (kind, text, ascii, *words)
        if key not in self.tables:
            self.tables[key] = described(kind, text, ascii=ascii).compile(self.vocabularies[words])
            while len(self.tables) > TABLES:
                self.tables.popitem(last=False)
        self.tables.move_to_end(key)
        return self.tables[key]


def described(kind: str, text: str, *, ascii: bool) -> Description:
    """The constraint that a request's words describe: a pattern (`regex`), or JSON text (`json_schema`, `choice`)."""
    if kind == "regex":
        return Regex(text, ascii=ascii)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SchemaInvalid(f"{kind} is not JSON: {error}") from error
    return Choice(value) if kind == "choice" else JsonSchema(value)


def check_budget(table: Table, budget: int, word: str) -> None:
    """Raises: BudgetTooSmall, if no answer fits what a request calls `word`."""
    if table.shortest > budget:
        raise BudgetTooSmall(
            f"the shortest legal answer takes {table.shortest} tokens, {word} is {budget}",
            hint=f"{word}>={table.shortest}",
            shortest=table.shortest,
            budget=budget,
        )

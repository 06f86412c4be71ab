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
VOCABULARIES = 8  # and vocabularies: a request's own end tokens make another one


@dataclass
class Compiler:
    """Compiles what requests ask for, and keeps the last few tables and vocabularies."""

    tables: OrderedDict[tuple[Any, ...], Table] = field(default_factory=OrderedDict)
    vocabularies: OrderedDict[tuple[Any, ...], Vocabulary] = field(default_factory=OrderedDict)

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
        key = (kind, text, ascii, *words)
        if key not in self.tables:
            description = described(kind, text, ascii=ascii)
            if words not in self.vocabularies:
                self.vocabularies[words] = Vocabulary.from_tokenizer(
                    tokenizer, stop_ids=stops, banned_ids=banned, size=size
                )
            self.vocabularies.move_to_end(words)
            self.tables[key] = description.compile(self.vocabularies[words])
            for kept, most in ((self.tables, TABLES), (self.vocabularies, VOCABULARIES)):
                while len(kept) > most:
                    kept.popitem(last=False)
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
    if kind == "choice":
        if not isinstance(value, list):
            raise SchemaInvalid(f"a choice is a list of texts, this is a {type(value).__name__}")
        return Choice(value)
    if not isinstance(value, dict | bool):  # a str might be the path of a file, which nobody may have read by naming it
        raise SchemaInvalid(f"a schema is an object or a boolean, this is a {type(value).__name__}")
    return JsonSchema(value)


def check_budget(table: Table, budget: int, word: str) -> None:
    """Raises: BudgetTooSmall, if no answer fits what a request calls `word`."""
    if table.shortest > budget:
        raise BudgetTooSmall(
            f"the shortest legal answer takes {table.shortest} tokens, {word} is {budget}",
            hint=f"{word}>={table.shortest}",
            shortest=table.shortest,
            budget=budget,
        )

"""Extraction as a function of columns: what `datasets.map`, Ray Data and Daft hand to their workers."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.extract.answered import answered
from ctrldiff.extract.documents import check_id, check_text
from ctrldiff.extract.found import Document, Found
from ctrldiff.extract.ledger import digest_of

__all__ = ["COLUMNS", "Extract"]

COLUMNS = ("output", "log_prob", "spans", "row", "error")  # that a batch gets


class Extract:
    """Columns in, the same columns and those of `COLUMNS` out. What a document gets is a matter of that document alone:
    the same bytes in whatever batch, on whatever worker, by `ctrldiff extract` too.

        output: the answer as JSON.                               log_prob: of it; NaN if there is no answer.
        spans: where its values stand in the text, as JSON.       row: all that the output of `ctrldiff extract` says
        error: why there is no answer, as JSON.                        of it but for the line, as JSON.

    What there is none of is an empty text: a column that is null throughout its first batch has no type for the next.

    It is made of plain JSON, and so crosses to other processes as it is; each of them loads the model when it is first
    called.

    Args:
        schema: a JSON Schema.        model, threads: as `from_pretrained` takes them.
        field, id: the columns of the text and of the id; without the latter there is none.
        chunk, overlap, together: as `extract_file` takes them.
        how: what `Generator` takes besides, as far as it is JSON: seed, steps, temperature, max_new_tokens, batch_size,
            unsure, prompt, examples, ...
    Raises: InputError for what is not JSON; when called, for a batch without texts.
    """

    def __init__(
        self,
        *,
        schema: Mapping[str, Any],
        model: str = "tiny",
        threads: int | None = None,
        field: str = "text",
        id: str = "id",
        chunk: int | None = None,
        overlap: int | None = None,
        together: bool | None = None,
        **how: Any,
    ) -> None:
        self.made = {name: value for name, value in locals().items() if name not in ("self", "how")} | how
        try:
            self.made = json.loads(json.dumps(self.made, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise InputError(f"Extract is made of JSON: {error}", hint="a schema, and words and numbers") from error

    def __getstate__(self) -> dict[str, Any]:
        return {"made": self.made}  # the model stays in its process

    def __call__(self, columns: Mapping[str, Any]) -> dict[str, Any]:
        """The batch with what was extracted from it.

        Args: columns: equally long lists or arrays.
        Raises: InputError if there is no column of texts. What is wrong with one text is that text's own.
        """
        field = self.made["field"]
        if field not in columns:
            raise InputError(
                f'there is no column "{field}"', why=f"there are: {', '.join(columns)[:200]}", hint="field="
            )
        texts = _listed(columns[field])
        ids = _listed(columns[self.made["id"]]) if self.made["id"] in columns else [None] * len(texts)
        todo = [(n, self._found(*one), digest_of(b"")) for n, one in enumerate(zip(texts, ids, strict=True))]
        found: dict[str, list[Any]] = {name: [] for name in COLUMNS}
        for entry in answered(self._decoder, todo):
            row = json.loads(entry.record)
            del row["line"]
            good = entry.code is None
            found["output"].append(_line(row["output"]) if good else "")
            found["log_prob"].append(row["log_prob"] if good else math.nan)
            found["spans"].append(_line(row.get("spans", {})) if good else "")
            found["row"].append(_line(row) if good else "")
            found["error"].append("" if good else _line(row))
        return {**columns, **found}

    def _found(self, text: Any, id: Any) -> Found:
        """A document that says nothing of its place in the batch."""

        def read() -> Document:
            beside = {} if id is None else {"id": id}
            check_id(beside, "the row", 0)
            return Document(beside, check_text(text, "the row", 0, self.made["field"]))

        shown = text if isinstance(text, str) else json.dumps(text, default=str)
        return Found("", 0, shown.encode("utf-8", "surrogatepass"), read)

    @cached_property
    def _decoder(self) -> Any:
        # What the driver of a cluster only sends on needs neither torch nor a model.
        from ctrldiff.extract.decoder import GeneratorDecoder, shares_calls
        from ctrldiff.generate import Generator, from_pretrained

        how = dict(self.made)
        schema, model, threads, _, _, chunk, overlap, together = (
            how.pop(name) for name in ("schema", "model", "threads", "field", "id", "chunk", "overlap", "together")
        )
        examples = [tuple(one) for one in how.pop("examples", ())]
        generator = Generator(from_pretrained(model, threads=threads), schema, examples=examples, **how)
        if together is None:
            together = shares_calls(generator)
        return GeneratorDecoder(generator, together, chunk, overlap)


def _listed(column: Any) -> Sequence[Any]:
    """A column as Python's own values; arrays and series have a word for it."""
    return column.tolist() if hasattr(column, "tolist") else list(column)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

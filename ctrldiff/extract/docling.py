"""A DoclingDocument (docling's JSON of a PDF, a scan, an office file) to its text, with every character's place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.extract.origin import Origin, Writer


def is_docling(document: Any) -> bool:
    """Whether this JSON value is a DoclingDocument."""
    return isinstance(document, dict) and document.get("schema_name") == "DoclingDocument"


def read_docling(document: Mapping[str, Any], where: str, number: int) -> tuple[str, Origin]:
    """The texts and tables in reading order; `ref` of a place is the item ("#/texts/3"), its start counts in that
    item's `text`, and of a table's cell in the cell's. Raises InputError for a document that is not put together right.
    """
    writer = Writer()
    try:
        for ref, item in _in_order(document):
            page = next((one.get("page_no") for one in item.get("prov", ())), None)
            if writer.length:
                writer.between("\n\n")
            if isinstance(item.get("text"), str):
                writer.add(item["text"], 0, len(item["text"]), ref, page)
            else:
                _table(writer, item, ref, page)
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        why = f"{type(error).__name__}: {error}"
        raise InputError(f"{where}: no DoclingDocument that can be read", why=why, line=number) from error
    return writer.done()


def _in_order(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every text and table of the body, by its reference."""
    waiting = [document["body"]]
    seen: set[str] = set()
    while waiting:
        item = waiting.pop()
        ref = item.get("self_ref", "")
        if isinstance(item.get("text"), str) or "data" in item:
            yield ref, item
        below = [one["$ref"] for one in item.get("children", ())]
        for one in reversed(below):
            if one not in seen:  # a circle is walked once
                seen.add(one)
                waiting.append(_at(document, one))


def _at(document: Any, ref: str) -> Any:
    for name in ref.removeprefix("#/").split("/"):
        document = document[int(name)] if isinstance(document, list) else document[name]
    return document


def _table(writer: Writer, item: Mapping[str, Any], ref: str, page: int | None) -> None:
    """The cells of a table: a line for each row, tabs between."""
    row = -1
    for n, cell in enumerate(item.get("data", {}).get("table_cells", ())):
        here = int(cell.get("start_row_offset_idx", 0))
        if row >= 0:
            writer.between("\t" if here == row else "\n")
        row = here
        writer.add(cell["text"], 0, len(cell["text"]), f"{ref}/data/table_cells/{n}", page)

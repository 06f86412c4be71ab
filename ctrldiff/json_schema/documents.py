"""Documents that a schema may refer to: those that the caller gave, and no others. Nothing is fetched."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ctrldiff.errors import SchemaInvalid

MOST_FILES = 10_000


class Documents:
    """Documents by URI, as text; each is read when a reference first leads there, and is then the same value each time.

    What changes here besides, and only before a schema is compiled, is what is left out of a document: the keywords
    that its draft does not have, and those that the caller wants left out.
    """

    def __init__(self, texts: Iterable[tuple[str, str]] = ()) -> None:
        self._texts = dict(texts)
        self.read: dict[str, Any] = {}

    def get(self, uri: str) -> Any:
        """The document that was given under this URI; None if none was."""
        if uri not in self.read and uri in self._texts:
            self.read[uri] = json.loads(self._texts[uri])
        return self.read.get(uri)

    def naming(self, uri: str) -> Iterator[str]:
        """The URIs of documents not read yet that may call a part of themselves `uri`."""
        name = uri.rsplit("/", 1)[-1]
        for given, text in self._texts.items():
            if given not in self.read and name in text:
                yield given


def in_folder(folder: Path) -> dict[str, Path]:
    """The JSON files of a folder, by their way from there, written as a URI. Raises: SchemaInvalid."""
    if not folder.is_dir():
        hint = "pass a folder of schemas, or {uri: schema}"
        raise SchemaInvalid(f"documents={str(folder)!r} is no folder", hint=hint)
    files = sorted(folder.rglob("*.json"))
    if len(files) > MOST_FILES:
        hint = f"at most {MOST_FILES:,}, or {{uri: schema}}"
        raise SchemaInvalid(f"{len(files):,} files in {str(folder)!r}", hint=hint)
    return {quote(file.relative_to(folder).as_posix()): file for file in files}

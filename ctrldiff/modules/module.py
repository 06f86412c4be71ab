"""A type compiled beforehand: a value that goes where the type goes, and a file that can be shipped."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ctrldiff.compiled import Compiled, Held
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import ConstraintError, InputError, VocabularyError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.models.spec import ModelSpec
from ctrldiff.modules.content import LARGEST, Content, pack, unpack
from ctrldiff.text import check_text
from ctrldiff.tokens.vocabulary import Vocabulary, check_vocabulary
from ctrldiff.types.structured import output_type


@dataclass(frozen=True, eq=False, repr=False)
class Module:
    """A type, and its token tables over one vocabulary. It goes wherever its type goes, `model(text, module)`, and
    means the same there: what it holds is not compiled again, and what it does not hold (another canvas of a recursive
    type, strings and numbers unlike those of the texts it was made for, a prior) is compiled as without it.

    Fields: output, the type; description, the texts that spell its values; vocabulary; limits, what compiling it might
        cost and may later; held, what was compiled.
    """

    output: Any
    description: Description
    vocabulary: Vocabulary
    limits: Limits
    held: Held

    @staticmethod
    def of(
        output: Any,
        vocabulary: Vocabulary,
        *,
        texts: Sequence[str] = ("",),
        room: int = ModelSpec.canvas,
        prose: int | None = None,
        limits: Limits = DEFAULT,
    ) -> Module:
        """Compile a type; `model.compile(output)` does it for a model.

        Args:
            output: a type, a JSON Schema dict, or a constraint; see `output_type`.
            texts: some like those that will come. Plain ones need one table; a text with stray brackets or numbers of
                more than 18 digits has a table of its own (`JsonSchema.plain`).
            room, prose: `ModelSpec.canvas` and `prose` of the model it is for: how deep a recursive type goes.
        Raises: ConstraintError for what cannot be enforced, and for a type with spans: it is another language for every
            text, and there is nothing to keep.
        """
        if isinstance(texts, str):
            raise InputError("texts is a str, not a list of them", hint="texts=[text]", param="texts")
        check_vocabulary(vocabulary)
        compiled = Compiled(output, None, vocabulary, Prior(), limits, room, room if prose is None else prose)
        if compiled.type.has_spans:
            raise ConstraintError(
                "a type with spans is compiled over each text",
                why="its values stand in the text, so it is another language for every one",
                hint="use the type itself",
            )
        for text in dict.fromkeys(check_text(text, "a text") for text in texts):
            compiled = replace(compiled, held=compiled.remembered())
            compiled.of(text)
        return Module(output, compiled.type.description, vocabulary, limits, compiled.remembered())

    def over(self, vocabulary: Vocabulary, ask: str | None, prior: Prior, room: int, prose: int) -> Compiled:
        """The type as a model compiles it, with what is held. Raises: VocabularyError for another vocabulary."""
        if vocabulary != self.vocabulary:
            theirs, ours = self.vocabulary.fingerprint, vocabulary.fingerprint
            raise VocabularyError(
                "the compiled type belongs to another vocabulary",
                why=f"its own: {self.vocabulary.size:,} tokens, {theirs}\nhere:    {vocabulary.size:,} tokens, {ours}",
                hint="compile it for this model: model.compile(TYPE)",
                theirs=theirs,
                ours=ours,
            )
        weighs = any(weight for _, weight in prior.terms)
        held = Held() if weighs else self.held
        return Compiled(self.output, ask, vocabulary, prior, self.limits, room, prose, held)

    def to_bytes(self) -> bytes:
        """The bytes of a file. Raises: InputError for a type that no words say all of (a template, an automaton)."""
        return pack(Content(self.description, self._named, self.held), self.vocabulary, self.limits)

    @staticmethod
    def from_bytes(
        data: bytes, vocabulary: Vocabulary, output: Any = None, *, limits: Limits = DEFAULT, name: str = "the data"
    ) -> Module:
        """What `to_bytes` wrote.

        Args:
            output: the type that it was made of, which then reads the values. None: JSON values for a JSON Schema and
                all that is written as an object, texts for patterns and choices.
            limits: those within which it was compiled.
            name: of the data, for messages.
        Raises: InputError for what is none, is damaged, or was compiled by another version or within other limits, or
            whose values only its type reads (`date`), or if `output` is another type; VocabularyError for another
            vocabulary.
        """
        check_vocabulary(vocabulary)
        content = unpack(data, vocabulary, limits, name)
        if output is None:
            if content.named:
                raise InputError(
                    f"{name} is of {content.named}, which alone says how its values are read",
                    hint=f"Module.load(FILE, vocabulary, {content.named})",
                )
            output = content.description
        elif output_type(output).description != content.description:
            shown = repr(content.description)[:200]
            raise InputError(f"{name} was compiled of another type", why=f"of {shown}", hint="compile it again")
        return Module(output, content.description, vocabulary, limits, content.held)

    def save(self, file: Path | str) -> None:
        """Write a file, whole or not at all. Raises: InputError, also as `to_bytes`."""
        data, file = self.to_bytes(), Path(file)
        part = file.with_name(f"{file.name}.{os.getpid()}.{threading.get_ident()}.part")
        try:
            part.write_bytes(data)
            os.replace(part, file)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise InputError(f"{str(file)!r} cannot be written: {error.strerror}") from error

    @staticmethod
    def load(file: Path | str, vocabulary: Vocabulary, output: Any = None, *, limits: Limits = DEFAULT) -> Module:
        """Read what `save` wrote, as `from_bytes` does; files beyond 1 GiB are refused. Raises: as it."""
        path = Path(file)
        try:
            info = path.stat()
            if not stat.S_ISREG(info.st_mode) or info.st_size > LARGEST:
                raise InputError(f"{str(path)!r} is no file of up to {LARGEST:,} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise InputError(f"{str(path)!r} cannot be read: {error.strerror}") from error
        return Module.from_bytes(data, vocabulary, output, limits=limits, name=repr(str(path)))

    @property
    def _named(self) -> str:
        """The type's name, if its values are not what the description alone is read as."""
        from_words = self.output is str or isinstance(self.output, Description | dict | bool)
        if from_words or isinstance(self.description, JsonSchema):
            return ""
        return self.output.__name__ if isinstance(self.output, type) else str(self.output)  # `Literal` alone is no type

    def __repr__(self) -> str:
        tables = ", ".join(f"{table.n_states:,} states" for table in self.held.tables.values())
        return f"Module({repr(self.output)[:100]}: {tables} over {self.vocabulary.size:,} tokens)"

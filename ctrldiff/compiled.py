"""A wanted type over a model's vocabulary: read once, and compiled for the texts and canvases that come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, TypeAlias

from ctrldiff.canvas import candidates, room_for
from ctrldiff.constraints.description import And, Description
from ctrldiff.constraints.labels import Labels
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import ConstraintTooLarge, InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.branches import null_tables
from ctrldiff.json_schema.counts import Items, Place
from ctrldiff.json_schema.plain import plainness
from ctrldiff.limits import Limits
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.types.spell import spell
from ctrldiff.types.structured import OutputType, output_type

COUNTED = 64  # tables of lists with so many items: all numbers of one list, and some of another
REMEMBERED = 8  # tables: for plain strings and open ones, for canvases of a recursive type, for documents

Counted: TypeAlias = tuple[tuple[Place, int], ...]  # lists, and how many items each has


@dataclass(frozen=True, eq=False)
class Held:
    """What was compiled before, without a prior and within the same limits: looked up before anything is compiled.

    Fields: tables, by their descriptions; reached, by a description and a number of tokens what `reaching` made of it;
        refused, descriptions that passed the limits.
    """

    tables: Mapping[Description, Table] = field(default_factory=dict)
    reached: Mapping[tuple[Description, int], Description] = field(default_factory=dict)
    refused: frozenset[Description] = frozenset()


@dataclass(frozen=True, eq=False)
class Compiled:
    """One type, and the tables it has been compiled to: what changes here is only what is remembered.

    Fields: wanted and ask, as `output_type` takes them; least_room, positions that a canvas has at least beyond
        the shortest text, and prose, the same where texts have no longest; held, what is known beforehand; pads, that
        tabs may follow the values of an object.
    """

    wanted: Any
    ask: str | None
    vocabulary: Vocabulary
    prior: Prior
    limits: Limits
    least_room: int
    prose: int
    held: Held = Held()
    pads: bool = False

    @cached_property
    def type(self) -> OutputType:
        """The wanted type, read. An `outlines_core.Index` speaks of token ids: here they are the model's."""
        return self.read(None)

    def read(self, document: str | None) -> OutputType:
        """The wanted type, over the spans of a document."""
        wanted = self.wanted
        if type(wanted).__module__.split(".")[0] == "outlines_core":
            from ctrldiff.automata.interop import from_index

            wanted = from_index(wanted, list(self.vocabulary), self.limits)
        found = output_type(wanted, ask=self.ask, document=document)
        if self.pads and isinstance(found.description, JsonSchema):
            return replace(found, description=found.description.but(whitespace="padded"))
        return found

    @cached_property
    def padded(self) -> Compiled | None:
        """The same with tabs behind the values of objects; None for what is no JSON written close together, and for
        what was compiled beforehand."""
        description = self.type.description
        if self.held.tables or not isinstance(description, JsonSchema) or description.whitespace != "compact":
            return None
        return replace(self, pads=True)

    def of(self, text: str, tokens: int | None = None) -> tuple[OutputType, Table]:
        """The type as it is written for a text, over the spans that stand there, in strings and numbers like its; and
        its table, for a canvas of so many tokens or of the usual length.

        What is left out for being unlike any text is only unlikely, so it is left in where telling it costs too much.
        """
        if self.type.has_spans:
            return self._plain(self.read(text), text, tokens)
        key = plainness(text), tokens  # all that it takes from the text
        found = self._known.pop(key, None) or self._plain(self.type, text, tokens)
        self._known[key] = found
        for oldest in list(self._known)[:-REMEMBERED]:
            self._known.pop(oldest, None)
        return found

    def _plain(self, wanted: OutputType, text: str, tokens: int | None) -> tuple[OutputType, Table]:
        plain = wanted.plain(text)
        if plain.description not in self.held.refused:
            try:
                return self.table(plain, tokens)
            except ConstraintTooLarge:
                if plain is wanted:
                    raise
                self._refused.add(plain.description)
        return self.table(wanted, tokens)  # as it was written, then: see `of`

    def table(self, type_: OutputType, canvas: int | None = None, items: Counted = ()) -> tuple[OutputType, Table]:
        """A type and its table: to its stated depth, and again if the canvas can hold more of a recursive one.

        items: how many some lists have; the table is of these texts alone.
        """
        table = self._lifted(type_.description)
        tokens = canvas or table.shortest + self.least(table)
        reaching = self._reaching(type_.description, tokens)
        table = self.counted(reaching, items) if items else self._lifted(reaching)
        return replace(type_, description=reaching), table

    def counted(self, description: Description, items: Counted) -> Table:
        """The table of the texts in which some lists have so many items. Raises: ConstraintUnsatisfiable for none."""
        key = description, items
        table = self._counted.pop(key, None)
        if table is None:
            parts = (description, *(Items(place, number) for place, number in items))
            table = self.prior.compile(And(parts), self.vocabulary, self.limits)
        self._counted[key] = table
        for oldest in list(self._counted)[:-COUNTED]:
            self._counted.pop(oldest, None)
        return table

    def remembered(self) -> Held:
        """All that is known by now."""
        tables, reached = {**self.held.tables, **self._tables}, {**self.held.reached, **self._reached}
        return Held(tables, reached, self.held.refused | self._refused)

    def _reaching(self, description: Description, tokens: int) -> Description:
        """The description in a canvas; the last few are kept, for whether it is recursive is found by compiling it."""
        key = description, tokens
        found = self.held.reached.get(key) or self._reached.pop(key, None)
        if found is None:
            found = description.reaching(tokens, self.vocabulary, self.limits)
        self._reached[key] = found
        for oldest in list(self._reached)[:-REMEMBERED]:
            self._reached.pop(oldest, None)
        return found

    @cached_property
    def labels(self) -> Labels | None:
        """The labels of a type that is a lone choice, in one table."""
        names = self.type.labels
        return Labels.of(names, self.prior, self.vocabulary, self.limits) if names else None

    def _lifted(self, description: Description) -> Table:
        """The description's token table; the last few are kept, for their arrays are made when first used."""
        table = self.held.tables.get(description) or self._tables.pop(description, None)
        if table is None:
            table = self.prior.compile(description, self.vocabulary, self.limits)
        self._tables[description] = table
        for oldest in list(self._tables)[:-REMEMBERED]:
            self._tables.pop(oldest, None)
        return table

    def least(self, table: Table) -> int:
        """How many positions beyond the shortest answer a canvas has at least."""
        return self.prose if table.longest is None else self.least_room

    def room(self, table: Table, text: str, tokens: int, items: Counted = ()) -> int:
        """How many positions beyond the shortest answer a text of so many tokens asks for; `canvas.room_for`."""
        description = self.type.description
        open_values = self._open
        if items and isinstance(description, JsonSchema):
            open_values = candidates(description, self.limits, dict(items))
        return max(self.least(table), room_for(open_values, text, tokens))

    def spelled(self, examples: Sequence[tuple[str, Any]]) -> tuple[tuple[str, str], ...]:
        """Examples with their answers as texts. Raises: InputError for a value that the type does not have."""
        if not examples:
            return ()
        if self._spelled.get("of") is not examples:  # a generator's are the same objects at every call
            types = [self.read(text) if self.type.has_spans else self.type for text, _ in examples]
            pairs = zip(types, examples, strict=True)
            answers = [spell(type_, value, f"example {n}") for n, (type_, (_, value)) in enumerate(pairs)]
            texts = [text for text, _ in examples]
            self._spelled.update({"of": examples, "texts": tuple(zip(texts, answers, strict=True))})
        found: tuple[tuple[str, str], ...] = self._spelled["texts"]
        return found

    @cached_property
    def _open(self) -> list[tuple[bool, int]]:
        description = self.type.description
        return candidates(description, self.limits) if isinstance(description, JsonSchema) else []

    def nulls(self, description: Description) -> dict[str, Table]:
        """For every key that may be null the table of the texts in which it is.

        Raises: InputError for a type that is no object, or one with spans.
        """
        if not isinstance(description, JsonSchema) or self.type.has_spans:
            what = "a type with spans" if self.type.has_spans else "no object"
            raise InputError(
                f"nulls=True with {what}", hint="it is for objects whose fields may be null", param="nulls"
            )
        if description not in self._nulls:
            self._nulls[description] = null_tables(description, self.vocabulary, self.prior, self.limits)
        return self._nulls[description]

    @cached_property
    def _spelled(self) -> dict[str, Any]:
        return {}

    @cached_property
    def _known(self) -> dict[tuple[object, int | None], tuple[OutputType, Table]]:
        return {}

    @cached_property
    def _counted(self) -> dict[tuple[Description, Counted], Table]:
        return {}

    @cached_property
    def _tables(self) -> dict[Description, Table]:
        return {}

    @cached_property
    def _reached(self) -> dict[tuple[Description, int], Description]:
        return {}

    @cached_property
    def _refused(self) -> set[Description]:
        return set()

    @cached_property
    def _nulls(self) -> dict[Description, dict[str, Table]]:
        return {}

"""Constraints on what a string says, as annotations of a type: `Annotated[str, Contains("red")]`."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from ctrldiff.constraints.description import Description
from ctrldiff.errors import ConstraintError

KEYWORD = "x-text"  # of a JSON Schema: a list of such constraints, all of which hold


class OfText(Description):
    """A description that a type of strings may be annotated with. Its subclasses say `as_keyword`, and nothing else."""

    @abstractmethod
    def as_keyword(self) -> dict[str, Any]:
        """As a member of the list under `x-text`. Raises: ConstraintError for what no schema can say."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        known = handler(schema)
        if known.get("type") != "string":
            raise ConstraintError(
                f"{self!r} is about texts, and annotates something else"[:300],
                hint="annotate the str itself: Annotated[str, ...] | None, list[Annotated[str, ...]]",
            )
        return {**known, KEYWORD: [*known.get(KEYWORD, ()), self.as_keyword()]}

    def _checked(self, value: str) -> str:
        """The value as it is. Raises ValueError for one that the constraint refuses."""
        if value not in self:
            raise ValueError(f"{value[:80]!r} is not one of {self!r}"[:300])
        return value

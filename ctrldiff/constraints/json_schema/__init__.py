"""JSON Schema as a constraint: enforced exactly or refused, in one canonical spelling."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ctrldiff.automata.expression import Expression
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.json_schema import containers, scalars  # noqa: F401  (each registers its families)
from ctrldiff.constraints.json_schema.compiler import Context, compile_schema
from ctrldiff.errors import ConstraintTooLarge, SchemaInvalid, SchemaUnsupported
from ctrldiff.limits import DEFAULT, Limits


@dataclass(frozen=True)
class Report:
    """What became of a schema's keywords.

    Fields: enforced (keyword, times); narrowed (pointer, how); refused (pointer, keyword, why).
    """

    enforced: tuple[tuple[str, int], ...]
    narrowed: tuple[tuple[str, str], ...]
    refused: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, init=False)
class JsonSchema(Description):
    """The canonical texts of the JSON values that a schema accepts (`docs/json.md`).

    Args:
        schema: a dict, a boolean, JSON text, or the path of a JSON file.
        whitespace: "compact" writes none; "pretty" writes a member a line, indented by two.
        optional: "omit" leaves properties that are not required to the model; "write" always writes them, which
            suits extraction: a property that admits null says by null that it is not in the text.
    Raises: SchemaInvalid at once; SchemaUnsupported with a JSON pointer when it is compiled.
    """

    text: str
    whitespace: Literal["compact", "pretty"]
    optional: Literal["omit", "write"]

    def __init__(
        self,
        schema: dict[str, Any] | bool | str | Path,
        *,
        whitespace: Literal["compact", "pretty"] = "compact",
        optional: Literal["omit", "write"] = "omit",
    ) -> None:
        if whitespace not in ("compact", "pretty") or optional not in ("omit", "write"):
            raise SchemaInvalid(
                f"whitespace={whitespace!r}, optional={optional!r}",
                hint='whitespace is "compact" or "pretty"; optional is "omit" or "write"',
            )
        object.__setattr__(self, "text", _read(schema))
        object.__setattr__(self, "whitespace", whitespace)
        object.__setattr__(self, "optional", optional)

    @property
    def schema(self) -> Any:
        """The schema as a fresh JSON value."""
        return json.loads(self.text)

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return compile_schema(self._context(limits))

    def report(self, limits: Limits = DEFAULT) -> Report:
        """What is enforced, narrowed and refused, without building an automaton."""
        context = self._context(limits)
        try:
            compile_schema(context)
        except SchemaUnsupported as error:
            if not context.refused:  # one that ends the walk where it stands, such as a reference outside
                context.refused.append((error.facts["pointer"], error.facts["keyword"], error.message))
        return Report(tuple(sorted(context.enforced.items())), tuple(context.narrowed), tuple(context.refused))

    def _context(self, limits: Limits) -> Context:
        if len(self.text) > 20 * limits.max_pattern:
            raise ConstraintTooLarge("schema text", len(self.text), 20 * limits.max_pattern)
        return Context(self.schema, limits.fuel(), self.whitespace, self.optional)


def _read(schema: Any) -> str:
    """The schema as JSON text with its keys in their order."""
    if isinstance(schema, Path) or (isinstance(schema, str) and not schema.lstrip().startswith(("{", "true", "false"))):
        path = Path(schema)
        try:
            schema = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SchemaInvalid(
                f"{str(path)[:200]!r} cannot be read: {error}", hint="pass a dict, JSON text or a file"
            ) from error
    try:
        value = json.loads(schema) if isinstance(schema, str) else schema
        if not isinstance(value, dict | bool):
            raise SchemaInvalid(f"a schema is an object or a boolean, this is a {type(value).__name__}")
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except json.JSONDecodeError as error:
        raise SchemaInvalid(
            f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}", hint="check the schema's text"
        ) from error
    except (TypeError, ValueError) as error:
        raise SchemaInvalid(f"not JSON: {error}") from error
    except RecursionError as error:
        raise ConstraintTooLarge("nesting depth", 1000, 1000) from error

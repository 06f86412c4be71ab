"""A type in: what may be written for it, how the prompt asks for it, and how the text becomes a value again."""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, get_args

import pydantic
from pydantic_core import SchemaValidator

from ctrldiff.constraints.basic import Choice, Regex, Text
from ctrldiff.constraints.decision import Score, YesNo, read_yes
from ctrldiff.constraints.description import And, Description, as_description
from ctrldiff.constraints.keyword import described
from ctrldiff.constraints.of_text import KEYWORD
from ctrldiff.constraints.span import SpanOf, keeping_spans
from ctrldiff.constraints.stated import StatedIn
from ctrldiff.constraints.template import Template
from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable, OutputInvalid
from ctrldiff.grounded.kinds import KEY
from ctrldiff.json_schema import JsonSchema, schemas_in
from ctrldiff.json_schema.formats import FORMATS
from ctrldiff.json_schema.from_text import kind_of
from ctrldiff.json_schema.keywords import ANNOTATIONS, FAMILY, OF_ANY, PATTERNS
from ctrldiff.json_schema.reach import LONGEST
from ctrldiff.pointer import escaped
from ctrldiff.text import check_text
from ctrldiff.types.ask import Asked, Style, asked
from ctrldiff.types.function import arguments_of
from ctrldiff.types.type_schema import adapter_of, json_schema

_MANY_DIGITS = re.compile(r"[0-9]{300}")
_TYPING = ("typing", "types", "typing_extensions")

_PLAIN = OF_ANY | ANNOTATIONS  # nothing that rules a listed value out
_STRING = FAMILY["string"] | {"allOf"}


@dataclass(frozen=True)
class OutputType:
    """One wanted type.

    Fields:
        description: the texts that spell a value of the type.
        ask: how the prompt names it; keys: the same in the terse style of a model that was trained on it, where that
            differs; place and name: what both say, where less of it may be said.
        read: text to value; raises OutputInvalid if the type has rules of its own that the schema cannot say.
        labels: the texts to choose between, for a type that is a lone choice; else empty.
        holes: the type of each hole of a template; else empty.
    """

    description: Description
    ask: str
    read: Callable[[str], Any]
    labels: tuple[str, ...] = ()
    keys: str | None = None
    place: Asked = Asked()
    name: str | None = None
    holes: Mapping[str, OutputType] = field(default_factory=dict)

    def asked(self, style: Style, most: int | None = None) -> str:
        """How the prompt names it, in the style that the model was trained on (`ModelSpec.ask`).

        Of choices with more than `most` labels only so many are said: see `Asked.longest` of its place.
        """
        if most is not None and most < self.place.longest:
            return self.place.said(style, self.name, most)
        return self.ask if self.keys is None or style == "described" else self.keys

    def plain(self, text: str) -> OutputType:
        """The type with strings and numbers like those of a text, where it leaves them open; else itself."""
        if not isinstance(self.description, JsonSchema):
            return self
        return replace(self, description=self.description.plain(text))

    @property
    def has_spans(self) -> bool:
        """It is another language for every text: some of its strings must stand in the text."""
        return _has_spans(self.description)


def output_type(wanted: Any, *, ask: str | None = None, document: str | None = None) -> OutputType:
    """Read a type, a JSON Schema (as a dict) or a constraint.

    Args:
        wanted: `str`, `int`, `float`, `bool`, `date`, `Literal`, `Enum`, a pydantic model or anything else that
            pydantic makes a schema of (`docs/types.md`); a function, for its arguments; a JSON Schema dict;
            `Regex`, `Choice`, `Score`, `YesNo`, `Template`, `JsonSchema`, a `Dfa` or an FSM.
        ask: what the prompt asks for. For a bare value, its name ("total"); for a constraint, any words. Objects are
            asked for by their keys, and take none.
        document: the text that spans stand in.
    Raises: ConstraintError if `wanted` is none of these, or cannot be enforced.
    """
    if ask is not None:
        check_text(ask, "ask")
    if wanted is str:
        return OutputType(Text(), ask or "", str, name=ask)
    if isinstance(wanted, dict | bool):
        wanted = JsonSchema(wanted)
    if isinstance(wanted, JsonSchema):
        if wanted.has_spans and wanted.document is None:
            wanted = wanted.over(document)
        return _said(wanted, wanted, ask, _checked([wanted]))
    if isinstance(wanted, Choice):
        return _chosen(wanted, ask, str)
    if isinstance(wanted, Score | YesNo):
        read = int if isinstance(wanted, Score) else read_yes
        return OutputType(wanted, _named(wanted.asked, ask), read, wanted.labels, name=ask)
    if isinstance(wanted, Template):
        return _from_template(wanted, ask, document)
    if _is_annotation(wanted):
        return _from_annotation(wanted, ask, document)
    if inspect.isroutine(wanted) or isinstance(wanted, partial):
        return _from_function(wanted, ask, document)
    if isinstance(wanted, And) and (schemas := schemas_in(wanted := _over(wanted, document))):
        return _said(wanted, schemas[0], ask, _checked(schemas))
    try:
        return OutputType(as_description(wanted), ask or "", str)
    except ConstraintError as error:
        types = "for a type, pass the type itself: Invoice (no instance, no name), list[int] (not [int]), Literal[...]"
        raise ConstraintError(f"{error.message}, and no type", hint=f"{types};\n{error.hint}") from error


def _said(
    description: Description,
    schema: JsonSchema,
    name: str | None,
    read: Callable[[str], Any],
    labels: tuple[str, ...] = (),
) -> OutputType:
    """A type that is asked for as its schema says."""
    place = asked(schema)
    return OutputType(description, place.said("described", name), read, labels, place.said("keys", name), place, name)


def _chosen(choice: Choice, name: str | None, read: Callable[[str], Any]) -> OutputType:
    """A type that is asked for by its labels."""
    place = Asked(labels=choice.labels)
    return OutputType(choice, place.said("keys", name), read, choice.labels, place=place, name=name)


def _is_annotation(wanted: Any) -> bool:
    return isinstance(wanted, type) or hasattr(wanted, "__origin__") or type(wanted).__module__ in _TYPING


def _from_annotation(wanted: Any, ask: str | None, document: str | None = None) -> OutputType:
    adapter = _keeping_spans(adapter_of(wanted))
    schema = json_schema(adapter, wanted.__name__ if isinstance(wanted, type) else str(wanted))
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if KEY in schema:
        values = []  # which of them the text states, it alone says
    if values and all(isinstance(value, str) for value in values):
        labels = tuple(values)
        return _chosen(Choice(labels), ask, _reader(adapter, quote=True))
    if schema.get("type") == "boolean" and not values and KEY not in schema:
        values = [True, False]
    whole = values and all(isinstance(value, int) or value is None for value in values)  # bool is an int
    if whole and set(schema) <= _PLAIN:
        labels = tuple(json.dumps(value) for value in values)
        return _said(Choice(labels), JsonSchema(schema), ask, _reader(adapter), labels)
    if bare := _bare(schema, document):
        return _said(bare, JsonSchema(schema), ask, _reader(adapter, quote=True, document=document))
    description = JsonSchema(schema, optional="write", document=document)
    return _said(description, description, ask, _reader(adapter, document=document))


def _bare(schema: dict[str, Any], document: str | None) -> Description | None:
    """The texts of a schema of strings alone, without quotes; of one character or more, as `str` is."""
    from_text = KEY in schema
    if schema.get("type") != "string" or not set(schema) <= _PLAIN | _STRING or "x-json" in schema:
        return None
    if {"enum", "const"} & set(schema) and not from_text:
        return None
    if (schema.get("x-span") or from_text) and document is None:
        return None
    low = schema.get("minLength", 1)
    if schema.get("maxLength", low) < low:
        what = f"no text has at least {low} characters and at most {schema['maxLength']}"
        raise ConstraintUnsatisfiable(what, hint="min_length=, max_length=")
    high = "" if "maxLength" not in schema else min(schema["maxLength"], max(low, LONGEST[0]))
    parts: list[Description] = [Regex(f"(?s:.{{{low},{high}}})")]
    if document is not None and schema.get("x-span"):
        parts = [SpanOf(document, max(low, 1), schema.get("maxLength"))]
    if document is not None and from_text:
        kind, options = kind_of(schema, "#")
        parts.append(StatedIn(document, kind, json.dumps(options)))
    parts += [Regex(FORMATS[schema["format"]])] if "format" in schema else []
    for one in (schema, *schema.get("allOf", ())):
        parts += [Regex(one[name], dialect=dialect, search=True) for name, dialect in PATTERNS.items() if name in one]
        parts += [described(one[KEYWORD], "#")] if KEYWORD in one else []
    return And(tuple(parts))


def _keeping_spans(adapter: pydantic.TypeAdapter[Any]) -> pydantic.TypeAdapter[Any]:
    """The adapter of a type whose spans stay spans under a pattern."""
    core_schema = keeping_spans(adapter.core_schema)
    if core_schema is not adapter.core_schema:
        # what pydantic made for a class before would be taken for it again, with its spans lost
        again = {"_use_prebuilt": False} if "_use_prebuilt" in (SchemaValidator.__text_signature__ or "") else {}
        adapter.core_schema, adapter.validator = core_schema, SchemaValidator(core_schema, **again)  # type: ignore[arg-type]
    return adapter


def _over(description: Description, document: str | None) -> Description:
    """An intersection with its schemas over a document, where they want one."""
    if isinstance(description, And):
        return And(tuple(_over(part, document) for part in description.parts))
    lacks = isinstance(description, JsonSchema) and description.has_spans and description.document is None
    return description.over(document) if lacks else description  # type: ignore[attr-defined]


def _has_spans(description: Any) -> bool:
    if isinstance(description, And):
        return any(_has_spans(part) for part in description.parts)
    if isinstance(description, Template):
        return any(_has_spans(hole) for _, hole in description.holes)
    return isinstance(description, JsonSchema) and description.has_spans


def _from_function(function: Callable[..., Any], ask: str | None, document: str | None) -> OutputType:
    """The keyword arguments of a call, validated."""
    model, keywords = arguments_of(function)
    arguments = _from_annotation(model, ask, document)
    return replace(arguments, read=lambda text: keywords(arguments.read(text)))


def _from_template(template: Template, ask: str | None, document: str | None) -> OutputType:
    """A dict of the holes' values; each hole is read as its own type says."""
    holes: dict[str, OutputType] = {}
    for name, wanted in template.holes:
        try:
            holes[name] = output_type(wanted, ask=name, document=document)
        except ConstraintError as error:
            message = f"the hole {name!r}: {error.message}"
            raise ConstraintError(message, why=error.why, hint=error.hint, hole=name) from error
    filled = template.with_holes({name: hole.description for name, hole in holes.items()})

    def read(text: str) -> dict[str, Any]:
        return {name: holes[name].read(part) for name, part in filled.holes_of(text).items()}

    full, terse = ("{" + ",".join(hole.asked(style) for hole in holes.values()) + "}" for style in get_args(Style))
    return OutputType(filled, ask or full, read, keys=ask or terse, holes=holes)


def _real(text: str) -> float:
    """A float. Raises: ValueError for what is beyond its range."""
    value = float(text)
    if math.isinf(value):
        raise ValueError(f"{text[:20]}... is beyond a float's range")
    return value


def _json(text: str) -> Any:
    """A JSON text as a value. Raises: OutputInvalid for a number that Python does not read.

    An integer of more than 4,300 digits is one: what might read it could neither print it nor write it as JSON.
    """
    try:
        return json.loads(text, parse_float=_real)
    except (ValueError, RecursionError) as error:
        hint = "bound the number in the schema, or JsonSchema(..., digits=(18, 6)); result.raw has the text"
        raise OutputInvalid(
            "the answer is JSON that Python does not read", why=str(error)[:200], hint=hint, raw=text
        ) from error


def _checked(schemas: Sequence[JsonSchema]) -> Callable[[str], Any]:
    checking = [schema for schema in schemas if schema.unsupported == "check"]
    if not checking:
        return _json

    def read(text: str) -> Any:
        value = _json(text)
        for against in filter(None, (schema.validate(value) for schema in checking)):
            raise OutputInvalid(
                "the answer breaks a keyword that is checked, not enforced",
                why=f"{text[:200]}\n{against}",
                hint="retries=100 tries the next best answers",
                raw=text,
            )
        return value

    return read


def _named(kind: str, name: str | None) -> str:
    return f"{name}:{kind}" if name else kind


def _reader(
    adapter: pydantic.TypeAdapter[Any], *, quote: bool = False, document: str | None = None
) -> Callable[[str], Any]:
    """Text to value; `quote`: the text is a JSON string without its quotes."""

    def read(text: str) -> Any:
        context = {"document": document}
        try:
            if not quote and _MANY_DIGITS.search(
                text
            ):  # pydantic's reader of JSON has bounds, and makes floats infinite
                return adapter.validate_python(_json(text), context=context)
            return adapter.validate_json(json.dumps(text) if quote else text, context=context)
        except pydantic.ValidationError as error:
            raise OutputInvalid(
                "the answer obeys the schema, but the type has a rule that the schema does not say",
                why=f"{text[:200]}\n{error}",
                hint="say the rule in the schema (Field(...)); retries=100 tries the next best answers",
                raw=text,
                where=() if quote else _refused_at(error, json.loads(text)),
            ) from error
        except OutputInvalid:
            raise
        except Exception as error:  # pydantic lets what a validator raises through, if it is no ValueError
            raise OutputInvalid(
                f"the answer obeys the schema, and what reads it raised {type(error).__name__}",
                why=f"{text[:200]}\n{str(error)[:500]}",
                hint="a validator, __post_init__ or __init__ of the type: raise ValueError for what it refuses",
                raw=text,
            ) from error

    return read


def _refused_at(error: pydantic.ValidationError, value: Any) -> tuple[str, ...]:
    """The JSON pointers of the values that pydantic refused. It names branches of unions on the way, too."""
    found = []
    for one in error.errors(include_url=False, include_context=False):
        here: Any = value
        pointer = ""
        for token in one["loc"]:
            if isinstance(here, dict) and token in here:
                here = here[str(token)]
            elif isinstance(here, list) and isinstance(token, int) and token < len(here):
                here = here[token]
            else:
                continue
            pointer += f"/{escaped(str(token))}"
        if here == one["input"]:
            found.append(pointer)
    return tuple(dict.fromkeys(found))

"""Types as JSON Schemas whose every value validates back: pydantic's own schemas say less than its types do."""

from __future__ import annotations

import inspect
import json
import math
import re
import typing
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

import pydantic
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import SchemaError, to_jsonable_python

from ctrldiff.constraints.span import ASCII, STRIPPED
from ctrldiff.errors import ConstraintError
from ctrldiff.json_schema.formats import FORMATS
from ctrldiff.json_schema.keywords import KEYWORDS, PATTERNS, Keyword
from ctrldiff.json_schema.references import held, unescaped
from ctrldiff.types import outer
from ctrldiff.types.forms import FORMS, url
from ctrldiff.types.hashed import unhashable
from ctrldiff.types.portable import portable

HINT = "use a pydantic model, a dataclass, a TypedDict, Literal, Enum, int, float, bool, str, Decimal or a date"


def _ecma(name: str) -> str:
    """The pattern of a format in ECMAScript's syntax, whose digits are ASCII as they are."""
    pattern = FORMATS[name]
    return f"(?:{pattern[4:-1]})" if pattern.startswith("(?a:") else pattern


_NO_TYPE = (AttributeError, ImportError, NameError, RuntimeError, TypeError)  # what pydantic lets through, too
_FLAGS = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
_NO = "x-cannot-be-honoured"
_MADE = "x-made-for-a-path"  # marks what only leads to a field
_OF_INT = "x-made-of-int"  # marks an enum whose members a string of digits is read as, where it is a key
# Formats whose every text is a value; of mail and URLs those that stand beside a pattern of ours.
_READ = {"date", "time", "date-time", "uuid", "ipv4", "ipv6", "email", "uri"} & set(FORMATS)
_ANY_TEXT = {"path", "password"}  # names for a use of strings, which rule none out
_EXACT = 15  # a JSON number of so many digits is read back as it was written
_STEPPED = 6  # digits before the point of a float that is a multiple of a fraction
_PLACES = 6  # decimals of a Decimal that does not say how many it has
_SECONDS = r"\d{1,2}(?:\.\d{1,6})?S"
_CLOCK = rf"T(?:\d{{1,2}}H(?:\d{{1,2}}M)?(?:{_SECONDS})?|\d{{1,2}}M(?:{_SECONDS})?|{_SECONDS})"
_DURATION = rf"^P(?:\d{{1,6}}D(?:{_CLOCK})?|{_CLOCK})$"
_NAIVE = rf"^{_ecma('date')}T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{{1,6}})?$"
_UUID_VERSION = "^.{14}%s.{4}[89ab]"
_BOUNDS = ("gt", "ge", "lt", "le")
_OUTER = (*_BOUNDS, "multiple_of")  # words that pydantic leaves where it checks a bound behind a type


def json_schema(adapter: pydantic.TypeAdapter[Any], name: str) -> dict[str, Any]:
    """The schema of the values of a type, each of which the type takes.

    Raises: ConstraintError naming the part that cannot be honoured. Fields: pointer, field.
    """
    try:
        schema = adapter.json_schema(schema_generator=_Exact)
    except pydantic.errors.PydanticUserError as error:  # a name in quotes that stands for nothing, most often
        raise _no_type(name, error) from error
    for node, pointer, field in _places(schema):
        if (version := node.get("format", "").removeprefix("uuid")).isdigit():
            node.update(format="uuid", pattern=_UUID_VERSION % version)
        if node.get("format") in _ANY_TEXT:
            del node["format"]
        _formed(node)
        for word in (_MADE, _OF_INT, *_OUTER, *_beyond_json(node)):
            node.pop(word, None)
        why, hint = node.get(_NO), HINT
        if why is None and node.get("format", "date") not in _READ:
            why = f"its values are strings of the format {node['format']!r}, which it may still refuse"
            hint = "use str, or Annotated[str, Field(pattern=...)] with the form that is wanted"
        if why is not None:
            at = f"{name}{field}"
            raise ConstraintError(f"{at} cannot be honoured: {why}", hint=hint, pointer=pointer, field=at)
    return schema


def adapter_of(wanted: Any) -> pydantic.TypeAdapter[Any]:
    """Pydantic's reading of a type. Raises ConstraintError if it has none."""
    try:
        return pydantic.TypeAdapter(portable(wanted))
    except (pydantic.errors.PydanticUserError, SchemaError, UnicodeError, *_NO_TYPE) as error:
        raise _no_type(repr(wanted), error) from error


def _no_type(name: str, error: Exception) -> ConstraintError:
    why = (str(error).splitlines() or [""])[0]
    return ConstraintError(f"{name} is not a type that can be written as JSON", why=why, hint=HINT)


def arguments_of(function: Callable[..., Any]) -> tuple[Any, Callable[[Any], dict[str, Any]]]:
    """A function's arguments as a model, and how an instance becomes keyword arguments again.

    Raises: ConstraintError naming the parameter that has no type, or that keywords cannot pass.
    """
    inner = function.func if isinstance(function, partial) else function
    name = getattr(inner, "__name__", repr(inner))
    try:
        parameters = inspect.signature(function).parameters
        hints = typing.get_type_hints(inner, include_extras=True)
    except (TypeError, ValueError, NameError) as error:
        raise ConstraintError(f"the parameters of {name} cannot be read", why=str(error), hint=HINT) from error
    fields: dict[str, Any] = {}
    for place, (key, parameter) in enumerate(parameters.items()):
        if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            kind = parameter.kind.description
            raise ConstraintError(
                f"{name}({parameter}) cannot be honoured: it is {kind}", hint="name each argument", field=key
            )
        if key not in hints:
            raise ConstraintError(f"the parameter {key!r} of {name} has no type", hint=f"{key}: int, say", field=key)
        hint, default = portable(hints[key]), parameter.default
        if isinstance(
            default, FieldInfo
        ):  # what it says of the argument holds, as pydantic's own `validate_call` has it
            fields[f"p{place}"] = (typing.Annotated[hint, pydantic.Field(alias=key)], default)
        else:
            default = ... if default is parameter.empty else default
            fields[f"p{place}"] = (hint, pydantic.Field(default, alias=key))
    model = pydantic.create_model(name, __config__=pydantic.ConfigDict(extra="forbid"), **fields)
    aliases = {f"p{place}": key for place, key in enumerate(parameters)}
    return model, lambda value: {key: getattr(value, field) for field, key in aliases.items()}


class _Exact(GenerateJsonSchema):
    """Pydantic's generator, where its schema admits what the type refuses or cannot say what it takes."""

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        why = _reaches_out(schema)
        return {_NO: why} if why else super().generate_inner(schema)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
        return {_NO: f"{error_info.removeprefix('core_schema.')} has no JSON form"}

    def complex_schema(self, schema: Any) -> dict[str, Any]:
        return {_NO: "a complex number has no JSON form"}

    def bytes_schema(self, schema: Any) -> dict[str, Any]:
        return {_NO: "bytes have no JSON form"}

    def is_subclass_schema(self, schema: Any) -> dict[str, Any]:
        return {_NO: "a class has no JSON form"}

    def chain_schema(self, schema: Any) -> dict[str, Any]:
        if any(step["type"] == "is-instance" for step in schema["steps"]):
            return {_NO: "only some JSON values are instances of its class"}
        return self._with_outer(schema) or super().chain_schema(schema)

    def function_after_schema(self, schema: Any) -> dict[str, Any]:
        if getattr(schema["function"]["function"], "__self__", None) is pydantic.ByteSize:
            return {"type": "integer", "minimum": 0}  # its strings have units that its pattern does not say
        return self._with_outer(schema) or super().function_after_schema(schema)

    def _with_outer(self, schema: Any) -> dict[str, Any] | None:
        """What is said behind a type, of its members; None if nothing is."""
        try:
            inner = outer.said_within(schema)
        except outer.Unsaid as why:
            return {_NO: str(why)}
        return None if inner is schema else self.generate_inner(inner)

    def model_schema(self, schema: Any) -> dict[str, Any]:
        result = super().model_schema(schema)
        if schema["schema"]["type"] == "model-fields" and not schema["schema"]["fields"]:
            result.setdefault("additionalProperties", False)  # nothing is read of what else it might hold
        return result

    def set_schema(self, schema: Any) -> dict[str, Any]:
        why = unhashable(schema.get("items_schema"))
        return {_NO: f"a set holds no {why}: list says the same"} if why else super().set_schema(schema)

    def frozenset_schema(self, schema: Any) -> dict[str, Any]:
        why = unhashable(schema.get("items_schema"))
        return {_NO: f"a set holds no {why}: list says the same"} if why else super().frozenset_schema(schema)

    def generator_schema(self, schema: Any) -> dict[str, Any]:
        return {_NO: "an Iterable is read only when it is iterated; list says the same"}

    def date_schema(self, schema: Any) -> dict[str, Any]:
        low, high = schema.get("ge", date.min), schema.get("le", date.max)
        now = {"past": {"lt": date.today()}, "future": {"gt": date.today()}}.get(schema.get("now_op"), {})
        for bounds in (schema, now):
            low = max(low, bounds["gt"] + timedelta(days=1)) if "gt" in bounds else low
            high = min(high, bounds["lt"] - timedelta(days=1)) if "lt" in bounds else high
        result = {"type": "string", "format": "date", "pattern": _beyond(low, up=True)}
        return result if high == date.max else {**result, "allOf": [{"pattern": _beyond(high, up=False)}]}

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        zone = schema.get("tz_constraint")
        if isinstance(zone, int):
            return {_NO: "it wants one offset, and moments have many"}
        if said := [key for key in (*_BOUNDS, "now_op") if key in schema]:
            return {_NO: f"{said[0]} compares moments in different zones"}
        if zone == "naive":
            return {"type": "string", "pattern": _NAIVE, "allOf": [{"pattern": _beyond(date.min, up=True)[:-1] + "T"}]}
        return {
            "type": "string",
            "format": "date-time",
            "pattern": rf"{_beyond(date.min, up=True)[:-1]}T.{{5}}:[0-5]\d",
        }

    def time_schema(self, schema: Any) -> dict[str, Any]:
        if said := [key for key in _BOUNDS if key in schema]:
            return {_NO: f"{said[0]} compares times in different zones"}
        return {"type": "string", "format": "time", "pattern": r"^.{6}[0-5]\d"}

    def timedelta_schema(self, schema: Any) -> dict[str, Any]:
        if said := [key for key in _BOUNDS if key in schema]:
            return {_NO: f"{said[0]} compares durations, which have many spellings"}
        return {"type": "string", "pattern": _DURATION}

    def decimal_schema(self, schema: Any) -> dict[str, Any]:
        digits, places, step = schema.get("max_digits"), schema.get("decimal_places"), schema.get("multiple_of")
        if step is not None:
            return self._steps(schema, Decimal(step).normalize())
        whole = None if digits is None else digits - (places or 0)
        most = min(digits or _EXACT, _EXACT)
        shares = range(1, most + 1) if places is None and digits is not None else (min(_or(places, _PLACES), most),)
        found = [{**_number("number", schema, most - n), "multipleOf": float(f"1e-{n}")} for n in shares if n]
        if whole == 0:  # pydantic counts the digit of a lone zero
            return {**found[0], "not": {"const": 0}}
        found.append(_number("integer", schema, whole))
        return {"anyOf": found} if len(found) > 1 else found[0]

    def _steps(self, schema: Any, step: Decimal) -> dict[str, Any]:
        """The multiples of `step` that have at most 15 digits."""
        places = max(-int(step.as_tuple().exponent), 0)
        if schema.get("max_digits") is not None or schema.get("decimal_places") is not None:
            return {_NO: "multiple_of of a Decimal beside a number of digits"}
        if not places:
            return {**_number("integer", schema, None), "multipleOf": int(step)}
        return {**_number("number", schema, _EXACT - places), "multipleOf": float(step)}

    def float_schema(self, schema: Any) -> dict[str, Any]:
        step = schema.get("multiple_of")
        if step is None and all(math.isfinite(schema.get(bound, 0)) for bound in _BOUNDS):
            return super().float_schema(schema)
        if step is None:
            return _number("number", schema, None)
        # Pydantic divides floats. Of 2,000 multiples each of .1, .01, .3, .25 and .001 by number of digits, it took all
        # that have at most 6 before the point, and refused some of .3 from 7 on.
        return {**_number("number", schema, _EXACT if step == int(step) else _STEPPED), "multipleOf": step}

    def str_schema(self, schema: Any) -> dict[str, Any]:
        rules = [STRIPPED] if schema.get("strip_whitespace", self._config.str_strip_whitespace) else []
        rules += [ASCII] if schema.get("ascii_only") else []
        result = super().str_schema(schema)
        if "pattern" in schema:
            del result["pattern"]
            result |= self._as_pydantic_reads(schema)
        return {**result, "allOf": [{"pattern": rule} for rule in rules]} if rules else result

    def _as_pydantic_reads(self, schema: Any) -> dict[str, Any]:
        """A pattern in the dialect of the engine that will search for it."""
        pattern = schema["pattern"]
        if isinstance(pattern, re.Pattern):
            if pattern.flags & re.LOCALE or not isinstance(pattern.pattern, str):
                return {_NO: f"{pattern!r} is no pattern of texts"}
            flags = "".join(name for name, flag in _FLAGS.items() if pattern.flags & flag)
            return {"x-pattern-python": f"(?{flags}){pattern.pattern}" if flags else pattern.pattern}
        engine = schema.get("regex_engine") or self._config.regex_engine
        return {"x-pattern-python" if engine == "python-re" else "x-pattern-rust": pattern}

    def url_schema(self, schema: Any) -> dict[str, Any]:
        pattern = url(schema.get("allowed_schemes"), bounded="max_length" in schema)
        return {"type": "string", "format": "uri", "x-pattern-python": _whole(pattern)}

    def multi_host_url_schema(self, schema: Any) -> dict[str, Any]:
        return self.url_schema(schema)

    def json_schema(self, schema: Any) -> dict[str, Any]:
        return {"type": "string", "x-json": self.generate_inner(schema["schema"]) if "schema" in schema else {}}

    def enum_schema(self, schema: Any) -> dict[str, Any]:
        result = _unreadable(schema["cls"], schema["members"]) or super().enum_schema(schema)
        return {**result, _OF_INT: True} if schema.get("sub_type") == "int" else result

    def literal_schema(self, schema: Any) -> dict[str, Any]:
        return _unreadable(None, schema["expected"]) or super().literal_schema(schema)

    def tagged_union_schema(self, schema: Any) -> dict[str, Any]:
        result = super().tagged_union_schema(schema)
        if isinstance(schema["discriminator"], str) and "oneOf" in result:  # tags exclude each other
            result["anyOf"] = result.pop("oneOf")
        return result

    def dataclass_args_schema(self, schema: Any) -> dict[str, Any]:
        fields = [field for field in schema["fields"] if field.get("init", True)]  # the others are never read
        return super().dataclass_args_schema({**schema, "fields": fields})  # type: ignore[typeddict-item]

    def model_fields_schema(self, schema: Any) -> dict[str, Any]:
        fields = schema["fields"]
        plain = {name: field for name, field in fields.items() if _path(field) is None}
        read: dict[str, str] = {}
        for name, field in plain.items():
            key = self._get_alias_name(field, name)
            if read.setdefault(key, name) != name:
                return {_NO: f"{read[key]} and {name} are both read from {key!r}"}
        result = super().model_fields_schema({**schema, "fields": plain})  # type: ignore[typeddict-item]
        result.setdefault("properties", {})
        for name, field in fields.items():
            path = _path(field)
            if path is not None and not _put(result, path, self.generate_inner(field)):
                return {_NO: f"{name} is read from the path {path}, which cannot be written beside the others"}
        return result

    def dataclass_field_schema(self, schema: Any) -> dict[str, Any]:
        return _no_path(schema) or super().dataclass_field_schema(schema)

    def typed_dict_field_schema(self, schema: Any) -> dict[str, Any]:
        return _no_path(schema) or super().typed_dict_field_schema(schema)

    def named_tuple_schema(self, schema: Any) -> dict[str, Any]:
        fields = {
            self._get_alias_name(field, field["name"]): _no_path(field) or self.generate_inner(field["schema"])
            for field in schema["fields"]
        }
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        result = super().dict_schema(schema)
        names = self._names(self.generate_inner(schema.get("keys_schema", {"type": "str"})))
        if _NO in names:
            return names
        return {**result, "propertyNames": names} if names else result

    def _names(self, keys: dict[str, Any]) -> dict[str, Any]:
        """The strings that are read as keys of a schema; with the reason, if that cannot be said."""
        if "$ref" in keys:
            keys = self.get_schema_from_definitions(keys["$ref"]) or {}
        if "anyOf" in keys:
            ways = [self._names(one) for one in keys["anyOf"] if one.get("type") != "null"]  # no name is read as null
            return next((one for one in ways if _NO in one), {"anyOf": ways})
        if listed := keys.get("enum", [keys["const"]] if "const" in keys else []):
            names = [str(key) for key in listed if isinstance(key, str) or (keys.get(_OF_INT) and type(key) is int)]
            return {"enum": names} if names else {_NO: "its keys are no strings, and are not read as ones"}
        if set(keys) <= {"type", "title"} and keys.get("type") == "integer":
            return {"pattern": r"^(?:0|-?[1-9]\d*)$"}
        keys = _formed({key: value for key, value in keys.items() if key != "title"})
        if any(name in keys for name in PATTERNS if name != "pattern"):
            return {name: value for name, value in keys.items() if name != "format"}
        if "format" in keys:  # as a pattern: a format that is narrowed cannot be complemented, and names are
            rest = {key: value for key, value in keys.items() if key != "format"}
            name, version = keys["format"], keys["format"].removeprefix("uuid")
            if version.isdigit():
                name, rest = "uuid", {"pattern": _UUID_VERSION % version}
            if name not in _READ:
                return {_NO: f"its keys are strings of the format {name!r}, which it may still refuse"}
            return {"allOf": [rest, {"pattern": f"^{_ecma(name)}$"}]}
        if keys.pop("type", "string") != "string":
            return {_NO: "its keys are no strings"}
        return keys


def _formed(node: dict[str, Any]) -> dict[str, Any]:
    """A schema, changed in place, whose format is one of pydantic's own: with the pattern of what pydantic takes."""
    name = node.get("format")
    if name in FORMS and name not in ("ipv4", "ipv6"):
        node["x-pattern-python"] = _whole(FORMS[name])
        if name not in FORMATS:
            del node["format"]
    return node


def _beyond_json(node: dict[str, Any]) -> Iterator[str]:
    """What only tells of a schema and cannot be said in JSON: a default of NaN or infinity."""
    for word in ("default", "examples"):
        try:
            json.dumps(node.get(word), allow_nan=False)
        except (TypeError, ValueError):
            yield word


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\Z"


def _reaches_out(schema: Any) -> str | None:
    """Why values of a type are not the model's to choose: reading one would import a module or look at files."""
    function = schema.get("function")
    name = getattr(function.get("function") if isinstance(function, dict) else None, "__qualname__", "")
    if name == "import_string":
        return "reading it imports the module that its text names, and runs it"
    if name.startswith("PathType.validate_"):
        return "reading it looks for a file"
    return None


def _path(field: Any) -> list[str | int] | None:
    """Where a field is read from inside another, if it has no key of its own."""
    alias = field.get("validation_alias")
    paths = alias if isinstance(alias, list) and isinstance(alias[0], list) else [alias]
    if alias is None or any(isinstance(path, str) or len(path) == 1 for path in paths):
        return None
    return list(paths[0])


def _no_path(field: Any) -> dict[str, Any] | None:
    """A mark if a field is read from inside another, where only models are written so."""
    path = _path(field)
    return {_NO: f"it is read from the path {path}"} if path else None


def _put(node: dict[str, Any], path: list[str | int], value: dict[str, Any]) -> bool:
    """Add a value to an object's schema at a path of keys and places, making what is not there; False if that cannot
    be. Places between those that are read hold null."""
    for step, after in zip(path, [*path[1:], None]):
        parts = node.setdefault("properties", {}) if isinstance(step, str) else node["prefixItems"]
        if isinstance(step, int):
            if step < 0:
                return False
            parts.extend({"type": "null"} for _ in range(step + 1 - len(parts)))
            node["minItems"] = node["maxItems"] = len(parts)
        taken = step in parts if isinstance(step, str) else parts[step] != {"type": "null"}
        if taken and (after is None or not parts[step].get(_MADE)):
            return False
        if not taken:
            kind = {"type": "array", "prefixItems": []} if isinstance(after, int) else {"type": "object"}
            closed = {} if isinstance(after, int) else {"additionalProperties": False}
            parts[step] = value if after is None else {**kind, **closed, _MADE: True}
            if isinstance(step, str):
                node["required"] = [*node.get("required", ()), step]
        node = parts[step]
        if after is not None and ("prefixItems" in node) != isinstance(after, int):
            return False
    return True


def _number(kind: str, schema: Any, whole: int | None) -> dict[str, Any]:
    """A number between a decimal's bounds, with at most `whole` digits before the point."""
    room = [] if whole is None else [Decimal(10) ** whole]
    said = {
        "minimum": [schema["ge"]] if "ge" in schema else [],
        "exclusiveMinimum": ([schema["gt"]] if "gt" in schema else []) + [-edge for edge in room],
        "maximum": [schema["le"]] if "le" in schema else [],
        "exclusiveMaximum": ([schema["lt"]] if "lt" in schema else []) + room,
    }
    result: dict[str, Any] = {"type": kind}
    for keyword, edges in said.items():
        values = [
            edge for edge in map(_decimal, edges) if not (edge.is_infinite() and ("Min" in keyword) == (edge < 0))
        ]
        if any(not edge.is_finite() for edge in values):
            return {_NO: f"its bound {next(edge for edge in values if not edge.is_finite())} leaves no number"}
        if values:
            edge = (max if "Min" in keyword else min)(values)
            result[keyword] = int(edge) if edge == int(edge) else float(edge)
            if Decimal(repr(result[keyword])) != edge:
                return {_NO: f"its bound {edge} has more digits than a JSON number keeps"}
    return result


def _decimal(value: Any) -> Decimal:
    """A bound by the digits that it is written with, as pydantic reads it."""
    return Decimal(repr(value)) if isinstance(value, float) else Decimal(value)


def _or(value: int | None, otherwise: int) -> int:
    return otherwise if value is None else value


def _beyond(day: date, *, up: bool) -> str:
    """A pattern of the days from `day` on, or up to it; digits compare as days do."""
    text, ways = day.isoformat(), [day.isoformat()]
    for at, digit in enumerate(text):
        if digit.isdigit() and digit != ("9" if up else "0"):
            span = f"[{int(digit) + 1}-9]" if up else f"[0-{int(digit) - 1}]"
            ways.append(text[:at] + span + "".join(r"\d" if c != "-" else c for c in text[at + 1 :]))
    return f"^(?:{'|'.join(ways)})$"


def _unreadable(kind: Any, values: list[Any]) -> dict[str, Any] | None:
    """A mark if pydantic does not make a value again out of what JSON makes of it."""
    for value in values:
        plain = value.value if isinstance(value, Enum) else value
        try:
            reader = pydantic.TypeAdapter(typing.Literal[value] if kind is None else kind)  # type: ignore[arg-type]
            again = reader.validate_json(json.dumps(to_jsonable_python(plain)))
        except (pydantic.ValidationError, ValueError, TypeError, pydantic.errors.PydanticUserError):
            again = None if value is not None else ...
        if again != value or type(again) is not type(value):
            return {_NO: f"{value!r} does not come back from JSON"}
    return None


def _places(schema: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Every schema that the root speaks of, each once: node, JSON pointer, field as a person would write it."""
    todo: list[tuple[Any, str, str]] = [(schema, "#", "")]
    seen: set[str] = set()
    while todo:
        node, pointer, field = todo.pop()
        if not isinstance(node, dict):
            continue
        yield node, pointer, field
        if "x-json" in node:
            todo.append((node["x-json"], f"{pointer}/x-json", field))
        reference = node.get("$ref", "")
        if reference and reference not in seen:
            seen.add(reference)
            target = schema.get("$defs", {}).get(reference.rpartition("/")[2], {})
            todo.append((target, reference, field))
        below = [
            (part, pointer + way, field + _shown(KEYWORDS[keyword], way))
            for keyword, value in node.items()
            if keyword in KEYWORDS and KEYWORDS[keyword].role == "applies"
            for way, part in held(keyword, value)
        ]
        todo += reversed(below)


def _shown(keyword: Keyword, way: str) -> str:
    """The part that a keyword's schema speaks of, as a person would write it behind the whole."""
    if keyword.of == "itself":
        return ""
    if keyword.of != "named":
        return "[]"
    name = unescaped(way.rpartition("/")[2])
    return f".{name}" if keyword.family == "object" else f"[{name}]"

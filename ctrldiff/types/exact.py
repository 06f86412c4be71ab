"""Pydantic's schemas made to say what its types take: they say less, or more, than the types do."""

from __future__ import annotations

import json
import re
import typing
from enum import Enum
from typing import Any

import pydantic
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import to_jsonable_python

from ctrldiff.constraints.span import ASCII, STRIPPED
from ctrldiff.json_schema.formats import FORMATS
from ctrldiff.json_schema.keywords import PATTERNS
from ctrldiff.types import moments, numbers, outer
from ctrldiff.types.forms import FORMS, url
from ctrldiff.types.hashed import unhashable
from ctrldiff.types.marks import NO, OF_INT
from ctrldiff.types.paths import no_path, path_of, put

_FLAGS = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}
# Formats whose every text is a value; of mail and URLs those that stand beside a pattern of ours.
READ = {"date", "time", "date-time", "uuid", "ipv4", "ipv6", "email", "uri"} & set(FORMATS)
UUID_VERSION = "^.{14}%s.{4}[89ab]"


class Exact(GenerateJsonSchema):
    """Pydantic's generator, where its schema admits what the type refuses or cannot say what it takes."""

    def generate_inner(self, schema: Any) -> dict[str, Any]:
        why = _reaches_out(schema)
        return {NO: why} if why else super().generate_inner(schema)

    def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> dict[str, Any]:
        return {NO: f"{error_info.removeprefix('core_schema.')} has no JSON form"}

    def complex_schema(self, schema: Any) -> dict[str, Any]:
        return {NO: "a complex number has no JSON form"}

    def bytes_schema(self, schema: Any) -> dict[str, Any]:
        return {NO: "bytes have no JSON form"}

    def is_subclass_schema(self, schema: Any) -> dict[str, Any]:
        return {NO: "a class has no JSON form"}

    def chain_schema(self, schema: Any) -> dict[str, Any]:
        if any(step["type"] == "is-instance" for step in schema["steps"]):
            return {NO: "only some JSON values are instances of its class"}
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
            return {NO: str(why)}
        return None if inner is schema else self.generate_inner(inner)

    def model_schema(self, schema: Any) -> dict[str, Any]:
        result = super().model_schema(schema)
        if schema["schema"]["type"] == "model-fields" and not schema["schema"]["fields"]:
            result.setdefault("additionalProperties", False)  # nothing is read of what else it might hold
        return result

    def set_schema(self, schema: Any) -> dict[str, Any]:
        why = unhashable(schema.get("items_schema"))
        return {NO: f"a set holds no {why}: list says the same"} if why else super().set_schema(schema)

    def frozenset_schema(self, schema: Any) -> dict[str, Any]:
        why = unhashable(schema.get("items_schema"))
        return {NO: f"a set holds no {why}: list says the same"} if why else super().frozenset_schema(schema)

    def generator_schema(self, schema: Any) -> dict[str, Any]:
        return {NO: "an Iterable is read only when it is iterated; list says the same"}

    def date_schema(self, schema: Any) -> dict[str, Any]:
        return moments.day(schema)

    def datetime_schema(self, schema: Any) -> dict[str, Any]:
        return moments.moment(schema)

    def time_schema(self, schema: Any) -> dict[str, Any]:
        return moments.clock(schema)

    def timedelta_schema(self, schema: Any) -> dict[str, Any]:
        return moments.duration(schema)

    def decimal_schema(self, schema: Any) -> dict[str, Any]:
        return numbers.decimal(schema)

    def float_schema(self, schema: Any) -> dict[str, Any]:
        found = numbers.floating(schema)
        return super().float_schema(schema) if found is None else found

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
                return {NO: f"{pattern!r} is no pattern of texts"}
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
        return {**result, OF_INT: True} if schema.get("sub_type") == "int" else result

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
        plain = {name: field for name, field in fields.items() if path_of(field) is None}
        read: dict[str, str] = {}
        for name, field in plain.items():
            key = self._get_alias_name(field, name)
            if read.setdefault(key, name) != name:
                return {NO: f"{read[key]} and {name} are both read from {key!r}"}
        result = super().model_fields_schema({**schema, "fields": plain})  # type: ignore[typeddict-item]
        result.setdefault("properties", {})
        for name, field in fields.items():
            path = path_of(field)
            if path is not None and not put(result, path, self.generate_inner(field)):
                return {NO: f"{name} is read from the path {path}, which cannot be written beside the others"}
        return result

    def dataclass_field_schema(self, schema: Any) -> dict[str, Any]:
        return no_path(schema) or super().dataclass_field_schema(schema)

    def typed_dict_field_schema(self, schema: Any) -> dict[str, Any]:
        return no_path(schema) or super().typed_dict_field_schema(schema)

    def named_tuple_schema(self, schema: Any) -> dict[str, Any]:
        fields = {
            self._get_alias_name(field, field["name"]): no_path(field) or self.generate_inner(field["schema"])
            for field in schema["fields"]
        }
        return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}

    def dict_schema(self, schema: Any) -> dict[str, Any]:
        result = super().dict_schema(schema)
        names = self._names(self.generate_inner(schema.get("keys_schema", {"type": "str"})))
        if NO in names:
            return names
        return {**result, "propertyNames": names} if names else result

    def _names(self, keys: dict[str, Any]) -> dict[str, Any]:
        """The strings that are read as keys of a schema; with the reason, if that cannot be said."""
        if "$ref" in keys:
            keys = self.get_schema_from_definitions(keys["$ref"]) or {}
        if "anyOf" in keys:
            ways = [self._names(one) for one in keys["anyOf"] if one.get("type") != "null"]  # no name is read as null
            return next((one for one in ways if NO in one), {"anyOf": ways})
        if listed := keys.get("enum", [keys["const"]] if "const" in keys else []):
            names = [str(key) for key in listed if isinstance(key, str) or (keys.get(OF_INT) and type(key) is int)]
            return {"enum": names} if names else {NO: "its keys are no strings, and are not read as ones"}
        if set(keys) <= {"type", "title"} and keys.get("type") == "integer":
            return {"pattern": r"^(?:0|-?[1-9]\d*)$"}
        keys = formed({key: value for key, value in keys.items() if key != "title"})
        if any(name in keys for name in PATTERNS if name != "pattern"):
            return {name: value for name, value in keys.items() if name != "format"}
        if "format" in keys:  # as a pattern: a format that is narrowed cannot be complemented, and names are
            rest = {key: value for key, value in keys.items() if key != "format"}
            name, version = keys["format"], keys["format"].removeprefix("uuid")
            if version.isdigit():
                name, rest = "uuid", {"pattern": UUID_VERSION % version}
            if name not in READ:
                return {NO: f"its keys are strings of the format {name!r}, which it may still refuse"}
            return {"allOf": [rest, {"pattern": f"^{moments.ecma(name)}$"}]}
        if keys.pop("type", "string") != "string":
            return {NO: "its keys are no strings"}
        return keys


def formed(node: dict[str, Any]) -> dict[str, Any]:
    """A schema, changed in place, whose format is one of pydantic's own: with the pattern of what pydantic takes."""
    name = node.get("format")
    if name in FORMS and name not in ("ipv4", "ipv6"):
        node["x-pattern-python"] = _whole(FORMS[name])
        if name not in FORMATS:
            del node["format"]
    return node


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
            return {NO: f"{value!r} does not come back from JSON"}
    return None

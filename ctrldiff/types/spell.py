"""A value as the text that would be read back as it: the answers of examples in a prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctrldiff.constraints.decision import YesNo
from ctrldiff.constraints.template import Template
from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.canonical import value_text
from ctrldiff.types.data import as_data
from ctrldiff.types.structured import OutputType


def spell(type_: OutputType, value: Any, where: str) -> str:
    """The text of a value.

    Args:
        value: of the type; a model's instance or the data it is made of; of a constraint, the text.
        where: what the value is called in an error.
    Raises: InputError for a value that the type does not have.
    """
    try:
        text = _spelled(type_, value)
        legal = text in type_.description
        if legal:
            type_.read(text)
    except (CtrldiffError, LookupError, TypeError, ValueError) as error:
        raise _wrong(where, value, str(getattr(error, "why", "") or error)) from error
    if not legal:
        raise _wrong(where, value, f"{text[:200]} is not among the texts that may be written")
    return text


def _spelled(type_: OutputType, value: Any) -> str:
    description = type_.description
    if isinstance(description, Template) and isinstance(value, Mapping):
        return description.pattern.format(**{name: _spelled(hole, value[name]) for name, hole in type_.holes.items()})
    if isinstance(description, YesNo) and isinstance(value, bool):
        return "yes" if value else "no"
    plain = as_data(value)
    if not isinstance(description, JsonSchema):
        return plain if isinstance(plain, str) else value_text(plain)
    text = description.canonical(plain)
    if text in description:
        return text
    # with a model's defaults, where the example leaves them out, and its parts as they are read
    return description.canonical(as_data(type_.read(value_text(plain))))


def _wrong(where: str, value: Any, why: str) -> InputError:
    return InputError(
        f"{where}: {str(value)[:200]} is no value of the type", why=why[:400], hint="mend the example", param="examples"
    )

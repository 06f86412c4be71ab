"""A value as the text that would be read back as it: the answers of examples in a prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any

from ctrldiff.constraints.decision import YesNo
from ctrldiff.constraints.template import Template
from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.json_schema import JsonSchema
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
    plain = _plain(value)
    if isinstance(description, JsonSchema):
        whole = type_.read(json.dumps(plain))  # a model's defaults, where the example leaves them out
        return description.canonical(_plain(whole))
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _plain(value: Any) -> Any:
    """JSON data. Raises: ValueError for what has none."""
    from pydantic_core import to_jsonable_python

    return to_jsonable_python(value.value if isinstance(value, Enum) else value, by_alias=True)


def _wrong(where: str, value: Any, why: str) -> InputError:
    return InputError(
        f"{where}: {str(value)[:200]} is no value of the type", why=why[:400], hint="mend the example", param="examples"
    )

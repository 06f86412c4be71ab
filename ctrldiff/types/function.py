"""A function's arguments as a type."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from functools import partial
from typing import Any

import pydantic
from pydantic.fields import FieldInfo

from ctrldiff.errors import ConstraintError
from ctrldiff.types.portable import portable
from ctrldiff.types.type_schema import HINT


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
        if isinstance(default, FieldInfo):  # what it says holds, as for pydantic's own `validate_call`
            fields[f"p{place}"] = (typing.Annotated[hint, pydantic.Field(alias=key)], default)
        else:
            default = ... if default is parameter.empty else default
            fields[f"p{place}"] = (hint, pydantic.Field(default, alias=key))
    model = pydantic.create_model(name, __config__=pydantic.ConfigDict(extra="forbid"), **fields)
    aliases = {f"p{place}": key for place, key in enumerate(parameters)}
    return model, lambda value: {key: getattr(value, field) for field, key in aliases.items()}

"""Types that pydantic does not read as they are, as ones that it does."""

from __future__ import annotations

import types
import typing
from typing import Any

import pydantic
import typing_extensions

from ctrldiff.errors import ConstraintError


def portable(wanted: Any, inside: tuple[type, ...] = ()) -> Any:
    """The type as pydantic reads it on every Python: `typing.TypedDict`, also inside generic types, and attrs classes.

    inside: the attrs classes that it is a field of.
    """
    origin = typing.get_origin(wanted) or wanted
    if type(origin).__module__ == "typing" and type(origin).__name__ == "_TypedDictMeta":
        return _typed_dict(origin, dict(zip(getattr(origin, "__parameters__", ()), typing.get_args(wanted))), inside)
    if isinstance(wanted, type) and hasattr(wanted, "__attrs_attrs__"):
        return _attrs(wanted, inside)
    arguments = getattr(wanted, "__args__", None)
    if isinstance(wanted, types.UnionType):
        return typing.Union[tuple(portable(one, inside) for one in wanted.__args__)]  # noqa: UP007
    if isinstance(arguments, tuple) and hasattr(wanted, "copy_with"):
        return wanted.copy_with(tuple(portable(argument, inside) for argument in arguments))
    if isinstance(arguments, tuple) and typing.get_origin(wanted) in (list, dict, tuple, set, frozenset):
        return typing.get_origin(wanted)[tuple(portable(argument, inside) for argument in arguments)]
    return wanted


def _typed_dict(wanted: Any, given: dict[Any, Any], inside: tuple[type, ...]) -> Any:
    """A `TypedDict` of the kind that pydantic reads; given: what stands for its type parameters."""

    def of(hint: Any) -> Any:
        own = getattr(hint, "__parameters__", ())
        filled = given.get(hint, hint) if isinstance(hint, typing.TypeVar) else hint
        return filled[tuple(given.get(one, Any) for one in own)] if own and filled is hint else filled

    hints = typing.get_type_hints(wanted, include_extras=True)
    fields = {
        key: (typing_extensions.Required if key in wanted.__required_keys__ else typing_extensions.NotRequired)[
            portable(of(typing.get_args(hint)[0] if typing.get_origin(hint) in _MARKS else hint), inside)
        ]
        for key, hint in hints.items()
    }
    return typing_extensions.TypedDict(wanted.__name__, fields)  # type: ignore[operator]


def _attrs(wanted: Any, inside: tuple[type, ...]) -> Any:
    """An attrs class as a model of its arguments, read as an instance: its converters and validators are asked."""
    if wanted in inside:
        raise ConstraintError(
            f"{wanted.__name__} is an attrs class that holds itself", hint="use a dataclass or a pydantic model"
        )
    hints = typing.get_type_hints(wanted, include_extras=True)
    fields: dict[str, Any] = {}
    for one in (one for one in wanted.__attrs_attrs__ if one.init):
        if one.name not in hints:
            raise ConstraintError(f"{wanted.__name__}.{one.name} has no type", hint=f"{one.name}: int, say")
        # What it is left out for is the class's own business: a default may be made by a factory.
        default: Any = ... if repr(one.default) == "NOTHING" else None
        hint = portable(hints[one.name], (*inside, wanted))
        fields[f"p{len(fields)}"] = (hint, pydantic.Field(default, alias=one.alias))
    model = pydantic.create_model(wanted.__name__, __config__=pydantic.ConfigDict(extra="forbid"), **fields)
    aliases = {name: field.alias for name, field in model.model_fields.items()}

    def made(value: Any) -> Any:
        return wanted(**{aliases[name]: getattr(value, name) for name in aliases if name in value.model_fields_set})

    return typing.Annotated[model, pydantic.AfterValidator(made)]


_MARKS = (typing.Required, typing.NotRequired)

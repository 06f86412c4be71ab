"""Types that pydantic does not read as they are, as ones that it does."""

from __future__ import annotations

import types
import typing
from typing import Any

import pydantic
import typing_extensions

from ctrldiff.errors import ConstraintError


def portable(wanted: Any, inside: tuple[type, ...] = (), made: dict[Any, Any] | None = None) -> Any:
    """The type as pydantic reads it on every Python: `typing.TypedDict`, also inside generic types, and attrs classes.

    inside: the attrs classes that it is a field of.   made: the `TypedDict`s that were met, as what became of them.
    """
    made = {} if made is None else made
    origin = typing.get_origin(wanted) or wanted
    if _is_typed_dict(origin):
        return _typed_dict(origin, typing.get_args(wanted), inside, made)
    if isinstance(wanted, type) and hasattr(wanted, "__attrs_attrs__"):
        return _attrs(wanted, inside, made)
    arguments = getattr(wanted, "__args__", None)
    if not isinstance(arguments, tuple) or not arguments:
        return wanted
    if isinstance(wanted, types.UnionType):
        return typing.Union[tuple(portable(one, inside, made) for one in arguments)]  # noqa: UP007
    if hasattr(wanted, "copy_with"):
        return wanted.copy_with(tuple(portable(argument, inside, made) for argument in arguments))
    if type(wanted) is types.GenericAlias and isinstance(origin, type) and not wanted.__unpacked__:
        return types.GenericAlias(origin, tuple(portable(argument, inside, made) for argument in arguments))
    return wanted


def _is_typed_dict(wanted: Any) -> bool:
    return type(wanted).__module__ == "typing" and type(wanted).__name__ == "_TypedDictMeta"


def _typed_dict(wanted: Any, arguments: tuple[Any, ...], inside: tuple[type, ...], made: dict[Any, Any]) -> Any:
    """A `TypedDict` of the kind that pydantic reads; arguments: what stands for its type parameters."""
    key = wanted, arguments
    if key in made:
        return made[key]
    given = dict(zip(getattr(wanted, "__parameters__", ()), arguments))

    def of(hint: Any) -> Any:
        own = getattr(hint, "__parameters__", ())
        filled = given.get(hint, hint) if isinstance(hint, typing.TypeVar) else hint
        return filled[tuple(given.get(one, Any) for one in own)] if own and filled is hint else filled

    # Its fields come after it, since they may lead back to it.
    own = made[key] = typing_extensions.TypedDict(wanted.__name__, {})  # type: ignore[operator]
    own.__doc__, own.__module__, own.__qualname__ = wanted.__doc__, wanted.__module__, wanted.__qualname__
    if (config := _config(wanted)) is not None:
        own.__pydantic_config__ = config
    hints = typing.get_type_hints(wanted, include_extras=True)
    own.__annotations__ = {
        key: (typing_extensions.Required if key in wanted.__required_keys__ else typing_extensions.NotRequired)[
            portable(of(typing.get_args(hint)[0] if typing.get_origin(hint) in _MARKS else hint), inside, made)
        ]
        for key, hint in hints.items()
    }
    return own


def _config(wanted: Any) -> Any:
    """The pydantic config of a `TypedDict`: its own, or that of the first of those it is made of that has one."""
    if (config := getattr(wanted, "__pydantic_config__", None)) is not None:
        return config
    bases = [typing.get_origin(one) or one for one in getattr(wanted, "__orig_bases__", ())]
    return next((found for one in bases if _is_typed_dict(one) and (found := _config(one)) is not None), None)


def _attrs(wanted: Any, inside: tuple[type, ...], made: dict[Any, Any]) -> Any:
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
        hint = portable(hints[one.name], (*inside, wanted), made)
        fields[f"p{len(fields)}"] = (hint, pydantic.Field(default, alias=one.alias))
    model = pydantic.create_model(wanted.__name__, __config__=pydantic.ConfigDict(extra="forbid"), **fields)
    aliases = {name: field.alias for name, field in model.model_fields.items()}

    def instance(value: Any) -> Any:
        return wanted(**{aliases[name]: getattr(value, name) for name in aliases if name in value.model_fields_set})

    return typing.Annotated[model, pydantic.AfterValidator(instance)]


_MARKS = (typing.Required, typing.NotRequired)

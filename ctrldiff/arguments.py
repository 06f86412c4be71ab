"""The front door's arguments, checked before any work is done: what is wrong is named, with a way out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence, Set
from difflib import get_close_matches
from typing import Any

from ctrldiff.errors import InputError

WORDS = {"unsure": ("flag", "null", "error"), "on_error": ("raise", "keep")}
LEAST = {"steps": 1, "max_new_tokens": 1, "batch_size": 1, "temperature": 0, "seed": 0}
PLUG_INS = {  # what a plug-in has to have besides being callable, and what to pass
    "schedule": (("budget",), "sampling.schedules.Linear(16)"),
    "commit": ((), "sampling.commit.Threshold(0.9)"),
    "edit": ((), "sampling.edit.Disagree()"),
    "revise": ((), "sampling.revise.Keep()"),
    "stop": ((), "sampling.stop.Settled(0.1)"),
}
# What other libraries call things, and what they are called here.
ELSEWHERE = {
    "top_p": "temperature=, or prior=",
    "top_k": "temperature=, or prior=",
    "n": "search=cd.search.BestOfN(...), or one call a seed",
    "stream": "trace=True keeps every canvas",
    "response_model": "the type is the second argument",
    "response_format": "the type is the second argument",
    "max_tokens": "max_new_tokens=",
    "prompt": "the text is the first argument",
    "system": "from_pretrained(..., system=...)",
}


def known_names(how: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise InputError for a keyword that is none of these."""
    for name in how.keys() - known:
        near = get_close_matches(name, known, n=1)
        hint = ELSEWHERE.get(name) or (f"{near[0]}=" if near else f"one of {', '.join(known)}")
        raise InputError(f"no argument {name!r}", hint=hint, param=name)


def check_arguments(given: Any) -> None:
    """Raise InputError for an argument of a `Generator` that is no number, word or plug-in it could use."""
    for name, least in LEAST.items():
        value = getattr(given, name)
        if value is None and name in ("steps", "max_new_tokens"):
            continue
        kind = (int, float) if name == "temperature" else int
        if isinstance(value, bool) or not isinstance(value, kind) or not (value >= least and math.isfinite(value)):
            what = "a finite number of" if name == "temperature" else "an int of"
            raise InputError(f"{name}={value!r}: {what} at least {least}", param=name)
    for name, allowed in WORDS.items():
        if getattr(given, name) not in allowed:
            raise InputError(f"{name}={getattr(given, name)!r}", hint=f"one of {', '.join(allowed)}", param=name)
    for name, (methods, example) in PLUG_INS.items():
        value = getattr(given, name)
        if value is not None:
            check_plug_in(name, value, example, methods)
    if isinstance(given.processors, str) or not isinstance(given.processors, Iterable):
        hint = "a list of functions (logits, state, step) -> logits"
        raise InputError(f"processors={given.processors!r}", hint=hint, param="processors")
    for value in given.processors:
        check_plug_in("processors", value, "sampling.presets.Temperature(0.5)")


def check_plug_in(name: str, value: Any, example: str, methods: Sequence[str] = ()) -> None:
    """Raise InputError for what cannot be called, a class in place of its value, or one that lacks a method."""
    hint = f"{name}=ctrldiff.{example}, or a function of your own: ctrldiff/protocols.py says of what"
    if isinstance(value, type):
        raise InputError(f"{name} is the class {value.__name__}, not one of its values", hint=hint, param=name)
    lacks = [method for method in methods if not hasattr(value, method)]
    if not callable(value) or lacks:
        why = f"it has no {lacks[0]}()" if callable(value) else ""
        raise InputError(f"{name}={value!r} is no plug-in", why=why, hint=hint, param=name)


def texts_of(given: Any) -> list[Any]:
    """What was passed for a list of texts. Raises: InputError for what is none: a dict, say, is not its keys."""
    if isinstance(given, bytes | Mapping | Set) or not isinstance(given, Iterable):
        hint = "pass a str, or a list of them" + ("; of a dict, the value" if isinstance(given, Mapping) else "")
        raise InputError(f"a {type(given).__name__} is not a text", hint=hint)
    return list(given)

"""The front door's arguments, checked before any work is done: what is wrong is named, with a way out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from difflib import get_close_matches
from typing import Any

from ctrldiff.errors import InputError
from ctrldiff.text import check_text

WORDS = {
    "unsure": ("flag", "null", "error"),
    "on_error": ("raise", "keep"),
    "readout": ("product", "letters", "elbo"),
}
# What other libraries call things, and what they are called here.
ELSEWHERE = {
    "top_p": "temperature=, or prior=",
    "top_k": "temperature=, or prior=",
    "stream": "trace=True keeps every canvas; trace=FUNCTION is told of each as it comes",
    "max_retries": "retries=",
    "response_model": "the type is the second argument",
    "response_format": "the type is the second argument",
    "max_tokens": "max_new_tokens=",
    "messages": "a list of messages is the first argument",
    "system": "from_pretrained(..., system=...)",
    "few_shot": "examples=[(text, value)]",
}


def known_names(how: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise InputError for a keyword that is none of these."""
    for name in how.keys() - known:
        near = get_close_matches(name, known, n=1)
        hint = ELSEWHERE.get(name) or (f"{near[0]}=" if near else f"one of {', '.join(known)}")
        raise InputError(f"no argument {name!r}", hint=hint, param=name)


def check_word(name: str, value: Any) -> None:
    """Raise InputError for what is none of the words that this argument takes."""
    if value not in WORDS[name]:
        raise InputError(f"{name}={value!r}", hint=f"one of {', '.join(WORDS[name])}", param=name)


def check_probability(name: str, value: Any) -> None:
    """Raise InputError for what is neither None nor a number from 0 to 1."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise InputError(f"{name}={value!r}: a probability, from 0 to 1", param=name)


def is_conversation(given: Any) -> bool:
    """Whether this is one conversation: a list of messages, [{"role": "user", "content": "..."}]."""
    return isinstance(given, list | tuple) and bool(given) and all(isinstance(one, Mapping) for one in given)


def messages_of(given: Any) -> tuple[tuple[str, str], ...]:
    """(role, content) of every message of a conversation. Content in parts is their texts, one behind the other.

    Raises: InputError for what is no message, for a part that is no text, and if the last word is the assistant's.
    """
    if not is_conversation(given):
        hint = 'a str, or [{"role": "user", "content": "..."}]'
        raise InputError(f"a {type(given).__name__} is not a text", hint=hint)
    said = []
    for n, message in enumerate(given):
        role, content = message.get("role"), message.get("content")
        if isinstance(content, list) and all(
            isinstance(part, Mapping) and part.get("type") == "text" for part in content
        ):
            content = "".join(str(part.get("text", "")) for part in content)
        if not isinstance(role, str) or not isinstance(content, str):
            raise InputError(
                f"message {n} has no role, or no content of text", hint='{"role": "user", "content": "..."}'
            )
        check_text(content, f"message {n}")
        said.append((role, content))
    if said[-1][0] == "assistant":
        raise InputError("the last message is the assistant's", hint="end with the user's: that one is answered")
    return tuple(said)


def texts_of(given: Any) -> list[Any]:
    """What was passed for a list of texts. Raises: InputError for what is none: a dict, say, is not its keys."""
    if isinstance(given, bytes | Mapping | Set) or not isinstance(given, Iterable):
        hint = "pass a str, or a list of them" + ("; of a dict, the value" if isinstance(given, Mapping) else "")
        raise InputError(f"a {type(given).__name__} is not a text", hint=hint)
    return list(given)

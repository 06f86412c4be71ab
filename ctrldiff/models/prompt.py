"""Prompt templates: text with places for the document and for what is said of the wanted type.

{text}          the document; in a conversation its last message
{ask}           the type in the short form of `ctrldiff/types/ask.py`
{schema}        its JSON Schema, or its pattern
{example}       a legal value
{instruction}   a sentence that says what to answer with, of the three above what helps
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import TypeAlias

from ctrldiff.errors import InputError

ASKING = ("ask", "schema", "example", "instruction")
PLACES = ("text", *ASKING)
Words: TypeAlias = Mapping[str, Callable[[], str]]  # what stands in a place; made only if the place is there

_PLACE = re.compile(r"(\{(?:" + "|".join(PLACES) + r")\})")
_NAME = re.compile(r"\{([a-z_]+)\}")


def filled(template: str, text: str, words: Words) -> list[tuple[str, bool]]:
    """The pieces of a prompt in their order, and whether each is the template's own.

    Where a place has nothing to say, the line that it stands in goes, from the line breaks before it on, and with it a
    line before that leads to it by a colon. Other braces are text.
    """
    said = {"text": text} | {name: words[name]() if name in words else "" for name in ASKING if _stands(name, template)}
    for name, value in said.items():
        if name != "text" and not value:
            template = re.sub(r"\n+(?:[^\n{}]*:\n)?[^\n{}]*\{" + name + r"\}", "", template)
    pieces = [
        (said.get(part[1:-1], ""), False) if _PLACE.fullmatch(part) else (part, True) for part in _PLACE.split(template)
    ]
    return [piece for piece in pieces if piece[0]]


def short(ask: str) -> Words:
    """The words of a type of which the short form is all that is known."""
    return {"ask": lambda: ask, "instruction": lambda: ask and f"Answer with this, and nothing else: {ask}"}


def asks(template: str) -> bool:
    """Whether the template says anything of the wanted type."""
    return any(_stands(name, template) for name in ASKING)


def check_template(template: str) -> str:
    """The template. Raises: InputError for one without `{text}`, and for a place that nearly has a name."""
    if not isinstance(template, str) or "{text}" not in template:
        raise InputError(
            f"the prompt {str(template)[:80]!r} has no {{text}}",
            hint=f"places: {', '.join('{' + name + '}' for name in PLACES)}",
            param="prompt",
        )
    for name in _NAME.findall(template):
        near = get_close_matches(name, PLACES, n=1, cutoff=0.7)
        if name not in PLACES and near:
            raise InputError(f"the prompt has a place {{{name}}}", hint=f"{{{near[0]}}}", param="prompt")
    return template


def _stands(name: str, template: str) -> bool:
    return "{" + name + "}" in template

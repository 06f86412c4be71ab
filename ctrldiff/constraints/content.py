"""What a text has to say, and what it must not: words and patterns, counted."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, TypeAlias

from ctrldiff.automata.counting import counted
from ctrldiff.automata.expression import (
    ANY_CHAR,
    ANY_TEXT,
    EMPTY,
    NOTHING,
    Alt,
    Both,
    Chars,
    Concat,
    Expression,
    Language,
    text,
)
from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.of_text import OfText
from ctrldiff.errors import ConstraintError
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.regex import charset
from ctrldiff.regex.parse import parse
from ctrldiff.regex.unicode import perl_class
from ctrldiff.text import check_description

Thing: TypeAlias = str | Description


@dataclass(frozen=True, init=False)
class Contains(OfText):
    """The texts in which any of these things come `at_least` and `at_most` so many times, counted together.

    A thing comes wherever an occurrence of one character or more ends, once for each such place: occurrences may
    overlap, and however many of them end at a place, it counts once. For "all of these" write `Contains(a) &
    Contains(b)`; a list is "any of these", so that a conjunction of lists is NeuroLogic's form (arXiv:2010.12884).

    Args:
        things: a word or phrase, a constraint that says a part of a text (`Regex`, `Choice`, ...), or a list of them.
        at_most: None: without end.
        words: only where no word is cut: an occurrence that begins (ends) with a letter, digit or "_" has none of them
            before (behind) it.
        ignore_case: of words and phrases, as `(?i)` does; a pattern says so itself.
        ascii: only ASCII's letters and digits make words, and have a case: smaller automata.
    Raises: ConstraintError for things or counts that are none; ConstraintTooLarge when compiled.
    """

    things: tuple[Thing, ...]
    at_least: int
    at_most: int | None
    words: bool
    ignore_case: bool
    ascii: bool

    def __init__(
        self,
        things: Thing | Iterable[Thing],
        at_least: int = 1,
        at_most: int | None = None,
        *,
        words: bool = True,
        ignore_case: bool = False,
        ascii: bool = False,
    ) -> None:
        _set(self, things=_things("Contains", things, ignore_case), words=words, ignore_case=ignore_case, ascii=ascii)
        check_range("Contains", "at_least, at_most", at_least, at_most)
        if at_least == 0 and at_most is None:
            raise ConstraintError("Contains(at_least=0) says nothing", hint="give at_most=, or leave it out")
        _set(self, at_least=at_least, at_most=at_most)

    def as_keyword(self) -> dict[str, Any]:
        counts = {"at_least": self.at_least, "at_most": self.at_most}
        return {"contains": _spoken(self.things), **counts, **_options(self)}

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        found = Found.of(self.things, self.words, self.ignore_case, self.ascii, limits)
        return Language(counted(found.marks, self.at_least, self.at_most, ends=found.ends, limits=limits))


@dataclass(frozen=True, init=False)
class Avoids(OfText):
    """The texts in which none of these things come: words, phrases or patterns, as in `Contains`."""

    things: tuple[Thing, ...]
    words: bool
    ignore_case: bool
    ascii: bool

    def __init__(
        self, things: Thing | Iterable[Thing], *, words: bool = True, ignore_case: bool = False, ascii: bool = False
    ) -> None:
        _set(self, things=_things("Avoids", things, ignore_case), words=words, ignore_case=ignore_case, ascii=ascii)

    def as_keyword(self) -> dict[str, Any]:
        return {"avoids": _spoken(self.things), **_options(self)}

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        found = Found.of(self.things, self.words, self.ignore_case, self.ascii, limits)
        return Language(counted(found.marks, 0, 0, ends=found.ends, limits=limits))


@dataclass(frozen=True)
class Found:
    """Where things come, as what `counted` counts: beginnings of a text, and texts at whose end one comes."""

    marks: Expression
    ends: Expression

    @staticmethod
    def of(things: tuple[Thing, ...], words: bool, ignore_case: bool, ascii: bool, limits: Limits) -> Found:
        """Of words and of constraints."""
        parts: list[Expression] = []
        for thing in things:
            if isinstance(thing, Description):
                if thing.proviso(limits) is not None:
                    raise ConstraintError(f"{thing!r} as a part of a text"[:200], why="it holds its texts to a proviso")
                parts.append(thing.expression(limits))
            elif ignore_case:
                parts.append(in_any_case(thing, ascii))
            else:
                parts.append(text(thing))
        return Found.at(Alt(tuple(parts)), words, ascii)

    @staticmethod
    def at(part: Expression, words: bool, ascii: bool) -> Found:
        """Of anything that `part` says, the empty text aside."""
        if not words:
            return Found(Concat((ANY_TEXT, Both((part, Concat((ANY_CHAR, ANY_TEXT)))))), NOTHING)
        word, other = letters(ascii)
        begun = Alt((EMPTY, Concat((ANY_TEXT, other))))
        whole, open_ended = (  # by the last character: behind a letter must be none, behind others anything
            Alt(
                (
                    Concat((begun, Both((part, Concat((word, ANY_TEXT)), Concat((ANY_TEXT, last)))))),
                    Concat((ANY_TEXT, Both((part, Concat((other, ANY_TEXT)), Concat((ANY_TEXT, last)))))),
                )
            )
            for last in (word, other)
        )
        return Found(Alt((Concat((whole, other)), Concat((open_ended, ANY_CHAR)))), Alt((whole, open_ended)))


def in_any_case(word: str, ascii: bool) -> Expression:
    """The texts that `(?i)` reads as this one, character by character."""
    return Concat(tuple(_any_case(char, ascii) for char in word))


@lru_cache(maxsize=4096)
def _any_case(char: str, ascii: bool) -> Expression:
    return parse("(?i)" + re.escape(char), ascii=ascii)


def letters(ascii: bool) -> tuple[Chars, Chars]:
    r"""What makes words, `\w`, and all other characters."""
    word = perl_class("w", "python", ascii)
    return Chars(word), Chars(charset.complement(word))


def check_range(name: str, what: str, low: object, high: object) -> None:
    """Raise ConstraintError for counts that are none, or the wrong way round."""
    for value in (low, high):
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise ConstraintError(f"{name}: {what}: {value!r} is no count", hint="an int of at least 0")
    if low is None or (high is not None and high < low):  # type: ignore[operator]
        raise ConstraintError(f"{name}: {what}: no number lies in {low}..{high}", hint="the lower one first")


def _things(name: str, things: object, ignore_case: bool) -> tuple[Thing, ...]:
    given = (things,) if isinstance(things, str | Description) else things
    if not isinstance(given, Iterable) or not (listed := tuple(given)):
        raise ConstraintError(f"{name}({things!r}) is no word, constraint or list of them", hint=f'{name}("red")')
    for thing in listed:
        if isinstance(thing, Description):
            if ignore_case:
                hint = 'Regex("(?i)...")'
                raise ConstraintError(f"{name}: ignore_case is about words, and {thing!r} is none"[:200], hint=hint)
        elif not isinstance(thing, str) or not thing:
            raise ConstraintError(f"{name}: {thing!r} is no word or phrase", hint=f'{name}(["red", Regex("[0-9]+")])')
        else:
            check_description(thing, f"the phrase {thing[:40]!r}")
    return tuple(dict.fromkeys(listed))


def _spoken(things: tuple[Thing, ...]) -> list[Any]:
    """Words as they are, patterns as what makes them again."""
    out: list[Any] = []
    for thing in things:
        if isinstance(thing, Description) and not isinstance(thing, Regex):
            raise ConstraintError(
                f"{thing!r} in a type"[:200], hint="of constraints, a type takes Regex alone in there"
            )
        out.append(asdict(thing) if isinstance(thing, Regex) else thing)
    return out


def _options(value: Contains | Avoids) -> dict[str, bool]:
    return {"words": value.words, "ignore_case": value.ignore_case, "ascii": value.ascii}


def _set(value: object, **fields: object) -> None:
    for name, field in fields.items():
        object.__setattr__(value, name, field)

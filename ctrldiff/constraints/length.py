"""How long a text is: in characters, in words, in sentences, and in tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ctrldiff.automata.counting import counted
from ctrldiff.automata.expression import (
    ANY_CHAR,
    ANY_TEXT,
    EMPTY,
    Alt,
    Both,
    Chars,
    Concat,
    Expression,
    Language,
    Repeat,
)
from ctrldiff.constraints.content import check_range, letters
from ctrldiff.constraints.description import Description
from ctrldiff.constraints.of_text import OfText
from ctrldiff.errors import ConstraintError
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.regex import charset
from ctrldiff.regex.unicode import perl_class
from ctrldiff.tokens.narrow import TokenCount, TokenRule

Bounds: TypeAlias = int | tuple[int, int | None]

STOPS, WIDE_STOPS, CLOSERS = ".!?…", "。！？", "\"')]}”’»」』）"


@dataclass(frozen=True)
class Length(OfText):
    r"""The texts of so many characters, words, sentences and tokens; each an int, a (low, high), or left open.

    Args:
        characters: code points.
        words: runs of letters, digits and "_" (`\w+`, which is what IFEval counts too): "don't" is two.
        sentences: a sentence begins with the first character that is no white space, and with the first such one behind
            `.`, `!`, `?`, `…` and white space, closing quotes and brackets in between aside; behind `。`, `！` and `？`
            no white space is needed. An abbreviation's point ends one.
        tokens: of the vocabulary it is compiled for, end tokens not counted. A bound on the answer as a whole: it may
            be intersected with anything, but is no part of a template, of a list of alternatives or of a field.
        ascii: only ASCII's letters, digits and white space count as such: much smaller automata.
        high: None: without end.
    Raises: ConstraintError; ConstraintTooLarge when compiled.
    """

    characters: Bounds | None = None
    words: Bounds | None = None
    sentences: Bounds | None = None
    tokens: Bounds | None = None
    ascii: bool = False

    def __post_init__(self) -> None:
        for name in ("characters", "words", "sentences", "tokens"):
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, _bounds(name, given))
        if self.characters is self.words is self.sentences is self.tokens is None:
            raise ConstraintError("Length() bounds nothing", hint="Length(characters=(1, 280)), Length(words=(5, 10))")

    def as_keyword(self) -> dict[str, Any]:
        if self.tokens is not None:
            raise self._of_a_part()
        bounds = {name: getattr(self, name) for name in ("characters", "words", "sentences")}
        return {"length": {name: list(both) for name, both in bounds.items() if both is not None}, "ascii": self.ascii}

    def over_tokens(self) -> tuple[Description, tuple[TokenRule, ...]]:
        if self.tokens is None:
            return self, ()
        low, high = _pair(self.tokens)
        return replace(self, tokens=None, characters=self.characters or (0, None)), (TokenCount(low, high),)

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        if self.tokens is not None:
            raise self._of_a_part()
        parts: list[Expression] = []
        if self.characters is not None:
            parts.append(Repeat(ANY_CHAR, *_pair(self.characters)))
        for bounds, beginnings in ((self.words, _words), (self.sentences, _sentences)):
            if bounds is not None:
                parts.append(Language(counted(beginnings(self.ascii), *_pair(bounds), limits=limits)))
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _of_a_part(self) -> ConstraintError:
        return ConstraintError(
            f"{self!r} as a part of something else",
            why="how many tokens a text takes is no matter of its bytes",
            hint="intersect the whole answer with it: whole & Length(tokens=...); here, bound characters or words",
        )


def _words(ascii: bool) -> Expression:
    """The texts whose last character begins a word."""
    word, other = letters(ascii)
    return Concat((Alt((EMPTY, Concat((ANY_TEXT, other)))), word))


def _sentences(ascii: bool) -> Expression:
    """The texts whose last character begins a sentence."""
    space = perl_class("s", "python", ascii)
    ink, blank = charset.complement(space), Chars(space)
    closers = Repeat(Chars(charset.of(CLOSERS)), 0, None)
    apart = Concat((ANY_TEXT, Chars(charset.of(STOPS + WIDE_STOPS)), closers, Repeat(blank, 1, None)))
    before = Alt((Repeat(blank, 0, None), apart))
    onward = Chars(charset.complement(charset.union(space, charset.of(WIDE_STOPS + CLOSERS))))
    close = Concat((ANY_TEXT, Chars(charset.of(WIDE_STOPS)), closers, onward))
    return Alt((Concat((before, Chars(ink))), close))


def _bounds(name: str, given: object) -> tuple[int, int | None]:
    if isinstance(given, list | tuple):
        if len(given) != 2:
            raise ConstraintError(f"Length: {name}={given!r}", hint=f"{name}=(low, high), {name}=(low, None)")
        low, high = given
    else:
        low = high = given
    check_range("Length", name, low, high)
    return low, high


def _pair(bounds: Bounds) -> tuple[int, int | None]:
    assert isinstance(bounds, tuple)
    return bounds

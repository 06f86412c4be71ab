"""The descriptions that need no compiler of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ctrldiff.automata.expression import ANY_CHAR, ANY_TEXT, Alt, Concat, Expression, text
from ctrldiff.constraints.description import Description
from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.regex.parse import parse
from ctrldiff.text import check_description

DIALECTS = ("python", "ecma", "rust")


@dataclass(frozen=True)
class Regex(Description):
    """The texts that `pattern` matches from end to end (`re.fullmatch`), or anywhere with `search=True`.

    dialect: "python" (the `re` module's syntax minus what is not regular), "ecma" (JSON Schema's `pattern`) or "rust"
        (pydantic's).
    ascii: `\\d \\w \\s` mean ASCII only. What cannot be honoured is refused by name; see `docs/regex.md`.
    """

    pattern: str
    dialect: Literal["python", "ecma", "rust"] = "python"
    search: bool = False
    ascii: bool = False

    def __post_init__(self) -> None:
        check_description(self.pattern, "the pattern")
        if self.dialect not in DIALECTS:
            raise ConstraintError(f"Regex: dialect={self.dialect!r}", hint=f"one of {', '.join(DIALECTS)}")

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return parse(self.pattern, dialect=self.dialect, search=self.search, ascii=self.ascii, limits=limits)


@dataclass(frozen=True, init=False)
class Choice(Description):
    """One of these labels, to the letter; in the order given, each once, however often it is given.

    Raises: ConstraintError for what is no list of texts.
    """

    labels: tuple[str, ...]

    def __init__(self, labels: Iterable[str]) -> None:
        if isinstance(labels, str) or not isinstance(labels, Iterable):
            raise ConstraintError(f"Choice({labels!r}) is no list of labels", hint='Choice(["yes", "no"])')
        given = tuple(labels)
        for label in given:
            if not isinstance(label, str):
                hint = "labels are texts; Literal[...] keeps other values"
                raise ConstraintError(f"the label {label!r} is a {type(label).__name__}, not a str", hint=hint)
            check_description(label, f"the label {label[:40]!r}", label=label)
        object.__setattr__(self, "labels", tuple(dict.fromkeys(given)))
        if not self.labels:
            raise ConstraintUnsatisfiable("a Choice needs at least one label", hint='Choice(["yes", "no"])')

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Alt(tuple(text(label) for label in self.labels))

    def branches(self) -> dict[str, Description]:
        """A description for each label, for `posterior.branch_probs`."""
        return {label: Choice([label]) for label in self.labels}


@dataclass(frozen=True)
class Text(Description):
    """Any text; `empty=False` wants at least one character."""

    empty: bool = False

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return ANY_TEXT if self.empty else Concat((ANY_CHAR, ANY_TEXT))

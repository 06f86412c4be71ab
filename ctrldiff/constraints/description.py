"""What every constraint description can do: be compiled, combined and asked."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import Alt, Both, Expression, Language
from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.cache import named_automaton, token_automaton
from ctrldiff.tokens.vocabulary import Vocabulary


class Description(ABC):
    """A set of texts, described. Values are frozen and hashable; the slow work is done, once, by `dfa` and `compile`.

    Subclasses say `expression`, `reaching` where more room means a larger language, `name`, and `blamed` where they
    know a part to blame; nothing else is theirs.
    """

    @abstractmethod
    def expression(self, limits: Limits = DEFAULT) -> Expression:
        """The description as an expression over UTF-8 text. Raises ConstraintError for what cannot be enforced."""

    def reaching(self, tokens: int, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Description:
        """The same description where texts of `tokens` tokens are all that is asked for: what is unrolled to some depth
        goes as deep as they can reach."""
        return self

    def dfa(self, limits: Limits = DEFAULT) -> Dfa:
        """The minimal byte automaton of exactly these texts (remembered for recent descriptions)."""
        return _dfa(self, limits)

    def compile(self, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Table:
        """The automaton read through a vocabulary, ready to bind to logits (cached in memory and on disk)."""
        try:
            if self.name is None:
                return Table(token_automaton(self.dfa(limits), vocabulary, limits), vocabulary)
            return Table(named_automaton(self.name, lambda: self.dfa(limits), vocabulary, limits), vocabulary)
        except ConstraintUnsatisfiable as error:
            raise self.explained(error, limits) from error

    def explained(self, error: ConstraintUnsatisfiable, limits: Limits = DEFAULT) -> ConstraintUnsatisfiable:
        """The error, with the part that is to blame where no text at all satisfies the description."""
        if "pointer" in error.facts or not self.dfa(limits).is_empty:
            return error
        what, facts = self.blamed(limits)
        return ConstraintUnsatisfiable(f"no text satisfies {what}", hint="loosen it, or leave it out", **facts)

    def blamed(self, limits: Limits = DEFAULT) -> tuple[str, dict[str, Any]]:
        """Of a description that no text satisfies: what is to blame, in words and as fields of the error."""
        return repr(self)[:200], {}

    @property
    def name(self) -> str | None:
        """Words that say all of the description, where making its automaton is dear: the disk remembers by them."""
        return None

    def __contains__(self, text: str | bytes) -> bool:
        return text in self.dfa()

    def __and__(self, other: Any) -> Description:
        return And((self, as_description(other)))

    def __or__(self, other: Any) -> Description:
        return Or((self, as_description(other)))

    def __rand__(self, other: Any) -> Description:
        return And((as_description(other), self))

    def __ror__(self, other: Any) -> Description:
        return Or((as_description(other), self))

    def __le__(self, other: Any) -> bool:
        return self.dfa() <= as_description(other).dfa()


_RECENT_BYTES = 128 << 20
_recent: OrderedDict[tuple[Description, Limits], Dfa] = OrderedDict()
_lock = Lock()


def _dfa(description: Description, limits: Limits) -> Dfa:
    """Remembered for the last descriptions, up to a number of bytes: a document's spans fill megabytes each."""
    key = (description, limits)
    with _lock:
        if key in _recent:
            _recent.move_to_end(key)
            return _recent[key]
    expression = description.expression(limits)
    dfa = expression.dfa if isinstance(expression, Language) else compile_expression(expression, limits)
    with _lock:
        _recent[key] = dfa
        held = sum(one.table.nbytes for one in _recent.values())
        while len(_recent) > 1 and (len(_recent) > 128 or held > _RECENT_BYTES):
            held -= _recent.popitem(last=False)[1].table.nbytes
    return dfa


@dataclass(frozen=True)
class And(Description):
    """The texts that all parts accept."""

    parts: tuple[Description, ...]

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Both(tuple(part.expression(limits) for part in self.parts))

    def blamed(self, limits: Limits = DEFAULT) -> tuple[str, dict[str, Any]]:
        for part in self.parts:
            if part.dfa(limits).is_empty:
                return part.blamed(limits)
        return "all of " + " & ".join(repr(part)[:80] for part in self.parts), {}

    def reaching(self, tokens: int, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Description:
        return And(tuple(part.reaching(tokens, vocabulary, limits) for part in self.parts))


@dataclass(frozen=True)
class Or(Description):
    """The texts that any part accepts."""

    parts: tuple[Description, ...]

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Alt(tuple(part.expression(limits) for part in self.parts))

    def reaching(self, tokens: int, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Description:
        return Or(tuple(part.reaching(tokens, vocabulary, limits) for part in self.parts))


@dataclass(frozen=True)
class Automaton(Description):
    """A ready automaton as a constraint: bring your own."""

    automaton: Dfa

    @staticmethod
    def from_index(
        index: Any, tokens: Mapping[int, bytes | None] | Sequence[bytes | None], limits: Limits = DEFAULT
    ) -> Automaton:
        """The byte strings spelled by what an `outlines_core.Index` accepts; `tokens[id]` are a token's bytes."""
        from ctrldiff.automata.interop import from_index

        return Automaton(from_index(index, tokens, limits))

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Language(self.automaton)


def as_description(value: Any) -> Description:
    """A description out of a description, a `Dfa` or an `interegular.FSM`.

    An `outlines_core.Index` speaks of token ids, so it needs to know what they spell: `Automaton.from_index`.
    """
    if isinstance(value, Description):
        return value
    if isinstance(value, Dfa):
        return Automaton(value)
    if type(value).__module__.split(".")[0] == "interegular":
        from ctrldiff.automata.interop import from_fsm

        return Automaton(from_fsm(value))
    if isinstance(value, re.Pattern):
        hint = "Regex(pattern.pattern), its flags written as (?i); it has to match the whole text, search=True any part"
        raise ConstraintError(f"{value!r} is a compiled pattern, not a constraint", hint=hint)
    if isinstance(value, str) and value.lstrip().startswith("{"):
        raise ConstraintError("a str is not a constraint", hint="a JSON Schema as text: JsonSchema(text)")
    raise ConstraintError(
        f"a {type(value).__name__} is not a constraint",
        hint="use Regex, Choice, JsonSchema, a Dfa or an interegular FSM;\n"
        "an outlines_core Index: Automaton.from_index(index, tokens)",
    )

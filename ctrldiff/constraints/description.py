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
from ctrldiff.posterior.proviso import Fault, Proviso
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.cache import named_automaton, token_automaton
from ctrldiff.tokens.narrow import TokenRule, narrowed
from ctrldiff.tokens.vocabulary import Vocabulary, check_vocabulary


class Description(ABC):
    """A set of texts, described. Values are frozen and hashable; the slow work is done, once, by `dfa` and `compile`.

    Subclasses say `expression`, `reaching` where more room means a larger language, `proviso` where texts are held to
    more than an automaton knows, `over_tokens` where they bound tokens, `name`, and `blamed` where they know a part to
    blame; nothing else is theirs.
    """

    @abstractmethod
    def expression(self, limits: Limits = DEFAULT) -> Expression:
        """The description as an expression over UTF-8 text. Raises ConstraintError for what cannot be enforced."""

    def reaching(self, tokens: int, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Description:
        """The same description where texts of `tokens` tokens are all that is asked for: what is unrolled to some depth
        goes as deep as they can reach."""
        return self

    def proviso(self, limits: Limits = DEFAULT) -> Proviso | None:
        """What the texts of `expression` are held to besides; None: they are exactly the description's."""
        return None

    def over_tokens(self) -> tuple[Description, tuple[TokenRule, ...]]:
        """The description as one of texts alone, and what it asks besides of how a text is cut into tokens."""
        return self, ()

    def dfa(self, limits: Limits = DEFAULT) -> Dfa:
        """The minimal byte automaton of these texts, `proviso` and what is asked of tokens aside (remembered for recent
        descriptions)."""
        return _dfa(self.over_tokens()[0], limits)

    def compile(self, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Table:
        """The automaton read through a vocabulary, ready to bind to logits (cached in memory and on disk)."""
        check_vocabulary(vocabulary)
        try:
            if self.name is None:
                automaton = token_automaton(self.dfa(limits), vocabulary, limits)
            else:
                automaton = named_automaton(self.name, lambda: self.dfa(limits), vocabulary, limits)
            automaton = narrowed(automaton, self.over_tokens()[1], vocabulary, limits)
            return Table(automaton, vocabulary, proviso=self.proviso(limits))
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
        if self.over_tokens()[1]:
            raise ConstraintError(
                f"whether a text is in {self!r}"[:300],
                why="it depends on the tokens that write it",
                hint="constraint.compile(vocabulary).walk(tokens) raises where they break it",
            )
        return text in self.dfa() and obeys(self.proviso(), text)

    def __and__(self, other: Any) -> Description:
        return And((self, as_description(other)))

    def __or__(self, other: Any) -> Description:
        return Or((self, as_description(other)))

    def __rand__(self, other: Any) -> Description:
        return And((as_description(other), self))

    def __ror__(self, other: Any) -> Description:
        return Or((as_description(other), self))

    def __le__(self, other: Any) -> bool:
        """Whether every text of this description is one of the other. Raises: ConstraintError where the automata cannot
        say it, because the other holds its texts to a proviso that this one has not."""
        other = as_description(other)
        inside, proviso = self.dfa() <= other.dfa(), other.proviso()
        if inside and not set(other.over_tokens()[1]) <= set(self.over_tokens()[1]):
            why = "the second asks for tokens, which no automaton over bytes knows"
            raise ConstraintError(f"whether {self!r} lies within {other!r} cannot be decided"[:300], why=why)
        if inside and proviso not in (None, self.proviso()):
            raise ConstraintError(
                f"whether {self!r} lies within {other!r} cannot be decided"[:300],
                why="the second forbids that a key or an item comes twice, which no automaton knows",
                hint="ask of single texts: `text in constraint`",
            )
        return inside


def obeys(proviso: Proviso | None, text: str | bytes) -> bool:
    """A text has no fault by a proviso, if there is one."""
    return proviso is None or proviso.fault(text.encode("utf-8") if isinstance(text, str) else bytes(text)) is None


def begins(dfa: Dfa, text: bytes) -> bool:
    """Some member of an automaton's language begins with these bytes."""
    state = 0
    for byte in text:
        state = dfa.step(state, byte)
        if state < 0:
            return False
    return not dfa.is_empty


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
class Every:
    """All of these provisos hold."""

    provisos: tuple[Proviso, ...]

    def fault(self, text: bytes, whole: bool = True) -> Fault | None:
        found = [fault for one in self.provisos if (fault := one.fault(text, whole)) is not None]
        return min(found, key=lambda fault: fault.end, default=None)


@dataclass(frozen=True)
class Either:
    """One of these descriptions holds, with the proviso beside it."""

    parts: tuple[tuple[Description, Proviso | None], ...]
    limits: Limits

    def fault(self, text: bytes, whole: bool = True) -> Fault | None:
        held = ((part.dfa(self.limits), proviso) for part, proviso in self.parts)
        ways = [proviso for dfa, proviso in held if (text in dfa if whole else begins(dfa, text))]
        faults = [None if proviso is None else proviso.fault(text, whole) for proviso in ways]
        starts = [fault.start for fault in faults if fault is not None]
        return Fault(min(starts), len(text) + 1) if starts and len(starts) == len(faults) else None


@dataclass(frozen=True)
class And(Description):
    """The texts that all parts accept."""

    parts: tuple[Description, ...]

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        return Both(tuple(part.expression(limits) for part in self.parts))

    def over_tokens(self) -> tuple[Description, tuple[TokenRule, ...]]:
        texts, rules = zip(*(part.over_tokens() for part in self.parts), strict=True)
        asked = tuple(dict.fromkeys(rule for own in rules for rule in own))
        return (self if texts == self.parts else And(texts)), asked

    def proviso(self, limits: Limits = DEFAULT) -> Proviso | None:
        found = tuple(one for part in self.parts if (one := part.proviso(limits)) is not None)
        return found[0] if len(found) == 1 else Every(found) if found else None

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

    def proviso(self, limits: Limits = DEFAULT) -> Proviso | None:
        parts = tuple((part, part.proviso(limits)) for part in self.parts)
        return Either(parts, limits) if any(proviso is not None for _, proviso in parts) else None

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

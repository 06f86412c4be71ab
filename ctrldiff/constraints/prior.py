"""What is likelier than the model says: log weights for what a text says on its way."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from typing import Any

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.trie import Tree
from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.description import Description, as_description
from ctrldiff.errors import ConstraintError, ConstraintUnsatisfiable, InputError
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.narrow import narrowed
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.tokens.weighted import lift_weighted

# JSON, read from the left: what stands outside strings and whole strings; then, inside one, a character.
_OUTSIDE = r'(?s:[^"]|"(?:[^"\\]|\\.)*")*'
_CHARACTER = r'(?s:[^"\\]|\\u[0-9a-fA-F]{4}|\\[^u])'


@dataclass(frozen=True)
class Prior:
    """For every prefix of the text that is in a language, the language's log weight is added to the text's own.

    The weighted distribution is normalised again, so every query of the posterior stays exact: a text weighs
    exp(its log-probability + the weights of its prefixes). A prefix is the text up to and including any of its bytes;
    the whole text is one, the empty text none. Priors add up: `Prior.null(-1) + Prior.items(0.5)`.

    Fields: terms, each a language and its log weight in nats.
    Raises: InputError for a weight that is no finite number; ConstraintError for what is no constraint and, when
        compiled, for one that its automaton alone does not say: a bound on tokens, items that are all different.
    """

    terms: tuple[tuple[Description, float], ...] = ()

    def __post_init__(self) -> None:
        terms = tuple((as_description(language), _number(weight)) for language, weight in self.terms)
        object.__setattr__(self, "terms", terms)

    @staticmethod
    def of(language: Description, weight: float) -> Prior:
        """Every prefix that is in `language` weighs so much."""
        return Prior(((language, weight),))

    @staticmethod
    def null(weight: float, *keys: str) -> Prior:
        """JSON: every `null`, or every one that is the value of one of these keys, at any depth.

        Above 0, "not in the text" is said more often; below, less. A weight of w multiplies the odds of null against
        all values together by exp(w), where nothing else is weighed.
        """
        # Outside strings nothing else begins with n; weighed at its first byte, a null counts as soon as it is begun.
        return Prior(tuple((Regex(head + "n"), weight) for head in _values(keys)))

    @staticmethod
    def items(weight: float) -> Prior:
        """JSON: every comma outside strings, that is every further member of an object or array."""
        return Prior.of(Regex(_OUTSIDE + ","), weight)

    @staticmethod
    def characters(weight: float, *keys: str) -> Prior:
        """JSON: every character inside a string (a key is one too), or inside the string values of these keys.

        A geometric length prior: above 0 strings grow, below they shrink. An escape is one character.
        """
        return Prior(tuple((Regex(f'{head}"{_CHARACTER}+'), weight) for head in _values(keys)))

    def __add__(self, other: Prior) -> Prior:
        return Prior((*self.terms, *other.terms))

    def compile(self, description: Description, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Table:
        """The description's table with these weights on its edges. Raises: as `Description.compile`."""
        if not any(weight for _, weight in self.terms):
            return description.compile(vocabulary, limits)
        try:
            table = self.lifted(description.dfa(limits), vocabulary, limits)
            automaton = narrowed(table.automaton, description.over_tokens()[1], vocabulary, limits)
            return replace(table, automaton=automaton, proviso=description.proviso(limits))
        except ConstraintUnsatisfiable as error:
            raise description.explained(error, limits) from error

    def lifted(self, automaton: Dfa | Tree, vocabulary: Vocabulary, limits: Limits = DEFAULT) -> Table:
        """A byte automaton's table with these weights on its edges, its states kept apart. Raises: as `lift`."""
        weights = [(_dfa(language, limits), weight) for language, weight in self.terms if weight]
        if not weights:
            return Table(lift(automaton, vocabulary, limits), vocabulary)
        said = repr(tuple((language, weight) for language, weight in self.terms if weight))
        return Table(lift_weighted(automaton, weights, vocabulary, limits), vocabulary, prior=said)

    def log_weight(self, text: str | bytes) -> float:
        """What these terms add to a text: the definition, prefix by prefix."""
        data = text.encode("utf-8") if isinstance(text, str) else text
        prefixes = [data[: n + 1] for n in range(len(data))]
        terms = [(_dfa(language), weight) for language, weight in self.terms]
        return math.fsum(weight * sum(one in dfa for one in prefixes) for dfa, weight in terms)


def _dfa(language: Description, limits: Limits = DEFAULT) -> Dfa:
    """The prefixes that weigh. Raises: ConstraintError for a language that is not all its automaton says."""
    if language.over_tokens()[1] or language.proviso(limits) is not None:
        raise ConstraintError(
            f"a prior on {language!r}"[:300],
            why="prefixes are weighed by an automaton over bytes, which knows nothing of tokens, nor that a key or an "
            "item comes twice",
            hint="weigh a Regex or another language of texts alone",
        )
    return language.dfa(limits)


def _number(weight: Any) -> float:
    """A log weight. Raises: InputError."""
    try:
        number = float(weight)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise InputError(
            f"the log weight {weight!r} is no finite number",
            hint="in nats: -1.0, say; to forbid something, say so in the constraint (`&`, or another schema)",
        )
    return number


def value_of(key: str) -> str:
    """A pattern of the text before a value of this key, at any depth."""
    return rf"{_OUTSIDE}{key_pattern(key)}:\ ?"


def key_pattern(key: str) -> str:
    """A pattern of a key as it is written, in ASCII or as it is."""
    ways = dict.fromkeys(json.dumps(key, ensure_ascii=ascii) for ascii in (False, True))
    return f"(?:{'|'.join(map(re.escape, ways))})" if len(ways) > 1 else re.escape(*ways)


def _values(keys: tuple[str, ...]) -> list[str]:
    """Patterns of the text before a value: of any, or of each key's."""
    return [value_of(key) for key in dict.fromkeys(keys)] if keys else [_OUTSIDE]

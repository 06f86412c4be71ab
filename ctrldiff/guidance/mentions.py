"""Words to mention, once, or to avoid everywhere.

The same boost for a word at every open position says "as often as you like": at a strength that brings the word at all,
it comes again and again, for positions do not know of each other. So a word that is to be mentioned is leant to at one
place of the canvas in a step, and not at all once it stands.

Source: ours. Bag-of-words control as in PPLM (Dathathri et al. 2019, arXiv:1912.02164) has no such bound.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, groupby

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import Branches, Guide, Tilt
from ctrldiff.guidance.strength import Strength, checked_strength, strength_at
from ctrldiff.protocols import GuideContext
from ctrldiff.state import State, Step
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Words(Guide):
    """Lean towards mentioning each word of a list once: a topic. With a negative strength, away from them: an avoid
    list.

    A word has *forms*: as given, in lower case, capitalised, each with and without a space before it; each form is
    its n tokens. In every step a word that does not stand yet has one *place*: a form on n positions one behind the
    other, one of them open at least. Of all places it is the likeliest, by the step's own exact posterior without
    guides: the one with the largest sum of the log marginals of its tokens and of the log probabilities that no
    letter joins it to a longer word, right before it and right behind it. So what is written is of the form
    already, and joins nothing to it. For `on_field` the tokens, and those that would join it, are those wholly
    inside the value. Ties: the leftmost, then forms in the order above. The form's tokens are worth 1/n each there,
    and nothing is worth anything elsewhere. Words take their places in the order of the list, and no two on one
    position. Without any place, a word is worth nothing in the step.

    A word stands once what is written in a row spells it, in any case, at the beginning of a word ("batteries"
    mentions "batter", "part" does not mention "art"); what the prompt says does not count, nor, for `on_field`,
    what lies outside of the value. Then it is worth nothing more. The model may mention it again of its own accord.

    Where the strength is below 0, or with `once=False`, every token of every form is worth 1/n everywhere, always.
    To weigh texts that have a word exactly use `Prior.of(Regex(...), weight)`, and to force or forbid it, the
    constraint.

    Cost: with `once` one sum over the chain a step, until every word stands. Raises: InputError for no words or an
    empty one.
    """

    words: tuple[str, ...]
    strength: Strength = 1.0
    once: bool = True

    def __init__(self, words: Iterable[str], strength: Strength = 1.0, once: bool = True) -> None:
        listed = isinstance(words, Iterable) and not isinstance(words, str)
        given = tuple(words) if listed else (words,)
        if not given or any(not isinstance(word, str) or not word.strip() for word in given):
            raise InputError(f"words={given!r}: one word or more, none of them empty", param="words")
        checked_strength("strength", strength)
        object.__setattr__(self, "words", given)
        object.__setattr__(self, "strength", strength)
        object.__setattr__(self, "once", once)

    def prepare(self, context: GuideContext) -> Tilt:
        vocabulary, known = context.vocabulary, [Word.of(word, context) for word in self.words]
        letters = Letters.of(vocabulary)
        everywhere = torch.zeros(vocabulary.size)
        for form in (form for word in known for form in word.forms):
            ids = [token for token in form if spelled(token, vocabulary).strip()]
            everywhere[ids] = everywhere[ids].clamp(min=1 / len(ids))

        def placed(logits: torch.Tensor, state: State) -> list[tuple[int, list[Place]]]:
            """For every row how many words stand, and the places of the others."""
            spans = [[word.spans(runs(state, row, vocabulary)) for word in known] for row in range(state.shape[0])]
            if context.field is None and all(all(own) for own in spans):
                return [(len(known), [])] * len(spans)
            if context.field is None:
                likely = torch.as_tensor(context.constraint.bind(logits, state).marginals()).cpu()
                outside = torch.zeros(state.shape)
            else:
                parts = context.parts(logits, state)
                likely, outside = parts[:, :, 1], parts[:, :, 0].sum(-1)
            out: list[tuple[int, list[Place]]] = []
            for row, own in enumerate(spans):
                if context.field is not None:
                    held = likely[row].gather(1, state.tokens[row][:, None])[:, 0] > 0.5
                    own = [[span for span in found if bool(held[list(span)].any())] for found in own]
                wanting = [word for word, found in zip(known, own, strict=True) if not found]
                out.append((len(known) - len(wanting), places(wanting, likely[row], outside[row], state, row, letters)))
            return out

        def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            strength = strength_at(self.strength, state)
            value = (strength * everywhere).expand(logits.shape)
            if self.once and bool((strength > 0).any()):
                worth = torch.zeros(logits.shape)
                for row, (_, found) in enumerate(placed(logits, state)):
                    for at, token, share in (one for place in found for one in place.shares):
                        worth[row, at, token] = share
                value = torch.where(strength > 0, strength * worth, value)
            return value.to(logits)

        def level(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            value = torch.where(state.open, 0.0, everywhere[state.tokens]).sum(1).double()
            if self.once and float(self.strength) > 0:  # type: ignore[arg-type]
                for row, (stand, found) in enumerate(placed(logits, state)):
                    held = [share for place in found for at, _, share in place.shares if not state.open[row, at]]
                    value[row] = stand + sum(held)
            return float(self.strength) * value  # type: ignore[arg-type]

        return Tilt(scores, level=level if isinstance(self.strength, int | float) else None)


@dataclass(frozen=True)
class Place:
    """Where a word may be mentioned: its form's tokens, from a position on."""

    start: int
    form: tuple[int, ...]

    @property
    def shares(self) -> list[tuple[int, int, float]]:
        """(position, token, what it is worth) of each."""
        return [(at, token, 1 / len(self.form)) for at, token in enumerate(self.form, self.start)]


@dataclass(frozen=True)
class Word:
    """A word, and the token strings that spell it: as given, in lower case, capitalised, with and without a space
    before it; spaces that are tokens of their own are left out at both ends."""

    text: str
    forms: tuple[tuple[int, ...], ...]

    @staticmethod
    def of(text: str, context: GuideContext) -> Word:
        """A word in the tokens of a model."""
        text = text.strip()
        found: dict[tuple[int, ...], None] = {}
        for form in (text, text.lower(), text[:1].upper() + text[1:]):
            for lead in ("", " "):
                ids = list(context.encode(lead + form))
                while ids and not spelled(ids[0], context.vocabulary).strip():
                    del ids[0]
                while ids and not spelled(ids[-1], context.vocabulary).strip():
                    del ids[-1]
                if ids:
                    found[tuple(ids)] = None
        return Word(text, tuple(found))

    def spans(self, written: Sequence[Run]) -> list[range]:
        """The positions of every mention in what is written, in any case, where a word begins."""
        out = []
        for run in written:
            for found in re.finditer(re.escape(self.text), run.text, re.IGNORECASE):
                start, end = found.span()
                if not joins(run.text[:start], found[0]):
                    out.append(run.positions(start, end))
        return out


@dataclass(frozen=True)
class Run:
    """Written positions one behind the other: the first of them, their text, and how many bytes end with each."""

    first: int
    text: str
    ends: tuple[int, ...]

    def positions(self, start: int, end: int) -> range:
        """Those that write these characters."""
        low, high = (len(self.text[:n].encode("utf-8", "surrogateescape")) for n in (start, end))
        return range(self.first + bisect_right(self.ends, low), self.first + bisect_left(self.ends, high) + 1)


def runs(state: State, row: int, vocabulary: Vocabulary) -> list[Run]:
    """What is written in a row, cut where something is open."""
    out, written = [], state.written[row].tolist()
    for is_open, group in groupby(enumerate(written), key=lambda one: one[1] < 0):
        if not is_open:
            found = list(group)
            words = [vocabulary[token] or b"" for _, token in found]
            text = b"".join(words).decode("utf-8", "surrogateescape")
            out.append(Run(found[0][0], text, tuple(accumulate(map(len, words)))))
    return out


def places(
    words: Sequence[Word], likely: torch.Tensor, outside: torch.Tensor, state: State, row: int, letters: Letters
) -> list[Place]:
    """A place for each word that has one, in the order of the words.

    likely: (T, V) how probable a token is at a position, within the field if there is one; 0 or 1 where it is written.
    outside: (T,) how probable it is that the position is outside of that.
    """
    open_, chance, out = state.open[row].numpy(), likely.double().numpy(), []
    free = np.ones(len(open_), np.bool_)
    with np.errstate(divide="ignore"):
        log = np.log(chance)
        before, behind = (
            np.log(chance[:, ~own].sum(1) + outside.double().numpy()) for own in (letters.last, letters.first)
        )
    for word in words:
        best = np.full((len(open_), len(word.forms)), -np.inf)
        for f, form in enumerate(word.forms):
            for start in range(len(open_) - len(form) + 1):
                span, end = range(start, start + len(form)), start + len(form)
                if free[span].all() and open_[span].any():
                    best[start, f] = log[span, form].sum()
                    if start and letters.first[form[0]]:
                        best[start, f] += before[start - 1]
                    if end < len(open_) and letters.last[form[-1]]:
                        best[start, f] += behind[end]
        if best.size and best.max() > -np.inf:
            start, f = (int(n) for n in np.unravel_index(best.argmax(), best.shape))  # the first of equals
            out.append(Place(start, word.forms[f]))
            free[start : start + len(word.forms[f])] = False
    return out


@dataclass(frozen=True)
class Letters:
    """(V,) which tokens begin with a letter or digit that goes on with a word, and which end with one."""

    first: NDArray[np.bool_]
    last: NDArray[np.bool_]

    @staticmethod
    def of(vocabulary: Vocabulary) -> Letters:
        """Those of a vocabulary."""
        texts = [spelled(token, vocabulary) for token in range(vocabulary.size)]
        return Letters(*(np.array([joins(*[text[at : at + 1 or None]] * 2) for text in texts]) for at in (0, -1)))


def joins(left: str, right: str) -> bool:
    """A word goes on from one text into the next: digits, or letters of a script with capitals, on both sides.
    Scripts without capitals, such as Chinese, do not part words by letters."""
    return bool(left and right) and all(one.isdigit() or one.lower() != one.upper() for one in (left[-1], right[0]))


def spelled(token: int, vocabulary: Vocabulary) -> str:
    """What a token writes, as far as it is text."""
    return (vocabulary[token] or b"").decode("utf-8", "replace")

"""Guides that score single tokens, always the same way: learned log-ratios and counts.

They cost no forward pass and no gradient, only one addition to the logits. Sources: the token terms of ParaGeDi and
CondBERT (Dale et al. 2021, arXiv:2109.08914); corpus style scores added to logits as in DLM-SWAI (arXiv:2605.29626).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from ctrldiff.errors import InputError, ModelError, ShapeError
from ctrldiff.guidance.classifier import same_vocabulary
from ctrldiff.guidance.guide import Branches, Guide, Tilt, finite
from ctrldiff.guidance.network import save
from ctrldiff.guidance.strength import Strength, checked_strength, strength_at
from ctrldiff.protocols import GuideContext
from ctrldiff.state import State, Step
from ctrldiff.tokens.vocabulary import Vocabulary

FORMAT = "ctrldiff token table 1"


@dataclass(frozen=True, eq=False)
class TokenTable:
    """What each token is worth, in nats.

    Fields: scores (V,) float32; vocabulary, whose ids they are of.
    """

    scores: torch.Tensor
    vocabulary: Vocabulary

    def __post_init__(self) -> None:
        if tuple(self.scores.shape) != (self.vocabulary.size,) or not bool(self.scores.isfinite().all()):
            raise ShapeError(f"scores are {tuple(self.scores.shape)}, expected {self.vocabulary.size} finite numbers")

    @staticmethod
    def fit(
        positive: Iterable[Sequence[int]],
        negative: Iterable[Sequence[int]],
        vocabulary: Vocabulary,
        *,
        smooth: float = 1.0,
    ) -> TokenTable:
        """How much more often a token stands in the positive texts: a log-ratio of two smoothed frequencies.

            log (n+(v) + smooth) / (N+ + smooth V) - log (n-(v) + smooth) / (N- + smooth V)

        with V the tokens seen in either corpus; a token seen in neither is worth 0, and so is one that writes nothing.
        Raises: InputError if one of them is empty or holds what is no id of the vocabulary, or smooth is not above 0.
        """
        if not smooth > 0:
            raise InputError(f"smooth={smooth}: above 0", param="smooth")
        counts = []
        for name, texts in (("positive", positive), ("negative", negative)):
            ids = np.array([token for text in texts for token in text])
            if not len(ids):
                raise InputError(f"the {name} texts are empty")
            if ids.dtype.kind not in "iu" or ids.min() < 0 or ids.max() >= vocabulary.size:
                raise InputError(
                    f"the {name} texts hold what is no token id",
                    why=f"a text is a list of whole numbers from 0 to {vocabulary.size - 1}",
                    hint="model.loaded.plain_ids(text)",
                )
            counts.append(np.bincount(ids, minlength=vocabulary.size).astype(np.float64))
        seen = (counts[0] + counts[1] > 0) & vocabulary.written
        shares = [np.log((n + smooth) / (n[seen].sum() + smooth * seen.sum())) for n in counts]
        scores = np.where(seen, shares[0] - shares[1], 0.0)
        return TokenTable(torch.from_numpy(scores.astype(np.float32)), vocabulary)

    def best(self, n: int = 10) -> list[tuple[str, float]]:
        """The n tokens worth most, with their scores; of `-n`, those worth least. For looking at."""
        order = self.scores.argsort(descending=n > 0, stable=True)[: abs(n)].tolist()
        return [((self.vocabulary[i] or b"").decode("utf-8", "replace"), float(self.scores[i])) for i in order]

    def save(self, path: Path | str) -> None:
        """Write it as one safetensors file. Raises: InputError."""
        told = {"format": FORMAT, "fingerprint": self.vocabulary.fingerprint}
        save({"scores": self.scores.contiguous()}, path, told)

    @staticmethod
    def load(path: Path | str, vocabulary: Vocabulary) -> TokenTable:
        """Read what `save` wrote for this vocabulary. Raises: ModelError for another file or vocabulary."""
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), "pt") as file:
                told = json.loads((file.metadata() or {}).get("ctrldiff", "{}"))
                if told.get("format") != FORMAT:
                    raise ModelError(f"{str(path)!r} is no token table", hint="ctrldiff bias fit makes one")
                scores = file.get_tensor("scores")
        except (OSError, SafetensorError, ValueError) as error:
            raise ModelError(f"{str(path)!r} is no token table: {error}".splitlines()[0][:300]) from error
        if told["fingerprint"] != vocabulary.fingerprint:
            raise ModelError(f"{str(path)!r} was fitted to another vocabulary", hint="fit it again for this model")
        return TokenTable(scores, vocabulary)


def corpus(path: Path) -> list[str]:
    """The texts of a file, one a line. Raises: InputError for a file that cannot be read."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} cannot be read: {error}") from error
    return [line for line in lines if line.strip()]


@dataclass(frozen=True)
class Bias(Guide):
    """Lean towards the tokens that a table values.

    Args: table, a `TokenTable` or the path of a saved one; strength, as everywhere.
    Raises: InputError; ModelError for a path without a file; when prepared, VocabularyError or ModelError for a table
        of another vocabulary.
    """

    table: TokenTable | str | Path
    strength: Strength = 1.0

    def __post_init__(self) -> None:
        checked_strength("strength", self.strength)
        if isinstance(self.table, str | Path) and not Path(self.table).is_file():
            raise ModelError(f"{str(self.table)!r} is no token table: no such file", hint="ctrldiff bias fit makes one")

    def prepare(self, context: GuideContext) -> Tilt:
        table = self.table
        if isinstance(table, str | Path):
            table = TokenTable.load(table, context.vocabulary)
        same_vocabulary(table.vocabulary, context.vocabulary, "the table")
        return by_token(table.scores, self.strength)


@dataclass(frozen=True)
class Count(Guide):
    """1 for every token that a pattern describes: what `Target` holds to a number.

    Args:
        pattern: a Python regular expression that the token's text, without spaces around it, has to match in full; or
            a function of its bytes.
        share: subtracted from every token of the text (not from stop tokens), so that a level of 0 is this share of
            the text: `Target(Count(toxic, share=0.05), at_most=0.0)`.
        strength: as everywhere.
    Raises: InputError for a pattern that is none or that no token matches.
    """

    pattern: str | Callable[[bytes], bool]
    share: float = 0.0
    strength: float = field(default=1.0, kw_only=True)

    def __post_init__(self) -> None:
        finite("share", self.share)
        checked_strength("strength", self.strength)
        if not callable(self.pattern):
            try:
                re.compile(self.pattern).fullmatch("")
            except (re.error, TypeError) as error:
                raise InputError(f"{self.pattern!r} is not a pattern: {error}", param="pattern") from error

    def prepare(self, context: GuideContext) -> Tilt:
        vocabulary = context.vocabulary
        counts = torch.tensor([word is not None and self._counts(word) for word in vocabulary])
        if not bool(counts.any()):
            raise InputError(f"no token of the vocabulary matches {self.pattern!r}")
        text = torch.from_numpy(vocabulary.written.copy())
        return by_token(counts.float() - self.share * text.float(), self.strength)

    def _counts(self, word: bytes) -> bool:
        if callable(self.pattern):
            return bool(self.pattern(word))
        return re.fullmatch(self.pattern, word.decode("utf-8", "replace").strip()) is not None


def by_token(worth: torch.Tensor, strength: Strength) -> Tilt:
    """The tilt of a fixed (V,) score; its level is what the written tokens are worth."""

    def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        return strength_at(strength, state, logits.device) * worth.to(logits)

    def level(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
        value = strength_at(strength, state)[..., 0] * worth[state.tokens]
        return torch.where(state.open, torch.zeros_like(value), value).sum(1).double()

    return Tilt(scores, level=level)

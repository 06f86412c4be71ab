"""Token id -> bytes: what each token writes, and which tokens end a text.

A `Vocabulary` is a frozen value of three flat arrays. `None` stands for a token that is never written into a
text: a special token, a row beyond the tokenizer, a stop id (it ends a text and writes no bytes), the
    padding.
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import InputError, VocabularyError


class Trie(NamedTuple):
    """The distinct byte strings of a vocabulary as one tree; node 0 is the empty string."""

    parent: NDArray[np.int32]  # (N,) smaller than the child; parent[0] is -1
    byte: NDArray[np.uint8]  # (N,) the byte on the way from the parent
    node: NDArray[np.int32]  # (V,) where each token ends; -1 for a token that is never written


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What every token id writes.

    Build one with `from_tokens` or `from_tokenizer`; equal contents compare and hash as equal.

    Fields:
        data: (n_bytes,) uint8, the bytes of all tokens one after another.
        offsets: (V + 1,) int64, token i is `data[offsets[i]:offsets[i + 1]]`.
        written: (V,) bool, False for a token that is never written (`vocabulary[i] is None`).
        stop_ids: the ids that end a text, ascending; they write no bytes.
        pad_id: the id that may follow a stop id, or None.
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    written: NDArray[np.bool_]
    stop_ids: tuple[int, ...]
    pad_id: int | None

    def __post_init__(self) -> None:
        """What the kernels trust. Raises: VocabularyError for arrays that do not fit together."""
        kinds = (
            ("data", self.data, np.uint8),
            ("offsets", self.offsets, np.int64),
            ("written", self.written, np.bool_),
        )
        for name, array, kind in kinds:
            if not isinstance(array, np.ndarray) or array.ndim != 1 or array.dtype != kind:
                raise VocabularyError(
                    f"{name} is no one-dimensional array of {np.dtype(kind)}", hint="from_tokens(...)"
                )
        cuts = self.offsets
        if (
            len(cuts) != len(self.written) + 1
            or cuts[0] != 0
            or cuts[-1] != len(self.data)
            or (np.diff(cuts) < 0).any()
        ):
            raise VocabularyError("offsets do not cut data into the tokens", hint="from_tokens(...) makes them")
        for i in (*self.stop_ids, *(() if self.pad_id is None else (self.pad_id,))):
            _checked_id(i, len(self.written), "stop or pad id")
        for _, array, _ in kinds:
            array.setflags(write=False)

    @classmethod
    def from_tokens(
        cls, tokens: Sequence[bytes | None], stop_ids: Iterable[int] = (), pad_id: int | None = None
    ) -> Vocabulary:
        """The vocabulary in which token i writes `tokens[i]`.

        Args:
            tokens: bytes, or None for a token that is never written. `b""` is a token that writes nothing and
                is legal everywhere. Two tokens may write the same bytes.
            stop_ids: ids that end a text. Whatever `tokens` says of them, they write no bytes.
            pad_id: an id that may follow a stop id; it writes no bytes either.
        Raises: VocabularyError for a token that is not bytes, or an id outside the list.
        """
        for what, given in (("tokens", tokens), ("stop_ids", stop_ids)):
            if isinstance(given, str | bytes) or not isinstance(given, Iterable):
                raise VocabularyError(
                    f"{what} is a {type(given).__name__}, not a list", hint="tokens=[b'a', None, ...]"
                )
        tokens = list(tokens)
        for i, token in enumerate(tokens):
            if token is not None and not isinstance(token, bytes):
                raise VocabularyError(
                    f"token {i} is {type(token).__name__} {token!r}, not bytes",
                    hint="encode it: text.encode(), or None for a token that is never written",
                    token=i,
                )
        size = len(tokens)
        stops = tuple(sorted({_checked_id(i, size, "stop id") for i in stop_ids}))
        pad = None if pad_id is None else _checked_id(pad_id, size, "pad id")
        silent = set(stops) | ({pad} if pad is not None else set())
        kept = [None if i in silent else token for i, token in enumerate(tokens)]
        offsets = np.zeros(size + 1, dtype=np.int64)
        np.cumsum([len(token) if token else 0 for token in kept], out=offsets[1:])
        return cls(
            data=np.frombuffer(b"".join(token for token in kept if token), dtype=np.uint8),
            offsets=offsets,
            written=np.array([token is not None for token in kept], dtype=np.bool_),
            stop_ids=stops,
            pad_id=pad,
        )

    @classmethod
    def from_tokenizer(
        cls,
        tokenizer: Any,
        *,
        stop_ids: Iterable[int] | None = None,
        pad_id: int | None = None,
        banned_ids: Iterable[int] = (),
        size: int | None = None,
    ) -> Vocabulary:
        """The exact bytes of a Hugging Face *fast* tokenizer's tokens, tested on sample texts before it is
        returned.

        Args:
            tokenizer: a `PreTrainedTokenizerFast`, or a `tokenizers.Tokenizer`.
            stop_ids: the ids that end a text; default: the tokenizer's `eos_token_id`. `()` means none at
                all.
            pad_id: default: the tokenizer's `pad_token_id`, unless that is its mask or banned.
            banned_ids: further ids that are never written (the mask of a model whose tokenizer does not say
                so).
            size: rows of the model's output, when it has more rows than the tokenizer; the rest are banned.
        Raises: VocabularyError when the bytes are not exactly known (WordPiece, an unknown kind, a failed
            self-test) or when nothing ends a text.
        """
        from ctrldiff.tokens.tokenizer_bytes import read_tokenizer

        read = read_tokenizer(tokenizer, banned_ids=banned_ids, size=size)
        stops = read.stop_ids if stop_ids is None else tuple(stop_ids)
        if stop_ids is None and not stops:
            raise VocabularyError(
                "the tokenizer names no end-of-text token",
                why="candidates: " + (", ".join(f"{i} {text!r}" for i, text in read.stop_candidates) or "none seen"),
                hint="say which ids end a text: Vocabulary.from_tokenizer(tokenizer, stop_ids=[...])",
                candidates=read.stop_candidates,
            )
        return cls.from_tokens(read.tokens, stops, read.pad_id if pad_id is None else pad_id)

    @property
    def size(self) -> int:
        """V: how many ids there are, banned rows included."""
        return len(self.written)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, token: int) -> bytes | None:
        """The bytes of one token; None when it is never written. Negative ids are no ids: IndexError."""
        i = operator.index(token)
        if not 0 <= i < self.size:
            raise IndexError(f"token id {i} is outside 0..{self.size - 1}")
        if not self.written[i]:
            return None
        return self.data[self.offsets[i] : self.offsets[i + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes | None]:
        return (self[i] for i in range(self.size))

    def decode(self, ids: Iterable[int]) -> bytes:
        """The bytes that `ids` write, up to the first stop id.

        Raises: VocabularyError for an id that is never written (a mask, say) before the first stop id.
        """
        out = bytearray()
        if isinstance(ids, str | Mapping) or not isinstance(ids, Iterable):
            raise VocabularyError(f"ids are a {type(ids).__name__}, not a list of token ids")
        for position, token in enumerate(ids):
            i = _whole(token, f"the id at position {position}")
            if i in self._stops:
                break
            if not 0 <= i < self.size or not self.written[i]:
                raise VocabularyError(
                    f"token {i} at position {position} writes no bytes",
                    why="it is outside the vocabulary" if not 0 <= i < self.size else "it is never part of a text",
                    hint="decode only positions that are written",
                    token=i,
                    position=position,
                )
            out += self.data[self.offsets[i] : self.offsets[i + 1]].tobytes()
        return bytes(out)

    def texts(self, rows: Iterable[Iterable[int]]) -> list[str]:
        """Each row decoded for a reader; bytes that are no UTF-8 show as U+FFFD. Raises: as `decode`."""
        return [self.decode(ids).decode("utf-8", errors="replace") for ids in rows]

    @cached_property
    def _stops(self) -> frozenset[int]:
        return frozenset(self.stop_ids)

    @cached_property
    def fingerprint(self) -> str:
        """A hex digest of the whole content: equal vocabularies, equal fingerprints."""
        digest = hashlib.blake2b(digest_size=20)
        head = f"vocabulary 1;{self.size};{len(self.data)};{self.stop_ids};{self.pad_id}"
        for part in (head.encode(), self.offsets.tobytes(), self.written.tobytes(), self.data.tobytes()):
            digest.update(part)
        return digest.hexdigest()

    @cached_property
    def trie(self) -> Trie:
        """The byte strings as one tree, built at first use."""
        from ctrldiff.kernels.trie import build_trie

        return Trie(*build_trie(self.data, self.offsets, self.written))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.fingerprint == other.fingerprint

    def __hash__(self) -> int:
        return hash(self.fingerprint)

    def __repr__(self) -> str:
        return f"Vocabulary({self.size:,} tokens, stop_ids={list(self.stop_ids)}, pad_id={self.pad_id})"


@lru_cache(maxsize=16)
def same_tokens(theirs: Vocabulary, ours: Vocabulary) -> None:
    """Raise VocabularyError that names the first tokens which a model writes (`ours`) and a judge of its texts spells
    otherwise. Tokens that only the judge has are nothing to it."""
    if theirs == ours:
        return
    writing, shared = np.flatnonzero(ours.written).tolist(), range(theirs.size)
    differ = [i for i in writing if i not in shared or theirs[i] != ours[i]]
    differ += [i for i in ours.stop_ids if i not in shared or theirs[i] is not None]
    if differ:
        told = [f"id {i}: the model {spelled(ours, i)}, the judge {spelled(theirs, i)}" for i in differ[:5]]
        raise VocabularyError(
            f"the judge reads other tokens than the model writes: {len(differ):,} ids differ",
            why="\n".join(told),
            hint="a causal language model of the same tokenizer, as Qwen2.5 is to Dream",
            ids=tuple(differ),
        )


def spelled(vocabulary: Vocabulary, token: int) -> str:
    """What an id is to a vocabulary, in words, for messages."""
    if token >= vocabulary.size:
        return "has no such id"
    if token in vocabulary.stop_ids:
        return "ends the text"
    written = vocabulary[token]
    return "never writes it" if written is None else f"writes {written!r}"


def check_vocabulary(given: object) -> None:
    """Raise InputError for what is no vocabulary: a model, say."""
    if not isinstance(given, Vocabulary):
        has = isinstance(getattr(given, "vocabulary", None), Vocabulary)
        raise InputError(
            f"vocabulary is a {type(given).__name__}",
            hint="model.vocabulary" if has else "model.vocabulary, Vocabulary.from_tokens(...), from_tokenizer(...)",
            param="vocabulary",
        )


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool):
        raise VocabularyError(f"{what} is {value}, not a whole number")
    try:
        return operator.index(value)
    except TypeError as error:
        raise VocabularyError(f"{what} is a {type(value).__name__}, not a whole number") from error


def _checked_id(value: Any, size: int, what: str) -> int:
    i = _whole(value, what)
    if not 0 <= i < size:
        raise VocabularyError(
            f"{what} {i} is outside the vocabulary of {size:,} tokens",
            hint=f"ids run from 0 to {size - 1}",
            token=i,
        )
    return i

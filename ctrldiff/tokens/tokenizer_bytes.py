"""From a serialized fast tokenizer to the exact bytes of every token.

Two kinds of vocabulary say exactly which bytes a token writes, and the vocabulary itself is the evidence:

- *byte fallback* (SentencePiece-like): at least 128 pieces `<0xHH>`; these write one byte, U+2581 writes a
  space;
- *byte level* (GPT-2-like): the 256-letter byte alphabet, one letter for each byte.

The decoder of the serialized tokenizer is asked second, because a rebuilt tokenizer may carry one that does
not fit. Everything else (WordPiece, plain words) is refused: its decoder joins and cleans, so bytes and text
can differ.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ctrldiff.errors import VocabularyError

_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_ENDS = re.compile(r"(?i)eos|eot|end|stop|</s>|\[sep\]")
_SPECIAL = ("bos_token_id", "cls_token_id", "sep_token_id", "unk_token_id", "mask_token_id", "pad_token_id")

# What a tokenizer must give back byte for byte: words, JSON, runs of spaces, newlines, tabs, dates, and code
# points of two, three and four bytes. All of it is NFC already, so a normalising tokenizer has nothing to
# change.
SAMPLES = (
    "The quick brown fox jumps over the lazy dog.",
    '{"name": "Ada", "age": 36, "tags": ["a", "b"], "ok": true, "note": null}',
    "def f(x):\n    return  x\n\n\tprint('a\\tb')\r\nend",
    "1984-06-01 12:30:59.75 +1,234.5% $9 #3 a@b.c <x> & ~^|`_",
    "naïve café – Ωμέγα, Привет, 東京 한국 🙂",
)


@dataclass(frozen=True)
class TokenizerRead:
    """What a tokenizer says of its tokens."""

    tokens: list[bytes | None]
    stop_ids: tuple[int, ...]
    stop_candidates: tuple[tuple[int, str], ...]  # (id, text) of tokens that look as if they end something
    pad_id: int | None


def byte_alphabet() -> dict[str, int]:
    """GPT-2's letter for each byte: printable Latin-1 stands for itself, the rest follow from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    letters = {chr(byte): byte for byte in printable}
    hidden = (byte for byte in range(256) if byte not in printable)
    return letters | {chr(0x100 + i): byte for i, byte in enumerate(hidden)}


def read_tokenizer(tokenizer: Any, *, banned_ids: Iterable[int] = (), size: int | None = None) -> TokenizerRead:
    """The bytes of every token, with specials and rows beyond the tokenizer banned, tested on sample texts.

    Raises: VocabularyError, naming an example token, when the bytes are not exactly known.
    """
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "to_str"):
        raise VocabularyError(
            f"{type(tokenizer).__name__} is not a fast tokenizer, so its tokens' bytes cannot be read",
            hint="load the fast one (a folder with tokenizer.json), or Vocabulary.from_tokens([...])",
        )
    described = json.loads(backend.to_str())
    pieces = _pieces(described["model"])
    added = {entry["id"]: entry for entry in described.get("added_tokens") or []}
    fallback = _has_fallback(pieces)
    spell_added = _spell_with_fallback if fallback else str.encode  # Gemma adds runs of U+2581, which are spaces too
    spell = _speller(described, {i: p for i, p in pieces.items() if not added.get(i, {}).get("special")})

    rows = max([*pieces, *added], default=-1) + 1
    if size is not None and size < rows:
        raise VocabularyError(
            f"the model has {size:,} rows, but the tokenizer has ids up to {rows - 1:,}",
            hint="size= is the rows of the model's output; use the tokenizer that belongs to the model",
            size=size,
            rows=rows,
        )
    tokens: list[bytes | None] = [None] * (rows if size is None else size)
    for i, piece in pieces.items():
        tokens[i] = spell(piece) or None
    for i, entry in added.items():
        tokens[i] = None if entry["special"] else spell_added(entry["content"]) or None

    named = {name: _id_or_none(getattr(tokenizer, name, None)) for name in _SPECIAL}
    stops = _stop_ids(tokenizer)
    never = {i for i in (*named.values(), *stops, _unknown_id(described["model"])) if i is not None}
    banned = {operator.index(i) for i in banned_ids}
    for i in never | banned:
        if not 0 <= i < len(tokens):
            raise VocabularyError(
                f"id {i} to ban is outside the vocabulary of {len(tokens):,} tokens",
                hint="say size=, the rows of the model's output, if the tokenizer has fewer",
                token=i,
            )
        tokens[i] = None
    _self_test(backend, tokens)
    pad = named["pad_token_id"]
    return TokenizerRead(
        tokens=tokens,
        stop_ids=stops,
        stop_candidates=_candidates(pieces, added),
        pad_id=None if pad == named["mask_token_id"] or pad in banned else pad,
    )


def _pieces(model: dict[str, Any]) -> dict[int, str]:
    """Piece by id. BPE, WordPiece and WordLevel map piece to id; Unigram lists (piece, score)."""
    vocab = model.get("vocab")
    if isinstance(vocab, dict):
        return {i: piece for piece, i in vocab.items()}
    if isinstance(vocab, list):
        return {i: entry[0] for i, entry in enumerate(vocab)}
    raise VocabularyError(
        f"a tokenizer of kind {model.get('type')!r} keeps no list of pieces",
        hint="give the bytes yourself: Vocabulary.from_tokens([...])",
    )


def _speller(described: dict[str, Any], pieces: dict[int, str]) -> Any:
    """The function from piece to bytes, by the evidence of the vocabulary, or a refusal naming a token."""
    model = described["model"]
    prefix, suffix = model.get("continuing_subword_prefix"), model.get("end_of_word_suffix")
    if model.get("type") == "WordPiece" or prefix or suffix:
        mark = suffix or prefix or "##"
        example = next((p for p in pieces.values() if mark in p and p != mark), mark)
        raise VocabularyError(
            f"a {model.get('type')} vocabulary does not say which bytes its tokens write",
            why=f"{example!r} is a piece of a word; where spaces stand is the decoder's guess",
            hint="use a model with a byte-level or byte-fallback tokenizer, or Vocabulary.from_tokens([...])",
            example=example,
        )
    alphabet = byte_alphabet()
    if _has_fallback(pieces):
        return _spell_with_fallback
    spelled = [p for p in pieces.values() if all(letter in alphabet for letter in p)]
    letters = sum(p in alphabet for p in spelled)
    says_so = "ByteLevel" in json.dumps([described.get("decoder"), described.get("pre_tokenizer")])
    # A byte-level vocabulary holds all 256 letters, or those of its training text if its decoder says what
    # they are.
    if len(spelled) >= 0.99 * len(pieces) and spelled and (letters == 256 or says_so):
        return lambda piece: _spell_in_alphabet(piece, alphabet)
    example = next((p for p in pieces.values() if not all(letter in alphabet for letter in p)), None)
    example = example if example is not None else next(iter(pieces.values()), "")
    raise VocabularyError(
        f"it is not known which bytes the tokens of this {model.get('type')} vocabulary write",
        why=f"it has neither 128 pieces <0xHH> nor the byte-level alphabet; an example token is {example!r}",
        hint="use a model with a byte-level or byte-fallback tokenizer, or Vocabulary.from_tokens([...])",
        example=example,
    )


def _has_fallback(pieces: dict[int, str]) -> bool:
    return sum(_FALLBACK.fullmatch(p) is not None for p in pieces.values()) >= 128


def _spell_with_fallback(piece: str) -> bytes:
    byte = _FALLBACK.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace("\u2581", " ").encode()


def _spell_in_alphabet(piece: str, alphabet: dict[str, int]) -> bytes:
    # The byte-level decoder writes a piece with any foreign letter as it stands; so do we.
    spelled = [alphabet.get(letter) for letter in piece]
    return bytes(b for b in spelled if b is not None) if None not in spelled else piece.encode()


def _id_or_none(value: Any) -> int | None:
    return None if value is None else operator.index(value)


def _stop_ids(tokenizer: Any) -> tuple[int, ...]:
    eos = getattr(tokenizer, "eos_token_id", None)
    if eos is None:
        return ()
    return tuple(operator.index(i) for i in eos) if isinstance(eos, (list, tuple)) else (operator.index(eos),)


def _unknown_id(model: dict[str, Any]) -> int | None:
    """`<unk>` stands for what could not be spelled: it is no text, whatever its flags say."""
    if model.get("unk_id") is not None:
        return int(model["unk_id"])
    unknown = model.get("unk_token")
    return model["vocab"].get(unknown) if unknown is not None else None


def _candidates(pieces: dict[int, str], added: dict[int, dict[str, Any]]) -> tuple[tuple[int, str], ...]:
    texts = {i: p for i, p in pieces.items() if p[:1] in "<[" and p[-1:] in ">]" and not _FALLBACK.fullmatch(p)}
    texts |= {i: entry["content"] for i, entry in added.items()}
    return tuple((i, text) for i, text in sorted(texts.items()) if _ENDS.search(text))[:8]


def _self_test(backend: Any, tokens: list[bytes | None]) -> None:
    """Encode sample texts and put the bytes together again: they must be the text.

    Two differences are allowed and known: what the tokenizer's own normaliser changes, and one leading space,
    which Llama-like tokenizers (a *dummy prefix*) and byte-level ones with `add_prefix_space` put before
    every text. A text with a byte that the vocabulary cannot write proves nothing and is left out; one text
    at least must be tested.
    """
    single = {token[0] for token in tokens if token is not None and len(token) == 1}
    plain = "".join(chr(byte) for byte in sorted(single) if 0x21 <= byte < 0x7F)
    tested = 0
    for text in (*SAMPLES, plain):
        if not text or not set(text.encode()) <= single:
            continue
        tested += 1
        encoding = backend.encode(text, add_special_tokens=False)
        ids = [i for i, seen in zip(encoding.ids, encoding.attention_mask) if seen]
        silent = next((i for i in ids if tokens[i] is None), None)
        normal = backend.normalizer.normalize_str(text).replace("\u2581", " ") if backend.normalizer else text
        wanted = {expected.encode() for expected in (text, " " + text, normal, " " + normal)}
        got = b"".join(tokens[i] or b"" for i in ids)
        if silent is not None or got not in wanted:
            raise VocabularyError(
                f"the tokenizer failed its self-test on {text!r}",
                why=(f"token {silent} in it is never written" if silent is not None else f"its tokens write {got!r}"),
                hint="its bytes are not exactly known; give them yourself: Vocabulary.from_tokens([...])",
                text=text,
                got=got,
            )
    if not tested:
        raise VocabularyError(
            "no sample text can be written with this vocabulary, so its bytes could not be tested",
            hint="give the bytes yourself: Vocabulary.from_tokens([...])",
        )

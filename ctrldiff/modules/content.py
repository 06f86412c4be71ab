"""A compiled type as bytes: a format of our own in which nothing is executed.

A file is a magic number, the format's version, ctrldiff's, the vocabulary, and the lengths of what follows: a JSON text
that says what the tables are of, the tables, each as the cache on the disk writes them (`tokens/cache.py`), and a
checksum over all of it. Every length is held against what is there before anything is read by it, every index against
its array, and what an automaton says of its own states (which can be reached, how far the end is) is worked out again.
That its language is the one it is said to have cannot be seen without compiling: a checksum keeps off damage, not a
forger.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ctrldiff.compiled import Held
from ctrldiff.constraints.description import Description
from ctrldiff.errors import CtrldiffError, InputError, VocabularyError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.unique import Unique
from ctrldiff.kernels.reach import survey
from ctrldiff.limits import Limits
from ctrldiff.modules import portable
from ctrldiff.posterior.proviso import Proviso
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.cache import decode, encode
from ctrldiff.tokens.token_automaton import TokenAutomaton
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.version import VERSION

FORMAT = 1  # of the files; one of another is refused
LARGEST = 1 << 30  # bytes of a file that is read
MOST_TABLES, MOST_WORDS = 64, 16 << 20  # and of its JSON text, bytes: values made of it take some 25 times as many
MAGIC = b"ctrldiff-module\n"
# magic, format, ctrldiff's version, the vocabulary's fingerprint and size, tables, bytes of JSON, bytes of tables
_HEAD = struct.Struct("<16sI16s20sIIQQ")
_LENGTH = struct.Struct("<Q")
_DIGEST = 32
_AGAIN = "compile it again: ctrldiff compile SCHEMA -o FILE --model MODEL"


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds.

    Fields: description, of the type; named, the type in words, if its values are read by more than the description
        says, else ""; held, what was compiled.
    """

    description: Description
    named: str
    held: Held


def pack(content: Content, vocabulary: Vocabulary, limits: Limits) -> bytes:
    """The bytes of a file. Raises: InputError for a description that no words say all of."""
    first, held = content.description, content.held
    known = list(dict.fromkeys([first, *held.tables, *held.refused, *(one for one, _ in held.reached)]))
    known = list(dict.fromkeys([*known, *held.reached.values()]))
    number = {description: n for n, description in enumerate(known)}
    told = [portable.said(first), *(portable.said(one, first) for one in known[1:])]
    head = {
        "named": content.named,
        "limits": asdict(limits),
        "descriptions": told,
        "tables": [[number[one], _proviso_said(table, one, limits)] for one, table in held.tables.items()],
        "reached": [[number[one], tokens, number[found]] for (one, tokens), found in held.reached.items()],
        "refused": sorted(number[one] for one in held.refused),
    }
    words = json.dumps(head, separators=(",", ":")).encode("ascii")
    if len(words) > MOST_WORDS or len(held.tables) > MOST_TABLES:
        amount = f"{len(words):,} bytes of words and {len(held.tables)} tables"
        raise InputError(f"{amount} are too many for a file", hint=f"at most {MOST_WORDS:,} and {MOST_TABLES}")
    tables = [encode(table.automaton, _key(one, vocabulary, limits)) for one, table in held.tables.items()]
    body = b"".join(_LENGTH.pack(len(one)) + one for one in tables)
    mark = bytes.fromhex(vocabulary.fingerprint)
    sizes = (len(tables), len(words), len(body))
    data = _HEAD.pack(MAGIC, FORMAT, VERSION.encode("ascii"), mark, vocabulary.size, *sizes) + words + body
    return data + hashlib.blake2b(data, digest_size=_DIGEST).digest()


def unpack(data: bytes, vocabulary: Vocabulary, limits: Limits, name: str) -> Content:
    """What `pack` wrote.

    Args: name: of the file, for messages.
    Raises: InputError for what is no such file, is damaged, was compiled by another version of ctrldiff or within other
        limits; VocabularyError if it belongs to another vocabulary.
    """
    words, tables = _parts(data, vocabulary, name)
    try:
        head = json.loads(words)
        theirs = Limits(**head["limits"])
        if asdict(theirs) != head["limits"]:
            raise ValueError("the limits are not all of them")
        held_to = {one: most for one, most in asdict(theirs).items() if most != getattr(limits, one)}
        if not held_to:
            return _content(head, tables, vocabulary, limits)
    except (CtrldiffError, ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise _damaged(name, f"{type(error).__name__}: {str(error)[:200]}") from error
    raise InputError(
        f"{name} was compiled within other limits: {', '.join(f'{one}={most}'[:60] for one, most in held_to.items())}",
        why="how far a schema is written depends on them",
        hint=f"limits=Limits(...) of these, if you trust the file; or {_AGAIN}",
    )


def _content(head: Any, tables: list[memoryview], vocabulary: Vocabulary, limits: Limits) -> Content:
    """What the JSON text and the tables say. Raises: ValueError and others for what `pack` did not write."""
    first = portable.read(head["descriptions"][0])
    known = [first, *(portable.read(one, first) for one in head["descriptions"][1:])]
    if not isinstance(head["named"], str):
        raise ValueError("the type's name is none")
    held = Held(
        {
            _at(known, n): _table(one, _at(known, n), proviso, vocabulary, limits)
            for (n, proviso), one in zip(head["tables"], tables, strict=True)
        },
        {(_at(known, n), tokens): _at(known, found) for n, tokens, found in head["reached"]},
        frozenset(_at(known, n) for n in head["refused"]),
    )
    return Content(first, head["named"], held)


def _parts(data: bytes, vocabulary: Vocabulary, name: str) -> tuple[bytes, list[memoryview]]:
    """The JSON text and the tables of a file that is whole and belongs here. Raises: as `unpack`."""
    if len(data) < _HEAD.size + _DIGEST or not data.startswith(MAGIC):
        raise InputError(f"{name} is no compiled type", hint="ctrldiff compile SCHEMA -o FILE --model MODEL writes one")
    _, form, version, mark, size, count, n_words, n_body = _HEAD.unpack_from(data)
    if form != FORMAT:
        raise InputError(f"{name} is of format {form}; ctrldiff {VERSION} reads format {FORMAT}", hint=_AGAIN)
    if hashlib.blake2b(memoryview(data)[:-_DIGEST], digest_size=_DIGEST).digest() != data[-_DIGEST:]:
        raise _damaged(name, "its checksum is another")
    if version.rstrip(b"\0") != VERSION.encode("ascii"):
        theirs = version.rstrip(b"\0").decode("ascii", "replace")
        raise InputError(f"{name} was compiled by ctrldiff {theirs}; this is ctrldiff {VERSION}", hint=_AGAIN)
    if mark.hex() != vocabulary.fingerprint:
        raise VocabularyError(
            f"{name} belongs to another vocabulary",
            why=f"the file's: {size:,} tokens, {mark.hex()}\nhere:       {vocabulary.size:,} tokens, "
            f"{vocabulary.fingerprint}",
            hint=_AGAIN,
            theirs=mark.hex(),
            ours=vocabulary.fingerprint,
        )
    if _HEAD.size + n_words + n_body + _DIGEST != len(data):
        raise _damaged(name, "its length is another")
    if n_words > MOST_WORDS or count > MOST_TABLES:
        raise _damaged(name, f"{n_words:,} bytes of words and {count} tables, which no file has")
    at = _HEAD.size + n_words
    return data[_HEAD.size : at], list(_tables(memoryview(data)[at : at + n_body], count, name))


def _tables(body: memoryview, count: int, name: str) -> Iterator[memoryview]:
    """So many tables, one after another."""
    at = 0
    for _ in range(count):
        length = _LENGTH.unpack_from(body, at)[0] if len(body) - at >= _LENGTH.size else len(body)
        at += _LENGTH.size
        if length > len(body) - at:
            raise _damaged(name, "a table is cut")
        yield body[at : at + length]
        at += length
    if at != len(body):
        raise _damaged(name, f"{len(body) - at:,} bytes behind its tables")


def _table(data: memoryview, of: Description, proviso: Any, vocabulary: Vocabulary, limits: Limits) -> Table:
    """A table. Raises: ValueError if it is none."""
    automaton = decode(data, _key(of, vocabulary, limits), vocabulary)
    if automaton is None or not _agrees(automaton, vocabulary):
        raise ValueError("a table is not as it was written")
    return Table(automaton, vocabulary, proviso=_proviso_read(proviso, of, limits))


def _agrees(automaton: TokenAutomaton, vocabulary: Vocabulary) -> bool:
    """Whether an automaton says of its states and tokens what is so."""
    a, S, tail = automaton, automaton.n_states, automaton.tail
    ends = np.zeros(vocabulary.size, np.bool_)
    ends[[*vocabulary.stop_ids, *(() if vocabulary.pad_id is None else (vocabulary.pad_id,))]] = True
    if (a.token_class[~vocabulary.written & ~ends] >= 0).any():  # what is never written is on no edge
        return False
    if (np.bincount(a.token_class + 1, minlength=a.n_classes + 1)[1:] == 0).any():  # no class is empty
        return False
    if (tail is not None) != bool(vocabulary.stop_ids):
        return False
    ending = np.zeros(a.n_edges, np.bool_) if tail is None else (a.edge_to == tail)
    text = S
    if tail is not None:
        # The tail stands last; every state in which a text may end leads there, and it itself leads nowhere else.
        text = tail
        leading = a.edge_from[ending]
        if tail != S - 1 or not np.array_equal(leading, np.flatnonzero(a.accept)) or a.distance[tail] != 0:
            return False
        if (a.edge_from[~ending] == tail).any():
            return False
    if not text:
        return False
    live, distance, longest = survey(a.edge_from[~ending], a.edge_to[~ending], a.accept[:text].copy())
    same = bool(live.all()) and np.array_equal(distance, a.distance[:text])
    return same and int(longest) == (-1 if a.longest is None else a.longest)


def _proviso_said(table: Table, of: Description, limits: Limits) -> str | None:
    """What a table's texts are held to besides, in a word; "own": what the description says when it is asked again."""
    if table.proviso is None:
        return None
    return next((word for word, one in _uniques(of, limits).items() if one == table.proviso), "own")


def _proviso_read(word: Any, of: Description, limits: Limits) -> Proviso | None:
    if word is None:
        return None
    own = word == "own" and not isinstance(of, JsonSchema)
    return of.proviso(limits) if own else _uniques(of, limits)[word]


def _uniques(of: Description, limits: Limits) -> dict[str, Proviso]:
    """A schema's provisos by a word: to ask it which of them is its own would compile it again."""
    if not isinstance(of, JsonSchema):
        return {}
    return {"keys": Unique(), "items": Unique(of, limits), "negated": Unique(of, limits, negated=True)}


def _key(of: Description, vocabulary: Vocabulary, limits: Limits) -> str:
    """The name of a table in its file: all that it is of."""
    words = f"{FORMAT};{vocabulary.fingerprint};{limits};{of!r}"
    return hashlib.blake2b(words.encode("utf-8", "surrogatepass"), digest_size=32).hexdigest()


def _at(known: list[Description], n: Any) -> Description:
    if type(n) is not int or not 0 <= n < len(known):
        raise ValueError(f"no description has the number {str(n)[:100]}")
    return known[n]


def _damaged(name: str, why: str) -> InputError:
    return InputError(f"{name} is damaged", why=why, hint=_AGAIN)

"""Token automata are kept: in memory up to a number of bytes, and on disk under the hash of what made them.

A file holds arrays in a format of our own, and nothing in it is executed: a magic number, a version, the key,
a table of (name, dtype, length), the arrays, and a checksum over all of it. Whatever is not exactly as
written (cut short, flipped, of another version, under another key, with an index out of range) is a miss, and
is written anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import struct
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.automata.dfa import Dfa
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.tokens.token_automaton import ARRAYS, TokenAutomaton, lift
from ctrldiff.tokens.vocabulary import Vocabulary

VERSION = 1  # of the file format and of what `lift` means; a file of another version is a miss
_MAGIC = b"ctrldiff-tokens\n"
_HEAD = struct.Struct("<16sI32sqqqIQ")  # magic, version, key, n_classes, longest, tail (-1: none), arrays, bytes
_ENTRY = struct.Struct("<16s4sQ")  # name, dtype, length
_DIGEST = 32
_SUFFIX, _NAME, _UNFINISHED = ".tokens", ".name", ".part"


def key_of(dfa: Dfa, vocabulary: Vocabulary, limits: Limits) -> str:
    """The name of an entry: everything that decides what `lift` returns, or whether it returns."""
    bounds = (limits.max_edges, limits.max_bytes, limits.max_lift_steps)
    text = f"{VERSION};{dfa.fingerprint};{vocabulary.fingerprint};{bounds}"
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def encode(automaton: TokenAutomaton, key: str) -> bytes:
    """The bytes of a file. Weights are laid on after the cache, so there are none to write."""
    assert automaton.edge_weight is None
    arrays = {name: np.ascontiguousarray(automaton.arrays[name], dtype=ARRAYS[name]) for name in ARRAYS}
    body = b"".join(_ENTRY.pack(name.encode(), a.dtype.str.encode(), len(a)) for name, a in arrays.items()) + b"".join(
        a.tobytes() for a in arrays.values()
    )
    longest = -1 if automaton.longest is None else automaton.longest
    tail = -1 if automaton.tail is None else automaton.tail
    numbers = (automaton.n_classes, longest, tail, len(arrays), len(body))
    data = _HEAD.pack(_MAGIC, VERSION, bytes.fromhex(key), *numbers) + body
    return data + hashlib.blake2b(data, digest_size=_DIGEST).digest()


def decode(data: bytes | memoryview, key: str, vocabulary: Vocabulary) -> TokenAutomaton | None:
    """What `encode` wrote under `key`, or None for anything else. Never raises, whatever `data` is."""
    if len(data) < _HEAD.size + _DIGEST:
        return None
    magic, version, own_key, n_classes, longest, tail, n_arrays, size = _HEAD.unpack_from(data)
    if (magic, version, own_key, n_arrays) != (_MAGIC, VERSION, bytes.fromhex(key), len(ARRAYS)):
        return None
    if len(data) != _HEAD.size + size + _DIGEST or size < n_arrays * _ENTRY.size:
        return None
    if hashlib.blake2b(data[:-_DIGEST], digest_size=_DIGEST).digest() != data[-_DIGEST:]:
        return None
    at, arrays = _HEAD.size + n_arrays * _ENTRY.size, {}
    for i, (name, dtype) in enumerate(ARRAYS.items()):
        own_name, own_dtype, length = _ENTRY.unpack_from(data, _HEAD.size + i * _ENTRY.size)
        if own_name.rstrip(b"\0") != name.encode() or own_dtype.rstrip(b"\0") != dtype.str.encode():
            return None
        if length * dtype.itemsize > len(data) - _DIGEST - at:
            return None
        arrays[name] = np.frombuffer(data, dtype, length, at).copy()
        at += length * dtype.itemsize
    if at != len(data) - _DIGEST or not _sound(arrays, n_classes, longest, tail, vocabulary.size):
        return None
    return TokenAutomaton(
        **arrays,
        edge_weight=None,
        longest=None if longest < 0 else longest,
        n_classes=n_classes,
        tail=None if tail < 0 else tail,
        vocabulary=vocabulary.fingerprint,
    )


def _sound(arrays: dict[str, NDArray[Any]], n_classes: int, longest: int, tail: int, size: int) -> bool:
    """Whether every index lies in its array: a file that lies, checksum and all, must not crash a kernel."""

    def within(name: str, low: int, high: int) -> bool:
        a = arrays[name]
        return not len(a) or (int(a.min()) >= low and int(a.max()) < high)

    n_states, n_labels = len(arrays["accept"]), len(arrays["label_ptr"]) - 1
    ptr, n_edges = arrays["label_ptr"].astype(np.int64), len(arrays["edge_from"])
    return (
        len(arrays["token_class"]) == size
        and 0 <= n_classes <= size
        and n_states >= 1
        and len(arrays["distance"]) == n_states
        and within("distance", 0, n_states)
        and -1 <= tail < n_states
        and longest >= -1
        and within("token_class", -1, n_classes)
        and n_labels >= 0
        and int(ptr[0]) == 0
        and int(ptr[-1]) == len(arrays["label_classes"])
        and bool((np.diff(ptr) > 0).all())
        and within("label_classes", 0, n_classes)
        and len(arrays["edge_to"]) == len(arrays["edge_label"]) == n_edges
        and within("edge_from", 0, n_states)
        and within("edge_to", 0, n_states)
        and within("edge_label", 0, n_labels)
        and bool((np.diff(arrays["edge_from"].astype(np.int64) * n_states + arrays["edge_to"]) > 0).all())
        # accept is 0 or 1 in every byte, as a kernel expects of a bool
        and int(arrays["accept"].view(np.uint8).max()) <= 1
    )


@dataclass
class Cache:
    """Token automata by content: least recently used out of memory first, oldest file off the disk first.

    Args:
        directory: where files go (made with mode 0700), or None for memory alone.
        memory_bytes: bytes of arrays held in memory.
        disk_bytes: bytes of files held in `directory`; only files of ours are counted and removed.

    This is the one place where a failing write is no error: a directory that cannot be made, read or written
    (read-only, full, not ours) means that nothing is kept there, and every answer is computed instead.
    Threads may share a cache; two that miss together both compute.
    """

    directory: Path | None = None
    memory_bytes: int = 256 << 20
    disk_bytes: int = 1 << 30
    _held: OrderedDict[str, TokenAutomaton] = field(default_factory=OrderedDict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def fetch(
        self,
        dfa: Dfa,
        vocabulary: Vocabulary,
        limits: Limits,
        compute: Callable[[Dfa, Vocabulary, Limits], TokenAutomaton],
    ) -> TokenAutomaton:
        """What is held for these three, or `compute(dfa, vocabulary, limits)`, which is then held."""
        key = key_of(dfa, vocabulary, limits)
        found = self._find(key, vocabulary)
        if found is None:
            found = compute(dfa, vocabulary, limits)
            self._write(key + _SUFFIX, encode(found, key))
            self._hold(key, found)
        return found

    def fetch_named(
        self,
        name: str,
        make: Callable[[], Dfa],
        vocabulary: Vocabulary,
        limits: Limits,
        compute: Callable[[Dfa, Vocabulary, Limits], TokenAutomaton],
    ) -> TokenAutomaton:
        """`fetch` of `make()`, which is not called where the same code has made the same name before."""
        words = f"{VERSION};{_code()};{vocabulary.fingerprint};{limits};{name}"
        said = hashlib.blake2b(words.encode(errors="surrogatepass"), digest_size=32).hexdigest()
        key = self._read_name(said)
        found = None if key is None else self._find(key, vocabulary)
        if found is None:
            dfa = make()
            found = self.fetch(dfa, vocabulary, limits, compute)
            self._write(said + _NAME, _meaning(said, key_of(dfa, vocabulary, limits)))
        return found

    def _find(self, key: str, vocabulary: Vocabulary) -> TokenAutomaton | None:
        with self._lock:
            if key in self._held:
                self._held.move_to_end(key)
                return self._held[key]
        found = self._read(key, vocabulary)
        if found is not None:
            self._hold(key, found)
        return found

    def _read_name(self, said: str) -> str | None:
        """The key that a name was written to mean; None for anything that is not exactly as written."""
        if self.directory is None:
            return None
        try:
            data = (self.directory / (said + _NAME)).read_bytes()
        except OSError:
            return None
        key = data[:64].decode("ascii", "replace")
        return key if data == _meaning(said, key) else None

    def clear_memory(self) -> None:
        """Let go of what is in memory; files stay."""
        with self._lock:
            self._held.clear()

    def _hold(self, key: str, automaton: TokenAutomaton) -> None:
        with self._lock:
            self._held[key] = automaton
            self._held.move_to_end(key)
            total = sum(held.nbytes for held in self._held.values())
            while total > self.memory_bytes:
                total -= self._held.popitem(last=False)[1].nbytes

    def _read(self, key: str, vocabulary: Vocabulary) -> TokenAutomaton | None:
        if self.directory is None:
            return None
        path = self.directory / (key + _SUFFIX)
        try:
            info = path.stat()
            if not stat.S_ISREG(info.st_mode) or info.st_size > self.disk_bytes:
                return None
            found = decode(path.read_bytes(), key, vocabulary)
        except OSError:
            return None
        if found is not None:
            with contextlib.suppress(OSError):
                os.utime(path)  # used just now: the last to be removed
        return found

    def _write(self, name: str, data: bytes) -> None:
        if self.directory is None:
            return
        if len(data) > self.disk_bytes:
            return
        part = None
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            handle, part = tempfile.mkstemp(dir=self.directory, suffix=_UNFINISHED)  # mode 0600
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(part, self.directory / name)
            part = None
            self._evict()
        except OSError:
            if part is not None:
                with contextlib.suppress(OSError):
                    os.unlink(part)

    def _evict(self) -> None:
        """Remove our oldest files until the rest fits; what a killed process left unfinished counts too."""
        assert self.directory is not None
        files = []
        with os.scandir(self.directory) as entries:
            for entry in entries:
                if entry.name.endswith((_SUFFIX, _NAME, _UNFINISHED)) and entry.is_file(follow_symlinks=False):
                    with contextlib.suppress(FileNotFoundError):  # another process may be evicting as well
                        info = entry.stat(follow_symlinks=False)
                        files.append((info.st_mtime_ns, info.st_size, entry.path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.disk_bytes:
                break
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            total -= size


def _meaning(said: str, key: str) -> bytes:
    """What a file holds that says which entry a name means."""
    return (key + hashlib.blake2b((said + key).encode(), digest_size=16).hexdigest()).encode()


@lru_cache(maxsize=1)
def _code() -> str:
    """A digest of all that decides what a description means: the package's own source."""
    digest = hashlib.blake2b(digest_size=16)
    for folder in ("automata", "constraints", "json_schema", "kernels", "regex"):
        for path in sorted((Path(__file__).parents[1] / folder).rglob("*.py")):
            digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def default_directory() -> Path | None:
    """`$CTRLDIFF_CACHE`, or `~/.cache/ctrldiff`; None when the variable is empty or there is no home."""
    named = os.environ.get("CTRLDIFF_CACHE")
    if named is not None:
        return Path(os.path.expanduser(named)) if named else None  # an image's environment is read by no shell
    home = os.path.expanduser("~")
    return Path(home) / ".cache" / "ctrldiff" if os.path.isabs(home) else None


@lru_cache(maxsize=8)
def _cache_at(directory: Path | None) -> Cache:
    return Cache(directory)


def shared_cache() -> Cache:
    """The cache of this process, in `default_directory()` as it is named now."""
    return _cache_at(default_directory())


def token_automaton(
    dfa: Dfa, vocabulary: Vocabulary, limits: Limits = DEFAULT, cache: Cache | None = None
) -> TokenAutomaton:
    """`lift`, looked up first in the cache: the shared one (memory and disk) unless another is given."""
    return (cache or shared_cache()).fetch(dfa, vocabulary, limits, lift)


def named_automaton(
    name: str, make: Callable[[], Dfa], vocabulary: Vocabulary, limits: Limits = DEFAULT
) -> TokenAutomaton:
    """`token_automaton(make(), vocabulary, limits)`, without making it if the shared cache knows what `name` means."""
    return shared_cache().fetch_named(name, make, vocabulary, limits, lift)

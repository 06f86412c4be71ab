"""A cache entry is what was written, or a miss; it is never wrong and never a crash."""

import os
import random
import stat
from functools import lru_cache

import numpy as np
import pytest

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import Chars, Repeat
from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.tokens import cache as caching
from ctrldiff.tokens.cache import Cache, decode, default_directory, encode, key_of, shared_cache, token_automaton
from ctrldiff.tokens.token_automaton import ARRAYS, lift
from ctrldiff.tokens.vocabulary import Vocabulary

VOCABULARY = Vocabulary.from_tokens([b"1", b"22", b"3a", b"a", None, None], stop_ids=[4], pad_id=5)


@lru_cache
def repeated(n):
    """Up to n digits; n=None: without end."""
    return compile_expression(Repeat(Chars(((0x30, 0x39),)), 0, n))


def equal(a, b):
    same = all(np.array_equal(a.arrays[name], b.arrays[name]) for name in ARRAYS)
    return same and (a.longest, a.n_classes, a.tail, a.vocabulary) == (b.longest, b.n_classes, b.tail, b.vocabulary)


class Counting:
    """`lift`, counting how often it is asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return lift(*args)


def files(directory):
    return sorted(directory.iterdir())


def test_what_is_written_is_read_back(tmp_path):
    for n in (1, 4):
        automaton, key = lift(repeated(n), VOCABULARY), key_of(repeated(n), VOCABULARY, DEFAULT)
        read = decode(encode(automaton, key), key, VOCABULARY)
        assert read is not None and equal(read, automaton)
        assert all(not a.flags.writeable and a.flags.c_contiguous for a in read.arrays.values())
        assert [a.dtype for a in read.arrays.values()] == [a.dtype for a in automaton.arrays.values()]
    bare = Vocabulary.from_tokens([b"1"])
    unbounded = repeated(None)
    automaton, key = lift(unbounded, bare), key_of(unbounded, bare, DEFAULT)
    read = decode(encode(automaton, key), key, bare)
    assert read is not None and read.longest is None and read.tail is None


def test_every_flipped_byte_is_a_miss():
    dfa = repeated(2)
    automaton, key = lift(dfa, VOCABULARY), key_of(dfa, VOCABULARY, DEFAULT)
    data = encode(automaton, key)
    for at in range(len(data)):
        for flip in (1, 0x80, 0xFF):
            damaged = bytearray(data)
            damaged[at] ^= flip
            assert decode(bytes(damaged), key, VOCABULARY) is None, at


def test_every_truncation_and_every_addition_is_a_miss():
    dfa = repeated(2)
    data = encode(lift(dfa, VOCABULARY), key := key_of(dfa, VOCABULARY, DEFAULT))
    assert all(decode(data[:n], key, VOCABULARY) is None for n in range(len(data)))
    assert decode(data + b"\0", key, VOCABULARY) is None


def test_an_entry_under_another_name_is_a_miss():
    data = encode(lift(repeated(2), VOCABULARY), key_of(repeated(2), VOCABULARY, DEFAULT))
    assert decode(data, key_of(repeated(3), VOCABULARY, DEFAULT), VOCABULARY) is None


def resealed(data):
    return data + caching.hashlib.blake2b(data, digest_size=caching._DIGEST).digest()


def test_a_lie_with_a_good_checksum_is_never_an_index_out_of_range():
    """Whoever can write the file can make it wrong, but not make a kernel read outside an array."""
    rng = random.Random(3)
    dfa = repeated(3)
    key = key_of(dfa, VOCABULARY, DEFAULT)
    body = encode(lift(dfa, VOCABULARY), key)[: -caching._DIGEST]
    accepted = 0
    for _ in range(3000):
        damaged = bytearray(body)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(damaged))] = rng.choice([0, 1, 2, 7, 0x7F, 0x80, 0xFF])
        read = decode(resealed(bytes(damaged)), key, VOCABULARY)
        if read is None:
            continue
        accepted += 1
        assert len(read.token_class) == VOCABULARY.size and read.token_class.max(initial=-1) < read.n_classes
        assert read.label_classes.min(initial=0) >= 0 and read.label_classes.max(initial=-1) < read.n_classes
        for name in ("edge_from", "edge_to"):
            assert read.arrays[name].min(initial=0) >= 0 and read.arrays[name].max(initial=-1) < read.n_states
        assert read.edge_label.min(initial=0) >= 0 and read.edge_label.max(initial=-1) < read.n_labels
        assert np.all(np.diff(read.label_ptr) > 0) and read.label_ptr[-1] == len(read.label_classes)
    assert 0 < accepted < 3000


def test_memory_then_disk_then_computing(tmp_path):
    dfa, cache, count = repeated(3), Cache(tmp_path / "new" / "folder"), Counting()
    first = cache.fetch(dfa, VOCABULARY, DEFAULT, count)
    assert cache.fetch(dfa, VOCABULARY, DEFAULT, count) is first and count.calls == 1
    assert stat.S_IMODE(os.stat(tmp_path / "new" / "folder").st_mode) == 0o700
    (entry,) = files(tmp_path / "new" / "folder")
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    again = Cache(cache.directory).fetch(dfa, VOCABULARY, DEFAULT, count)
    assert again is not first and equal(again, first) and count.calls == 1
    cache.clear_memory()
    assert equal(cache.fetch(dfa, VOCABULARY, DEFAULT, count), first) and count.calls == 1


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "foreign", "folder"])
def test_a_damaged_file_is_a_miss_and_is_rewritten(tmp_path, damage):
    dfa, count = repeated(3), Counting()
    expected = Cache(tmp_path).fetch(dfa, VOCABULARY, DEFAULT, count)
    (entry,) = files(tmp_path)
    good = entry.read_bytes()
    if damage == "folder":
        entry.unlink()
        entry.mkdir()
    else:
        flipped = good[:200] + bytes([good[200] ^ 4]) + good[201:]
        entry.write_bytes({"flip": flipped, "cut": good[:-9], "empty": b"", "foreign": b"PK\3\4" * 99}[damage])
    assert equal(Cache(tmp_path).fetch(dfa, VOCABULARY, DEFAULT, count), expected) and count.calls == 2
    if damage != "folder":
        assert entry.read_bytes() == good
    assert files(tmp_path) == [entry]


def test_a_directory_that_cannot_be_written_means_no_files(tmp_path):
    (tmp_path / "file").write_text("in the way")
    cache, count = Cache(tmp_path / "file" / "below"), Counting()
    first = cache.fetch(repeated(2), VOCABULARY, DEFAULT, count)
    assert cache.fetch(repeated(2), VOCABULARY, DEFAULT, count) is first and count.calls == 1


def test_the_least_recently_used_leaves_memory_first():
    sizes = [lift(repeated(n), VOCABULARY).nbytes for n in (3, 4, 5)]
    cache, count = Cache(memory_bytes=sum(sizes) - 1), Counting()
    for n in (3, 4, 3, 5):  # 5 pushes 4 out, because 3 was used after it
        cache.fetch(repeated(n), VOCABULARY, DEFAULT, count)
    assert count.calls == 3
    cache.fetch(repeated(3), VOCABULARY, DEFAULT, count)
    assert count.calls == 3
    cache.fetch(repeated(4), VOCABULARY, DEFAULT, count)
    assert count.calls == 4
    tiny = Cache(memory_bytes=0)
    assert equal(tiny.fetch(repeated(3), VOCABULARY, DEFAULT, count), lift(repeated(3), VOCABULARY))


def test_the_oldest_files_leave_the_disk_first(tmp_path):
    count = Counting()
    for n in (3, 4, 5):
        Cache(tmp_path).fetch(repeated(n), VOCABULARY, DEFAULT, count)
        path = tmp_path / (key_of(repeated(n), VOCABULARY, DEFAULT) + ".tokens")
        os.utime(path, (1000 + n, 1000 + n))
    (tmp_path / "notes.txt").write_text("not ours")
    os.utime(tmp_path / "notes.txt", (1, 1))
    (tmp_path / "left.part").write_bytes(b"x" * 10)
    os.utime(tmp_path / "left.part", (2, 2))
    Cache(tmp_path).fetch(repeated(3), VOCABULARY, DEFAULT, count)  # a hit, so 3 is no longer the oldest
    assert count.calls == 3
    room = sum(path.stat().st_size for path in files(tmp_path) if path.suffix == ".tokens")
    Cache(tmp_path, disk_bytes=room).fetch(repeated(2), VOCABULARY, DEFAULT, count)
    left = {path.name for path in files(tmp_path)}
    kept = {key_of(repeated(n), VOCABULARY, DEFAULT) + ".tokens" for n in (2, 3, 5)}
    assert left == kept | {"notes.txt"}


def test_whatever_decides_the_answer_is_in_the_key():
    other = Vocabulary.from_tokens([b"1"], ())
    keys = {
        key_of(dfa, vocabulary, limits)
        for dfa in (repeated(2), repeated(3))
        for vocabulary in (VOCABULARY, other)
        for limits in (DEFAULT, Limits(max_edges=7), Limits(max_bytes=1 << 20), Limits(max_lift_steps=9))
    }
    assert len(keys) == 16
    assert key_of(repeated(2), other, DEFAULT) == key_of(repeated(2), other, Limits(max_pattern=3))


def test_a_tighter_limit_is_not_answered_from_the_cache(tmp_path):
    cache = Cache(tmp_path)
    token_automaton(repeated(3), VOCABULARY, cache=cache)
    with pytest.raises(ConstraintTooLarge):
        token_automaton(repeated(3), VOCABULARY, Limits(max_edges=2), cache=cache)


def test_the_shared_cache_lives_where_the_environment_says(tmp_path, monkeypatch):
    monkeypatch.setenv("CTRLDIFF_CACHE", str(tmp_path))
    assert default_directory() == tmp_path and shared_cache() is shared_cache()
    first = token_automaton(repeated(2), VOCABULARY)
    assert token_automaton(repeated(2), VOCABULARY) is first and len(files(tmp_path)) == 1
    monkeypatch.setenv("CTRLDIFF_CACHE", "")
    assert default_directory() is None and shared_cache().directory is None
    monkeypatch.delenv("CTRLDIFF_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_directory() == tmp_path / "home" / ".cache" / "ctrldiff"
    monkeypatch.setenv("CTRLDIFF_CACHE", "~/tables")
    assert default_directory() == tmp_path / "home" / "tables"


def test_a_name_made_before_is_not_made_again(tmp_path):
    made = []

    def make():
        made.append(1)
        return repeated(3)

    def fetch(name, vocabulary=VOCABULARY, limits=DEFAULT):
        return Cache(tmp_path).fetch_named(name, make, vocabulary, limits, lift)

    expected = lift(repeated(3), VOCABULARY)
    assert equal(fetch("three"), expected) and equal(fetch("three"), expected) and len(made) == 1
    fetch("four"), fetch("three", limits=Limits(max_nodes=7)), fetch("three", Vocabulary.from_tokens([b"1"], ()))
    assert len(made) == 4
    names = [path for path in files(tmp_path) if path.suffix == ".name"]
    assert len(names) == 4
    meanings = [path.read_bytes() for path in names]
    for path, other in zip(names, meanings[1:] + meanings[:1], strict=True):
        path.write_bytes(other if other != path.read_bytes() else b"")  # what another name means
    assert equal(fetch("three"), expected) and len(made) == 5
    for path in files(tmp_path):
        if path.suffix == ".tokens":
            path.unlink()
    assert equal(fetch("three"), expected) and len(made) == 6


def test_a_name_means_nothing_once_the_code_is_another(tmp_path, monkeypatch):
    made = []
    for code in ("one", "one", "two"):
        monkeypatch.setattr(caching, "_code", lambda code=code: code)
        Cache(tmp_path).fetch_named("a", lambda: made.append(1) or repeated(2), VOCABULARY, DEFAULT, lift)
    assert len(made) == 2

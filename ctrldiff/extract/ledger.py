"""What a job has done, in SQLite: a document's result and "done" are one row, written in one transaction.

    JOB/manifest.json              what decides the rows (the plan), and the command that began it
    JOB/ledger.sqlite              the documents that are done; of a shard, ledger-2-of-4.sqlite
    JOB/exports                    the files that were written from it, one a line

`docs/extract.md` says the tables. A process writes one ledger and reads all of them, so shards need not know of each
other, and may be cut anew between two runs.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import json
import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from ctrldiff.errors import InputError
from ctrldiff.extract.locks import lock, one_at_a_time

FORMAT = 3
ANEW = "--overwrite starts anew; -o ANOTHER or --job ANOTHER keeps what is there"
SAMPLED = 20  # documents from the start whose texts are kept for a report, and about one in `EVERY` behind them
EVERY = 64
_TABLES = """
CREATE TABLE IF NOT EXISTS document (
    n        INTEGER PRIMARY KEY,  -- which document of the input, from 0
    source   TEXT NOT NULL,        -- the file it stands in, where the input is a folder
    line     INTEGER NOT NULL,     -- the line or row there, from 1
    id       TEXT,                 -- its id as JSON, if it has one
    digest   BLOB NOT NULL,        -- of the bytes it came as: BLAKE2b, 16 bytes
    code     TEXT,                 -- NULL: it has an answer; else what it failed for
    record   TEXT NOT NULL,        -- its line of the output, or of the failed file: JSON
    forwards INTEGER NOT NULL,     -- passes of the network
    other_calls INTEGER NOT NULL,  -- calls of models beside it
    seconds  REAL NOT NULL,        -- wall clock of the steps it took part in
    text     TEXT                  -- of a sample: what the model read
);
CREATE INDEX IF NOT EXISTS failed ON document (n) WHERE code IS NOT NULL;
"""


@dataclass(frozen=True)
class Entry:
    """A document that is done: a row of the table `document`."""

    n: int
    source: str
    line: int
    id: str | None
    digest: bytes
    code: str | None
    record: str
    forwards: int = 0
    other_calls: int = 0
    seconds: float = 0.0
    text: str | None = None


class Done(NamedTuple):
    """What is known of a document that is done: the file it stands in, its digest, and whether it failed."""

    source: str
    digest: bytes
    failed: bool


_NAMES = ", ".join(one.name for one in fields(Entry))
_PUT = f"INSERT OR REPLACE INTO document ({_NAMES}) VALUES ({', '.join('?' for _ in fields(Entry))})"


@dataclass(frozen=True)
class Shard:
    """Every `of`-th document, from the `n`-th on; 1 of 1 is all of them. Raises InputError unless 1 <= n <= of."""

    n: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.n <= self.of:
            raise InputError(f"shard {self.n} of {self.of}", hint="Shard(2, 4) is the second of four")

    @staticmethod
    def read(text: str) -> Shard:
        """What "2/4" says. Raises InputError."""
        try:
            n, of = map(int, text.split("/"))
        except ValueError:
            n, of = 0, 0
        if not 1 <= n <= of:
            raise InputError(f"--shard {text}", hint="--shard 2/4 is the second of four")
        return Shard(n, of)

    def has(self, n: int) -> bool:
        """The document is of this shard."""
        return n % self.of == self.n - 1

    @property
    def file(self) -> str:
        """The name of its ledger."""
        return "ledger.sqlite" if self.of == 1 else f"ledger-{self.n}-of-{self.of}.sqlite"


def digest_of(data: bytes) -> bytes:
    """What a document is told by."""
    return hashlib.blake2b(data, digest_size=16).digest()


def is_sampled(n: int, digest: bytes) -> bool:
    """Whether the text of a document is kept. It is a matter of the document alone."""
    return n < SAMPLED or digest[0] % EVERY == 0


class Ledger:
    """One process's ledger of a job, open to be written, and those beside it. Use it as a context.

    Args:
        folder: the job's; made if it is not there.
        plan: what decides the rows; a job is gone on with only under the same. None: whatever it is.
        arguments: the command, for `--resume`.
        overwrite: start anew, whatever is there.
    Raises: InputError if it is another plan's or in use, or cannot be written.
    """

    def __init__(
        self,
        folder: Path,
        plan: Mapping[str, Any] | None,
        *,
        arguments: Mapping[str, Any] | None = None,
        shard: Shard = Shard(),
        overwrite: bool = False,
    ) -> None:
        self.folder, self.shard = folder, shard
        self._lock = -1
        self._others: dict[Path, sqlite3.Connection] = {}
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._take()
            try:
                with one_at_a_time(folder / "job.lock"):
                    if overwrite:
                        self._check_alone()
                        _clear(folder)
                    if plan is not None:
                        _settle(folder, plan, arguments or {})
                self._own = _open(folder / shard.file)
                self._own.executescript(_TABLES)
            except BaseException:
                self._let_go()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in (self._own, *self._others.values()):
            with contextlib.suppress(sqlite3.Error):  # what was kept is in the file; closing tidies up
                one.close()
        self._let_go()

    def keep(self, entries: Sequence[Entry]) -> None:
        """Write results, all or none of them. They are on the disk when it returns. Raises InputError."""
        with self._told(), self._own:
            self._own.execute("BEGIN IMMEDIATE")
            self._own.executemany(_PUT, [astuple(one) for one in entries])

    def done(self, first: int, end: int) -> dict[int, Done]:
        """Of the documents first <= n < end those that are done."""
        found: dict[int, Done] = {}
        for one in self._all():
            with self._told():
                rows = one.execute(
                    "SELECT n, source, digest, code IS NOT NULL FROM document WHERE n >= ? AND n < ?", (first, end)
                ).fetchall()
            for n, source, digest, failed in rows:
                if n not in found or found[n].failed:  # of two ledgers, an answer counts more than a failure
                    found[n] = Done(source, digest, bool(failed))
        return found

    def counts(self) -> tuple[int, int, int]:
        """Answers, failures, and the number of the last document that is done, from 0; -1: none."""
        if len(self._all()) == 1:
            with self._told():
                answers, failures, last = self._own.execute(
                    "SELECT SUM(code IS NULL), SUM(code IS NOT NULL), MAX(n) FROM document"
                ).fetchone()
            return answers or 0, failures or 0, -1 if last is None else last
        answers, failures, last = 0, 0, -1
        for entry in self.entries():
            answers, failures, last = answers + (entry.code is None), failures + (entry.code is not None), entry.n
        return answers, failures, last

    def entries(self) -> Iterator[Entry]:
        """All that is done, in the order of the input, each document once."""
        for _, entry in _first_of_each(self._all()):
            yield entry

    def _all(self) -> list[sqlite3.Connection]:
        """This ledger and those of other shards that have come to be."""
        with self._told():
            for path in sorted(self.folder.glob("ledger*.sqlite")):
                if path.name != self.shard.file and path not in self._others:
                    other = _open(path)
                    other.executescript(_TABLES)
                    self._others[path] = other
        return [self._own, *self._others.values()]

    def _take(self) -> None:
        """Raise InputError if another process has this ledger."""
        try:
            self._lock = lock(self.folder / f"{self.shard.file}.lock")
        except BlockingIOError as error:
            raise InputError(
                f"another run is writing {str(self.folder / self.shard.file)!r}", hint="wait for it, or --job ANOTHER"
            ) from error

    def _check_alone(self) -> None:
        """Raise InputError if another process has a ledger of this job: it would write on, into a file that is gone."""
        for path in self.folder.glob("ledger*.sqlite.lock"):
            if path.name == f"{self.shard.file}.lock":
                continue
            try:
                os.close(lock(path))
            except BlockingIOError as error:
                raise InputError(
                    f"another run is writing {str(path.with_suffix(''))!r}",
                    hint="--overwrite in the run that is begun first, and not in the others",
                ) from error

    def _let_go(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What the disk or SQLite refuses, as InputError."""
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise unwritten(self.folder, error) from error


def unwritten(path: Path, error: Exception) -> InputError:
    """The error for a file that cannot be written."""
    told = getattr(error, "strerror", None) or error
    return InputError(
        f"{str(path)!r} cannot be written: {told}",
        why="all that was done before is kept, and nothing is there by halves",
        hint="once it can be, the same command goes on where this one stopped",
    )


def read_ledgers(folder: Path) -> Iterator[Entry]:
    """All that a job has done so far, in the order of the input. For a report; a run may be at work meanwhile.

    Raises: InputError for a folder that is no job's.
    """
    with at_one_moment(folder) as entries:
        yield from entries()


@contextlib.contextmanager
def at_one_moment(folder: Path) -> Iterator[Callable[[], Iterator[Entry]]]:
    """What `read_ledgers` gives, as often as it is asked for and the same each time: what comes meanwhile is not in it.

    Raises: InputError for a folder that is no job's.
    """
    paths = sorted(folder.glob("ledger*.sqlite"))
    if not paths:
        raise InputError(f"{str(folder)!r} is no job's folder", why="there is no ledger in it")
    opened: list[sqlite3.Connection] = []
    try:
        for path in paths:
            one = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=60, isolation_level=None)
            opened.append(one)
            one.execute("BEGIN")
            one.execute("SELECT n FROM document LIMIT 1").fetchall()  # it is what is read first that fixes the moment
        yield lambda: (entry for _, entry in _first_of_each(opened))
    except sqlite3.Error as error:
        raise InputError(f"{str(folder)!r} cannot be read: {error}") from error
    finally:
        for one in opened:
            one.close()


def read_manifest(folder: Path) -> dict[str, Any]:
    """A job's manifest: format, plan, arguments. Raises InputError."""
    try:
        found = json.loads((folder / "manifest.json").read_bytes())
        if found["format"] == FORMAT and isinstance(found["plan"], dict):
            return dict(found)
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise InputError(f"{str(folder)!r} is no job's folder: there is no manifest that can be read", hint=ANEW)


def check_plan(folder: Path, plan: Mapping[str, Any]) -> None:
    """Raise InputError, with what differs, unless the job is of this plan."""
    old = read_manifest(folder)["plan"]
    # An object without words of its own shows its address, which says nothing about the next process.
    told = [
        f"{name}: {_short(old.get(name))} there, {_short(plan.get(name))} now"
        for name in {**plan, **old}
        if old.get(name) != plan.get(name) or " at 0x" in str(plan.get(name))
    ]
    if told:
        raise InputError(f"{str(folder)!r} is of another run", why="\n".join(told), hint=ANEW)


def exported(folder: Path, path: Path) -> bool:
    """The file was written from this job."""
    try:
        return _name(path) in (folder / "exports").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise InputError(f"{str(folder)!r} cannot be read: {error.strerror}") from error


def note_export(folder: Path, path: Path) -> None:
    """Note, before it is done, that a file is written from this job. Raises InputError."""
    if exported(folder, path):
        return
    try:
        with (folder / "exports").open("a", encoding="utf-8") as stream:
            stream.write(f"{_name(path)}\n")
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise unwritten(folder, error) from error


@contextlib.contextmanager
def writing(folder: Path, path: Path) -> Iterator[None]:
    """Of the runs that write a file from this job one does, and the others wait: shards that end at once write the
    same. Raises InputError.
    """
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(one_at_a_time(folder / f"{digest_of(_name(path).encode())[:6].hex()}.lock"))
        except OSError as error:
            raise unwritten(folder, error) from error
        yield


def write_whole(path: Path, data: bytes) -> None:
    """A file at once or not at all. Raises OSError."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    os.replace(part, path)


def _settle(folder: Path, plan: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
    """The manifest is there, and of this plan."""
    if (folder / "manifest.json").exists():
        check_plan(folder, plan)
        return
    if any(folder.glob("ledger*.sqlite")):
        read_manifest(folder)  # which is not there: whose the ledger is cannot be told
    manifest = {"format": FORMAT, "plan": dict(plan), "arguments": dict(arguments)}
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=1).encode() + b"\n")


def _clear(folder: Path) -> None:
    """No job in the folder. The manifest goes last: what dies in between is no job that could be gone on with."""
    for pattern in ("ledger*.sqlite", "ledger*.sqlite-wal", "ledger*.sqlite-shm", "exports", "manifest.json"):
        for path in folder.glob(pattern):
            path.unlink()


def _open(path: Path) -> sqlite3.Connection:
    ledger = sqlite3.connect(path, timeout=60, isolation_level=None)
    ledger.execute("PRAGMA journal_mode=WAL")
    ledger.execute("PRAGMA synchronous=FULL")  # a transaction is on the disk before the next documents are begun
    return ledger


def _first_of_each(ledgers: Sequence[sqlite3.Connection]) -> Iterator[tuple[int, Entry]]:
    """The entries of several ledgers in order; of two for one document the answer, or the first."""
    streams = [
        ((n, Entry(n, *rest)) for n, *rest in one.execute(f"SELECT {_NAMES} FROM document ORDER BY n"))
        for one in ledgers
    ]
    held: Entry | None = None
    for n, entry in heapq.merge(*streams, key=lambda one: one[0]):
        if held is not None and held.n != n:
            yield held.n, held
            held = None
        if held is None or held.code is not None:
            held = entry
    if held is not None:
        yield held.n, held


def _name(path: Path) -> str:
    """A path as one line of a file."""
    return json.dumps(os.path.realpath(path))


def _short(value: Any) -> str:
    told = "nothing" if value is None else str(value)
    return told if len(told) <= 80 else told[:77] + "..."

"""Many requests through one model: batches that stay full, whatever the requests have in common.

A batch is one `State` and one loop. Rows that are done leave between two steps and the next requests take their places;
rows of another length are padded, and padding is neither seen by the network nor counted by any plug-in. So a row's
answer is its own, whoever shares the batch.

    waiting   r9 r8 r7 r6                          (read ahead, so that memory stays bounded)
    batch     r1 ████████░░··    r2 is done: it leaves, and r5 enters before the next step
              r2 ██████████      (░ open, · padding)
              r4 ███░░░░░░░░░
    given     r0                 in the order of the requests: r2 waits for r1
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from ctrldiff.answer import Decoded
from ctrldiff.constraints.prior import Prior
from ctrldiff.counted import counted
from ctrldiff.decisions import fields_of
from ctrldiff.errors import CtrldiffError, InputError, PlanWarning, warn
from ctrldiff.fields import counted_fields, of_labels
from ctrldiff.guidance.guide import ByField, prepared
from ctrldiff.json_schema.counts import Items
from ctrldiff.json_schema.fields import field_table
from ctrldiff.models.hf import Loaded
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Asks, Constraint, Guidance, GuideContext, Observer
from ctrldiff.queue import Outcome, Queue
from ctrldiff.readout import read_labels
from ctrldiff.request import Row, about, prompt_alone, written
from ctrldiff.sampling.absent import NoteNulls
from ctrldiff.sampling.by_field import by_field
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.decide import BELIEVED
from ctrldiff.sampling.edit import Final, Reconsider
from ctrldiff.sampling.evidence import NoteEvidence
from ctrldiff.sampling.hurried import NoteHurried
from ctrldiff.sampling.legal import LEGAL, NoteLegal
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.processors import EachLayer
from ctrldiff.sampling.trace import Canvases, kept
from ctrldiff.search.run import Run, Search, draws
from ctrldiff.state import State

AHEAD = 4  # batches of requests that are read before the first of them is given
LONGER = 2  # how many times as long as the first row's canvas one may be that shares its batch: padding takes memory

Lane: TypeAlias = tuple[object, ...]


def decode(
    loaded: Loaded,
    rows: Iterable[Row | CtrldiffError],
    plan: Plan,
    search: Search | None = None,
    *,
    batch_size: int = 16,
    keep: bool = False,
) -> Iterator[Outcome]:
    """The results of rows, in order, as soon as they are there.

    Args:
        rows: numbered from 0; without end if you like. An error in the place of a row is given in its place.
        keep: an error that is one row's own is given in the place of its result; else it is raised.
    """
    sees = plan.edit != Final() and not isinstance(plan.edit, Asks)  # what asks again hides what it asks about
    if sees and not loaded.spec.edits:
        warn(
            f"edit={plan.edit!r}, and {loaded.name} was not trained to change what is written (ModelSpec.edits)",
            PlanWarning,
        )
    queue = Queue(iter(rows), AHEAD * batch_size)
    engine = _Engine(loaded, plan, search, batch_size, keep)
    while queue.fill():
        for n, done in engine.through(queue):
            if isinstance(done, Decoded) and (larger := done.larger()):
                queue.put_back([larger])
                continue
            try:
                if isinstance(done, CtrldiffError):
                    raise done
                queue.ready[n] = engine.with_fields(done.accepted()).result()
            except CtrldiffError as error:
                if not keep:
                    raise
                queue.ready[n] = error
            yield from queue.given()
        yield from queue.given()
    if queue.broken is not None:
        raise queue.broken


@dataclass(frozen=True)
class _Batch:
    """Rows on their way: the loop that was made for them, and the seconds of the steps that each took part in."""

    rows: list[Row]
    loop: Loop
    state: State
    seconds: list[float]
    nulls: NoteNulls | None

    def decoded(self, at: int) -> Decoded:
        """One row, complete, on its own."""
        state = self.state.gather([at])
        return Decoded(self.rows[at], state, 0, self.seconds[at], nulls=self.nulls.of(state, 0) if self.nulls else {})

    def step(self) -> _Batch:
        """The batch one step on."""
        began = time.perf_counter()
        state = self.loop.step(self.state)
        took = time.perf_counter() - began
        return replace(self, state=state, seconds=[one + took for one in self.seconds])


@dataclass(frozen=True)
class _Engine:
    """How rows go through the model. Rows of one lane may share a batch."""

    loaded: Loaded
    plan: Plan
    search: Search | None
    batch_size: int
    keep: bool

    def lane(self, row: Row) -> Lane:
        """What rows that share a batch have in common. Of most it is nothing; guides are made for the rows they begin
        with, a search forks its rows, notes on nulls have a column a key, a decision its labels."""
        request = row.request
        asks = self.plan.counts is not None or (row.layout is not None and bool(row.layout.slots))
        if asks and row.counts is None and row.labels is None:
            return ("counting",)
        notes = row.type.description if request.nulls else None, request.retries > 0
        if row.labels is not None:
            return "decision", id(row.compiled), row.canvas, request.readout, request.against
        if self.search is not None:
            return "search", row.canvas, request.seed, *map(id, request.guidance)
        if request.guidance:
            return "guided", row.canvas, *notes, request.seed, *map(id, request.guidance)
        return "plain", *notes

    def through(self, queue: Queue) -> Iterator[tuple[int, Decoded | CtrldiffError]]:
        """The rows of one lane, by number, as they are done: those that wait, and those that come in the meantime."""
        if not queue.waiting:
            return
        lane = self.lane(queue.waiting[0])
        if lane[0] == "plain":
            yield from self._flowing(lane, queue)
            return
        steps: dict[object, Callable[[list[Row]], Iterable[Decoded]]] = {
            "counting": partial(self._counted, queue),
            "decision": self._decided,
            "search": self._searched,
            "guided": self._guided,
        }
        step, canvases = steps[lane[0]], self.search.n if self.search and lane[0] != "counting" else 1
        rows = queue.take(lambda row: self.lane(row) == lane, max(1, self.batch_size // canvases))
        try:
            yield from ((one.row.n, one) for one in step(rows))
        except CtrldiffError as error:
            if not self.keep:
                raise
            if len(rows) == 1:
                yield rows[0].n, error
                return
            for row in rows:  # whose error it is shows when each is alone
                try:
                    yield from ((one.row.n, one) for one in step([row]))
                except CtrldiffError as own:
                    yield row.n, own

    def _counted(self, queue: Queue, rows: list[Row]) -> Iterable[Decoded]:
        """Rows whose lists are given a number of items; they wait again, to be decoded."""
        queue.put_back(counted(self.loaded, rows, self.plan.counts, self.plan.layout))
        return ()

    def _flowing(self, lane: Lane, queue: Queue) -> Iterator[tuple[int, Decoded | CtrldiffError]]:
        def alike(row: Row) -> bool:
            return self.lane(row) == lane

        most = LONGER * queue.waiting[0].canvas
        longest = max(row.canvas for row in queue.waiting if alike(row) and row.canvas <= most)
        batch = self._begun(queue.take(alike, self.batch_size, longest), longest)
        joins = True
        while batch.rows:
            done = batch.state.done.tolist()
            if any(done):
                yield from ((batch.rows[at].n, batch.decoded(at)) for at, is_done in enumerate(done) if is_done)
                batch = self._kept(batch, [at for at, is_done in enumerate(done) if not is_done])
                queue.fill()
            free = self.batch_size - len(batch.rows)
            if joins and batch.rows and free and (fresh := queue.take(alike, free, longest)):
                joined = self._joined(batch, fresh, longest)
                joins, batch = joined is not None, joined or batch
                if not joins:
                    queue.put_back(fresh)
                continue  # what is forced may have been all of a newcomer
            if batch.rows:
                batch, failed = self._stepped(batch)
                yield from failed

    def _begun(self, rows: list[Row], length: int) -> _Batch:
        """A batch before its first step."""
        loop, nulls = self._loop(rows)
        return _Batch(rows, loop, loop.begin(self._blank(rows, length)), [0.0] * len(rows), nulls)

    def _kept(self, batch: _Batch, at: list[int]) -> _Batch:
        """These rows of a batch, without the others."""
        rows = [batch.rows[one] for one in at]
        loop, nulls = self._loop(rows)
        return _Batch(rows, loop, batch.state.gather(at), [batch.seconds[one] for one in at], nulls)

    def _joined(self, batch: _Batch, rows: list[Row], length: int) -> _Batch | None:
        """The batch with newcomers behind; None if they cannot join: what the others remember has no beginning."""
        new = self._begun(rows, length)
        if new.state.remembers != batch.state.remembers:
            return None
        loop, nulls = self._loop(both := [*batch.rows, *rows])
        return _Batch(both, loop, State.concat([batch.state, new.state]), [*batch.seconds, *new.seconds], nulls)

    def _stepped(self, batch: _Batch) -> tuple[_Batch, list[tuple[int, CtrldiffError]]]:
        """The batch one step on. With `keep`, rows whose step fails leave with their error."""
        if not self.keep:
            return batch.step(), []
        before = batch.state.snapshot()  # a step that fails has drawn
        try:
            return batch.step(), []
        except CtrldiffError as error:
            failed: dict[int, CtrldiffError] = {}
            for at, row in enumerate(batch.rows):
                try:
                    self._loop([row])[0].step(before.gather([at]))
                except CtrldiffError as own:
                    failed[at] = own
            if not failed:
                raise error
            rest = [at for at in range(len(batch.rows)) if at not in failed]
            told = [(batch.rows[at].n, own) for at, own in failed.items()]
            return self._kept(replace(batch, state=before), rest), told

    def _guided(self, rows: list[Row]) -> Iterator[Decoded]:
        began = time.perf_counter()
        loop, nulls = self._loop(rows, self.guides(rows))
        state = loop.run(self._blank(rows, rows[0].canvas))
        batch = _Batch(rows, loop, state, [time.perf_counter() - began] * len(rows), nulls)
        tables = tables_of(rows, loop.guides)
        yield from (replace(batch.decoded(at), weighed=tables[at]) for at in range(len(rows)))

    def _searched(self, rows: list[Row]) -> Iterator[Decoded]:
        assert self.search is not None
        copies = [row for row in rows for _ in range(self.search.n)]
        began = time.perf_counter()
        guides = self.guides(copies)
        loop, _ = self._loop(copies)
        run = Run(loop.denoiser, loop.plan, loop.constraint, self._context(copies), guides)
        state = self._blank(rows, rows[0].canvas)  # what is no choice among draws draws what the row would alone
        found = self.search(run, state.fork(self.search.n) if draws(self.search) else state)
        took = time.perf_counter() - began
        yield from (
            Decoded(row, found.state, int(found.chosen[n]), took, found=(found, n)) for n, row in enumerate(rows)
        )

    def _decided(self, rows: list[Row]) -> Iterator[Decoded]:
        began = time.perf_counter()
        state, probs = read_labels(self.loaded, rows, self.batch_size)
        if any(isinstance(one, Canvases) for one in self.plan.observers):
            state = kept(state)
        took = time.perf_counter() - began
        yield from (Decoded(row, state, n, took, probs[n]) for n, row in enumerate(rows))

    def with_fields(self, done: Decoded) -> Decoded:
        """A canvas with what is to be said of its values, if that is asked for."""
        row = done.row
        if not row.request.asks_fields:
            return done
        if done.probs:  # all of it is known, by the one pass that there was
            believed = done.state.memory.get(BELIEVED)
            size = sum(token not in done.vocabulary.stop_ids for token in done.tokens)
            least = None if believed is None else float(believed[done.at, :size].min())
            return replace(done, fields=of_labels(done.raw, done.probs, row.text, least))
        began, noted = time.perf_counter(), done.state.memory.get(LEGAL)
        in_slots = frozenset() if row.layout is None else row.layout.counted
        fields, forwards = fields_of(
            done.raw,
            done.tokens,
            row.ids,
            # Whatever was decided of its lists; but where slots decided, the number is part of the canvas.
            row.compiled.table(row.type, row.canvas, tuple(one for one in row.items if one[0] in in_slots))[1],
            self.loaded.denoiser,
            row.type.description,
            document=row.text,
            given=None if row.layout is None else row.layout.given,
            legal=None if noted is None else noted[done.at, : row.canvas].tolist(),
            batch_size=self.batch_size,
            limits=row.compiled.limits,
        )
        fields = counted_fields(fields, {place: one for place, one in (row.counts or {}).items() if place in in_slots})
        row = replace(row, forwards=row.forwards + forwards)
        seconds = done.seconds + time.perf_counter() - began
        return replace(done, row=row, fields=fields, field_forwards=forwards, seconds=seconds)

    def _blank(self, rows: Sequence[Row], length: int) -> State:
        return State.blank(
            [row.ids for row in rows],
            length,
            seed=[row.request.seed for row in rows],
            draws=[row.request.draw for row in rows],
            **written(rows, length),
            lengths=[row.canvas for row in rows],
            pad_id=self.loaded.spec.stop_ids[0],  # under any constraint what stands behind a text
        )

    def _loop(self, rows: Sequence[Row], guides: Sequence[Guidance] = ()) -> tuple[Loop, NoteNulls | None]:
        """The plan at work on these rows."""
        plan, tables = self.plan, tables_of(rows, guides)
        constraint = constrained(plan, Tables(tables))
        if rows and tables[0].layers > 1:
            plan = plan.but(processors=[EachLayer(one, tables[0].layers) for one in plan.processors])
        notes: list[Observer] = [NoteLegal(), NoteHurried()]
        if rows and rows[0].request.retries:
            notes.append(NoteEvidence(tables[0].size, tables[0].layers))
        nulls: NoteNulls | None = None
        if rows and rows[0].request.nulls:
            nulls = NoteNulls(rows[0].compiled.nulls(rows[0].type.description))
            notes.append(nulls)
        plan = plan.but(observers=(*notes, *plan.observers))
        return Loop(self.loaded.denoiser, plan, constraint, guides), nulls

    def guides(self, rows: Sequence[Row]) -> list[Guidance]:
        """The guidance of these rows, which they share, made ready for them."""
        guides = prepared(rows[0].request.guidance, self._context(rows))
        if guides and isinstance(guides[-1], ByField):
            if self.search is not None:
                raise InputError(
                    "a search and guidance on a field cannot go together", hint="a reward with field= scores one value"
                )
            if self.plan.counts is not None:
                raise InputError("counts= and guidance on a field cannot go together", hint="guide the whole text")
            self._reads_no_logits()
            for row in rows:
                layered(row, guides[-1].paths)  # refuse now what cannot be told apart later
        return guides

    def _reads_no_logits(self) -> None:
        """Raise InputError for a policy that reads the logits where something is written: a field has its own."""
        reads: dict[str, object] = {} if isinstance(self.plan.edit, Final | Reconsider) else {"edit": self.plan.edit}
        reads |= {"revise": self.plan.revise} if isinstance(self.plan.revise, Asks) else {}
        for name, policy in reads.items():
            raise InputError(
                f"{name}={policy!r} and guidance on a field cannot go together",
                why="it reads the logits of what is written, and those are other ones in the field than outside of it",
                hint="guide the whole text",
                param=name,
            )

    def _context(self, rows: Sequence[Row]) -> GuideContext:
        """What guides and rewards may know of these rows."""
        loaded = self.loaded
        return GuideContext(
            vocabulary=loaded.denoiser.vocabulary,
            denoiser=loaded.denoiser,
            constraint=Tables(tuple(row.table for row in rows)),
            texts=tuple(row.text for row in rows),
            encode=loaded.plain_ids,
            prompt=lambda row, text: about(loaded, rows[row], text).ids,
            read=lambda row, text: rows[row].type.read(text),
            seed=rows[0].request.seed,
            name=loaded.name,
            hidden_prompts=loaded.spec.hidden_prompts,
            by_field=lambda path, logits, state: by_field([layered(row, (path,)) for row in rows], logits, state),
            alone=lambda row, text: prompt_alone(loaded, rows[row], text),
        )


def constrained(plan: Plan, given: Tables) -> Constraint:
    """What a plan makes of a constraint. Raises: InputError if that is none."""
    made = plan.constrain(given)
    if not (hasattr(made, "bind") and hasattr(made, "settle")):
        hint = "it is given a constraint and gives one back: cd.constrain.LeftmostFirst"
        raise InputError(f"constrain made a {type(made).__name__}, no constraint", hint=hint, param="constrain")
    return made


def check_guidance(loaded: Loaded, row: Row, search: Search | None = None, plan: Plan = Plan()) -> None:
    """Raise what preparing the guidance of a row would raise, before any forward pass."""
    if row.request.guidance:
        copies = [row] * (search.n if search else 1)
        _Engine(loaded, plan, search, 1, False).guides(copies)


def tables_of(rows: Sequence[Row], guides: Sequence[Guidance]) -> tuple[Table, ...]:
    """What may be written in each row; with a layer of scores for each field that is guided on its own."""
    if guides and isinstance(guides[-1], ByField):
        return tuple(layered(row, guides[-1].paths) for row in rows)
    return tuple(row.table for row in rows)


def layered(row: Row, paths: tuple[str, ...]) -> Table:
    """The token table of a row's type with a layer of scores for each path."""
    if row.request.prior != Prior():
        raise InputError("a prior and guidance on a field cannot go together", hint="guide the whole text")
    if row.request.nulls:
        raise InputError("nulls=True and guidance on a field cannot go together", hint="guide the whole text")
    compiled, held = row.compiled, tuple(Items(place, number) for place, number in row.items)
    return field_table(row.type.description, paths, compiled.vocabulary, compiled.limits, held)

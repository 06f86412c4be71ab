"""How probable each value of an answer is: exactly, by the model's own logits with all before the value written.

For every value one more row goes through the network: the answer up to the value stands there, the value and all behind
it are open. Of that pass the probability is exact: the weight of every legal canvas in which the value is this one, cut
into tokens in whatever way and followed by whatever may follow, over that of every legal canvas that begins like the
answer. Weights are those of `constrain.LeftmostFirst`: the first token by the evidence at its own position, all behind
it by the exact posterior given that token. (Under the posterior alone, null is drowned by the mixture of all names.)
The passes are the same whatever wrote the answer (any plan, a search, guidance), so the figures mean the same: the
model's own belief under the constraint and its prior, unguided and without processors.

    {"customer":"Maria Jensen","total":30.5}
    {"customer":···················          "Maria Jensen" .93, null .05, "Maria" .01
    {"customer":"Maria Jensen","total":···   30.5 .88, null .10, 305 .01

On a canvas that was laid out (`layout.Rooms`) what was given stands there, too, and a value has a pass for each of its
first tokens: of how much of the room is the value a pass in which all of it is open knows little.

A list or an object has the product of all that was decided in it, each given what stands before: its values, that it is
begun, that one more item follows, that it ends. What is forced costs no row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from ctrldiff.automata.dfa import Dfa
from ctrldiff.constraints.description import Description
from ctrldiff.fields import KEPT, Alternative, Field, chars, kind_of, source_of
from ctrldiff.json_schema import schemas_in
from ctrldiff.json_schema.places import Place, nodes
from ctrldiff.layout import TAB
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.pointer import name_of
from ctrldiff.posterior.chain import ChainPosterior
from ctrldiff.posterior.spelled import Onward, spellings
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import Denoiser
from ctrldiff.sampling.constrain import Tables
from ctrldiff.state import State

IN_ROOMS = 8  # tokens of a value in a room that have a pass each
DELIMITERS = b",]} \n\r\t"  # what may stand behind a value of JSON


class _Stage(NamedTuple):
    """One pass of a decision: from `base`, the byte up to which the answer stood there, the text is open."""

    onward: Onward | None  # None: nothing was open, all the rest is forced
    base: int
    legal: float  # legal mass at the first open position

    @property
    def stays(self) -> float:
        """The log-probability that the token which was written is not what comes first, where it is left out."""
        if self.onward is None or self.onward.share == -np.inf:
            return 0.0
        return float(np.log1p(-np.exp(self.onward.share))) if self.onward.share < 0 else -np.inf


@dataclass(frozen=True)
class _Decision:
    """Bytes of an answer that were decided together: a value, or what stands between values where there is a choice
    (that a list is begun, goes on, ends).

    A token may reach into them from before: `":"` begins a string where `":` and `null` would be another answer. So the
    first pass begins where the first such token would, the next one behind the token that was written there, and so on;
    what was not written counts by the pass in which it was passed over.

    Fields:
        start, end: the bytes.   then: of which bytes one has to follow, or the end; None: whatever may.
        is_json: of a JSON text.   stages: its passes; none: nothing else may stand there.
    """

    data: bytes
    start: int
    end: int
    then: bytes | None
    is_json: bool
    stages: tuple[_Stage, ...] = ()

    @cached_property
    def log_prob(self) -> float:
        """Of these bytes, given all before them."""
        return self.log_of(self.data[self.start : self.end], self.then)

    @property
    def legal(self) -> float:
        """The least legal mass at a first position of its passes."""
        return min((stage.legal for stage in self.stages), default=1.0)

    def log_of(self, text: bytes, then: bytes | None) -> float:
        """Of others in their place."""
        if not self.stages:
            return 0.0 if text == self.data[self.start : self.end] else -np.inf
        return self._summed(text, then) - self._before

    @cached_property
    def _before(self) -> float:
        return self._summed(b"", None)

    def _summed(self, text: bytes, then: bytes | None) -> float:
        """The log-probability of going on with the answer up to `start`, and then with this, from the first pass on."""
        passed, found = 0.0, []
        for stage in self.stages:
            lead, head = self.data[stage.base : self.start], self.data[self.start : stage.base]
            if len(text) < len(head) or stage.onward is None:  # it is forced, or cannot be
                if head.startswith(text) and self._follows(self.start + len(text), then):
                    found.append(passed + stage.stays)
            elif text.startswith(head):
                found.append(passed + stage.onward.log_prob(lead + text[len(head) :], then))
            passed += 0.0 if stage.onward is None else stage.onward.share
        return float(np.logaddexp.reduce(found)) if found else -np.inf

    def _follows(self, at: int, then: bytes | None) -> bool:
        """In the answer itself one of these bytes comes next, or the end."""
        return then is None or at == len(self.data) or self.data[at] in then

    def others(self, n: int) -> tuple[Alternative, ...]:
        """The likeliest other values, null among them where it is legal."""
        found = {b"null"} if self.is_json and self.stages else set()
        for stage in self.stages:
            if stage.onward is None:
                continue
            head, lead = self.data[self.start : stage.base], self.data[stage.base : self.start]

            def end(text: bytes, over: bool, head: bytes = head) -> int | None:
                size = json_end(head + text, over) if self.is_json else len(head + text) if over else None
                return size if size is None or size < 0 else size - len(head)

            found |= {head + one for one in stage.onward.values(lead, end, n + 1)}
        logs = {one: self.log_of(one, behind(one, self.is_json)) for one in found - {self.data[self.start : self.end]}}
        some = [Alternative(one.decode("utf-8"), _prob(log)) for one, log in logs.items() if log > -np.inf]
        return tuple(sorted(some, key=lambda one: (-one.prob, one.text))[:n])


def fields_of(
    raw: str,
    tokens: Sequence[int],
    prompt: Sequence[int],
    table: Table,
    denoiser: Denoiser,
    description: Description,
    *,
    document: str = "",
    given: Sequence[int] | None = None,
    legal: Sequence[float] | None = None,
    batch_size: int = 16,
    limits: Limits = DEFAULT,
) -> tuple[dict[str, Field], int]:
    """Every value of an answer by its place ("total", "items/0/price", "items", and "" for the whole), in the order of
    the answer; and how many rows went through the network.

    Places are JSON pointers without the first stroke. An answer that is not JSON is one value, "".

    Args:
        tokens: (T,) the canvas of the answer.   prompt: token ids.   table: what might be written.
        document: the text that values may stand in.
        given: (T,) what stood on the canvas before the first pass, -1 elsewhere: it stands there in these passes, too.
        legal: (T,) the legal mass as it was noted when each position was written; NaN or None: that of these passes.
        batch_size: rows that go through the network together; nothing depends on it.
    """
    vocabulary = table.vocabulary
    assert vocabulary is not None
    schemas = schemas_in(description)
    data, is_json = raw.encode("utf-8"), bool(schemas)
    values = list(nodes(raw)) if is_json else [(Place("", 0, len(data)), False)]
    forced = forced_bytes(description.dfa(limits), data)
    decisions = list(_decisions(data, values, is_json))
    ends = np.cumsum([len(vocabulary[token] or b"") for token in tokens])
    between = forced
    if given is not None:  # what was given was not decided here; nor, behind a value, the tabs that show its end
        starts = np.concatenate([[0], ends[:-1]])
        for at in np.flatnonzero(np.asarray(given) >= 0):
            forced[starts[at] : ends[at]] = True
        between = forced.copy()
        between[:-1] |= np.frombuffer(data, np.uint8) == TAB[0]
    scalars = {place.start for place, holds in values if not holds}
    jobs: list[tuple[int, int, bool]] = []  # which decision, open from which position, its last pass
    for n, one in enumerate(decisions):
        settled = forced if one.start in scalars else between
        ending = one.then is not None  # a number is ended by its next byte, what is no JSON by nothing more
        if not settled[one.start : one.end + ending].all():
            *before, last = _opened(one.start, data, tokens, ends, table)
            if given is not None:
                last, before = _last_opened(one, last, ends), [*before, *range(last, _last_opened(one, last, ends))]
            jobs += [(n, at, False) for at in before] + [(n, last, True)]
    stages: dict[int, list[_Stage]] = {}
    for first in range(0, len(jobs), batch_size):
        some = jobs[first : first + batch_size]
        state, posterior, masses = _passed(tokens, prompt, [at for _, at, _ in some], table, denoiser, given)
        for k, (n, at, is_last) in enumerate(some):
            if posterior is None or bool(state.done[k]):
                if is_last:
                    stages.setdefault(n, []).append(_Stage(None, len(data), 1.0))
                continue
            begun = int(state.open[k].to(torch.uint8).argmax())
            if is_last or begun == at:  # a token that is forced passes nothing over
                onward = Onward(posterior.rows[k], leftmost=True, without=None if is_last else int(tokens[at]))
                base = int(ends[begun - 1]) if begun else 0
                stages.setdefault(n, []).append(_Stage(onward, base, float(masses[k, begun])))
    decisions = [replace(one, stages=tuple(stages.get(n, ()))) for n, one in enumerate(decisions)]
    decisions.sort(key=lambda one: (one.start, -one.end))
    shape = schemas[0].shape(limits) if schemas else None
    least = _least(ends, legal)
    out = {}
    for place, holds in sorted(values, key=lambda value: (value[0].start, -value[0].end)):
        inside = [one for one in decisions if place.start <= one.start and one.end <= place.end]
        text = data[place.start : place.end].decode("utf-8")
        exact = _prob(sum(one.log_prob for one in inside))
        out[name_of(place.where)] = Field(
            text=text,
            where=chars(data, place),
            prob=exact,
            exact=exact,
            legal_mass=least(place, inside),
            kind=kind_of(shape, place.where, text) if shape else "enum" if hasattr(description, "labels") else "string",
            source=source_of(text, document, quoted=shape is not None),
            others=() if holds or (is_json and text[0] in "[{") else inside[0].others(KEPT),
            counts=_counts(data, place, values, decisions) if is_json and text[0] == "[" else (),
        )
    return out, len(jobs)


def _opened(start: int, data: bytes, tokens: Sequence[int], ends: NDArray[np.int64], table: Table) -> list[int]:
    """The positions from which the text is opened to ask about a byte: that of the token that wrote it, and before it
    those from which some legal token would reach over the byte before it."""
    assert table.vocabulary is not None
    last, known = int(np.searchsorted(ends, start, "right")) if data else 0, spellings(table.vocabulary)
    states, found = table.states(tokens), [last]
    for at in range(last - 1, -1, -1):
        begins = int(ends[at - 1]) if at else 0
        if start - begins >= known.longest:
            break
        reaching = known.reaching(data[begins:start])
        if (table.leaving(int(states[at]))[table.automaton.token_class[reaching]] >= 0).any():
            found.append(at)
    earliest = found[-1]
    return list(range(earliest, last + 1))


def _last_opened(one: _Decision, first: int, ends: NDArray[np.int64]) -> int:
    """In a room, where the text is opened last to ask about a value: at its last token, or the last that is asked
    alone.

    What stands behind an open value is known there, but not how much of the room is the value: a pass in which all of
    it is open speaks of lengths, and each token of the value once more.
    """
    return min(int(np.searchsorted(ends, one.end)), first + IN_ROOMS)


def _decisions(data: bytes, values: Sequence[tuple[Place, bool]], is_json: bool) -> Iterator[_Decision]:
    """Every value that holds no others, and what stands between: together they are the bytes of the answer."""
    for place, holds in values:
        if not holds:
            yield _Decision(data, place.start, place.end, behind(data[place.start : place.end], is_json), is_json)
            continue
        inner = _inside(place, values)
        edges = [place.start, *(edge for one in inner for edge in (one.start, one.end)), place.end]
        yield from (_Decision(data, a, b, None, is_json) for a, b in zip(edges[::2], edges[1::2]))


def _inside(place: Place, values: Sequence[tuple[Place, bool]]) -> list[Place]:
    """The values that a value holds, without those that these hold, in their order."""
    depth = place.where.count("/") + 1
    mine = [one for one, _ in values if one.where.startswith(place.where + "/") and one.where.count("/") == depth]
    return sorted(mine, key=lambda one: one.start)


def _counts(
    data: bytes, place: Place, values: Sequence[tuple[Place, bool]], decisions: Sequence[_Decision]
) -> tuple[float, ...]:
    """How probable it is that a list has 0, 1, ... items, up to as many as it has, given those; and more than that."""
    inner = _inside(place, values)
    by_start = {one.start: one for one in decisions}
    closing = data[inner[-1].end : place.end] if inner else b""
    goes_on, out = 1.0, []
    for at, text in [(place.start, b"[]"), *((one.end, closing) for one in inner)]:
        one = by_start[at]
        ends = _prob(one.log_of(text, None)) / (_prob(one.log_of(b"[", None)) or 1.0 if at == place.start else 1.0)
        out.append(goes_on * min(1.0, ends))
        goes_on -= out[-1]
    return (*out, max(0.0, goes_on))


def behind(value: bytes, is_json: bool) -> bytes | None:
    """What has to follow a value for it to be over."""
    if not is_json:
        return b""
    return None if value[:1] in (b'"', b"[", b"{") else DELIMITERS


def forced_bytes(dfa: Dfa, data: bytes) -> NDArray[np.bool_]:
    """(N + 1,) for each byte of a text whether no other might stand there; that nothing more follows, for the last."""
    sizes = np.bincount(dfa.classes, minlength=dfa.n_classes)
    states = [0]
    for byte in data:
        states.append(int(dfa.table[states[-1], dfa.classes[byte]]))
    ways = (dfa.table[states] >= 0) @ sizes
    ways = ways + dfa.accept[states]
    return np.asarray(ways == 1)


def _passed(
    tokens: Sequence[int],
    prompt: Sequence[int],
    opens: Sequence[int],
    table: Table,
    denoiser: Denoiser,
    given: Sequence[int] | None,
) -> tuple[State, ChainPosterior | None, NDArray[np.float64]]:
    """The canvas open from each of these positions on, read by the network, and the legal mass (B, T). None and 1 where
    all that follows is forced in every row: nothing is left to ask."""
    canvas = torch.tensor([list(tokens)] * len(opens))
    is_open = torch.arange(len(tokens))[None, :] >= torch.tensor(opens)[:, None]
    constraint = Tables.same(table, len(opens))
    stands = torch.full_like(canvas[0], -1) if given is None else torch.tensor(given)
    written = torch.where(is_open, stands, canvas)
    state = constraint.settle(State.blank([list(prompt)] * len(opens), len(tokens), written=written))
    if bool(state.done.all()):
        return state, None, np.ones(state.shape)
    state = denoiser.noise(state)
    posterior = constraint.bind(denoiser(state), state)
    assert isinstance(posterior, ChainPosterior)
    return state, posterior, np.asarray(posterior.legal(canvas).cpu(), np.float64)


def _least(ends: NDArray[np.int64], noted: Sequence[float] | None) -> Callable[[Place, Sequence[_Decision]], float]:
    """The least legal mass over the tokens of a value: as it was noted, or that of the passes at their first token."""
    starts = np.concatenate([[0], ends[:-1]])

    def least(place: Place, inside: Sequence[_Decision]) -> float:
        if noted is None:
            return min((one.legal for one in inside), default=1.0)
        mine = np.asarray(noted, np.float64)[(starts < place.end) & (ends > place.start)]
        return float(np.nanmin(mine, initial=1.0))

    return least


def _prob(log_prob: float) -> float:
    return min(1.0, math.exp(log_prob))


def json_end(text: bytes, over: bool) -> int | None:
    """Where the value ends that a JSON text begins with; None while it may go on, -1 if it begins with none."""
    if not text:
        return None
    if text[0] in DELIMITERS:
        return -1
    if text[0] in b"[{":
        return _closed(text)
    if text[0] in b'"':
        return _quoted(text, 0)
    size = next((n for n, byte in enumerate(text) if byte in DELIMITERS), None)
    return len(text) if size is None and over else size


def _quoted(text: bytes, at: int) -> int | None:
    """The place behind the string that begins there."""
    escaped = False
    for n in range(at + 1, len(text)):
        if escaped:
            escaped = False
        elif text[n] == 0x5C:
            escaped = True
        elif text[n] == 0x22:
            return n + 1
    return None


def _closed(text: bytes) -> int | None:
    """The place behind the bracket that closes the first one."""
    depth, at = 0, 0
    while at < len(text):
        if text[at] == 0x22:
            behind = _quoted(text, at)
            if behind is None:
                return None
            at = behind
            continue
        depth += (text[at] in b"[{") - (text[at] in b"]}")
        at += 1
        if not depth:
            return at
    return None

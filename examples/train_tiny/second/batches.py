"""From examples to masked batches, in an order that the seed and the number of a chunk settle.

A chunk of examples is sorted by length and cut into batches of one length, so that little is padded; what is behind the
answer is a tail of stop tokens, as when decoding. So a run goes on after any batch, and sees what it would have seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

import numpy as np

from examples.train_tiny.batches import DEEP_WEIGHT, TAIL_WEIGHT, pick_masks
from examples.train_tiny.second.asking import Example
from examples.train_tiny.second.mixture import HIDDEN, Source
from examples.train_tiny.second.rooms import laid_out, pieces
from examples.train_tiny.tokenizer import ANSWER, ASK, BOS, EOS, MASK, Encoder

CONTEXT = 1536
LONGEST_ANSWER = 700
DECISION_WEIGHT = 3.0  # of the tokens that decide between null and a value, and between one more item and none
COUNT_WEIGHT = 6.0  # of a slot
ROUND = 16
FREE_POINTERS = 2
IN_ROOMS = 0.9  # of the objects whose keys are settled; the others are written close together
ALL_OPEN, HALF_READ = 0.35, 0.3  # rooms: none is filled yet; a part of the value stands in one that is open
FIRST, WITHIN, FILL = 2.0, 0.7, 0.1  # weights in a room: of what decides its value, of the rest of it, of blanks behind
SEEN_BLANKS = 0.2  # share of those that are learned from: they are many, and easy


@dataclass
class Encoded:
    """One example as ids.

    inside, edge: as `examples.train_tiny.batches` has them. decides: tokens where a value begins. points: for answer
    tokens that are copied, the places of the prompt they may be copied from. rooms: of every answer token the number of
    its room, -1 where it is given; fills, whether it is a blank behind a value; counts, whether it says that a list has
    one item more. None for an answer without rooms.
    """

    prompt: list[int]
    answer: list[int]
    inside: list[bool]
    edge: list[bool]
    decides: list[bool]
    points: list[tuple[int, ...]]
    task: str
    rooms: list[int] = field(default_factory=list)
    fills: list[bool] = field(default_factory=list)
    counts: list[bool] = field(default_factory=list)


@dataclass
class Batch:
    """(B, T) tokens with masks; flat rows of the masks, targets, weights; flat rows that point, and (P, T) where to."""

    tokens: np.ndarray
    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    pointing: np.ndarray
    aims: np.ndarray


def in_rooms(example: Example, encoder: Encoder, rng: Random, context: int = CONTEXT) -> Encoded | None:
    """Ids of an example laid out in rooms, or None when it has none or is too long."""
    found = pieces(example, rng)
    if found is None:
        return None
    text = encoder.tokenizer.encode(example.text, add_special_tokens=False)
    laid = laid_out(found, encoder, rng)
    prompt, size = [BOS, *text.ids, ASK, *encoder(example.ask), ANSWER], len(laid.ids)
    if size > LONGEST_ANSWER or len(prompt) + size + 1 > context:
        return None
    deciding = set(example.decisions)
    return Encoded(
        prompt,
        laid.ids,
        inside=[False] * size,
        edge=[False] * size,
        decides=[any(place in deciding for place in range(a, b)) for a, b in laid.offsets],
        points=_points(example, text.offsets, laid.offsets),
        task=example.task,
        rooms=laid.rooms,
        fills=laid.fills,
        counts=laid.counts,
    )


def encode(example: Example, encoder: Encoder, context: int = CONTEXT) -> Encoded | None:
    """Ids of an example, or None when it is too long."""
    text = encoder.tokenizer.encode(example.text, add_special_tokens=False)
    answer = encoder.tokenizer.encode(example.answer, add_special_tokens=False)
    prompt = [BOS, *text.ids, ASK, *encoder(example.ask), ANSWER]
    if len(answer.ids) > LONGEST_ANSWER or len(prompt) + len(answer.ids) + 1 > context:
        return None
    in_value = np.zeros(len(example.answer) + 1, dtype=np.int64)
    for start, stop, _ in example.leaves:
        in_value[start:stop] = 1
    if not example.answer.startswith("{"):
        in_value[:-1] = 1
    before = np.concatenate(([0], np.cumsum(in_value[:-1])))
    counts = [(before[stop] - before[start], stop - start) for start, stop in answer.offsets]
    inside = [bool(one == of) for one, of in counts]
    edge = [bool(0 < one < of) for one, of in counts]
    deciding = {place for at in example.decisions for place in (at - 1, at)}
    decides = [any(place in deciding for place in range(start, stop)) for start, stop in answer.offsets]
    return Encoded(
        prompt, answer.ids, inside, edge, decides, _points(example, text.offsets, answer.offsets), example.task
    )


def _points(example: Example, text: list, answer: list) -> list[tuple[int, ...]]:
    """For every answer token the places of the prompt, behind <bos>, that say the same part of the value."""
    out: list[tuple[int, ...]] = [()] * len(answer)
    if not any(leaf.spans for *_, leaf in example.leaves):
        return out
    starts = {start: n for n, (start, _) in enumerate(text)}
    begins = np.array([start for start, _ in text])
    for start, stop, leaf in example.leaves:
        if not leaf.spans:
            continue
        whole = {n for a, b in leaf.spans for n in range(np.searchsorted(begins, a), np.searchsorted(begins, b))}
        exact = leaf.verbatim and isinstance(leaf.value, str) and len(leaf.value) == stop - start
        for n, (a, b) in enumerate(answer):
            if a < start or b > stop or a == b:
                continue
            same = ()
            if exact:
                places = (starts.get(span[0] + a - start) for span in leaf.spans)
                same = tuple(p + 1 for p in places if p is not None and text[p][1] - text[p][0] == b - a)
            out[n] = same or tuple(place + 1 for place in sorted(whole))
    return out


def chunk_batches(source: Source, number: int, encoder: Encoder, batch_tokens: int) -> list[Batch]:
    """All batches of one chunk, in their order."""
    rng = Random(f"masks {source.seed} {number}")
    waiting = []
    for one in source.chunk(number):
        roomy = rng.random() < IN_ROOMS
        if encoded := (in_rooms(one, encoder, rng) if roomy else None) or encode(one, encoder):
            slack = rng.randint(0, 64) if rng.random() < 0.2 else rng.randint(0, 12)
            used = len(encoded.prompt) + len(encoded.answer) + 1 + slack
            waiting.append((min(-(-used // ROUND) * ROUND, CONTEXT), rng.random(), encoded))
    waiting.sort(key=lambda row: row[:2])
    groups: list[list] = [[]]
    for row in waiting:
        if groups[-1] and row[0] * (len(groups[-1]) + 1) > batch_tokens:
            groups.append([])
        groups[-1].append(row)
    rng.shuffle(groups)
    return [_assemble([row[2] for row in group], group[-1][0], rng) for group in groups if group]


def stream(
    source: Source, encoder: Encoder, batch_tokens: int, start: tuple[int, int]
) -> Iterator[tuple[int, int, Batch]]:
    """(chunk, place in it, batch) from a position on, without end."""
    number, place = start
    while True:
        for n, batch in enumerate(chunk_batches(source, number, encoder, batch_tokens)):
            if n >= place:
                yield number, n, batch
        number, place = number + 1, 0


def _open_rooms(encoded: Encoded, rng: Random) -> list[int]:
    """Which positions are masked: of some rooms all, of some all but a part of the value. Lists are counted before
    anything is written."""
    if any(encoded.counts):
        return [place for place, room in enumerate(encoded.rooms) if room >= 0]
    spans: dict[int, list[int]] = {}
    for place, room in enumerate(encoded.rooms):
        if room >= 0:
            spans.setdefault(room, []).append(place)
    share = 1.0 if rng.random() < ALL_OPEN else rng.random()
    open_ones = [room for room in spans if rng.random() < share] or [rng.choice(list(spans))]
    chosen = []
    for room in open_ones:
        places = spans[room]
        if rng.random() < HALF_READ:
            if rng.random() < 0.6:
                places = places[rng.randrange(len(places)) :]
            else:
                kept = rng.random()
                places = [place for place in places if rng.random() < kept] or places[-1:]
        chosen += places
    return sorted(chosen)


def _weight_in_room(encoded: Encoded, place: int) -> float:
    """The first two tokens of a room, a quote and what follows it, decide what value it is; of the blanks the first
    says where it ends."""
    rooms, fills = encoded.rooms, encoded.fills
    if encoded.counts[place]:
        return COUNT_WEIGHT
    if place < 2 or rooms[place - 2] != rooms[place] or encoded.decides[place]:
        return FIRST
    return FILL if fills[place] and fills[place - 1] else WITHIN


def _assemble(members: list[Encoded], total: int, rng: Random) -> Batch:
    tokens, rows, targets, weights, pointing, aims = [], [], [], [], [], []
    for number, encoded in enumerate(members):
        start, length = len(encoded.prompt), len(encoded.answer)
        hidden = rng.random() < HIDDEN.get(encoded.task, 0.0)
        region = encoded.answer + [EOS] * (total - start - length)
        ids = ([MASK] * start if hidden else encoded.prompt) + region
        roomy = bool(encoded.rooms)
        chosen = _open_rooms(encoded, rng) if roomy else sorted(pick_masks(encoded, len(region), rng))
        for place in chosen:
            row = number * total + start + place
            ids[start + place] = MASK
            if roomy and encoded.fills[place] and encoded.fills[place - 1] and rng.random() > SEEN_BLANKS:
                continue
            rows.append(row)
            targets.append(region[place])
            if roomy:
                weights.append(_weight_in_room(encoded, place))
            else:
                # A mask behind a mask is seldom the next to be written; where a value begins matters most.
                deep = place and ids[start + place - 1] == MASK
                weight = TAIL_WEIGHT if place > length else DEEP_WEIGHT if deep else 1.0
                if place < length and encoded.decides[place]:
                    weight *= DECISION_WEIGHT
                weights.append(weight)
            if place < length and not hidden and encoded.points[place]:
                pointing.append(row)
                aims.append(encoded.points[place])
        tokens.append(ids)
    # Two rows that may point anywhere, and so cost nothing: a compiled graph would be made anew for 0 and for 1 row.
    there = np.zeros((len(pointing) + FREE_POINTERS, total), dtype=bool)
    for n, places in enumerate(aims):
        there[n, list(places)] = True
    there[len(pointing) :] = True
    pointing += [0] * FREE_POINTERS
    return Batch(
        np.array(tokens),
        np.array(rows),
        np.array(targets),
        np.array(weights, dtype=np.float32),
        np.array(pointing, dtype=np.int64),
        there,
    )

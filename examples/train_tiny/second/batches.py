"""From examples to masked batches, in an order that the seed and the number of a chunk settle.

A chunk of examples is sorted by length and cut into batches of one length, so that little is padded; what is behind the
answer is a tail of stop tokens, as when decoding. So a run goes on after any batch, and sees what it would have seen.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import numpy as np

from examples.train_tiny.batches import DEEP_WEIGHT, TAIL_WEIGHT, pick_masks
from examples.train_tiny.second.asking import Example
from examples.train_tiny.second.mixture import HIDDEN, Source
from examples.train_tiny.tokenizer import ANSWER, ASK, BOS, EOS, MASK, Encoder

CONTEXT = 1536
LONGEST_ANSWER = 420
DECISION_WEIGHT = 3.0  # of the tokens that decide between null and a value, and between one more item and none
ROUND = 16
FREE_POINTERS = 2


@dataclass
class Encoded:
    """One example as ids.

    inside, edge: as `examples.train_tiny.batches` has them. decides: tokens where a value begins. points: for answer
    tokens that are copied, the places of the prompt they may be copied from.
    """

    prompt: list[int]
    answer: list[int]
    inside: list[bool]
    edge: list[bool]
    decides: list[bool]
    points: list[tuple[int, ...]]
    task: str


@dataclass
class Batch:
    """(B, T) tokens with masks; flat rows of the masks, targets, weights; flat rows that point, and (P, T) where to."""

    tokens: np.ndarray
    rows: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    pointing: np.ndarray
    aims: np.ndarray


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
            if a < start or b > stop:
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
        if encoded := encode(one, encoder):
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


def _assemble(members: list[Encoded], total: int, rng: Random) -> Batch:
    tokens, rows, targets, weights, pointing, aims = [], [], [], [], [], []
    for number, encoded in enumerate(members):
        start, length = len(encoded.prompt), len(encoded.answer)
        hidden = rng.random() < HIDDEN.get(encoded.task, 0.0)
        region = encoded.answer + [EOS] * (total - start - length)
        ids = ([MASK] * start if hidden else encoded.prompt) + region
        for place in sorted(pick_masks(encoded, len(region), rng)):
            row = number * total + start + place
            ids[start + place] = MASK
            rows.append(row)
            targets.append(region[place])
            # A mask behind a mask is seldom the next to be written; where a value begins matters most.
            weight = TAIL_WEIGHT if place > length else DEEP_WEIGHT if place and ids[start + place - 1] == MASK else 1.0
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

"""From examples to masked batches of one exact length, so that nothing is padded.

Most masks are drawn as training of such models has it (each position with probability t), the others imitate what
decoding meets: a finished prefix before an open rest, or keys and punctuation in place with the values open.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor

from examples.train_tiny.questions import Example, compact
from examples.train_tiny.tokenizer import EOS, MASK, Encoder

BATCH_TOKENS = 3072
LONGEST_TEXT, LONGEST_ANSWER, LONGEST = 175, 95, 288
PATTERNS = (("random", 32), ("prefix", 28), ("scaffold", 30), ("prefix and random", 6), ("all", 4))
TAIL_WEIGHT = 0.1  # of EOS tokens after the first, which are many and easy
DEEP_WEIGHT = 0.35  # of masks behind masks: decoding seldom writes there first


@dataclass
class Encoded:
    """One example as ids. `inside` marks answer tokens wholly in a value, `edge` those that share one with syntax."""

    prompt: list[int]
    answer: list[int]
    inside: list[bool]
    edge: list[bool]
    example: Example


def encode(example: Example, encoder: Encoder) -> Encoded | None:
    """Ids of an example, or None when it is too long."""
    prompt = encoder.prompt(example.text, example.ask)
    encoding = encoder.tokenizer.encode(example.answer, add_special_tokens=False)
    answer = encoding.ids
    if len(prompt) > LONGEST_TEXT + 60 or len(answer) > LONGEST_ANSWER or len(prompt) + len(answer) + 1 > LONGEST:
        return None
    in_value = _value_signs(example)
    inside = [all(in_value[start:stop]) for start, stop in encoding.offsets]
    edge = [any(in_value[start:stop]) and not all(in_value[start:stop]) for start, stop in encoding.offsets]
    return Encoded(prompt, answer, inside, edge, example)


def _value_signs(example: Example) -> list[bool]:
    """For every character of the answer: is it part of a value?"""
    if not example.answer.startswith("{"):
        return [True] * len(example.answer)
    marks = [False] * len(example.answer)
    place = 1
    for key, value in example.pairs:
        place += len(compact(key)) + 1
        length = len(compact(value))
        marks[place : place + length] = [True] * length
        place += length + 1
    return marks


def pick_masks(encoded: Encoded, region: int, rng: Random) -> list[int]:
    """Which positions of the answer region are masked; at least one."""
    pattern = rng.choices([name for name, _ in PATTERNS], [share for _, share in PATTERNS])[0]
    length = len(encoded.answer)
    if pattern == "scaffold" and (chosen := _open_values(encoded, rng)):
        return chosen
    if pattern.startswith("prefix"):
        first = rng.randint(0, length)
        share = rng.random() if pattern == "prefix and random" else 1.0
        return [first] + [place for place in range(first + 1, region) if share == 1.0 or rng.random() < share]
    share = 1.0 if pattern == "all" else rng.random()
    chosen = [place for place in range(region) if rng.random() < share]
    return chosen or [rng.randrange(region)]


def _open_values(encoded: Encoded, rng: Random) -> list[int]:
    """Every value masked from some place on (often from its start), half of the time its edges too."""
    with_edges, chosen, cut = rng.random() < 0.5, [], 0
    for place, inside in enumerate(encoded.inside):
        if inside and not (place and encoded.inside[place - 1]):
            length = next((n for n in range(1, len(encoded.inside) - place) if not encoded.inside[place + n]), 1)
            cut = place + (0 if rng.random() < 0.6 else rng.randrange(length))
        if (inside and place >= cut) or (with_edges and encoded.edge[place] and rng.random() < 0.7):
            chosen.append(place)
    return chosen


@dataclass
class Batch:
    """(B, T) tokens with masks, the flat rows of the masks, and what belongs there, with its weight."""

    tokens: Tensor
    rows: Tensor
    targets: Tensor
    weights: Tensor


def batches(examples, encoder: Encoder, seed: int, batch_tokens: int = BATCH_TOKENS) -> Iterator[Batch]:
    """Endless batches; sequences wait in a queue per length until one batch is full."""
    rng = Random(seed)
    waiting: dict[int, list] = defaultdict(list)
    for one in examples:
        encoded = encode(one, encoder)
        if encoded is None:
            continue
        slack = rng.randint(0, 64) if rng.random() < 0.2 else rng.randint(0, 12)
        used = len(encoded.prompt) + len(encoded.answer) + 1
        total = min(-(-(used + slack) // 16) * 16, LONGEST)
        waiting[total].append(encoded)
        if len(waiting[total]) * total >= batch_tokens:
            yield _assemble(waiting.pop(total), total, rng)


def _assemble(members: list[Encoded], total: int, rng: Random) -> Batch:
    tokens, rows, targets, weights = [], [], [], []
    for number, encoded in enumerate(members):
        start, length = len(encoded.prompt), len(encoded.answer)
        region = encoded.answer + [EOS] * (total - start - length)
        ids = encoded.prompt + region
        for place in pick_masks(encoded, len(region), rng):
            ids[start + place] = MASK
            rows.append(number * total + start + place)
            targets.append(region[place])
            behind = place > 0 and ids[start + place - 1] == MASK
            weights.append(TAIL_WEIGHT if place > length else DEEP_WEIGHT if behind else 1.0)
        tokens.append(ids)
    return Batch(torch.tensor(tokens), torch.tensor(rows), torch.tensor(targets), torch.tensor(weights))

"""A model that says in the slots of a list how many items it has, and of all else what its position alone says; schemas
with lists, what is decoded for them, and how probable a number is."""

import itertools
import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

import ctrldiff as cd
from ctrldiff.layout import Rooms

MASK, STOP, SIZE = 256, 257, 258
TAB, NULL, COMMA, OPENING, CLOSING, COLON = b"\tn,[]:"
SPEC = cd.ModelSpec(mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=700, canvas=8)
SURE = 0.9  # how sure it is in a slot
ROOMS = Rooms(strings=14, numbers=9, integers=8, objects=16, items=4)
PLAN = cd.Plan.rooms(4, layout=ROOMS)
STR, INT = {"type": "string"}, {"type": "integer"}


@dataclass(frozen=True)
class Counting:
    """`items=3 of=1,null` in the prompt: three for the list of the key "items", one for the first list of the key "of"
    and null for the second. What is not named has one item. The last slot never holds one, as in training.

    Fields: logits, (T, V) of each position, whatever stands beside it; sure: of a slot; seen: the shapes of its calls.
    """

    logits: torch.Tensor
    sure: float = SURE
    seen: list[tuple[int, ...]] = field(default_factory=list, compare=False)

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        self.seen.append(tuple(ids.shape))
        out = self.logits[None, : ids.shape[1]].repeat(len(ids), 1, 1)
        for row, tokens in zip(out, ids.tolist(), strict=True):
            told = dict(re.findall(r"(\w+)=([\w,]+)", bytes(t for t in tokens if t < MASK).decode("utf-8", "replace")))
            lists: dict[str, int] = {}
            for name, nullable, slots in slotted(tokens):
                numbers = told.get(name, "1").split(",")
                number = numbers[min(lists.get(name, 0), len(numbers) - 1)]
                lists[name] = lists.get(name, 0) + 1
                if nullable is not None:
                    likes(row[nullable], NULL, self.sure if number == "null" else 1 - self.sure, of=(OPENING, NULL))
                for n, at in enumerate(slots):
                    begins = number != "null" and n < min(int(number), len(slots) - 1)
                    likes(row[at], TAB, 1 - self.sure if begins else self.sure)
        return out


def slotted(tokens: list[int]) -> list[tuple[str, int | None, list[int]]]:
    """Of each list in slots: its key, the position that says whether it is null, and its slots."""
    text = "".join("·" if t == MASK else chr(t) if t < MASK else "$" for t in tokens)
    found = []
    for one in re.finditer(r'"(\w+)":(?:\[|(·))((?:·,)*·)\]', text):
        null = None if one[2] is None else one.start(2)
        found.append((one[1], null, list(range(one.start(3), one.end(3), 2))))
    return found


def likes(logits: torch.Tensor, token: int, prob: float, of: tuple[int, ...] | None = None) -> None:
    """Let a token have this probability, among those of `of` or all."""
    others = [t for t in (of or range(len(logits))) if t not in (token, MASK)]
    logits[token] = logits[others].logsumexp(0) + torch.tensor(prob).logit()


def counting(
    seed: int = 0,
    sure: float = SURE,
    tabs: float = 7.0,
    context: int = SPEC.context,
    favour: dict[str, float] | None = None,
) -> cd.Model:
    """A model of bytes. It likes tabs, so that rooms are seldom full, and what it is to favour."""
    logits = torch.randn(context, SIZE, generator=torch.Generator().manual_seed(seed)) * 2
    for text, gain in ({"\t": tabs} | (favour or {})).items():
        logits[:, ord(text)] += gain
    vocabulary = cd.Vocabulary.from_tokens([*(bytes([one]) for one in range(256)), None, None], stop_ids=[STOP])
    spec = cd.ModelSpec(mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=context, canvas=8)
    return cd.Model.from_callable(Counting(logits, sure), spec, vocabulary, lambda text: list(text.encode()))


# ---- schemas, and what is decoded


def record(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def array(items: Any, **how: Any) -> dict[str, Any]:
    return {"type": "array", "items": items, **how}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    return schema | {"type": [schema["type"], "null"]}


def written(model: cd.Model, text: str, schema: Any, plan: cd.Plan = PLAN, **how: Any) -> cd.Result[Any]:
    """What is decoded; it is legal, and has as many items as was decided."""
    result = model(text, schema, plan=plan, **how)
    assert json.dumps(result.output, ensure_ascii=False, separators=(",", ":")).encode() in cd.JsonSchema(schema)
    for name, count in result.counts.items():
        value = result.output
        try:
            for step in name.split("/"):
                value = value[int(step) if isinstance(value, list) else step]
        except (KeyError, IndexError, TypeError):
            assert count.number is None, "left to the decode"
            continue
        assert count.number is None or len(value) == count.number
    return result


def numbers(result: cd.Result[Any]) -> dict[str, int | None]:
    return {name: one.number for name, one in result.counts.items()}


def padded(result: cd.Result[Any]) -> bool:
    """It was laid out: some room has tabs."""
    return TAB in result.tokens


# ---- what is right


def masses_by_trying(tabs: np.ndarray, least: int = 0, most: float = math.inf) -> np.ndarray:
    """The definition: every word of items and tabs in which no item stands behind a tab, and the number of items is in
    the bounds."""
    size, weights = len(tabs), np.zeros(len(tabs) + 1)
    for word in itertools.product((False, True), repeat=size):  # True: a tab
        if list(word) == sorted(word) and least <= size - sum(word) <= most:
            weights[size - sum(word)] += np.prod(np.where(word, tabs, 1 - tabs))
    return weights / weights.sum()


def told_in_slots(number: int, size: int) -> np.ndarray:
    """How probable a tab is in the slots, by the model's word: the last one is the end of the list."""
    return np.where(np.arange(size) < min(number, size - 1), 1 - SURE, SURE)

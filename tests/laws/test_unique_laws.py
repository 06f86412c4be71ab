"""Keys and items that must not come twice: whatever writes, in whatever order, every canvas is complete and legal."""

import json
from functools import lru_cache

import numpy as np
import pytest
import torch

from ctrldiff.engines.block import solve
from ctrldiff.json_schema import JsonSchema
from ctrldiff.models.callable import from_callable
from ctrldiff.models.spec import ModelSpec
from ctrldiff.sampling.commit import EntropyBound, Everything, LeftToRight, Prefix, Rewrite, Threshold, TopK
from ctrldiff.sampling.constrain import Exact, LeftmostFirst, LengthFirst, Tables
from ctrldiff.sampling.edit import Disagree
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Best, Draw
from ctrldiff.sampling.revise import LeastConfident
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.best_of import BestOfN
from ctrldiff.search.particles import Particles
from ctrldiff.search.run import Run
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.guidance.fakes import context

PIECES = [
    b"{",
    b"}",
    b'"',
    b'":',
    b",",
    b"[",
    b"]",
    b"1",
    b"2",
    b"a",
    b"b",
    b'{"a":1',
    b',"a":',
    b'"b":2,',
    b"],[",
    b"1,",
]
STOP, MASK = len(PIECES), len(PIECES) + 1
SIZE = MASK + 1
VOCABULARY = Vocabulary.from_tokens([*PIECES, None, None], stop_ids=[STOP])
LENGTH = 18
INTEGER = {"type": "integer", "minimum": 0}
SCHEMAS = {
    "open keys": JsonSchema({"type": "object", "additionalProperties": INTEGER, "minProperties": 2}),
    "unique items": JsonSchema({"type": "array", "items": INTEGER, "uniqueItems": True, "minItems": 3}),
    "both": JsonSchema(
        {
            "type": "array",
            "items": {"type": "object", "additionalProperties": INTEGER, "minProperties": 1},
            "uniqueItems": True,
            "minItems": 2,
        }
    ),
}


def once(pairs):
    assert len(dict(pairs)) == len(pairs), pairs
    return dict(pairs)


def check(name, ids):
    """The row is a text of the schema, by a parser and not by our own reading."""
    text = VOCABULARY.decode(ids.tolist())
    value = json.loads(text, object_pairs_hook=once)
    assert text in SCHEMAS[name].dfa()
    if isinstance(value, list):
        assert len({json.dumps(one, sort_keys=True) for one in value}) == len(value), text


@lru_cache
def table(name):
    return SCHEMAS[name].compile(VOCABULARY)


def network(ids):
    """Seeded logits with a taste for the same keys and items over and over."""
    rng = torch.Generator().manual_seed(3)
    says = torch.randn(SIZE, SIZE, generator=rng)
    logits = says[ids] + torch.roll(says[ids], 1, dims=1)
    logits[..., [9, 12, 15]] += 2.0
    return logits


DENOISER = from_callable(
    network, ModelSpec(noise="mask", mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=64), VOCABULARY
)


def start(rows, seed=0):
    return State.blank([[1, 2 + row % 3] for row in range(rows)], LENGTH, seed=seed, pad_id=STOP)


PLANS = {
    "default": Plan.default(),
    "rooms": Plan.rooms(),
    "at once": Plan(commit=Everything(), schedule=Linear(1)),
    "top-k": Plan(commit=TopK("entropy"), schedule=Linear(6)),
    "threshold": Plan(commit=Threshold(0.5), schedule=Linear(9)),
    "random order": Plan(commit=TopK("random"), schedule=Linear(9)),
    "entropy bound": Plan(commit=EntropyBound(0.5), schedule=Linear(9)),
    "drawn": Plan(propose=Draw(), commit=TopK("random"), schedule=Linear(9)),
    "left to right": Plan(commit=LeftToRight(TopK(), block=4), schedule=Linear(9), constrain=LeftmostFirst),
    "length first": Plan(commit=Prefix(0.6), schedule=Linear(9), constrain=LengthFirst),
    "length first, drawn": Plan(propose=Draw(), commit=TopK(), schedule=Linear(9), constrain=LengthFirst),
    "edits": Plan(edit=Disagree(0.2), commit=Rewrite(TopK("margin")), schedule=Linear(9)),
    "revises": Plan(revise=LeastConfident(2, 0.9), schedule=Linear(9)),
}


@pytest.mark.parametrize("plan", PLANS)
def test_every_plan_writes_nothing_twice(plan):
    made = PLANS[plan]
    names = list(SCHEMAS)
    tables = Tables(tuple(table(name) for name in names))
    state = Loop(DENOISER, made, made.constrain(tables)).run(start(len(names)))
    assert state.done.all()
    for name, row in zip(names, state.tokens):
        check(name, row)


@pytest.mark.parametrize("plan", ["default", "drawn"])
def test_a_row_is_its_own_in_a_batch(plan):
    made, names = PLANS[plan], list(SCHEMAS)
    together = Loop(DENOISER, made, made.constrain(Tables(tuple(table(name) for name in names)))).run(start(3))
    for row, name in enumerate(names):
        alone = Loop(DENOISER, made, made.constrain(Tables((table(name),)))).run(start(3).gather([row]))
        assert torch.equal(alone.tokens[0], together.tokens[row])


@pytest.mark.parametrize("name", SCHEMAS)
def test_searches_write_nothing_twice(name):
    for search in (BestOfN(lambda texts: [one.count("a") for one in texts], 2), Particles(n=3)):
        rows = start(2).fork(search.n)
        tables = Tables.same(table(name), rows.shape[0])
        plan = Plan.searching().but(processors=(), schedule=Linear(9), constrain=Exact())
        found = search(Run(DENOISER, plan, tables, context(rows.shape[0], DENOISER, constraint=tables)), rows)
        assert found.state.done.all()
        for row in found.state.tokens:
            check(name, row)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("name", SCHEMAS)
def test_blocks_one_after_the_other_write_nothing_twice(name, temperature):
    whole, rng = table(name), np.random.default_rng(5)
    for width in (1, 4, 7):
        text: list[int] = []
        while len(text) < LENGTH:
            logits = torch.from_numpy(np.float32(rng.normal(size=(width, SIZE)))) + 2.0 * (torch.arange(SIZE) == 12)
            canvas, free = torch.full((width,), MASK), torch.ones(width, dtype=torch.bool)
            solved = solve(
                whole,
                whole.walk(text),
                logits,
                canvas,
                free,
                LENGTH - len(text),
                before=text,
                temperature=temperature,
                rng=rng,
            )
            text += solved.tokens.tolist()
        check(name, torch.tensor(text))


def test_best_is_the_best_however_the_batch_is_made():
    """`Best` proposes each row's own best, clamped rows included."""
    tables = Tables.same(table("open keys"), 2)
    state = start(2)
    logits = network(state.tokens.clamp(min=0))
    posterior = tables.bind(logits, state)
    both = Best()(posterior, state)
    for row in range(2):
        one = Tables.same(table("open keys"), 1).bind(logits[row : row + 1], state.gather([row]))
        assert torch.equal(one.map()[0], both[row])

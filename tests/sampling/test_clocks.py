"""Clocks: steps by length, noise levels by position, spans side by side."""

from itertools import product

import pytest
import torch

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.constraints.template import Template
from ctrldiff.errors import InputError, OutputInvalid
from ctrldiff.json_schema import JsonSchema
from ctrldiff.models.callable import from_callable
from ctrldiff.models.spec import ModelSpec
from ctrldiff.sampling.commit import Threshold, TopK
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.hyper import Annealed, Hyper, Timed
from ctrldiff.sampling.loop import Loop, sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.planned import Planned, Spans
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.schedules import Blocks, ByEntropy, Delimited, Dynamic, Linear, Proportional, Scaled
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.conftest import MASK, VOCABULARY, ToyNetwork, blank, spec, text, toy
from tests.sampling.fakes import Told
from tests.sampling.laws_of_draws import distance

A, B = 11, 12


@pytest.mark.parametrize(
    ("how", "steps"),
    [
        (Scaled(0.5, 4), [8, 4]),
        (Scaled(1.0, 1), [16, 3]),
        (Scaled(0.0, 5), [5, 5]),
        (Scaled(0.4, 2), [7, 2]),
        (Scaled(1.0, 2, 9), [9, 3]),
    ],
)
def test_steps_by_length_are_rounded_up_between_their_bounds(how, steps):
    assert how.budget(blank(2, 16, lengths=[16, 3], pad_id=0)).tolist() == steps


def test_what_is_forced_takes_no_step():
    table = Regex("[ab]-[ab]-[ab]").compile(VOCABULARY)
    state = sample(toy(), blank(1, 8), constraint=Tables.same(table, 1), schedule=Scaled(1.0, 1))
    assert state.steps.tolist() == [3]


@pytest.mark.parametrize("wrong", [{"per": 2}, {"least": 0}, {"least": 4, "most": 3}])
def test_steps_by_length_refuse_what_means_nothing(wrong):
    with pytest.raises(InputError):
        Scaled(**wrong)


def written(schedule, length=12):
    """Where each step wrote."""
    out = []

    def note(move, state, step):
        out.append(move.wrote[0].nonzero()[:, 0].tolist())
        return state

    sample(toy(seed=5), blank(1, length), schedule=schedule, observers=[note])
    return out


def test_a_width_of_one_is_left_to_right_and_a_great_one_is_one_clock_for_all():
    assert [one for one in written(Hyper(Annealed(1.0), 13)) if one] == [[n] for n in range(12)]
    assert written(Hyper(Annealed(1e9), 5)) == written(Proportional(5))


def test_levels_of_ones_own_are_blocks():
    def blocks(place, count, passed):
        return (place // 4 + 1 - passed * (count / 4)).clamp(0, 1)

    assert written(Hyper(blocks, 6)) == written(Blocks(4, 6))


def test_levels_that_are_none_are_refused():
    for levels in (lambda place, count, passed: place - 1, lambda place, count, passed: passed):
        with pytest.raises(InputError, match="levels"):
            sample(toy(), blank(1, 6), schedule=Hyper(levels, 3))
    with pytest.raises(InputError):
        Annealed(0)


def network(ids: torch.Tensor) -> torch.Tensor:
    logits = ToyNetwork(seed=3, scale=1.2)(ids)
    two = torch.full_like(logits, -torch.inf)
    two[..., [A, B]] = logits[..., [A, B]]
    return two


def law(width: float, steps: int, shared: bool = False) -> dict[tuple[int, ...], float]:
    """Every outcome on four positions: in each step each open one is written with probability 1 - then / now.

    shared: a wrong variant, in which all have the clock of the first.
    """

    def level(i: int, step: int) -> float:
        return min(1.0, max(0.0, ((0 if shared else i) + width - (4 + width) * step / steps) / width))

    now = {(MASK,) * 4: 1.0}
    for step in range(steps):
        after: dict[tuple[int, ...], float] = {}
        for canvas, chance in now.items():
            p = network(torch.tensor([[3, *canvas]]))[0, 1:].to(torch.float64).softmax(dim=-1)
            choices = []
            for i, token in enumerate(canvas):
                if token != MASK:
                    choices.append([(token, 1.0)])
                    continue
                write = 1 - level(i, step + 1) / level(i, step) if level(i, step) else 1.0
                write = 1.0 if step + 1 == steps else write
                choices.append([(MASK, 1 - write), (A, write * float(p[i, A])), (B, write * float(p[i, B]))])
            for outcome in product(*choices):
                q = chance
                for _, part in outcome:
                    q *= part
                key = tuple(token for token, _ in outcome)
                after[key] = after.get(key, 0.0) + q
        now = after
    return now


def test_each_position_is_written_by_chance_at_its_own_time():
    hyper, rows = Hyper(Annealed(3.0), 3), 3000
    plan = Plan.preset("mdlm", reuse=False).but(schedule=hyper, commit=Timed(hyper), propose=Draw(), finish=None)
    start = State.blank([[3]] * rows, 4, draws=range(rows))
    done = Loop(from_callable(network, spec("mask"), VOCABULARY), plan, FREE).run(start)
    draws = [tuple(row) for row in done.tokens.tolist()]
    assert distance(draws, law(3.0, 3)) < 0.04 < distance(draws, law(3.0, 3, shared=True))


def test_the_size_of_a_block_is_the_largest_that_is_calm():
    nats = torch.tensor([[0.1, 0.3, 0.5, 2.0, 0.1, 0.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]])
    posterior, tokens, state = Told(nats, nats), torch.zeros(2, 8, dtype=torch.int64), blank(2, 8)
    sizes = ByEntropy((2, 3, 4, 8), 0.31)
    assert sizes(posterior, tokens, state, torch.tensor([0, 0])).tolist() == [3, 8], "a mean of .375 for 8"
    assert sizes(posterior, tokens, state, torch.tensor([3, 7])).tolist() == [2, 8], "a size is cut at the row's end"


def test_a_policy_of_ones_own_says_the_size_and_what_is_none_is_refused():
    seen = []

    def learned(posterior, tokens, state, start):
        seen.append(start.tolist())
        return torch.where(start == 0, 5, 2)

    blocks = Dynamic(learned)
    state = sample(toy(), blank(2, 9), schedule=blocks, commit=Threshold(0.99), observers=[blocks.note])
    assert state.done.all() and {0, 5, 7} <= {one for both in seen for one in both}
    for wrong in (lambda *a: torch.zeros(2, dtype=torch.int64), lambda *a: 3, lambda *a: torch.ones(2)):
        with pytest.raises(InputError, match="size"):
            sample(toy(), blank(2, 9), schedule=Dynamic(wrong))
    for wrong in (ByEntropy, 3):
        with pytest.raises(InputError):
            Dynamic(wrong)
    with pytest.raises(InputError):
        ByEntropy(())


def test_a_quarter_of_a_short_canvas_is_no_position():
    """AdaBlock's code looks at as many positions as that, rounded down."""
    posterior = Told(torch.ones(2, 8))
    tokens, state = torch.full((2, 8), A), blank(2, 8, lengths=[3, 8], pad_id=0)
    assert Delimited((A,), length=2).end(posterior, tokens, state).tolist() == [2, 1]


TEMPLATE = Template("a{x}-{y}b", x=Regex("[0-9]{4}"), y=Choice(["19", "00", "7"]))


def test_spans_are_the_holes_of_a_template():
    spans = Spans.of(TEMPLATE, VOCABULARY)
    tokens = [A, 1, 13, 3, 10, 14, B, 15, 15]  # a 1 19 3 - 00 b, and two ends
    assert text(torch.tensor(tokens)) == b"a1193-00b"
    assert spans(tokens) == [-1, 0, 0, 0, -1, 1, -1, -1, -1]
    assert TEMPLATE.spans_of("a1193-7b") == {"x": (1, 5), "y": (6, 7)}
    with pytest.raises(OutputInvalid):
        spans([A, 1])


@pytest.mark.parametrize("rate", [0.5, 1.0])
def test_a_text_takes_a_pass_for_the_plan_and_as_many_as_its_longest_span(rate):
    template = Template("a{x}-{y}-{z}b", x=Regex("[ab]{3}"), y=Regex("[ab]{6}"), z=Regex("[ab]{2}"))
    policy = Planned(Spans.of(template, VOCABULARY), rate)
    how = {"constraint": Tables.same(template.compile(VOCABULARY), 2), "schedule": Linear()}
    state = sample(toy(), blank(2, 20), commit=policy, observers=[policy.note], **how)
    assert all(text(row).decode() in template for row in state.tokens)
    longest = 6 * rate
    assert (state.forwards <= longest + 1).all() and (state.forwards >= longest).all()
    alone = sample(toy(), blank(2, 20), commit=TopK(), **how)
    assert (alone.forwards == 11).all(), "one after the other, all of them"
    assert [sorted({*row}) for row in state.segment.tolist()] == [[-1, 0, 1, 2]] * 2


def test_spans_of_a_schema_are_its_scalars():
    tokens = [b"{", b'"n', b'":', b"[", b"1", b",", b"23", b"],", b'"m":"', b"a", b'b"', b"}", None]
    vocabulary = Vocabulary.from_tokens(tokens, stop_ids=[12])
    properties = {"n": {"type": "array", "items": {"type": "integer"}}, "m": {"type": "string"}}
    schema = JsonSchema({"type": "object", "properties": properties, "required": ["n", "m"]})
    # {"n":[1,23],"m":"ab"}: a token that has a byte of a value is in it, if it is not in one before
    assert Spans.of(schema, vocabulary)([*range(13), 12]) == [-1, -1, -1, -1, 0, -1, 1, -1, 2, 2, 2, -1, -1, -1]
    for wrong in ("a{x}b", {"type": "integer"}):
        with pytest.raises(InputError, match="Template"):
            Spans.of(wrong, vocabulary)


@pytest.mark.parametrize("plan", [TEMPLATE, JsonSchema({"type": "object"})], ids=["template", "schema"])
def test_a_text_of_something_else_is_no_text_of_the_plan(plan):
    vocabulary = Vocabulary.from_tokens([b"x", b"\xc3", None], stop_ids=[2])
    for tokens, why in (([0, 2], "no text of the"), ([1, 2], "this is no text, and none of the plan")):
        with pytest.raises(OutputInvalid, match=why):
            Spans.of(plan, vocabulary)(tokens)


def test_objects_of_a_schema_are_written_side_by_side():
    values = {name: {"type": "string", "pattern": "^[ab]{4}$"} for name in "xyz"}
    schema = JsonSchema({"type": "object", "properties": values, "required": [*"xyz"]})
    pieces = [bytes([byte]) for byte in b'{}":,abxyz']
    vocabulary = Vocabulary.from_tokens([*pieces, None, None], stop_ids=[10])
    told = ModelSpec(stop_ids=(10,), n_tokens=12, noise="mask", mask_id=11, context=64)
    net = from_callable(lambda ids: torch.zeros(*ids.shape, 12), told, vocabulary)
    policy = Planned(Spans.of(schema, vocabulary))
    how = {"constraint": Tables.same(schema.compile(vocabulary), 2), "schedule": Linear()}
    start = State.blank([[]] * 2, 40)
    state = sample(net, start, commit=policy, observers=[policy.note], **how)
    assert all(vocabulary.decode(row).decode() in schema for row in state.tokens.tolist())
    alone = sample(net, start, commit=TopK(), **how)
    assert (state.forwards < alone.forwards).all() and (state.forwards <= 7).all()


def test_a_plan_that_is_not_kept_is_said():
    with pytest.raises(InputError, match="observer"):
        sample(toy(), blank(1, 4), commit=Planned(lambda tokens: [0] * len(tokens)))
    with pytest.raises(InputError):
        Planned(Spans)

"""A value asked for alone: against a plain loop that forwards the value's own canvas by itself."""

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError
from ctrldiff.guidance.alone import Alone, in_string
from ctrldiff.guidance.guide import during, on_field, prepared
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.fields import field_table
from ctrldiff.models.callable import from_callable
from ctrldiff.models.spec import ModelSpec
from ctrldiff.sampling.by_field import by_field
from ctrldiff.sampling.commit import Threshold, TopK, leftmost
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.guidance.fakes import context

WORDS = [b'{"a":"', b"x", b"y", b"xy", b'","b":"', b'"}', b'"', b'x"', b"}", b'"}x']
STOP, MASK, V, T = len(WORDS), len(WORDS) + 1, len(WORDS) + 2, 12
VOCABULARY = Vocabulary.from_tokens([*WORDS, None, None], stop_ids=[STOP])
SPECS = {
    "mask": ModelSpec(stop_ids=(STOP,), n_tokens=V, context=64, mask_id=MASK),
    "uniform": ModelSpec(stop_ids=(STOP,), n_tokens=V, context=64, noise="uniform", banned_ids=(MASK,)),
}
SCHEMA = JsonSchema(
    {
        "properties": {
            "a": {"type": "string", "pattern": "^[xy]{1,2}$"},
            "b": {"type": "string", "pattern": "^[xy]*$"},
        },
        "required": ["a", "b"],
        "maxProperties": 2,
    }
)
TABLE, PATHS = SCHEMA.compile(VOCABULARY), ("b",)
LAYERED = field_table(SCHEMA, PATHS, VOCABULARY)


def network_of(seed):
    """What the prompt's first token, the token before and the token behind say of each position."""
    draw = torch.Generator().manual_seed(seed)
    prompt, before, behind = (torch.randn(V, V, generator=draw).mul(1.5) for _ in range(3))

    def network(ids):
        padded = torch.nn.functional.pad(ids, (1, 1), value=MASK)
        return prompt[ids[:, :1]] + before[padded[:, :-2]] + behind[padded[:, 2:]]

    return network


def one_by_one(posterior, tokens, state, step):
    return leftmost(state.open & step.window)


def decoded(seed, guides, prompts, noise="mask", commit=one_by_one):
    denoiser = from_callable(network_of(seed), SPECS[noise], VOCABULARY)
    told = context(
        len(prompts),
        denoiser,
        vocabulary=VOCABULARY,
        texts=tuple(str(one) for one in prompts),
        prompt=lambda row, text: [int(text)],
        alone=lambda row, text: [int(text), int(text)],
        by_field=lambda path, logits, state: by_field([LAYERED] * state.shape[0], logits, state),
    )
    ready = prepared(guides, told)
    table = LAYERED if guides else TABLE
    constraint = LeftmostFirst(Tables.same(table, len(prompts)), believed=0.0)
    state = State.blank([[one] for one in prompts], T, pad_id=STOP)
    return sample(denoiser, state, constraint=constraint, guides=ready, commit=commit).tokens.tolist()


def by_hand(seed, prompt, tokens):
    """What the value of b should be, as ids up to its closing token, given what stands before it; None if it does not
    end before its canvas does."""
    network, mask = network_of(seed), torch.tensor([MASK])
    start = tokens.index(4) + 1
    value: list[int] = []
    while len(value) < T - start - 3:
        size = T - start - len(value)
        canvas = torch.cat([torch.tensor([prompt, prompt, *value]), mask.expand(size)])
        alone = network(canvas[None])[0, 2 + len(value)]
        alone[MASK] = -torch.inf
        whole = torch.cat([torch.tensor([prompt, *tokens[:start], *value]), mask.expand(size)])
        own = network(whole[None])[0, 1 + start + len(value)].softmax(0)
        q = alone.softmax(0)
        best = {token: float(q[token]) for token in (1, 2, 3)}
        best |= {token: float(q[STOP] * own[token] / own[[5, 6]].sum()) for token in (5, 6)}
        value.append(max(best, key=best.__getitem__))
        if value[-1] in (5, 6):
            return value
    return None


def test_the_value_is_what_the_model_writes_when_nothing_else_is_asked():
    prompts, compared, moved = [1, 7, 2], 0, 0
    for seed in range(8):
        ours, plain = decoded(seed, [on_field("b", Alone())], prompts), decoded(seed, [], prompts)
        for prompt, tokens in zip(prompts, ours):
            assert VOCABULARY.decode(tokens) in SCHEMA
            want, start = by_hand(seed, prompt, tokens), tokens.index(4) + 1
            assert want is None or tokens[start : start + len(want)] == want
            compared += want is not None
        moved += ours != plain
    assert compared >= 7 and moved >= 3, "and not what it writes anyway"


@pytest.mark.parametrize("noise", ["mask", "uniform"])
@pytest.mark.parametrize("commit", [TopK(), Threshold(0.3)])
def test_every_text_is_legal_at_any_strength_and_a_row_is_guided_alone_as_in_its_batch(noise, commit):
    for strength in (-3.0, 0.5, 100.0):
        guide = on_field("b", strength * Alone() + during(Alone(), 0.6, 0.1))
        ours = decoded(2, [guide], [1, 7, 2], noise, commit)
        assert all(VOCABULARY.decode(tokens) in SCHEMA for tokens in ours)
        assert decoded(2, [guide], [7], noise, commit)[0] == ours[1]


def test_what_it_cannot_be_is_refused():
    with pytest.raises(InputError, match="one value of an object"):
        Alone().prepare(context())
    with pytest.raises(InputError, match="alone is ' '"):
        on_field("b", Alone(" ")).prepare(context())


@pytest.mark.parametrize(
    "text, inside",
    [(b'{"a":"x', True), (b'{"a":"x"', False), (rb'{"a":"x\"', True), (rb'{"a":"x\\"', False), (b"", False)],
)
def test_a_text_ends_inside_a_string_or_not(text, inside):
    assert in_string(text) == inside


def test_a_review_in_an_object_is_the_review_that_is_written_without_one():
    model = cd.from_pretrained()
    schema = {
        "properties": {"product": {"type": "string"}, "review": {"type": "string"}},
        "required": ["product", "review"],
    }
    order = "Write a review of the teapot."
    bare = model(order, str).raw
    result = model(order, {"type": "object", **schema}, guidance=[on_field("review", Alone())])
    assert result.output == {"product": "teapot", "review": bare} and bare.startswith("The teapot is")
    assert model(order, {"type": "object", **schema}).output["review"] != bare


def test_no_draw_writes_into_a_value_that_has_not_begun():
    model = cd.from_pretrained()
    schema = {"type": "object", "properties": {"product": {"type": "string"}, "review": {"type": "string"}}}
    wanted = {**schema, "required": ["product", "review"]}
    orders = [f"Write a review of the {one}." for one in ("hammock", "telescope", "trampoline", "chessboard")]
    for result in model(orders, wanted, temperature=0.5, guidance=[on_field("review", Alone())]):
        assert not result.output["review"].startswith("null"), "what the object's own prompt would have there"

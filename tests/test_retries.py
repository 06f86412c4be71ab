"""When a type's own rules refuse an answer, the likeliest that they take is given: exactly, by what the model said."""

from typing import Annotated, Any, Literal

import numpy as np
import pydantic
import pytest
import torch
from pydantic import AfterValidator, BaseModel, Field

import ctrldiff as cd
from ctrldiff.errors import InputError, OutputInvalid
from ctrldiff.sampling.evidence import EVIDENCE, NoteEvidence

BYTES = [bytes([one]) for one in range(256)]
MASK, STOP, SIZE = 256, 257, 258
SPEC = cd.ModelSpec(mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=256, canvas=8)


def noisy(seed: int, favour: dict[str, float] | None = None) -> cd.Model:
    """A model whose belief about each position depends on the position and on nothing else."""
    logits = torch.randn(SPEC.context, SIZE, generator=torch.Generator().manual_seed(seed)) * 2
    for text, gain in (favour or {}).items():
        logits[:, ord(text)] += gain

    def network(ids: torch.Tensor) -> torch.Tensor:
        return logits[None, : ids.shape[1]].expand(len(ids), -1, -1).clone()

    vocabulary = cd.Vocabulary.from_tokens([*BYTES, None, None], stop_ids=[STOP])
    return cd.Model.from_callable(network, SPEC, vocabulary, lambda text: list(text.encode()))


def only(*kept: Any) -> AfterValidator:
    def check(value: Any) -> Any:
        if value not in kept:
            raise ValueError(f"{value} is none of them")
        return value

    return AfterValidator(check)


def weight(model: cd.Model, text: str, canvas: int, prompt: int = 1) -> float:
    """What a text weighs in one pass: the log-probabilities of its bytes and of the stops behind it."""
    state = cd.State.blank([[0] * prompt], canvas)
    scores = model.loaded.denoiser(state).log_softmax(dim=-1)[0].to(torch.float64)
    ids = [*text.encode(), *[STOP] * canvas][:canvas]
    return float(sum(scores[t, v] for t, v in enumerate(ids)))


@pytest.mark.parametrize("seed", range(5, 8))
def test_the_answer_is_the_likeliest_of_those_that_are_taken(seed):
    model, kept = noisy(seed), [*range(3, 200, 17)]
    wanted = Annotated[int, Field(ge=0, le=199), only(*kept)]
    result = model("x", wanted, steps=1, max_new_tokens=4, retries=300, constrain=cd.constrain.Exact())
    by_weight = sorted(range(200), key=lambda n: -weight(model, str(n), 4))
    best = next(n for n in by_weight if n in kept)
    assert result.output == best
    assert [int(one.raw) for one in result.refused] == by_weight[: by_weight.index(best)]
    assert all("none of them" in one.why for one in result.refused)
    if result.refused:
        total = np.logaddexp.reduce([weight(model, str(n), 4) for n in range(200)])
        assert result.log_prob == pytest.approx(weight(model, str(best), 4) - total, abs=1e-4)


def test_what_was_tried_is_told_and_no_more_is_tried_than_asked_for():
    model, wanted = noisy(1), Annotated[int, Field(ge=0, le=199), only()]
    by_weight = sorted(range(200), key=lambda n: -weight(model, str(n), 4))
    exact = {"steps": 1, "max_new_tokens": 4, "constrain": cd.constrain.Exact()}
    with pytest.raises(OutputInvalid, match="refused 5 answers") as caught:
        model("x", wanted, retries=4, **exact)
    assert [int(one.raw) for one in caught.value.tried] == by_weight[:5]
    assert caught.value.raw == str(by_weight[0]) and "retries" in caught.value.hint
    with pytest.raises(OutputInvalid) as caught:
        model("x", wanted, retries=1000, **exact)
    assert len(caught.value.tried) == 200 and "retries" not in caught.value.hint


@pytest.mark.parametrize("seed", range(3))
def test_a_lone_choice_is_tried_label_by_label(seed):
    model, labels = noisy(seed), ("aa", "b", "ca", "cb")
    plain = model("x", Literal[labels])
    ranked = sorted(labels, key=lambda one: -plain.probs[one])
    result = model("x", Annotated[Literal[labels], only(ranked[2])], retries=9)
    assert result.output == ranked[2] and [one.raw for one in result.refused] == ranked[:2]
    assert result.prob == pytest.approx(plain.probs[ranked[2]]) and result.usage.forwards == 1
    assert model.vocabulary.decode(result.tokens).decode() == ranked[2]


class Order(BaseModel):
    size: Literal[1, 2, 3]
    colour: Literal["red", "blue"]

    @pydantic.field_validator("size")
    @classmethod
    def small(cls, value):
        if value == 3:
            raise ValueError("none so large")
        return value

    @pydantic.model_validator(mode="after")
    def made(self):
        if (self.size, self.colour) == (2, "red"):
            raise ValueError("there is no such thing")
        return self


@pytest.mark.parametrize(("steps", "order"), [(1, 1.0), (3, 1.0), (None, 1.0), (None, -1.0)])
def test_validators_of_fields_and_of_models_are_obeyed(steps, order):
    model = noisy(0, {"3": 4 * order, "2": 3 * order, "r": 6 * order})
    free = [model("x", Order, steps=steps, retries=20, batch_size=2, seed=seed) for seed in (0, 1)]
    for result in free:
        assert (result.output.size, result.output.colour) in [(1, "red"), (1, "blue"), (2, "blue")]
    likeliest_first = [(3, "red"), (2, "red"), (3, "blue")] if order > 0 else []
    assert len(free[0].refused) <= len(likeliest_first)


class Tagged(BaseModel):
    first: Annotated[int, Field(ge=0, le=9), only(1, 4)]
    rest: Annotated[str, Field(pattern="^[ab]{0,3}$")]


@pytest.mark.parametrize("seed", range(4))
def test_what_begins_with_a_refused_value_is_not_tried_again(seed, monkeypatch):
    how = {"retries": 200, "steps": 1, "max_new_tokens": 26, "constrain": cd.constrain.Exact()}
    model = noisy(seed, {"7": 9.0, "8": 8.0, "a": 3.0, "b": 3.0})
    result = model("x", Tagged, **how)
    assert len({one.raw[:10] for one in result.refused}) == len(result.refused) <= 8
    monkeypatch.setattr("ctrldiff.answer.Decoded.blamed", lambda self, error: None)
    one_by_one = model("x", Tagged, **how)
    assert one_by_one.output == result.output and one_by_one.log_prob == pytest.approx(result.log_prob)
    assert len(one_by_one.refused) > len(result.refused) > 0
    kept = [one.raw for one in one_by_one.refused]
    assert sorted(map(kept.index, (one.raw for one in result.refused))) == [
        kept.index(one.raw) for one in result.refused
    ]


def test_the_place_of_what_was_refused_is_told():
    class Pet(BaseModel):
        kind: Literal["cat"]
        cat: int
        lives: Annotated[int, only(9)]

    class Home(BaseModel):
        pets: list[Annotated[Pet | Tagged, Field()]]

    with pytest.raises(OutputInvalid) as caught:
        cd.output_type(Home).read('{"pets":[{"kind":"cat","cat":1,"lives":7}]}')
    assert "/pets/0/lives" in caught.value.where
    with pytest.raises(OutputInvalid) as caught:
        cd.output_type(Order).read('{"size":2,"colour":"red"}')
    assert caught.value.where == ("",)


def test_evidence_is_what_the_model_said_when_each_position_was_written():
    said = {}

    class Watch:
        def __call__(self, move, state, step):
            for t in torch.nonzero(move.before.open[0] & ~state.open[0])[:, 0].tolist():
                said[t] = move.logits[0, t].log_softmax(dim=-1)
            evidence = state.memory[EVIDENCE][0]
            for t, scores in said.items():
                assert torch.allclose(evidence[t], scores, atol=1e-5)
            return state

    def network(ids: torch.Tensor) -> torch.Tensor:
        """What is written moves what is believed."""
        base = noisy(0)
        moved = torch.nn.functional.one_hot(ids.clamp(max=255), SIZE).to(torch.float32).cumsum(dim=1)
        return base.loaded.denoiser(cd.State.blank([[]], ids.shape[1])) + moved

    vocabulary = cd.Vocabulary.from_tokens([*BYTES, None, None], stop_ids=[STOP])
    model = cd.Model.from_callable(network, SPEC, vocabulary, lambda text: list(text.encode()))
    plan = cd.Plan.default(3).but(commit=cd.commit.TopK(), schedule=cd.schedule.Linear(3))
    observed = plan.but(observers=[NoteEvidence(SIZE), Watch()])
    assert model("x", cd.Regex("[a-f]{6}|xyz"), plan=observed).raw
    assert len(said) >= 6


def test_rows_with_and_without_retries_come_in_their_order():
    model, wanted = noisy(2), Annotated[int, Field(ge=0, le=199), only(5)]
    requests = [cd.Request(f"t{n}", wanted, retries=300 if n % 2 else 0, max_new_tokens=4) for n in range(6)]
    results = list(model.decode(requests, on_error="keep"))
    assert [getattr(one, "output", None) for one in results[1::2]] == [5, 5, 5]
    assert all(isinstance(one, OutputInvalid) for one in results[::2])


def test_templates_and_checked_keywords_are_tried_again():
    model = noisy(3)
    hole = Annotated[int, Field(ge=0, le=9), only(7)]
    result = model("x", cd.Template("n={n}.", n=hole), retries=20)
    assert result.output == {"n": 7} and result.raw == "n=7."
    schema = cd.JsonSchema({"enum": ["a1", "b2", "cc"], "pattern": r"^(.)\1$"}, unsupported="check")
    assert model("x", schema, retries=5).output == "cc"


def test_a_flagged_answer_is_flagged_by_its_own_evidence():
    model = noisy(4, {"7": -40.0})
    result = model("x", Annotated[int, Field(ge=0, le=9), only(7)], retries=20)
    assert result.output == 7 and result.refused
    assert 0 < result.prob < 1e-6


def test_retries_that_could_not_be_used_are_named():
    model = noisy(0)
    with pytest.raises(InputError, match="retries=-1"):
        model("x", int, retries=-1)
    reward = cd.rewards.Function(len)
    with pytest.raises(InputError, match="search goes without retries"):
        model("x", int, retries=2, search=cd.search.BestOfN(reward, n=2), temperature=1.0)
    with pytest.raises(InputError) as caught:
        model("x", int, max_retries=2)
    assert "retries=" in caught.value.hint

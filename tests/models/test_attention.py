"""What a network attended to, in the places of a canvas; and who cannot say."""

import math

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError, ModelError, ShapeError
from ctrldiff.models.alone import Alone
from ctrldiff.models.caches.approximate import ApproximateCached
from ctrldiff.models.caches.prefix import PrefixCached
from ctrldiff.models.callable import CallableDenoiser, from_callable, sequence
from ctrldiff.models.memory import Room, within_memory_both
from ctrldiff.models.modern_bert import _rotation, _turned
from ctrldiff.protocols import can_attend
from ctrldiff.sampling.combine import And, Cap, Or
from ctrldiff.sampling.commit import LeftToRight, Threshold, TopK
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.ahead import Ahead
from ctrldiff.state import ATTENTION, State
from tests.conftest import SIZE, STOP, VOCABULARY, ToyNetwork, blank, prompt, spec, toy


def by_hand(network, ids):
    """(L, L) of the model in the box, from its weights, by our own layers: the last 30 % of them, the mean over
    heads."""
    module = network.module
    x = module.model.embeddings(ids[None])
    at, seen = torch.arange(len(ids)), []
    for kind, layer in zip(module.kinds, module.model.layers, strict=True):
        width, heads = x.shape[-1], layer.attn.heads
        q, k, _ = layer.attn.Wqkv(layer.attn_norm(x)).view(1, len(ids), 3, heads, width // heads).permute(2, 0, 3, 1, 4)
        turn = _rotation(len(ids), module.size, module.bases[kind], x)
        scores = _turned(q, turn)[0] @ _turned(k, turn)[0].transpose(1, 2) / math.sqrt(module.size)
        near = (at[:, None] - at[None, :]).abs() <= module.reach
        if kind == "sliding_attention":
            scores = scores.masked_fill(~near, -torch.inf)
        seen.append(scores.softmax(dim=-1).mean(dim=0))
        x = layer(x, turn, near if kind == "sliding_attention" else None)
    late = seen[-math.ceil(0.3 * len(seen)) :]
    return torch.stack(late).mean(dim=0)


def test_a_transformers_network_says_what_its_last_layers_looked_at():
    eager = cd.from_pretrained("tiny", attn_implementation="eager").loaded.denoiser
    plain = cd.from_pretrained("tiny").loaded.denoiser
    texts = [list(range(40, 52)), list(range(60, 67))]
    state = eager.noise(State.blank(texts, 8, lengths=[8, 5], pad_id=1))
    logits, attention = eager.attended(state)
    assert torch.allclose(logits, eager(state), atol=1e-5) and torch.allclose(logits, plain(state), atol=1e-3)
    for row, length in enumerate((8, 5)):
        here = slice(len(texts[row]), len(texts[row]) + length)
        with torch.inference_mode():
            seen = by_hand(plain.network, sequence(state, row, plain.spec))
        assert torch.allclose(attention[row, :length, :length], seen[here, here], atol=1e-4)
        assert not attention[row, length:].any() and not attention[row, :, length:].any()


def test_attention_is_that_of_the_canvas_and_a_row_does_not_see_its_batch():
    state = toy().noise(blank(3, 7, lengths=[7, 7, 4], pad_id=STOP))
    for denoiser in (toy(), Alone(toy())):
        logits, attention = denoiser.attended(state)
        torch.testing.assert_close(logits, denoiser(state))  # floats of another batch: equal but for a last digit
        assert attention.shape == (3, 7, 7)
        for row, length in enumerate((7, 7, 4)):
            ids = torch.tensor([[*prompt(row), *state.tokens[row, :length].tolist()]])
            _, seen = ToyNetwork(0).attended(slice(None), ids)
            begin = len(prompt(row))
            torch.testing.assert_close(attention[row, :length, :length], seen[0, begin:, begin:])
            assert not attention[row, length:].any() and not attention[row, :, length:].any()


def told(ids):
    """A function that returns both."""
    return ToyNetwork(0).attended(slice(None), ids)


def test_a_function_may_return_its_attention():
    denoiser, state = from_callable(told, spec("mask"), VOCABULARY, attention=True), blank(2, 6)
    state = denoiser.noise(state)
    assert can_attend(denoiser) and torch.equal(denoiser(state), toy()(state))
    assert torch.equal(denoiser.attended(state)[1], toy().attended(state)[1])
    model = cd.Model.from_callable(told, spec("mask"), VOCABULARY, lambda text: [1, 2], attention=True)
    assert model("x", cd.Regex("[ab]{3}"), plan=Plan.preset("dapd")).raw in cd.Regex("[ab]{3}")


@pytest.mark.parametrize(
    ("both", "error", "says"),
    [
        (lambda ids: ToyNetwork(0)(ids), ShapeError, "tuple of two"),
        (lambda ids: (ToyNetwork(0)(ids), torch.ones(1, 2)), ShapeError, r"\(N, L, L\)"),
        (lambda ids: (ToyNetwork(0)(ids), None), ShapeError, "NoneType"),
        (lambda ids: (ToyNetwork(0)(ids), torch.full((*ids.shape, ids.shape[1]), torch.nan)), ModelError, "NaN"),
        (lambda ids: (ToyNetwork(0)(ids), torch.full((*ids.shape, ids.shape[1]), -0.1)), ModelError, "negative"),
    ],
)
def test_what_is_no_attention_is_refused(both, error, says):
    denoiser = from_callable(both, spec("mask"), VOCABULARY, attention=True)
    with pytest.raises(error, match=says):
        denoiser.attended(denoiser.noise(blank(1, 5)))


def quiet(ids):
    """A function without attention."""
    return ToyNetwork(0)(ids)


def test_a_plan_that_reads_attention_is_refused_before_any_work_where_there_is_none():
    calls = []
    plain = toy(network=lambda ids: calls.append(ids) or quiet(ids))
    assert not any(hasattr(kind, "attends") for kind in (ApproximateCached, PrefixCached))
    for denoiser in (plain, Alone(plain)):
        assert not can_attend(denoiser)
        for commit in (cd.commit.Independent(), Or(TopK(), Cap(cd.commit.Independent(), 2))):
            with pytest.raises(ModelError, match=r"Independent.*attention(.|\n)*eager"):
                sample(denoiser, blank(1, 5), commit=commit)
    assert not calls
    with pytest.raises(ModelError, match="attention=True"):
        CallableDenoiser(quiet, spec("mask"), VOCABULARY).attended(blank(1, 4))
    assert not can_attend(cd.from_pretrained("tiny").loaded.denoiser)


def test_attention_is_asked_for_only_where_something_reads_it_and_forgotten_after_the_step():
    assert Plan().attends is False and Plan.preset("klass").attends is False
    for inside in (And(TopK(), cd.commit.Independent()), LeftToRight(Cap(cd.commit.Independent(), 2))):
        assert Plan().but(commit=inside).attends
    assert Plan().but(commit=cd.commit.Learned(len, attention=True)).attends
    assert not Plan().but(commit=cd.commit.Learned(len)).attends

    def mine(posterior, tokens, state, step):
        assert state.memory[ATTENTION].shape == (2, 6, 6)
        return Threshold(0.5)(posterior, tokens, state, step)

    with pytest.raises(KeyError):
        sample(toy(), blank(2, 6), commit=mine)
    mine.attends = True
    assert ATTENTION not in sample(toy(), blank(2, 6), commit=mine).memory


def test_a_policy_that_is_shown_no_attention_says_so():
    state = blank(1, 4)
    posterior = cd.constrain.Free().bind(torch.zeros(1, 4, SIZE), state)
    with pytest.raises(InputError, match="attends = True"):
        cd.commit.Independent()(posterior, posterior.map(), state, Linear()(state.begin(torch.tensor([4]))))


def test_guides_and_searches_get_the_attention_of_the_canvas_itself():
    from ctrldiff.guidance.classifier_free import ClassifierFree
    from ctrldiff.search.run import Run
    from tests.guidance.fakes import context

    start, plan = blank(3, 8), Plan.preset("dapd", low=0.05, high=0.15, late=0.2)
    guide = ClassifierFree(0.0).prepare(context(3, toy()))  # no strength: branches are forwarded and change nothing
    alone = sample(toy(), start, commit=plan.commit)
    guided = sample(toy(), start, commit=plan.commit, guides=[guide])
    assert torch.equal(alone.tokens, guided.tokens) and torch.equal(alone.held_at, guided.held_at)
    free = plan.constrain(cd.constrain.FREE)
    found = Ahead(2)(Run(toy(), plan, free, context(3, toy())), start)
    assert torch.equal(found.state.tokens, alone.tokens) and torch.equal(found.state.held_at, alone.held_at)


def test_two_tensors_are_halved_as_one_is():
    ids = torch.arange(12).reshape(4, 3)
    room = Room(full=6)
    first, second = within_memory_both(lambda rows: (2 * rows, rows[:, :1]), ids, room=room)
    assert torch.equal(first, 2 * ids) and torch.equal(second, ids[:, :1])

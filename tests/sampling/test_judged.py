"""Proposals that a causal model judges: the released loops, the laws of draws, any constraint, and its own cost."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

import ctrldiff as cd
from ctrldiff.errors import InputError, VocabularyError
from ctrldiff.models.causal import CausalLM
from ctrldiff.sampling.combine import Proposed
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.judge import Judged, Mixture
from ctrldiff.sampling.loop import Loop, sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.propose import Best, Draw, Kept, Weighed
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from tests.cases import CONSTRAINTS, bound, hard_state, legal
from tests.causal import Bigram
from tests.conftest import NOISES, PIECES, SIZE, STOP, VOCABULARY, ToyNetwork, blank, prompt, text, toy
from tests.sampling.laws_of_draws import distance
from tests.sampling.loops import chance, judged
from tests.sampling.loops.net import Asked

LENGTHS, SEEDS = (10, 10, 7), range(8)
PLAN = Plan.preset("first_hitting", temperature=0).but(commit=Proposed())
Loops = tuple[Callable, Callable, Callable[[Bigram], object]]  # right, wrong, ours


def loops(loop: Callable, make: Callable, *right: object, **how: object) -> Loops:
    return (
        lambda net, after, ids, length: loop(net, after, ids, length, *right, **how),
        lambda net, after, ids, length: loop(net, after, ids, length, *right, **how, late=True),
        make,
    )


CASES: dict[str, Loops] = {
    "argmax": loops(judged.guided, lambda one: Judged(one, 1, 0.0), 1),
    "top 5": loops(judged.guided, lambda one: Judged(one, 5, 0.0), 5),
    "top 2, relative": loops(judged.guided, lambda one: Judged(one), 2, 0.5),
    "probable": loops(judged.guided, lambda one: Judged(one, None, 0.0, 0.1), SIZE, 0.0, 0.1),
    "three at most": loops(judged.guided, lambda one: Judged(one, 5, 0.0, reach=3), 5, reach=3),
    "corrected": loops(judged.guided, lambda one: Judged(one, correct=True), 2, 0.5, correct=True),
    "apd": loops(judged.apd, lambda one: Mixture(one, 0.5), 0.5),
    "apd, three at most": loops(judged.apd, lambda one: Mixture(one, 0.8, reach=3), 0.8, reach=3),
    "apd, the judge alone": loops(judged.apd, lambda one: Mixture(one, 0.0), 0.0),
}


def theirs(loop: Callable, seed: int) -> list[tuple[list[int], int]]:
    out = []
    for row, length in enumerate(LENGTHS):
        net = Asked(seed)
        out.append((loop(net, Bigram(seed).after, prompt(row), length), net.passes))
    return out


def ours(propose: object, seed: int) -> list[tuple[list[int], int]]:
    state = State.blank([prompt(row) for row in range(3)], max(LENGTHS), lengths=LENGTHS, pad_id=STOP)
    plan = PLAN.but(propose=propose)
    state = Loop(toy(seed=seed), plan, plan.constrain(FREE)).run(state)
    assert torch.equal(state.other_calls, state.forwards), "one call of the judge a step"
    rows = zip(state.tokens.tolist(), LENGTHS, state.forwards.tolist(), strict=True)
    return [(tokens[:length], passes) for tokens, length, passes in rows]


@pytest.mark.parametrize("name", CASES)
def test_it_is_the_released_loop_and_a_judge_read_one_place_late_is_not(name):
    right, wrong, make = CASES[name]
    found = [ours(make(Bigram(seed)), seed) for seed in SEEDS]
    assert found == [theirs(right, seed) for seed in SEEDS]
    assert found != [theirs(wrong, seed) for seed in SEEDS]
    assert any(passes < length for rows in found for (_, passes), length in zip(rows, LENGTHS, strict=True))


A, B = 11, 12


def twofold(ids: torch.Tensor) -> torch.Tensor:
    logits = ToyNetwork(seed=3, scale=1.2)(ids)
    two = torch.full_like(logits, -torch.inf)
    two[..., [A, B]] = logits[..., [A, B]]
    return two


def test_draws_are_compared_under_the_noise_that_they_were_drawn_by():
    """As published; the released code compares with a target without noise, whose law is another."""
    judge, rows = Bigram(7, 2.0, (A, B)), 500
    net = chance.Asked(twofold, [3], (A, B))
    plan = Plan.preset("first_hitting").but(commit=Proposed(), propose=Mixture(judge, 0.5, inner=Draw()))
    state = Loop(toy(network=twofold), plan, plan.constrain(FREE)).run(State.blank([[3]] * rows, 4, draws=range(rows)))
    found = [tuple(row) for row in state.tokens.tolist()]
    law = partial(judged.apd_law, net, judge.after, [3], 4, 0.5)
    assert sum(law().values()) == pytest.approx(1)
    assert distance(found, law()) < 0.09 < 0.2 < distance(found, law(shared=False))


PROPOSERS = [
    lambda judge: Judged(judge),
    lambda judge: Judged(judge, 1, correct=True, inner=Draw()),
    lambda judge: Mixture(judge, 0.3, inner=Draw()),
]


@pytest.mark.parametrize("make", PROPOSERS, ids=["judged", "corrected", "mixture"])
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_what_is_judged_is_legal_and_a_row_is_the_same_in_any_batch(name, make):
    for noise, schedule in zip(NOISES, (Blocks(3), cd.schedule.Linear()), strict=True):
        how = {"propose": make(Bigram(1)), "commit": Proposed(), "schedule": schedule}
        start = hard_state(name)
        state = sample(toy(noise), start, constraint=bound(name, 3), **how)
        assert state.done.all() and all(legal(name, text(row)) for row in state.tokens)
        assert torch.equal(state.tokens[~start.open], start.tokens[~start.open])
        for row in range(3):
            alone = sample(toy(noise), start.gather([row]), constraint=bound(name, 1), **how)
            assert torch.equal(alone.tokens[0], state.tokens[row])
            assert alone.other_calls[0] == state.other_calls[row] <= state.forwards[row]


def test_a_judge_is_not_asked_where_only_one_token_may_stand():
    """Law X9: what is forced once the tokens before it stand passes, whatever the judge would rather write."""
    table = bound("choice", 1)  # a, ab, 19-00, 1900
    against = Bigram(0, 1.0, (STOP, 10))  # knows nothing but the end and a dash
    start = blank(1, 8)
    how = {"constraint": table, "commit": Proposed(), "propose": Judged(against, 1, 0.0)}

    def network(ids: torch.Tensor) -> torch.Tensor:
        return 8 * torch.nn.functional.one_hot(torch.full_like(ids, 13), SIZE).float()  # "19" everywhere

    state = sample(toy(network=network), start, **how)
    assert text(state.tokens[0]) in (b"19-00", b"1900") and state.forwards[0] <= 2


def llama(seed: int = 0, size: int = SIZE) -> LlamaForCausalLM:
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=size, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
    )
    network = LlamaForCausalLM(config).eval()
    for weights in network.parameters():
        weights.data.mul_(6)
    return network


def plainly(network: LlamaForCausalLM, ids: list[int]) -> torch.Tensor:
    """(V,) log-probabilities of what follows, by one text and its last position."""
    with torch.no_grad():
        return network(torch.tensor([ids])).logits[0, -1].log_softmax(dim=-1)


@pytest.mark.parametrize("batch_size", [2, 16])
def test_a_causal_model_of_transformers_says_what_it_says_of_every_prefix(batch_size):
    network = llama()
    judge = CausalLM(network, VOCABULARY, batch_size=batch_size)
    state, tokens = blank(3, 5), torch.randint(0, STOP, (3, 5), generator=torch.Generator().manual_seed(1))
    says = judge(state, tokens)
    right = [
        torch.stack([plainly(network, [*prompt(row), *tokens[row, :t].tolist()]) for t in range(5)]) for row in range(3)
    ]
    assert torch.allclose(says, torch.stack(right), atol=1e-4)
    assert not torch.allclose(says[:, 1:], torch.stack(right)[:, :-1], atol=0.1), "one place late"
    again = [(ours(Judged(judge), 3)), ours(Judged(Wrapped(network)), 3)]
    assert again[0] == again[1]


class Wrapped:
    """The same model, by nothing but prefixes."""

    def __init__(self, network: LlamaForCausalLM) -> None:
        self.network, self.vocabulary = network, VOCABULARY

    def __call__(self, state: State, tokens: torch.Tensor) -> torch.Tensor:
        rows = zip(state.prompt, tokens.tolist(), strict=True)
        return torch.stack(
            [
                torch.stack([plainly(self.network, [*ids.tolist(), *row[:t]]) for t in range(len(row))])
                for ids, row in rows
            ]
        )


def test_an_energy_is_what_the_causal_model_says_of_the_whole_text_and_draws_go_towards_it():
    judge = CausalLM(llama(), VOCABULARY)
    state = State.blank([prompt(0)], 3)
    tokens = torch.tensor([[[1, 2, 3], [4, STOP, 9]]])
    ids = [*prompt(0), 4, STOP]
    by_hand = -sum(float(plainly(judge.network, ids[:-n])[ids[-n]]) for n in (1, 2))
    assert float(judge.energy(state, tokens)[0, 1]) == pytest.approx(by_hand, abs=1e-4)

    # E = log p_diffusion - log p_AR: with many candidates the draws have the causal model's own law, among the two
    # texts that the network may write; with the other sign they flee it.
    causal, rows = Bigram(7, 2.0, (A, B)), 300

    def energy(state: State, drawn: torch.Tensor) -> torch.Tensor:
        before = [ids[-1:].tolist() for ids in state.prompt]
        return torch.tensor(
            [[-float(causal.after(b)[x[0]]) for x in row] for b, row in zip(before, drawn.tolist(), strict=True)]
        )

    def share(propose: object) -> float:
        start = State.blank([[3]] * rows, 1, draws=range(rows))
        done = sample(toy(network=twofold), start, propose=propose, commit=cd.commit.Everything())
        return float((done.tokens[:, 0] == A).float().mean())

    own = float(causal.after([3])[A].exp())
    drawn = share(Weighed(energy, 12, residual=True))
    plain, fled = share(Draw()), share(Weighed(lambda s, x: -energy(s, x), 12, residual=True))
    assert abs(drawn - own) < 0.08 < abs(plain - own)
    assert abs(fled - own) > 0.1


def test_another_vocabulary_is_refused_before_the_first_pass():
    network, others = ToyNetwork(), [b"x", *PIECES[1:], None, None, None]
    other = cd.Vocabulary.from_tokens(others, stop_ids=[STOP])
    for make in (Judged, Mixture):
        with pytest.raises(VocabularyError, match=r"id 0: the model writes b'0', the judge writes b'x'"):
            sample(toy(network=network), blank(1, 4), propose=make(Bigram(vocabulary=other)), commit=Proposed())
        longer = cd.Vocabulary.from_tokens([*PIECES, None, None, None, b"more"], stop_ids=[STOP])
        sample(toy(), blank(1, 4), propose=make(Bigram(vocabulary=longer)), commit=Proposed())
    weighed = Weighed(CausalLM(llama(), other).energy)
    for propose in (weighed, Kept(weighed)):
        with pytest.raises(VocabularyError, match="id 0"):
            sample(toy(network=network), blank(1, 4), propose=propose)
    assert not network.calls


def test_empty_prompts_want_an_id_before_them_and_bad_numbers_are_refused():
    judge = CausalLM(llama(), VOCABULARY)
    with pytest.raises(InputError, match="row 1 has an empty prompt"):
        judge(State.blank([[1], []], 2), torch.zeros((2, 2), dtype=torch.int64))
    with pytest.raises(InputError, match=f"its prompt has id {SIZE}"):
        judge(State.blank([[SIZE]], 2), torch.zeros((1, 2), dtype=torch.int64))
    led = CausalLM(judge.network, VOCABULARY, bos_id=STOP)
    one, two = torch.tensor([[2, 3]]), torch.tensor([[1, 2, 3]])
    assert torch.allclose(led(State.blank([[1]], 2), one)[0], led(State.blank([[]], 3), two)[0, 1:], atol=1e-5)
    for wrong in ({"top": 0}, {"relative": 1.5}, {"above": -0.1}, {"reach": 0}):
        with pytest.raises(InputError):
            Judged(Bigram(), **wrong)
    for wrong in ({"weight": 1.5}, {"reach": 0}):
        with pytest.raises(InputError):
            Mixture(Bigram(), **wrong)
    with pytest.raises(InputError, match="within the loop"):
        Judged(Bigram())(None, blank(1, 2))


def test_the_front_door_counts_what_the_judge_costs():
    tiny, code = cd.from_pretrained("tiny"), cd.Regex("[A-Z]{2}-[0-9]{4}")
    size = tiny.vocabulary.size
    judge = CausalLM(llama(size=size), tiny.vocabulary)
    plan = Plan.default().but(propose=Judged(judge, inner=Best()), commit=Proposed())
    result = tiny("The code is AB-1234.", code, plan=plan)
    assert result.raw in code and 0 < result.usage.other_calls <= result.usage.forwards
    assert tiny("The code is AB-1234.", code).usage.other_calls == 0

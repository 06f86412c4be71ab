"""A trained policy says where: what it is shown, how its scores are read, and what is refused."""

import pytest
import torch

from ctrldiff.errors import InputError, ShapeError
from ctrldiff.sampling.commit import Threshold, TopK
from ctrldiff.sampling.constrain import FREE
from ctrldiff.sampling.learned import Features, Learned
from ctrldiff.sampling.loop import sample
from tests.conftest import blank, logits_like, toy
from tests.sampling.fakes import chosen, step


def scene():
    state = blank(2, 5, lengths=[5, 4], pad_id=15)
    posterior = FREE.bind(logits_like(state, 1), state)
    return posterior, posterior.map(), state


def test_a_policy_is_shown_what_the_posterior_says_by_plain_sums():
    posterior, tokens, state = scene()
    window = state.open.clone()
    window[0, 4] = False
    shown = Features.of(posterior, tokens, state, step(state, window=window))
    probs = posterior.marginals()
    for row in range(2):
        for t in range(5):
            p = sorted(probs[row, t].tolist(), reverse=True)
            may = bool(window[row, t])
            assert shown.may[row, t] == may
            assert shown.confidence[row, t].item() == pytest.approx(p[0] if may else 0, abs=1e-5)
            assert shown.margin[row, t].item() == pytest.approx(p[0] - p[1] if may else 0, abs=1e-5)
            entropy = -sum(q * torch.tensor(q).log().item() for q in p if q > 0)
            assert shown.entropy[row, t].item() == pytest.approx(entropy if may else 0, abs=1e-4)
    assert shown.place[0].tolist() == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert shown.place[1, :4].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert shown.share.tolist() == [1, 1] and shown.time.tolist() == pytest.approx([8 / 9, 8 / 9])
    assert shown.stacked.shape == (2, 5, 7) and shown.attention is None
    assert torch.equal(shown.stacked[..., 0], shown.confidence) and torch.equal(shown.canvas < 0, state.open)


def test_scores_are_read_by_threshold_by_quota_and_by_chance():
    posterior, tokens, state = scene()
    scores = torch.tensor([[0.1, 0.9, 0.5, 0.9, 0.2], [0.3, 0.1, 0.2, 0.4, 1.0]])
    there = step(state, quota=2)
    assert chosen(Learned(lambda told: scores)(posterior, tokens, state, there)) == [[1, 2, 3], [3]]
    assert chosen(Learned(lambda told: scores, "quota")(posterior, tokens, state, there)) == [[1, 3], [0, 3]]
    sure = torch.tensor([[1.0, 0, 0, 1, 0], [0, 0, 0, 0, 1.0]])
    assert chosen(Learned(lambda told: sure, "chance")(posterior, tokens, state, there)) == [[0, 3], [0]]


def test_chance_takes_each_position_as_often_as_its_score_says():
    posterior, tokens, state = scene()
    scores = torch.tensor([[0.9, 0.5, 0.2, 0.7, 0.05], [0.5, 0.5, 0.5, 0.5, 0.0]])
    policy = Learned(lambda told: scores, "chance")
    counts = sum(policy(posterior, tokens, state, step(state)).to(torch.float64) for _ in range(2000))
    nothing = [torch.prod(1 - row[: 5 - n]).item() for n, row in enumerate(scores)]  # then the first of the best
    wanted = scores.to(torch.float64).clone()
    for row, at in enumerate((0, 0)):
        wanted[row, at] += nothing[row]
    wanted[1, 4] = 0
    assert (counts / 2000 - wanted).abs().max() < 0.045  # four standard errors


def test_confidence_as_a_score_is_the_threshold_and_the_top_k():
    for learned, plain in (
        (Learned(lambda told: told.confidence, above=0.6), Threshold(0.6)),
        (Learned(lambda told: told.confidence, "quota"), TopK()),
        (Learned(lambda told: -told.place, "quota"), TopK("position")),
    ):
        one, other = (sample(toy(), blank(3, 9), commit=policy) for policy in (learned, plain))
        assert torch.equal(one.tokens, other.tokens) and torch.equal(one.held_at, other.held_at)
    wrong = sample(toy(), blank(3, 9), commit=Learned(lambda told: -told.confidence, "quota"))
    assert not torch.equal(wrong.held_at, sample(toy(), blank(3, 9), commit=TopK()).held_at)


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(7, 1)

    def forward(self, told):
        assert not torch.is_grad_enabled()
        return self.head(told.stacked)[..., 0].sigmoid()


def test_a_torch_module_is_a_policy_and_is_run_without_gradients():
    torch.manual_seed(0)
    done = sample(toy(), blank(3, 8), commit=Learned(Net(), "chance"))
    assert done.done.all() and not done.tokens.requires_grad


@pytest.mark.parametrize(
    ("score", "by", "error", "says"),
    [
        (lambda told: told.confidence[:, :-1], "threshold", ShapeError, r"\(2, 4\).*\n?.*\(2, 5\)"),
        (lambda told: told.stacked, "threshold", ShapeError, r"\(2, 5, 7\)"),
        (lambda told: [[0.5] * 5] * 2, "threshold", ShapeError, "list"),
        (lambda told: told.may, "threshold", ShapeError, "bool"),
        (
            lambda told: torch.where(told.place == 0.5, torch.nan, 0.5),
            "threshold",
            InputError,
            "row 0, position 2.*nan",
        ),
        (lambda told: torch.full((2, 5), torch.inf), "quota", InputError, "inf"),
        (lambda told: torch.full((2, 5), 1.5), "chance", InputError, "1.5"),
        (lambda told: torch.full((2, 5), -0.5), "chance", InputError, "-0.5"),
    ],
)
def test_what_is_no_score_is_refused(score, by, error, says):
    posterior, tokens, state = scene()
    with pytest.raises(error, match=says):
        Learned(score, by)(posterior, tokens, state, step(state))


def test_what_is_not_asked_about_may_be_anything():
    posterior, tokens, state = scene()
    window = torch.zeros_like(state.open)
    window[:, 1] = True
    scores = torch.full((2, 5), torch.nan)
    scores[:, 1] = 0.5
    assert chosen(Learned(lambda told: scores)(posterior, tokens, state, step(state, window=window))) == [[1], [1]]


@pytest.mark.parametrize("wrong", [{"score": 3}, {"score": Net}, {"by": "luck"}, {"above": "x"}])
def test_what_is_no_policy_is_refused(wrong):
    with pytest.raises(InputError):
        Learned(**{"score": lambda told: told.confidence, **wrong})

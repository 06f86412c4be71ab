"""Law X5, and what the loop may not rely on: no mask id, no acceptance that lasts."""

from itertools import combinations, pairwise, product

import pytest
import torch

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.errors import InputError
from ctrldiff.sampling.commit import EntropyBound, Everything, Renoise, Rewrite, TopK
from ctrldiff.sampling.constrain import FREE, Tables
from ctrldiff.sampling.edit import Disagree, Reconsider, correct
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.orders import Routed
from ctrldiff.sampling.propose import Draw
from ctrldiff.sampling.schedules import Blocks, Linear
from ctrldiff.state import Status
from tests.cases import CONSTRAINTS, EDIT_NOTES, EDITS, LENGTH, PROPOSERS, bound, hard_state, legal
from tests.conftest import NOISES, SIZE, VOCABULARY, blank, few, text, toy
from tests.watching import watching

A, B = 11, 12
COMMITS = {
    "top-k": TopK(),
    "entropy bound": EntropyBound(0.5),
    "rewrite": Rewrite(TopK()),
    "renoise": Renoise(TopK()),
    "blocks": TopK("random"),
    "routed": Routed(0.5),
}


def proposed(first: int) -> list[tuple[str, str]]:
    """Each noise with a proposer, half of them apart."""
    names, half = list(PROPOSERS), len(PROPOSERS) // 2
    return [(noise, names[(first + half * n) % len(names)]) for n, noise in enumerate(NOISES)]


def test_every_three_of_constraint_edit_commit_and_proposer_meet():
    kinds = (range(len(CONSTRAINTS)), range(len(EDITS)), range(len(COMMITS)), PROPOSERS)
    cases = {(*at, propose) for at in product(*kinds[:3]) for _, propose in proposed(sum(at))}
    for some in combinations(range(4), 3):
        assert {tuple(case[i] for i in some) for case in cases} == set(product(*(kinds[i] for i in some))), (
            "more proposers than these decodes can meet: let each noise have two"
        )


@pytest.mark.parametrize("commit", COMMITS)
@pytest.mark.parametrize("edit", EDITS)
@pytest.mark.parametrize("name", few(CONSTRAINTS, 3))
def test_x5_what_is_emitted_is_legal_whatever_is_edited(name, edit, commit):
    """With each noise by one proposer, so that every three of constraint, edit, commit and proposer meet."""
    start = hard_state(name)
    schedule = Blocks(3, steps=7) if commit == "blocks" else Linear(7)
    first = list(CONSTRAINTS).index(name) + list(EDITS).index(edit) + list(COMMITS).index(commit)
    for noise, propose in proposed(first):
        state = sample(
            toy(noise, seed=5),
            start,
            constraint=bound(name, 3),
            edit=EDITS[edit],
            observers=EDIT_NOTES.get(edit, ()),
            commit=COMMITS[commit],
            propose=PROPOSERS[propose],
            schedule=schedule,
        )
        assert state.done.all() and all(legal(name, text(row)) for row in state.tokens)
        kept = ~start.open
        assert torch.equal(state.tokens[kept], start.tokens[kept]) and torch.equal(
            state.status[kept], start.status[kept]
        )


@pytest.mark.parametrize("noise", NOISES)
def test_an_accepted_token_can_be_revoked_and_another_emitted(noise):
    seen = []

    def watch(state, step):
        seen.append(state.written.clone())

    state = sample(
        toy(noise, seed=2),
        blank(4, LENGTH, seed=1),
        constraint=bound("text", 4),
        edit=Reconsider(),
        commit=EntropyBound(1.0),
        propose=Draw(),
        schedule=Linear(8),
        observers=[watching(watch)],
    )
    revoked = sum(int(((a >= 0) & (b != a)).sum()) for a, b in pairwise(seen))
    assert revoked > 0 and state.done.all() and all(legal("text", text(row)) for row in state.tokens)


def test_the_network_sees_what_was_written_until_it_is_revoked_and_noise_after():
    """An accepted token stays in sight when it is reconsidered; what is not accepted again is drawn anew."""
    canvases = []

    def network(ids):
        canvases.append(ids.clone())
        return torch.zeros(*ids.shape, SIZE)

    held = []
    sample(
        toy("uniform", network=network),
        blank(1, 5),
        edit=Reconsider(),
        commit=TopK("random"),
        propose=Draw(),
        schedule=Linear(5),
        observers=[watching(lambda state, step: held.append(state.written[0].clone()))],
    )
    for written, canvas in zip(held, canvases[1:]):
        kept = written >= 0
        assert torch.equal(canvas[0, 3:][kept], written[kept])
    assert any((a >= 0).any() and ((a >= 0) & (b < 0)).any() for a, b in pairwise(held)), "something is revoked"


def likes(*favourites):
    """A network sure of one token at each position of the canvas, which changes its mind after each call."""
    calls = []

    def network(ids):
        wanted = favourites[min(len(calls), len(favourites) - 1)]
        calls.append(1)
        logits = torch.zeros(*ids.shape, SIZE)
        for position, token in enumerate(wanted):
            logits[:, 3 + position, token] = 9.0
        return logits

    return network


def test_x5_an_edit_is_solved_with_the_rest_and_not_written_token_by_token():
    """The model turns from "ab" to "bb", which is no member: the only legal edit of one position is none."""
    table = Tables.same(Choice(["ab", "ba"]).compile(VOCABULARY), 1)
    network = likes([A, B], [B, B])
    state = sample(toy(network=network), blank(1, 2), constraint=table, commit=TopK("position"), schedule=Linear(1))
    assert text(state.tokens[0]) == b"ab"
    state = correct(toy(network=network), state, edit=Disagree(0.5), constraint=table, steps=1)
    assert text(state.tokens[0]) == b"ab", "position 0 cannot be b as long as position 1 is"
    state = correct(toy(network=likes([B, A])), state, edit=Disagree(0.5), constraint=table, steps=1)
    assert text(state.tokens[0]) == b"ba", "both change together"


def test_rewrite_writes_at_once_and_renoise_leaves_noise():
    def canvases(commit):
        network, seen = likes([A, A, A], [B, A, A]), []
        watch = lambda state, step: seen.append(state.written[0].tolist())  # noqa: E731
        sample(
            toy(network=network),
            blank(1, 3),
            edit=Disagree(0.5),
            commit=commit,
            schedule=Linear(3),
            observers=[watching(watch)],
        )
        return seen

    assert canvases(Rewrite(TopK("position"))) == [[A, -1, -1], [B, A, -1], [B, A, A]]
    assert canvases(Renoise(TopK("position"))) == [[A, -1, -1], [-1, A, -1], [B, A, A]]


@pytest.mark.parametrize("noise", NOISES)
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_correcting_keeps_every_canvas_legal_and_the_given_positions(name, noise):
    start = hard_state(name)
    state = sample(toy(noise), start, constraint=bound(name, 3), commit=Everything())
    for edit in (Reconsider(), Disagree(0.1, count=1)):
        for steps in range(4):
            after = correct(toy(noise, seed=8), state, edit=edit, constraint=bound(name, 3), steps=steps)
            assert after.done.all() and all(legal(name, text(row)) for row in after.tokens)
            kept = start.status != int(Status.OPEN)
            assert torch.equal(after.tokens[kept], start.tokens[kept])
            assert ((after.forwards - state.forwards) <= steps).all()


def test_correcting_ends_when_nothing_changes_and_each_row_for_itself():
    start = sample(toy(), blank(3, LENGTH), constraint=FREE, commit=Everything())
    together = correct(toy(seed=8), start, edit=Disagree(0.1, count=1), steps=30)
    for row in range(3):
        alone = correct(toy(seed=8), start.gather([row]), edit=Disagree(0.1, count=1), steps=30)
        assert torch.equal(alone.tokens[0], together.tokens[row]) and alone.forwards[0] == together.forwards[row]
    assert (together.forwards < start.forwards + 30).any() and (together.tokens != start.tokens).any()


def test_correct_asks_for_complete_canvases():
    with pytest.raises(InputError, match="open positions"):
        correct(toy(), blank(1, 3), edit=Reconsider())
    with pytest.raises(InputError, match="steps=-1"):
        correct(toy(), blank(1, 0), edit=Reconsider(), steps=-1)


def test_disagree_takes_the_most_probable_first_and_only_what_is_held():
    state = blank(1, 4)
    state = state.write(torch.tensor([[True, True, True, False]]), torch.full((1, 4), A))
    logits = torch.zeros(1, 4, SIZE)
    logits[0, :, B] = torch.tensor([3.0, 6.0, 9.0, 9.0])
    assert Disagree(0.2)(logits, state, None).tolist() == [[True, True, True, False]]
    assert Disagree(0.9)(logits, state, None).tolist() == [[False, True, True, False]]
    assert Disagree(0.2, count=1)(logits, state, None).tolist() == [[False, False, True, False]]
    assert not Disagree(0.2)(logits.roll(-1, dims=2), state, None).any(), "it is what the model says"


def test_stable_asks_for_the_same_completion_and_little_entropy():
    from ctrldiff.sampling.stop import Stable

    table = Tables.same(Regex("[ab]").compile(VOCABULARY), 1)
    state = blank(1, 1)
    logits = torch.zeros(1, 1, SIZE)
    logits[..., A] = 12.0
    posterior = table.bind(logits, state)
    assert not Stable(1, 0.01)(posterior, state, None).any(), "nothing to compare with yet"
    agreed = state.recall(posterior.map())
    assert Stable(1, 0.01)(posterior, agreed, None).all() and not Stable(2, 0.01)(posterior, agreed, None).any()
    assert not Stable(1, 1e-9)(posterior, agreed, None).any(), "too uncertain"
    assert not Stable(1, 0.01)(posterior, state.recall(torch.tensor([[B]])), None).any(), "another completion"
    with pytest.raises(InputError, match="steps=9"):
        Stable(9)

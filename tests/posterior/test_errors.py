"""What is refused, and whether the refusal helps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ctrldiff.automata.compile import compile_expression
from ctrldiff.errors import BudgetTooSmall, Infeasible, LogitsInvalid, ShapeError
from ctrldiff.posterior.chain import bind_rows
from ctrldiff.posterior.table import Table
from ctrldiff.regex.parse import parse
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary

TOKENS = [b"0", b"1", b"9", b"-", b"19", b"00", None, None]  # then mask, stop
VOCABULARY = Vocabulary.from_tokens(TOKENS, stop_ids=[7])
V = VOCABULARY.size


def table(pattern: str, vocabulary: Vocabulary = VOCABULARY) -> Table:
    return Table(lift(compile_expression(parse(pattern)), vocabulary), vocabulary)


def flat(*shape: int) -> np.ndarray:
    return np.zeros((*shape, V), np.float32)


def test_too_few_positions_names_the_fewest_that_work():
    with pytest.raises(BudgetTooSmall, match="give it 3 positions or more") as caught:
        table(r"\d{4}-").bind(flat(2))
    assert (caught.value.shortest, caught.value.budget) == (3, 2)
    table(r"\d{4}-").bind(flat(3)).map()


def test_a_written_token_that_cannot_be_is_named_with_what_could():
    with pytest.raises(Infeasible) as caught:
        table(r"\d{4}-").bind(flat(2, 6), np.array([[-1] * 6, [3, -1, -1, -1, -1, -1]]))
    assert (caught.value.row, caught.value.position) == (1, 0)
    assert 'holds "-"' in str(caught.value) and '"0", "1", "9", "19", "00"' in str(caught.value)


def test_of_two_written_tokens_the_first_that_cannot_be_is_named():
    with pytest.raises(Infeasible) as caught:
        table(r"\d{4}-").bind(flat(6), np.array([4, -1, 3, 3, -1, -1]))
    assert caught.value.position == 3


def test_a_canvas_no_text_fills_is_not_called_too_small():
    endless = Vocabulary.from_tokens(TOKENS)
    with pytest.raises(Infeasible, match="exactly 6 tokens") as caught:
        table(r"\d{4}-", endless).bind(flat(6))
    assert not isinstance(caught.value, BudgetTooSmall)
    assert "stop id" in str(caught.value)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.nan])
@pytest.mark.parametrize("token", [0, 3, 6, 7])
def test_nan_and_plus_infinity_are_named_by_row_and_position(bad, token):
    x = flat(3, 5)
    x[1, 2, token] = bad
    posterior = table(r"\d{4}").bind(x)  # nothing is read yet
    for query in (posterior.map, posterior.log_z, posterior.marginals, posterior.sample, posterior.entropy):
        with pytest.raises(LogitsInvalid) as caught:
            query()
        assert (caught.value.row, caught.value.position) == (1, 2)


def test_logits_of_written_positions_are_never_read():
    x = flat(5)
    x[1] = np.nan
    posterior = table(r"\d{4}").bind(x, [-1, 1, -1, -1, -1])
    assert posterior.map()[1] == 1
    assert np.isfinite(posterior.marginals()).all()


def test_a_position_with_every_token_forbidden_is_named():
    x = flat(5)
    x[3] = -np.inf
    with pytest.raises(Infeasible, match="every token is -inf at position 3"):
        table(r"\d{4}").bind(x).map()


def test_logits_that_forbid_every_text_are_told_from_a_constraint_that_does():
    x = flat(5)
    x[2:, :6] = -np.inf
    for query in ("map", "log_z", "marginals", "sample"):
        with pytest.raises(Infeasible, match="the logits forbid every legal text of row 0: none gets past position 2"):
            getattr(table(r"[01]{4}-").bind(x), query)()


def test_clamping_against_what_is_written_is_refused():
    posterior = table(r"\d{4}").bind(flat(5), [1, -1, -1, -1, -1])
    with pytest.raises(Infeasible, match='already holds "1", not "0"'):
        posterior.clamp([0] * 5, [True] + [False] * 4)


@pytest.mark.parametrize(
    "call",
    [
        lambda t: t.bind(np.zeros((5, V + 1), np.float32)),
        lambda t: t.bind(np.zeros(V, np.float32)),
        lambda t: t.bind(np.zeros((5, V), np.int64)),
        lambda t: t.bind(torch.zeros((5, V), dtype=torch.int64)),
        lambda t: t.bind(np.zeros((0, 5, V), np.float32)),
        lambda t: t.bind(flat(5), np.zeros((2, 5), np.int64)),
        lambda t: t.bind(flat(5), np.zeros(5, np.float32)),
        lambda t: t.bind(flat(5), [-2, -1, -1, -1, -1]),
        lambda t: t.bind(flat(5), [V, -1, -1, -1, -1]),
        lambda t: t.bind(flat(5)).confidence([-1] * 5),
        lambda t: t.bind(flat(5)).score([0] * 4),
        lambda t: t.bind(flat(5)).log_z_given([V] * 5, [True] * 5),
        lambda t: t.bind(flat(5)).map(0),
        lambda t: t.bind(flat(2, 5)).sample(rngs=[np.random.default_rng(0)]),
        lambda t: t.forced([[-1] * 5]),
        lambda t: t.forced([V] * 5),
        lambda t: bind_rows([t], flat(2, 5)),
        lambda t: Table(t.automaton, Vocabulary.from_tokens([b"0"])),
    ],
)
def test_arrays_that_do_not_fit_are_refused(call):
    with pytest.raises(ShapeError):
        call(table(r"\d{4}"))


def test_ids_that_are_not_kept_may_be_anything():
    posterior = table(r"\d{4}").bind(flat(5))
    assert posterior.feasible([-1, 99, -1, -1, -1], [False] * 5)

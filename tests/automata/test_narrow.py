"""Token automata narrowed by machines, against every string of tokens."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from ctrldiff.constraints.basic import Regex, Text
from ctrldiff.constraints.blocking import DynamicBlocking
from ctrldiff.constraints.length import Length
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, ConstraintUnsatisfiable
from ctrldiff.limits import Limits
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.narrow import TokenCount, TokenPairs, narrowed
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.conftest import STOP, VOCABULARY

PIECES = [b"a", b"b", b"ab", b"1"]
END, PAD = 4, 5
SMALL = Vocabulary.from_tokens([*PIECES, None, None], stop_ids=[END], pad_id=PAD)
BARE = Vocabulary.from_tokens(PIECES)
LANGUAGES = [Text(empty=True), Regex("(ab|1)*"), Regex("a*b?1{0,2}"), Regex("(ab)*")]
PAIRS = [((0, 1),), ((0, 0), (1, 0), (1, 3)), ((2, 2), (0, 1), (3, 3))]


def keeps(rule, text):
    """The rule, read off a string of text tokens."""
    if isinstance(rule, TokenCount):
        return rule.low <= len(text) and (rule.high is None or len(text) <= rule.high)
    return not any((a, b) in rule.pairs for a, b in pairwise(text))


def written(string):
    """The text tokens of a canvas; None if something stands behind its end."""
    ids = list(string)
    if END not in ids:
        return None if PAD in ids else ids
    first = ids.index(END)
    return ids[:first] if PAD not in ids[:first] and set(ids[first:]) <= {END, PAD} else None


def legal(language, rules, canvas):
    text = written(canvas)
    return (
        text is not None
        and b"".join(PIECES[one] for one in text) in language
        and all(keeps(rule, text) for rule in rules)
    )


def truth(language, rules, length, scores):
    size = scores.shape[1]
    total, best, members = -np.inf, (-np.inf, None), set()
    for canvas in product(range(size), repeat=length):
        if legal(language, rules, canvas):
            score = scores[range(length), canvas].astype(np.float64).sum()
            members.add(canvas)
            total = np.logaddexp(total, score)
            best = max(best, (score, canvas), key=lambda pair: pair[0])
    return total, best, members


RULES = [
    (TokenCount(1, 2),),
    (TokenCount(2, None),),
    (TokenCount(0, 3),),
    *((TokenPairs(pairs),) for pairs in PAIRS),
    (TokenPairs(PAIRS[1]), TokenCount(1, 3)),
]


@pytest.mark.parametrize("vocabulary", [SMALL, BARE], ids=["ended", "bare"])
@pytest.mark.parametrize("rules", RULES, ids=str)
def test_every_string_of_tokens_is_judged_as_the_rules_say(rules, vocabulary):
    rng = np.random.default_rng(0)
    for language in LANGUAGES:
        plain = lift(language.dfa(), vocabulary)
        table = Table(narrowed(plain, rules, vocabulary), vocabulary)
        scores = rng.normal(size=(4, vocabulary.size)).astype(np.float32)
        total, (best, _), members = truth(language, rules, 4, scores)
        if not members:  # of a bare vocabulary, some count no string of four can have
            continue
        posterior = table.bind(scores)
        assert posterior.log_z() == pytest.approx(total, abs=1e-4)
        assert scores[range(4), posterior.map()].sum() == pytest.approx(best, abs=1e-4)
        marginals = np.zeros((4, vocabulary.size))
        for one in members:
            marginals[range(4), one] += np.exp(scores[range(4), one].sum(dtype=np.float64) - total)
        assert np.allclose(posterior.marginals(), marginals, atol=1e-4)


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (TokenCount(1, 2), TokenCount(1, 3)),
        (TokenCount(2, None), TokenCount(1, None)),
        (TokenPairs(((0, 1),)), TokenPairs(((1, 0),))),
        (TokenPairs(((0, 0), (1, 0))), TokenPairs(((0, 0), (1, 0), (1, 1)))),
    ],
)
def test_another_rule_would_be_noticed(rule, wrong):
    scores = np.random.default_rng(1).normal(size=(4, SMALL.size)).astype(np.float32)
    total, _, _ = truth(LANGUAGES[0], (rule,), 4, scores)
    plain = lift(LANGUAGES[0].dfa(), SMALL)
    right, other = (Table(narrowed(plain, (one,), SMALL), SMALL).bind(scores).log_z() for one in (rule, wrong))
    assert right == pytest.approx(total, abs=1e-4) and other != pytest.approx(total, abs=1e-3)


def test_how_near_and_far_the_end_is_counts_the_rules():
    table = (Text(empty=True) & Length(tokens=(2, 3))).compile(SMALL)
    assert (table.shortest, table.longest) == (2, 3)
    assert Text(empty=True).compile(SMALL).shortest == 0


def test_weights_of_a_prior_stay_on_their_edges():
    prior = Prior.of(Regex(".*a"), 1.5) + Prior.of(Regex("ab.*"), -0.5)
    language, rules = Regex("[ab1]*"), (TokenPairs(PAIRS[1]), TokenCount(1, 3))
    wanted = language & Length(tokens=(1, 3)) & DynamicBlocking([0, 0, 2, 1, 3, 1, 0], share=1.0)
    blocked = TokenPairs(DynamicBlocking([0, 0, 2, 1, 3, 1, 0], share=1.0).pairs)
    scores = np.random.default_rng(3).normal(size=(4, SMALL.size)).astype(np.float32)
    table, total = prior.compile(wanted, SMALL), -np.inf
    for canvas in product(range(SMALL.size), repeat=4):
        if legal(language, (blocked, rules[1]), canvas):
            data = b"".join(PIECES[one] for one in written(canvas))
            total = np.logaddexp(total, scores[range(4), canvas].sum() + prior.log_weight(data))
    assert table.bind(scores).log_z() == pytest.approx(total, abs=1e-4)


def test_all_kinds_of_rows_of_a_batch_are_kept_apart():
    table = (Regex("[0-9ab-]*") & Length(tokens=(2, 4)) & DynamicBlocking([1, 1, 2], share=1.0)).compile(VOCABULARY)
    scores = torch.randn(5, 6, VOCABULARY.size, generator=torch.Generator().manual_seed(1))
    for row in table.bind(scores).map().tolist():
        text = row[: row.index(STOP)]
        assert 2 <= len(text) <= 4 and not {(1, 1), (1, 2)} & set(pairwise(text))


def test_what_nothing_keeps_or_costs_too_much_is_refused():
    with pytest.raises(ConstraintUnsatisfiable, match="TokenCount"):
        (Regex("a") & Length(tokens=(3, 4))).compile(BARE)
    with pytest.raises(ConstraintTooLarge, match="look at tokens"):
        (Regex("(ab)*") & Length(tokens=(3, 90))).compile(SMALL, Limits(max_states=150))
    with pytest.raises(ConstraintTooLarge, match="count tokens"):
        (Regex("[ab]*") & Length(tokens=(0, 10**12))).compile(SMALL)
    with pytest.raises(ConstraintTooLarge, match="pairs of tokens"):
        TokenPairs(tuple((n, n + 1) for n in range(200))).machine(300, Limits(max_bytes=100_000))
    with pytest.raises(ConstraintError, match="token 77 of the source"):
        DynamicBlocking([1, 77], share=1.0).compile(SMALL)


def test_what_only_tokens_know_is_not_asked_of_bytes():
    bound = Regex("a*") & Length(tokens=2)
    with pytest.raises(ConstraintError, match="depends on the tokens"):
        _ = "aa" in bound
    with pytest.raises(ConstraintError, match="as a part of something else"):
        (bound | Regex("b")).compile(SMALL)
    with pytest.raises(ConstraintError, match="cannot be decided"):
        _ = Regex("a") <= bound
    assert bound <= Regex("a*")
    assert "aa" in (Regex("a*") & DynamicBlocking([0, 0], share=0.0)), "which blocks nothing"

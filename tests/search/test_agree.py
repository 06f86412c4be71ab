"""Votes and minimum risk against counting, and against the law of the most frequent draw."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError, ShapeError
from ctrldiff.search.agree import MinimumRisk, Vote, agreement, fields, meaning, votes
from ctrldiff.search.voting import DVoting
from tests.search.fakes import begin, left_to_right, run_of
from tests.search.test_others import AT_ONCE, FLAT, LANGUAGE, LENGTH, answers, fits


def test_a_vote_is_as_frequent_as_all_triples_of_draws_say():
    q = left_to_right(LANGUAGE, LENGTH, FLAT["denoiser"], constrained=True)
    truth = dict.fromkeys(q, 0.0)
    for drawn in itertools.product(q, repeat=3):
        counts = Counter(drawn)
        winner = max(drawn, key=lambda one: counts[one])  # the first of those drawn most often
        truth[winner] += float(np.prod([q[one] for one in drawn]))
    assert fits(answers(Vote(3), 300, **AT_ONCE, **FLAT), truth)


def test_shares_are_the_rewards_and_each_group_votes_alone():
    search = Vote(4)
    run = run_of(3 * 4, LANGUAGE, **AT_ONCE, **FLAT)
    found = search(run, begin(3, 4, LENGTH, seed=1))
    texts = run.context.vocabulary.texts(found.state.tokens.tolist())
    for group in range(3):
        own = texts[4 * group : 4 * group + 4]
        assert found.rewards[4 * group : 4 * group + 4].tolist() == [own.count(one) / 4 for one in own]
        assert own.count(texts[found.chosen[group]]) == max(map(own.count, own))


def test_what_says_the_same_is_told_by_value_and_not_by_spelling():
    assert meaning('{"a":1,"b":[2]}') == meaning('{"b": [2.0], "a": 1.0}')
    for one, other in itertools.combinations(["1", "true", '"1"', "[1]", "null", "none", "[]", "{}", "0", "false"], 2):
        assert meaning(one) != meaning(other), (one, other)


@pytest.mark.parametrize(
    ("one", "other", "share"),
    [
        ('{"a":1,"b":2}', '{"b":2,"a":1.0}', 1.0),
        ('{"a":1,"b":2}', '{"a":1,"b":3}', 0.5),
        ('{"a":1}', '{"a":1,"b":[3,4]}', 1 / 3),
        ('{"a":[]}', '{"a":[0]}', 0.0),
        ('{"a/b":1}', '{"a":{"b":1}}', 0.0),
        ("plain", "plain", 1.0),
        ("plain", "other", 0.0),
    ],
)
def test_agreement_is_the_share_of_leaves(one, other, share):
    assert agreement(one, other) == agreement(other, one) == share


def test_votes_count_every_field():
    texts = ['{"a":1,"b":null}', '{"a":1.0}', '{"a":2}', '{"a":[]}']
    told = {where: [(one.value, one.share) for one in here] for where, here in votes(texts).items()}
    assert told == {"/a": [(1, 0.5), (2, 0.25), ([], 0.25)], "/b": [(None, 0.25)]}
    assert fields("[]") == {"": []} and fields(json.dumps({"a~": {"/": 1}})) == {"/a~0/~1": 1}


class Spellings(torch.nn.Module):
    """1.1 and 1.10, and 1.2 more often than either."""

    def forward(self, ids):
        return torch.log(torch.tensor([1.0, 1.0, 1.4, 1e-9, 1e-9])).expand(*ids.shape, 5).clone()


@pytest.mark.parametrize(
    "search", [Vote(9), DVoting(9, tail=1.0), MinimumRisk(9)], ids=["vote", "dvoting", "minimum risk"]
)
def test_texts_that_are_no_numbers_agree_by_their_spelling(search):
    """The version 1.10 is not 1.1, though as JSON it were: of a number the two are one answer."""
    tokens = [b"1.1", b"1.10", b"1.2", None, None]
    vocabulary = cd.Vocabulary.from_tokens(tokens, stop_ids=[3])
    spec = cd.ModelSpec(stop_ids=(3,), mask_id=4, n_tokens=5, context=32)
    model = cd.Model.from_callable(Spellings(), spec, vocabulary, lambda text: [0])
    how = {"search": search, "temperature": 1.0, "seed": 2}
    for wanted, alike in ((cd.Regex(r"1\.\d+"), False), (cd.JsonSchema({"type": "number"}), True)):
        result = model("x", wanted, **how)
        drawn = [one.raw for one in result.candidates if one.log_weight > -np.inf]
        assert {"1.1", "1.10"} <= set(drawn) or alike
        told = Counter(float(raw) if alike else raw for raw in drawn)
        assert {one.value: one.share * len(drawn) for one in result.votes[""]} == pytest.approx(told)
        assert result.reward == pytest.approx(told[float(result.raw) if alike else result.raw] / len(drawn))


def test_a_result_tells_the_votes_of_its_fields():
    kind = {"properties": {"item": {"type": "string"}, "count": {"type": "integer"}}, "required": ["item", "count"]}
    tiny = cd.from_pretrained("tiny")
    result = tiny("Please send 3 desk lamps.", cd.JsonSchema(kind), search=Vote(4), temperature=1.0)
    said = [json.loads(one.raw) for one in result.candidates]
    for name in ("item", "count"):
        counts = Counter(one[name] for one in said)
        assert {one.value: one.share for one in result.votes[f"/{name}"]} == {v: n / 4 for v, n in counts.items()}
    assert result.ess == 4 and result.ess_path == (pytest.approx(4),)
    early = tiny("Please send 3 desk lamps.", cd.JsonSchema(kind), search=DVoting(5), temperature=0.1)
    assert round(early.ess) < 5, "copies that weigh nothing have no vote"
    assert all(one.share * round(early.ess) % 1 < 1e-6 for here in early.votes.values() for one in here)


def test_minimum_risk_takes_the_answer_with_the_fields_of_most():
    drawn = ['{"a":1,"b":1,"c":9}', '{"a":1,"b":2,"c":3}', '{"a":1,"b":2,"c":4}', '{"a":5,"b":2,"c":3}']
    means = MinimumRisk(4)._means(drawn)
    assert int(np.argmax(means)) == 1, "it has the most frequent value of every field, and no text came twice"
    assert Vote(4)._shares(drawn) == [0.25] * 4


def test_bad_input():
    for wrong in (Vote, MinimumRisk):
        with pytest.raises(InputError, match="n=0"):
            wrong(0)
    with pytest.raises(ShapeError, match="finite"):
        MinimumRisk(2, lambda text, other: float("nan"))._means(["a", "b"])

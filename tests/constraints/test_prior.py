"""A prior is a sum over prefixes, and every query stays exact under it."""

import itertools
import json
from collections import Counter

import numpy as np
import pytest

import ctrldiff as cd
from ctrldiff.constraints.prior import Prior
from ctrldiff.errors import ConstraintError, ConstraintTooLarge, InputError, ShapeError
from ctrldiff.limits import Limits
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.tokens.weighted import lift_weighted

PIECES = [b"a", b"b", b"ab", b"aab", b"ba", b"", b"bb"]
VOCABULARIES = {
    "stop": Vocabulary.from_tokens([*PIECES, None, None], stop_ids=[7]),
    "stop and pad": Vocabulary.from_tokens([None, *PIECES, None], stop_ids=[8], pad_id=0),
    "neither": Vocabulary.from_tokens(PIECES),
}
LANGUAGES = ["(ab|b)*", "[ab]*a", "a?", "b+a?b*", "(aa|b)+", "[ab]{2,5}", "b"]
LENGTH = 4


def members(regex, vocabulary):
    """Every canvas whose text is in the language, and its text: all strings tried."""
    tokens, stops, pad = list(vocabulary), vocabulary.stop_ids, vocabulary.pad_id
    for ids in itertools.product(range(vocabulary.size), repeat=LENGTH):
        end = next((n for n, v in enumerate(ids) if v in stops), LENGTH)
        if any(v not in (*stops, pad) for v in ids[end:]) or any(tokens[v] is None for v in ids[:end]):
            continue
        text = b"".join(tokens[v] for v in ids[:end])
        if text in regex.dfa():
            yield ids, text


def prior(rng):
    terms = [Prior.of(cd.Regex(LANGUAGES[n]), rng.choice([-1.5, -0.25, 0.5, 2.0])) for n in rng.integers(0, 7, 2)]
    return terms[0] + terms[1]


@pytest.mark.parametrize("kind", VOCABULARIES)
@pytest.mark.parametrize("seed", range(6))
def test_every_query_is_exact_for_the_weighted_product(kind, seed):
    rng, vocabulary = np.random.default_rng([seed, 5]), VOCABULARIES[kind]
    regex, weights = cd.Regex(LANGUAGES[(seed + 1) % 5]), prior(rng)
    scores = rng.normal(size=(LENGTH, vocabulary.size)).astype(np.float32)
    scores[rng.random(scores.shape) < 0.1] = -np.inf
    strings, texts = zip(*members(regex, vocabulary))
    strings = np.array(strings)
    w = scores.astype(np.float64)[np.arange(LENGTH), strings].sum(axis=1) + [weights.log_weight(x) for x in texts]
    log_z = np.logaddexp.reduce(w)
    p = np.exp(w - log_z)
    table = weights.compile(regex, vocabulary)
    posterior = table.bind(scores)

    assert abs(posterior.log_z() - log_z) < 1e-5
    ranked = np.argsort(-w, kind="stable")[: min(3, int((p > 0).sum()))]
    assert posterior.map().tolist() == strings[ranked[0]].tolist()
    best = posterior.map(3)[: len(ranked)]
    assert [posterior.score(one) for one in best] == pytest.approx((w - log_z)[ranked].tolist(), abs=1e-5)
    want = np.zeros(scores.shape)
    for string, chance in zip(strings, p):
        want[np.arange(LENGTH), string] += chance
    np.testing.assert_allclose(posterior.marginals(), want, atol=1e-5)
    some = strings[rng.choice(np.flatnonzero(p))]
    keep = rng.random(LENGTH) < 0.5
    agree = (strings[:, keep] == some[keep]).all(axis=1)
    assert abs(posterior.log_z_given(some, keep) - np.logaddexp.reduce(w[agree])) < 1e-5
    assert abs(posterior.score(some) - (w[(strings == some).all(axis=1)] - log_z)[0]) < 1e-5
    drawn = posterior.sample(3000, seed=seed)
    counts = Counter(map(tuple, drawn.tolist()))
    distance = sum(abs(counts[tuple(s)] / 3000 - chance) for s, chance in zip(strings.tolist(), p)) / 2
    assert distance < 3 * np.sqrt(len(strings) / 3000) / 2
    plain = regex.compile(vocabulary)
    assert (table.shortest, table.longest, table.forced(np.full(LENGTH, -1)).tolist()) == (
        plain.shortest,
        plain.longest,
        plain.forced(np.full(LENGTH, -1)).tolist(),
    )


@pytest.mark.parametrize("seed", range(20))
def test_the_leading_choice_counts_what_the_prior_makes_of_what_goes_on_from_it(seed):
    rng, vocabulary = np.random.default_rng([seed, 6]), VOCABULARIES["stop"]
    regex, weights = cd.Regex("(ab|b)*a"), prior(rng)
    scores = rng.normal(size=(LENGTH, vocabulary.size)).astype(np.float32)
    strings, texts = zip(*members(regex, vocabulary))
    strings = np.array(strings)
    plain = scores.astype(np.float64)[np.arange(LENGTH), strings].sum(axis=1)
    weighted = plain + [weights.log_weight(x) for x in texts]
    value = {}
    for v in set(strings[:, 0].tolist()):
        mine = strings[:, 0] == v
        tilt = np.logaddexp.reduce(weighted[mine]) - np.logaddexp.reduce(plain[mine])
        value[v] = float(scores[0, v]) + tilt
    want = max(value, key=lambda v: value[v])
    assert weights.compile(regex, vocabulary).bind(scores).leading()[0][0] == want


JSON_TEXTS = [
    '{"a":null,"b":[null,"null"]}',
    '{"a":"x\\"a\\":null,","b":null}',
    '{"a":"\\u00e9\\\\é","b":["",true,-1.5e3],"c":{"a":"yy"}}',
    '{"a": null, "b": "x, y"}',
    '{"q\\"a":null,"a":null}',
    "[]",
    "null",
]


@pytest.mark.parametrize("text", JSON_TEXTS)
def test_json_priors_count_what_they_say(text):
    def walk(value, key=None):
        yield key, value
        if isinstance(value, dict):
            for name, inner in value.items():
                yield from walk(inner, name)
        elif isinstance(value, list):
            for inner in value:
                yield from walk(inner)

    found = list(walk(json.loads(text)))
    further = sum(max(0, len(value) - 1) for _, value in found if isinstance(value, dict | list))
    assert Prior.items(1).log_weight(text) == further
    assert Prior.null(1).log_weight(text) == sum(value is None for _, value in found)
    assert Prior.null(1, "a").log_weight(text) == sum(key == "a" and value is None for key, value in found)
    mine = sum(len(value) for key, value in found if key == "a" and isinstance(value, str))
    assert Prior.characters(1, "a").log_weight(text) == mine
    keys = sum(len(name) for _, value in found if isinstance(value, dict) for name in value)
    strings = sum(len(value) for _, value in found if isinstance(value, str))
    assert Prior.characters(1).log_weight(text) == keys + strings


def test_a_null_prior_multiplies_the_odds_of_null():
    schema = cd.JsonSchema({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]})
    tokens = [b'{"a":', b"null", b'"', b"x", b"}", b'"}', b"null}", b'{"a":null', None]
    vocabulary = Vocabulary.from_tokens(tokens, stop_ids=[8])
    scores = np.random.default_rng(0).normal(size=(6, 9)).astype(np.float32)
    part = schema & cd.Regex(r".*null\}")

    def odds(weights):
        masses = weights.compile(schema, vocabulary).bind(scores)
        p = masses.branch_probs({"null": weights.compile(part, vocabulary)})["null"]
        return p / (1 - p)

    for key in ((), ("a",)):
        assert odds(Prior.null(1.25, *key)) == pytest.approx(odds(Prior()) * np.exp(1.25), rel=1e-5)
    assert odds(Prior.null(1.25, "b")) == pytest.approx(odds(Prior()), rel=1e-5)


def test_a_prior_of_nothing_is_the_description_itself():
    table = Prior.null(0.0).compile(cd.Regex("a*"), VOCABULARIES["stop"])
    assert table.automaton.edge_weight is None


def test_what_cannot_be_weighed_is_refused():
    with pytest.raises(InputError, match="finite"):
        Prior.items(float("inf"))
    with pytest.raises(ConstraintTooLarge):
        dfa = cd.Regex("[ab]{40}").dfa()
        lift_weighted(dfa, [(cd.Regex("a*b+").dfa(), 1.0)], VOCABULARIES["stop"], Limits(max_bytes=400))


def test_parts_are_weighed_under_the_same_prior_or_not_at_all():
    vocabulary = cd.Vocabulary.from_tokens([b"a", b"b", None], stop_ids=[2])
    whole = Prior.of(cd.Regex("a+"), 3.0).compile(cd.Regex("[ab]{2}"), vocabulary).bind(np.zeros((2, 3), np.float32))
    part = cd.Regex("aa")
    good = Prior.of(cd.Regex("a+"), 3.0).compile(part, vocabulary)
    assert 0 < whole.branch_probs({"x": good})["x"] < 1
    for other in (part.compile(vocabulary), Prior.of(cd.Regex("a+"), 9.0).compile(part, vocabulary)):
        with pytest.raises(ShapeError, match="other weights"):
            whole.branch_probs({"x": other})


@pytest.mark.parametrize("key", ["größe", "\u2028", "\x7f", "😀", 'a"b', "a\\b", "a/b\t"])
@pytest.mark.parametrize("ascii", [False, True])
@pytest.mark.parametrize("whitespace", ["compact", "spaced", "pretty"])
def test_a_key_is_meant_in_every_spelling(key, ascii, whitespace):
    schema = {"type": "object", "properties": {key: {"enum": [None, "x"]}}, "required": [key]}
    texts = list(cd.JsonSchema(schema, ascii=ascii, whitespace=whitespace).dfa().members())
    assert len(texts) == 2
    for text in texts:
        absent = json.loads(text)[key] is None
        assert Prior.null(-2.0, key).log_weight(text) == -2.0 * absent
        assert Prior.characters(-1.0, key).log_weight(text) == absent - 1.0
        assert Prior.null(-2.0, key + "r", key[1:] + "_").log_weight(text) == 0.0


@pytest.mark.parametrize(
    "language",
    [
        cd.Regex("[a-z]+") & cd.Length(tokens=(1, 2)),
        cd.DynamicBlocking([1, 2], share=1.0),
        cd.JsonSchema({"type": "array", "items": {"type": "string"}, "uniqueItems": True}),
    ],
)
def test_what_an_automaton_alone_does_not_say_is_no_prior(language):
    prior = Prior.of(language, 1.0)
    for weigh in (lambda: prior.compile(cd.Regex("[ab]*"), VOCABULARIES["stop"]), lambda: prior.log_weight("ab")):
        with pytest.raises(ConstraintError, match="a prior on"):
            weigh()


def test_what_is_no_language_or_no_weight_is_refused_when_made():
    for wrong in ("abc", 5, None):
        with pytest.raises(ConstraintError, match="not a constraint"):
            Prior.of(wrong, 1.0)
    for weight in ("x", None, float("nan"), float("inf")):
        with pytest.raises(InputError, match="no finite number"):
            Prior.of(cd.Regex("a"), weight)
        with pytest.raises(InputError, match="no finite number"):
            Prior.null(weight, "a")
    assert Prior.of(cd.Regex("a").dfa(), np.float32(1.0)).log_weight("a") == 1.0

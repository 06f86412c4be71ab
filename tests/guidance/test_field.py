"""Guidance on one field, against every token string of a small JSON language, one by one."""

import itertools
import math
from functools import lru_cache

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import Infeasible, InputError
from ctrldiff.guidance.guide import ByField, Tilt, on_field, prepared
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.fields import field_table, keys_of, prefixes
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.sampling.processors import EachLayer
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.guidance.brute import every_canvas
from tests.guidance.fakes import Towards, context, step_at

WORDS = [b'{"a":"', b"x", b"y", b"xy", b'","b":"', b'"}', b'"', b'x"', b'x","b":"y', b"}", b',"b":"', b'"}x']
STOP = len(WORDS)
VOCABULARY = Vocabulary.from_tokens([*WORDS, None], stop_ids=[STOP])
V, T = STOP + 1, 6
SCHEMA = JsonSchema(
    {
        "properties": {
            "a": {"type": "string", "pattern": "^[xy]{0,2}$"},
            "b": {"type": "string", "pattern": "^[xy]*$"},
        },
        "required": ["a", "b"],
        "maxProperties": 2,
    }
)


def spans(text: bytes) -> dict[str, tuple[int, int]]:
    """Where the values of a and b stand, found by searching."""
    a = text.index(b'"a":"') + 5
    b = text.index(b'"b":"') + 5
    return {"a": (a, text.index(b'"', a)), "b": (b, text.index(b'"', b))}


@lru_cache(maxsize=1)
def strings() -> list[tuple[tuple[int, ...], list[str | None]]]:
    """Every legal canvas of T tokens, and the field that each token lies wholly inside, if any."""
    out = []
    for tokens in every_canvas(SCHEMA, VOCABULARY, T):
        at, where = 0, []
        for token in tokens:
            end = at + len(VOCABULARY[token] or b"")
            inside = [name for name, (low, high) in spans(VOCABULARY.decode(tokens)).items() if low <= at < end <= high]
            where.append(inside[0] if inside else None)
            at = end
        out.append((tokens, where))
    return out


def scores(layers: int, seed: int) -> torch.Tensor:
    """(1, T, layers * V) seeded log-probabilities by layer."""
    draw = torch.Generator().manual_seed(seed)
    return torch.cat([torch.randn(1, T, V, generator=draw).mul(2).log_softmax(-1) for _ in range(layers)], dim=-1)


def weights(paths: tuple[str, ...], scores_: torch.Tensor, written=()) -> dict[tuple[int, ...], float]:
    """Log weight of every canvas that agrees with what is written, by the definition."""
    out = {}
    for tokens, where in strings():
        if any(v >= 0 and tokens[t] != v for t, v in enumerate(written)):
            continue
        total = 0.0
        for t, (token, field) in enumerate(zip(tokens, where)):
            if not (len(written) and written[t] >= 0):
                layer = paths.index(field) + 1 if field in paths else 0
                total += float(scores_[0, t, layer * V + token])
        out[tokens] = total
    return out


def posterior(paths, scores_, written=None):
    held = torch.full((1, T), -1) if written is None else torch.tensor([written])
    return field_table(SCHEMA, paths, VOCABULARY).bind(scores_, held)


def log_sum(values):
    return float(np.logaddexp.reduce(list(values)))


def test_there_is_something_to_enumerate():
    assert 200 < len(strings()) < 20_000
    assert any(where.count("a") == 2 and where.count("b") >= 1 for _, where in strings())
    assert any(8 in tokens for tokens, _ in strings()), "a token that ends one value and begins the other"


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("paths", [("a",), ("b",), ("a", "b"), ("b", "a")])
def test_every_query_is_exact(paths, seed):
    s = scores(1 + len(paths), seed)
    want, ours = weights(paths, s), posterior(paths, s)
    log_z = log_sum(want.values())
    assert math.isclose(float(ours.log_z()), log_z, abs_tol=1e-4)
    best = tuple(ours.map()[0].tolist())
    assert math.isclose(want[best], max(want.values()), abs_tol=1e-4)
    marginals = torch.zeros(T, V, dtype=torch.float64)
    for tokens, value in want.items():
        marginals[range(T), tokens] += math.exp(value - log_z)
    assert torch.allclose(ours.marginals()[0].double(), marginals, atol=1e-5)
    tokens = torch.tensor([best])
    assert torch.allclose(ours.confidence(tokens)[0].double(), marginals[range(T), best], atol=1e-5)
    assert math.isclose(float(ours.score(tokens)), want[best] - log_z, abs_tol=1e-4)
    assert torch.allclose(ours.entropy()[0].double(), torch.special.entr(marginals).sum(-1), atol=1e-4)
    top = marginals.topk(2).values
    assert torch.allclose(ours.margin()[0].double(), top[:, 0] - top[:, 1], atol=1e-5)
    three = [tuple(row) for row in ours.map(3)[0].tolist()]
    assert len(set(three)) == 3 and math.isclose(
        sum(want[one] for one in three), sum(sorted(want.values())[-3:]), abs_tol=1e-3
    )


@pytest.mark.parametrize("seed", range(3))
def test_given_what_is_written_and_given_a_part(seed):
    paths = ("a", "b")
    s, draw = scores(3, seed), np.random.default_rng(seed)
    member = strings()[int(draw.integers(len(strings())))][0]
    written = [int(v) if draw.random() < 0.4 else -1 for v in member]
    garbage = torch.where(torch.tensor(written)[None, :, None] >= 0, torch.nan, s)
    want, ours = weights(paths, s, written), posterior(paths, garbage, written)
    log_z = log_sum(want.values())
    assert math.isclose(float(ours.log_z()), log_z, abs_tol=1e-4)
    keep = torch.tensor([[bool(draw.random() < 0.5) for _ in range(T)]])
    agreeing = [value for tokens, value in want.items() if all(tokens[t] == member[t] for t in range(T) if keep[0, t])]
    tokens = torch.tensor([member])
    assert math.isclose(float(ours.log_z_given(tokens, keep)), log_sum(agreeing), abs_tol=1e-4)
    assert bool(ours.feasible(tokens, keep))
    clamped = ours.clamp(tokens, keep)
    both = [v if v >= 0 or not keep[0, t] else member[t] for t, v in enumerate(written)]
    assert math.isclose(float(clamped.log_z()), log_sum(weights(paths, s, both).values()), abs_tol=1e-4)
    assert (ours.surprise(tokens)[0][torch.tensor(written) >= 0] == 0).all() and ours.forced().shape == (1, T)
    wrong = torch.full((1, T), 0)
    assert not bool(ours.feasible(wrong, torch.ones_like(keep)))
    assert float(ours.log_z_given(wrong, torch.ones_like(keep))) == -math.inf
    with pytest.raises(Infeasible):
        ours.clamp(wrong, torch.ones_like(keep))


def test_samples_have_the_frequencies_of_the_definition():
    paths = ("a", "b")
    s = scores(3, 7)
    want, ours = weights(paths, s), posterior(paths, s)
    log_z, n = log_sum(want.values()), 20_000
    drawn = ours.sample(n, seed=1)[0]
    found: dict[tuple[int, ...], int] = {}
    for row in drawn.tolist():
        found[tuple(row)] = found.get(tuple(row), 0) + 1
    assert set(found) <= set(want)
    apart = sum(abs(found.get(tokens, 0) / n - math.exp(value - log_z)) for tokens, value in want.items()) / 2
    assert apart < 0.03


def field_distribution(name: str, weights_: dict[tuple[int, ...], float]) -> dict[bytes, float]:
    """The probability of each text of one field."""
    total, out = log_sum(weights_.values()), {}
    for tokens, value in weights_.items():
        data = VOCABULARY.decode(tokens)
        low, high = spans(data)[name]
        out[data[low:high]] = out.get(data[low:high], 0.0) + math.exp(value - total)
    return out


@pytest.mark.parametrize("strength", [1.0, 10.0, 100.0])
def test_an_untouched_field_keeps_its_distribution_when_it_is_independent(strength):
    """Both values of one fixed length, so that under the model they do not depend on each other."""
    one = JsonSchema(
        {
            "properties": {name: {"type": "string", "pattern": "^[xy]{2}$"} for name in "ab"},
            "required": ["a", "b"],
            "maxProperties": 2,
        }
    )
    single = [0, 1, 2, 4, 5]  # tokens that make every text in one way, of one length
    log_p = torch.full((1, 8, V), -torch.inf)
    log_p[..., [*single, STOP]] = torch.randn(1, 8, 6, generator=torch.Generator().manual_seed(3)).log_softmax(-1)
    guides = prepared([on_field("a", strength * Towards(1))], _context())
    state, step = State.blank([[]], 8), step_at(1.0, 1, 8)
    plain = one.compile(VOCABULARY).bind(log_p)
    wide = guides[0].combine(log_p, [log_p], state, step)
    guided = Tables((field_table(one, ("a",), VOCABULARY),)).bind(wide, state)
    a, b = slice(1, 3), slice(4, 6)
    before, after = plain.marginals(), guided.marginals()
    assert torch.allclose(before[:, b], after[:, b], atol=1e-6), "b is as it was"
    moved = (after[:, a, 1] - before[:, a, 1]).min()
    assert moved > 0 and (strength < 10 or after[:, a, 1].min() > 0.99), "a is not"


def _context():
    return context(1, vocabulary=VOCABULARY)


def test_the_guides_of_fields_and_of_the_whole_text_add_up_inside():
    log_p = scores(1, 2)
    everywhere, a, b = _tilt(0), _tilt(1), _tilt(2)
    both = ByField(everywhere, (a, b)).combine(log_p, (), State.blank([[]], T), step_at(1.0, 1, T))
    base = everywhere.scores()
    for n, extra in enumerate((0.0, a.scores(), b.scores())):
        want = (log_p + base + extra).log_softmax(-1)
        assert torch.allclose(both[..., n * V : (n + 1) * V], want, atol=1e-5)


def _tilt(seed: int) -> Tilt:
    fixed = torch.randn(1, T, V, generator=torch.Generator().manual_seed(seed))
    return Tilt(lambda *now: fixed)


def test_a_processor_sees_one_layer_at_a_time():
    widths = []

    def first_is_forbidden(logits, state, step):
        widths.append(logits.shape[-1])
        return logits.index_fill(-1, torch.tensor([0]), -torch.inf)

    wide = EachLayer(first_is_forbidden, 3)(scores(3, 0), State.blank([[]], T), step_at(1.0, 1, T))
    assert (
        widths == [V] * 3
        and (wide[..., [0, V, 2 * V]] == -torch.inf).all()
        and wide.isfinite().sum() == T * 3 * (V - 1)
    )


# paths


TEXTS = [
    ('{"a":1,"r":{"a":"b","c":["x",{"a":"y"}]},"l":[{"n":"p"},{"n":"q","m":null}]}', "r.a", "b"),
    ('{"a":1,"r":{"a":"b","c":["x",{"a":"y"}]},"l":[{"n":"p"},{"n":"q","m":null}]}', "a", "1"),
    ('{"a":1,"r":{"a":"b","c":["x",{"a":"y"}]},"l":[{"n":"p"},{"n":"q","m":null}]}', "l[].n", "pq"),
    ('{"a":1,"r":{"a":"b","c":["x",{"a":"y"}]},"l":[{"n":"p"},{"n":"q","m":null}]}', "l[].m", "null"),
    ('{"a":1,"r":{"a":"b","c":["x",{"a":"y"}]},"l":[{"n":"p"},{"n":"q","m":null}]}', "r.c[]", "x"),
    ('{"a":1,"r":{"a":"b","c":["x",{"a":"y"}]},"l":[{"n":"p"},{"n":"q","m":null}]}', "r.c[].a", "y"),
    ('{"t":"say \\"r\\": {","r":"z"}', "r", "z"),
    ('{\n  "t": ["{", "r"],\n  "r": -1.5e3\n}', "r", "-1.5e3"),
]


@pytest.mark.parametrize(("text", "path", "wanted"), TEXTS)
def test_a_path_is_the_characters_of_its_values(text, path, wanted):
    string, begun, more = (language.dfa() for language in prefixes(path))

    def inside(before, after):
        return (before in string and after in string) or (before in begun and after in more)

    assert "".join(text[n] for n in range(len(text)) if inside(text[:n].encode(), text[: n + 1].encode())) == wanted


@pytest.mark.filterwarnings("ignore::ctrldiff.errors.PlanWarning")
@pytest.mark.parametrize(
    "how",
    [{"edit": cd.edit.Disagree()}, {"edit": cd.edit.TokenToMask()}, {"revise": cd.revise.Verified()}],
    ids=["disagree", "token to mask", "verified"],
)
def test_what_reads_the_logits_of_written_tokens_is_refused_beside_a_field(how):
    """There is a layer of logits for each field, and a token's id is no place among all of them."""
    guide, model = on_field("a", Towards(1)), cd.from_pretrained()
    with pytest.raises(InputError, match="guidance on a field cannot go together"):
        model("A text.", SCHEMA, guidance=[guide], **how)
    model("A text.", SCHEMA, guidance=[guide], edit=cd.edit.Reconsider(), steps=4)


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(InputError, match="is not a path"):
        keys_of(path)


def test_fields_that_are_not_there_or_cannot_be_are_refused():
    model = cd.from_pretrained()
    guide = on_field("c", Towards(1))
    with pytest.raises(InputError, match="no string, number, boolean or null at 'c'") as caught:
        model("A text.", SCHEMA, guidance=[guide])
    assert "a, b" in str(caught.value)
    with pytest.raises(InputError, match="fields are those of JSON"):
        model("A text.", cd.Regex("[a-z]{3}"), guidance=[guide])
    with pytest.raises(InputError, match="prior"):
        from ctrldiff.constraints.prior import Prior

        model("A text.", SCHEMA, guidance=[on_field("a", Towards(1))], prior=Prior.null(-1.0))
    with pytest.raises(InputError, match="already"):
        prepared([on_field("a", on_field("b", Towards(1)))], _context())


def test_sums_factors_and_times_go_through_on_field():
    guide = 2.0 * (on_field("a", Towards(1) + Towards(2)) + Towards(3)) - cd.guide.during(
        on_field("b", Towards(1)), 1.0, 0.5
    )
    (by_field,) = prepared([guide], _context())
    assert by_field.paths == ("a", "b")
    log_p, state, step = scores(1, 2), State.blank([[]], T), step_at(1.0, 1, T)
    views = by_field.branches(state, step)
    assert len(views) == 4
    wide = by_field.combine(torch.zeros(1, T, 18), [log_p] * 4, state, step)
    layers = [wide[0, 0, n * 18 : (n + 1) * 18] for n in range(3)]
    for layer, tilt in zip(layers, ({3: 2.0}, {1: 2.0, 2: 2.0, 3: 2.0}, {3: 2.0, 1: -1.0})):
        want = torch.zeros(18)
        for token, nats in tilt.items():
            want[token] = nats
        assert torch.allclose(layer, want.log_softmax(-1), atol=1e-5)
    (late,) = prepared([guide], _context())
    assert len(late.branches(state, step_at(0.4, 1, T))) == 3


def test_members_of_the_enumeration_are_members_by_json():
    import json

    for tokens, _ in itertools.islice(strings(), 50):
        assert set(json.loads(VOCABULARY.decode(tokens))) == {"a", "b"}


@pytest.mark.parametrize("seed", range(4))
def test_the_leftmost_choice_is_the_best_token_there_in_the_layer_it_is_read_by(seed):
    paths = ("a", "b")
    member = strings()[seed * 37][0]
    open_from = 1 + seed  # all before is written
    written = [v if t < open_from else -1 for t, v in enumerate(member)]
    s = scores(3, seed)
    state = State.blank([[]], T, written=torch.tensor([written]))
    layered = Tables((field_table(SCHEMA, paths, VOCABULARY),))
    bound = LeftmostFirst(layered, believed=0.0).bind(s, state)
    best = {}
    for tokens, where in strings():
        if list(tokens[:open_from]) == written[:open_from]:
            layer = paths.index(where[open_from]) + 1 if where[open_from] in paths else 0
            best[tokens[open_from]] = float(s[0, open_from, layer * V + tokens[open_from]])
    choice = max(best, key=best.__getitem__)
    assert int(bound.map()[0, open_from]) == choice
    assert math.isclose(float(bound.confidence(bound.map())[0, open_from]), math.exp(best[choice]), abs_tol=1e-4)

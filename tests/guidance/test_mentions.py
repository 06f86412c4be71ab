"""Words that are to be mentioned once: where, against every legal canvas one by one, and until when."""

import math
import re

import numpy as np
import pytest
import torch

import ctrldiff as cd
from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import on_field, prepared
from ctrldiff.guidance.mentions import Words
from ctrldiff.json_schema.fields import field_table
from ctrldiff.models.callable import from_callable
from ctrldiff.sampling.by_field import by_field
from ctrldiff.sampling.commit import Everything, TopK
from ctrldiff.sampling.constrain import Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.state import State
from tests.conftest import PIECES, SIZE, STOP, VOCABULARY, prompt, spec
from tests.guidance import test_field as json
from tests.guidance.brute import every_canvas, log_sum, weights
from tests.guidance.fakes import context, step_at

LANGUAGE, T = Regex("[ab1-]{1,4}"), 5
TABLE = LANGUAGE.compile(VOCABULARY)
CANVASES = every_canvas(LANGUAGE, VOCABULARY, T)
A, B, ONE, DASH = (PIECES.index(one) for one in (b"a", b"b", b"1", b"-"))
APART = [DASH, *range(len(PIECES), SIZE)]  # tokens that neither begin nor end with a letter or digit
WRITTEN = [
    [-1] * T,
    [A, -1, -1, -1, STOP],  # begun, perhaps
    [ONE, -1, -1, -1, -1],  # a letter right behind would join it
    [A, B, DASH, -1, -1],  # "ab" stands
    [A, B, -1, -1, -1],  # and here
    [ONE, A, B, -1, -1],  # but not within "1ab"
    [-1, -1, DASH, -1, -1],
    [DASH, -1, DASH, -1, -1],
]


def logits_of(seed, rows=len(WRITTEN)):
    return torch.randn(rows, T, SIZE, generator=torch.Generator().manual_seed(seed)).mul(2)


def shown(written):
    """The text, "|" for what is open."""
    return "".join("|" if token < 0 else (VOCABULARY[token] or b"").decode() for token in written)


def standing(word):
    return re.compile(rf"(?<![a-z0-9]){re.escape(word)}")


def oracle(words, logits, written):
    """(T, V) what each token is worth, in plain loops over all that is legal."""
    total = weights(CANVASES, logits, written)
    chance = np.exp(total - log_sum(total))
    marginals = np.zeros((T, SIZE))
    for canvas, p in zip(CANVASES, chance):
        for place, token in enumerate(canvas):
            marginals[place, token] += p
    worth, taken = np.zeros((T, SIZE)), set()
    for word in words:
        if standing(word).search(shown(written)):
            continue
        form = [PIECES.index(letter.encode()) for letter in word]
        best, chosen = -math.inf, None
        for start in range(T - len(form) + 1):
            places = range(start, start + len(form))
            if taken & set(places) or all(written[at] >= 0 for at in places):
                continue
            with np.errstate(divide="ignore"):
                score = sum(np.log(marginals[at, token]) for at, token in zip(places, form))
                for beside in (start - 1, start + len(form)):
                    if 0 <= beside < T:
                        score += np.log(marginals[beside, APART].sum())
            if score > best + 1e-9:
                best, chosen = score, start
        if chosen is not None:
            for at, token in enumerate(form, chosen):
                worth[at, token] = 1 / len(form)
                taken.add(at)
    return worth


def scores_of(guide, logits, written, **changes):
    state = State.blank([prompt(0)] * len(written), T, written=torch.tensor(written))
    told = context(len(written), constraint=Tables.same(TABLE, len(written)), **changes)
    return guide.prepare(told).scores(logits, (), state, step_at(1.0, len(written), T))


@pytest.mark.parametrize("words", [["ab"], ["b"], ["ab", "1"], ["1", "ab", "b"]])
@pytest.mark.parametrize("seed", range(3))
def test_a_word_is_leant_to_at_its_likeliest_place_alone(words, seed):
    logits = logits_of(seed)
    ours = scores_of(Words(words, 3.0), logits, WRITTEN)
    want = torch.tensor(np.stack([oracle(words, logits[row], WRITTEN[row]) for row in range(len(WRITTEN))]))
    assert torch.allclose(ours.double(), 3.0 * want, atol=1e-6)
    everywhere = scores_of(Words(words, 3.0, once=False), logits, WRITTEN)
    assert not torch.allclose(everywhere.double(), 3.0 * want), "a boost at every place is another thing"
    for row in range(len(WRITTEN)):  # whoever shares the batch
        alone = scores_of(Words(words, 3.0), logits[row : row + 1], WRITTEN[row : row + 1])
        assert torch.equal(alone[0], ours[row])


def test_the_cases_tell_the_rules_apart():
    """By the oracle alone: every rule decides something somewhere."""
    found = [oracle(["ab"], logits_of(0)[row], WRITTEN[row]) for row in range(len(WRITTEN))]
    assert [bool(one.any()) for one in found] == [True, True, True, False, False, False, True, False]
    assert not found[2][1].any(), "not right behind a letter"
    assert oracle(["b"], logits_of(0)[7], WRITTEN[7])[[1, 3], B].any()


@pytest.mark.parametrize("strength", [-2.0, lambda ratio: -2.0 * torch.ones_like(ratio)])
def test_what_is_to_be_avoided_is_so_everywhere_and_always(strength):
    ours = scores_of(Words(["ab", "b"], strength), logits_of(1), WRITTEN)
    want = torch.zeros(SIZE)
    want[A], want[B] = -1.0, -2.0
    assert torch.allclose(ours, want.expand_as(ours))


def test_the_level_is_what_stands_and_what_is_begun():
    state = State.blank([prompt(0)] * len(WRITTEN), T, written=torch.tensor(WRITTEN))
    told = context(len(WRITTEN), constraint=Tables.same(TABLE, len(WRITTEN)))
    logits = logits_of(2)
    tilt = Words(["ab"], 4.0).prepare(told)
    level = tilt.level(logits, (), state, step_at(1.0, len(WRITTEN), T))
    for row, written in enumerate(WRITTEN):
        place = oracle(["ab"], logits[row], written)
        begun = sum(place[at, token] for at, token in enumerate(written) if token >= 0)
        stands = bool(standing("ab").search(shown(written)))
        assert math.isclose(float(level[row]), 4.0 * (stands + begun), abs_tol=1e-6)
    assert Words(["ab"], lambda ratio: ratio).prepare(told).level is None


def network(ids):
    """Would rather not write letters, wherever."""
    logits = torch.zeros(*ids.shape, SIZE)
    logits[..., [A, B]] = -4.0
    return logits


@pytest.mark.parametrize("commit", [TopK(), Everything()])
@pytest.mark.parametrize("noise", ["mask", "uniform"])
def test_a_text_mentions_a_word_once_however_strong_the_guide(commit, noise):
    denoiser = from_callable(network, spec(noise), VOCABULARY)
    constraint, length = Tables.same(Regex("[ab1-]{9}").compile(VOCABULARY), 3), 10

    def texts(guide):
        guides = prepared([guide], context(3, denoiser, constraint=constraint))
        state = State.blank([prompt(row) for row in range(3)], length)
        done = sample(denoiser, state, constraint=constraint, guides=guides, commit=commit)
        return [VOCABULARY.decode(row).decode() for row in done.tokens.tolist()]

    for text in texts(Words(["ab"], 60.0)):
        assert text.count("ab") == 1
    many = texts(Words(["ab"], 60.0, once=False))
    assert all(text.count("a") + text.count("b") == 9 for text in many), "at every place, again and again"
    assert not any("a" in text for text in texts(Words(["ab"], 0.0)))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("path", ["a", "b"])
def test_inside_is_the_share_of_texts_that_have_the_token_in_the_value(path, seed):
    member, fields = [one for one in json.strings() if path in one[1]][seed * 31]
    known = fields.index(path)
    written = [token if place == known else -1 for place, token in enumerate(member)]
    scores = json.scores(1, seed)
    total = json.weights((), scores, written)
    where, log_z = dict(json.strings()), json.log_sum(total.values())
    want = torch.zeros(json.T, json.V, dtype=torch.float64)
    for canvas, weight in total.items():
        for place, token in enumerate(canvas):
            if where[canvas][place] == path:
                want[place, token] += math.exp(weight - log_z)
    state = State.blank([[]], json.T, written=torch.tensor([written]))
    table = field_table(json.SCHEMA, (path,), json.VOCABULARY)
    ours = by_field([table], scores, state)[:, :, 1]
    assert torch.allclose(ours[0].double(), want, atol=1e-5)
    assert want[known, member[known]] > 0, "of what is written too"
    marginals = table.bind(torch.cat([scores, scores], -1), torch.tensor([written])).marginals()
    assert not torch.allclose(marginals[0].double(), want, atol=1e-3), "the marginals are of all places"


def test_in_a_field_a_word_has_its_place_and_stands_inside_it():
    def encode(text):
        return [json.WORDS.index(letter.encode()) for letter in text.lower() if letter.encode() in json.WORDS]

    def tables(path, logits, state):
        return by_field([field_table(json.SCHEMA, (path,), json.VOCABULARY)] * state.shape[0], logits, state)

    told = context(2, vocabulary=json.VOCABULARY, encode=encode, by_field=tables)
    written = torch.tensor([[0, 1, 4, -1, -1, -1], [0, 1, 4, 1, -1, -1]])  # {"a":"x","b":"·, and {"a":"x","b":"x·
    state = State.blank([[], []], json.T, written=written)
    logits = json.scores(1, 0).expand(2, -1, -1)
    tilt = on_field("b", Words(["x"], 2.0)).prepare(told)
    scores = tilt.scores(logits, (), state, step_at(1.0, 2, json.T))
    assert scores[0].nonzero().tolist() == [[3, 1]] and not scores[1].any()
    with pytest.raises(InputError, match="no fields"):
        bare = context(2, vocabulary=json.VOCABULARY, encode=encode)
        on_field("b", Words(["x"])).prepare(bare).scores(logits, (), state, step_at(1.0, 2, json.T))


def test_the_model_in_the_box_mentions_a_word_once_and_the_prompt_does_not_count():
    model = cd.from_pretrained()
    form = cd.Regex(r"[A-Z][a-z ]{10,40}\.")
    for prompt_ in ("Write a review of the kettle.", "Write a review of the battery."):
        raw = model(prompt_, form, guidance=[cd.guide.Words(["battery"], 30.0)]).raw
        assert raw in form and len(re.findall(r"\bbattery\b", raw.lower())) == 1, raw

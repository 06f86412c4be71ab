"""A decision's probabilities are those of every way to spell each label, and nothing else."""

from __future__ import annotations

import math
from enum import IntEnum
from itertools import product
from typing import Annotated, Literal

import numpy as np
import pytest
import torch
from pydantic import Field

import ctrldiff as cd
from ctrldiff.constraints.basic import Choice
from ctrldiff.constraints.labels import Labels
from ctrldiff.errors import (
    BudgetTooSmall,
    ConstraintError,
    ConstraintTooLarge,
    ConstraintUnsatisfiable,
    InputError,
    PromptTooLong,
)
from ctrldiff.models.callable import from_callable
from ctrldiff.models.spec import ModelSpec
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.decide import decide, entropy, expected
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from ctrldiff.types.structured import output_type

# "not sure" can be spelled in many ways, "no" is a prefix of it, and a token straddles the two.
PIECES = [b"n", b"o", b"no", b"t", b" sure", b"not", b"not sure", b"t sure", b"yes", b"y", b"es", b"nope", b"pe"]
STOP, MASK = len(PIECES), len(PIECES) + 1
VOCABULARY = Vocabulary.from_tokens([*PIECES, None, None], stop_ids=[STOP])
SIZE = MASK + 1
POOL = ["no", "not sure", "yes", "nope", "not", "n", "o", "non", "y", "noo", "yesno"]


def seeded(seed: int, rows: int, length: int, scale: float = 2.0):
    """Logits of (rows, length, SIZE) by a fixed seed, and a denoiser that says them."""
    logits = torch.from_numpy(np.float32(scale * np.random.default_rng([seed, 5]).normal(size=(length, SIZE))))

    def network(ids: torch.Tensor) -> torch.Tensor:
        # the canvas is at the end; a row is told from another by the first id of its prompt
        head = ids.shape[1] - length
        shift = torch.stack([torch.cos(logits * (1 + int(row[0]))) for row in ids])
        return torch.cat([torch.zeros(len(ids), head, SIZE), logits + 2 * shift], dim=1)

    spec = ModelSpec(noise="mask", mask_id=MASK, stop_ids=(STOP,), n_tokens=SIZE, context=64)
    return from_callable(network, spec, VOCABULARY)


def by_trying_all(log_probs: np.ndarray, labels: list[str]) -> dict[str, float]:
    """Every string of tokens: the weight of those that spell a label, followed by stops and nothing else."""
    mass = dict.fromkeys(labels, 0.0)
    for string in product(range(SIZE - 1), repeat=len(log_probs)):
        end = string.index(STOP) if STOP in string else len(string)
        if any(token != STOP for token in string[end:]):
            continue
        spelled = b"".join(PIECES[token] for token in string[:end]).decode()
        if spelled in mass:
            mass[spelled] += math.exp(math.fsum(log_probs[t, v] for t, v in enumerate(string)))
    total = math.fsum(mass.values())
    return {label: value / total for label, value in mass.items()}


def decided(seed: int, labels: list[str], rows: int, length: int):
    denoiser = seeded(seed, rows, length)
    state = State.blank([[row, 0] for row in range(rows)], length)
    after, probs = decide(denoiser, state, Labels.of(tuple(labels), cd.Prior(), VOCABULARY))
    log_probs = torch.log_softmax(denoiser(denoiser.noise(state)).double(), dim=-1).numpy()
    return after, probs, log_probs


@pytest.mark.parametrize("seed", range(12))
def test_every_label_has_the_mass_of_all_its_spellings(seed):
    rng = np.random.default_rng(seed)
    labels = ["no", "not sure", *rng.choice(POOL[2:], size=3, replace=False).tolist()]
    after, probs, log_probs = decided(seed, labels, rows=2, length=4 if seed % 4 == 0 else 3)
    for row in range(2):
        truth = by_trying_all(log_probs[row], labels)
        assert list(probs[row]) == labels
        assert probs[row] == pytest.approx(truth, abs=2e-6)
        assert math.fsum(probs[row].values()) == pytest.approx(1, abs=1e-6)
        best = max(truth, key=lambda label: truth[label])
        assert VOCABULARY.decode(after.tokens[row].tolist()).decode() == best
    assert probs[0] != probs[1], "rows are decided by their own logits"
    assert after.forwards.tolist() == [1, 1]


PRIORS = [cd.Prior(), cd.Prior.of(cd.Regex("no.*"), 0.7) + cd.Prior.of(cd.Regex(".*e"), -1.3)]


@pytest.mark.parametrize("prior", PRIORS, ids=["alone", "weighed"])
@pytest.mark.parametrize("stops", [[STOP], []], ids=["ends", "no end"])
def test_one_sweep_says_what_a_table_a_label_says(prior, stops):
    """Labels that are the beginning of others, in every length of canvas, with and without an end."""
    vocabulary = Vocabulary.from_tokens([*PIECES, None, None], stop_ids=stops)
    labels = Labels.of(tuple(POOL), prior, vocabulary)
    whole = prior.compile(Choice(POOL), vocabulary)
    parts = {label: prior.compile(Choice([label]), vocabulary) for label in POOL}
    for length in range(1, 6 if stops else 5):  # without an end a text fills the canvas
        scores = np.float32(np.random.default_rng([length, 9]).normal(size=(length, SIZE)) * 3)
        want = whole.bind(scores).branch_probs(parts)
        assert labels.probs(labels.table.bind(scores).ends()) == pytest.approx(want, rel=1e-6, abs=1e-9)
    assert labels.needs.tolist() == [parts[label].shortest for label in POOL]


def test_of_labels_alike_the_first_named_is_written():
    """Whatever the order of additions makes of their last digits."""
    pieces = [*(bytes([c]) for c in range(97, 123)), None]
    vocabulary = Vocabulary.from_tokens(pieces, stop_ids=[26])
    names = ["sad", "mad", "bad", "sap", "map", "bat", "cat"]
    for first in range(len(names)):
        labels = Labels.of((*names[first:], *names[:first]), cd.Prior(), vocabulary)
        probs = labels.probs(labels.table.bind(np.zeros((5, 27), np.float32)).ends())
        assert labels.best(probs) == names[first]


def test_a_label_that_no_tokens_spell_is_named_before_anything_is_decided():
    with pytest.raises(ConstraintUnsatisfiable, match="no token writes: b'z'"):
        Labels.of(("no", "z"), cd.Prior(), VOCABULARY)


def test_thousands_of_labels_are_one_table():
    pieces = [bytes([c]) for c in range(256)]
    vocabulary = Vocabulary.from_tokens([*pieces, None], stop_ids=[256])
    names = tuple(f"label number {n} of {n % 7}" for n in range(2_000))
    labels = Labels.of(names, cd.Prior(), vocabulary)
    scores = np.float32(np.random.default_rng(0).normal(size=(30, 257)))
    probs = labels.probs(labels.table.bind(scores).ends())
    assert list(probs) == list(names) and math.fsum(probs.values()) == pytest.approx(1)
    some = {name: Choice([name]).compile(vocabulary) for name in names[::400]}
    want = Choice(names).compile(vocabulary).bind(scores).branch_probs(some)
    assert {name: probs[name] for name in some} == pytest.approx(want, rel=1e-6)
    assert not labels.__dict__.get("_tables"), "no label has been chosen, so none has a table of its own"


def test_a_label_that_does_not_fit_the_canvas_has_probability_zero():
    _, probs, log_probs = decided(3, ["no", "yesno"], rows=1, length=1)
    assert probs[0] == {"no": pytest.approx(1), "yesno": 0} and by_trying_all(log_probs[0], ["no", "yesno"])["no"] == 1


def test_a_decision_that_nothing_fits_is_refused():
    with pytest.raises(BudgetTooSmall):
        decided(3, ["yesno", "nopeyes"], rows=1, length=1)


def test_entropy_by_hand():
    assert entropy({"a": 1.0, "b": 0.0}) == 0
    assert entropy(dict.fromkeys("abcd", 0.25)) == pytest.approx(math.log(4))
    assert entropy({"a": 0.9, "b": 0.1}) == pytest.approx(0.325083, abs=1e-6)
    with pytest.raises(InputError, match="no label prob"):
        entropy({})


def test_expected_is_the_mean_of_whole_numbers_only():
    assert expected({"-1": 0.25, "0": 0.25, "10": 0.5}) == pytest.approx(4.75)
    for labels in ({"a": 1.0}, {"1.5": 1.0}, {"nan": 1.0}, {}):
        with pytest.raises(InputError):
            expected(labels)


@pytest.mark.parametrize("bad", [(1.0, 5), (True, 5), (5, 1), ("1", "5")])
def test_a_score_that_is_no_range_is_refused(bad):
    with pytest.raises(ConstraintError):
        cd.Score(*bad)


def test_a_score_has_a_bound():
    assert len(cd.Score(1, 1000).labels) == 1000
    with pytest.raises(ConstraintTooLarge):
        cd.Score(0, 1000)


class Stars(IntEnum):
    """Not in order, to see that order is kept."""

    TWO = 2
    ONE = 1


@pytest.fixture(scope="module")
def tiny():
    return cd.from_pretrained("tiny")


TEXTS = ["The kettle broke after a week.", "I love it.", "A sturdy lamp. Highly recommended, works like a charm."]


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        (cd.Score(-1, 2), {"-1": -1, "0": 0, "1": 1, "2": 2}),
        (cd.YesNo(), {"yes": True, "no": False}),
        (bool, {"true": True, "false": False}),
        (Literal[1, 10, 100], {"1": 1, "10": 10, "100": 100}),
        (Stars, {"2": Stars.TWO, "1": Stars.ONE}),
        (Literal["no", "not sure"], {"no": "no", "not sure": "not sure"}),
        (cd.Choice(["bad", "good"]), {"bad": "bad", "good": "good"}),
    ],
    ids=str,
)
def test_every_lone_choice_is_decided_in_one_pass_for_a_batch(tiny, wanted, values):
    results = tiny(TEXTS, wanted)
    for result, text in zip(results, TEXTS, strict=True):
        assert list(result.probs) == list(values) and result.usage.forwards == 1
        assert math.fsum(result.probs.values()) == pytest.approx(1, abs=1e-6)
        best = max(result.probs, key=lambda label: result.probs[label])
        assert result.raw == best and result.output == values[best] and type(result.output) is type(values[best])
        assert result.log_prob == pytest.approx(math.log(result.probs[best]))
        assert 0 <= result.entropy <= math.log(len(values)) + 1e-9
        assert tiny(text, wanted).probs == pytest.approx(result.probs, abs=1e-5), "a batch is its rows"


def test_a_score_has_an_expected_value_and_names_do_not(tiny):
    result = tiny(TEXTS[0], cd.Score(1, 5))
    assert result.expected == pytest.approx(sum(k * result.probs[str(k)] for k in range(1, 6)))
    with pytest.raises(InputError, match="not a whole number"):
        _ = tiny(TEXTS[0], cd.YesNo()).expected
    with pytest.raises(InputError, match="no label prob"):
        _ = tiny(TEXTS[0], int, steps=4).entropy


def test_a_plug_in_takes_a_choice_through_the_loop_that_hears_it(tiny):
    """A decision asks nobody but the model, so a processor must not be dropped in silence."""
    (good,) = [n for n, piece in enumerate(tiny.vocabulary) if piece == b"g"]
    heard = []

    def processor(logits, state, step):
        heard.append(step)
        return logits.index_fill(-1, torch.tensor([good]), -torch.inf)

    result = tiny(TEXTS[1], cd.Choice(["good", "bad"]), processors=[processor])
    assert heard and result.raw in ("good", "bad") and not result.probs
    assert not tiny(TEXTS[1], cd.Choice(["good", "bad"]), commit=TopK()).probs


def test_only_a_type_without_further_rules_is_a_lone_choice():
    assert output_type(Annotated[bool, Field(description="x")]).labels == ("true", "false")
    assert output_type(Annotated[Literal[1, 2, 3], Field(ge=2)]).labels == ("2", "3"), "1 may not be offered"
    assert output_type(Literal[True, None]).labels == ("true", "null")
    assert output_type(cd.Score(1, 3)).ask == "1|2|3" and output_type(cd.Score(0, 100), ask="x").ask == "x:0..100"


def test_a_long_label_beside_a_short_one_gets_its_room(tiny):
    long = " ".join("qzxj" for _ in range(30))  # far more tokens than the usual canvas
    generator = cd.Generator(tiny, cd.Choice(["no", long]))
    need = int(generator.compiled.labels.needs[1])
    assert generator.check("I love it.") >= need > tiny.loaded.spec.canvas
    assert generator("I love it.").probs[long] > 0
    with pytest.raises(BudgetTooSmall, match=f"longest label needs {need} tokens"):
        cd.Generator(tiny, cd.Choice(["no", long]), max_new_tokens=need - 1)("I love it.")
    with pytest.raises(PromptTooLong):  # rather than a label that silently counts for nothing
        generator("word " * (tiny.loaded.spec.context - need))

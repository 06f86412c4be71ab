"""Labels read by positions, by letters and by the bound; and what a name alone is worth, taken out."""

import math

import pytest
import torch

import ctrldiff as cd
from ctrldiff.errors import InputError, PromptTooLong
from ctrldiff.readout import _lettered_ids, by_rounds, divided, weighed
from ctrldiff.request import about, read_row

TEXT = "The electric kettle is a disappointment. It broke after a week."


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


@pytest.mark.parametrize("readout", ["product", "letters", "elbo"])
@pytest.mark.parametrize("against", [None, "N/A"])
def test_every_readout_gives_a_distribution_and_writes_its_best_label(model, readout, against):
    labels = cd.Choice(["good", "not good", "bad"])
    texts = [TEXT, "I love it."]
    results = cd.Generator(model, labels, readout=readout, against=against)(texts)
    for text, result in zip(texts, results):
        assert list(result.probs) == list(labels.labels) and math.fsum(result.probs.values()) == pytest.approx(1)
        assert result.output == result.raw == max(result.probs, key=result.probs.get)
        assert result.prob == pytest.approx(max(result.probs.values()))
        alone = model(text, labels, readout=readout, against=against)
        assert alone.probs == pytest.approx(result.probs, abs=1e-5) and alone.raw == result.raw
        assert alone.usage.forwards == result.usage.forwards >= 1


def test_the_bound_of_labels_is_that_of_the_front_door(model):
    result = model(TEXT, cd.Choice(["good", "bad"]), readout="elbo")
    loaded = model.loaded
    prompt = loaded.prompt_ids(TEXT, "good|bad")
    answers = [[*loaded.plain_ids(name), loaded.spec.stop_ids[0]] for name in ("good", "bad")]
    bound = cd.elbo(loaded.denoiser, [prompt] * 2, answers, masks=8).mean
    assert list(result.probs.values()) == pytest.approx(torch.softmax(bound, 0).tolist(), abs=1e-6)


def test_against_a_text_equal_to_itself_nothing_is_left(model):
    labels = cd.Choice(["good", "bad", "not bad"])
    for readout in ("product", "elbo"):
        even = model("I love it.", labels, readout=readout, against="I love it.").probs
        if min(model("I love it.", labels, readout=readout).probs.values()) > 1e-6:
            assert list(even.values()) == pytest.approx([1 / 3] * 3)
    assert divided({"a": 0.9, "b": 0.1}, {"a": 0.9, "b": 0.1}) == pytest.approx({"a": 0.5, "b": 0.5})


def test_rounds_compare_all_labels():
    weight = {f"label {n}": math.exp(-0.03 * ((n * 37) % 255)) for n in range(255)}
    asked = []

    def ask(names):
        asked.append(len(names))
        total = sum(weight[name] for name in names)
        return {name: weight[name] / total for name in names}

    found = by_rounds(ask, list(weight), 20)
    total = math.fsum(weight.values())
    assert list(found) == list(weight) and max(asked) <= 20
    assert found == pytest.approx({name: one / total for name, one in weight.items()})
    assert by_rounds(ask, list(weight)[:5], 20) == ask(list(weight)[:5])
    with pytest.raises(InputError, match="do not fit"):
        by_rounds(ask, list(weight), 1)


@pytest.mark.slow
def test_255_labels_fit_any_prompt(model):
    labels = cd.Choice([f"department number {n} of the house" for n in range(255)])
    result = model("Write to department number 17 of the house.", labels, readout="letters")
    assert len(result.probs) == 255 and result.usage.forwards > 255 / 26


def test_what_is_no_lone_choice_has_no_readout(model):
    with pytest.raises(InputError, match="no lone choice"):
        model(TEXT, int, readout="letters")
    with pytest.raises(InputError, match="readout"):
        model(TEXT, bool, readout="words")
    with pytest.raises(InputError, match="no lone choice"):
        model(TEXT, bool, against="N/A", temperature=1.0)


# ---- what else is said of labels


@pytest.mark.parametrize("readout", ["product", "letters", "elbo"])
@pytest.mark.parametrize("against", [None, "N/A"])
def test_a_prior_weighs_labels_however_they_are_read(model, readout, against):
    how = {"readout": readout, "against": against}
    labels = cd.Choice(["good", "not good", "bad"])
    plain = model("The lamp.", labels, **how).probs
    prior = cd.Prior.of(cd.Regex("good"), 3.0) + cd.Prior.of(cd.Regex("not.*"), -0.5)
    found = model("The lamp.", labels, prior=prior, **how)
    wanted = {name: p * math.exp(prior.log_weight(name)) for name, p in plain.items()}
    total = math.fsum(wanted.values())
    assert found.probs == pytest.approx({name: p / total for name, p in wanted.items()}, rel=1e-4)
    assert found.raw == max(found.probs, key=found.probs.get)


def test_weights_beyond_what_exp_can_say():
    assert weighed({"a": 0.5, "b": 0.5}, {"a": 0.0, "b": 2000.0}) == {"a": 0.0, "b": 1.0}
    assert weighed({"a": 1.0, "b": 0.0}, {"a": -2000.0, "b": 5.0}) == {"a": 1.0, "b": 0.0}


def test_examples_are_shown_by_letter_where_letters_are_read(model):
    shots = [("I love it.", "good"), ("It broke.", "bad"), ("So so.", "not good")]
    generator = cd.Generator(model, cd.Choice(["good", "bad", "not good"]), examples=shots, readout="letters")
    row = read_row(model.loaded, generator.compiled, generator.request(TEXT), 0, decided=True)

    def said(*names, **how):
        return model.loaded.tokenizer.decode(_lettered_ids(model.loaded, row, names, **how))

    asked = "<ask>A=bad|B=not good<answer>"
    assert said("bad", "not good") == f"<bos>It broke.{asked}A<eos><bos>So so.{asked}B<eos><bos>{TEXT}{asked}"
    assert len(said("bad", "not good", other="A")) > len(said("bad", "not good")), "the most that it may come to"
    assert generator(TEXT).probs != model(TEXT, cd.Choice(["good", "bad", "not good"]), readout="letters").probs


def test_what_labels_are_divided_by_is_asked_by_a_prompt_that_fits(model):
    many = cd.Choice([f"department number {n} of the house" for n in range(150)])
    generator = cd.Generator(model, many, against="N/A")
    row = read_row(model.loaded, generator.compiled, generator.request("Write to number 17"), 0, decided=True)
    other = about(model.loaded, row, "N/A")
    assert other.tokens <= model.loaded.spec.context and "N/A" in model.loaded.tokenizer.decode(other.ids)
    assert about(model.loaded, row, row.text) is row
    with pytest.raises(PromptTooLong, match="another prompt"):
        cd.Generator(model, many, against="N/A " * 400).check("Write to number 17")
    with pytest.raises(InputError, match="asked besides"):
        about(model.loaded, row, "\ud800")

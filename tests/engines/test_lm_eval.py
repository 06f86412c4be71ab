"""lm-eval's evaluator over the model in the box: two tasks with their data on disk, one scored, one generated."""

import json
import math
from dataclasses import replace

import pytest
import torch

pytest.importorskip("lm_eval")
from lm_eval import simple_evaluate
from lm_eval.api.instance import Instance
from lm_eval.api.registry import get_model

import ctrldiff as cd
from ctrldiff.engines.lm_eval import CtrldiffLM, before
from ctrldiff.errors import InputError, ModelError, PromptTooLong
from tests.models.plain_transformer import draw
from tests.models.published.cases import cases
from tests.models.tiny_checkpoints import BOS, STOP, save_checkpoint

pytestmark = pytest.mark.slow  # lm-eval takes seconds to import; see SLOW_FILES

(CASE,) = [case for case in cases() if case.family == "Dream"]
TURNS = (
    "{% for m in messages %}<|begin|>{{ m['role'] }} {{ m['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|begin|>assistant {% endif %}"
)
DOCS = [
    {"q": "Paid 12 euro on 2024-03-01. The year is", "choices": [" 2024", " 1999", " 12"], "gold": 0},
    {"q": "Total: 7 dollars. The currency is", "choices": [" euro", " dollars"], "gold": 1},
    {"q": "From Anna to Bert. The sender is", "choices": [" Bert", " Anna"], "gold": 1},
]


@pytest.fixture(scope="module")
def model():
    return cd.from_pretrained("tiny")


def task(folder, name, **config):
    path = folder / "docs.jsonl"
    path.write_text("".join(json.dumps(doc) + "\n" for doc in DOCS))
    data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": str(path)}}, "test_split": "test"}
    return {"task": name, **data, "doc_to_text": "{{q}}", "num_fewshot": 0, **config}


def evaluate(lm, config, folder, monkeypatch):
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(folder / "cache"))
    return simple_evaluate(model=lm, tasks=[config], log_samples=True, bootstrap_iters=0)


def test_a_choice_is_the_one_of_the_greatest_bound(model, tmp_path, monkeypatch):
    config = task(
        tmp_path,
        "choose",
        output_type="multiple_choice",
        doc_to_choice="{{choices}}",
        doc_to_target="gold",
        target_delimiter="",
        metric_list=[{"metric": "acc"}],
    )
    out = evaluate(CtrldiffLM(model, masks=8, greedy=False), config, tmp_path, monkeypatch)
    right = 0
    for doc, sample in zip(DOCS, sorted(out["samples"]["choose"], key=lambda s: s["doc_id"])):
        encode = model.loaded.plain_ids
        contexts, answers = [encode(doc["q"])] * len(doc["choices"]), [encode(c) for c in doc["choices"]]
        want = cd.elbo(model.loaded.denoiser, contexts, answers, masks=8).mean
        got = [response[0] for response in sample["filtered_resps"]]
        assert [float(x) for x in got] == pytest.approx(want.tolist(), abs=1e-4)
        right += int(want.argmax()) == doc["gold"]
    assert out["results"]["choose"]["acc,none"] == pytest.approx(right / len(DOCS))


def test_generated_answers_obey_what_the_task_asks_for(model, tmp_path, monkeypatch):
    config = task(
        tmp_path,
        "years",
        output_type="generate_until",
        doc_to_target="{{choices[gold]}}",
        generation_kwargs={"until": ["\n"], "max_gen_toks": 12, "regex": r" (19|20)\d\d| [a-z]{3,7}| [A-Z][a-z]{2,6}"},
        metric_list=[{"metric": "exact_match"}],
    )
    out = evaluate(CtrldiffLM(model), config, tmp_path, monkeypatch)
    regex = cd.Regex(config["generation_kwargs"]["regex"])
    answers = [sample["filtered_resps"][0] for sample in out["samples"]["years"]]
    assert len(answers) == 3 and all(answer in regex for answer in answers)
    golds = {doc["q"]: doc["choices"][doc["gold"]] for doc in DOCS}
    right = [sample["filtered_resps"][0] == golds[sample["doc"]["q"]] for sample in out["samples"]["years"]]
    assert out["results"]["years"]["exact_match,none"] == pytest.approx(sum(right) / 3)


def ask(kind, *arguments):
    return [Instance(kind, {}, args, n) for n, args in enumerate(arguments)]


def test_the_model_type_is_known_and_its_arguments_come_from_the_command_line():
    assert get_model("ctrldiff") is CtrldiffLM
    lm = CtrldiffLM.create_from_arg_string("pretrained=tiny,masks=4,greedy=False", {"batch_size": 2, "device": "cpu"})
    assert (lm.masks, lm.greedy, lm.batch_size) == (4, False, 2)
    with pytest.raises(InputError, match="batch_size='auto'"):
        CtrldiffLM("tiny", batch_size="auto")


def test_greedy_is_what_the_model_writes_surest_first(model):
    lm = CtrldiffLM(model, masks=2)
    ids = model.loaded.plain_ids("Invoice 17 of 2024-03-01, total")
    state = cd.State.blank([ids], 2)
    for _ in range(2):
        logits = model.loaded.denoiser(model.loaded.denoiser.noise(state))
        p, best = logits.softmax(-1).max(dim=-1)
        first = p.masked_fill(~state.open, -1).argmax(dim=1)
        state = state.write(first[:, None] == torch.arange(2), best)
    answer = state.tokens[0].tolist()
    others = [answer[::-1], [answer[0], answer[1] + 1]]
    assert lm.is_greedy([ids] * 3, [answer, *others]) == [True, others[0] == answer, False]


def test_a_document_longer_than_the_context_is_scored_window_by_window_each_token_once(model):
    lm = CtrldiffLM(model, masks=2)
    lm.room = 24
    text = "A report of 12 pages about the price of 3 apples and 40 pears in the year 1987, and so on. " * 2
    (total,) = lm.loglikelihood_rolling(ask("loglikelihood_rolling", (text,)))
    ids, parts, previous = model.loaded.plain_ids(text), 0.0, lm.first
    for begin in range(0, len(ids) // 23 * 23, 23):
        piece = ids[begin : begin + 23]
        parts += float(cd.elbo(model.loaded.denoiser, [[previous]], [piece], masks=2).mean)
        previous = piece[-1]
    rest = ids[len(ids) // 23 * 23 :]
    assert rest  # the last window is as long as the others: what it does not score is context
    parts += float(cd.elbo(model.loaded.denoiser, [ids[-24 : -len(rest)]], [rest], masks=2).mean)
    assert math.isfinite(total) and total == pytest.approx(parts, rel=1e-5)


def test_bad_requests_are_refused_by_name(model):
    lm = CtrldiffLM(model)
    with pytest.raises(PromptTooLong, match="continuation tokens"):
        lm.loglikelihood(ask("loglikelihood", ("word " * 2000, " yes")))
    with pytest.raises(InputError, match="is empty"):
        lm.loglikelihood(ask("loglikelihood", ("a", "")))
    with pytest.raises(InputError, match="num_beams"):
        lm.generate_until(ask("generate_until", ("a", {"num_beams": 3})))


def test_text_ends_before_the_first_of_the_words_that_end_it():
    assert before("ab\ncd###", ["###", "\n"]) == "ab" and before("ab", ["", "x"]) == "ab"


def test_special_tokens_of_a_chat_template_reach_the_model_as_such(tmp_path):
    folder = save_checkpoint(tmp_path / "dream", CASE.config, CASE.published(draw(CASE.sizes, 1)), chat_template=TURNS)
    lm = CtrldiffLM(str(folder), masks=2, greedy=False)
    context = lm.apply_chat_template([{"role": "user", "content": "a"}])
    ids = [BOS, *b"user a", STOP, BOS, *b"assistant "]
    assert lm._pair(context, " <|end|>") == (ids[:-1], list(b"  <|end|>"))
    seen = []
    network = lm.model.loaded.denoiser.network
    watching = replace(lm.model.loaded.denoiser, network=lambda *told: seen.append(told[0]) or network(*told))
    lm.model = cd.Model(replace(lm.model.loaded, denoiser=watching))
    lm.generate_until(ask("generate_until", (context, {"regex": "[ab]{2}", "max_gen_toks": 4})))
    assert all(row[: len(ids)] == ids for call in seen for row in call.tolist()) and seen
    plain = CtrldiffLM(str(folder), masks=2, template=True)._pair("<|end|>", "b")[0]
    assert plain.count(STOP) == ids.count(STOP), "in a text they are letters"


def test_a_chat_without_a_template_is_refused(model):
    with pytest.raises(ModelError, match="no chat template"):
        CtrldiffLM(model).apply_chat_template([{"role": "user", "content": "a"}])

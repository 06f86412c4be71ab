"""The SGLang algorithm inside the released wheel's own plug-ins, requests and loops, on the CPU; see `wheels`."""

import json
import re
from types import SimpleNamespace

import pytest
import torch

from ctrldiff.engines import sglang
from ctrldiff.models.hf import TINY

pytestmark = pytest.mark.slow
VERSION, BLOCK = "0.5.23", 4
ALGORITHMS = ("base", "gemma4_renoise", "joint_threshold", "joint_threshold_indel", "low_confidence")
OWN = ("sglang.srt.dllm.algorithm", *(f"sglang.srt.dllm.algorithm.{name}" for name in ALGORITHMS))
OWN += ("sglang.srt.dllm.config", "sglang.srt.plugins", "sglang.srt.plugins.hook_registry")
OWN += ("sglang.srt.sampling.sampling_params", "sglang.srt.sampling.watermarking.core")
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["n", "b"]}
ASKED = [
    {"regex": r"\d{4}-\d{2}-\d{2}"},
    {"json_schema": json.dumps(SCHEMA)},
    {"regex": "(yes|no)", "max_new_tokens": 6},
    {"max_new_tokens": 8},
]


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture
def theirs(released):
    """SGLang's own modules, with our plug-in loaded by its own loader."""
    envs = SimpleNamespace(SGLANG_PLUGINS=SimpleNamespace(get=str), SGLANG_PLATFORM=SimpleNamespace(get=str))
    utils = {"is_npu": lambda: False}
    released("sglang", VERSION, OWN, {"sglang.srt.environ": {"envs": envs}, "sglang.srt.utils": utils})
    from sglang.srt.dllm.algorithm import get_algorithm
    from sglang.srt.dllm.config import DllmConfig
    from sglang.srt.plugins import load_plugins
    from sglang.srt.sampling.sampling_params import SamplingParams

    load_plugins()
    sglang.ConstrainedSteps.requests.clear()
    return SimpleNamespace(get=get_algorithm, config=DllmConfig, params=SamplingParams)


def configured(theirs, tokenizer, fdfo):
    return theirs.config(
        "Ctrldiff", {"threshold": 0.6}, BLOCK, tokenizer.mask_token_id, 8, first_done_first_out_mode=fdfo
    )


class Request:
    """What a scheduler holds of a request."""

    def __init__(self, theirs, tokenizer, rid, text, **asked):
        self.rid, self.tokenizer, self.vocab_size, self.eos_token_ids = rid, tokenizer, len(tokenizer), None
        self.origin_input_ids = tokenizer.encode(text, add_special_tokens=False)
        self.sampling_params = theirs.params(**{"max_new_tokens": 40, **asked})
        self.sampling_params.normalize(tokenizer)
        self.sampling_params.verify(self.vocab_size)
        self.output, self.block, self.state = [], None, None

    @property
    def offset(self):
        return (len(self.origin_input_ids) + len(self.output)) // BLOCK * BLOCK

    def finished(self):
        return self.tokenizer.eos_token_id in self.output or len(self.output) >= self.sampling_params.max_new_tokens

    def text(self):
        stop = self.tokenizer.eos_token_id
        return self.tokenizer.decode(self.output[: self.output.index(stop) if stop in self.output else None])


def batch(requests, mask_id, literal):
    """The block that each request is at, as the scheduler lays it out."""
    ids, places, known = [], [], []
    for request in requests:
        have = [*request.origin_input_ids, *request.output][request.offset :]
        ids += request.block or have + [mask_id] * (BLOCK - len(have))
        places += range(request.offset, request.offset + BLOCK)
        known.append([at < len(have) for at in range(BLOCK)])
    return SimpleNamespace(
        batch_size=len(requests),
        rids=[request.rid for request in requests],
        input_ids=torch.tensor(ids),
        positions=torch.tensor(places, dtype=torch.int32),
        dllm_prompt_mask=torch.tensor(known) if literal else None,
        mark_forward_metadata_ready=lambda replan_equivalent: None,
    )


class Runner:
    """A model whose logits are random, and NaN for the request `broken`."""

    def __init__(self, width, seed, broken=None):
        self.width, self.generator, self.broken = width, torch.Generator().manual_seed(seed), broken

    def forward(self, forward_batch, pp_proxy_tensors):
        logits = 3 * torch.randn(len(forward_batch.input_ids), self.width, generator=self.generator)
        if self.broken in forward_batch.rids:
            logits.view(len(forward_batch.rids), BLOCK, -1)[forward_batch.rids.index(self.broken)] = torch.nan
        return SimpleNamespace(logits_output=SimpleNamespace(full_logits=logits), can_run_graph=False)


def served(algorithm, requests, fdfo, literal, seed, broken=None):
    """Every request's text, by SGLang's own `run`."""
    runner = Runner(requests[0].vocab_size, seed, broken)
    while running := [request for request in requests if not request.finished()]:
        now = batch(running, algorithm.mask_id, literal)
        before = [len(r.origin_input_ids) + len(r.output) - r.offset for r in running]
        _, tokens, accepted, states, _ = algorithm.run(runner, now, [r.state for r in running] if fdfo else None)
        for row, request in enumerate(running):
            block = now.input_ids.view(-1, BLOCK)[row].tolist()
            if not fdfo:
                assert block[before[row] :] == tokens[row].tolist()
                request.output += block[before[row] :]
            elif accepted[row]:
                known = max(0, len(request.origin_input_ids) - request.offset)
                request.output, request.block, request.state = request.output + tokens[row][known:], None, None
            else:
                request.block, request.state = tokens[row], states[row]
    return [request.text() for request in requests]


@pytest.mark.parametrize("fdfo", [True, False])
@pytest.mark.parametrize("literal", [True, False])
def test_each_request_gets_what_it_asked_for_in_its_own_loops(theirs, tokenizer, fdfo, literal):
    for seed in range(5):
        config = configured(theirs, tokenizer, fdfo)
        algorithm = theirs.get(config)
        texts = ["When was it?", "an object, please", "so", "and then there"]
        requests = [
            Request(theirs, tokenizer, str(n), text, **asked) for n, (text, asked) in enumerate(zip(texts, ASKED))
        ]
        assert [config.validate_request(request) for request in requests] == [None] * 4
        a, b, c, d = served(algorithm, requests, fdfo, literal, seed)
        value = json.loads(b)
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", a) and c in ("yes", "no") and d
        assert isinstance(value["n"], int) and isinstance(value["b"], bool)


@pytest.mark.parametrize("fdfo", [True, False])
def test_a_request_that_fails_inside_a_step_ends_alone(theirs, tokenizer, fdfo):
    config = configured(theirs, tokenizer, fdfo)
    algorithm = theirs.get(config)
    requests = [Request(theirs, tokenizer, rid, "When was it?", regex=r"\d{4}-\d{2}") for rid in "ab"]
    assert [config.validate_request(request) for request in requests] == [None] * 2
    requests[1].sampling_params.max_new_tokens = 12  # as the scheduler cuts it after a request was admitted
    a, b = served(algorithm, requests, fdfo, True, 0, broken="a")
    assert a == "" and re.fullmatch(r"\d{4}-\d{2}", b)
    assert "LOGITS_INVALID" in algorithm.requests["a"].failed and algorithm.requests["b"].budget == 12


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"stop": ["-"]}, "stop_strs with regex"),
        ({"stop_regex": ["-+"]}, "stop_regex_strs with regex"),
        ({"ignore_eos": True}, "ignore_eos with regex"),
        ({"n": 2}, "n is not obeyed"),
        ({"beam_width": 2}, "beam_width is not obeyed"),
        ({"min_new_tokens": 3}, "min_new_tokens is not obeyed"),
        ({"logit_bias": {"5": 1.0}}, "logit_bias is not obeyed"),
        ({"presence_penalty": 0.5}, "presence_penalty is not obeyed"),
        ({"max_new_tokens": 3}, "max_new_tokens>="),
    ],
)
def test_its_own_normalised_requests_are_refused_with_a_word(theirs, tokenizer, asked, says):
    config = configured(theirs, tokenizer, True)
    theirs.get(config)
    message = config.validate_request(Request(theirs, tokenizer, "r", "when", regex=r"\d{4}-\d{2}-\d{2}", **asked))
    assert message is not None and says in message


def test_every_word_of_its_own_requests_is_known(theirs):
    """A word that a later version adds is looked at before the version named in the docs moves on."""
    kept = {"json_schema", "regex", "ebnf", "structural_tag", "max_new_tokens", "stop_token_ids"}
    drawn = {"temperature", "top_p", "top_k", "min_p", "sampling_seed", "repetition_penalty", "watermark"}
    shown = {"skip_special_tokens", "spaces_between_special_tokens", "no_stop_trim", "stream_interval"}
    inner = {"stop_str_max_len", "stop_regex_max_len", "is_normalized", "ebnf_full_assistant", "custom_params"}
    known = kept | drawn | shown | inner | set(sglang.CUTS) | set(sglang.IGNORED)
    assert set(theirs.params.__struct_fields__) <= known

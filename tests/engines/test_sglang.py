"""The SGLang algorithm behind a stand-in for SGLang: its base class, its two loops, its requests. SGLang is not run."""

import importlib
import json
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from ctrldiff.engines import sglang
from ctrldiff.engines.asked import described
from ctrldiff.models.hf import TINY

BLOCK = 4


class Base:
    """What the algorithm inherits: its constants, and loops that call `step` as SGLang's do."""

    def __init__(self, config):
        self.block_size, self.mask_id = config.block_size, config.mask_id


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(TINY)


@pytest.fixture
def algorithm(tokenizer, monkeypatch):
    """The registered class, made as SGLang makes it."""
    names: dict[str, type] = {}
    package, base = ModuleType("sglang.srt.dllm.algorithm"), ModuleType("sglang.srt.dllm.algorithm.base")
    package.algo_name_to_cls, base.DllmAlgorithm = names, Base
    for name in ("sglang", "sglang.srt", "sglang.srt.dllm"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, package.__name__, package)
    monkeypatch.setitem(sys.modules, base.__name__, base)
    sglang.register()
    cls = names["Ctrldiff"]
    assert issubclass(cls, Base)
    cls.requests.clear()
    config = SimpleNamespace(block_size=BLOCK, mask_id=tokenizer.mask_token_id, algorithm_config={"threshold": 0.6})
    return cls(config)


@dataclass(eq=False)
class Req:
    """A request as the scheduler holds it."""

    rid: str
    tokenizer: object
    prompt: list[int]
    params: dict
    blocks: list[int] = field(default_factory=list)  # everything after the prompt that was emitted
    block: list[int] | None = None  # an unfinished block

    def __post_init__(self):
        # As SGLang 0.5.23 has them after `normalize`, which moves `stop` into `stop_strs`.
        asked = {"json_schema": None, "regex": None, "ebnf": None, "structural_tag": None}
        plain = {"stop": None, "stop_strs": [], "stop_regex": None, "stop_regex_strs": [], "temperature": 1.0, "n": 1}
        plain |= {"logit_bias": None, "min_new_tokens": 0, "frequency_penalty": 0.0, "presence_penalty": 0.0}
        more = {"ignore_eos": False, "stop_token_ids": None, "max_new_tokens": 40}
        self.sampling_params = SimpleNamespace(**{**asked, **plain, **more, **self.params})
        self.origin_input_ids, self.eos_token_ids, self.vocab_size = self.prompt, None, len(self.tokenizer) + 7

    @property
    def offset(self):
        return (len(self.prompt) + len(self.blocks)) // BLOCK * BLOCK

    def finished(self):
        return self.tokenizer.eos_token_id in self.blocks or len(self.blocks) >= self.sampling_params.max_new_tokens

    def text(self):
        ids = self.blocks[: self.sampling_params.max_new_tokens]
        stop = self.tokenizer.eos_token_id
        return self.tokenizer.decode(ids[: ids.index(stop)] if stop in ids else ids)


def batch(reqs, mask_id, literal):
    ids, positions = [], []
    for req in reqs:
        known = (req.prompt + req.blocks)[req.offset :]
        ids += req.block or known + [mask_id] * (BLOCK - len(known))
        positions += range(req.offset, req.offset + BLOCK)
    lengths = torch.tensor([len(req.prompt) + len(req.blocks) for req in reqs])
    places = torch.tensor(positions, dtype=torch.int32)
    return SimpleNamespace(
        batch_size=len(reqs),
        rids=[req.rid for req in reqs],
        input_ids=torch.tensor(ids),
        positions=places,
        dllm_prompt_mask=places.view(-1, BLOCK) < lengths[:, None] if literal else None,
    )


def forward(algorithm, reqs, generator, literal=False):
    """One round, first done first out: a step for each, blocks that are done are emitted."""
    now = batch(reqs, algorithm.mask_id, literal)
    width = reqs[0].vocab_size
    done = algorithm.step(now, 3 * torch.randn(len(reqs) * BLOCK, width, generator=generator), [None] * len(reqs))
    for req, finished, block in zip(reqs, done, now.input_ids.view(-1, BLOCK).tolist()):
        if finished:
            req.blocks, req.block = (
                req.blocks + block[max(0, len(req.prompt) - req.offset) :][len(req.blocks) and 0 :],
                None,
            )
        else:
            req.block = block


def serve(algorithm, reqs, seed=0, literal=False):
    generator = torch.Generator().manual_seed(seed)
    for req in reqs:
        assert algorithm.validate_request(req) is None
    for _ in range(400):
        running = [req for req in reqs if not req.finished()]
        if not running:
            break
        forward(algorithm, running, generator, literal)
    return [req.text() for req in reqs]


SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}, "b": {"type": "boolean"}}, "required": ["n", "b"]}


def requests(tokenizer):
    def ids(text):
        return tokenizer.encode(text, add_special_tokens=False)

    return [
        Req("a", tokenizer, ids("When was it?"), {"regex": r"\d{4}-\d{2}-\d{2}"}),
        Req("b", tokenizer, ids("an object"), {"json_schema": json.dumps(SCHEMA)}),
        Req("c", tokenizer, [5], {"regex": "(yes|no)", "max_new_tokens": 6}),
        Req("d", tokenizer, [6, 7, 8, 9], {"max_new_tokens": 8}),
    ]


@pytest.mark.parametrize("literal", [False, True])
def test_each_request_gets_what_it_asked_for(algorithm, tokenizer, literal):
    for seed in range(4):
        reqs = requests(tokenizer)
        a, b, c, _ = serve(algorithm, reqs, seed, literal)
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", a) and c in ("yes", "no")
        value = json.loads(b)
        assert isinstance(value["n"], int) and isinstance(value["b"], bool)
        assert algorithm.mask_id not in reqs[3].blocks
        assert reqs[0].sampling_params.regex is None  # SGLang's own grammar backend has nothing to do


def test_two_ranks_agree(algorithm, tokenizer):
    def rank(n):
        torch.manual_seed(n)
        reqs = requests(tokenizer)
        serve(algorithm, reqs, seed=1)
        return [req.blocks for req in reqs]

    assert rank(1) == rank(2)


def test_a_request_that_is_retracted_and_encoded_again_goes_on_with_its_own_tokens(algorithm, tokenizer):
    req = requests(tokenizer)[0]
    assert algorithm.validate_request(req) is None
    generator = torch.Generator().manual_seed(3)
    while len(req.blocks) < 5:
        forward(algorithm, [req], generator)
    again = Req(req.rid, tokenizer, req.prompt, {})  # blocks of prompt and output pass by, all written, cache rebuilt
    emitted = [*req.prompt, *req.blocks]
    for offset in range(0, len(emitted) // BLOCK * BLOCK, BLOCK):
        now = batch([again], algorithm.mask_id, True)
        now.input_ids = torch.tensor(emitted[offset : offset + BLOCK])
        now.positions = torch.arange(offset, offset + BLOCK, dtype=torch.int32)
        now.dllm_prompt_mask[:] = True
        before = now.input_ids.clone()
        assert algorithm.step(now, torch.randn(BLOCK, req.vocab_size), [None]) == [True]
        assert torch.equal(now.input_ids, before)
    while not req.finished():
        forward(algorithm, [req], generator)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", req.text())


def test_a_block_is_done_one_forward_after_its_last_write(algorithm, tokenizer):
    req = requests(tokenizer)[2]
    algorithm.validate_request(req)
    now = batch([req], algorithm.mask_id, False)
    generator = torch.Generator().manual_seed(0)
    for _ in range(BLOCK + 1):
        masks = int((now.input_ids == algorithm.mask_id).sum())
        (done,) = algorithm.step(now, torch.randn(BLOCK, req.vocab_size, generator=generator), [None])
        assert done == (masks == 0)
    assert done


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"regex": "(a"}, "REGEX_SYNTAX"),
        ({"regex": r"(a)\1"}, "REGEX_UNSUPPORTED"),
        ({"json_schema": "{"}, "not JSON"),
        ({"json_schema": '{"type": "object", "properties": 3}'}, "SCHEMA_INVALID"),
        ({"ebnf": 'root ::= "a"'}, "ebnf: not supported"),
        ({"regex": "a", "json_schema": "{}"}, "one of json_schema or regex"),
        ({"regex": "a", "stop": ["x"]}, "stop with regex"),
        ({"regex": "a", "stop_strs": ["x"]}, "stop_strs with regex"),
        ({"json_schema": "{}", "stop_regex_strs": ["x"]}, "stop_regex_strs with json_schema"),
        ({"regex": "a", "logit_bias": {"5": 1.0}}, "logit_bias is not obeyed"),
        ({"regex": "a", "min_new_tokens": 4}, "min_new_tokens is not obeyed"),
        ({"regex": "a", "n": 2}, "n is not obeyed"),
        ({"regex": "a", "ignore_eos": True}, "ignore_eos with regex"),
        ({"regex": "a", "max_new_tokens": None}, "max_new_tokens"),
        ({"regex": r"(\d-){9}", "max_new_tokens": 3}, "max_new_tokens>="),
    ],
)
def test_what_cannot_be_kept_is_refused_when_it_is_asked_for(algorithm, tokenizer, params, says):
    message = algorithm.validate_request(Req("x", tokenizer, [1], params))
    assert message is not None and says in message
    assert "x" not in algorithm.requests


def test_nothing_is_raised_inside_a_step(algorithm, tokenizer, caplog):
    """SGLang ends the whole server for it: the request ends, and those beside it go on."""
    reqs = requests(tokenizer)
    for req in reqs:
        assert algorithm.validate_request(req) is None
    now = batch(reqs, algorithm.mask_id, True)
    logits = torch.randn(len(reqs) * BLOCK, reqs[0].vocab_size)
    logits[:BLOCK] = torch.nan  # the first request's
    assert algorithm.step(now, logits, [None] * 4) == [False] * 4
    stop = tokenizer.eos_token_id
    first = now.input_ids[:BLOCK]
    assert bool((first[~now.dllm_prompt_mask[0]] == stop).all()) and "LOGITS_INVALID" in algorithm.requests["a"].failed
    assert not any(algorithm.requests[rid].failed for rid in "bc") and "request a" in caplog.text
    assert algorithm.step(now, torch.randn_like(logits), [None] * 4)[0], "done one forward after its last write"
    now.input_ids[:BLOCK] = algorithm.mask_id
    now.positions[:BLOCK] += BLOCK
    now.dllm_prompt_mask[0] = False
    algorithm.step(now, torch.randn_like(logits), [None] * 4)
    assert now.input_ids[:BLOCK].tolist() == [stop] * BLOCK, "and all that follows is stop tokens"


def test_lengths_are_read_when_the_first_block_comes(algorithm, tokenizer):
    """SGLang cuts a prompt that is too long, and the answer's length, after a request was admitted."""
    req = Req("a", tokenizer, list(range(5, 16)), {"regex": r"\d{4}-\d{2}-\d{2}"})
    assert algorithm.validate_request(req) is None
    req.prompt = req.origin_input_ids = req.prompt[:6]
    req.sampling_params.max_new_tokens = 12
    generator = torch.Generator().manual_seed(2)
    while not req.finished():
        forward(algorithm, [req], generator)
    assert (algorithm.requests["a"].prompt, algorithm.requests["a"].budget) == (6, 12)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", req.text())
    short = Req("b", tokenizer, [5, 6], {"regex": r"(\d-){9}"})
    assert algorithm.validate_request(short) is None
    short.sampling_params.max_new_tokens = 3
    forward(algorithm, [short], generator)
    assert "BUDGET_TOO_SMALL" in algorithm.requests["b"].failed


def test_later_versions_hand_over_the_output_of_the_logits_processor(algorithm, tokenizer):
    both = []
    for wrap in (lambda logits: logits, lambda logits: SimpleNamespace(full_logits=logits, next_token_logits=None)):
        req = requests(tokenizer)[0]
        algorithm.validate_request(req)
        now = batch([req], algorithm.mask_id, False)
        logits = torch.randn(BLOCK, req.vocab_size, generator=torch.Generator().manual_seed(1))
        algorithm.step(now, wrap(logits), [None])
        both.append(now.input_ids.tolist())
    assert both[0] == both[1] and algorithm.requests["a"].failed == ""


def test_a_prompt_may_come_several_blocks_at_a_time(algorithm, tokenizer):
    req = Req("a", tokenizer, list(range(5, 5 + 2 * BLOCK)), {"regex": "[0-9]+"})
    algorithm.validate_request(req)
    now = SimpleNamespace(batch_size=1, rids=["a"], input_ids=torch.tensor(req.prompt), dllm_prompt_mask=None)
    now.positions = torch.arange(2 * BLOCK, dtype=torch.int32)
    assert algorithm.step(now, torch.randn(2 * BLOCK, req.vocab_size), [None]) == [True]
    assert now.input_ids.tolist() == req.prompt


def test_digits_are_ascii_unless_the_server_says_otherwise(algorithm, tokenizer):
    digits = described("regex", r"\d", ascii=True)
    assert "7" in digits and "\u0667" not in digits
    assert "\u0667" in described("regex", r"\d", ascii=False)
    config = SimpleNamespace(block_size=BLOCK, mask_id=1, algorithm_config={"ascii": False})
    assert algorithm.ascii and not type(algorithm)(config).ascii


def test_requests_that_never_say_goodbye_are_forgotten_oldest_first(algorithm, tokenizer, monkeypatch):
    monkeypatch.setattr(sglang, "REQUESTS", 2)
    for rid in "abc":
        algorithm.validate_request(Req(rid, tokenizer, [1], {"regex": "a+"}))
    assert list(algorithm.requests) == ["b", "c"]
    algorithm.validate_request(Req("c", tokenizer, [1], {}))  # the id again, without a constraint
    assert list(algorithm.requests) == ["b"]


def test_sglang_finds_the_plug_in():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    module, name = project["entry-points"]["sglang.srt.plugins"]["ctrldiff"].split(":")
    assert getattr(importlib.import_module(module), name) is sglang.register

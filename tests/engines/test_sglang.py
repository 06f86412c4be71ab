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


@dataclass
class Req:
    """A request as the scheduler holds it."""

    rid: str
    tokenizer: object
    prompt: list[int]
    params: dict
    blocks: list[int] = field(default_factory=list)  # everything after the prompt that was emitted
    block: list[int] | None = None  # an unfinished block

    def __post_init__(self):
        plain = {"json_schema": None, "regex": None, "ebnf": None, "structural_tag": None, "stop": [], "stop_regex": []}
        more = {"ignore_eos": False, "stop_token_ids": None, "max_new_tokens": 40}
        self.sampling_params = SimpleNamespace(**{**plain, **more, **self.params})
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
        ({"regex": "a", "ignore_eos": True}, "ignore_eos with regex"),
        ({"regex": "a", "max_new_tokens": None}, "max_new_tokens"),
        ({"regex": r"(\d-){9}", "max_new_tokens": 3}, "max_new_tokens>="),
    ],
)
def test_what_cannot_be_kept_is_refused_when_it_is_asked_for(algorithm, tokenizer, params, says):
    message = algorithm.validate_request(Req("x", tokenizer, [1], params))
    assert message is not None and says in message
    assert "x" not in algorithm.requests


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

"""Tokens that a block-causal model forwards for one answer.

A toy Qwen3, a prompt of 500 tokens, 256 new ones, blocks in order. "published": what a loop forwards that runs the
active block alone at every pass, and each block once more when it is done.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from ctrldiff.models.caches.prefix import PrefixCached
from ctrldiff.models.transformers import TransformersNetwork
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from tests.benchmarks.record import Record
from tests.conftest import SIZE, VOCABULARY, spec

PROMPT, NEW = 500, 256


def records(quick: bool) -> Iterator[Record]:
    """By block length and steps; the answer has half the length where it is to be quick."""
    new = NEW // 2 if quick else NEW
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Qwen3Config(vocab_size=SIZE, num_key_value_heads=1, head_dim=8, is_causal=False, **small)
    module = Qwen3ForCausalLM(config).eval()
    for block, steps in ((4, new), (4, new // 4), (32, new), (32, new // 4)):
        how = spec("mask", attention="block_causal", block_length=block, context=PROMPT + new)
        counts = []
        for ahead in (None, 1, 0):
            cached = PrefixCached(TransformersNetwork(module, block), replace(how, ahead=ahead), VOCABULARY)
            state = State.blank([torch.arange(PROMPT) % 10], new)
            done = sample(cached, state, schedule=Blocks(block, steps=steps, aligned=True), commit=TopK())
            assert done.done.all()
            counts.append(cached.forwarded)
        where = {"block": block, "passes": steps}
        for name, count in zip(("whole canvas", "and one ahead", "active block"), counts, strict=True):
            yield Record.one(name, count, "tokens", **where)
        yield Record.one("published", PROMPT + steps * block + new, "tokens", **where)

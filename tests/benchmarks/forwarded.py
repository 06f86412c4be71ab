"""Tokens that a block-causal model forwards for one answer: `python -m tests.benchmarks.forwarded`.

A toy Qwen3, a prompt of 500 tokens, 256 new ones, blocks in order. "published": what a loop forwards that runs the
active block alone at every pass, and each block once more when it is done.
"""

from dataclasses import replace

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from ctrldiff.models.caches.prefix import PrefixCached
from ctrldiff.models.transformers import TransformersNetwork
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from tests.conftest import SIZE, VOCABULARY, spec

PROMPT, NEW = 500, 256


def main() -> None:
    """Print a table."""
    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = Qwen3Config(vocab_size=SIZE, num_key_value_heads=1, head_dim=8, is_causal=False, **small)
    module = Qwen3ForCausalLM(config).eval()
    print("block  passes  whole canvas  and one ahead  active block  published")
    for block, steps in ((4, 256), (4, 64), (32, 256), (32, 64)):
        how = spec("mask", attention="block_causal", block_length=block, context=PROMPT + NEW)
        counts = []
        for ahead in (None, 1, 0):
            cached = PrefixCached(TransformersNetwork(module, block), replace(how, ahead=ahead), VOCABULARY)
            state = State.blank([torch.arange(PROMPT) % 10], NEW)
            done = sample(cached, state, schedule=Blocks(block, steps=steps, aligned=True), commit=TopK())
            assert done.done.all()
            counts.append(cached.forwarded)
        published = PROMPT + steps * block + NEW
        whole, one, none = counts
        print(f"{block:>5}  {steps:>6}  {whole:>12,}  {one:>13,}  {none:>12,}  {published:>9,}")


if __name__ == "__main__":
    main()

"""What the approximate cache loses and saves, on a small bidirectional Qwen3 trained here for 150 seconds.

The task: eight digits, then an answer of sixteen: the same digits backwards, then each of them plus one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from ctrldiff.models.caches.approximate import ApproximateCached
from ctrldiff.models.caches.drive import drive
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork
from ctrldiff.sampling.commit import TopK
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.record import Record
from tests.watching import watching

DIGITS, ANSWER, BLOCK, MASK, STOP = 8, 16, 4, 10, 11
SECONDS, TEXTS = 150.0, 64


def texts(count: int, rng: torch.Generator) -> torch.Tensor:
    """(count, 24) prompts and answers."""
    digits = torch.randint(0, 10, (count, DIGITS), generator=rng)
    return torch.cat([digits, digits.flip(1), (digits + 1) % 10], dim=1)


def trained(budget_s: float) -> tuple[object, float]:
    """The network and its last loss."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}
    config = Qwen3Config(vocab_size=12, num_key_value_heads=4, head_dim=16, is_causal=False, **shape)
    model, rng, loss = Qwen3ForCausalLM(config), torch.Generator().manual_seed(1), torch.zeros(())
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    began = time.perf_counter()
    while time.perf_counter() - began < budget_s:
        ids = texts(64, rng)
        hidden = torch.rand(ids.shape, generator=rng) < torch.rand((len(ids), 1), generator=rng)
        hidden[:, :DIGITS] = False
        mask = torch.zeros(1, 1, ids.shape[1], ids.shape[1])
        logits = model(input_ids=ids.masked_fill(hidden, MASK), attention_mask=mask, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[hidden], ids[hidden])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval(), loss.item()


def records(quick: bool) -> Iterator[Record]:
    """Agreement, divergence and the positions forwarded, of both caches against none."""
    model, loss = trained(SECONDS / 10 if quick else SECONDS)
    network = TransformersNetwork(model)
    vocabulary = Vocabulary.from_tokens([*(str(n).encode() for n in range(10)), None, None], stop_ids=[STOP])
    common = {"stop_ids": (STOP,), "n_tokens": 12, "context": 64, "mask_id": MASK}
    tests = texts(TEXTS, torch.Generator().manual_seed(2))
    state = State.blank(list(tests[:, :DIGITS]), ANSWER)
    plain = drive(network, ModelSpec(**common), vocabulary)
    loop = {"schedule": Blocks(BLOCK), "commit": TopK()}
    want = sample(plain, state, **loop).tokens
    truth = tests[:, DIGITS:]
    yield Record.one("loss of the network", loss, "nats", cache="none")
    yield Record.one("tokens right", float((want == truth).float().mean()), cache="none")
    for name, dual in (("prefix", False), ("dual", True)):
        spec = ModelSpec(**common, block_length=BLOCK)
        cached, lost = ApproximateCached(network, spec, vocabulary, dual=dual, remember=2 * TEXTS), []

        def watch(now: State, step: object, cached=cached, lost=lost) -> None:
            if not now.done.all():
                before = cached.forwarded
                lost.append(cached.error(cached.noise(now)))
                cached.forwarded = before

        got = sample(cached, state, observers=[watching(watch)], **loop).tokens
        whole = TEXTS * (DIGITS + ANSWER) * ANSWER
        figures = {
            "tokens right": float((got == truth).float().mean()),
            "same text as without": float((got == want).all(dim=1).float().mean()),
            "mean KL": sum(error.kl for error in lost) / len(lost),
            "worst KL": max(error.worst for error in lost),
            "same best token": sum(error.same for error in lost) / len(lost),
            "positions forwarded, of those without": cached.forwarded / whole,
        }
        yield from (Record.one(what, figure, cache=name) for what, figure in figures.items())

"""What is lost where the active block alone is forwarded.

A small Qwen3 is trained here for 150 seconds as block diffusion models are: blocks before the active one are clean, the
active one is noised, later ones are not seen. The task: a text of two words and its copy, some letters of the text
blotted out, so that there is something to doubt. Words are of any length from 1 to 6: what is written decides how much
can still be said.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import product

import torch

from ctrldiff.constraints.basic import Regex
from ctrldiff.models.caches.prefix import PrefixCached
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork
from ctrldiff.sampling.commit import Threshold
from ctrldiff.sampling.constrain import Exact, Tables
from ctrldiff.sampling.loop import sample
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.schedules import Blocks
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.record import Record

LETTERS, DASH, BLOT, STOP, MASK = 10, 10, 11, 12, 13
LENGTH, BLOCK, SECONDS, TEXTS = 16, 4, 150.0, 256
FORMS = (r"[a-j]{1,6}-[a-j]{1,6}", "[a-j]+-[a-j]+")  # the second has far more ways to go on than to end


def texts(count: int, rng: torch.Generator) -> torch.Tensor:
    """(count, 32): a text of two words, blotted, and its copy, clean; both filled up with ends."""
    at = torch.arange(LENGTH)[None]
    first, second = torch.randint(1, 7, (2, count, 1), generator=rng)
    ids = torch.randint(0, LETTERS, (count, LENGTH), generator=rng)
    # A word's letters mostly follow each other in the alphabet: a blot can be guessed from what is beside it.
    ids = (ids[:, :1] + at + (torch.rand(ids.shape, generator=rng) < 0.1).cumsum(1)) % LETTERS
    ids = torch.where(at == first, DASH, ids)
    ids = torch.where(at > first + second, STOP, ids)
    blotted = torch.rand(ids.shape, generator=rng) < 0.25
    return torch.cat([ids.masked_fill(blotted, BLOT), ids], dim=1)


def trained(budget_s: float) -> tuple[object, float]:
    """The network and its last loss."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    shape = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 4, "num_attention_heads": 4}
    config = Qwen3Config(vocab_size=14, num_key_value_heads=4, head_dim=16, is_causal=False, **shape)
    model, rng, loss = Qwen3ForCausalLM(config), torch.Generator().manual_seed(1), torch.zeros(())
    mask = TransformersNetwork(model, BLOCK).mask(torch.zeros((1, 2 * LENGTH), dtype=torch.long))
    optimiser = torch.optim.AdamW(model.parameters(), 2e-3)
    at = torch.arange(2 * LENGTH)[None] // BLOCK
    began = time.perf_counter()
    while time.perf_counter() - began < budget_s:
        ids = texts(64, rng)
        active = torch.randint(LENGTH // BLOCK, 2 * LENGTH // BLOCK, (len(ids), 1), generator=rng)
        noisy = torch.rand(ids.shape, generator=rng) < torch.rand((len(ids), 1), generator=rng)
        hidden = (at == active) & noisy
        logits = model(input_ids=ids.masked_fill(hidden, MASK), attention_mask=mask, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits[hidden], ids[hidden])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return model.eval(), loss.item()


def records(quick: bool) -> Iterator[Record]:
    """What is right, of both ways to forward, for several plans."""
    model, loss = trained(SECONDS / 10 if quick else SECONDS)
    words = [*(bytes([97 + n]) for n in range(LETTERS)), b"-", b"?", None, None]
    vocabulary = Vocabulary.from_tokens(words, stop_ids=[STOP])
    how = {"attention": "block_causal", "block_length": BLOCK, "round_to": BLOCK}
    spec = ModelSpec(stop_ids=(STOP,), n_tokens=14, context=64, mask_id=MASK, **how)
    tests = texts(TEXTS, torch.Generator().manual_seed(2))
    truth = tests[:, LENGTH:]
    state = State.blank(list(tests[:, :LENGTH]), LENGTH)
    ordered = Blocks(BLOCK, aligned=True)
    plans = {
        "default": Plan.default(),
        "Threshold(.9), blocks in order": Plan(schedule=ordered, commit=Threshold(0.9)),
        "the same, exact posterior": Plan(Exact(), schedule=ordered, commit=Threshold(0.9)),
    }
    yield Record.one("loss of the network", loss, "nats", form="-", plan="-", ahead="-")
    for form, (name, plan) in product(FORMS, plans.items()):
        table = Regex(form).compile(vocabulary)
        for ahead in (None, 1, 0):
            cached = PrefixCached(TransformersNetwork(model, BLOCK), replace(spec, ahead=ahead), vocabulary)
            done = sample(
                cached,
                state,
                constraint=plan.constrain(Tables.same(table, TEXTS)),
                schedule=plan.schedule,
                commit=plan.commit,
            )
            same = done.tokens == truth
            where = {"form": form, "plan": name, "ahead": "all" if ahead is None else ahead}
            figures = {
                "texts right": float(same.all(dim=1).float().mean()),
                "tokens right": float(same.float().mean()),
                "steps": float(done.step.float().mean()),
                "positions forwarded": cached.forwarded / TEXTS,
            }
            yield from (Record.one(what, figure, **where) for what, figure in figures.items())

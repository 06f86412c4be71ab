"""How many steps a vLLM server's top K proves at once, and how many requests a step takes, with the model in the box.

A stand-in server speaks vLLM 0.33's words over `tiny`: its vocabulary is 4,096 tokens and its noise masks, the only
model at hand that knows what it writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import torch

import ctrldiff as cd
from ctrldiff.engines.completions import Server
from ctrldiff.engines.vllm_reads import Reads, decode
from ctrldiff.types.structured import output_type
from tests.benchmarks.record import Record
from tests.engines.reading import StandIn

TEXTS = [
    "Invoice 4711 of 2024-03-01, Maria Petrova, 129.50 EUR, due in 30 days.",
    "Invoice 82 of 2023-11-20, Acme Ltd., 88.00 USD, paid.",
    "On 2022-07-14 Tom Becker ordered nine chairs for 450 EUR.",
    "The meeting with Dr. Okafor on 2025-01-09 was cancelled.",
]
INVOICE = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "date": {"type": "string", "format": "date"},
        "amount": {"type": "number"},
        "paid": {"type": "boolean"},
    },
    "required": ["name", "date", "amount", "paid"],
}
CONSTRAINTS = {
    "date": (cd.Regex(r"\d{4}-\d{2}-\d{2}"), 12),
    "choice": (cd.Choice(["invoice", "order", "meeting", "letter"]), 6),
    "object": (cd.JsonSchema(INVOICE), 56),
}


def records(quick: bool) -> Iterator[Record]:
    """A row for each constraint and K."""
    model = cd.from_pretrained("tiny").loaded
    spec, vocabulary = model.denoiser.spec, model.denoiser.vocabulary

    def network(ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return model.denoiser.network(ids)[..., : vocabulary.size]

    for name, (constraint, length) in CONSTRAINTS.items():
        for top in (5, 100) if quick else (1, 5, 20, 100):
            stand_in = StandIn(network, most=100)
            server = Server("", "tiny", transport=lambda _, body, *__, to=stand_in: answered(to, body))
            reads = Reads(server, spec, vocabulary, top=top)
            asked = output_type(constraint).asked(model.spec.ask)
            prompts = [model.prompt_ids(text, asked) for text in TEXTS]
            decode(reads, prompts, constraint, length)
            where = {"constraint": name, "K": top}
            yield Record.one("steps", reads.steps, **where)
            yield Record.one("proven at once", 100 * reads.first / reads.steps, "%", **where)
            yield Record.one("requests a step", reads.requests / reads.steps, **where)


def answered(stand_in: StandIn, body: bytes) -> tuple[int, bytes]:
    """A request without a socket."""
    status, value = stand_in.answer(json.loads(body))
    return status, json.dumps(value).encode()

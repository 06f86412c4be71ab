"""What decides the rows of a job, as JSON: the same plan and the same document are the same bytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from ctrldiff.extract.found import Reading
from ctrldiff.version import VERSION

if TYPE_CHECKING:
    from ctrldiff.generate import Generator


def plan_of(
    generator: Generator[Any],
    reading: Reading = Reading(),
    together: bool = False,
    chunk: int | None = None,
    overlap: int | None = None,
) -> dict[str, Any]:
    """All that decides the rows of a run, besides its input, as JSON. Long words are told by their digest."""
    loaded, wanted = generator.model.loaded, generator.type
    plan: dict[str, Any] = {"ctrldiff": VERSION}
    plan |= {one.name: getattr(reading, one.name) for one in fields(reading)}
    plan |= {"model": loaded.name, "weights": loaded.digest, "spec": _digest(str(loaded.spec.to_dict()))}
    plan |= {"schema": _digest(wanted.description.name or repr(wanted.description)), "ask": wanted.ask}
    plan |= {"together": together, "chunk": chunk, "overlap": overlap}
    # Results do not depend on the size of a batch, nor on what is kept to look at.
    left_out = ("model", "wanted", "text", "output", "ask", "draw", "batch_size", "plan", "observers")
    for holder in (generator, generator.wanted, generator.plan):
        for name in (one.name for one in fields(holder) if one.name not in left_out):
            value = getattr(holder, name)
            simple = value is None or isinstance(value, bool | int | float | str)
            plan[name] = value if simple else _short(repr(value))
    return plan


def made_by(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What every row says of the run that it is of: version, model, its revision, schema, seed, and all of the plan."""
    named = {"ctrldiff": "version", "model": "model", "weights": "revision", "schema": "schema", "seed": "seed"}
    made = {ours: plan[name] for name, ours in named.items() if name in plan}
    return made | {"plan": _digest(json.dumps(plan, sort_keys=True))}


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:60]}... {_digest(text)}" + (" at 0x" if " at 0x" in text else "")

"""What has to be known about a model to drive it: data only, storable in `config.json` under `"ctrldiff"`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from ctrldiff.errors import ModelError


@dataclass(frozen=True)
class ModelSpec:
    """How one masked-diffusion model is read.

    Fields:
        noise: "mask" (open positions hold `mask_id`) or "uniform" (open positions hold random tokens).
        stop_ids: tokens that end a text; `pad_id` may follow them.
        banned_ids: never written, besides the mask, pad and bos ids and every row at or above `n_tokens`.
        time_input: "t" if the network is called with the time too: (N,), the share of the canvas that is noise.
        logit_shift: 1 if the network scores the next position (Dream, DiffuLLaMA), 0 if the position itself.
        context: most tokens of prompt and answer together.
        prompt: the prompt's template; `{text}` and `{ask}` are encoded as plain text, the rest with special tokens.
        round_to: the sequence is filled up with stop tokens to a multiple of this, so that rows of like length
            share a batch without padding masks. 1 for models that have not seen such a tail.
        canvas: answer positions beyond those of the shortest legal answer, when the caller does not say how many.
    """

    stop_ids: tuple[int, ...]
    n_tokens: int
    context: int
    noise: Literal["mask", "uniform"] = "mask"
    mask_id: int | None = None
    pad_id: int | None = None
    bos_id: int | None = None
    banned_ids: tuple[int, ...] = ()
    time_input: Literal["none", "t"] = "none"
    logit_shift: Literal[0, 1] = 0
    prompt: str = "{text}"
    whitespace: str = "compact"
    round_to: int = 1
    canvas: int = 48

    def __post_init__(self) -> None:
        if self.noise == "mask" and self.mask_id is None:
            raise ModelError(
                "the model has no mask token and is not declared a uniform-noise model",
                hint='pass mask_id=..., or noise="uniform" if open positions hold random tokens',
            )
        if not self.stop_ids:
            raise ModelError("no token ends a text", hint="pass stop_ids=[...]")

    @staticmethod
    def from_dict(data: dict[str, Any]) -> ModelSpec:
        """Read a spec from JSON data; unknown keys are an error that lists the known ones."""
        known = {f.name for f in fields(ModelSpec)}
        unknown = sorted(set(data) - known)
        if unknown:
            raise ModelError(f"unknown spec fields {unknown}", hint=f"known: {', '.join(sorted(known))}")
        missing = sorted({"stop_ids", "n_tokens", "context"} - set(data))
        if missing:
            raise ModelError(f"the spec lacks {missing}", hint='add them to config.json under "ctrldiff"')
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        return ModelSpec(**values)

    @property
    def never_written(self) -> tuple[int, ...]:
        """Ids that no decode may write, sorted."""
        special = (self.mask_id, self.pad_id, self.bos_id)
        ids = {*self.banned_ids, *(i for i in special if i is not None)} - set(self.stop_ids)
        return tuple(sorted(ids))

"""DiffusionGemma through its native transformers class: uniform noise, a causal encoder, self-conditioning.

The prompt and the canvases that are finished go through the encoder once; the decoder sees its cache and all of the
canvas being worked on. The logits of a step, after guides and processors, go into the next forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from ctrldiff.errors import LoadError, ModelError
from ctrldiff.models.caches.keys_values import cache_argument
from ctrldiff.models.callable import banned, checked_logits, noisy
from ctrldiff.models.family import Config, Family, Source
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import TransformersNetwork, load_class
from ctrldiff.models.words import table
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary

SELF = "self_conditioning"  # the key in `State.memory`
CANVAS = "self_conditioning.canvas"  # (B,) beside it: where the canvas begins that the logits are of


@dataclass(eq=False)
class DiffusionGemma:
    """A `Denoiser` over a `DiffusionGemmaForBlockDiffusion`.

    Fields: canvas_length: positions the network works on together, counted from the end of the prompt. Those behind
        the first canvas with an open position are not looked at yet: their rows are flat, and so are the rows of
        canvases that are finished. `Blocks(canvas_length)` is the schedule that writes one canvas after the other.
    """

    network: Any
    spec: ModelSpec
    vocabulary: Vocabulary
    canvas_length: int
    device: str = "cpu"
    _encoded: dict[bytes, Any] = field(default_factory=dict, init=False, repr=False)

    def noise(self, state: State) -> State:
        """Random tokens, drawn by each row's own generator, where the state is open."""
        return noisy(state, self.spec)

    def __call__(self, state: State) -> torch.Tensor:
        rows, length = state.shape
        before = self._before(state)
        previous, of = state.memory.get(SELF), state.memory.get(CANVAS)
        groups: dict[tuple[int, int, int, bool], list[int]] = {}
        for row in (~state.done).nonzero()[:, 0].tolist():
            begun = of is not None and int(of[row]) == before[row]  # else nothing was said of this canvas yet
            key = (len(state.prompt[row]), before[row], int(state.lengths[row]), begun)
            groups.setdefault(key, []).append(row)
        vocab = self.network.config.text_config.vocab_size
        out = torch.zeros((rows, length, vocab), dtype=torch.float32, device=self.device)
        encoded = dict(self._encoded)
        self._encoded.clear()
        with torch.inference_mode():
            for (_, first, own, begun), members in groups.items():
                here = slice(first, min(first + self.canvas_length, own))
                told = previous[members, here].to(self.device) if begun and previous is not None else None
                ids = state.tokens[members, here].to(self.device)
                cache = {cache_argument(self.network): self._cache(state, members, first, encoded)}
                logits = self.network(decoder_input_ids=ids, self_conditioning_logits=told, **cache).logits
                out[members, here] = checked_logits(logits, ids, self.vocabulary).to(torch.float32)
        return banned(out, self.spec)

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """Remember the logits, and of which canvas they are."""
        return state.remember(**{SELF: logits, CANVAS: torch.tensor(self._before(state))})

    def _before(self, state: State) -> list[int]:
        """Positions of the finished canvases of each row."""
        first = state.open.to(torch.uint8).argmax(dim=1)
        return (first // self.canvas_length * self.canvas_length).tolist()

    def _cache(self, state: State, members: list[int], first: int, encoded: dict[bytes, Any]) -> Any:
        """The encoder's cache of prompts and finished canvases: the one of the last call if it is the same, since the
        decoder only reads it. What a call does not use is let go."""
        ids = torch.stack([torch.cat([state.prompt[row], state.tokens[row, :first]]) for row in members])
        if not ids.shape[1]:
            raise ModelError("DiffusionGemma needs a prompt of at least one token", hint='prompt="<bos>{text}"')
        key = ids.numpy().tobytes() + len(members).to_bytes(4, "little")
        cache = encoded.get(key)
        if cache is None:
            said = self.network.model.encoder(input_ids=ids.to(self.device))
            cache = getattr(said, cache_argument(self.network))
        self._encoded[key] = cache
        return cache


def _facts(config: Config) -> dict[str, Any]:
    text = table(config, "text_config")
    stops = text.get("eos_token_id", 1)
    return {
        "noise": "uniform",
        "mask_id": None,
        "stop_ids": tuple(stops) if isinstance(stops, list) else (stops,),
        "pad_id": text.get("pad_token_id", 0),
        "bos_id": text.get("bos_token_id", 2),
        "attention": "encoder_decoder",
        "block_length": config.get("canvas_length", 256),
        "edits": True,
        "context": text.get("max_position_embeddings", 131_072),
    }


def _build(source: Source, spec: ModelSpec) -> TransformersNetwork:
    import transformers
    from transformers import AutoConfig

    try:
        from transformers import DiffusionGemmaForBlockDiffusion
    except ImportError as error:
        raise LoadError(
            f"transformers {transformers.__version__} has no DiffusionGemma", hint="pip install -U transformers"
        ) from error
    if spec.ntk != 1:
        raise ModelError("ntk stretches rotary positions of causal families only", hint="leave ntk out")
    config = AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
    return TransformersNetwork(load_class(DiffusionGemmaForBlockDiffusion, source, config))


def _drive(network: TransformersNetwork, spec: ModelSpec, vocabulary: Vocabulary, device: str) -> DiffusionGemma:
    length = spec.block_length or network.module.config.canvas_length
    return DiffusionGemma(network.module, spec, vocabulary, length, device)


DIFFUSION_GEMMA = Family(
    name="DiffusionGemma",
    models="diffusiongemma-26B-A4B-it",
    runs="DiffusionGemmaForBlockDiffusion",
    checked="transformers' own class, tiny weights",
    architectures=("DiffusionGemmaForBlockDiffusion",),
    model_types=("diffusion_gemma",),
    facts=_facts,
    build=_build,
    drive=_drive,
)

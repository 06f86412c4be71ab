"""A transformers network as a denoiser reads it: built from its own class, without its causal mask."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import LoadError, ModelError
from ctrldiff.models.family import Config, Source
from ctrldiff.models.heads import headed
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.weights import Rename, Split, check_keys, read_weights, same, whole

LATE = 0.3  # of the layers, the last: what DAPD found their attention to be worth


@dataclass(frozen=True, eq=False)
class TransformersNetwork:
    """`(N, L)` ids, and lengths `(N,)` where rows are padded, to `(N, L, V)` logits: one pass and no cache.

    Fields: module (the transformers model); block_length (None: every token sees every other).
    """

    module: Any
    block_length: int | None = None

    def __call__(self, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        return self.picked(slice(None), ids, lengths)

    def picked(self, rows: slice, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """(N, R, V) logits of these rows alone: the head, whose output is the largest tensor of a pass, is not run on
        the others where the model's class allows it (the causal ones)."""
        ids = ids.to(self.module.device)  # a device map may have put the embedding elsewhere
        with torch.inference_mode():
            return headed(self.module, rows, input_ids=ids, attention_mask=self.mask(ids, lengths), use_cache=False)[0]

    @property
    def attends(self) -> bool:
        """Whether attention can be asked for: of transformers' kernels the eager one alone computes it as such."""
        return getattr(self.module.config, "_attn_implementation", "") == "eager"

    def attended(
        self, rows: slice, ids: torch.Tensor, lengths: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits of these rows, and the (N, L, L) attention: the mean over heads of the last `LATE` of the layers
        (DAPD, arXiv:2603.12996)."""
        ids = ids.to(self.module.device)
        told = {"input_ids": ids, "attention_mask": self.mask(ids, lengths), "use_cache": False}
        with torch.inference_mode():
            logits, said = headed(self.module, rows, **told, output_attentions=True)
            late = said.attentions[-math.ceil(LATE * len(said.attentions)) :]
            seen = torch.stack([layer.to(ids.device, torch.float32).mean(dim=1) for layer in late]).mean(dim=0)
        return logits, seen

    def mask(self, ids: torch.Tensor, lengths: torch.Tensor | None = None) -> torch.Tensor:
        """(N, L) ones, 0 behind each row's length; or (N or 1, 1, L, L) of 0 and a large negative number: blocks
        counted from the sequence's start, and what lies behind a row's length seen by itself alone."""
        at = torch.arange(ids.shape[1], device=ids.device)
        inside = None if lengths is None else at < lengths.to(ids.device)[:, None]
        if self.block_length is None:
            return torch.ones_like(ids) if inside is None else inside.to(ids.dtype)
        block, dtype = at // self.block_length, self.module.dtype
        unseen = (block[:, None] < block[None, :])[None]
        if inside is not None:  # padding sees itself: a row that sees nothing would be NaN
            unseen = unseen | (~inside[:, None, :] & (at[:, None] != at[None, :]))
        hidden = torch.zeros(unseen.shape, dtype=dtype, device=ids.device)
        return hidden.masked_fill(unseen, torch.finfo(dtype).min)[:, None]

    @property
    def rows(self) -> int:
        """Rows of the embedding."""
        return self.module.get_input_embeddings().weight.shape[0]


# Said elsewhere, or by the caller: a config's kernel (SDAR's flex attention) does not fit the masks that are made here.
NOT_TOLD = {"auto_map", "architectures", "model_type", "ctrldiff", "quantization_config", "torch_dtype", "dtype"}
NOT_TOLD |= {"attn_implementation", "_attn_implementation"}


def build_causal(
    source: Source,
    spec: ModelSpec,
    kind: str,
    config: Mapping[str, Any],
    rename: Rename = same,
    split: Split = whole,
) -> TransformersNetwork:
    """A language model that was born causal, read without its causal mask.

    Args:
        kind: the `model_type` of transformers whose `AutoModelForCausalLM` has this architecture.
        config: its config's fields; those that say nothing of the network are left alone.
        rename: a published key to the class's own.        split: a published tensor to the class's several.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    told = {name: value for name, value in config.items() if name not in NOT_TOLD}
    told |= {"is_causal": False, "use_cache": False}
    for name in ("rope_scaling", "sliding_window"):
        if not told.get(name, True):  # some configs say false or null where transformers wants nothing said
            del told[name]
    if config.get("quantization_config"):
        told["quantization_config"] = config["quantization_config"]
    with refused(source.folder):
        made = AutoConfig.for_model(kind, **stretched(told, spec.ntk))
    model = AutoModelForCausalLM._model_mapping[type(made)]  # the class, so that a state dict can be given to it
    block = spec.block_length if spec.attention == "block_causal" else None
    return TransformersNetwork(uncaused(load_class(model, source, made, rename, split)), block)


def unchanged(config: Config) -> Config:
    """The config as it is."""
    return config


def causal(
    kind: str | Callable[[Config], str], config: Callable[[Config], Config] = unchanged, rename: Rename = same
) -> Callable[[Source, ModelSpec], TransformersNetwork]:
    """`Family.build` by `build_causal`: of one kind, or the one that a config tells, with the fields that it needs."""

    def build(source: Source, spec: ModelSpec) -> TransformersNetwork:
        told = kind if isinstance(kind, str) else kind(source.config)
        return build_causal(source, spec, told, config(source.config), rename)

    return build


def build_masked(source: Source, spec: ModelSpec) -> TransformersNetwork:
    """A masked language model as transformers knows it."""
    from transformers import AutoConfig, AutoModelForMaskedLM

    if spec.ntk != 1:
        raise ModelError("ntk stretches rotary positions of causal families only", hint="leave ntk out")
    with refused(source.folder):
        config = AutoConfig.from_pretrained(source.folder, local_files_only=True, trust_remote_code=False)
        model = AutoModelForMaskedLM._model_mapping[type(config)]
    return TransformersNetwork(load_class(model, source, config, without_pooler))


def without_pooler(name: str) -> str | None:
    """A published key; None for those of the pooler and of next sentences, which tokens are not scored by."""
    return None if ".pooler." in name or name.startswith("cls.seq_relationship.") else name


def load_class(model: Any, source: Source, config: Any, rename: Rename = same, split: Split = whole) -> Any:
    """The class with the folder's weights in it, every key accounted for."""
    weights, options = read_weights(source.folder, rename, split, source.adapter), straight(source)
    with refused(source.folder), quiet():
        network, said = model.from_pretrained(
            None, config=config, state_dict=weights, dtype=source.dtype, output_loading_info=True, **options
        )
    check_keys(source.folder, said["missing_keys"], said["unexpected_keys"], said["mismatched_keys"])
    placed = "device_map" in options or "quantization_config" in options
    return network.eval() if placed else network.eval().to(source.device)


def straight(source: Source) -> dict[str, Any]:
    """The options, and that the weights go to the device one by one: else all of them are built on the CPU first."""
    from transformers.utils import is_accelerate_available

    options = dict(source.options)
    if source.device != "cpu" and "quantization_config" not in options and is_accelerate_available():
        options.setdefault("device_map", {"": source.device})
    return options


@contextmanager
def refused(folder: Path) -> Iterator[None]:
    """What transformers does not take is a LoadError with its words."""
    from huggingface_hub.errors import StrictDataclassError

    kinds = (OSError, ValueError, KeyError, RuntimeError, ImportError, TypeError, StrictDataclassError)
    try:
        yield
    except kinds as error:
        raise LoadError(
            f"{str(folder)!r} cannot be loaded: {' '.join(str(error).split())[:400]}",
            hint="`ctrldiff models PATH` says what it was recognised as; for other networks use from_callable",
        ) from error


@contextmanager
def quiet() -> Iterator[None]:
    """Without transformers' progress bars, and its warnings of configs whose type or words it does not know."""
    from transformers.utils import logging

    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()


def uncaused(network: Any) -> Any:
    """Every attention told that it is not causal: with no mask at all, SDPA and flash ask the module."""
    for module in network.modules():
        if getattr(module, "is_causal", None) is True:
            module.is_causal = False
    return network


def stretched(config: Mapping[str, Any], ntk: float) -> dict[str, Any]:
    """The config with the base of its rotary positions times `ntk`."""
    told = dict(config)
    if ntk == 1:
        return told
    parameters = told.get("rope_parameters")
    if isinstance(parameters, dict) and "rope_theta" in parameters:
        told["rope_parameters"] = {**parameters, "rope_theta": parameters["rope_theta"] * ntk}
    elif math.isfinite(base := float(told.get("rope_theta", math.nan))):
        told["rope_theta"] = base * ntk
    else:
        raise ModelError("ntk needs a config that says rope_theta", hint="leave ntk out")
    return told

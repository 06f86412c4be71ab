"""MDLM, BD3-LM, SEDD, Duo, GIDD and HDLM: families of the diffusion transformer.

HDLM (Fathi et al. 2025, arXiv:2504.06416) is the epsilon kind: the network is told no noise level, and was trained to
change what is written. The gamma kind is told one for each position, and is not among these.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.caches.drive import drive
from ctrldiff.models.callable import CallableDenoiser, noise_share
from ctrldiff.models.dit.checkpoint import DiTNetwork, network_of, read_config
from ctrldiff.models.family import EQUAL, Config, Family, Source
from ctrldiff.models.outputs import without_its_noise
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.weights import read_weights
from ctrldiff.models.words import names
from ctrldiff.protocols import Denoiser
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary

READS = names(
    "n_heads num_attention_heads model_length length max_seq_len vocab_size block_size cross_attn time_conditioning",
    "p_uniform t_eps graph noise tokens causal",
    "hidden_dim hidden_size cond_dim timestep_cond_dim n_blocks num_hidden_layers",  # read off the weights
    "adaln attn_backend var_min sampling_eps_min sampling_eps_max",  # off the weights; a kernel; training
    "model training optim eval sampling data ngpus hydra work_dir wandb_name",  # SEDD's sizes, and how it was trained
    "tokenizer annealing type experiment gradient_accumulation_steps reset_step_for_finetuning",  # the same of HDLM
)


@dataclass(frozen=True)
class UniformDenoiser:
    """A network of uniform noise whose open positions are known to be noise, though it is not told which they are."""

    inner: CallableDenoiser

    @property
    def vocabulary(self) -> Vocabulary:
        """What each token id spells."""
        return self.inner.vocabulary

    def noise(self, state: State) -> State:
        """Random tokens where the state is open."""
        return self.inner.noise(state)

    def __call__(self, state: State) -> torch.Tensor:
        """(B, T, V) logits. An open position's are given all but its own token, a written one's given that too."""
        logits = self.inner(state)
        sigma = self.inner.network.config.noise_level(noise_share(state)).to(logits.device)  # type: ignore[attr-defined]
        drawn = (state.open & ~state.cleared).to(logits.device)
        return without_its_noise(logits, state.tokens.to(logits.device), drawn, sigma)

    def observe(self, state: State, logits: torch.Tensor) -> State:
        """A network of ids and a time remembers nothing."""
        return state


def _drive(network: DiTNetwork, spec: ModelSpec, vocabulary: Vocabulary, device: str) -> Denoiser:
    denoiser = drive(network, spec, vocabulary, device)
    if spec.noise == "uniform" and isinstance(denoiser, CallableDenoiser):  # no cache takes uniform noise
        return UniformDenoiser(denoiser)
    return denoiser


def _facts(config: Config) -> dict[str, Any]:
    read = read_config(config)
    return {
        "noise": read.noise,
        **({"mask_id": read.mask_id} if read.mask_id is not None or read.noise == "uniform" else {}),
        "time_input": "none" if read.level == "none" else "t",
        "attention": "full" if read.block_length is None else "block_causal",
        "block_length": read.block_length,
        # Told no time, the keys of a finished block follow from its tokens.
        "cache": "prefix" if read.block_length is not None and read.level == "none" else "none",
        "edits": read.noise == "uniform" or read.family in ("gidd", "hdlm"),
        "context": read.context,
    }


def _build(source: Source, spec: ModelSpec) -> DiTNetwork:
    if source.options or spec.ntk != 1:
        told = ", ".join([*source.options, *(["ntk"] if spec.ntk != 1 else [])])
        raise ModelError(f"{told}: the diffusion transformer is no class of transformers", hint="leave it out")
    blocks = spec.block_length if spec.attention == "block_causal" else None
    config = replace(read_config(source.config), block_length=blocks, mask_id=spec.mask_id)
    weights = read_weights(source.folder, adapter=source.adapter)
    return network_of(config, weights, source.folder, dtype=source.dtype, device=source.device)


def _first_gidd(config: Config) -> bool:
    """Whether a config is of GIDD's first generation: the second's has another architecture, and no `p_uniform`."""
    return "p_uniform" in config


def _family(name: str, models: str, **evidence: Any) -> Family:
    return Family(
        name, models, "our diffusion transformer", EQUAL, _facts, _build, drive=_drive, reads=READS, **evidence
    )


DITS = (
    _family("MDLM", "mdlm-owt and its kin", architectures=("MDLM",), model_types=("mdlm",)),
    _family("BD3-LM", "bd3lm-owt-block_size4, 8, 16", architectures=("BD3LM",), model_types=("bd3lm",)),
    _family("Duo", "duo, duo-distilled", architectures=("DUO",), model_types=("DUO", "duo")),
    _family("SEDD", "sedd-small, sedd-medium; absorbing or uniform", keys=("graph", "noise", "tokens")),
    _family("HDLM", "hdlm-base-epsilon-0.01 and its kin", model_types=("epsilon_hybrid",)),
    _family("GIDD", "gidd-small, gidd-base", architectures=("DIT",), keys=("p_uniform", "n_heads"), when=_first_gidd),
)

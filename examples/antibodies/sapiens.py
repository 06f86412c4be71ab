"""Sapiens 1.0.5 (MIT, github.com/Merck/Sapiens) as a model: `pip install --no-deps sapiens==1.0.5`.

The wheel holds two RoBERTas of 128 dimensions that were trained on human antibody sequences. Its own code needs fairseq
and an old torch; the weights alone do not, and are read here without running anything that is in the file.
"""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path
from typing import Any

import torch

import ctrldiff as cd

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
BOS, PAD, STOP, FIRST, MASK = 0, 1, 2, 4, 24  # fairseq's own four, then the residues, then the mask
PARTS = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.output.LayerNorm",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "output.LayerNorm",
}
ROOTS = {
    "decoder.sentence_encoder.embed_tokens": "roberta.embeddings.word_embeddings",
    "decoder.sentence_encoder.embed_positions": "roberta.embeddings.position_embeddings",
    "decoder.sentence_encoder.emb_layer_norm": "roberta.embeddings.LayerNorm",
    "decoder.sentence_encoder.layers": "roberta.encoder.layer",
    "decoder.lm_head": "lm_head",
}


def weights() -> Path | None:
    """The folder of the weights, None without the package."""
    found = importlib.util.find_spec("sapiens")
    return Path(found.origin).parent / "models" / "v1" if found is not None and found.origin is not None else None


def network(chain: str = "vh") -> Any:
    """transformers' own RoBERTa with the weights of the heavy ("vh") or the light chain ("vl")."""
    from transformers import RobertaConfig, RobertaForMaskedLM

    folder = weights()
    if folder is None:
        raise SystemExit("pip install --no-deps sapiens==1.0.5")
    with torch.serialization.safe_globals([argparse.Namespace]):
        saved = torch.load(folder / f"checkpoint_{chain}.pt", map_location="cpu", weights_only=True)
    told = saved["args"]
    config = RobertaConfig(
        vocab_size=MASK + 1,
        hidden_size=told.encoder_embed_dim,
        num_hidden_layers=told.encoder_layers,
        num_attention_heads=told.encoder_attention_heads,
        intermediate_size=told.encoder_ffn_embed_dim,
        max_position_embeddings=told.max_positions + PAD + 1,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        pad_token_id=PAD,
    )
    made = RobertaForMaskedLM(config).eval()
    state = {renamed(name): value for name, value in saved["model"].items()}
    state["roberta.embeddings.token_type_embeddings.weight"] = torch.zeros(1, told.encoder_embed_dim)
    state["lm_head.decoder.weight"] = state.pop("lm_head.weight")
    state["lm_head.decoder.bias"] = state["lm_head.bias"]
    made.load_state_dict(state)
    return made


def renamed(name: str) -> str:
    """fairseq's name of a weight as transformers spells it."""
    for theirs, ours in ROOTS.items():
        if name.startswith(theirs + "."):
            name = ours + name.removeprefix(theirs)
    for theirs, ours in PARTS.items():
        name = name.replace(f".{theirs}.", f".{ours}.")
    return name


def load(chain: str = "vh") -> cd.Model:
    """The model: an empty prompt, a residue a token, an end."""
    made = network(chain)

    def logits(ids: torch.Tensor) -> torch.Tensor:
        begun = torch.cat([torch.full((len(ids), 1), BOS), ids], dim=1)
        with torch.inference_mode():
            return made(input_ids=begun).logits[:, 1:]

    words = [None] * FIRST + [letter.encode() for letter in RESIDUES] + [None]
    vocabulary = cd.Vocabulary.from_tokens(words, stop_ids=[STOP], pad_id=PAD)
    spec = cd.ModelSpec(
        stop_ids=(STOP,),
        n_tokens=MASK + 1,
        context=made.config.max_position_embeddings - PAD - 2,
        mask_id=MASK,
        pad_id=PAD,
        bos_id=BOS,
        banned_ids=(3,),
    )
    return cd.Model.from_callable(logits, spec, vocabulary, lambda text: [FIRST + RESIDUES.index(c) for c in text])

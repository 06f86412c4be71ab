"""The words of a `config.json`: what is read, what says nothing of the logits, and what would name another network.

A word that is none of these may change every logit (a router that works otherwise, positions that are scaled), and
the weights would fit all the same. So a folder that says such a word is refused, by that word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from ctrldiff.errors import ModelError

Only: TypeAlias = Mapping[str, tuple[Any, ...]]  # a word to the values at which it changes nothing


def names(*lines: str) -> frozenset[str]:
    """Words from lines of them."""
    return frozenset(word for line in lines for word in line.split())


# Book-keeping, training, and how transformers' own generation and outputs are set.
HARMLESS = names(
    "_name_or_path architectures auto_map model_type transformers_version transformers.js_config name_or_path ctrldiff",
    "dtype torch_dtype quantization_config attn_implementation _attn_implementation _attn_implementation_autoset",
    "_attn_implementation_internal _commit_hash _experts_implementation _flash_attn_2_enabled compression_config",
    "attention_dropout attention_probs_dropout_prob classifier_dropout dropout embd_pdrop attn_pdrop resid_pdrop",
    "embedding_dropout hidden_dropout hidden_dropout_prob output_dropout residual_dropout mlp_dropout",
    "initializer_range initializer_factor initializer_cutoff_factor init_device init_fn init_std init_cutoff_factor",
    "bos_token_id eos_token_id pad_token_id mask_token_id sep_token_id cls_token_id unk_token_id",
    "decoder_start_token_id forced_bos_token_id forced_eos_token_id",
    "use_cache is_causal is_decoder is_encoder_decoder add_cross_attention cross_attention_hidden_size",
    "tie_encoder_decoder",
    "output_attentions output_hidden_states output_scores return_dict return_dict_in_generate torchscript use_bfloat16",
    "id2label label2id num_labels problem_type task_specific_params finetuning_task tokenizer_class prefix",
    "pruned_heads",
    "chunk_size_feed_forward tf_legacy_loss remove_invalid_values bad_words_ids suppress_tokens begin_suppress_tokens",
    "max_length min_length do_sample early_stopping num_beams num_beam_groups num_return_sequences diversity_penalty",
    "temperature top_k top_p typical_p repetition_penalty length_penalty no_repeat_ngram_size",
    "encoder_no_repeat_ngram_size exponential_decay_length_penalty pretraining_tp gradient_checkpointing",
    "output_router_logits router_aux_loss_coef router_jitter_noise router_dtype fuse_cross_entropy debug ep_size",
    "micro_forward skip_checkpoint use_deepep moe_backend num_diffusion_steps flash_attention precision",
)
# What transformers' Llama and Qwen read.
LLAMA = names(
    "vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads head_dim",
    "hidden_act rms_norm_eps max_position_embeddings rope_theta rope_scaling rope_parameters tie_word_embeddings",
    "attention_bias mlp_bias sliding_window max_window_layers block_size block_length",
)
MIXTURE = names(
    "num_experts num_experts_per_tok moe_intermediate_size norm_topk_prob decoder_sparse_step mlp_only_layers"
)
FULL = "full_attention"  # of `layer_types`, a list of one word a layer
PLAIN: Only = {"use_sliding_window": (False,), "use_mrope": (False,)}  # what Qwen's configs say is off


def check_words(config: Mapping[str, Any], reads: Iterable[str], only: Only, ignores: Iterable[str] = ()) -> None:
    """Raise ModelError, naming them, for words that may say that the network is another one.

    Args:
        reads: words that the recipe computes with, or whose weights would be missing or left over.
        only: words of which some values change nothing. A word that says null says nothing.
        ignores: words that the caller takes upon themselves.
    """
    known = {*HARMLESS, *reads, *ignores}
    others = {name: value for name, value in config.items() if value is not None and name not in known}
    others = {name: value for name, value in others.items() if not _same(name, value, only)}
    if others:
        said = ", ".join(f"{name}={value!r}"[:80] for name, value in sorted(others.items()))
        raise ModelError(
            f"config.json says what is not computed here: {said}",
            why="the weights would fit, and the logits would be another network's",
            hint='drive it through from_callable; if you know that a word changes no logits, ignores=["word"]',
            words=tuple(sorted(others)),
        )


def _same(name: str, value: Any, only: Only) -> bool:
    if name == "layer_types":
        return all(one == FULL for one in value)
    return value in only.get(name, ())

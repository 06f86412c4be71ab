"""The words of a `config.json`: what is read, what says nothing of the logits, and what would name another network.

A word that is none of these may change every logit (a router that works otherwise, positions that are scaled), and
the weights would fit all the same. So a folder that says such a word is refused, by that word.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from ctrldiff.errors import ModelError

Only: TypeAlias = Mapping[str, tuple[Any, ...]]  # a word to the values at which it changes nothing


class Words(dict[str, Any]):
    """`config.json` as it stands, or an object in it. A word that says null says nothing: to look it up is as if it
    were not there, and to index it is a ModelError that names it, as it is for one that is not."""

    def get(self, name: str, default: Any = None) -> Any:
        said = super().get(name)
        return default if said is None else said

    def __contains__(self, name: object) -> bool:
        return super().get(name) is not None  # type: ignore[call-overload]

    def __getitem__(self, name: str) -> Any:
        said = super().get(name)
        if said is None:
            raise ModelError(
                f"config.json does not say {name}",
                hint="is it the checkpoint of another family? `ctrldiff models` lists them",
                word=name,
            )
        return said


def table(config: Mapping[str, Any], name: str) -> Words:
    """What a config says in an object of its own, empty where it says none. Raises: ModelError for anything else."""
    said = config.get(name)
    if not isinstance(said, Mapping | None):
        raise _of_another_kind(name, said, "an object, {...}")
    return Words(said or {})


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


# What sizes are worked out from, or compared with.
NUMBERS = names(
    "vocab_size embedding_size padded_vocab_size hidden_size intermediate_size num_hidden_layers num_attention_heads",
    "num_key_value_heads head_dim max_position_embeddings max_sequence_length block_size block_length bd_size",
    "d_model n_heads n_kv_heads n_layers mlp_hidden_size n_layer n_head n_embd n_query_groups n_positions n_blocks",
    "hidden_dim num_experts num_experts_per_tok num_shared_experts expert_intermediate_size canvas_length",
)
LISTS = names("layer_types moe_layer_freq mlp_only_layers")


def check_evidence(config: Mapping[str, Any]) -> None:
    """Raise ModelError, naming it, for a word by which a checkpoint is recognised and that is of another kind."""
    said = config.get("architectures")
    if not isinstance(said, list | None) or not all(isinstance(one, str) for one in said or ()):
        raise _of_another_kind("architectures", said, "a list of names")
    if not isinstance(config.get("model_type"), str | None):
        raise _of_another_kind("model_type", config["model_type"], "a name")
    for name in ("ctrldiff", "auto_map", "text_config"):
        table(config, name)


def check_kinds(config: Mapping[str, Any]) -> None:
    """Raise ModelError, naming it, for a word that is computed with and is of another kind."""
    for name in sorted(NUMBERS):
        if type(config.get(name)) not in (int, type(None)):
            raise _of_another_kind(name, config[name], "a whole number")
    for name in sorted(LISTS):
        if not isinstance(config.get(name), list | None):
            raise _of_another_kind(name, config[name], "a list")


def _of_another_kind(name: str, said: Any, wanted: str) -> ModelError:
    return ModelError(f"config.json says {name}={said!r}"[:200], hint=wanted, word=name)


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

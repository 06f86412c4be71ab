"""Masked language models of transformers: BERT, ModernBERT, EuroBERT, and chat models made of them."""

from __future__ import annotations

from typing import Any

from ctrldiff.models.family import Config, Family
from ctrldiff.models.transformers import build_masked


def _facts(config: Config) -> dict[str, Any]:
    return {"context": config.get("max_position_embeddings", 512)}


MASKED_LM = Family(
    name="MaskedLM",
    models="BERT, ModernBERT, EuroBERT; BERT-Chat",
    runs="AutoModelForMaskedLM",
    checked="on weights: the model in the box",
    architectures=("BertForMaskedLM", "ModernBertForMaskedLM", "EuroBertForMaskedLM", "RobertaForMaskedLM"),
    model_types=("bert", "modernbert", "eurobert", "roberta", "xlm-roberta", "distilbert", "electra"),
    when=lambda config: not config.get("auto_map"),  # code of its own may do otherwise
    facts=_facts,
    build=build_masked,
    padding="masked",
)

"""Write the model in the format that AutoModelForMaskedLM and AutoTokenizer load."""

import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import ModernBertConfig

from examples.train_tiny.network import make_model
from examples.train_tiny.tokenizer import as_transformers


def replace(path: Path, write) -> None:
    """Write beside `path`, then rename: a reader never sees half a file."""
    fresh = path.with_name(path.name + ".new")
    write(fresh)
    fresh.replace(path)


def export(
    config: ModernBertConfig, weights: dict, tokenizer: Tokenizer, folder: Path, dtype: torch.dtype = torch.float32
) -> None:
    """config.json, model.safetensors, tokenizer.json and tokenizer_config.json in `folder`."""
    model = make_model(config)
    model.load_state_dict(weights, strict=False)
    model.tie_weights()
    fresh = folder.with_name(folder.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    model.to(dtype).save_pretrained(fresh)
    # An Encoder's tokenizer may be shared: the flag that makes it literal is not saved, so nothing needs resetting.
    as_transformers(Tokenizer.from_str(tokenizer.to_str()), config.ctrldiff["context"]).save_pretrained(fresh)
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    fresh.rename(folder)
    shutil.rmtree(old, ignore_errors=True)

"""A checkpoint's own code, run only when the caller says so and names the revision that was read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ctrldiff.errors import ModelError
from ctrldiff.models.family import Family, Source
from ctrldiff.models.spec import ModelSpec
from ctrldiff.models.transformers import quiet, refused
from ctrldiff.models.words import table

CLASSES = ("AutoModelForMaskedLM", "AutoModelForCausalLM", "AutoModel")


@dataclass(frozen=True, eq=False)
class RemoteNetwork:
    """`(N, L)` ids to `(N, L, V)` logits, by a class of the checkpoint's own that is called with the ids alone."""

    module: Any

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            said = self.module(input_ids=ids.to(self.module.device))
            return getattr(said, "logits", said)  # what is no tensor of logits is refused where it is read

    @property
    def rows(self) -> int:
        """Rows of the embedding."""
        return self.module.get_input_embeddings().weight.shape[0]


def remote(folder: Path, revision: str) -> Family:
    """The family of one folder whose own code may run.

    Args:
        revision: the commit, 40 hex digits. The folder has to be its snapshot, as the hub's cache lays it out
            (`snapshots/REVISION`), so that the code is the one that was read.
    Raises: ModelError for a revision that is no commit, or a folder that is not its snapshot.
    """
    if not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise ModelError(
            f"trust_remote_code=True with revision={revision!r}",
            why="a branch or a tag can change after its code was read; a commit cannot",
            hint="revision= the commit that you read, 40 hex digits",
        )
    if folder.resolve().name != revision:
        raise ModelError(
            f"{str(folder)!r} is not the snapshot of {revision}",
            hint=f"the folder of that revision in the hub's cache: .../snapshots/{revision}",
        )

    def build(source: Source, spec: ModelSpec) -> RemoteNetwork:
        import transformers

        classes = [name for name in CLASSES if name in table(source.config, "auto_map")]
        if not classes:
            raise ModelError(f"{str(folder)!r} names no model class of its own", hint=f"one of {', '.join(CLASSES)}")
        if spec.attention != "full" or spec.ntk != 1:
            raise ModelError("a class of a checkpoint's own is called with the ids alone", hint="use from_callable")
        with refused(source.folder), quiet():
            network = getattr(transformers, classes[0]).from_pretrained(
                source.folder,
                trust_remote_code=True,
                code_revision=revision,
                local_files_only=True,
                use_safetensors=True,
                dtype=source.dtype,
                **source.options,
            )
        placed = "device_map" in source.options or "quantization_config" in source.options
        return RemoteNetwork(network.eval() if placed else network.eval().to(source.device))

    return Family(
        name="Remote",
        models="any, with trust_remote_code=True and a revision",
        runs="the checkpoint's own class",
        checked="not at all",
        facts=lambda config: {},
        build=build,
    )

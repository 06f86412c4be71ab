"""Safetensors in a folder, one file or many, under the names that a network knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import torch

from ctrldiff.errors import LoadError, MissingKeys, ModelError, UnexpectedKeys
from ctrldiff.models.lora import Adapter

# A published name to the network's own, None to leave the tensor out.
Rename: TypeAlias = Callable[[str], "str | None"]
# A tensor that the network has in several parts, by the name that `Rename` gave it.
Split: TypeAlias = Callable[[str, torch.Tensor], Mapping[str, torch.Tensor]]

_SAMPLES, _SAMPLE = 16, 1 << 16  # of a file, and bytes of each


def weight_files(folder: Path) -> list[Path]:
    """The folder's safetensors: those that an index names, else the one file, else all of them.

    Raises: ModelError if there are none, or if the index names one that is not there.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        try:
            names = sorted(set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
            away = [name for name in names if Path(name).name != name or not (folder / name).is_file()]
        except (ValueError, KeyError, AttributeError, TypeError) as error:
            raise ModelError(f"{str(index)!r} is no index of weights") from error
        if away:
            raise ModelError(
                f"{str(folder)!r} lacks {len(away)} of {len(names)} weight files: {', '.join(away[:5])}",
                hint="download the rest",
                missing=away,
            )
        return [folder / name for name in names]
    if (folder / "model.safetensors").is_file():
        return [folder / "model.safetensors"]
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        others = sorted(p.name for p in [*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.pth")])
        raise ModelError(
            f"{str(folder)!r} has no safetensors weights" + (f", only {', '.join(others[:3])}" if others else ""),
            why="pickle files can run code when they are read" if others else "",
            hint="convert the weights to safetensors where you trust them",
        )
    return files


def weights_digest(folder: Path) -> str:
    """A digest of the folder's weights: names, sizes, and 16 samples of each file, its header among them; and of an
    adapter's folder its config, which says their scale."""
    digest = hashlib.blake2b(digest_size=16)
    if (folder / "adapter_config.json").is_file():
        digest.update((folder / "adapter_config.json").read_bytes())
    for path in weight_files(folder):
        size = path.stat().st_size
        digest.update(f"{path.name};{size};".encode())
        with path.open("rb") as file:
            for n in range(_SAMPLES):
                file.seek(n * size // _SAMPLES)
                digest.update(file.read(_SAMPLE))
    return digest.hexdigest()


def same(name: str) -> str:
    """The name as it is."""
    return name


def whole(name: str, tensor: torch.Tensor) -> Mapping[str, torch.Tensor]:
    """The tensor as it is."""
    return {name: tensor}


def read_weights(
    folder: Path, rename: Rename = same, split: Split = whole, adapter: Adapter | None = None
) -> dict[str, torch.Tensor]:
    """Every tensor of the folder by its name in the network. Tensors are mapped from the files, not copied, but for
    those that an adapter changes."""
    from safetensors import SafetensorError, safe_open

    weights: dict[str, torch.Tensor] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as tensors:
                for published in tensors.keys():
                    name = rename(published)
                    if name is not None:
                        tensor = tensors.get_tensor(published)
                        weights |= split(name, adapter.into(published, tensor) if adapter else tensor)
        except (SafetensorError, OSError) as error:
            raise LoadError(f"{str(folder)!r} cannot be loaded: {path.name}: {error}") from error
    return weights


def shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor by its published name, from the files' headers."""
    from safetensors import SafetensorError, safe_open

    found: dict[str, tuple[int, ...]] = {}
    for path in weight_files(folder):
        try:
            with safe_open(path, framework="pt") as tensors:
                found |= {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}
        except (SafetensorError, OSError) as error:
            raise LoadError(f"{str(folder)!r} cannot be loaded: {path.name}: {error}") from error
    return found


def check_keys(
    folder: Path, missing: Iterable[str], unexpected: Iterable[str] = (), mismatched: Iterable[Any] = ()
) -> None:
    """Raise unless every weight of the network was in the folder, and every tensor of the folder was wanted."""
    for kind, said, names in (
        (MissingKeys, "weights are missing", missing),
        (MissingKeys, "weights have another shape", [str(one[0]) for one in mismatched]),
        (UnexpectedKeys, "weights have no place in the network", unexpected),
    ):
        found = sorted(names)
        if found:
            more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
            raise kind(
                f"{str(folder)!r}: {len(found):,} {said}",
                why=", ".join(found[:5]) + more,
                hint="is it the checkpoint of another architecture? `ctrldiff models PATH` says what was recognised",
                count=len(found),
                first=tuple(found[:5]),
            )

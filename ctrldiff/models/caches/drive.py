"""Which denoiser drives a network: as its spec's `cache` says."""

from __future__ import annotations

from typing import Any

from ctrldiff.models.caches.approximate import ApproximateCached
from ctrldiff.models.caches.prefix import PrefixCached
from ctrldiff.models.callable import CallableDenoiser
from ctrldiff.models.spec import ModelSpec
from ctrldiff.protocols import Denoiser
from ctrldiff.tokens.vocabulary import Vocabulary


def drive(network: Any, spec: ModelSpec, vocabulary: Vocabulary, device: str = "cpu") -> Denoiser:
    """`CallableDenoiser`, `PrefixCached` or `ApproximateCached`. Raises ModelError where the cache is not to be had."""
    kind = {"none": CallableDenoiser, "prefix": PrefixCached, "approximate": ApproximateCached}[spec.cache]
    return kind(network, spec, vocabulary, device)

"""A network behind the `Denoiser` protocol. A model's quirks end here. Public as `ctrldiff.models`."""

from ctrldiff.pages import lazily

_HOME = {
    "CallableDenoiser": "ctrldiff.models.callable",
    "CausalLM": "ctrldiff.models.causal",
    "DiT": "ctrldiff.models.dit.network",
    "DiTShape": "ctrldiff.models.dit.network",
    "Family": "ctrldiff.models.family",
    "Loaded": "ctrldiff.models.hf",
    "TransformersNetwork": "ctrldiff.models.transformers",
    "build_causal": "ctrldiff.models.transformers",
    "drive": "ctrldiff.models.caches.drive",
    "load": "ctrldiff.models.hf",
    "network_of": "ctrldiff.models.dit.checkpoint",
    "published": "ctrldiff.models.family",
    "read_config": "ctrldiff.models.dit.checkpoint",
}
__all__ = [
    "CallableDenoiser",
    "CausalLM",
    "DiT",
    "DiTShape",
    "Family",
    "Loaded",
    "TransformersNetwork",
    "build_causal",
    "drive",
    "load",
    "network_of",
    "published",
    "read_config",
]
__getattr__ = lazily(globals(), _HOME)

"""Loops that belong to others: thin shims over one function, `block.solve`, that constrains what an engine shows.

Public as `ctrldiff.engines`; the shims of diffusers, SGLang and lm-eval are modules of their own.
"""

from ctrldiff.pages import lazily

_HOME = {
    "ConstrainedLogits": "ctrldiff.engines.transformers",
    "Solved": "ctrldiff.engines.block",
    "edited": "ctrldiff.engines.block",
    "rewritten": "ctrldiff.engines.block",
    "solve": "ctrldiff.engines.block",
}
__all__ = ["ConstrainedLogits", "Solved", "edited", "rewritten", "solve"]
__getattr__ = lazily(globals(), _HOME)

"""What the first answer of an installation waits for, done beforehand: `ctrldiff warm`, for images of containers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.constraints.basic import Regex
from ctrldiff.constraints.span import SpanOf
from ctrldiff.errors import InputError
from ctrldiff.generate import from_pretrained
from ctrldiff.kernels.jit import KERNELS
from ctrldiff.posterior.table import Table
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Warmed:
    """What was done.

    Fields: kernels; compiled (of them, the rest was there); folder (where they are kept); seconds (for the kernels);
        model (the folder's name); model_seconds (to load it).
    """

    kernels: int
    compiled: int
    folder: str
    seconds: float
    model: str
    model_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.compiled} of {self.kernels} kernels compiled in {self.seconds:.1f} s, kept in {self.folder}\n"
            f"{self.model} loaded in {self.model_seconds:.1f} s"
        )


def warm(model: str | Path = "tiny") -> Warmed:
    """Compile every kernel and keep it on the disk, and load a model once, which finds what is wrong with its folder.

    Raises: InputError if no folder for kernels can be written; what `from_pretrained` raises.
    """
    began = time.perf_counter()
    folders = {kernel.stats.cache_path for kernel in KERNELS}
    if None in folders:
        raise InputError(
            "compiled kernels cannot be kept: neither the package's folder nor the user's cache can be written",
            hint="set NUMBA_CACHE_DIR to a folder that can be, here and where ctrldiff runs",
        )
    compile_kernels()
    compiled = sum(sum(kernel.stats.cache_misses.values()) > 0 for kernel in KERNELS)
    done = time.perf_counter()
    loaded = from_pretrained(model)
    return Warmed(
        kernels=len(KERNELS),
        compiled=compiled,
        folder=", ".join(sorted(folders)),
        seconds=round(done - began, 3),
        model=loaded.loaded.name,
        model_seconds=round(time.perf_counter() - done, 3),
    )


def compile_kernels() -> None:
    """Call every kernel once, as everyone calls it: each has one signature, whatever the model and the type are. What
    reads a network's logits has another for bfloat16."""
    import torch

    vocabulary = Vocabulary.from_tokens([*(bytes([byte]) for byte in range(256)), b"ab", None], stop_ids=[257])
    endless = compile_expression(Regex("ab*|cb*").expression())  # equal cycles are merged by kernels of their own
    span = compile_expression(SpanOf("a bad cab").expression())
    wanted = compile_expression(Regex("a[b-d]{1,3}|bad").expression())
    _ = (wanted & span & endless).ahead
    table = Table(lift(wanted, vocabulary), vocabulary)  # not `compile`, which finds what an earlier process lifted
    scores = np.linspace(-1.0, 0.0, 6 * vocabulary.size, dtype=np.float32).reshape(6, -1)
    table.bind(scores.astype(np.float64)).map()  # of other floats the first tokens are looked up before the walk
    for given in (torch.from_numpy(scores).to(torch.bfloat16), torch.from_numpy(scores)):
        posterior = table.bind(given)
        tokens = posterior.map()
        posterior.sample(seed=0)
        posterior.score(tokens)
        posterior.confidence(tokens)
        posterior.local(tokens)
        posterior.marginals()
        posterior.leading()
        posterior.entropy()
        posterior.forced()
        posterior.ends()
    table.states(tokens)

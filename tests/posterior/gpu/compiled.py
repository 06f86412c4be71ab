"""Every kernel, lowered to a device's own code without one: `python -m tests.posterior.gpu.compiled 80 90`.

To be run without `TRITON_INTERPRET`. Prints a JSON line for each architecture: by kernel, the bytes of its cubin.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from ctrldiff.posterior.gpu import along, given, read, spread, sweep
from ctrldiff.posterior.gpu.pack import FEW, NARROW, PER_TILE, SOME, WIDE
from ctrldiff.posterior.gpu.workspace import EACH, LINE, MANY, TILE

# What an argument is, by its name; all that are not here are counts.
TYPES = {
    "ints": "*i32",
    "weights": "*fp64",
    "meta": "*i64",
    "written": "*i64",
    "before": "*i64",
    "strings": "*i64",
    "keep": "*i8",
    "clash": "*i32",
    "tokens": "*i64",
    "seeds": "*i64",
    "seg_max": "*fp32",
    "seg_sum": "*fp64",
    "seg_first": "*i32",
    "class_max": "*fp32",
    "class_sum": "*fp64",
    "class_first": "*i32",
    "label_max": "*fp64",
    "label_sum": "*fp64",
    "label_scores": "*fp64",
    "label_first": "*i32",
    "whole": "*fp64",
    "wrong": "*i32",
    "faults": "*i32",
    "value": "*fp64",
    "best": "*fp64",
    "plain": "*fp64",
    "ends": "*fp64",
    "weight": "*fp64",
    "log_z": "*fp64",
    "taken": "*fp64",
    "gain": "*fp32",
    "probs": "*fp32",
    "likeliest": "*fp32",
    "local": "*fp32",
    "legal": "*fp32",
    "surprise": "*fp32",
    "sure": "*fp32",
    "margin": "*fp32",
    "entropy": "*fp32",
    "mass": "*fp32",
    "believed": "fp32",
}
SHARED = 99 * 1024  # bytes of shared memory that a program may have on any device from sm_80 on
LOGITS = ("*bf16", "*fp32", "*fp16")
# A kernel and what its constants are in a launch of `workspace.py`.
KERNELS: list[tuple[Any, dict[str, Any]]] = [
    (read.read_segments, {"PER_TILE": PER_TILE, "NARROW": NARROW, "WIDE": WIDE}),
    (read.close_classes, {"MANY": MANY, "EACH": EACH}),
    (read.read_labels, {"MANY": MANY, "EACH": EACH}),
    (sweep.begin_lines, {"MANY": LINE}),
    (sweep.sweep_edges, {"SUM": False, "FEW": FEW, "SOME": SOME, "TILE": TILE}),
    (sweep.sweep_edges, {"SUM": True, "FEW": FEW, "SOME": SOME, "TILE": TILE}),
    (sweep.walk_best, {"WIDTH": LINE}),
    (sweep.walk_sample, {"WIDTH": LINE, "WIDE": WIDE}),
    (spread.close_rows, {"RAW": False, "WIDTH": LINE}),
    (spread.close_rows, {"RAW": True, "WIDTH": LINE}),
    (spread.spread_labels, {"MANY": MANY, "EACH": EACH}),
    (spread.spread_classes, {"MANY": MANY, "EACH": EACH}),
    (spread.spread_tokens, {"WIDTH": WIDE}),
    (spread.spread_chosen, {"WIDTH": LINE}),
    (spread.spread_beliefs, {"WIDTH": WIDE}),
    (spread.likeliest_states, {"WIDTH": LINE}),
    (along.walk_given, {"RAW": True, "WIDTH": MANY}),
    (along.walk_first, {"RAW": True, "WEIGHTED": False, "WIDTH": LINE}),
    (along.walk_first, {"RAW": True, "WEIGHTED": True, "WIDTH": LINE}),
    (given.write_kept, {"WIDTH": LINE}),
    (given.write_first, {"RAW": True, "WIDTH": LINE}),
    (given.close_given, {"RAW": True, "OWN": True, "WIDTH": LINE}),
    (given.close_given, {"RAW": False, "OWN": False, "WIDTH": LINE}),
    (given.end_states, {"WIDTH": LINE}),
    (given.open_labels, {"MANY": MANY, "EACH": EACH}),
    (given.only_tokens, {"MANY": MANY, "EACH": EACH}),
]


def size(kernel: Any, constants: dict[str, Any], logits: str, arch: int) -> int:
    """The bytes of a kernel's cubin. Raises what the compiler does if it does not lower, and for too much memory."""
    types = {**TYPES, "logits": logits}
    signature = {name: "constexpr" if name in constants else types.get(name, "i32") for name in kernel.arg_names}
    source = ASTSource(fn=kernel, signature=signature, constexprs=constants)
    code = triton.compile(source, target=GPUTarget("cuda", arch, 32))
    assert code.metadata.shared <= SHARED, f"{kernel.fn.__name__} wants {code.metadata.shared} bytes of shared memory"
    return len(code.asm["cubin"])


def main(archs: list[int]) -> None:
    """Compile all and say how large they are."""
    for arch in archs:
        sizes = {}
        for kernel, constants in KERNELS:
            for logits in LOGITS if "logits" in kernel.arg_names else LOGITS[:1]:
                name = " ".join([kernel.fn.__name__, logits, *(f"{k}={v}" for k, v in constants.items())])
                sizes[name] = size(kernel, constants, logits, arch)
        print(json.dumps({"arch": arch, "bytes": sizes}))


if __name__ == "__main__":
    main([int(arch) for arch in sys.argv[1:]])

"""A step walked without a device: logits on torch's `meta` device, which holds no numbers, and kernels that only say
that they were launched. Whatever asks for a number raises there by itself, but for what is fetched through `Fetches`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from ctrldiff.posterior.gpu import along, asked, given, read, spread, sweep
from ctrldiff.posterior.gpu.workspace import Workspace
from ctrldiff.posterior.lifted import Lifted
from ctrldiff.sampling.legal import NEGLIGIBLE

MODULES = (along, given, read, spread, sweep)
Told = list[tuple[str, str]]  # what happened, and to what


class Launched:
    """Stands in for a kernel: says that it was launched, and launches it if there is a real one."""

    def __init__(self, name: str, told: Told, real: Any = None) -> None:
        self.name, self.told, self.real = name, told, real

    def __getitem__(self, grid: tuple[int, ...]) -> Callable[..., None]:
        def launch(*args: Any) -> None:
            self.told.append(("launch", self.name))
            if self.real is not None:
                self.real[grid](*args)

        return launch


@contextmanager
def launches(told: Told, real: bool = False) -> Iterator[None]:
    """Every kernel tells of its launches; without `real` that is all it does."""
    before = {
        (module, name): kernel
        for module in MODULES
        for name, kernel in vars(module).items()
        if hasattr(kernel, "arg_names") and not name.startswith("_")
    }
    try:
        for (module, name), kernel in before.items():
            setattr(module, name, Launched(name, told, kernel if real else None))
        yield
    finally:
        for (module, name), kernel in before.items():
            setattr(module, name, kernel)


class Fetches(TorchFunctionMode):
    """Tells of every tensor that is fetched from `meta` and gives zeros, False for `bool`, `tokens` for ids."""

    def __init__(self, told: Told, tokens: torch.Tensor | None = None) -> None:
        super().__init__()
        self.told, self.tokens = told, tokens

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        what = args[0] if args else None
        if isinstance(what, torch.Tensor) and what.device.type == "meta":
            if func is torch.Tensor.cpu:
                self.told.append(("fetch", str(tuple(what.shape))))
                ids = self.tokens is not None and what.dtype == torch.int64 and what.shape == self.tokens.shape
                return self.tokens if ids else torch.zeros(what.shape, dtype=what.dtype)
            if func is torch.Tensor.__bool__:
                self.told.append(("look", str(tuple(what.shape))))
                return False
        return func(*args, **(kwargs or {}))


class Allocates(TorchDispatchMode):
    """Tells of every operation of torch that makes new memory: whose result is no view of what it was given."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self.told = told

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if not any(one.alias_info is not None for one in func._schema.returns):
            self.told.append(("allocate", str(func)))
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True, eq=False)
class WholeStep:
    """All launches of a step of the default plan, in buffers of their own: what can be recorded as one graph.

    Fields: work, the rows as they are bound; more, the same with the first choice written; lines, (B, T) float32 of
    confidence, local, legal and surprise.
    """

    work: Workspace
    more: Workspace
    tokens: torch.Tensor
    sure: torch.Tensor
    mass: torch.Tensor
    lines: tuple[torch.Tensor, ...]

    @staticmethod
    def of(tables: Sequence[Lifted], logits: torch.Tensor, written: torch.Tensor) -> WholeStep:
        """Of a network's logits as they are."""
        work = Workspace.of(tables, logits, written, raw=True)
        rows = (torch.empty(len(tables), dtype=torch.float32, device=logits.device) for _ in range(2))
        lines = tuple(torch.empty(written.shape, dtype=torch.float32, device=logits.device) for _ in range(4))
        return WholeStep(work, work.narrowed(torch.empty_like(written)), torch.empty_like(written), *rows, lines)

    def __call__(self) -> None:
        work, more, (confidence, local, legal, surprise) = self.work, self.more, self.lines
        for launch in (work.read, work.close, work.best, *((work.sums,) if work.pack.weighted else ())):
            launch()
        work.leading(self.tokens, self.sure, self.mass)
        asked.write_first(work, self.tokens, self.sure, self.mass, NEGLIGIBLE, more)
        for launch in (more.close, more.best, more.sums, more.spread):
            launch()
        more.confidence(more.strings, confidence)
        more.given(more.strings, local, legal, surprise)

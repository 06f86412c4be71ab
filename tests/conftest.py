"""The toy vocabulary and the toy models: small enough to enumerate, awkward enough to matter."""

from __future__ import annotations

import io
import os
import pkgutil
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

import ctrldiff
from ctrldiff.cli import main
from ctrldiff.models.callable import CallableDenoiser, from_callable
from ctrldiff.models.spec import ModelSpec
from ctrldiff.state import State
from ctrldiff.tokens.vocabulary import Vocabulary

PIECES = [*(str(digit).encode() for digit in range(10)), b"-", b"a", b"b", b"19", b"00"]
STOP, MASK, PAD = len(PIECES), len(PIECES) + 1, len(PIECES) + 2
SIZE = PAD + 1
VOCABULARY = Vocabulary.from_tokens([*PIECES, None, None, None], stop_ids=[STOP], pad_id=PAD)
if "PYTEST_XDIST_WORKER" not in os.environ:  # no table of another run is read; the workers of one share theirs
    os.environ["CTRLDIFF_CACHE"] = tempfile.mkdtemp(prefix="ctrldiff-tests-")
os.environ["TRITON_INTERPRET"] = "1"  # kernels run here without their device; Triton reads it when it is imported
# No test is timed, and every run draws the same examples.
settings.register_profile("untimed", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
torch.set_num_threads(1)  # arrays this small cost more to share among threads than to compute
REACH = 2  # how far the toy network looks to either side
NOISES = ("mask", "uniform")


@dataclass(frozen=True)
class ToyNetwork:
    """Logits as a seeded function of the visible ids: a bias by position, and what each neighbour says.

    Additions happen in one fixed order for every element, so a row's bits do not depend on its batch.
    """

    seed: int = 0
    scale: float = 1.5
    context: bool = True  # False: rows of logits do not depend on the canvas
    calls: list[tuple[int, int]] = field(default_factory=list)  # the shape of every call

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        self.calls.append((ids.shape[0], ids.shape[1]))
        bias, says = _weights(self.seed, self.scale)
        length = ids.shape[1]
        logits = bias[None, :length].repeat(ids.shape[0], 1, 1)
        for offset in range(-REACH, REACH + 1):
            if not self.context or offset == 0:
                continue
            first, last = max(0, -offset), min(length, length - offset)
            if first < last:
                logits[:, first:last] += says[offset + REACH][ids[:, first + offset : last + offset]]
        return logits

    attends = True

    def attended(self, rows: slice, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits, and an attention that is a seeded function of the visible ids and of how far apart they are."""
        length = ids.shape[1]
        likes, far = _likings(self.seed)
        apart = torch.arange(length)[:, None] - torch.arange(length)[None, :]
        attention = (likes[ids[:, :, None], ids[:, None, :]] + far[apart + 512]).softmax(dim=-1)
        return self(ids)[:, rows], attention


@dataclass(frozen=True)
class ToyNetworks:
    """As many toy networks as one: the first two ids of a text say by which, `10 * first + second`, the rest is read.

    To the bit what `ToyNetwork` says of the rest, so that a hundred networks are asked at once.
    """

    count: int = 110

    attends = True

    def __call__(self, ids: torch.Tensor) -> torch.Tensor:
        which, text = 10 * ids[:, 0] + ids[:, 1], ids[:, 2:]
        bias, says = _stacked(self.count)
        length = text.shape[1]
        logits = bias[which, :length]
        for offset in range(-REACH, REACH + 1):
            first, last = max(0, -offset), min(length, length - offset)
            if offset and first < last:
                seen = text[:, first + offset : last + offset]
                logits[:, first:last] += says[which[:, None], offset + REACH, seen]
        return torch.cat([logits.new_zeros(len(ids), 2, SIZE), logits], dim=1)

    def attended(self, rows: slice, ids: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """As `ToyNetwork`; nobody looks at the first two."""
        which, attention = 10 * ids[:, 0] + ids[:, 1], torch.zeros(*ids.shape, ids.shape[1])
        for one in which.unique().tolist():
            _, attention[which == one, 2:, 2:] = ToyNetwork(one).attended(slice(None), ids[which == one, 2:])
        return self(ids)[:, rows], attention


@lru_cache(maxsize=128)
def _likings(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng([seed, 2])
    likes, far = rng.normal(size=(SIZE, SIZE)), rng.normal(size=1024)
    return torch.from_numpy(np.float32(likes)), torch.from_numpy(np.float32(2 * far))


@lru_cache(maxsize=128)
def _weights(seed: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng([seed, 1])
    bias, says = rng.normal(size=(512, SIZE)), rng.normal(size=(2 * REACH + 1, SIZE, SIZE))
    return torch.from_numpy(np.float32(scale * bias)), torch.from_numpy(np.float32(scale * says))


@lru_cache(maxsize=1)
def _stacked(count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The weights of the first so many networks."""
    bias, says = zip(*(_weights(seed, ToyNetwork.scale) for seed in range(count)))
    return torch.stack(bias), torch.stack(says)


def spec(noise: str, **changes: object) -> ModelSpec:
    """How the toy network is read."""
    common: dict = {"stop_ids": (STOP,), "n_tokens": SIZE, "context": 512, "pad_id": PAD}
    if noise == "mask":
        return ModelSpec(noise="mask", mask_id=MASK, **{**common, **changes})
    return ModelSpec(noise="uniform", banned_ids=(MASK,), **{**common, **changes})


def toy(
    noise: str = "mask", seed: int = 0, network: Callable[[torch.Tensor], torch.Tensor] | None = None, **how: object
) -> CallableDenoiser:
    """A toy denoiser: masked or uniform noise."""
    return from_callable(network or ToyNetwork(seed, **how), spec(noise), VOCABULARY)  # type: ignore[arg-type]


def prompt(row: int) -> list[int]:
    """A prompt for row `row`: rows differ in content, and one in three in length."""
    rng = np.random.default_rng([7, row])
    return rng.integers(0, STOP, 3 + row % 3).tolist()


def posed(seed: int, row: int) -> list[int]:
    """The same prompt for `ToyNetworks`."""
    return [*divmod(seed, 10), *prompt(row)]


def blank(rows: int, length: int, *, seed: int = 0, first: int = 0, **how: object) -> State:
    """Open canvases with the prompts of rows first, first + 1, ..."""
    return State.blank([prompt(row) for row in range(first, first + rows)], length, seed=seed, **how)  # type: ignore[arg-type]


def logits_like(state: State, seed: int) -> torch.Tensor:
    """Seeded (B, T, V) logits for a state's canvases, with what no one may write at -inf."""
    rng = np.random.default_rng([seed, 3])
    logits = torch.from_numpy(np.float32(2 * rng.normal(size=(*state.shape, SIZE))))
    logits[..., [MASK, PAD]] = -torch.inf
    return logits


def few(values: Iterable[Any], quick: int) -> list[Any]:
    """Values to test, all but the first `quick` of them marked slow."""
    return [pytest.param(v, marks=() if i < quick else pytest.mark.slow) for i, v in enumerate(values)]


def named(value: object) -> str:
    """A value as the name of a test: the same in every process, so that workers speak of the same tests."""
    return re.sub(r" at 0x[0-9a-f]+", "", str(value))


def text(ids: torch.Tensor) -> bytes:
    """The bytes of one decoded canvas."""
    return VOCABULARY.decode(ids.tolist())


@pytest.fixture(params=NOISES)
def denoiser(request: pytest.FixtureRequest) -> CallableDenoiser:
    """A toy denoiser of each kind of noise."""
    return toy(request.param)


@pytest.fixture
def vocabulary() -> Vocabulary:
    """Digits, "-", "a", "b", "19", "00", a stop token, a mask and a pad."""
    return VOCABULARY


def modules() -> list[Any]:
    """Every module of the package by name; slow are those that import another project's loop."""
    names = [module.name for module in pkgutil.walk_packages(ctrldiff.__path__, "ctrldiff.")]
    heavy = ("ctrldiff.engines.diffusers", "ctrldiff.engines.lm_eval")
    chosen = sorted(name for name in names if not name.endswith("__main__"))
    return [pytest.param(name, marks=pytest.mark.slow if name in heavy else ()) for name in chosen]


# All their tests are slow, and so are their imports, which every worker would pay for.
SLOW_FILES = ("test_diffusers.py", "test_diffusers_gemma.py", "test_lm_eval.py")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m "not slow"` does not open files that hold nothing for it."""
    return True if config.option.markexpr == "not slow" and collection_path.name in SLOW_FILES else None


CASES = 8  # of a test that `make quick` runs, spread over all of them


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A name that holds an address is another name in another worker, and then none of them runs a test.

    Of tests with many cases all but `CASES` are marked slow. Long ones are begun first: at the end one would run alone.
    """
    tests: dict[tuple[object, str], list[pytest.Item]] = {}
    for item in items:
        tests.setdefault((item.parent, getattr(item, "originalname", item.name)), []).append(item)
    for cases in tests.values():
        kept = {n * len(cases) // CASES for n in range(CASES)}
        for n, item in enumerate(cases):
            if len(cases) > CASES and n not in kept:
                item.add_marker("slow")
    unnamed = [item.nodeid for item in items if " at 0x" in item.nodeid]
    if unnamed:
        raise pytest.UsageError(f"ids=named, for names that are the same in every worker: {unnamed}")
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--update` rewrites the golden traces in `tests/traces/`."""
    parser.addoption("--update", action="store_true", help="rewrite golden files")


@pytest.fixture(name="ctrldiff")
def command(capsys, monkeypatch):
    """Run the entry point in this process; (status, output, errors)."""

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "argv", ["ctrldiff", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        monkeypatch.chdir(Path(__file__).parents[1])
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        return int(done.value.code or 0), captured.out, captured.err

    return run

"""Run a family's published loop on seeded weights and keep its tokens: as `make.py`, with `LOOPS` and `loops/`.

    python -m tests.models.published.make_loops NAME CHECKOUT [REVISION]

Where a loop draws a token, the likeliest is taken. Ids that no text has (the mask, the padding, rows beyond the
tokenizer) are forbidden in the logits that the loop is given, as ours forbids them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from tests.models.plain_transformer import draw
from tests.models.published import make
from tests.models.published.cases import Case
from tests.models.tiny_checkpoints import BOS, MASK, N_TOKENS, PAD, ROWS, STOP

HERE = Path(__file__).parent / "loops"
NEVER = [MASK, PAD, BOS, *range(N_TOKENS, ROWS)]
SEEDS, LENGTHS = (1, 2, 3), (1, 3, 4, 5, 6, 8, 9, 11)  # of the weights; of the prompts
BLOCKS, SIZE = 5, 4  # blocks of prompt and answer together, and the tokens of one

Run = dict[str, Any]  # a loop's settings


def prompts() -> list[list[int]]:
    """One of each length."""
    rng = torch.Generator().manual_seed(make.SEED)
    return [torch.randint(0, 256, (length,), generator=rng).tolist() for length in LENGTHS]


def forbidding(module: torch.nn.Module) -> torch.nn.Module:
    """The module, whose logits forbid what no text has."""
    inner = module.forward

    def forward(*given: Any, **how: Any) -> Any:
        said = inner(*given, **how)
        said.logits[..., NEVER] = -torch.inf
        return said

    module.forward = forward  # type: ignore[method-assign]
    return module


def sdar(checkout: Path) -> tuple[Callable[[torch.nn.Module, list[int], Run], torch.Tensor], Case, Any, list[Run]]:
    loop = make.imported(checkout, "generate")

    def likeliest(probs: torch.Tensor, num_samples: int) -> torch.Tensor:
        return probs.argmax(dim=-1, keepdim=True)

    def run(module: torch.nn.Module, prompt: list[int], how: Run) -> torch.Tensor:
        torch.multinomial = likeliest
        told = {"input_ids": torch.tensor([prompt])}
        length = BLOCKS * SIZE - len(prompt)
        steps = {"gen_length": length, "block_length": SIZE, "denoising_steps": SIZE}
        return loop.block_diffusion_generate(module, told, MASK, **steps, **how)[0, len(prompt) :]

    dynamic = "low_confidence_dynamic"
    runs: list[Run] = [{"remasking_strategy": one} for one in ("sequential", "low_confidence_static")]
    runs += [{"remasking_strategy": dynamic, "confidence_threshold": one} for one in (0.05, 0.85)]
    return run, make.case_of("SDAR"), make.SDAR, runs


def llada2(checkout: Path) -> tuple[Callable[[torch.nn.Module, list[int], Run], torch.Tensor], Case, Any, list[Run]]:
    def run(module: torch.nn.Module, prompt: list[int], how: Run) -> torch.Tensor:
        length = BLOCKS * SIZE - len(prompt)
        told = {"gen_length": length, "block_length": SIZE, "steps": SIZE, "eos_id": STOP, "mask_id": MASK}
        return module.generate(torch.tensor([prompt]), temperature=0.0, **told, **how)[0]

    where = (make.PIPELINES + "llada2/models", *make.LLADA2)
    return run, make.case_of("LLaDA2"), where, [{"threshold": one} for one in (0.05, 0.95)]


LOOPS = {"sdar": sdar, "llada2": llada2}


def main(name: str, checkout: str, revision: str = "") -> None:
    """Make one file."""
    make.kernels()
    run, case, where, settings = LOOPS[name](Path(checkout))
    kept = []
    for seed in SEEDS:
        module, config = make.network(Path(checkout), case, *where)
        make.weighted(module, case.published(draw(case.sizes, seed=seed)))
        config._attn_implementation = "eager"  # LLaDA2's loop has a bfloat16 mask, which SDPA takes in bfloat16 alone
        forbidding(module)
        for how in settings:
            tokens = [run(module, prompt, how).tolist() for prompt in prompts()]
            kept.append({"weights": seed, "how": how, "tokens": tokens})
    HERE.mkdir(exist_ok=True)
    head = {"repository": make.PUBLISHED[name].repository, "revision": revision or make.revision_of(checkout)}
    lines = [f" {json.dumps(key)}: {json.dumps(one)}" for key, one in {**head, "prompts": prompts()}.items()]
    lines.append(' "runs": [\n' + ",\n".join(f"  {json.dumps(one)}" for one in kept) + "\n ]")
    (HERE / f"{name}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])

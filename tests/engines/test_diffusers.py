"""diffusers' own pipeline around a tiny random Qwen3, with and without a constraint."""

import json

import pytest
import torch

pytest.importorskip("diffusers")
from diffusers import BlockRefinementScheduler, LLaDA2Pipeline

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.engines.diffusers import ConstrainedBlockRefinement
from ctrldiff.errors import BudgetTooSmall, InputError
from ctrldiff.json_schema import JsonSchema
from tests.cases import CONSTRAINTS, legal, table
from tests.conftest import MASK, SIZE, STOP, VOCABULARY
from tests.engines.networks import qwen3

pytestmark = pytest.mark.slow  # diffusers takes seconds to import; see SLOW_FILES


@pytest.fixture(scope="module")
def network():
    return qwen3(0, is_causal=False)


def run(network, scheduler, prompt, gen_length, block_length=4, **how):
    pipe = LLaDA2Pipeline(network, scheduler)
    pipe.set_progress_bar_config(disable=True)
    how = {"threshold": 0.3, "num_inference_steps": 3, "editing_threshold": None, **how}
    return pipe(
        input_ids=torch.tensor(prompt),
        gen_length=gen_length,
        block_length=block_length,
        mask_token_id=MASK,
        eos_token_id=STOP,
        output_type="seq",
        **how,
    ).sequences


def until_stop(row):
    ids = row.tolist()
    return VOCABULARY.decode(ids[: ids.index(STOP)] if STOP in ids else ids)


@pytest.mark.parametrize("name", [name for name, description in CONSTRAINTS.items() if description is not None])
@pytest.mark.parametrize(
    "how", [{}, {"editing_threshold": 0.05}, {"temperature": 1.0}, {"eos_early_stop": False}], ids=str
)
def test_whole_answers_obey_block_by_block(network, name, how):
    for prompt in ([[1, 2, 3]], [[4, 5, 6, 7, 8], [9, 9, 0, 0, 1]]):
        scheduler = ConstrainedBlockRefinement().constrain(
            table(name), prompt_length=len(prompt[0]), gen_length=8, seed=3
        )
        for row in run(network, scheduler, prompt, 8, **how):
            assert legal(name, until_stop(row)), (name, row)


def test_each_prompt_has_its_own_constraint(network):
    tables = [Regex(r"\d{4}-\d{2}").compile(VOCABULARY), Choice(["ab", "19-00"]).compile(VOCABULARY)]
    scheduler = ConstrainedBlockRefinement().constrain(tables, prompt_length=2, gen_length=10)
    a, b = run(network, scheduler, [[1, 2], [3, 4]], 10)
    assert tables[0].walk(a) is not None and until_stop(a)[4:5] == b"-" and until_stop(b) in (b"ab", b"19-00")


def test_without_a_constraint_it_is_the_scheduler_it_derives_from(network):
    plain = run(network, BlockRefinementScheduler(), [[1, 2, 3]], 8)
    assert torch.equal(plain, run(network, ConstrainedBlockRefinement(), [[1, 2, 3]], 8))
    free = Regex(r"[^\x00-\x1f]*").compile(VOCABULARY)
    assert not torch.equal(plain, torch.full_like(plain, STOP)) and free.shortest == 0


def test_a_budget_is_refused_at_the_first_block_and_a_left_over_call_by_name(network):
    whole = table("regex")
    with pytest.raises(BudgetTooSmall) as caught:
        run(network, ConstrainedBlockRefinement().constrain(whole, prompt_length=3, gen_length=3), [[1, 2, 3]], 3)
    assert caught.value.shortest == whole.shortest
    scheduler = ConstrainedBlockRefinement().constrain(whole, prompt_length=3, gen_length=8)
    run(network, scheduler, [[1, 2, 3]], 8)
    with pytest.raises(InputError, match="constrain"):
        run(network, scheduler, [[1, 2, 3], [4, 5, 6]], 8)


@pytest.mark.parametrize("stop_early", [False, True])
def test_uniform_noise_blocks_obey_when_the_pipeline_stops_early_too(stop_early):
    schema = JsonSchema({"type": "integer", "minimum": -120, "maximum": 1999}).compile(VOCABULARY)
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        scheduler = ConstrainedBlockRefinement(block_length=3, num_inference_steps=3, threshold=0.5)
        scheduler.set_timesteps(3, block_length=3)
        scheduler.constrain(schema, prompt_length=0, gen_length=6)
        blocks = []
        for _ in range(2):
            canvas = torch.randint(0, SIZE, (2, 3), generator=generator)
            frozen = None
            for step in range(3):
                logits = 2 * torch.randn(2, 3, SIZE, generator=generator)
                out = scheduler.step(logits, step, canvas, generator=generator)
                canvas = out.prev_sample
                if stop_early and step == 1:  # as the pipeline freezes a row that has settled
                    frozen = out.pred_logits.argmax(dim=-1)[0]
                if frozen is not None:
                    canvas = torch.stack([frozen, canvas[1]])
            blocks.append(canvas)
        for row in torch.cat(blocks, dim=1):
            json.loads(until_stop(row))
            assert schema.walk(row) == schema.tail or schema.automaton.accept[schema.walk(row)]

"""diffusers' own DiffusionGemmaPipeline with each scheduler it takes, around a stand-in for DiffusionGemma.

diffusers 0.42.1 calls transformers' class in words that transformers 5.24 has renamed (`past_key_values`, now `cache`).
"""

import json
from types import SimpleNamespace

import pytest
import torch

pytest.importorskip("diffusers")
from diffusers import DiffusionGemmaPipeline, DiscreteDDIMScheduler, EntropyBoundScheduler

from ctrldiff.constraints.basic import Choice, Regex
from ctrldiff.engines.diffusers import ConstrainedBlockRefinement, ConstrainedDiscreteDDIM, ConstrainedEntropyBound
from ctrldiff.errors import BudgetTooSmall
from ctrldiff.json_schema import JsonSchema
from tests.models.tiny_gemma import CANVAS, EOS, SIZE, VOCABULARY, network

pytestmark = pytest.mark.slow  # diffusers takes seconds to import; see SLOW_FILES

PROMPTS = [[2, 7, 8, 9], [2, 10, 11, 12]]
CONSTRAINTS = {
    "regex": Regex(r"\d{4}-\d{2}"),
    "long": Regex(r"(\d{2}-){4,6}[ab]+"),  # more than one canvas
    "choice": Choice(["19-ab", "0", "abc"]),
    "schema": JsonSchema({"type": "integer", "minimum": -120, "maximum": 1999}),
}
SCHEDULERS = {
    "block refinement": lambda: ConstrainedBlockRefinement(block_length=CANVAS, threshold=0.3),
    "entropy bound": lambda: ConstrainedEntropyBound(entropy_bound=0.5),
    "ddim": ConstrainedDiscreteDDIM,
    "ddim, corrected": lambda: ConstrainedDiscreteDDIM(corrector_steps=1, corrector_k=3),
}


class Network:
    """Logits that depend on the position and on the neighbours; what an encoder is given is not looked at."""

    def __init__(self):
        draw = torch.Generator().manual_seed(5)
        self.config = network().config
        self.bias = 2 * torch.randn(CANVAS, SIZE, generator=draw)
        self.says = torch.randn(2, SIZE, SIZE, generator=draw)
        mask = SimpleNamespace(create_diffusion_decoder_attention_mask=lambda **_: None)
        self.model = SimpleNamespace(encoder=lambda **_: None, decoder=mask)

    def __call__(self, decoder_input_ids, **_):
        before, after = decoder_input_ids.roll(1, 1), decoder_input_ids.roll(-1, 1)
        return SimpleNamespace(logits=self.bias + self.says[0][before] + self.says[1][after])


class Processor:
    """Prompts as ids."""

    eos_token_id = EOS

    def apply_chat_template(self, messages, **_):
        return {"input_ids": torch.tensor([json.loads(one[0]["content"]) for one in messages])}


def run(scheduler, seed, **how):
    pipe = DiffusionGemmaPipeline(None, scheduler, None)
    pipe.model, pipe.processor, pipe.eos_token_id = Network(), Processor(), EOS
    pipe.set_progress_bar_config(disable=True)
    how = {"num_inference_steps": 5, "confidence_threshold": None, **how}
    prompts = [json.dumps(prompt) for prompt in PROMPTS]
    generator = torch.Generator().manual_seed(seed)
    return pipe(prompt=prompts, gen_length=2 * CANVAS, generator=generator, output_type="seq", **how).sequences


@pytest.mark.parametrize("how", [{}, {"confidence_threshold": 9.0}, {"temperature": 1.0}], ids=str)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
@pytest.mark.parametrize("name", CONSTRAINTS)
def test_whole_answers_obey_canvas_by_canvas(name, scheduler, how):
    table = CONSTRAINTS[name].compile(VOCABULARY)
    for seed in range(3):
        made = SCHEDULERS[scheduler]().constrain(table, prompt_length=4, gen_length=2 * CANVAS, seed=seed)
        for row in run(made, seed, **how).tolist():
            assert VOCABULARY.decode(row) in CONSTRAINTS[name].dfa(), (seed, row)
            assert EOS in row or len(row) == 2 * CANVAS


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [(ConstrainedEntropyBound, EntropyBoundScheduler), (ConstrainedDiscreteDDIM, DiscreteDDIMScheduler)],
)
def test_without_a_constraint_it_is_the_scheduler_it_derives_from(ours, theirs):
    for how in ({}, {"confidence_threshold": 9.0}):
        assert torch.equal(run(ours(), 1, **how), run(theirs(), 1, **how))


@pytest.mark.parametrize("ours", [ConstrainedEntropyBound, ConstrainedDiscreteDDIM])
def test_the_base_class_makes_them_from_a_pipelines_own_config_and_tuples_are_tuples(ours):
    base = ours.__mro__[2]
    made = ours.from_config(base(num_inference_steps=7).config)
    assert made.num_inference_steps == 7 and isinstance(made, base)
    made.constrain(CONSTRAINTS["regex"].compile(VOCABULARY), prompt_length=0, gen_length=8)
    logits, canvas = torch.randn(1, 8, VOCABULARY.size), torch.zeros(1, 8, dtype=torch.int64)
    assert isinstance(made.step(logits, 0, canvas, return_dict=False), tuple)


def test_an_answer_that_does_not_fit_is_refused_at_the_first_canvas():
    made = ConstrainedEntropyBound().constrain(Regex(r"\d{26}").compile(VOCABULARY), prompt_length=4, gen_length=CANVAS)
    with pytest.raises(BudgetTooSmall):
        run(made, 0)


def test_a_canvas_that_the_pipeline_has_settled_stays_though_it_is_as_the_step_left_it():
    """The pipeline freezes a row at its best tokens; where the step had written just these, nothing shows it."""
    settled = 0
    for seed in range(20):
        draw = torch.Generator().manual_seed(seed)
        made = ConstrainedEntropyBound(entropy_bound=1e9, num_inference_steps=3)
        made.constrain(CONSTRAINTS["regex"].compile(VOCABULARY), prompt_length=0, gen_length=8)
        canvas = torch.zeros(1, 8, dtype=torch.int64)
        first = made.step(99 * torch.randn(1, 8, SIZE, generator=draw), 0, canvas, generator=draw)
        best = first.pred_logits.argmax(dim=-1)
        if torch.equal(first.prev_sample, best):
            settled += 1
            after = made.step(99 * torch.randn(1, 8, SIZE, generator=draw), 1, best, generator=draw)
            assert torch.equal(after.pred_logits.argmax(dim=-1), best)
    assert settled > 5

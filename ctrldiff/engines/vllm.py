"""Structured output for DiffusionGemma on vLLM 0.33, which refuses it by itself. Found by vLLM as a plug-in.

Requests ask as vLLM documents it (`structured_outputs`, `response_format`). vLLM refuses that for a diffusion model
when it validates a request; the plug-in reads what is asked just before, compiles it, refuses with HTTP 400 what
cannot be kept, and carries the rest to the worker in `extra_args`. There the stock sampler is handed scores in which
the jointly best legal canvas leads: what it writes, when it has converged and how it draws its noise stay its own
decisions.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from ctrldiff.engines.asked import Compiler, check_budget
from ctrldiff.engines.block import never, rewritten, solve
from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.posterior.table import Table

ARCHITECTURE = "DiffusionGemmaForBlockDiffusion"
CARRIED = "ctrldiff"  # the word in `extra_args`: [kind, text, *stop ids]
KINDS = {"json": "json_schema", "regex": "regex", "choice": "choice"}  # vLLM's word to ours
REFUSED = ("grammar", "json_object", "structural_tag", "whitespace_pattern", "disable_additional_properties")
CUTS = ("stop", "ignore_eos", "repetition_detection", "thinking_token_budget")
IGNORED = {"presence_penalty": 0.0, "frequency_penalty": 0.0, "repetition_penalty": 1.0}  # a word to nothing asked
OTHERS = ("diffusion_pinned", "diffusion_constrained", "diffusion_read_only")  # vLLM's own, of a whole canvas
LOG = logging.getLogger("ctrldiff")
COMPILER = Compiler()


@dataclass
class Answer:
    """One constrained request in the worker: its budget of tokens and its finished canvases.

    `failed` says what went wrong inside the worker; from there on the answer is stop tokens.
    """

    table: Table | None
    budget: int
    stop: int
    written: list[int] = field(default_factory=list)
    failed: str = ""

    def legal(self, logits: torch.Tensor) -> torch.Tensor:
        """(T, V) scores of a canvas whose best tokens are the jointly best legal one. Raises nothing: what is raised
        here would end the server."""
        try:
            if not self.failed:
                return self.constrained(logits)
        except Exception as error:
            LOG.exception("an answer ends after %d tokens", len(self.written))
            self.failed = str(error) or type(error).__name__
        return torch.full_like(logits, never(logits.dtype)).index_fill_(
            1, torch.tensor([self.stop], device=logits.device), 0.0
        )

    def constrained(self, logits: torch.Tensor) -> torch.Tensor:
        """`legal`, but it raises."""
        assert self.table is not None
        width, length = self.table.size, len(logits)
        canvas, free = torch.zeros(length, dtype=torch.int64), torch.ones(length, dtype=torch.bool)
        start, own = self.table.walk(self.written), logits[:, :width]
        # The canvas is solved anew at every step: what vLLM shows the model is noise until a canvas has converged.
        left = self.budget - len(self.written)
        solved = solve(self.table, start, own, canvas, free, left, before=self.written)
        out = torch.full_like(logits, never(logits.dtype))
        out[:, :width] = rewritten(solved, own, "first")
        return out


@dataclass
class ConstrainedSampler:
    """vLLM's sampler with our scores in front of it. Steps without a constrained request pass through untouched.

    Fields: stock, the sampler that is asked for everything else; states, vLLM's state of each slot; answers, by slot.
    """

    stock: Any
    states: Any
    answers: dict[int, Answer]

    def __call__(self, logits: torch.Tensor, input_batch: Any, draft_logits: torch.Tensor | None = None) -> Any:
        if self.answers and input_batch.num_draft_tokens > 0:
            logits = self.constrained(logits, input_batch)
        return self.stock(logits, input_batch, draft_logits)

    def constrained(self, logits: torch.Tensor, input_batch: Any) -> torch.Tensor:
        """The flat (rows, V) logits with those of constrained requests solved; a copy, since the runner owns them."""
        out, count = logits, input_batch.num_reqs
        ends = input_batch.cu_num_logits_np[: count + 1].tolist()  # a request whose prompt is still read has no rows
        for slot, first, last in zip(input_batch.idx_mapping_np[:count].tolist(), ends, ends[1:]):
            answer = self.answers.get(slot)
            if answer is None or first == last:
                continue
            if self.states.is_encoder_phase[slot]:  # it commits the canvas it converged to; these rows are not read
                answer.written += self.states.argmax_canvas[slot, : last - first].tolist()
                continue
            out = logits.clone() if out is logits else out
            out[first:last] = answer.legal(logits[first:last])
        return out

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stock, name)


class ConstrainedState:
    """Mixed in front of vLLM's `DiffusionGemmaModelState`: keeps the constrained requests of its slots."""

    diffusion_states: Any
    model_config: Any
    max_model_len: int
    _req_id_to_index: dict[str, int]

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.answers: dict[int, Answer] = {}

    def custom_sampler(self, sampler: Any) -> tuple[Any, Any]:
        """The stock pair, with our scores in front of the sampler."""
        stock, rejection = super().custom_sampler(sampler)  # type: ignore[misc]
        return ConstrainedSampler(stock, self.diffusion_states, self.answers), rejection

    def add_request(self, req_index: int, new_req_data: Any) -> None:
        """As the base class; a request that was preempted goes on behind what it had written."""
        super().add_request(req_index, new_req_data)  # type: ignore[misc]
        self.answers.pop(req_index, None)
        params = new_req_data.sampling_params
        carried = (getattr(params, "extra_args", None) or {}).get(CARRIED)
        if carried is not None:
            prompt = len(new_req_data.prompt_token_ids)
            budget = min(params.max_tokens, self.max_model_len - prompt)
            written = list((new_req_data.prefill_token_ids or [])[prompt:])
            self.answers[req_index] = self.begun(carried, budget, written)

    def begun(self, carried: list[Any], budget: int, written: list[int]) -> Answer:
        """The answer at its beginning. Raises nothing, as `Answer.legal`."""
        from vllm.tokenizers import cached_tokenizer_from_config

        answer = Answer(None, budget, carried[2], written)
        try:
            answer.table = compiled(carried, cached_tokenizer_from_config(self.model_config), self.model_config)
        except Exception as error:
            LOG.exception("a constrained request cannot be served")
            answer.failed = str(error) or type(error).__name__
        return answer

    def remove_request(self, req_id: str) -> None:
        self.answers.pop(self._req_id_to_index.get(req_id, -1), None)
        super().remove_request(req_id)  # type: ignore[misc]


def compiled(carried: list[Any], tokenizer: Any, model_config: Any) -> Table:
    """The table of what a request carries. `\\d`, `\\w` and `\\s` are ASCII, as in vLLM's own grammar backends."""
    kind, text, *stops = carried
    return COMPILER(kind, text, tokenizer, stops=tuple(stops), size=model_config.get_vocab_size())


def admit(params: Any, model_config: Any, tokenizer: Any) -> None:
    """Move what a request asks for to where the worker finds it, compiled once and found to fit.

    Raises: CtrldiffError for what cannot be kept.
    """
    asked = params.structured_outputs
    carried = (params.extra_args or {}).get(CARRIED)
    if asked is not None:
        carried = [*asked_for(asked), *ends(params, model_config, tokenizer)]
    if carried is None:
        return
    if not is_carried(carried):  # a request may say anything in `vllm_xargs`
        raise InputError(f"{CARRIED}={carried!r}"[:200], hint=f"{CARRIED} is ours: ask with structured outputs")
    for name in CUTS:
        if getattr(params, name):
            raise InputError(f"{name} with structured outputs would cut the answer or run past it", hint=f"drop {name}")
    for name, nothing in IGNORED.items():
        if getattr(params, name) != nothing:
            raise InputError(f"{name} is not obeyed beside structured outputs", hint=f"drop {name}")
    for name in OTHERS:
        if (params.extra_args or {}).get(name):
            raise InputError(f"{name} with structured outputs", hint="one of them")
    if params.max_tokens is None:
        raise InputError("structured outputs need max_tokens", hint="the answer is whole within them: say how many")
    check_budget(compiled(carried, tokenizer, model_config), params.max_tokens, "max_tokens")
    params.structured_outputs = None
    params.extra_args = {**(params.extra_args or {}), CARRIED: carried}


def is_carried(said: Any) -> bool:
    """Whether it is what `admit` puts into `extra_args`."""
    if not isinstance(said, list | tuple) or len(said) < 3 or said[0] not in KINDS.values():
        return False
    return isinstance(said[1], str) and all(type(one) is int for one in said[2:])


def asked_for(asked: Any) -> list[str]:
    """[kind, text] of vLLM's `StructuredOutputsParams`."""
    for name in REFUSED:
        if getattr(asked, name):
            raise InputError(f"{name}: not supported for diffusion models", hint="one of json, regex or choice")
    kind, value = next((name, value) for name in KINDS if (value := getattr(asked, name)) is not None)
    return [KINDS[kind], value if isinstance(value, str) else json.dumps(value)]


def ends(params: Any, model_config: Any, tokenizer: Any) -> list[int]:
    """The ids that end an answer: the tokenizer's, the model's, the request's. vLLM puts them together later."""
    if tokenizer is None:
        raise InputError("structured outputs need the tokenizer", hint="serve without --skip-tokenizer-init")
    told = (model_config.try_get_generation_config() or {}).get("eos_token_id")
    named = [one for one in (tokenizer.eos_token_id, told) if one is not None]
    own = {one for end in named for one in ([end] if isinstance(end, int) else end)}
    return sorted(own | set(params.stop_token_ids or ()))


def admitting(verify: Callable[..., None]) -> Callable[..., None]:
    """vLLM's `SamplingParams.verify`, with `admit` before it."""

    def checked(
        self: Any, model_config: Any, speculative_config: Any, structured_outputs_config: Any, tokenizer: Any
    ) -> None:
        from vllm.exceptions import VLLMValidationError

        if model_config.is_diffusion:
            try:
                admit(self, model_config, tokenizer)
            except CtrldiffError as error:
                raise VLLMValidationError(str(error), parameter="structured_outputs") from error
        verify(self, model_config, speculative_config, structured_outputs_config, tokenizer)

    return checked


def register() -> None:
    """The entry point of group `vllm.general_plugins`: vLLM calls it in each of its processes, perhaps twice."""
    from vllm import ModelRegistry
    from vllm.sampling_params import SamplingParams

    ModelRegistry.register_model(ARCHITECTURE, f"{__name__}:DiffusionGemma")  # by name: CUDA is not touched here
    if SamplingParams.verify.__module__ != __name__:
        SamplingParams.verify = admitting(SamplingParams.verify)


def __getattr__(name: str) -> Any:
    """`DiffusionGemma`, made when vLLM asks for it: vLLM's own model, whose state is a `ConstrainedState`."""
    if name != "DiffusionGemma":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from vllm.model_executor.models.diffusion_gemma import (
        DiffusionGemmaForConditionalGeneration,
        DiffusionGemmaModelState,
    )

    state = type("ConstrainedModelState", (ConstrainedState, DiffusionGemmaModelState), {})
    model = type(name, (DiffusionGemmaForConditionalGeneration,), {"get_model_state_cls": staticmethod(lambda: state)})
    globals()[name] = model
    return model

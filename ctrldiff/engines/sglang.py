"""An SGLang dLLM algorithm whose requests' `regex` and `json_schema` are obeyed. Found by SGLang as a plug-in.

SGLang 0.5.23 hands an algorithm one block a request: logits, tokens, absolute positions, request ids. What a request
asked for is read where it is admitted (`validate_request`), compiled there, and refused there with HTTP 400. Its answer
so far is kept by its id and by absolute position, so that a request which is retracted and encoded again meets its own
tokens. What is raised inside a step would end the whole server, so a block that cannot be solved is filled with stop
tokens and its request is marked.
"""

from __future__ import annotations

import logging
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from ctrldiff.engines.asked import Compiler, check_budget
from ctrldiff.engines.block import never, solve
from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.posterior.table import Table

NAME = "Ctrldiff"  # as in `--dllm-algorithm Ctrldiff`
REQUESTS = 1 << 14  # requests remembered: one that is aborted says no goodbye, so the oldest goes
CUTS = ("stop", "stop_strs", "stop_regex", "stop_regex_strs", "ignore_eos")  # SGLang moves the first into the second
IGNORED = {"logit_bias": (None, {}), "min_new_tokens": (None, 0), "n": (None, 1)}  # a word to what it says of nothing
IGNORED |= {"frequency_penalty": (None, 0), "presence_penalty": (None, 0), "beam_width": (None, 1)}
LOG = logging.getLogger("ctrldiff")


@dataclass
class Request:
    """What one constrained request may write, and what it has written: `answer[i]` stands at `prompt + i`.

    Both lengths are read anew when its first block comes, for SGLang may cut the prompt and the answer's length after a
    request was admitted. `failed` says what went wrong inside a step: from there on its answer is stop tokens.
    """

    table: Table
    prompt: int
    budget: int
    answer: list[int] = field(default_factory=list)
    failed: str = ""
    source: weakref.ref[Any] | None = None  # SGLang's own request, until its lengths are read

    def settle(self) -> None:
        """Read the lengths as the scheduler left them."""
        req = self.source() if self.source is not None else None
        self.source = None
        if req is not None:
            self.prompt, self.budget = len(req.origin_input_ids), req.sampling_params.max_new_tokens


class ConstrainedSteps:
    """The algorithm, without SGLang's base class: `register` puts the two together.

    Greedy, as SGLang's LowConfidence: every step writes the free positions whose constrained marginal is above
    `threshold` (`--dllm-algorithm-config`, 0.95), at least the surest one; requests without a constraint the same way
    by the model's own probabilities. A block is reported done one forward after its last write, when its cache holds
    what it says. In patterns `\\d`, `\\w` and `\\s` are ASCII, as SGLang's own grammar backends have them (`ascii`,
    true).
    """

    block_size: int
    mask_id: int
    requests: ClassVar[OrderedDict[str, Request]] = OrderedDict()
    compiler: ClassVar[Compiler] = Compiler()
    banned: ClassVar[tuple[int, ...]] = ()
    ascii: ClassVar[bool] = True
    stop_id: ClassVar[int] = 0  # of the last request that was admitted

    def __init__(self, config: Any) -> None:
        super().__init__(config)  # type: ignore[call-arg]
        self.threshold = float(config.algorithm_config.get("threshold", 0.95))
        type(self).banned = (self.mask_id,)
        type(self).ascii = bool(config.algorithm_config.get("ascii", True))

    @classmethod
    def validate_request(cls, req: Any) -> str | None:
        """Admit a request: compile its constraint, or say why not. Runs on every rank, with the same result."""
        cls.requests.pop(req.rid, None)
        try:
            admitted = cls.admit(req)
        except CtrldiffError as error:
            return str(error)
        if admitted is not None:
            cls.requests[req.rid] = admitted
            while len(cls.requests) > REQUESTS:
                cls.requests.popitem(last=False)
        return None

    @classmethod
    def admit(cls, req: Any) -> Request | None:
        """The constrained request, or None for one without a constraint."""
        params = req.sampling_params
        asked = {k: v for k in ("json_schema", "regex", "ebnf", "structural_tag") if (v := getattr(params, k, None))}
        if not asked:
            return None
        kind, text = next(iter(asked.items()))
        if len(asked) > 1 or kind in ("ebnf", "structural_tag"):
            raise InputError(f"{', '.join(asked)}: not supported here", hint="one of json_schema or regex")
        for name in CUTS:
            if getattr(params, name, None):
                raise InputError(f"{name} with {kind} would cut the answer or run past its end", hint=f"drop {name}")
        for name, nothing in IGNORED.items():
            if getattr(params, name, None) not in nothing:
                raise InputError(f"{name} is not obeyed beside {kind}", hint=f"drop {name}")
        if params.max_new_tokens is None:
            raise InputError(f"{kind} needs max_new_tokens", hint="the answer is whole within them: say how many")
        if req.tokenizer is None:
            raise InputError(f"{kind} needs the tokenizer", hint="start the server without --skip-tokenizer-init")
        table = cls.compiled(kind, text, req)
        check_budget(table, params.max_new_tokens, "max_new_tokens")
        setattr(params, kind, None)  # it is ours now: SGLang's own grammar backend need not compile it as well
        return Request(table, len(req.origin_input_ids), params.max_new_tokens, source=weakref.ref(req))

    @classmethod
    def compiled(cls, kind: str, text: str, req: Any) -> Table:
        """The constraint's table over the request's vocabulary."""
        ends = set(req.eos_token_ids or ()) | set(req.sampling_params.stop_token_ids or ())
        stops = tuple(sorted(ends)) or (req.tokenizer.eos_token_id,)
        cls.stop_id = stops[0]
        words = {"stops": stops, "size": req.vocab_size, "banned": cls.banned, "ascii": cls.ascii}
        return cls.compiler(kind, text, req.tokenizer, **words)

    def step(self, forward_batch: Any, full_logits: Any, states: list[Any]) -> list[bool]:
        """One step of every block, in place; which of them are done. Raises nothing.

        Args: full_logits: the tensor (0.5.23), or the output of the logits processor that holds it (later).
        """
        rows = forward_batch.batch_size
        blocks = forward_batch.input_ids.view(rows, -1)  # a prompt may come several blocks at a time
        positions = forward_batch.positions.view(rows, -1).cpu()
        free = blocks == self.mask_id
        if forward_batch.dllm_prompt_mask is not None:
            free = free & ~forward_batch.dllm_prompt_mask
        done, written = [], blocks.clone()
        for row, rid in enumerate(forward_batch.rids):
            request = self.requests.get(rid)
            if request is not None:
                request.settle()
            done.append(not bool(free[row].any()))
            if done[row]:
                if request is not None:
                    record(request, blocks[row].tolist(), positions[row].tolist())
                continue
            try:
                logits = getattr(full_logits, "full_logits", full_logits).view(*blocks.shape, -1)[row]
                written[row] = self.written(request, logits, blocks[row], free[row], positions[row])
            except Exception as error:  # whatever it is, the other requests of the server go on
                LOG.exception("request %s: its answer ends here", rid)
                if request is not None:
                    request.failed = str(error) or type(error).__name__
                written[row] = torch.where(free[row], self.stop_id, blocks[row])
        forward_batch.input_ids.copy_(written.view(-1))  # in place: a CUDA graph may hold the tensor
        return done

    def written(
        self,
        request: Request | None,
        logits: torch.Tensor,
        block: torch.Tensor,
        free: torch.Tensor,
        positions: torch.Tensor,
    ) -> torch.Tensor:
        """(T,) a block after one step: its free positions that are certain, at least the surest of them."""
        if request is None:
            tokens, confidence = self.unconstrained(logits)
        elif request.failed:
            return torch.where(free, self.stop_id, block)
        else:
            tokens, confidence = proposal(request, logits, block, free, positions)
        tokens, confidence = tokens.to(block.device), confidence.to(block.device)
        sure = torch.where(free, confidence, -1.0)
        now = free & (sure > self.threshold)
        if not now.any():
            now[sure.argmax()] = True
        return torch.where(now, tokens.to(block.dtype), block)

    def unconstrained(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(T,) best tokens and (T,) their probabilities, the mask left out."""
        scores = logits.to(torch.float32).clone()
        scores[:, self.mask_id] = never(torch.float32)
        confidence, tokens = scores.softmax(dim=-1).max(dim=-1)
        return tokens, confidence


def proposal(
    request: Request, logits: torch.Tensor, block: torch.Tensor, free: torch.Tensor, positions: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """(T,) tokens and (T,) confidences of a block, whose first positions may belong to the prompt."""
    given = int((positions < request.prompt).sum())
    before = int(positions[given]) - request.prompt
    if before > len(request.answer):
        raise InputError(f"a block begins at token {before} of an answer of which {len(request.answer)} are known")
    start = request.table.walk(request.answer[:before])
    width = request.table.size
    solved = solve(
        request.table,
        start,
        logits[given:, :width],
        block[given:],
        free[given:],
        left=request.budget - before,
        before=request.answer[:before],
    )
    return (
        torch.cat([block[:given].cpu(), solved.tokens]),
        torch.cat([torch.ones(given), solved.confidence]),
    )


def record(request: Request, tokens: list[int], positions: list[int]) -> None:
    """Remember a finished block. One that is encoded again is written over with the same."""
    for token, position in zip(tokens, positions):
        index = position - request.prompt
        if 0 <= index < len(request.answer):
            request.answer[index] = token
        elif index == len(request.answer):
            request.answer.append(token)


def register() -> None:
    """The entry point of group `sglang.srt.plugins`: SGLang calls it in each of its processes."""
    from sglang.srt.dllm.algorithm import algo_name_to_cls
    from sglang.srt.dllm.algorithm.base import DllmAlgorithm

    algo_name_to_cls[NAME] = type(NAME, (ConstrainedSteps, DllmAlgorithm), {"__doc__": ConstrainedSteps.__doc__})

"""lm-eval (the evaluation harness) over a masked-diffusion model: the model type `ctrldiff`. Needs lm-eval 0.4.13.

    python -m ctrldiff.engines.lm_eval run --model ctrldiff --model_args pretrained=tiny,masks=32 --tasks ...

is lm-eval's own command line with that model type known. In Python: `simple_evaluate(model=CtrldiffLM("tiny"), ...)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from lm_eval.api.model import LM
from lm_eval.api.registry import register_model
from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

from ctrldiff.constraints.basic import Regex, Text
from ctrldiff.errors import InputError, ModelError, PromptTooLong
from ctrldiff.generate import Generator, Model, from_pretrained
from ctrldiff.json_schema import JsonSchema
from ctrldiff.likelihood import elbo
from ctrldiff.sampling.loop import sample
from ctrldiff.state import State

DECODING = {"until", "max_gen_toks", "temperature", "do_sample", "regex", "json_schema"}


@dataclass(frozen=True)
class AsSaid:
    """A tokenizer to which special tokens in a context are what they are: lm-eval fills in chat templates itself."""

    inner: Any

    added_tokens_decoder: ClassVar[dict[int, Any]] = {}  # none of them is kept out of a context

    def encode(self, text: str, **_: object) -> list[int]:
        """A context's token ids."""
        return self.inner.encode(text, add_special_tokens=False)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@register_model("ctrldiff")
class CtrldiffLM(LM):
    """lm-eval's three questions, asked of a masked-diffusion model.

    `loglikelihood` is the bound of `ctrldiff.elbo`, with the same masks for every choice of a question, and whether the
    continuation is what the model writes when it writes its surest token first, one a forward pass (`greedy=False`
    saves those passes: the second answer is then always False). `loglikelihood_rolling` adds the bounds of a document's
    windows. `generate_until` decodes as `Generator` does; a task's `generation_kwargs` may hold a `regex` or a
    `json_schema`, which the answer then obeys.

    Args:
        pretrained: what `from_pretrained` takes, or a `Model`.
        masks, seed: as `elbo`.        steps: as `Generator`.
        template: put contexts into the model's own prompt template, as plain text; otherwise they are all the model
            reads, special tokens in them included, as in lm-eval's models (chat templates are lm-eval's:
            `--apply_chat_template`). Continuations and documents are plain text.
        overrides: as `from_pretrained`.
    Raises: PromptTooLong for a context and answer beyond the model's context, before any forward pass: nothing is cut.
    """

    def __init__(
        self,
        pretrained: str | Model = "tiny",
        *,
        masks: int = 32,
        seed: int = 0,
        steps: int | None = None,
        batch_size: int | str = 16,
        greedy: bool = True,
        template: bool = False,
        device: str | None = None,
        max_batch_size: int | None = None,
        **overrides: Any,
    ) -> None:
        super().__init__()
        if not str(batch_size).isdigit():
            raise InputError(f"batch_size={batch_size!r}: a whole number", param="batch_size")
        if device is not None:
            overrides["device"] = device
        model = pretrained if isinstance(pretrained, Model) else from_pretrained(pretrained, **overrides)
        self.plain = model.loaded
        if not template:
            self.plain = replace(self.plain, spec=replace(self.plain.spec, prompt="{text}"))
            model = Model(replace(self.plain, tokenizer=AsSaid(self.plain.tokenizer)))
        self.model, self.masks, self.seed, self.steps = model, int(masks), int(seed), steps
        self.batch_size, self.greedy = int(batch_size), greedy
        spec = self.model.loaded.spec
        self.room = spec.context - spec.context % spec.round_to
        self.first = spec.bos_id if spec.bos_id is not None else spec.stop_ids[0]  # before a text with no context

    @property
    def tokenizer_name(self) -> str:
        """Part of the key under which lm-eval caches prompts."""
        return self.model.loaded.name

    def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
        """(bound in nats, is it the greedy text) for each (context, continuation)."""
        pairs = [self._pair(*request.args) for request in requests]
        contexts, answers = [context for context, _ in pairs], [answer for _, answer in pairs]
        bounds = self._bounds(contexts, answers)
        greedy = self.is_greedy(contexts, answers) if self.greedy else [False] * len(pairs)
        return list(zip(bounds, greedy))

    def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
        """The summed bounds of each document's windows, every token scored once."""
        windows: list[tuple[list[int], list[int]]] = []
        owner: list[int] = []
        for n, request in enumerate(requests):
            ids = self.plain.prompt_ids(request.args[0], "")
            pieces = get_rolling_token_windows(ids, prefix_token=self.first, max_seq_len=self.room - 1, context_len=1)
            windows += map(make_disjoint_window, pieces)
            owner += [n] * (len(windows) - len(owner))
        bounds = self._bounds([context for context, _ in windows], [answer for _, answer in windows])
        totals = [0.0] * len(requests)
        for n, bound in zip(owner, bounds):
            totals[n] += bound
        return totals

    def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
        """The text before the first of `until`, for each (context, generation_kwargs)."""
        groups: dict[str, list[int]] = {}
        for n, request in enumerate(requests):
            groups.setdefault(repr(sorted(request.args[1].items())), []).append(n)
        out = [""] * len(requests)
        for members in groups.values():
            contexts = [requests[n].args[0] for n in members]
            for n, text in zip(members, self._generate(contexts, requests[members[0]].args[1])):
                out[n] = text
        return out

    def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
        """lm-eval's chat history through the tokenizer's template. Raises: ModelError if it has none."""
        tokenizer = self.model.loaded.tokenizer
        if not getattr(tokenizer, "chat_template", None):
            raise ModelError("the tokenizer has no chat template", hint="leave out --apply_chat_template")
        return tokenizer.apply_chat_template(chat_history, tokenize=False, add_generation_prompt=add_generation_prompt)

    def _pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Token ids of both, cut where the context ends; spaces at its end go to the continuation."""
        loaded, spaces = self.model.loaded, len(context) - len(context.rstrip())
        if spaces:
            context, continuation = context[:-spaces], context[-spaces:] + continuation
        ids = loaded.prompt_ids(context, "") or [self.first]
        answer = self.plain.plain_ids(continuation, ids)
        if len(ids) + len(answer) > self.room:
            raise PromptTooLong(
                f"{len(ids):,} context + {len(answer):,} continuation tokens > context {loaded.spec.context:,}",
                hint="fewer shots (--num_fewshot), or a model with a longer context",
                prompt=len(ids),
                answer=len(answer),
                context=loaded.spec.context,
            )
        return ids, answer

    def _bounds(self, contexts: Sequence[list[int]], answers: Sequence[list[int]]) -> list[float]:
        denoiser = self.model.loaded.denoiser
        result = elbo(denoiser, contexts, answers, masks=self.masks, seed=self.seed, batch_size=self.batch_size)
        return result.mean.tolist()

    def is_greedy(self, contexts: Sequence[list[int]], answers: Sequence[list[int]]) -> list[bool]:
        """For token ids: is the answer what the model writes, its surest token first, in as many positions?"""
        out = [False] * len(answers)
        order = sorted(range(len(answers)), key=lambda n: len(answers[n]))
        start = 0
        while start < len(order):
            length = len(answers[order[start]])
            rows = [n for n in order[start : start + self.batch_size] if len(answers[n]) == length]
            state = State.blank([contexts[n] for n in rows], length, seed=self.seed)
            written = sample(self.model.loaded.denoiser, state).tokens
            for n, same in zip(rows, (written == torch.tensor([answers[n] for n in rows])).all(dim=1).tolist()):
                out[n] = same
            start += len(rows)
        return out

    def _generate(self, contexts: list[str], how: dict[str, Any]) -> list[str]:
        unknown = sorted(set(how) - DECODING)
        if unknown:
            raise InputError(f"generation_kwargs {unknown} are not known", hint=f"known: {', '.join(sorted(DECODING))}")
        until = how.get("until") or []
        output: Any = Text(empty=True)
        if how.get("regex"):
            output = Regex(how["regex"])
        elif how.get("json_schema"):
            output = JsonSchema(how["json_schema"])
        generator = Generator(
            self.model,
            output,
            max_new_tokens=how.get("max_gen_toks"),
            steps=self.steps,
            temperature=float(how.get("temperature") or 0.0) if how.get("do_sample") else 0.0,
            seed=self.seed,
            batch_size=self.batch_size,
        )
        return [before(result.raw, [until] if isinstance(until, str) else until) for result in generator(contexts)]


def before(text: str, ends: Sequence[str]) -> str:
    """The text before the first of these."""
    found = [at for end in ends if end and (at := text.find(end)) >= 0]
    return text[: min(found)] if found else text


if __name__ == "__main__":
    from lm_eval.__main__ import cli_evaluate

    cli_evaluate()

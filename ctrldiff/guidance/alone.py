"""A value of an object, written as if it were all that the model is asked for.

Small models, and those trained to extract, write prose when they are asked for prose and nothing else. In the middle
of a JSON object they copy a word or two, whatever the key says, and no guide can lean towards a sentence that they do
not consider. So inside one value the model is asked again, with a prompt of its own and a canvas that holds nothing
but the value; what surrounds it stays the answer to the whole question.

Source: ours. Between the two readings it is the contrast of `classifier_free.py` at a scale of -1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from ctrldiff.errors import InputError
from ctrldiff.guidance.guide import Branches, Guide, Tilt
from ctrldiff.protocols import GuideContext
from ctrldiff.state import State, Status, Step
from ctrldiff.tokens.vocabulary import Vocabulary

NEVER = -50.0  # nats for a token that would write a part of the value and its end at once: it has no reading alone


@dataclass(frozen=True)
class Alone(Guide):
    """Inside a string of an object, what the model would write if that string were all that it is asked for.

        on_field("review", Alone() + Classifier("sentiment", "positive", 2.0))

    Once all before the value is written and its quote is open, the scores at each of its open positions are log
    q(v) - log p(v), with q the model's distribution on another canvas: the prompt asks for `text` and nothing else,
    and the canvas holds the value alone, from its first token to the next written one. The value ends, at the
    leftmost open position, with the probability that q ends there. Before it has begun, all tokens inside the value
    are equally likely at the positions ahead, so that none of them is sure and no policy writes any of it; whether
    null stands in its place the model decides as it is. Where the value is no string nothing more happens. At
    another strength than 1 it is q^s p^(1 - s), and the end alike.

    Args:
        text: what is asked, or a function from the text of the request to it; None: that text, without the object's
            keys.

    Made for plans that write from the left, as the default does. Cost: one more row in the forward pass for each
    row, and three sums over the chain a step. Raises: InputError outside of `on_field`, or for a text of which
    nothing is left.
    """

    text: str | Callable[[str], str] | None = None

    def prepare(self, context: GuideContext) -> Tilt:
        if context.field is None:
            raise InputError("Alone is about one value of an object", hint='on_field("review", Alone())')
        asked: dict[tuple[int, ...], torch.Tensor] = {}
        for row, text in enumerate(context.texts):
            told = self.text(text) if callable(self.text) else text if self.text is None else self.text
            if not isinstance(told, str) or not told.strip():
                raise InputError(f"what is asked of text {row} alone is {told!r}", hint="a text that is not empty")
            asked[tuple(context.prompt(row, text))] = torch.tensor(context.alone(row, told))
        vocabulary = context.vocabulary
        quotes = torch.tensor([(word or b"").startswith(b'"') for word in vocabulary])
        nothing = torch.zeros(vocabulary.size, dtype=torch.bool)
        stops = nothing.index_fill(0, torch.tensor(vocabulary.stop_ids), True)

        def values(state: State) -> tuple[torch.Tensor, list[Value | None]]:
            """(B, T, 2, V) what may stand outside of the value and inside; and each row's value, if it has begun."""
            # Only what is possible is read of them. A stop is worth two of all other tokens, so that ending here and
            # going on for long both have a share that does not underflow.
            even = torch.zeros(*state.shape, vocabulary.size)
            even[..., list(vocabulary.stop_ids)] = math.log(2 * vocabulary.size)
            parts = context.parts(even, state)
            return parts, [begun(state, row, parts[row], vocabulary) for row in range(state.shape[0])]

        def branches(state: State, step: Step) -> list[State]:
            tokens, status, prompt = state.tokens.clone(), state.status.clone(), list(state.prompt)
            for row, value in enumerate(values(state)[1]):
                if value is not None:
                    size = value.end - value.start
                    tokens[row] = vocabulary.stop_ids[0]
                    status[row] = int(Status.PAD)
                    tokens[row, :size] = state.tokens[row, value.start : value.end]
                    status[row, :size] = state.status[row, value.start : value.end]
                    prompt[row] = known(state, row)
            return [replace(state, tokens=tokens, status=status, prompt=tuple(prompt))]

        def known(state: State, row: int) -> torch.Tensor:
            ids = tuple(state.prompt[row].tolist())
            if ids not in asked:
                raise InputError(f"row {row} has a prompt that the guide was not prepared for", row=row)
            return asked[ids]

        def scores(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            own, alone = logits.log_softmax(-1), views[0].log_softmax(-1)
            out = torch.zeros_like(own)
            for row, value in enumerate(values(state)[1]):
                if value is not None:
                    here = slice(value.start, value.end)
                    out[row, here] = alone[row, : value.end - value.start] - own[row, here]
                elif state.open[row].any():
                    ahead = int(state.open[row].int().argmax()) + 1
                    out[row, ahead:] = -own[row, ahead:]  # whatever temperature comes after it
            return torch.where(out.isfinite(), out, torch.zeros_like(out))

        def outside(logits: torch.Tensor, views: Branches, state: State, step: Step) -> torch.Tensor:
            own, alone = logits.log_softmax(-1).double().cpu(), views[0].log_softmax(-1).double().cpu()
            out = torch.zeros_like(own)
            parts, found = values(state)
            for row, value in enumerate(found):
                if value is None:
                    continue
                for at in range(value.next, value.end):
                    over = alone[row, at - value.start, stops].logsumexp(0)
                    if at == value.next:  # all before it is written: what is legal here is known
                        legal = parts[row, at, 0] > 0
                        out[row, at] = shared(own[row, at], [legal & quotes], over, legal & ~quotes)
                    else:
                        out[row, at] = shared(own[row, at], [quotes, stops], over, nothing)
            return out.to(logits)

        return Tilt(scores, branches, lambda step: 1, outside=outside)


class Value(NamedTuple):
    """A string on its way: positions from `start` to `end`, of which those from `next` on are open."""

    start: int
    next: int
    end: int


def begun(state: State, row: int, parts: torch.Tensor, vocabulary: Vocabulary) -> Value | None:
    """The value, if all before it is written and more of it may come.

    parts: (T, 2, V) what may stand at each position outside of the value, and inside; 0 where it may not.
    """
    open_ = state.open[row].tolist()
    if True not in open_:
        return None
    first = open_.index(True)
    tokens = state.tokens[row, :first].tolist()
    text = b"".join(vocabulary[token] or b"" for token in tokens)
    if not bool(parts[first, 1].any()) or not in_string(text):
        return None
    start = first
    while start and bool(parts[start - 1, 1, tokens[start - 1]] > 0):
        start -= 1
    end = first
    while end < len(open_) and open_[end]:
        end += 1
    return Value(start, first, end)


def in_string(text: bytes) -> bool:
    """A JSON text, cut here, ends inside a string."""
    inside = escaped = False
    for byte in text:
        if escaped:
            escaped = False
        elif inside and byte == ord("\\"):
            escaped = True
        elif byte == ord('"'):
            inside = not inside
    return inside


def shared(own: torch.Tensor, groups: list[torch.Tensor], share: torch.Tensor, never: torch.Tensor) -> torch.Tensor:
    """(V,) nats by which each of these groups of tokens comes to have this share in place of its own, and the others,
    but for those that are never to be written, the rest of 1; within a group, and among the others, they keep their
    proportions.

    own: (V,) log-probabilities.   share: its log.
    """
    out, others = torch.zeros_like(own), ~never
    for group in groups:
        out[group] = share - own[group].logsumexp(0)
        others &= ~group
    out[others] = (-share.exp()).log1p() - own[others].logsumexp(0)
    out[never] = NEVER
    return out.nan_to_num(0.0, posinf=0.0, neginf=NEVER)  # of nothing, or of what is forbidden, there is no share

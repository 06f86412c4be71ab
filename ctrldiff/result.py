"""What a decode gives back: the answer, how sure, and what it cost."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from ctrldiff.doubt import Flag
from ctrldiff.fields import Field
from ctrldiff.grounded.kinds import Stated
from ctrldiff.pointer import name_of
from ctrldiff.report.decode import Value, decode_page
from ctrldiff.report.page import framed
from ctrldiff.sampling.counts import Count
from ctrldiff.sampling.decide import entropy, expected
from ctrldiff.sampling.trace import Trace
from ctrldiff.search.agree import Voted, votes
from ctrldiff.search.run import Candidate, effective

T = TypeVar("T")


@dataclass(frozen=True)
class Usage:
    """What a result cost.

    Fields: prompt_tokens; answer_tokens (up to the first stop token); canvas (positions that were open);
        forwards (denoiser calls this row took part in); seconds (wall clock of the steps it took part in); fields (how
        many of the forwards the probabilities of values took); other_calls (of models beside this one, one a row). A
        canvas that was too small counts too: its row was decoded again.
    """

    prompt_tokens: int
    answer_tokens: int
    canvas: int
    forwards: int
    seconds: float
    fields: int = 0
    other_calls: int = 0


@dataclass(frozen=True)
class Refused:
    """An answer that the type's own rules refused: its text, and what they said."""

    raw: str
    why: str


@dataclass(frozen=True)
class Result(Generic[T]):
    """One answer.

    Fields:
        output: a value of the wanted type.       raw: its text, one of the type's: of a canvas that was
            laid out (`layout.Rooms`) without the tabs that filled rooms.
        log_prob: for a lone choice, the exact log-probability of the label. Otherwise the sum over positions of the
            log of each token's constrained marginal when it was written: a product of conditionals, exact when one
            position was written at a time, an approximation when several were. Where likelier answers
            were refused, that of the answer under the posterior that the decode ended with.
        probs: every label's exact probability, for a lone choice; else empty.
        nulls: with `Generator(nulls=True)`, for every key of an object that may be null the exact probability that it
            is, in the last step that left it open; else empty.
        full: the end of the canvas bound the answer: some token that might have come next could not have been finished
            in the positions left, so a value may be cut and a list ended. False for answers that had room.
        flags: the values that the constraint forced on the model, those that the end of the steps wrote before the plan
            was sure of them (`steps=`), and with `below=` those that are improbable, each with its place; `doubt.Flag`.
        fields: with `Generator(fields=True)`, every value by its place ("total", "items/0/price", "items", "" for the
            whole): how probable it is, where it stands, what else it might have been; else empty. `Field`.
        grounded: of every value that was taken from the text (`Grounded`, `x-from-text`) all places that state it, in
            their order, by its JSON pointer ("/total"; "" is the whole answer): start, end, spelling, alternatives.
        refused: with `Generator(retries=N)`, the likelier answers that the type's own rules refused, in that order.
        counts: under a plan with `counts=`, and of an answer that was laid out (`Plan.rooms`), how many items each list
            was given before any of them was written, by its place as in `fields`; else empty. `Count`.
        reward, candidates: after a search, the answer's reward (NaN: none), and all the canvases it was chosen from.
        ess_path: after a search, the effective sample sizes of its canvases: one for each time that they might have
            been resampled, before they were, and one for the end, which is `ess`. A search that resamples may end
            evenly weighed and have been down to one canvas on the way.
        tokens: the canvas, ids. They spell `raw`, as it was decoded: with the tabs that filled rooms, and with the
            values in whose place `unsure="null"` put null.
        trace: the canvases step by step, if asked for.
    """

    output: T
    raw: str
    log_prob: float
    usage: Usage
    tokens: tuple[int, ...] = field(repr=False)
    probs: dict[str, float] = field(default_factory=dict)
    nulls: dict[str, float] = field(default_factory=dict)
    trace: Trace | None = field(default=None, repr=False)
    reward: float | None = None
    candidates: tuple[Candidate, ...] = field(default=(), repr=False)
    ess_path: tuple[float, ...] = field(default=(), repr=False)
    full: bool = False
    flags: tuple[Flag, ...] = ()
    fields: dict[str, Field] = field(default_factory=dict, repr=False)
    grounded: dict[str, tuple[Stated, ...]] = field(default_factory=dict)
    refused: tuple[Refused, ...] = ()
    counts: dict[str, Count] = field(default_factory=dict)

    @property
    def ess(self) -> float | None:
        """After a search, the effective sample size of its canvases: their number where all weigh the same, 1 where one
        has all the weight, 0 where none has any."""
        return effective(np.array([one.log_weight for one in self.candidates])) if self.candidates else None

    @property
    def votes(self) -> dict[str, tuple[Voted, ...]]:
        """After a search, every value that its canvases have in a field and the share of them that has it, by JSON
        pointer, the most frequent first; "" of a type whose values are texts. Canvases that weigh nothing have no
        vote."""
        said = [one.raw for one in self.candidates if one.log_weight > -math.inf]
        return votes(said, verbatim=isinstance(self.output, str) and self.output == self.raw)

    @property
    def prob(self) -> float:
        """exp(log_prob)."""
        return math.exp(self.log_prob)

    @property
    def entropy(self) -> float:
        """Of `probs`, in nats. Raises InputError if there are none."""
        return entropy(self.probs)

    @property
    def expected(self) -> float:
        """The mean label of a `Score` (or of any labels that are whole numbers). Raises InputError for others."""
        return expected(self.probs)

    @property
    def values(self) -> tuple[Value, ...]:
        """The values of the answer, as far as `fields` and `grounded` know of them, for pages."""
        stated = {name_of(at): tuple((one.start, one.end) for one in places) for at, places in self.grounded.items()}
        flagged = {name_of(flag.where) for flag in self.flags}
        out = []
        for name, one in self.fields.items():
            source = stated.get(name) or (() if one.source is None else (one.source,))
            if one.kind not in ("list", "object"):
                out.append(Value(name, one.text, one.where, source, one.prob, name in flagged))
        spelled = {name_of(at): places[0].spelling for at, places in self.grounded.items() if places}
        out += [
            Value(name, spelled[name], None, source)
            for name, source in stated.items()
            if source and name not in self.fields
        ]
        return tuple(out)

    def page(self, document: str = "", title: str = "An answer") -> str:
        """The answer as one HTML file: its values, where they stand in the document, and with `trace=True` the decode
        step by step."""
        usage = self.usage
        facts = {
            "forward passes": f"{usage.forwards:,}",
            "tokens": f"{usage.answer_tokens:,} of {usage.canvas:,}",
            "seconds": f"{usage.seconds:.2f}",
            "log-probability": f"{self.log_prob:.2f}",
        }
        if self.flags:
            facts["flagged values"] = f"{len(self.flags):,}"
        frames = self.trace.frames[0] if self.trace and not self.probs else ()  # a decision has no steps
        return decode_page(
            frames,
            raw=self.raw,
            document=document,
            values=self.values,
            labels=self.probs,
            facts=facts,
            title=title,
        )

    def _repr_html_(self) -> str:
        """For notebooks."""
        return framed(self.page(), 620 if self.trace else 360)

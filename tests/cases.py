"""Everything we ship, in lists: a law that holds for one holds for all of them.

`tests/laws/test_cases.py` checks that nothing is missing here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch

from ctrldiff.constraints.basic import Choice, Regex, Text
from ctrldiff.constraints.blocking import DynamicBlocking
from ctrldiff.constraints.content import Avoids, Contains
from ctrldiff.constraints.description import Automaton, Description
from ctrldiff.constraints.length import Length
from ctrldiff.constraints.prior import Prior
from ctrldiff.guidance.classifier import Classifier
from ctrldiff.guidance.classifier_free import AdaptiveClassifierFree, ClassifierFree, Contrast, NegativePrompt
from ctrldiff.guidance.guide import Guide
from ctrldiff.guidance.mentions import Words
from ctrldiff.guidance.network import CanvasClassifier
from ctrldiff.guidance.reward import Reward
from ctrldiff.guidance.target import Target, Together
from ctrldiff.guidance.tokens import Bias, Count, TokenTable
from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.table import Table
from ctrldiff.protocols import (
    CommitPolicy,
    Counts,
    EditPolicy,
    Growth,
    Observer,
    Processor,
    Proposer,
    RevisePolicy,
    Schedule,
    StopRule,
)
from ctrldiff.sampling.absent import NoteNulls
from ctrldiff.sampling.ancestral import Bernoulli, NoteTurns, Remasking, Resume, Unmask
from ctrldiff.sampling.attention import Independent
from ctrldiff.sampling.combine import And, AtLeastOne, ButOne, Cap, Or, Proposed, Spacing
from ctrldiff.sampling.commit import (
    Anchored,
    CertainFree,
    EntropyBound,
    Everything,
    Factor,
    Gaps,
    LeftToRight,
    Prefix,
    Renoise,
    Rewrite,
    Threshold,
    TopK,
)
from ctrldiff.sampling.constrain import FREE, Free, Tables
from ctrldiff.sampling.counts import Likeliest, Rows
from ctrldiff.sampling.credit import Credit, NoteCredit
from ctrldiff.sampling.doubts import NoteDoubts, TokenToMask
from ctrldiff.sampling.edit import Brittle, Disagree, Final, Reconsider, Surprising
from ctrldiff.sampling.evidence import NoteEvidence
from ctrldiff.sampling.grow import Daedal, Fixed, RhoEos
from ctrldiff.sampling.history import HistoryStable, NoteHistory
from ctrldiff.sampling.hurried import NoteHurried
from ctrldiff.sampling.hyper import Annealed, Hyper, Timed
from ctrldiff.sampling.information import Informative, Spindle
from ctrldiff.sampling.judge import Judged, Mixture
from ctrldiff.sampling.learned import Features, Learned
from ctrldiff.sampling.legal import NoteLegal
from ctrldiff.sampling.orders import Density, Dependent, Dilated, Frequencies, Hierarchy, Positional, Routed
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.planned import NotePlan, Planned
from ctrldiff.sampling.propose import Best, Draw, Kept, Weighed
from ctrldiff.sampling.recompute import Recomputed
from ctrldiff.sampling.revise import Keep, LeastConfident, Remask, RunningConfidence, Verified
from ctrldiff.sampling.schedules import Blocks, Constant, Cosine, Floor, Linear, Proportional, Scaled
from ctrldiff.sampling.slow_fast import NoteCycles, SlowFast
from ctrldiff.sampling.stability import Consistent, NoteConsistent, NoteShifts, Steady
from ctrldiff.sampling.stop import Falling, Never, NoteBest, Prophet, Settled, Stable
from ctrldiff.sampling.trace import Canvases
from ctrldiff.sampling.windows import ByEntropy, Delimited, Dynamic, NoteEnd, Sliding
from ctrldiff.state import State
from tests.causal import Bigram
from tests.conftest import SIZE, STOP, VOCABULARY, prompt, toy
from tests.distinct import Distinct

LENGTH = 8  # canvas of the cases; every constraint below fits

CONSTRAINTS: dict[str, Description | None] = {  # None: no constraint
    "free": None,
    "regex": Regex(r"\d{4}-\d{2}"),
    "alternatives": Regex(r"(19|20)\d\d(-\d\d)?|ab+"),
    "choice": Choice(["a", "ab", "19-00", "1900"]),
    "schema": JsonSchema({"type": "integer", "minimum": -120, "maximum": 1999}),
    "text": Text(empty=True),
    "and": Regex(r"[ab0-9]*") & Regex(r".{3,6}"),
    "or": Choice(["-", "--"]) | Regex(r"(ab){1,3}"),
    "automaton": Automaton(Regex(r"(00|a)*b").dfa()),
    "weighted": Regex(r"[ab1]{2,6}(-1?)?"),
    "distinct": Regex(r"[0-9ab-]{2,8}") & Distinct(),
    "content": Contains(["a", Regex("1[0-9]")], ascii=True)
    & Avoids("b", words=False)
    & Length(words=(1, 2), ascii=True),
    "tokens": Length(tokens=(2, 5)) & DynamicBlocking([11, 12, 11, 11, 1], share=1.0),
}

PRIORS: dict[str, Prior] = {"weighted": Prior.of(Regex(".*a"), 1.5) + Prior.of(Regex(".{3,}"), -0.75)}

FREQUENCIES = Frequencies.of([[1, 9, 11, 11], [2, 0, 12]], SIZE)


def keen(told: Features) -> torch.Tensor:
    """A learned policy that nobody trained: probabilities, higher where the model is sure and on the left."""
    return told.stacked.mul(torch.tensor([0.6, 0.2, -0.1, -0.2, 0.1, 0.05, 0.05])).sum(dim=-1).clamp(0, 1)


def shy(told: Features) -> torch.Tensor:
    """One that is shown attention, and stays away from what much is looked at."""
    assert told.attention is not None
    return told.confidence - told.attention.sum(dim=1)


def thirds(tokens: Sequence[int]) -> list[int]:
    """Spans of two positions, each behind one that is in none."""
    return [n // 3 if n % 3 else -1 for n in range(len(tokens))]


COMMITS: dict[str, CommitPolicy] = {
    "top-k confidence": TopK(),
    "top-k margin": TopK("margin"),
    "top-k entropy": TopK("entropy"),
    "top-k surprise": TopK("surprise"),
    "top-k position": TopK("position"),
    "top-k random": TopK("random"),
    "threshold": Threshold(0.6),
    "factor": Factor(1.0),
    "entropy bound": EntropyBound(0.5),
    "everything": Everything(),
    "left to right": LeftToRight(TopK(), block=3),
    "prefix": Prefix(0.6),
    "prefix, own": Prefix(0.6, own=0.3),
    "gaps": Gaps(0.4, above=0.6, own=0.3),
    "anchored": Anchored(0.6, 0.7),
    "certain free": CertainFree(TopK(), above=0.9),
    "left to right, certain free": LeftToRight(CertainFree(TopK()), block=16),
    "default": Plan().commit,
    "rewrite": Rewrite(TopK()),
    "renoise": Renoise(Threshold(0.6)),
    "top-k, drawn": TopK("entropy", temperature=0.5),
    "entropy bound by margin": EntropyBound(0.5, by="margin"),
    "and": And(Threshold(0.3), EntropyBound(0.5)),
    "or": Or(TopK("random"), Threshold(0.7)),
    "cap": Cap(Threshold(0.1), most=2),
    "cap at the quota": Cap(Everything()),
    "cap at a share": Cap(Threshold(0.2), most=5, share=0.5, least=2),
    "at least one": AtLeastOne(And(Threshold(0.5), Prefix(0.5))),
    "but one": ButOne(Threshold(0.3)),
    "proposed": Proposed(),
    "spacing": Spacing(Threshold(0.2)),
    "dilated": Dilated(block=4),
    "hierarchy": Hierarchy(0.2, 0.8),
    "density": Density(2.0),
    "dependent": Dependent(),
    "positional": Positional(block=4),
    "positional, frequencies": Positional(frequencies=FREQUENCIES),
    "informative": Informative(FREQUENCIES),
    "informative, most": Informative(FREQUENCIES, "most"),
    "spindle": Spindle(FREQUENCIES, 0.3),
    "routed": Routed(0.5),
    "bernoulli": Bernoulli(8),
    "unmask": Unmask(Remasking("rescale", 0.2)),
    "steady": Steady(0.3, 0.5),
    "consistent": Consistent(),
    "consistent, all": Consistent(all=True, warm_up=1, by="confidence"),
    "history-stable": HistoryStable(Threshold(0.6), block=3, nats=0.3, steps=2),
    "independent": Independent(0.05, 0.2, late=0.3),
    "independent, spaced": Spacing(Independent(0.2, 0.3, late=0.0)),
    "learned": Learned(keen, above=0.4),
    "learned, quota": Learned(keen, "quota"),
    "learned, chance": Learned(keen, "chance"),
    "learned, attention": Learned(shy, "quota", attention=True),
    "timed": Timed(Hyper(Annealed(3.0))),
    "planned": Planned(thirds),
    "planned, half": Planned(thirds, rate=0.5, by="entropy"),
}
MAY_WAIT = {"but one", "spindle", "timed", "unmask"}  # these may write nothing in a step
NOTES: dict[str, tuple[Observer, ...]] = {  # what the policies with a memory read
    name: (value.note,)
    for name, value in COMMITS.items()
    if isinstance(value, Bernoulli | Consistent | HistoryStable | Planned | Steady)
}

SCHEDULES: dict[str, Schedule] = {
    "linear": Linear(),
    "linear 3": Linear(3),
    "cosine 4": Cosine(4),
    "cosine": Cosine(),
    "blocks 3": Blocks(3),
    "blocks 3 in 5": Blocks(3, steps=5),
    "blocks 3 aligned": Blocks(3, aligned=True),
    "constant 3": Constant(3),
    "proportional 5": Proportional(5),
    "proportional, cosine": Proportional(7, "cosine"),
    "floor": Floor(),
    "floor 3": Floor(3),
    "sliding": Sliding(3, 5),
    "delimited": Delimited((10, 12), length=3, above=0.2, share=0.5),
    "slow-fast": SlowFast(5, explore=2, low=0.2),
    "scaled": Scaled(0.5, least=2),
    "dynamic": Dynamic(ByEntropy((1, 3, 5), 1.0)),
    "hyper": Hyper(Annealed(3.0)),
    "hyper 5": Hyper(Annealed(2.0), steps=5),
}
CLOCKS: dict[str, tuple[Observer, ...]] = {  # what the schedules with a memory read
    name: (value.note,) for name, value in SCHEDULES.items() if isinstance(value, SlowFast)
}
GROWS: dict[str, Growth] = {
    "fixed": Fixed(),
    "daedal": Daedal((STOP,), initial=2, more=2, enough=0.3, low=0.5, window=3, spare=1),
    "daedal, inserting": Daedal((STOP,), initial=2, more=3, enough=0.0, settled=1.0, low=1.0, spare=0),
    "rho-EOS": RhoEos((STOP,), initial=3, unit=1),
    "rho-EOS, confidence": RhoEos((STOP,), initial=6, unit=2, low=0.2, high=0.3, curve="linear", measure="confidence"),
}


def odd(state: State, tokens: torch.Tensor) -> torch.Tensor:
    """An energy: how many odd ids a canvas has."""
    return (tokens % 2).sum(dim=-1)


PROPOSERS: dict[str, Proposer] = {
    "best": Best(),
    "draw": Draw(),
    "kept": Kept(Draw()),
    "weighed": Weighed(odd, 3),
    "weighed, residual": Weighed(odd, 2, residual=True),
    "judged": Judged(Bigram()),
    "judged, corrected": Judged(Bigram(1), top=1, correct=True, inner=Draw()),
    "mixture": Mixture(Bigram(), reach=3),
    "mixture, drawn": Mixture(Bigram(), 0.8, inner=Draw()),
    "recomputed": Recomputed(2),
}
REVISES: dict[str, RevisePolicy] = {
    "keep": Keep(),
    "least confident": LeastConfident(count=2, below=0.9),
    "running confidence": RunningConfidence(),
    "running confidence, block": RunningConfidence(block=3),
    "remask": Remask(Remasking("loop", 0.1)),
    "remask, conf": Remask(Remasking("conf")),
    "verified": Verified(0.9),
    "verified, block": Verified(0.6, block=3, most=2),
}
EDITS: dict[str, EditPolicy] = {
    "final": Final(),
    "reconsider": Reconsider(),
    "reconsider the block": Reconsider(block=3),
    "disagree": Disagree(0.2),
    "disagree, one": Disagree(0.1, count=1),
    "surprising": Surprising(2.0),
    "surprising, one": Surprising(0.5, count=1),
    "brittle": Brittle(every=2, begin=0.0, end=1.0, candidates=3, least=0.0),
    "brittle, once": Brittle(every=3, count=2),
    "token to mask": TokenToMask(threshold=0.3, block=3),
    "token to mask, rival": TokenToMask("rival", 0.3, share=0.5, most=1, block=None),
    "token to mask, drop": TokenToMask("drop", 0.05, block=4),
}
EDIT_NOTES: dict[str, tuple[Observer, ...]] = {  # what they read
    name: (value.note,) for name, value in EDITS.items() if isinstance(value, TokenToMask)
}
STOPS: dict[str, StopRule] = {
    "never": Never(),
    "settled": Settled(0.5),
    "stable": Stable(1, 0.5),
    "prophet": Prophet(1.0, 0.7, 0.5),
    "falling": Falling(1.0, 0.3),
    "falling, linear": Falling(1.0, 0.3, "linear"),
}
COUNTS: dict[str, Counts] = {
    "likeliest": Likeliest(),
    "likeliest, per item": Likeliest(per_item=2.0, most=4),
    "rows": Rows(),
    "rows, else": Rows(otherwise=Likeliest()),
}
OBSERVERS: dict[str, Callable[[str], Observer]] = {  # for the constraint of that name
    "legal mass": lambda name: NoteLegal(),
    "hurried": lambda name: NoteHurried(),
    "canvases": lambda name: Canvases(),
    "best": lambda name: NoteBest(),
    "shifts": lambda name: NoteShifts(kept=6),
    "runners-up": lambda name: NoteConsistent(),
    "turns": lambda name: NoteTurns(8),
    "doubts": lambda name: NoteDoubts(block=3),
    "resume": lambda name: Resume(),
    "delimited": lambda name: NoteEnd(Delimited((10, 12), length=3)),
    "history": lambda name: NoteHistory(3, kept=6),
    "cycles": lambda name: NoteCycles(SlowFast(3, explore=2, low=0.2)),
    "credit": lambda name: NoteCredit(Credit(kept=4)),
    "plan": lambda name: NotePlan(Planned(thirds)),
    "evidence": lambda name: NoteEvidence(SIZE),
    "nulls": lambda name: NoteNulls({} if CONSTRAINTS[name] is None else {"all of it": table(name)}),
}
BOOKS: dict[str, tuple[Processor, ...]] = {"credit": (Credit(kept=4),)}  # processors that an observer notes for


def table(name: str) -> Table:
    """The constraint of that name over the toy vocabulary."""
    description = CONSTRAINTS[name]
    assert description is not None
    return PRIORS.get(name, Prior()).compile(description, VOCABULARY)


def bound(name: str, rows: int) -> Free | Tables:
    """The constraint of that name for so many rows, as the loop takes it."""
    return FREE if CONSTRAINTS[name] is None else Tables.same(table(name), rows)


@lru_cache(maxsize=64)  # a state is a value, and `sample` leaves its argument as it was
def hard_state(name: str, seed: int = 0) -> State:
    """Three canvases of `LENGTH` for a constraint: all open; two positions given; six positions and two of padding."""
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(LENGTH, SIZE, generator=rng).log_softmax(-1)
    tables = Tables.same(table(name), 1).tables if CONSTRAINTS[name] is not None else ()
    member = tables[0].bind(scores).map() if tables else scores[:, :STOP].argmax(dim=-1)
    written = torch.full((3, LENGTH), -1)
    for position in torch.randperm(LENGTH, generator=rng)[:2].tolist():
        written[1, position] = member[position]
    return State.blank(
        [prompt(row) for row in range(3)], LENGTH, seed=seed, written=written, lengths=[LENGTH, LENGTH, 6], pad_id=STOP
    )


def legal(name: str, data: bytes) -> bool:
    """`data` is in the language of that name, by the byte automaton and the proviso; everything is when there is no
    constraint. What is asked of tokens `tests/automata/test_narrow.py` judges."""
    description = CONSTRAINTS[name]
    return description is None or data in description.over_tokens()[0]


def toy_classifier() -> CanvasClassifier:
    """Seeded and untrained, with opinions strong enough to matter."""
    made = CanvasClassifier.untrained(VOCABULARY, ("warm", "cold"), width=5, hidden=7)
    return CanvasClassifier(made.labels, VOCABULARY, made.weights | {"embedding": 3.0 * made.embedding})


GUIDES: dict[str, Guide] = {
    "bias": Bias(TokenTable.fit([[1, 9, 11, 11]], [[2, 0, 12]], VOCABULARY)),
    "words": Words(["ab", "1"]),
    "words, everywhere": Words(["ab", "1"], once=False),
    "count": Count("[0-9]+"),
    "target": Target(Count("a"), at_least=1.5),
    "target, kl": Target(Classifier(toy_classifier(), "warm"), kl=0.5),
    "targets": Together(Target(Count("a"), exactly=1.0), Target(Count("[0-9]", share=0.2), at_most=0.1)),
    "classifier-free": ClassifierFree(1.5),
    "negative prompt": NegativePrompt("b-a"),
    "adaptive classifier-free": AdaptiveClassifierFree(1.5, share=0.5),
    "contrast": Contrast(toy(seed=1)),
    "classifier": Classifier(toy_classifier(), "warm"),
    "classifier, open": Classifier(toy_classifier(), "cold", at="open"),
    "classifier, exact": Classifier(toy_classifier(), "cold", method="exact", candidates=3),
    "reward": Reward(lambda texts: [one.count("a") - one.count("1") for one in texts], completions=6),
}

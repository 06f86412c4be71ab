"""Ways to decode that `measure.py` compares, by name: ours, and what others published.

A name may end in a number of forward passes: "exact MAP 16". Without one, it is one token a pass; "default" is as many
as the answer needs then. "preset fast_dllm:factor=1;block=16" is a preset with its knobs, and "free preset llada 8" one
without a constraint. Passes of what is called "free" are counted up to those that wrote the end token and all before.
Searches that draw do it at half a temperature; DAEDAL and rho-EOS begin with 16 positions, the canvas being the most.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch

from ctrldiff.cli.said import clock
from ctrldiff.constraints.prior import Prior
from ctrldiff.generate import Model
from ctrldiff.json_schema import JsonSchema
from ctrldiff.posterior.table import Table
from ctrldiff.sampling.commit import Anchored, CertainFree, EntropyBound, LeftToRight, Prefix, Threshold, TopK
from ctrldiff.sampling.constrain import FREE, Exact, LengthFirst
from ctrldiff.sampling.loop import Loop
from ctrldiff.sampling.plan import Plan
from ctrldiff.sampling.revise import LeastConfident
from ctrldiff.sampling.schedules import Linear
from ctrldiff.search.agree import MinimumRisk
from ctrldiff.search.gibbs import ParticleGibbs
from ctrldiff.search.medal import Medal
from ctrldiff.search.run import Search
from ctrldiff.search.voting import DVoting
from ctrldiff.state import State
from examples.compare.baselines import BASELINES, Dropped, baseline
from examples.compare.scaffold import NOTE, Scaffold
from examples.compare.slots import fill, fill_to_measure
from examples.orders.counted import decoded


@dataclass(frozen=True)
class Job:
    """A batch: texts, what is asked of each, the schema as data and as a constraint, and the length of the canvas.

    given: of each canvas the ids that are written already, -1 elsewhere; () if nothing is.
    """

    model: Model
    texts: tuple[str, ...]
    asks: tuple[str, ...]
    schemas: tuple[dict, ...]
    constraints: tuple[JsonSchema, ...]
    canvas: int
    given: tuple[tuple[int, ...], ...] = ()

    def prompts(self, note: str = "") -> list[list[int]]:
        """The ids before each canvas."""
        return [self.model.loaded.prompt_ids(text + note, ask) for text, ask in zip(self.texts, self.asks, strict=True)]

    def blank(self) -> State:
        """The canvases before the first step."""
        written = torch.tensor(self.given) if self.given else None
        return State.blank(self.prompts(), self.canvas, written=written)

    def tables(self, prior: Prior) -> tuple[Table, ...]:
        """What may be written in each row."""
        return tuple(prior.compile(one, self.model.vocabulary) for one in self.constraints)


class Answered(NamedTuple):
    """What a method wrote: the texts, and of each the passes it took and the canvases in them (see `counted.py`)."""

    texts: Sequence[bytes]
    passes: Sequence[int]
    canvases: Sequence[int]


Decode = Callable[[Job], Answered]


def looped(how: Plan, prior: Prior = Prior(), search: Search | None = None) -> Decode:
    """A method that is a plan, or a search by it."""

    def decode(job: Job) -> Answered:
        done = decoded(job.model.loaded.denoiser, how, job.blank(), job.tables(prior), search)
        texts = [job.model.vocabulary.decode(ids) for ids in done.tokens.tolist()]
        return Answered(texts, done.passes.tolist(), done.canvases.tolist())

    return decode


def growing(preset: str) -> Decode:
    """A preset whose canvas grows from 16 positions, told the model's own ends of text."""

    def decode(job: Job) -> Answered:
        plan = Plan.preset(preset, ends=job.model.loaded.spec.stop_ids, initial=16)
        return looped(plan)(job)

    return decode


def ended(how: Plan) -> Decode:
    """A plan without a constraint. Passes are those after which the end token and all before it were written; what goes
    on behind it costs nothing. For rules that ask once a step and take nothing back."""
    free = how.but(constrain=Dropped())

    def decode(job: Job) -> Answered:
        done = Loop(job.model.loaded.denoiser, free, FREE).run(job.blank())
        passes = []
        for tokens, at in zip(done.tokens.tolist(), done.held_at.tolist(), strict=True):
            end = next((n for n, token in enumerate(tokens) if token in job.model.vocabulary.stop_ids), len(tokens) - 1)
            passes.append(max(at[: end + 1]) + 1)
        return Answered([job.model.vocabulary.decode(ids) for ids in done.tokens.tolist()], passes, passes)

    return decode


def slotted(fill_in: Callable, note: str = "") -> Callable[[int | None], Decode]:
    """A method that fills the slots of a scaffold."""

    def of(steps: int | None) -> Decode:
        def decode(job: Job) -> Answered:
            scaffolds = [Scaffold.of(schema) for schema in job.schemas]
            loaded = job.model.loaded

            def encode(text: str) -> list[int]:
                return loaded.tokenizer.encode(text, add_special_tokens=False)

            done = fill_in(loaded.denoiser, job.prompts(note), scaffolds, encode, steps=steps)
            return Answered(done.texts, done.forwards, done.forwards)

        return decode

    return of


def left(commit) -> Plan:
    """The leftmost token on its own evidence, everything after it exactly, and a policy."""
    return Plan(commit=commit)


def exact(commit) -> Plan:
    """The exact posterior of the whole canvas, and a policy."""
    return Plan(Exact(), commit=commit)


OURS: Mapping[str, Decode] = {
    "left prefix .9": looped(left(Prefix(0.9))),
    "left prefix .97": looped(left(Prefix(0.97))),
    "left prefix .999": looped(left(Prefix(0.999))),
    "left own .5": looped(left(Prefix(0.99, own=0.5))),
    "left own .7": looped(left(Prefix(0.99, own=0.7))),
    "left own .9": looped(left(Prefix(0.99, own=0.9))),
    "left prefix 1": looped(left(Prefix(1.1))),
    "left anchored .99": looped(left(Anchored(0.99, 0.99))),
    "left anchored .95": looped(left(Anchored(0.95, 0.95))),
    "left null +1": looped(Plan(), Prior.null(1.0)),
    "left null +2": looped(Plan(), Prior.null(2.0)),
    "left null +3": looped(Plan(), Prior.null(3.0)),
    "left null +4": looped(Plan(), Prior.null(4.0)),
    "left null +6": looped(Plan(), Prior.null(6.0)),
    "left null -1": looped(Plan(), Prior.null(-1.0)),
    "left items +1": looped(Plan(), Prior.items(1.0)),
    "left reopen": looped(Plan(revise=LeastConfident(1, 0.5))),
    "length first prefix .99": looped(Plan(LengthFirst)),
    "exact prefix .99": looped(exact(Prefix(0.99))),
    "exact anchored .95": looped(exact(Anchored(0.95, 0.95))),
    "exact characters +.3": looped(exact(Prefix(0.99)), Prior.characters(0.3)),
    "exact threshold .9": looped(exact(Threshold(0.9))),
    "exact entropy bound .1": looped(exact(EntropyBound(0.1))),
    "exact left 16 certain free": looped(exact(LeftToRight(CertainFree(TopK()), block=16))),
    "exact left 4 threshold .9": looped(exact(LeftToRight(Threshold(0.9), block=4))),
    "DAEDAL": growing("daedal"),
    "rho-EOS": growing("rho_eos"),
    "MEDAL": looped(Plan(), search=Medal()),
    "minimum risk of five": looped(Plan.default(temperature=0.5), search=MinimumRisk(5)),
    "dVoting": looped(Plan.default(temperature=0.5), search=DVoting()),
    "particle Gibbs, 4 canvases, 3 sweeps": looped(Plan.default(temperature=0.5), search=ParticleGibbs(n=4, sweeps=3)),
}
RATED: Mapping[str, Callable[[int | None], Decode]] = {
    "default": lambda steps: looped(Plan.default(steps)),
    "free own order": lambda steps: ended(Plan.default(steps)),
    "free confidence": lambda steps: ended(Plan(schedule=Linear(steps), commit=TopK())),
    **{name: (lambda steps, name=name: looped(baseline(name, steps))) for name in BASELINES},
    "exact MAP characters +.3": lambda steps: looped(baseline("exact MAP", steps), Prior.characters(0.3)),
    "exact MAP by surprise": lambda steps: looped(replace(baseline("exact MAP", steps), commit=TopK("surprise"))),
    "exact MAP length first": lambda steps: looped(Plan(LengthFirst, Linear(steps), commit=TopK())),
    "S2": slotted(fill),
    "S3": slotted(fill, NOTE),
    "DIA": slotted(fill_to_measure),
}
USUAL = (
    "default,unconstrained,unconstrained left to right,unconstrained 16,position-wise 16,dingo 16,exact MAP 16,"
    "exact MAP 1,S2 16,S3 16,DIA 16,left anchored .95"
)


def method(name: str) -> Decode:
    """The method of that name. Raises SystemExit, with the names there are."""
    if name in OURS:
        return OURS[name]
    found = re.fullmatch(r"(free )?preset (\S+)(?: (\d+))?", name)
    if found:
        plan = clock(found[2].replace(";", ","), int(found[3]) if found[3] else None, 0.0)["plan"]
        return ended(plan) if found[1] else looped(plan)
    found = re.fullmatch(r"(.*?)(?: (\d+))?", name)
    if found and found[1] in RATED:
        return RATED[found[1]](int(found[2]) if found[2] else None)
    raise SystemExit(f"no method is called {name!r}: one of {'; '.join([*OURS, *RATED])}; preset NAME")

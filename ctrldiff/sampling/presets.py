"""Published decoders by name, with their own numbers: what each is made of. `Plan.preset(name)` makes a plan of it.

Each is its released loop, token for token and pass for pass (`tests/sampling/test_loops.py`), or in law where it draws;
what differs, and why, is in its docstring and in `docs/methods.md`. All bind the exact posterior, so they hold under
any constraint; without one they are what was published.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from inspect import signature
from types import MappingProxyType
from typing import Any, Literal

from ctrldiff.errors import InputError
from ctrldiff.protocols import Schedule
from ctrldiff.sampling.ancestral import Bernoulli, Kind, Remasking, Resume, Unmask
from ctrldiff.sampling.attention import Independent
from ctrldiff.sampling.combine import ButOne, Cap
from ctrldiff.sampling.commit import EntropyBound, Everything, Factor, Renoise, Rewrite, Threshold, TopK
from ctrldiff.sampling.constrain import DrawnAt, Exact
from ctrldiff.sampling.credit import Credit
from ctrldiff.sampling.doubts import Sign, TokenToMask
from ctrldiff.sampling.edit import Brittle, Disagree, Reconsider
from ctrldiff.sampling.grow import Daedal, RhoEos, check_ends
from ctrldiff.sampling.history import HistoryStable
from ctrldiff.sampling.orders import Frequencies, Positional, Routed
from ctrldiff.sampling.parts import Parts
from ctrldiff.sampling.processors import Cooling, Temperature, TopP
from ctrldiff.sampling.propose import Best, Draw, Kept
from ctrldiff.sampling.revise import Remask, RunningConfidence, Verified
from ctrldiff.sampling.schedules import (
    Blocks,
    ByEntropy,
    Constant,
    Delimited,
    Dynamic,
    Floor,
    Linear,
    Proportional,
    Sliding,
)
from ctrldiff.sampling.slow_fast import SlowFast
from ctrldiff.sampling.stability import Consistent, Steady
from ctrldiff.sampling.stop import NoteBest, Stable


def default(steps: int | None = None, temperature: float = 0.0) -> Parts:
    """What the front door does: `Plan.default`."""
    if _checked(temperature) > 0:
        return {**_tempered(temperature), "schedule": Linear(steps)}
    return {"schedule": Linear(steps)}


def llada(
    steps: int = 128, block: int = 32, order: Literal["confidence", "random"] = "confidence", temperature: float = 0.0
) -> Parts:
    """LLaDA (arXiv:2502.09992). Confidence is of the logits before the temperature."""
    return {**_plain(temperature), "schedule": Blocks(block, steps), "commit": TopK(order)}


def dream(
    steps: int | None = None,
    eps: float = 1e-3,
    order: Literal["entropy", "confidence", "margin", "origin"] = "entropy",
    alg_temp: float = 0.0,
    temperature: float = 0.0,
) -> Parts:
    """Dream (arXiv:2508.15487). Confidence is of the tempered logits. Its names: "maskgit_plus" is "confidence",
    "topk_margin" is "margin". steps: None is one a position; Dream's own default
    is 512, for as many. "origin" asks only in steps in which something is written, and is equal in law."""
    if order == "origin":
        chance = Bernoulli(512 if steps is None else steps, eps)
        return {**_tempered(temperature), "schedule": Linear(), "commit": chance, "observers": (chance.note,)}
    return {**_tempered(temperature), "schedule": Floor(steps, eps), "commit": TopK(order, alg_temp)}


def mdlm(steps: int = 128, eps: float = 1e-5, reuse: bool = True, temperature: float = 1.0) -> Parts:
    """MDLM's ancestral sampler (arXiv:2406.07524). With `reuse`, its prediction cache: steps in which nothing is
    written cost no pass (equal in law, for networks that are not told the time); without, one pass a step and one for
    the rest."""
    if reuse:
        chance = Bernoulli(steps, eps)
        return {**_tempered(temperature), "schedule": Linear(), "commit": chance, "observers": (chance.note,)}
    commit = Unmask(Remasking("cap", 0.0, eps))
    return {**_tempered(temperature), "schedule": Linear(steps + 1), "commit": commit, "finish": Best()}


def first_hitting(block: int | None = None, temperature: float = 1.0) -> Parts:
    """One uniformly drawn position a pass (arXiv:2409.02908), in blocks if asked for (BD3-LM, arXiv:2503.09573)."""
    return {**_tempered(temperature), "schedule": _blocks(block), "commit": TopK("random")}


def fast_dllm(threshold: float = 0.9, factor: float | None = None, block: int = 32, temperature: float = 0.0) -> Parts:
    """Fast-dLLM (arXiv:2505.22618): a threshold, or a factor (1 is the published one) in its place."""
    commit = Threshold(threshold) if factor is None else Factor(factor)
    return {**_plain(temperature), "schedule": Blocks(block), "commit": commit}


def llada2(threshold: float = 0.95, block: int = 32, edits: float | None = None, temperature: float = 0.0) -> Parts:
    """LLaDA2.0 (arXiv:2512.15745). edits: LLaDA2.1's token-to-token edits above this probability (.9 is its own)."""
    parts: Parts = {**_plain(temperature), "schedule": Blocks(block), "commit": Threshold(threshold)}
    return parts if edits is None else {**parts, "commit": Rewrite(Threshold(threshold)), "edit": Disagree(edits)}


def t2m(
    threshold: float = 0.7,
    by: Sign = "probability",
    doubt: float | None = None,
    share: float = 0.25,
    most: int = 3,
    block: int = 32,
    steps: int | None = None,
    temperature: float = 0.0,
) -> Parts:
    """Token to mask in the place of LLaDA2.1's edits (arXiv:2604.18738). doubt: None is the published threshold of each
    sign. steps: None is as many a block as it has positions, as published; a block's last one writes all of it."""
    edit = TokenToMask(by, doubt, share, most, block)
    parts: Parts = {"schedule": Blocks(block, steps), "commit": Renoise(Threshold(threshold)), "edit": edit}
    return {**_plain(temperature), **parts, "observers": (edit.note,)}


def dcd(threshold: float = 0.9, width: int = 16, reach: int = 128, temperature: float = 0.0) -> Parts:
    """Deferred commitment decoding (arXiv:2601.02076): a window that slides, and a threshold in it."""
    return {**_plain(temperature), "schedule": Sliding(width, reach), "commit": Threshold(threshold)}


def credit(
    threshold: float = 0.9,
    weight: float = 0.7,
    decay: float = 0.8,
    power: float = 0.2,
    block: int = 32,
    temperature: float = 0.0,
) -> Parts:
    """Trace credit (arXiv:2510.06133) as dInfer has it: Fast-dLLM's threshold on logits with credit."""
    traces = Credit(weight, decay, power)
    parts: Parts = {"schedule": Blocks(block), "commit": Threshold(threshold)}
    return {**_plain(temperature), **parts, "processors": (traces,), "observers": (traces.note,)}


def slowfast(
    threshold: float = 0.9,
    explore: int = 6,
    low: float = 0.3,
    window: int = 2,
    spread: float = 1.0,
    block: int = 128,
    temperature: float = 0.0,
) -> Parts:
    """SlowFast (arXiv:2506.10848), the released numbers, with the whole canvas forwarded in both phases: its code cuts
    off what stands behind the cycle in the fast one."""
    phases = SlowFast(block, explore, low, window, spread)
    parts: Parts = {"schedule": phases, "commit": Threshold(threshold), "observers": (phases.note,)}
    return {**_plain(temperature), **parts}


def ahd(
    threshold: float = 0.9,
    nats: float = 0.01,
    history: int = 6,
    decay: float = 1.0,
    block: int = 32,
    temperature: float = 0.0,
) -> Parts:
    """AHD (arXiv:2604.08964) over Fast-dLLM's threshold. decay: the published one was not to be found."""
    stable = HistoryStable(Threshold(threshold), block, nats, history, decay)
    return {**_plain(temperature), "schedule": Linear(), "commit": stable, "observers": (stable.note,)}


def dapd(
    low: float = 0.01,
    high: float = 0.05,
    late: float = 0.5,
    threshold: float = 0.9,
    block: int | None = None,
    temperature: float = 0.0,
) -> Parts:
    """DAPD (arXiv:2603.12996), for models that give their attention. low, high: a reimplementation's."""
    return {**_plain(temperature), "schedule": _blocks(block), "commit": Independent(low, high, late, threshold)}


def eb(
    gamma: float = 0.1,
    by: Literal["entropy", "confidence", "margin"] = "entropy",
    block: int | None = None,
    temperature: float = 0.0,
) -> Parts:
    """EB-Sampler (arXiv:2505.24857), in nats."""
    return {**_tempered(temperature), "schedule": _blocks(block), "commit": EntropyBound(gamma, by)}


def klass(
    threshold: float = 0.9,
    kl: float = 0.01,
    history: int = 2,
    block: int = 64,
    steps: int | None = None,
    temperature: float = 0.0,
) -> Parts:
    """KLASS (arXiv:2511.05664). No mask is left where steps readied fewer than their quota, as its code leaves them,
    and divergences are of the logits without sampling noise."""
    steady = Steady(threshold, kl, history)
    return {**_plain(temperature), "schedule": Blocks(block, steps), "commit": steady, "observers": (steady.note,)}


def ccd(
    steps: int | None = None,
    widen: float = 4.0,
    warm_up: int = 5,
    by: Literal["entropy", "confidence", "margin"] = "entropy",
    temperature: float = 0.0,
) -> Parts:
    """CCD at a fixed rate (arXiv:2512.02044). What is left at the end is written, where its code leaves masks."""
    return _consistent(False, steps, widen, warm_up, by, temperature)


def ccd_ds(
    steps: int | None = None,
    widen: float = 4.0,
    warm_up: int = 5,
    by: Literal["entropy", "confidence", "margin"] = "entropy",
    temperature: float = 0.0,
) -> Parts:
    """CCD-DS (arXiv:2512.02044): all that pass are written."""
    return _consistent(True, steps, widen, warm_up, by, temperature)


def remdm(
    kind: Kind = "cap",
    eta: float | None = None,
    steps: int = 128,
    on: float = 0.55,
    off: float = 0.05,
    alpha: float = 0.9,
    nucleus: float = 1.0,
    temperature: float = 1.0,
) -> Parts:
    """ReMDM (arXiv:2503.00307), one pass a step and one for the rest; none while a row is complete. eta: None is the
    published one of each kind. nucleus: .9 is its own for text; `processors.TopP` says what becomes of the rest."""
    published = {"cap": 0.008, "rescale": 0.015, "conf": 0.0, "loop": 0.02}
    if kind not in published:
        raise InputError(f"kind={kind!r}", hint=f"one of {', '.join(published)}", param="kind")
    rates = Remasking(kind, published[kind] if eta is None else eta, on=on, off=off, alpha=alpha)
    parts: Parts = {"schedule": Linear(steps + 1), "commit": Unmask(rates), "revise": Remask(rates), "finish": Best()}
    told: Parts = {**_tempered(temperature), **parts, "observers": (Resume(rates),)}
    if nucleus != 1:
        told["processors"] = (*told.get("processors", ()), TopP(nucleus))
    return told


def rcr(steps: int = 64, block: int = 32, temperature: float = 0.0) -> Parts:
    """RCR of MDPO (arXiv:2508.13148). Blocks that are finished stay finished, which its code reopens."""
    parts: Parts = {"schedule": Blocks(block, steps), "commit": Everything(), "revise": RunningConfidence(block)}
    return {**_tempered(temperature), **parts}


def wino(
    threshold: float = 0.6, back: float = 0.9, block: int = 128, most: int | None = None, temperature: float = 0.0
) -> Parts:
    """WINO (arXiv:2507.18578) in two calls a step: a wide draft, and held tokens verified with each hidden from itself,
    where its code has shadow rows in the step's own call. most: hide that many together, in one canvas, instead."""
    parts: Parts = {"schedule": Blocks(block), "commit": Cap(Threshold(threshold), 20, 0.7, 5)}
    return {**_plain(temperature), **parts, "revise": Verified(back, block, most)}


def core(
    steps: int = 128, every: int = 8, candidates: int = 32, count: int = 1, least: float = 0.3, temperature: float = 0.0
) -> Parts:
    """CORE (arXiv:2602.04096) over LLaDA's steps in one block. Margins are those of the step's own logits."""
    brittle = Brittle(every, candidates=candidates, count=count, least=least)
    return {**_plain(temperature), "schedule": Linear(steps), "commit": Renoise(TopK()), "edit": brittle}


def adablock(
    ends: tuple[int, ...] = (),
    length: int = 32,
    above: float = 0.3,
    share: float = 0.25,
    threshold: float = 0.9,
    temperature: float = 0.0,
) -> Parts:
    """AdaBlock (arXiv:2509.26432): Fast-dLLM's threshold in blocks that end at a sure delimiter. ends: ids of the
    delimiters, has to be given; the published one is the line break."""
    check_ends(ends, "block", 'ends=schedule.Delimited.of(model.vocabulary, b",}]").ends')
    blocks = Delimited(ends, length, above, share)
    parts: Parts = {"schedule": blocks, "commit": Threshold(threshold), "observers": (blocks.note,)}
    return {**_plain(temperature), **parts}


def ctrldiff_blocks(
    sizes: tuple[int, ...] = (4, 8, 16, 32), nats: float = 0.5, threshold: float = 0.9, temperature: float = 0.0
) -> Parts:
    """Blocks whose size the entropies ahead decide, and a threshold in them: CtrlDiff's (arXiv:2505.14455) without its
    learned policy, which `schedule.Dynamic` takes in their place. The numbers are ours: its code is not released."""
    blocks = Dynamic(ByEntropy(sizes, nats))
    parts: Parts = {"schedule": blocks, "commit": Threshold(threshold), "observers": (blocks.note,)}
    return {**_plain(temperature), **parts}


def daedal(
    ends: tuple[int, ...] = (),
    initial: int = 64,
    more: int = 8,
    block: int = 32,
    threshold: float = 0.9,
    enough: float = 0.5,
    settled: float = 0.9,
    low: float = 0.1,
    window: int = 32,
    spare: int = 16,
    temperature: float = 0.0,
) -> Parts:
    """DAEDAL (arXiv:2508.00819): the canvas grows until its end is sure, and within while it is not. ends: has to be
    given, `model.vocabulary.stop_ids`. A mean of few ends is a mean of few, where its code divides by 32."""
    grow = Daedal(ends, initial, more, enough, settled, low, window, spare)
    return {**_plain(temperature), "schedule": Blocks(block), "commit": Threshold(threshold), "grow": grow}


def rho_eos(
    ends: tuple[int, ...] = (),
    initial: int = 64,
    unit: int = 8,
    low: float = 0.4,
    high: float = 0.6,
    measure: Literal["density", "confidence"] = "density",
    block: int = 32,
    threshold: float = 0.9,
    temperature: float = 0.0,
) -> Parts:
    """rho-EOS (arXiv:2601.22527): the canvas grows and shrinks by the density of its ends. ends: has to be given,
    `model.vocabulary.stop_ids`. measure: the paper's, or what its code has in its place."""
    grow = RhoEos(ends, initial, unit, low, high, measure=measure)
    return {**_plain(temperature), "schedule": Blocks(block), "commit": Threshold(threshold), "grow": grow}


def p2(steps: int = 128, eta: float = 1.0, temperature: float = 1.0) -> Parts:
    """P2 with itself as the planner (arXiv:2502.03540). A written token is scored as it stands, not by a new draw."""
    return _routed(Proportional(steps), eta, temperature)


def rdm(steps: int = 10, rate: Literal["cosine", "linear"] = "cosine", temperature: float = 0.0) -> Parts:
    """RDM's routing (arXiv:2302.05737), as many as the rate says and not one more. Tokens are scored as they stand."""
    return _routed(Proportional(steps, rate), 1.0, temperature)


def pc(
    rate: float = 0.25,
    most: float = 10.0,
    frequencies: Frequencies | None = None,
    steps: int | None = None,
    block: int = 128,
    temperature: float = 0.0,
) -> Parts:
    """PC-Sampler (arXiv:2508.13021), with the minus sign. frequencies: of a corpus of your own; None: place and
    probability alone."""
    commit = Positional(rate, most, frequencies, block)
    return {**_plain(temperature), "schedule": Blocks(block, steps), "commit": commit}


def duo(steps: int = 128, temperature: float = 1.0) -> Parts:
    """Predictor-corrector steps for uniform noise with the greedy tail of Duo (arXiv:2506.10892): a fixed count a step
    in place of independent chances. The reverse step that keeps the very noise token it saw is not offered."""
    parts: Parts = {"schedule": Linear(steps), "edit": Reconsider(), "commit": TopK("random"), "finish": Best()}
    return {**_tempered(temperature), **parts}


def diffusion_gemma(
    steps: int = 48,
    gamma: float = 0.1,
    low: float = 0.4,
    high: float = 0.8,
    stable: int = 1,
    nats: float = 0.005,
    block: int | None = None,
) -> Parts:
    """DiffusionGemma's own `generate`: draws at a falling temperature, acceptance decided anew in every step, and the
    most probable canvas at the end. Where everything would be accepted, the least certain position is not: a row that
    is complete is not asked about again."""
    return {
        "constrain": Exact(),
        "schedule": Linear(steps) if block is None else Blocks(block, steps),
        "propose": Draw(),
        "commit": ButOne(EntropyBound(gamma)),
        "edit": Reconsider(block),
        "stop": Stable(stable, nats),
        "finish": Best(),
        "processors": (Cooling(low, high),),
        "observers": (NoteBest(),),
    }


PRESETS: Mapping[str, Callable[..., Parts]] = MappingProxyType(
    {
        preset.__name__: preset
        for preset in (
            *(adablock, ahd, ccd, ccd_ds, core, credit, ctrldiff_blocks, daedal, dapd, dcd, default, diffusion_gemma),
            *(dream, duo, eb, fast_dllm, first_hitting, klass, llada, llada2, mdlm, p2, pc, rcr, rdm, remdm, rho_eos),
            *(slowfast, t2m, wino),
        )
    }
)


def parts_of(name: str, knobs: Mapping[str, Any]) -> Parts:
    """The parts of a preset. Raises: InputError for no such preset, no such knob, or a value that is none."""
    if name not in PRESETS:
        raise InputError(f"no preset is called {name!r}", hint=f"one of {', '.join(PRESETS)}", param="name")
    known = signature(PRESETS[name]).parameters
    for knob in knobs:
        if knob not in known:
            raise InputError(f"{name} has no {knob!r}", hint=f"it has {', '.join(known)}", param=knob)
    return PRESETS[name](**knobs)


def _tempered(temperature: float) -> Parts:
    """At this temperature, certainty and draws alike; 0: the most probable."""
    if _checked(temperature) == 0:
        return {"constrain": Exact(), "propose": Best()}
    cold = () if temperature == 1 else (Temperature(temperature),)
    return {"constrain": Exact(), "propose": Draw(), "processors": cold}


def _plain(temperature: float) -> Parts:
    """Draws at this temperature, certainty of the logits as they are; 0: the most probable."""
    if _checked(temperature) in (0, 1):
        return _tempered(temperature)
    return {"constrain": DrawnAt(temperature), "propose": Draw()}


def _checked(temperature: float) -> float:
    number = isinstance(temperature, int | float) and not isinstance(temperature, bool)
    if not number or not 0 <= temperature < math.inf:
        raise InputError(f"temperature={temperature!r}: a finite number of at least 0", param="temperature")
    return temperature


def _blocks(block: int | None) -> Schedule:
    return Linear() if block is None else Blocks(block)


def _consistent(all_: bool, steps: int | None, widen: float, warm_up: int, by: Any, temperature: float) -> Parts:
    commit = Consistent(all_, widen, warm_up, by)
    parts: Parts = {"schedule": Constant(steps), "commit": commit, "observers": (commit.note,)}
    return {**_tempered(temperature), **parts}


def _routed(schedule: Schedule, eta: float, temperature: float) -> Parts:
    parts: Parts = {"schedule": schedule, "edit": Reconsider(), "commit": Routed(eta)}
    told = _tempered(temperature)
    return {**told, **parts, "propose": Kept(told["propose"])}

"""Launches for what is asked beside the strings and the marginals: canvases of which more is written, the first choice
written, ends, and what is forced. As those of `workspace.py`: nothing waits, and a second time nothing is allocated.
"""

from __future__ import annotations

import torch

from ctrldiff.posterior.gpu import given
from ctrldiff.posterior.gpu.workspace import EACH, LINE, MANY, Workspace, blocks, launch


@launch
def write(work: Workspace, tokens: torch.Tensor, keep: torch.Tensor, more: Workspace, clash: torch.Tensor) -> None:
    """Writes `tokens` (B, T) int64 where `keep` (B, T) int8 into `more`, `work.narrowed(...)`; fills (B,) int32."""
    B, T = work.written.shape
    given.write_kept[(B,)](work.written, tokens, keep, more.written, clash, T, LINE)


@launch
def write_first(
    work: Workspace, tokens: torch.Tensor, sure: torch.Tensor, mass: torch.Tensor, believed: float, more: Workspace
) -> None:
    """Writes what `work.leading` said into `more`, or where `mass` is below `believed` what the best string has there,
    of which `tokens` and `sure` then speak."""
    (B, T), V = work.written.shape, work.logits.shape[2]
    given.write_first[(B,)](
        work.logits,
        work.written,
        work.line[0],
        work.strings,
        tokens,
        sure,
        mass,
        more.written,
        believed,
        T,
        V,
        *work.logits.stride()[:2],
        work.raw,
        LINE,
    )


@launch
def weigh(
    work: Workspace, more: Workspace, own: bool, clash: torch.Tensor, weight: torch.Tensor, faults: torch.Tensor
) -> None:
    """Fills (B,) float64 with the log-probability of all strings of `more`, from its `sums`, or if not `own` with the
    weight of its best one, from its `best`; -inf where `clash`. And (B,) int32: what is wrong with a line of `work`
    that was open, or if not `own` with one of `more` that is."""
    B, T = work.written.shape
    given.close_given[(B,)](
        work.pack.meta,
        work.logits,
        work.written,
        more.written,
        work.line[0],
        (work if own else more).line[1],
        more.value if own else more.best_value,
        clash,
        weight,
        faults,
        T,
        *work.logits.stride()[:2],
        work.pack.states,
        work.raw,
        own,
        LINE,
    )


@launch
def ends(work: Workspace, out: torch.Tensor) -> None:
    """Fills (B, S) float64, the probability that the text ends in each state, from `sums`."""
    pack, (B, T) = work.pack, work.written.shape
    given.end_states[(B, blocks(pack.states, LINE))](
        pack.ints,
        pack.weights,
        pack.meta,
        work.labels[1],
        work.value,
        work.weight[0],
        out,
        B,
        T,
        pack.states,
        pack.labels,
        LINE,
    )


@launch
def forced(work: Workspace, labels: torch.Tensor, value: torch.Tensor, tokens: torch.Tensor) -> None:
    """Fills (B, T) int64: the only token that may stand there by what is written alone, or -1. `labels` (B * T, L) and
    `value` (2, B, T + 1, S) float64 are room for it; the logits are not read."""
    pack, (B, T) = work.pack, work.written.shape
    given.open_labels[(work.lines, blocks(pack.labels, MANY))](
        pack.ints, pack.meta, work.written, labels, T, pack.labels, MANY, EACH
    )
    work.sweep(pack.plain, labels, value, 2, False)
    given.only_tokens[(work.lines,)](pack.ints, pack.meta, work.written, value, tokens, B, T, pack.states, MANY, EACH)

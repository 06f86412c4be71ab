"""Posteriors as they are bound on a CUDA device, bound on the CPU: their kernels run under Triton's interpreter."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ctrldiff.posterior import row as of
from ctrldiff.posterior.arrays import fixed
from ctrldiff.posterior.chain import ChainPosterior, bind_rows
from ctrldiff.posterior.device import DeviceLogits
from ctrldiff.posterior.gpu.swept import ReadLogits, Swept
from ctrldiff.posterior.port import Port
from ctrldiff.posterior.row import ClassScores, Row
from ctrldiff.posterior.table import Table
from tests.oracles import Case, Truth


def bind(tables: Sequence[Table], x: torch.Tensor, written: np.ndarray, raw: bool = False) -> ChainPosterior:
    """What `chain.bind_rows` makes of logits on a device."""
    swept = Swept.of(tables, x, written, raw)
    assert swept is not None
    logits = ReadLogits(DeviceLogits(x), swept, tables)
    rows = [Row(ClassScores(table, logits, b, raw), fixed(written[b], np.int64)) for b, table in enumerate(tables)]
    of.reach(rows)
    return ChainPosterior(tuple(row.check() for row in rows), Port(False, x.device), swept)


def both(
    tables: Sequence[Table], x: torch.Tensor, written: np.ndarray, raw: bool = False
) -> tuple[ChainPosterior, ChainPosterior]:
    """The same by the kernels and by the host."""
    return bind(tables, x, written, raw), bind_rows(tables, x.float(), torch.from_numpy(written), raw)


def batch(cases: Sequence[tuple[Case, Table, Truth]]) -> tuple[list[Table], torch.Tensor, np.ndarray]:
    """Cases of one V and several lengths as rows: behind a canvas that is shorter, its stop is written."""
    T = max(case.length for case, _, _ in cases)
    x = np.full((len(cases), T, cases[0][0].vocabulary.size), np.nan, np.float32)  # nobody may read what is written
    written = np.empty((len(cases), T), np.int64)
    for b, (case, _, _) in enumerate(cases):
        x[b, : case.length], written[b, : case.length] = case.log_probs, case.written
        written[b, case.length :] = case.vocabulary.stop_ids[0] if case.length < T else -1
    return [table for _, table, _ in cases], torch.from_numpy(x), written


def groups(cases: Sequence[tuple[int, Case, Table, Truth]], rows: int) -> list[list[tuple[Case, Table, Truth]]]:
    """Cases that can be rows of one batch: of one V, and with stops unless all are of one length."""
    by_size: dict[tuple[int, int], list[tuple[Case, Table, Truth]]] = {}
    for _, case, table, truth in cases:
        length = 0 if case.vocabulary.stop_ids else case.length
        by_size.setdefault((case.vocabulary.size, length), []).append((case, table, truth))
    return [members[i : i + rows] for members in by_size.values() for i in range(0, len(members), rows)]

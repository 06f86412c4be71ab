"""Memory that is only allocated holds NaN and the largest integers here: who reads or hands out what nobody wrote is
found by every test, not by the one in a hundred where something lay there."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def nothing_lies_in_new_memory():
    before = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert torch.utils.deterministic.fill_uninitialized_memory and torch.empty(1).isnan().all()
    yield
    torch.use_deterministic_algorithms(before[0], warn_only=before[1])

"""A drawing of an automaton in the Graphviz language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ctrldiff.automata.dfa import Dfa


def to_dot(dfa: Dfa) -> str:
    """One node per state, double where a text may end; one arrow per pair of states, labelled with its bytes."""
    lines = ["digraph {", "  rankdir=LR", '  node [shape=circle fontname="monospace"]', '  start [shape=none label=""]']
    lines += [f"  {s} [shape=doublecircle]" for s in np.flatnonzero(dfa.accept).tolist()]
    lines.append("  start -> 0")
    table = dfa.full_table()
    for source in range(dfa.n_states):
        for target in np.unique(table[source]).tolist():
            if target >= 0:
                label = byte_names(np.flatnonzero(table[source] == target).tolist())
                escaped = label.replace("\\", "\\\\").replace('"', '\\"')
                lines.append(f'  {source} -> {target} [label="{escaped}"]')
    return "\n".join([*lines, "}"]) + "\n"


def byte_names(values: list[int]) -> str:
    """Ascending bytes for people: `a-f 0 \\x80-\\xbf`."""
    runs: list[list[int]] = []
    for value in values:
        if runs and value == runs[-1][1] + 1:
            runs[-1][1] = value
        else:
            runs.append([value, value])
    return " ".join(_name(a) if a == b else f"{_name(a)}{'-' if b > a + 1 else ' '}{_name(b)}" for a, b in runs)


def _name(byte: int) -> str:
    return chr(byte) if 0x21 <= byte <= 0x7E else f"\\x{byte:02x}"

"""python -m examples.antibodies.redesign [--designs N]: trastuzumab's heavy chain, its loops verbatim, new frameworks.

Three ways to write it with one model: freely; with the loops and the cysteines in their places; and besides without
any liability that a framework has a part in (N-glycosylation N[^P][ST], deamidation NG, isomerisation DG, a free
cysteine), which is a matter of the constraint and not of luck. The fourth leans towards soluble sequences by a reward.
"""

from __future__ import annotations

import argparse
import re
import statistics
from collections.abc import Sequence

import torch

import ctrldiff as cd
from examples.antibodies.sapiens import FIRST, RESIDUES, load

PARENT = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFT"
    "ISADTSKNTAYLQMNSLRAEDTAVYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
LOOPS = ("GFNIKDTY", "IYPTNGYT", "SRWGGDGFYAMDY")  # CDR 1 to 3 as IMGT counts them
MOTIFS = {"N-glycosylation": "N[^P][ST]", "deamidation": "NG", "isomerisation": "DG"}
# Kyte and Doolittle 1982: higher is more hydrophobic.
HYDROPATHY = dict(
    zip(
        "ARNDCQEGHILKMFPSTWYV",
        [
            1.8,
            -4.5,
            -3.5,
            -3.5,
            2.5,
            -3.5,
            -3.5,
            -0.4,
            -3.2,
            4.5,
            3.8,
            -3.9,
            1.9,
            2.8,
            -1.6,
            -0.8,
            -0.7,
            -0.9,
            -1.3,
            4.2,
        ],
    )
)


def in_loop(sequence: str = PARENT, loops: Sequence[str] = LOOPS) -> list[bool]:
    """Of each position, whether it belongs to a binding loop."""
    inside = [False] * len(sequence)
    for loop in loops:
        begin = sequence.index(loop)
        inside[begin : begin + len(loop)] = [True] * len(loop)
    return inside


def placed() -> str:
    """The pattern of sequences with the loops and the framework's cysteines where they are, and no other cysteine."""
    other = f"[{RESIDUES.replace('C', '')}]"
    return "".join(c if loop or c == "C" else other for c, loop in zip(PARENT, in_loop()))


def redesigned() -> cd.Automaton:
    """`placed`, without a motif that a framework residue is part of; within a loop they stay, for it is verbatim."""
    inside, legal = in_loop(), cd.Regex(placed()).dfa()
    for motif in MOTIFS.values():
        width = 3 if "[" in motif else 2
        for t in range(len(PARENT) - width + 1):
            if not all(inside[t : t + width]):
                legal = legal - cd.Regex(f".{{{t}}}{motif}.*").dfa()
    return cd.Automaton(legal)


def liabilities(sequence: str) -> int:
    """Motifs that a framework residue is part of, and cysteines without a partner, counted without the constraint."""
    inside, found = in_loop(), 0
    for motif in MOTIFS.values():
        for match in re.finditer(f"(?=({motif}))", sequence):
            found += not all(inside[match.start() : match.start() + len(match[1])])
    return found + sum(c == "C" and p != "C" for c, p in zip(sequence, PARENT))


def soluble(sequences: list[str]) -> list[float]:
    """Minus the mean hydropathy: higher is more soluble."""
    return [-statistics.mean(HYDROPATHY[c] for c in sequence) for sequence in sequences]


def human(model: cd.Model, sequences: Sequence[str]) -> list[float]:
    """Sapiens' own score: the mean probability of each residue of a sequence that it is shown whole."""
    ids = torch.tensor([[FIRST + RESIDUES.index(c) for c in sequence] + [2] for sequence in sequences])
    chances = model.loaded.denoiser.network(ids).softmax(dim=-1)
    return chances.gather(2, ids[..., None])[:, :-1, 0].mean(dim=1).tolist()


def designs(model: cd.Model, constraint: object, count: int, **how: object) -> list[str]:
    """So many different draws at temperature 1."""
    draws = {"temperature": 1.0, "max_new_tokens": len(PARENT) + 1, **how}
    return [model("", constraint, seed=seed, **draws).raw for seed in range(count)]


def main() -> None:
    """Print a row for each way."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--designs", type=int, default=24)
    count, model = parser.parse_args().designs, load("vh")
    free = cd.Regex(f"[{RESIDUES}]{{{len(PARENT)}}}")
    steered = {"search": cd.search.BestOfN(soluble, n=4)}
    ways = {
        "freely": designs(model, free, count),
        "loops in their places": designs(model, cd.Regex(placed()), count),
        "and no liabilities": designs(model, redesigned(), count),
        "and soluble, best of 4": designs(model, redesigned(), count, **steered),
        "the parent": [PARENT],
    }
    print("| | loops verbatim | liabilities a design | without any | as the parent | Sapiens | hydropathy |")
    print("|---|---:|---:|---:|---:|---:|---:|")
    for way, found in ways.items():
        kept = statistics.mean(
            all(d[i] == p for i, (p, loop) in enumerate(zip(PARENT, in_loop())) if loop) for d in found
        )
        bad = [liabilities(one) for one in found]
        same = statistics.mean(statistics.mean(a == b for a, b in zip(one, PARENT)) for one in found)
        score, dry = statistics.mean(human(model, found)), -statistics.mean(soluble(found))
        none = statistics.mean(not one for one in bad)
        print(
            f"| {way} | {kept:.0%} | {statistics.mean(bad):.2f} | {none:.0%} | {same:.0%} | {score:.2f} | {dry:.2f} |"
        )


if __name__ == "__main__":
    main()

"""Antibody frameworks: what the constraint leaves out, without a model; and with Sapiens where its wheel is."""

import os
import random
import sys

import pytest
import torch

import ctrldiff as cd
from examples.antibodies import sapiens
from examples.antibodies.redesign import LOOPS, PARENT, designs, human, in_loop, liabilities, redesigned, soluble
from tests.engines.wheels import FOLDER

if FOLDER and os.path.isdir(FOLDER):
    sys.path.append(FOLDER)
needs_weights = pytest.mark.skipif(sapiens.weights() is None, reason="pip install --no-deps sapiens==1.0.5")
pytestmark = pytest.mark.slow


def test_the_parent_is_legal_and_each_liability_is_not_unless_it_is_a_loops_own():
    whole = redesigned()
    assert PARENT in whole and liabilities(PARENT) == 0 and "NG" in PARENT and "DG" in PARENT  # in its loops
    for at, motif in ((5, "NG"), (5, "DG"), (5, "NAT"), (5, "NQS"), (5, "C")):
        changed = PARENT[:at] + motif + PARENT[at + len(motif) :]
        assert changed not in whole and liabilities(changed) == 1
    assert PARENT[:5] + "NPT" + PARENT[8:] in whole  # proline forbids the sugar
    begin = PARENT.index(LOOPS[0])
    assert PARENT[: begin - 1] + "N" + PARENT[begin:] not in whole  # across the border: N and the loop's G
    assert PARENT.replace(LOOPS[2], "A" * len(LOOPS[2])) not in whole
    assert PARENT + "A" not in whole and PARENT[:-1] not in whole


def test_the_constraint_and_the_count_agree_on_random_frameworks():
    rng, whole, clean = random.Random(0), redesigned().dfa(), 0
    inside = in_loop()
    for _ in range(400):
        kept = [loop or c == "C" or rng.random() < 0.8 for c, loop in zip(PARENT, inside)]
        text = "".join(c if keep else rng.choice("NGDSTPA") for c, keep in zip(PARENT, kept))
        assert (text in whole) == (liabilities(text) == 0)
        clean += liabilities(text) == 0
    assert 50 < clean < 350


@needs_weights
def test_the_weights_are_those_that_were_trained():
    """A masked residue of a human framework is guessed, and a shuffled sequence is worth less."""
    model = sapiens.load("vh")
    positions = [t for t, loop in enumerate(in_loop()) if not loop]
    shown = torch.tensor([[sapiens.FIRST + sapiens.RESIDUES.index(c) for c in PARENT] + [sapiens.STOP]])
    rows = shown.repeat(len(positions), 1)
    rows[range(len(positions)), positions] = sapiens.MASK
    logits = model.loaded.denoiser.network(rows)[range(len(positions)), positions]
    right = logits.argmax(dim=-1) == shown[0, positions]
    assert right.float().mean() > 0.8
    shuffled = "".join(random.Random(1).sample(PARENT, len(PARENT)))
    parent, other = human(model, [PARENT, shuffled])
    assert parent > 0.7 > 0.6 > other


@needs_weights
@pytest.mark.parametrize("chain", ["vh", "vl"])
def test_both_chains_load(chain):
    assert sapiens.load(chain)("", cd.Regex("[A-Z]{6}")).raw.isalpha()


@needs_weights
def test_a_design_keeps_its_loops_and_has_no_liability():
    model, whole = sapiens.load("vh"), redesigned()
    (one,) = designs(model, whole, 1)
    assert one in whole and all(loop in one for loop in LOOPS) and liabilities(one) == 0 and one != PARENT
    assert len(one) == len(PARENT) and soluble([one]) != soluble([PARENT])

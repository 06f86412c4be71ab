"""What each query of the posterior costs: 128 positions of 131,072 tokens, beside a plain maximum of the same logits.

One thread, medians of processor time; the maximum (numpy's and torch's) is the floor of anything that reads all logits
once.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from ctrldiff.automata.compile import compile_expression
from ctrldiff.posterior import row as of
from ctrldiff.posterior.chain import ChainPosterior
from ctrldiff.posterior.table import Table
from ctrldiff.regex.parse import parse
from ctrldiff.sampling.constrain import LeftmostFirst, Tables
from ctrldiff.state import State
from ctrldiff.tokens.token_automaton import lift
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks.measure import in_turns
from tests.benchmarks.record import Record

STRING = r'"(?:[ !#-\[\]-~]|\\["\\/bfnrt]){0,24}"'
NUMBER = r"-?(?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,4})?"
DATE = r'"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"'
ITEM = rf'\{{"label":{STRING},"count":(?:0|[1-9][0-9]{{0,3}}),"price":{NUMBER}\}}'
PATTERN = (
    rf'\{{"invoice":{STRING},"date":{DATE},"seller":{STRING},"buyer":(?:null|{STRING}),'
    rf'"currency":"(?:EUR|USD|GBP|CHF)","total":{NUMBER},"paid":(?:true|false),'
    rf'"items":\[(?:{ITEM}(?:,{ITEM})?)?\],"note":(?:null|{STRING})\}}'
)


def tekken_rows() -> list[bytes | None]:
    """131,072 rows, from the tokenizer file that mistral-common carries; None for its special tokens."""
    import mistral_common

    data = json.loads((Path(mistral_common.__file__).parent / "data" / "tekken_240911.json").read_text())
    special, size = data["config"]["default_num_special_tokens"], data["config"]["default_vocab_size"]
    return [None] * special + [base64.b64decode(row["token_bytes"]) for row in data["vocab"][: size - special]]


def tekken() -> Vocabulary:
    """The vocabulary of these rows."""
    return Vocabulary.from_tokens(tekken_rows(), stop_ids=[2])


def queries(table: Table, logits: np.ndarray) -> dict[str, Callable[[], object]]:
    """Each query, from logits to answer, nothing kept from a query before."""

    def bound() -> ChainPosterior:
        return table.bind(logits)

    def reduced(log_sum: bool) -> object:
        rows = bound().rows
        return of.class_sum(rows) if log_sum else of.every_max(rows)

    tensor = torch.from_numpy(logits)
    canvas = State.blank([[]], len(logits))

    def default_step() -> object:
        posterior = LeftmostFirst(Tables((table,))).bind(tensor[None], canvas)
        tokens = posterior.map()
        return posterior.confidence(tokens)

    return {
        "numpy max": lambda: logits.max(axis=1),
        "torch amax": lambda: tensor.amax(dim=1),
        "torch logsumexp": lambda: tensor.logsumexp(dim=1),
        "bind": bound,
        "class max": lambda: reduced(False),
        "class logsumexp": lambda: reduced(True),
        "map": lambda: bound().map(),
        "map(4)": lambda: bound().map(4),
        "log_z": lambda: bound().log_z(),
        "sample": lambda: bound().sample(seed=0),
        "entropy and margin": lambda: bound().entropy(),
        "marginals": lambda: bound().marginals(),
        "a step of the default preset": default_step,
    }


def records(quick: bool) -> Iterator[Record]:
    """A row for each query."""
    torch.set_num_threads(1)
    vocabulary = tekken()
    table = Table(lift(compile_expression(parse(PATTERN)), vocabulary), vocabulary)
    rng = np.random.default_rng(0)
    logits = rng.standard_normal((64 if quick else 128, vocabulary.size), dtype=np.float32) * 3
    logits -= np.log(np.exp(logits).sum(axis=1, keepdims=True))
    yield from in_turns(queries(table, logits), 3 if quick else 7, "torch amax")

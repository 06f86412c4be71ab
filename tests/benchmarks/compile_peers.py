"""From a pattern or a schema to what a decoder can use, over the 131,072 tokens of Tekken, beside four peers.

ours: the finished token tables. outlines-core: an `Index` (of a schema: of its own regular expression). xgrammar: a
compiled grammar, and its first mask, since some of its work is done lazily. llguidance: a matcher and its first mask:
it compiles while it decodes, so that later masks cost more than ours do. interegular: a reduced automaton over
characters, no vocabulary at all (patterns only). Each runs in children of one parent that has made every vocabulary;
processor time, and growth of the resident size. They do not enforce the same: what outlines-core drops from schemas
and where the peers judge otherwise is in the page on other compilers.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import interegular
import outlines_core
from outlines_core.json_schema import build_regex_from_schema

from ctrldiff.constraints.basic import Regex
from ctrldiff.json_schema import JsonSchema
from ctrldiff.tokens.vocabulary import Vocabulary
from tests.benchmarks import default_step, patterns
from tests.benchmarks.child import Cost, cost
from tests.benchmarks.compiled_types import forget
from tests.benchmarks.measure import Absent
from tests.benchmarks.patterns import MEASURED, tekken_tokens
from tests.benchmarks.record import Record

ROWS = 131_072
TIMEOUT_S = 5
INVOICE = Path(__file__).parents[2] / "examples" / "invoice.schema.json"
SCHEMAS: dict[str, Any] = {
    "schema: person, flat": patterns.PERSON,
    "schema: person, nested": default_step.PERSON,
    "schema: invoice": json.loads(INVOICE.read_text(encoding="utf-8")),
}
Ways = dict[str, Callable[[], object]]


class Peers:
    """Every package with Tekken's vocabulary, made once."""

    def __init__(self) -> None:
        try:
            import llguidance
            import xgrammar
        except ImportError as error:
            raise Absent(f"{error.name} is not installed") from None
        self.xgr, self.llg = xgrammar, llguidance
        tokens = tekken_tokens()
        stop = len(tokens)
        filled = [*tokens, *(b"<%d>" % i for i in range(ROWS - stop))]
        self.vocabulary = Vocabulary.from_tokens([*tokens, *[None] * (ROWS - stop)], stop_ids=[stop])
        ids: dict[bytes, list[int]] = {}
        for i, token in enumerate(tokens):
            ids.setdefault(token, []).append(i)
        self.outlines = outlines_core.Vocabulary(stop, ids)
        info = xgrammar.TokenizerInfo(filled, vocab_type=xgrammar.VocabType.RAW, stop_token_ids=[stop])
        self.compiler = xgrammar.GrammarCompiler(info, cache_enabled=False, max_threads=1)
        self.size = info.vocab_size
        self.tokenizer = llguidance.LLTokenizer(llguidance.TokenizerWrapper(_Tokens(filled, stop)))

    def masked(self, compiled: Any) -> str:
        """xgrammar's first mask."""
        mask = self.xgr.allocate_token_bitmask(1, self.size)
        self.xgr.GrammarMatcher(compiled).fill_next_token_bitmask(mask)
        return ""

    def guided(self, grammar: Callable[[], str]) -> str:
        """llguidance's matcher and first mask."""
        matcher = self.llg.LLMatcher(self.tokenizer, grammar())
        if matcher.is_error():
            raise ValueError(matcher.get_error().splitlines()[0])
        return str(len(matcher.compute_bitmask()))

    def of_pattern(self, pattern: str) -> Ways:
        """Each package's way from a pattern."""
        return {
            "ours": lambda: Regex(pattern).compile(self.vocabulary),
            "outlines-core": lambda: outlines_core.Index(pattern, self.outlines) and "",
            "xgrammar": lambda: self.compiler.compile_regex(pattern) and "",
            "xgrammar, first mask too": lambda: self.masked(self.compiler.compile_regex(pattern)),
            "llguidance, first mask too": lambda: self.guided(lambda: self.llg.LLMatcher.grammar_from_regex(pattern)),
            "interegular, no vocabulary": lambda: len(interegular.parse_pattern(pattern).to_fsm().reduce().states),
        }

    def of_schema(self, schema: Any) -> Ways:
        """Each package's way from a JSON Schema."""
        text = json.dumps(schema)
        return {
            "ours": lambda: JsonSchema(text).compile(self.vocabulary),
            "outlines-core": lambda: outlines_core.Index(build_regex_from_schema(text), self.outlines) and "",
            "xgrammar": lambda: self.compiler.compile_json_schema(text) and "",
            "xgrammar, first mask too": lambda: self.masked(self.compiler.compile_json_schema(text)),
            "llguidance, first mask too": lambda: self.guided(
                lambda: self.llg.LLMatcher.grammar_from_json_schema(text)
            ),
        }


class _Tokens:
    """What llguidance wants to know of a tokenizer: it falls back to its own byte-wise one."""

    def __init__(self, tokens: list[bytes], stop: int) -> None:
        self.tokens, self.eos_token_id, self.bos_token_id = tokens, stop, None
        self.special_token_ids = list(range(stop, len(tokens)))
        self.ids = {token: i for i, token in reversed([*enumerate(tokens)])}

    def __call__(self, text: bytes) -> list[int]:
        return [self.ids[bytes([byte])] for byte in text]


def records(quick: bool) -> Iterator[Record]:
    """A row for each pattern and schema."""
    os.environ["CTRLDIFF_CACHE"] = ""
    peers = Peers()
    Regex("(a|é){1,3}").compile(peers.vocabulary), JsonSchema({"type": "number"}).compile(peers.vocabulary)  # warm
    measured = {name: MEASURED[name] for name in ("date and time", "email", "json string")} if quick else MEASURED
    rows = {name: peers.of_pattern(pattern) for name, pattern in measured.items()}
    rows |= {name: peers.of_schema(schema) for name, schema in SCHEMAS.items()}
    for of, ways in rows.items():
        mine: Cost | None = None
        for name, way in ways.items():
            found = cost(way, 3 if quick else 5, TIMEOUT_S, prepare=forget)
            mine = mine or found
            yield found.record(name, ("ours", mine), of=of)

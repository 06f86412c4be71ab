"""Two other compilers of JSON Schema as oracles, llguidance and XGrammar, and why they and we disagree.

Each reads the same schema over a vocabulary of single bytes and is asked about the same canonical text. A disagreement
has a reason, which is found by trying and so holds by construction:

- `accepts an invalid one: drops KEYWORD`: without that keyword (or those two) jsonschema-rs calls the instance valid;
- `refuses a valid one: KEYWORD`: without that keyword the peer accepts it;
- `refuses a valid one: its own spacing`: with spaces after commas, which it wants in untyped values, it accepts it;
- `refuses a valid one: another order of properties`: in another order the peer accepts it;
- `narrowed here: HOW`: it is valid, we do not write it, and `JsonSchema.report` says so;
- `... unexplained`: none of these.

`schema_peers.json` holds them all, so that a new disagreement fails the tests and is looked at. To write it anew:
`python -m tests.constraints.peers`.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import jsonschema_rs

from ctrldiff.errors import ConstraintError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.canonical import value_text
from ctrldiff.json_schema.keywords import KEYWORDS

CORPORA = Path(os.environ.get("CTRLDIFF_CORPORA", "../shared/corpora"))
SUITE, BENCH = CORPORA / "json_schema_test_suite_2020_12.jsonl.gz", CORPORA / "jsonschemabench_sample.jsonl.gz"
TRIAGE = Path(__file__).with_name("schema_peers.json")
EVERY = 20  # one schema in so many of the sample of JSONSchemaBench
COMPACT = {"whitespace_flexible": False, "item_separator": ",", "key_separator": ":"}
SPEAKING = {
    row.name for row in KEYWORDS.values() if row.role in ("asserts", "applies", "refers") and row.beside in ("", "if")
}
Accepts = Callable[[str], bool]
Entry = tuple[str, Any, list[dict[str, Any]]]  # name, schema, tests


def llguidance(schema: Any) -> Accepts | None:
    """What llguidance accepts, byte by byte; None if it refuses the schema."""
    from llguidance import LLMatcher, LLTokenizer

    tokenizer = LLTokenizer("byte")
    spelled = {**schema, "x-guidance": COMPACT} if isinstance(schema, dict) else schema
    grammar = LLMatcher.grammar_from_json_schema(json.dumps(spelled))
    if LLMatcher.validate_grammar(grammar, tokenizer):
        return None
    matcher = LLMatcher(tokenizer, grammar)

    def accepts(text: str) -> bool:
        data = list(text.encode())
        matcher.reset()
        return matcher.try_consume_tokens(data) == len(data) and matcher.is_accepting()

    return accepts


def xgrammar(schema: Any) -> Accepts | None:
    """What XGrammar accepts in its compact spelling; None if it refuses the schema."""
    import xgrammar as xgr

    vocabulary = [*(bytes([byte]) for byte in range(256)), "</s>"]
    info = xgr.TokenizerInfo(vocabulary, vocab_type=xgr.VocabType.RAW, stop_token_ids=[256])
    compiler = xgr.GrammarCompiler(info, cache_enabled=False, max_threads=1)
    how: dict[str, Any] = {"any_whitespace": False, "separators": (",", ":"), "strict_mode": False}
    try:
        grammar = compiler.compile_json_schema(json.dumps(schema), **how)
    except RuntimeError:
        return None

    def accepts(text: str) -> bool:
        matcher = xgr.GrammarMatcher(grammar)
        return matcher.accept_string(text) and matcher.accept_token(256)

    return accepts


PEERS = {"llguidance": llguidance, "xgrammar": xgrammar}


def entries() -> Iterator[Entry]:
    """The suite without `optional/`, then the part of the sample."""
    with gzip.open(SUITE, "rt", encoding="utf-8") as lines:
        for group in map(json.loads, lines):
            if not group["file"].startswith("optional"):
                yield f"{group['file']}: {group['description']}", group["schema"], group["tests"]
    with gzip.open(BENCH, "rt", encoding="utf-8") as lines:
        for number, entry in enumerate(map(json.loads, lines)):
            if number % EVERY == 0:
                yield entry["name"], entry["schema"], entry["tests"]


def disagreements(entry: Entry, compared: Counter[str]) -> Iterator[tuple[str, str, str]]:
    """(peer, test, reason) for each instance that we judge otherwise; what both can read is counted in `compared`."""
    name, schema, tests = entry
    ours = JsonSchema(schema, additional="any")
    try:
        ours.dfa()
    except ConstraintError:
        return
    for peer, compiled in PEERS.items():
        accepts = compiled(schema)
        if accepts is None:
            continue
        for number, test in enumerate(tests):
            compared[peer] += 1
            text = ours.canonical(test["data"])
            if accepts(text) != (text in ours):
                yield peer, f"{name}, test {number}", _reason(ours, schema, test, text, compiled)


def _reason(ours: JsonSchema, schema: Any, test: Any, text: str, compiled: Any) -> str:
    if text in ours and not test["valid"]:
        return "WRONG HERE"
    if not test["valid"]:
        keyword = _blamed(schema, lambda less: jsonschema_rs.validator_for(less).is_valid(test["data"]))
        return f"accepts an invalid one: {'drops ' + keyword if keyword else 'unexplained'}"
    if text not in ours:
        how = [how for _, how in ours.report().narrowed]
        formats = "formats are enforced" if "format" in dict(ours.report().enforced) else "unexplained"
        return f"narrowed here: {how[0] if how else formats}"
    accepts = compiled(schema)
    if accepts(_spaced(test["data"])) or accepts(_spaced_within(test["data"])):
        return "refuses a valid one: its own spacing"
    if isinstance(test["data"], dict) and len(test["data"]) < 6:
        orders = [dict(order) for order in permutations(test["data"].items())]
        if any(accepts(canonical) or accepts(_spaced(one)) for one in orders if (canonical := value_text(one))):
            return "refuses a valid one: another order of properties"
    keyword = _blamed(
        schema, lambda less: bool((other := compiled(less)) and (other(text) or other(_spaced(test["data"]))))
    )
    return f"refuses a valid one: {keyword or 'unexplained'}"


def _spaced(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(", ", ":"))


def _spaced_within(value: Any) -> str:
    """An object as compact as its schema is written, and what no schema speaks of spaced."""
    if not isinstance(value, dict):
        return _spaced(value)
    return "{" + ",".join(f"{json.dumps(name)}:{_spaced(of)}" for name, of in value.items()) + "}"


def _blamed(schema: Any, mended: Callable[[Any], bool]) -> str | None:
    """The first keyword, or two of them, without which `mended` holds."""
    keywords = sorted(_keys(schema) & SPEAKING)
    for dropped in [*combinations(keywords, 1), *combinations(keywords, 2)]:
        less = schema
        for keyword in dropped:
            less = _without(less, keyword)
        try:
            if mended(less):
                return " and ".join(dropped)
        except (ValueError, jsonschema_rs.ReferencingError):
            continue
    return None


def _keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*map(_keys, value.values()))
    return set().union(*map(_keys, value)) if isinstance(value, list) else set()


def _without(value: Any, keyword: str) -> Any:
    if isinstance(value, dict):
        return {k: _without(v, keyword) for k, v in value.items() if k != keyword}
    return [_without(v, keyword) for v in value] if isinstance(value, list) else value


def main() -> None:
    """Write the file, and print how often each reason occurs."""
    compared: Counter[str] = Counter()
    found: dict[str, dict[str, str]] = {peer: {} for peer in PEERS}
    for entry in entries():
        for peer, test, reason in disagreements(entry, compared):
            found[peer][test] = reason
    TRIAGE.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for peer, tests in found.items():
        print(f"{peer}: {compared[peer]} compared, {len(tests)} judged otherwise")
        for reason, times in Counter(tests.values()).most_common():
            print(f"  {times:4}  {reason}")


if __name__ == "__main__":
    main()

"""Random schemas of every draft, instances of them, and what validators say against how we judge a text."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import jsonschema
import jsonschema_rs
import numpy as np

from ctrldiff.constraints.description import obeys
from ctrldiff.errors import CtrldiffError
from ctrldiff.json_schema import JsonSchema
from ctrldiff.json_schema.keywords import DRAFTS, KEYWORDS
from ctrldiff.limits import Limits

LIMITS = Limits(max_steps=8_000_000)  # a random schema that blows up should do so early
LONG_NUMBER = re.compile(r"[\d.]{16}")  # validators read numbers as doubles, which round these
VALIDATORS: dict[str, Any] = {
    "draft-04": jsonschema_rs.Draft4Validator,
    "draft-06": jsonschema_rs.Draft6Validator,
    "draft-07": jsonschema_rs.Draft7Validator,
    "2019-09": jsonschema_rs.Draft201909Validator,
    "2020-12": jsonschema_rs.Draft202012Validator,
}
OTHERS: dict[str, Any] = {
    "draft-04": jsonschema.Draft4Validator,
    "draft-06": jsonschema.Draft6Validator,
    "draft-07": jsonschema.Draft7Validator,
    "2019-09": jsonschema.Draft201909Validator,
    "2020-12": jsonschema.Draft202012Validator,
}


# ---- what is judged


@dataclass(frozen=True)
class SchemaCase:
    """A schema in a draft, how we are to write it, and a text."""

    draft: str
    schema: Any
    text: str
    additional: str = "any"

    def smaller(self) -> Iterator[SchemaCase]:
        """The same with a part of the schema or of the text left out, or made simpler."""
        for schema in simpler(self.schema):
            if isinstance(schema, dict | bool):
                yield SchemaCase(self.draft, schema, self.text, self.additional)
        try:
            values = list(simpler(read(self.text)))
        except ValueError:
            values = []
        texts = [json.dumps(value, ensure_ascii=False, separators=(",", ":")) for value in values]
        yield from (SchemaCase(self.draft, self.schema, text, self.additional) for text in texts)

    @property
    def size(self) -> int:
        return len(json.dumps(self.schema)) + len(self.text)

    def fault(self) -> str:
        """What is wrong; "" if nothing is."""
        return Judged(self.draft, self.schema, self.additional).fault(self.text)


class Judged:
    """One schema, compiled by us and read by validators.

    Fields: dfa: None where we refuse it.   untyped: how compiling ended, if by no error of ours.
    """

    def __init__(self, draft: str, schema: Any, additional: str = "any") -> None:
        self.described = JsonSchema(schema, additional=additional, draft=draft)  # type: ignore[arg-type]
        self.draft, self.schema, self.dfa = draft, schema, None
        self.untyped = self.refused = ""
        try:
            self.dfa = self.described.dfa(LIMITS)
            self.proviso = self.described.proviso(LIMITS)
        except CtrldiffError as error:
            self.refused = str(error)
        except Exception as error:
            self.untyped = f"ends in {type(error).__name__}"
        try:
            self.valid: Callable[[Any], bool] | None = VALIDATORS[draft](schema, validate_formats=True).is_valid
        except (ValueError, jsonschema_rs.ReferencingError):
            self.valid = None

    def accepts(self, text: str) -> bool:
        return self.dfa is not None and text in self.dfa and obeys(self.proviso, text)

    def fault(self, text: str) -> str:
        """What is wrong with how we judge a text; "" if nothing is, or where nobody can say."""
        if self.untyped or self.dfa is None:
            return self.untyped
        if self.valid is None:
            return "builds what no validator reads" if self.accepts(text) else ""
        accepted = self.accepts(text)
        try:
            value = read(text)
        except ValueError as error:
            return f"accepts {error}" if accepted else ""
        if LONG_NUMBER.search(text):
            return ""
        canonical = self.described.canonical(value)
        if accepted and not self.accepts(canonical):
            return "accepts a text and not its canonical spelling"
        value = json.loads(canonical)
        accepted = self.accepts(canonical)
        if accepted == self.valid(value) or (not accepted and self.described.report().narrowed):
            return ""
        other = OTHERS[self.draft](self.schema, format_checker=jsonschema.FormatChecker(["date", "ipv4"]))
        try:
            if other.is_valid(value) == accepted:
                return ""  # the validators do not agree
        except Exception:  # it stumbles over references and patterns that the first one reads
            pass
        return "accepts what is invalid" if accepted else "refuses what is valid, and report() does not say so"


def read(text: str) -> Any:
    """The value of a text. Raises ValueError for what is no JSON, a key twice and numbers beyond a float's range."""
    return json.loads(text, object_pairs_hook=_once, parse_constant=_refused, parse_float=_finite)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def _refused(word: str) -> None:
    raise ValueError(word)


def _finite(spelled: str) -> float:
    if math.isinf(float(spelled)):
        raise ValueError("infinity")
    return float(spelled)


def simpler(value: Any) -> Iterator[Any]:
    """Every value that is this one with one part left out, put in the place of the whole, or made simpler."""
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
        yield from value.values()
        for key, part in value.items():
            yield from ({**value, key: one} for one in simpler(part))
    elif isinstance(value, list):
        for n in range(len(value)):
            yield value[:n] + value[n + 1 :]
        yield from value
        for n, part in enumerate(value):
            yield from ([*value[:n], one, *value[n + 1 :]] for one in simpler(part))
    elif isinstance(value, str) and value:
        yield from ("", value[1:], value[:-1])
    elif isinstance(value, int | float) and not isinstance(value, bool) and value not in (0, 1):
        yield from (0, 1, int(value))


# ---- random schemas

NAMES = ["a", "b", "ab", "c", "", "é", "a/b~"]
ATOMS = [None, True, False, 0, 1, -1, 2, 3, 6, 1.5, 0.1, 100, "", "a", "b", "ab", "abc", "c", "é", "1", "2024-02-29"]
PATTERNS = ["^a", "b$", "c", "^[ab]+$", "^.{2}$", r"\d", r"^\w$", "^(a|é)*$", "a(?=b)"]
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]
ROOT = "http://example.com/root"


@dataclass
class Maker:
    """Makes one random schema of a draft after another; `used` counts the keywords that went in."""

    rng: random.Random
    draft: str
    used: Counter[str] = field(default_factory=Counter)
    foreign: float = 0.04  # how often a keyword of another draft is put in

    def __post_init__(self) -> None:
        self.newest = self.draft >= "2020" and self.draft.startswith("20")
        self.modern = self.draft.startswith("20")
        self.makes: dict[str, Callable[[int], Any]] = {
            "type": lambda _: self.rng.choice([self.rng.choice(TYPES), self.rng.sample(TYPES, 2)]),
            "enum": lambda _: self.rng.sample(ATOMS, self.rng.randint(1, 4)),
            "const": lambda _: self.rng.choice([*ATOMS, [1], {"a": 1}]),
            "not": self.here,
            "minLength": self.size,
            "maxLength": self.size,
            "pattern": lambda _: self.rng.choice(PATTERNS),
            "format": lambda _: self.rng.choice(["date", "ipv4", "no-such-format"]),
            "minimum": self.number,
            "maximum": self.number,
            "multipleOf": lambda _: self.rng.choice([1, 2, 3, 0.5, 1.5, 0.1, 0.25]),
            "exclusiveMinimum": self.exclusive,
            "exclusiveMaximum": self.exclusive,
            "items": self.items,
            "prefixItems": self.list_below,
            "additionalItems": self.below,
            "unevaluatedItems": self.below,
            "contains": self.below,
            "uniqueItems": lambda _: self.rng.random() < 0.8,
            "properties": self.named,
            "required": lambda _: self.rng.sample(NAMES, self.rng.randint(1, 2)),
            "dependentRequired": lambda _: {self.rng.choice(NAMES): self.rng.sample(NAMES, self.rng.randint(0, 2))},
            "dependentSchemas": lambda depth: {self.rng.choice(NAMES): self.here(depth)},
            "dependencies": lambda depth: {
                self.rng.choice(NAMES): self.rng.choice([[self.rng.choice(NAMES)], self.here(depth)])
            },
            "patternProperties": lambda depth: {one: self.below(depth) for one in self.rng.sample(PATTERNS[:4], 2)},
            "additionalProperties": self.below,
            "unevaluatedProperties": self.below,
            "propertyNames": self.names,
            "$ref": lambda _: self.rng.choice([self.prefix.partition("#")[0] + "#", self.reference(0)]),
            "$recursiveRef": lambda _: "#",
            "$dynamicRef": lambda _: self.rng.choice(["#node", "#"]),
        }
        self.makes |= dict.fromkeys(("allOf", "anyOf", "oneOf"), self.list_here)
        self.makes |= dict.fromkeys(("if", "then", "else"), self.here)
        sizes = ("minItems", "maxItems", "minProperties", "maxProperties", "minContains", "maxContains")
        self.makes |= dict.fromkeys(sizes, self.size)
        known = [name for name in self.makes if KEYWORDS[name].known(self.draft)]
        # What goes round is put in by `recursive`, where it has an end; on `dependencies` since 2019 validators differ.
        left_out = {"$ref", "$recursiveRef", "$dynamicRef", *(("dependencies",) if self.modern else ())}
        self.known = [name for name in known if name not in left_out]
        # A foreign reference that leads nowhere is no schema to a validator.
        foreign = [name for name in self.makes if name not in known and name != "dependencies"]
        self.unknown = [name for name in foreign if not name.startswith("$")]

    def schema(self) -> Any:
        """A whole schema, with definitions that it may refer to."""
        self.inside: int | None = None  # the definition that is being made
        self.absolute = self.rng.random() < 0.4
        where = "$defs" if self.modern else "definitions"
        self.prefix = (ROOT if self.absolute else "") + f"#/{where}/"
        top = self.here(2)
        definitions = {}
        for n in range(3):
            self.inside = n
            definitions[f"d{n}"] = self.resource(self.here(1), n)
        self.inside = None
        if not isinstance(top, dict):
            return top
        top[where] = definitions
        if self.absolute:
            top["id" if self.draft == "draft-04" else "$id"] = ROOT
        if self.draft == "2019-09" and self.rng.random() < 0.3:
            top["$recursiveAnchor"] = True
        if self.newest:
            top["$dynamicAnchor"] = "node"
        return top

    def resource(self, made: Any, n: int) -> Any:
        """The schema, at times as a resource of its own that dynamic references lead out to."""
        if not (isinstance(made, dict) and self.absolute and self.modern and self.rng.random() < 0.7):
            return made
        named = {"$dynamicAnchor": "node"} if self.newest else {"$recursiveAnchor": self.rng.random() < 0.7}
        return {"$id": f"d{n}", **named, **made}

    def here(self, depth: int) -> Any:
        """A schema of the same place: what it refers to must not lead back to it."""
        if depth <= 0 or self.rng.random() < 0.1:
            return self.leaf()
        made: dict[str, Any] = {}
        for name in self.rng.sample(self.known, self.rng.randint(1, 4)):
            self.put(made, name, depth - 1)
            beside = [row.name for row in KEYWORDS.values() if row.beside == name and row.known(self.draft)]
            for other in beside:
                if other in self.makes and other not in self.unknown and self.rng.random() < 0.6:
                    self.put(made, other, depth - 1)
        if self.rng.random() < self.foreign and self.unknown:
            self.put(made, self.rng.choice(self.unknown), 0)
        if self.rng.random() < 0.12 and (self.inside is None or self.inside < 2):
            made["$ref"] = self.reference(0 if self.inside is None else self.inside + 1)
            self.used["$ref"] += 1
        return made

    def put(self, made: dict[str, Any], name: str, depth: int) -> None:
        made[name] = self.makes[name](depth)
        self.used[name] += 1
        if self.draft == "draft-04" and name in ("exclusiveMinimum", "exclusiveMaximum"):
            made.setdefault(name.replace("exclusiveM", "m"), self.number(0))  # it says nothing without the bound

    def below(self, depth: int) -> Any:
        """A schema of a part of the value: it may lead back."""
        if self.rng.random() < 0.12:
            return self.recursive()
        return self.here(depth)

    def recursive(self) -> dict[str, Any]:
        keyword = self.rng.choice(["$ref", "$recursiveRef", "$dynamicRef"])
        if not KEYWORDS[keyword].known(self.draft):
            keyword = "$ref"
        self.used[keyword] += 1
        return {keyword: self.makes[keyword](0)}

    def reference(self, least: int) -> str:
        return f"{self.prefix}d{self.rng.randint(least, 2)}"

    def leaf(self) -> Any:
        if self.rng.random() < 0.15:
            truth = self.rng.random() < 0.5
            return ({} if truth else {"not": {}}) if self.draft == "draft-04" else truth
        made: dict[str, Any] = {}
        plain = [name for name in self.known if KEYWORDS[name].family in ("", "string", "number")]
        plain = [name for name in plain if KEYWORDS[name].role == "asserts"]
        for name in self.rng.sample(plain, self.rng.choice([1, 1, 2])):
            self.put(made, name, 0)
        return made

    def size(self, _: int) -> float:
        # Draft 4 says that 2.0 is no integer; we read it all the same.
        return self.rng.choice([0, 1, 1, 2, 2 if self.draft == "draft-04" else 2.0])

    def number(self, _: int) -> float:
        return self.rng.choice([-1, 0, 1, 2, 2.0, 0.1, 1.5, -0.5, 99, 1e2])

    def exclusive(self, depth: int) -> float | bool:
        return self.rng.random() < 0.7 if self.draft == "draft-04" else self.number(depth)

    def items(self, depth: int) -> Any:
        return self.below(depth) if self.newest or self.rng.random() < 0.5 else self.list_below(depth)

    def list_here(self, depth: int) -> list[Any]:
        return [self.here(depth) for _ in range(self.rng.randint(1, 3))]

    def list_below(self, depth: int) -> list[Any]:
        return [self.below(depth) for _ in range(self.rng.randint(1, 2))]

    def named(self, depth: int) -> dict[str, Any]:
        return {name: self.below(depth) for name in self.rng.sample(NAMES, self.rng.randint(1, 3))}

    def names(self, _: int) -> Any:
        found = [{"maxLength": 1}, {"pattern": "^a"}, {"enum": ["a", "b"]}, {"not": {"enum": ["a"]}}, {"minLength": 1}]
        return self.rng.choice(found)


# ---- instances


def value(rng: random.Random, depth: int) -> Any:
    """A random value that the random schemas have something to say of."""
    kind = rng.random()
    if depth == 0 or kind < 0.3:
        return rng.choice(ATOMS)
    if kind < 0.6:
        return [value(rng, depth - 1) for _ in range(rng.randint(0, 3))]
    return {name: value(rng, depth - 1) for name in rng.sample(NAMES, rng.randint(0, 3))}


def mutated(rng: random.Random, one: Any) -> Any:
    """The value with one part of it changed."""
    if isinstance(one, dict) and rng.random() < 0.8:
        keys = list(one)
        how = rng.random()
        if keys and how < 0.3:
            gone = rng.choice(keys)
            return {key: part for key, part in one.items() if key != gone}
        if not keys or how < 0.6:
            return {**one, rng.choice(NAMES): value(rng, 0)}
        key = rng.choice(keys)
        return {**one, key: mutated(rng, one[key])}
    if isinstance(one, list) and rng.random() < 0.8:
        how = rng.random()
        if one and how < 0.3:
            return one[:-1]
        if not one or how < 0.6:
            return [*one, rng.choice([*one, value(rng, 0)])]
        n = rng.randrange(len(one))
        return [*one[:n], mutated(rng, one[n]), *one[n + 1 :]]
    if isinstance(one, int | float) and not isinstance(one, bool):
        return rng.choice([one + 1, -one, one * 2, value(rng, 0)])
    return value(rng, 0)


def broken(rng: random.Random, text: str) -> str:
    """The text with one character left out, put in or changed."""
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(["", *' ,:"{}[]0-1.ea\\']) + text[at + rng.randrange(2) :]


def members(judged: Judged, draws: np.random.Generator, most: int, count: int) -> list[str]:
    """Texts of at most `most` bytes that we accept, drawn from the automaton, if there are any."""
    if judged.dfa is None or judged.dfa.is_empty or len(judged.dfa.shortest() or b"") > most:
        return []
    drawn = {judged.dfa.sample(draws, most).decode("utf-8") for _ in range(count)}
    return sorted(text for text in drawn if judged.accepts(text))


def hunt(seed: int, counts: Counter[str]) -> Iterator[SchemaCase]:
    """Judge one random schema of a draft by texts of every kind; the cases that have a fault."""
    rng, draft = random.Random(seed), DRAFTS[seed % len(DRAFTS)]
    maker = Maker(rng, draft)
    made = maker.schema()
    counts.update(f"keyword {name}" for name in maker.used)
    values = [value(rng, 2) for _ in range(30)]
    for additional in ("any", "declared"):
        judged = Judged(draft, made, additional)
        counts["schemas" if judged.dfa is not None else "refused"] += 1
        drawn = members(judged, np.random.default_rng(seed), 40, 10)
        near = [mutated(rng, json.loads(text)) for text in drawn for _ in range(2)]
        texts = [json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in (*values, *near)]
        texts += [broken(rng, text) for text in drawn for _ in range(3)]
        for text in (*drawn, *texts):
            counts["texts"] += 1
            if judged.fault(text):
                yield SchemaCase(draft, made, text, additional)
                break
        counts["members"] += len(drawn)

"""`unevaluatedProperties` and `unevaluatedItems`, by cases.

What has been evaluated depends on which alternatives hold. So the alternatives are split into scenarios: what must
hold, and what is evaluated if it does. The union over scenarios is exact: the scenario of everything that holds is
among them, and one of fewer alternatives evaluates less and so only demands more.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

from ctrldiff.errors import ConstraintTooLarge
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.keywords import ALTERNATIVES, REFERS, parts, those
from ctrldiff.json_schema.shape import items_of

MAX_SCENARIOS = 128
_IF_PRESENT = those(lambda row: row.family == "object" and row.of == "itself")
_NAMED, _MATCHING, _OTHERS = parts("object", "named"), parts("object", "matching"), parts("object", "others")
_REST, _REST_OF_ITEMS, _SOME = parts("object", "unevaluated"), parts("array", "unevaluated"), parts("array", "some")


@dataclass(frozen=True)
class Scenario:
    """One case. holds, fails: schemas by (schema, pointer), for and against. Then what is evaluated in it."""

    holds: tuple[tuple[Any, str], ...] = ()
    fails: tuple[tuple[Any, str], ...] = ()
    names: frozenset[str] = frozenset()
    patterns: frozenset[str] = frozenset()
    all_names: bool = False
    items: int = 0
    all_items: bool = False
    contains: tuple[Any, ...] = ()

    def __and__(self, other: Scenario) -> Scenario:
        return Scenario(
            self.holds + other.holds,
            self.fails + other.fails,
            self.names | other.names,
            self.patterns | other.patterns,
            self.all_names or other.all_names,
            max(self.items, other.items),
            self.all_items or other.all_items,
            self.contains + other.contains,
        )

    @property
    def evaluates(self) -> bool:
        """Whether anything is evaluated."""
        return bool(self.names or self.patterns or self.all_names or self.items or self.all_items or self.contains)

    def properties(self, rest: Any) -> dict[str, Any]:
        """The schema that demands `rest` of every property that is not evaluated."""
        if self.all_names:
            return {}
        named = dict.fromkeys(sorted(self.names), True)
        return {
            "properties": named,
            "patternProperties": dict.fromkeys(sorted(self.patterns), True),
            "additionalProperties": rest,
        }

    def array(self, rest: Any) -> dict[str, Any]:
        """The schema that demands `rest` of every item that is not evaluated."""
        if self.all_items:
            return {}
        if self.contains:
            rest = {"anyOf": [*self.contains, rest]}
        return {"prefixItems": [True] * self.items, "items": rest}


def scenarios(context: Context, schema: dict[str, Any], at: str) -> list[Scenario]:
    """The cases of what `schema`'s keywords, and all that apply beside them, evaluate."""
    return _cases(context, schema, at, (), outermost=True)


def _cases(context: Context, schema: Any, at: str, way: tuple[int, ...], outermost: bool = False) -> list[Scenario]:
    if not isinstance(schema, dict) or id(schema) in way:
        return [Scenario()]
    if len(way) > 200:
        raise ConstraintTooLarge("nesting of applicators", len(way), 200, where=at[:80])
    way = (*way, id(schema))
    found = [_own(schema, outermost)]

    def each(keyword: str, value: Any) -> list[Scenario]:
        return _cases(context, value, f"{at}/{keyword}", way)

    for keyword in REFERS:
        if keyword in schema:
            target, pointer = context.resolve(schema, keyword, at)
            found = _crossed(found, _cases(context, target, pointer, way), at)
    for n, member in enumerate(schema.get("allOf", ())):
        found = _crossed(found, each(f"allOf/{n}", member), at)
    for keyword in ALTERNATIVES:
        members = [
            (each(f"{keyword}/{n}", member), member, f"{at}/{keyword}/{n}")
            for n, member in enumerate(schema.get(keyword, ()))
        ]
        telling = [one for one in members if any(case.evaluates for case in one[0])]
        cases = [Scenario()]
        for count in range(1, 2 if keyword == "oneOf" else len(telling) + 1):
            for chosen in combinations(telling, count):
                some = [Scenario(holds=tuple((member, pointer) for _, member, pointer in chosen))]
                for inner, _, _ in chosen:
                    some = _crossed(some, inner, at)
                cases += some
                _count(cases, at)
        found = _crossed(found, cases, at)
    if "if" in schema:
        held = _crossed(each("if", schema["if"]), each("then", schema.get("then")), at)
        yes, no = Scenario(holds=((schema["if"], f"{at}/if"),)), Scenario(fails=((schema["if"], f"{at}/if"),))
        cases = [yes & case for case in held] + [no & case for case in each("else", schema.get("else"))]
        if any(case.evaluates for case in cases):
            found = _crossed(found, cases, at)
    for keyword in _IF_PRESENT:
        for name, member in schema.get(keyword, {}).items():
            cases = [case for case in each(f"{keyword}/{name}", member) if case.evaluates]
            present = Scenario(holds=((context.requires(name), f"{at}/{keyword}/{name}"),))
            found = _crossed(found, [Scenario(), *(present & case for case in cases)], at)
    return found


def _own(schema: dict[str, Any], outermost: bool) -> Scenario:
    first, rest = items_of(schema)
    nested = not outermost
    return Scenario(
        names=frozenset(name for k in _NAMED for name in schema.get(k, ())),
        patterns=frozenset(pattern for k in _MATCHING for pattern in schema.get(k, ())),
        all_names=any(k in schema for k in (*_OTHERS, *(_REST if nested else ()))),
        items=len(first),
        all_items=rest is not None or (nested and any(k in schema for k in _REST_OF_ITEMS)),
        contains=tuple(schema[k] for k in _SOME if k in schema),
    )


def _crossed(left: list[Scenario], right: list[Scenario], at: str) -> list[Scenario]:
    both = list(dict.fromkeys(_Keyed(a & b) for a, b in product(left, right)))
    _count(both, at)
    return [one.case for one in both]


class _Keyed:
    """A scenario that compares by what it says, its schemas by identity."""

    def __init__(self, case: Scenario) -> None:
        self.case = case
        self.key = (
            frozenset(id(s) for s, _ in case.holds),
            frozenset(id(s) for s, _ in case.fails),
            *(case.names, case.patterns, case.all_names, case.items, case.all_items),
            tuple(id(s) for s in case.contains),
        )

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Keyed) and self.key == other.key


def _count(cases: list[Any], at: str) -> None:
    if len(cases) > MAX_SCENARIOS:
        raise ConstraintTooLarge("cases of what is evaluated", len(cases), MAX_SCENARIOS, where=at[:80])

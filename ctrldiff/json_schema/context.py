"""What one compilation shares: the document, the places met so far, and what became of each keyword."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import NOTHING, Expression, Language
from ctrldiff.errors import RegexSyntaxError, RegexUnsupported, SchemaInvalid, SchemaUnsupported
from ctrldiff.json_schema.cycles import Cycles
from ctrldiff.json_schema.documents import Documents
from ctrldiff.json_schema.keywords import KEYWORDS, REFERS, those
from ctrldiff.json_schema.options import Options
from ctrldiff.json_schema.reach import Reach, reaches
from ctrldiff.json_schema.references import References, held, last_reference
from ctrldiff.json_schema.shape import Shape, listed
from ctrldiff.limits import Fuel
from ctrldiff.regex.parse import parse

MAX_PLACES = 5_000
_BESIDE = frozenset(those(lambda row: row.of == "itself"))
_NAMING = those(lambda row: row.keys)


Made = TypeVar("Made")
OTHER_TYPES = ["null", "boolean", "number", "string", "array"]  # than objects


class Denied(dict[str, Any]):
    """`{"not": schema}` that only compiling made: it stands where the schema does."""


class ByIdentity(Generic[Made]):
    """What was made of each object, told apart by identity. The objects are held: no other can take their place."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[object, Made]] = {}

    def of(self, one: object, make: Callable[[], Made]) -> Made:
        """What was made of it, or is made now."""
        if id(one) not in self._known:
            self._known[id(one)] = one, make()
        return self._known[id(one)][1]


@dataclass
class Walked:
    """What one walk compiled: its schemas by key, those that each asked for, and the expression of each."""

    root: object = None
    subs: dict[object, Any] = field(default_factory=dict)
    below: dict[object, list[object]] = field(default_factory=dict)
    known: dict[object, Expression] = field(default_factory=dict)


@dataclass
class Loose:
    """What texts of the automaton are still to be held to (`unique.py`): that no key comes twice; no item; and the
    latter where what `uniqueItems` lets be is left out."""

    keys: bool = False
    items: bool = False
    negated: bool = False


@dataclass
class Context:
    """One compilation."""

    root: Any
    fuel: Fuel
    options: Options
    documents: Documents = field(default_factory=Documents)
    reach: Reach = field(default_factory=lambda: reaches(0)[0])
    with_marks: bool = False  # what is deeper is marked (`recursion.py`), not left out
    marks: bool = False  # something was
    loose: Loose = field(default_factory=Loose)  # what the automaton does not hold texts to
    refused: list[tuple[str, str, str]] = field(default_factory=list)  # pointer, keyword, why
    narrowed: list[tuple[str, str]] = field(default_factory=list)  # pointer, how
    enforced: set[tuple[str, str]] = field(default_factory=set)  # pointer of the keyword, keyword
    contradictions: list[tuple[str, str]] = field(default_factory=list)  # pointer, what no value satisfies
    unlisted: list[tuple[str, str]] = field(default_factory=list)  # pointer, why no value is listed there

    apart: bool = False  # schemas that hold together are intersected as automata, each told by its own place
    cut: bool = False  # something deeper than a recursion is unrolled was left out

    def __post_init__(self) -> None:
        self.references = References(self.root, self.documents)
        self.cycles = Cycles(self.references)
        self.unique = any(one.get("uniqueItems") is True for one in self.references.all)
        self._shapes: dict[object, Shape] = {}
        self._names = ByIdentity[tuple[str, ...]]()
        self._patterns: dict[tuple[str, str], Dfa] = {}
        self._constants = ByIdentity[dict[str, Any]]()
        self._requires: dict[str, dict[str, Any]] = {}
        self._lacks: dict[str, dict[str, Any]] = {}
        self._typed: dict[frozenset[str], ByIdentity[dict[str, Any]]] = {}
        self._own = ByIdentity[dict[str, Any]]()
        self._denials = ByIdentity[list[dict[str, Any]]]()
        self._cases: dict[str, ByIdentity[list[tuple[Any, dict[str, Any]]]]] = {}
        self.anything: dict[str, Any] = {}
        self._members = ByIdentity[list[tuple[Dfa, Any]]]()
        self.marked: dict[int, dict[int, int]] = {}  # place, schema -> bit
        self._groups: dict[tuple[int, ...], tuple[list[int], set[int | None]]] = {}
        self._narrowings: set[tuple[str, str]] = set()
        self._refusals: set[tuple[str, str]] = set()
        self._compiled = ByIdentity[Dfa]()
        self._made = ByIdentity[Dfa]()
        self._leaves: dict[Expression, Expression] = {}

    # ---- what became of keywords

    def refuse(self, pointer: str, keyword: str, why: str = "") -> Expression:
        """Note a refusal; all of them are reported together when the walk ends."""
        told = in_document(pointer), keyword, why
        if told[:2] not in self._refusals:
            self._refusals.add(told[:2])
            self.refused.append(told)
        return NOTHING

    def narrow(self, pointer: str, how: str) -> None:
        """Note that the language written is smaller than the schema's."""
        note = in_document(pointer), how
        if note not in self._narrowings:
            self._narrowings.add(note)
            self.narrowed.append(note)

    def contradict(self, pointer: str, what: str) -> Expression:
        """Note keywords that no value satisfies; that is an error only if it leaves the whole schema empty."""
        self.contradictions.append((pointer, what))
        return NOTHING

    def enforce(self, at: str, *keywords: str) -> None:
        """Note keywords of the schema at `at` that are enforced exactly, unless they are refused there."""
        self.enforced.update((in_document(f"{at}/{keyword}"), keyword) for keyword in keywords)

    def count_enforced(self) -> Counter[str]:
        """In how many places of the document each keyword is enforced."""
        refused = {in_document(pointer) for pointer, _, _ in self.refused}
        return Counter(keyword for pointer, keyword in self.enforced if pointer not in refused)

    # ---- places

    def resolve(self, schema: dict[str, Any], keyword: str, at: str) -> tuple[Any, str]:
        """`References.resolve`; where nothing can be resolved that is noted with the other refusals, and any value may
        stand there for the rest of the walk."""
        try:
            return self.references.resolve(schema, keyword, at)
        except SchemaUnsupported as error:
            self.refuse(f"{at}/{keyword}", keyword, f"{error.why}; {error.hint}")
            return True, f"{at}/{keyword}"

    def shape(self, seeds: tuple[Any, ...], parent: Shape | None) -> Shape:
        """The place that `seeds` lead to from `parent`. Places alike in everything are one."""
        ids = tuple(id(seed) for seed in seeds)
        entered = self._entered(seeds, parent)
        free = 0 if ids else (parent.free + 1 if parent else 0)
        level = parent.level + 1 if parent else 0
        key = (ids, tuple(entered.items()), free, level if self.options.whitespace.startswith("pretty") else 0)
        if key not in self._shapes:
            self.fuel.spend("places in the instance", 1, MAX_PLACES)
            dead = max(entered.values(), default=0) > self.options.levels
            self._shapes[key] = Shape(self, seeds, level, free, entered, dead)
        return self._shapes[key]

    def _entered(self, seeds: tuple[Any, ...], parent: Shape | None) -> dict[int, int]:
        """How often each recursive group that speaks here has been entered again on the way."""
        if self.cycles.none:
            return {}
        ids = tuple(id(seed) for seed in seeds)
        if ids not in self._groups:
            members = self.together(seeds)
            groups = {group for member in members if (group := self.cycles.of(member)) is not None}
            self._groups[ids] = sorted(groups), {self.cycles.closed_by(member) for member in members}
        groups_here, again = self._groups[ids]
        before = parent.entered if parent else {}
        return {group: before.get(group, 0) + (group in again and group in before) for group in groups_here}

    def names_shape(self, schema: dict[str, Any]) -> Shape:
        """The place of a property's name under `propertyNames`."""
        place = self.shape((schema["propertyNames"],), None)
        place.of_names = True
        return place

    def together(self, seeds: tuple[Any, ...]) -> list[dict[str, Any]]:
        """Every schema that may apply beside `seeds`, in the order of reading."""
        found: list[dict[str, Any]] = []
        seen: set[int] = set()
        todo = list(reversed(seeds))
        while todo:
            schema = todo.pop()
            if not isinstance(schema, dict) or id(schema) in seen:
                continue
            seen.add(id(schema))
            found.append(schema)
            todo.extend(reversed(list(self.beside(schema))))
        return found

    def speaking(self, seeds: tuple[Any, ...]) -> list[dict[str, Any]]:
        """Those of them whose keywords count: a reference may silence what stands beside it."""
        return [member for member in self.together(seeds) if not self.references.alone(member)]

    def beside(self, schema: dict[str, Any]) -> Iterator[Any]:
        """The schemas that `schema` applies to the same place."""
        if self.references.alone(schema):
            yield self.resolve(schema, "$ref", self.references.place(schema))[0]
            return
        for keyword, value in schema.items():
            if keyword in REFERS:
                yield self.resolve(schema, keyword, self.references.place(schema))[0]
            elif keyword in _BESIDE and KEYWORDS[keyword].says(schema):
                yield from (part for _, part in held(keyword, value))

    def names_of(self, *schemas: Any) -> tuple[str, ...]:
        """The properties named by `schemas` and all that apply beside them, in the order of reading."""
        if len(schemas) == 1:
            return self._names.of(schemas[0], lambda: self._read_names(schemas))
        return self._read_names(schemas)

    def _read_names(self, schemas: tuple[Any, ...]) -> tuple[str, ...]:
        names: dict[str, None] = {}
        for member in self.speaking(schemas):
            names.update(dict.fromkeys(own_names(member)))
        self.fuel.spend("property names", 1 + len(names), self.fuel.limits.max_nodes)
        return tuple(names)

    def constant(self, value: Any) -> dict[str, Any]:
        """`{"const": value}`, the same object every time."""
        return self._constants.of(value, lambda: {"const": value})

    def requires(self, name: str) -> dict[str, Any]:
        """`{"required": [name]}` of objects, the same object every time."""
        if name not in self._requires:
            self._requires[name] = {"type": "object", "required": [name]}
        return self._requires[name]

    def lacks(self, name: str) -> dict[str, Any]:
        """`{"properties": {name: false}}`, the same object every time."""
        if name not in self._lacks:
            self._lacks[name] = {"properties": {name: False}}
        return self._lacks[name]

    def of_types(self, kinds: frozenset[str], schema: Any = True) -> dict[str, Any]:
        """The values of these types that a schema accepts, as a schema, the same object every time."""
        typed = {"type": sorted(kinds)}
        return self._typed.setdefault(kinds, ByIdentity()).of(
            schema, lambda: typed if schema is True else typed | {"allOf": [schema]}
        )

    def own(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a schema says without other schemas for the same value, the same object every time."""
        return self._own.of(schema, lambda: self._without_others(schema))

    def _without_others(self, schema: dict[str, Any]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        for keyword, value in schema.items():
            row = KEYWORDS.get(keyword)
            if row is None or row.role in ("annotates", "names"):
                continue
            if row.of != "itself" and row.of != "unevaluated":
                own[keyword] = value
            elif row.family == "object" and isinstance(value, dict):  # those of properties; what needs only names stays
                needs = {name: needed for name, needed in value.items() if isinstance(needed, list)}
                own |= {keyword: needs} if needs else {}
        self.references.at[id(own)] = self.references.place(schema)
        return own

    def denials(self, schema: dict[str, Any], names: tuple[str, ...]) -> list[dict[str, Any]]:
        """Schemas of which one holds where this one, of `type` object, `required` and `properties`, does not: of its
        `names`, in their order, which is the first to break it, and how."""
        return self._denials.of(schema, lambda: list(_denials(schema, names)))

    def unevaluated(
        self, schema: dict[str, Any], keyword: str, make: Callable[[], list[tuple[Any, dict[str, Any]]]]
    ) -> list[tuple[Any, dict[str, Any]]]:
        """The cases of an `unevaluated...` and the schema of each, read once."""
        return self._cases.setdefault(keyword, ByIdentity()).of(schema, make)

    def compiled(self, expression: Expression) -> Dfa:
        """The automaton of an expression, made once."""
        return self._compiled.of(expression, lambda: compile_expression(expression, self.fuel.limits, self.fuel))

    def made(self, place: Shape, make: Callable[[], Dfa]) -> Dfa:
        """What is made of a place once."""
        return self._made.of(place, make)

    def leaf(self, expression: Expression) -> Expression:
        """A string or a number as its minimal automaton, made once for all that are alike: a schema repeats them many
        times, and the states of their expressions are some four times as many."""
        if isinstance(expression, Language) or expression == NOTHING:
            return expression
        if expression not in self._leaves:
            self._leaves[expression] = Language(compile_expression(expression, self.fuel.limits, self.fuel))
        return self._leaves[expression]

    # ---- patterns

    def pattern(self, pattern: str, at: str, dialect: Literal["python", "ecma", "rust"] = "ecma") -> Dfa:
        """The strings in which `pattern` is found. Raises SchemaUnsupported, SchemaInvalid."""
        if (dialect, pattern) not in self._patterns:
            limits = self.fuel.limits
            try:
                expression = parse(pattern, dialect=dialect, search=True, limits=limits)
            except RegexUnsupported as error:
                keyword = at.rsplit("/", 1)[-1]
                raise SchemaUnsupported(
                    f'"{keyword}" at {at} is not enforceable here', why=str(error), pointer=at, keyword=keyword
                ) from error
            except RegexSyntaxError as error:
                raise SchemaInvalid(f"{at} is no pattern", why=str(error), pointer=at) from error
            self._patterns[dialect, pattern] = compile_expression(expression, limits)
        return self._patterns[dialect, pattern]

    def patterns(self, schema: dict[str, Any]) -> list[tuple[Dfa, Any]]:
        """`patternProperties` as automata over names."""
        return self._members.of(schema, lambda: self._read_patterns(schema))

    def _read_patterns(self, schema: dict[str, Any]) -> list[tuple[Dfa, Any]]:
        at = f"{self.references.place(schema)}/patternProperties"
        found = []
        for pattern, of in schema.get("patternProperties", {}).items():
            try:
                found.append((self.pattern(pattern, at), of))
            except SchemaUnsupported as error:
                self.refuse(at, "patternProperties", error.why)
                found.append((self.compiled(NOTHING), of))  # no name, for the rest of the walk
        return found


def _denials(schema: dict[str, Any], names: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if "type" in schema:
        yield {"type": OTHER_TYPES}
    of, required = schema.get("properties", {}), schema.get("required", ())
    kept: dict[str, Any] = {"type": "object", "required": [], "properties": {}}  # by the names before
    for name in names:
        if name in required:
            yield kept | {"properties": kept["properties"] | {name: False}}
            kept = kept | {"required": [*kept["required"], name]}
        if of.get(name, True) is not True and of[name] != {}:
            wrong = {name: Denied({"not": of[name]})}
            needed = kept["required"] if name in required else [*kept["required"], name]
            yield kept | {"required": needed, "properties": kept["properties"] | wrong}
            kept = kept | {"properties": kept["properties"] | {name: of[name]}}


def in_document(pointer: str) -> str:
    """Where a pointer leads to, without the way there: `#/items/$ref(#/$defs/a)/properties/b` is in `#/$defs/a`."""
    reference, rest = last_reference(pointer)
    return reference + rest if "#" in reference else pointer


def own_names(schema: dict[str, Any]) -> Iterator[str]:
    """The properties that the keywords of `schema` itself name, in the order of reading; some more than once."""
    for keyword in _NAMING:
        named = schema.get(keyword, ())
        yield from (name for name in named if isinstance(name, str))
        for needs in named.values() if isinstance(named, dict) else ():
            yield from needs if isinstance(needs, list) else ()
    for value in listed(schema):
        yield from value if isinstance(value, dict) else ()

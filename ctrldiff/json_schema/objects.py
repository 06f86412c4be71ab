"""Objects: the properties of a place in its order, then others; who needs whom; how many there are."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa, combined
from ctrldiff.automata.expression import EMPTY, NOTHING, Alt, Both, Concat, Expression, Graph, Language, Minus, Repeat
from ctrldiff.automata.expression import text as literal
from ctrldiff.json_schema import any_order
from ctrldiff.json_schema.arrays import spacing
from ctrldiff.json_schema.canonical import QUOTE, escaped, string_char, string_text
from ctrldiff.json_schema.combining import DEPENDENT
from ctrldiff.json_schema.compiler import family
from ctrldiff.json_schema.context import Context
from ctrldiff.json_schema.others import Others, others
from ctrldiff.json_schema.shape import Shape
from ctrldiff.json_schema.subs import Schema, Sub, Together, Walk, all_of, parts_of, size
from ctrldiff.pointer import escaped as in_pointer

MAX_CELLS = 64  # sets of patterns that some key matches
MAX_COUNTED = 20_000  # states that counting the properties of an object may take


@family("object")
def object_(context: Context, schema: Schema, sub: Sub) -> Walk:
    """The named properties in order, then others; `dependentSchemas` on top."""
    shape, at = sub.shape, sub.pointer
    if not shape.containers:
        context.reach.cuts = True
        return literal("{}")
    rules = _Rules.read(schema)
    names_allowed = None
    if "propertyNames" in schema:
        names = yield Sub(schema["propertyNames"], f"{at}/propertyNames", context.names_shape(schema), True)
        allowed = Both((names, _any_key(context.options.ascii)))
        names_allowed = compile_expression(allowed, context.fuel.limits, context.fuel)
    _, _, _, colon = spacing(shape)
    members: list[Expression] = []
    for name in shape.names:
        spelled = string_text(name, context.options.ascii)
        value: Expression = NOTHING
        if name not in sub.barred and (names_allowed is None or spelled in names_allowed):
            value = yield from _value(context, schema, sub, name)
        members.append(value if value is NOTHING else Concat((literal(spelled + colon), value)))
    if context.options.optional == "write" and not sub.exact:
        forced = {n for n, m in zip(shape.names, members, strict=True) if m is not NOTHING} & set(
            schema.get("properties", {})
        )
        if rules.high is not None and len(rules.required | forced) > rules.high:
            forced = set()  # there is no room for all of them, and which are left out is the model's to say
        if forced - rules.required:
            listed = ", ".join(name for name in shape.names if name in forced - rules.required)
            context.narrow(at, f"optional properties are always written: {listed}")
            rules.required |= forced
    unnamed = Others()
    if shape.open and schema.get("additionalProperties") is False and not context.patterns(schema):
        pass
    elif shape.open:
        if sub.barred.intersection(shape.names):
            context.narrow(at, "properties that only other alternatives speak of are not written")
        kinds = yield from _kinds(context, schema, sub, names_allowed)
        unnamed = rules.others(context, sub, members, kinds)
    elif schema.get("additionalProperties") is not False:
        context.narrow(at, "only declared properties are written")
    language = rules.language(context, sub, members, unnamed.at_most_one, unnamed.loop)
    for trigger, needed in rules.schemas.items():
        without = _Rules(absent={trigger}).language(context, sub, *(yield from _anything(context, sub)))
        then = yield replace(sub, schema=needed, pointer=f"{at}/dependentSchemas/{in_pointer(trigger)}")
        language = Alt((Both((language, without)), Both((language, then))))
    return language


def _value(context: Context, schema: Schema, sub: Sub, name: str) -> Walk:
    """What a named property may hold: everything that is said of it at once."""
    found: list[tuple[Any, str, bool]] = []
    parts = parts_of(schema, sub)
    context.fuel.spend("properties of alternatives", max(1, len(parts)), context.fuel.limits.max_properties)
    for one in parts:
        declared = one.schema.get("properties", {})
        said = []
        if name in declared:
            said.append((declared[name], f"{one.pointer}/properties/{in_pointer(name)}"))
        patterns = one.schema.get("patternProperties", {})
        for (dfa, of), pattern in zip(context.patterns(one.schema), patterns, strict=True):
            if name in dfa:
                said.append((of, f"{one.pointer}/patternProperties/{in_pointer(pattern)}"))
        if not said and "additionalProperties" in one.schema:
            said.append((one.schema["additionalProperties"], f"{one.pointer}/additionalProperties"))
        found += [(of, pointer, one.exact) for of, pointer in said]
    if any(of is False for of, _, _ in found):
        return NOTHING
    return (yield from _conjunction(context, sub, found, sub.shape.property(name)))


def _conjunction(context: Context, sub: Sub, found: list[tuple[Any, str, bool]], shape: Any) -> Walk:
    """What obeys all that was found: (schema, pointer, exact)."""
    asked = []
    telling = context.options.additional == "declared"
    for of, pointer, exact in found:
        if of is True and len(found) > 1:
            continue
        kept: frozenset[str] = frozenset()
        if telling and not exact:
            kept = frozenset(context.names_of(*(seed for seed in shape.seeds if seed is not of)))
        asked.append(Sub(of, pointer, shape, exact, kept, lower=sub.lower))
    return (yield from all_of(context, asked or [Sub(True, sub.pointer, shape, sub.exact, lower=sub.lower)]))


def _kinds(
    context: Context, schema: Schema, sub: Sub, names_allowed: Any
) -> Generator[Sub | Together, Expression, list[tuple[Dfa, Expression]]]:
    """The properties that have no name here, by which patterns speak of them: spelled names and their value."""
    shape, limits = sub.shape, context.fuel.limits
    every = context.made(shape, lambda: _unnamed(context, shape))
    if names_allowed is not None:
        every = combined(every, names_allowed, "and", limits, context.fuel)
    # The names of each cell, and for every schema what its patterns say of them.
    cells: list[tuple[Dfa, dict[int, list[tuple[Any, str]]]]] = [] if every.is_empty else [(every, {})]
    parts = parts_of(schema, sub)
    for k, one in enumerate(parts):
        patterns = one.schema.get("patternProperties", {})
        for (dfa, of), pattern in zip(context.patterns(one.schema), patterns, strict=True):
            inside = Language(escaped(dfa, limits, context.options.ascii))
            matching = compile_expression(Concat((QUOTE, inside, QUOTE)), limits, context.fuel)
            said = (of, f"{one.pointer}/patternProperties/{in_pointer(pattern)}")
            split = []
            for names, found in cells:
                hit, miss = (combined(names, matching, how, limits, context.fuel) for how in ("and", "minus"))
                split += [] if miss.is_empty else [(miss, found)]
                split += [] if hit.is_empty else [(hit, found | {k: [*found.get(k, ()), said]})]
            cells = split
            if len(cells) > MAX_CELLS:
                why = f"names of more than {MAX_CELLS} kinds"
                context.refuse(f"{sub.pointer}/patternProperties", "patternProperties", why)
                return []
    kinds: list[tuple[Dfa, Expression]] = []
    for names, hits in cells:
        of_all: list[tuple[Any, str, bool]] = []
        for k, one in enumerate(parts):
            of_one = hits.get(k, [])
            if not of_one and "additionalProperties" in one.schema:
                of_one = [(one.schema["additionalProperties"], f"{one.pointer}/additionalProperties")]
            of_all += [(of, pointer, one.exact) for of, pointer in of_one]
        if not any(of is False for of, _, _ in of_all):
            kinds.append((names, (yield from _conjunction(context, sub, of_all, shape.other()))))
    return kinds


def _unnamed(context: Context, shape: Shape) -> Dfa:
    """The spelled names of properties that have no name here."""
    ascii = context.options.ascii
    named = tuple(literal(string_text(name, ascii)) for name in shape.names)
    return compile_expression(Minus(_any_key(ascii), Alt(named)), context.fuel.limits, context.fuel)


def _any_key(ascii: bool) -> Expression:
    return Concat((QUOTE, Repeat(string_char(ascii), 0, None), QUOTE))


def _anything(context: Context, sub: Sub) -> Any:
    """The members of the base: every named property, and any others, as often as one likes."""
    _, _, _, colon = spacing(sub.shape)
    members: list[Expression] = []
    for name in sub.shape.names:
        value = yield Sub(True, sub.pointer, sub.shape.property(name), True)
        members.append(Concat((literal(string_text(name, context.options.ascii) + colon), value)))
    loop: Expression = NOTHING
    if sub.shape.open:
        kinds = yield from _kinds(context, {}, Sub({}, sub.pointer, sub.shape, True), None)
        loop = Alt(tuple(Concat((Language(names), literal(colon), value)) for names, value in kinds))
    return members, (), loop


class _Rules:
    """Which members there must be: the sequence's memory."""

    def __init__(self, absent: set[str] | None = None) -> None:
        self.required: set[str] = set()
        self.absent = absent or set()
        self.needs: dict[str, set[str]] = {}
        self.schemas: dict[str, Any] = {}
        self.low = 0
        self.high: int | None = None

    @classmethod
    def read(cls, schema: Schema) -> _Rules:
        rules = cls()
        rules.required = set(schema.get("required", ()))
        for keyword in DEPENDENT:
            for name, needed in schema.get(keyword, {}).items():
                if isinstance(needed, list):
                    rules.needs.setdefault(name, set()).update(needed)
                else:
                    rules.schemas[name] = needed
        rules.low, rules.high = size(schema, "minProperties") or 0, size(schema, "maxProperties")
        return rules

    def others(
        self, context: Context, sub: Sub, members: list[Expression], kinds: list[tuple[Dfa, Expression]]
    ) -> Others:
        """The properties without a name, any number of them if that can be."""
        kinds = [(names, value) for names, value in kinds if value is not NOTHING]
        if self.high is not None and self.high > 1 and not sub.exact:
            self._narrow(context, sub, kinds)
        colon = literal(spacing(sub.shape)[3])
        ordered = not sub.exact and context.options.order == "schema"
        return others(context, kinds, colon, copies=1 + self._cap(), ordered=ordered, one=self.high == 1)

    def _narrow(self, context: Context, sub: Sub, kinds: list[tuple[Dfa, Expression]]) -> None:
        """Bound how many properties there are by what counting them costs: each may be the last, so each is a copy."""
        assert self.high is not None
        size = sum(names.n_states + context.compiled(value).n_states for names, value in kinds)
        most = max(self.low, MAX_COUNTED // max(size, 1), 2)
        if self.high > most:
            context.narrow(sub.pointer, f"objects of at most {most} properties are written (maxProperties {self.high})")
            self.high = most

    def _cap(self) -> int:
        """Up to where properties are counted; more are as good."""
        low = self.low if self.low > 1 or self.high is not None else 0
        return max(low, self.high + 1 if self.high is not None else 0)

    def language(
        self,
        context: Context,
        sub: Sub,
        members: list[Expression],
        others: tuple[Expression, ...],
        loop: Expression = NOTHING,
    ) -> Expression:
        """The objects made of `members` and `others` in order, each at most once, and then of any number of `loop`."""
        first, comma, last, _ = spacing(sub.shape)
        names = sub.shape.names
        watched = frozenset({*self.needs, *(n for needed in self.needs.values() for n in needed)})
        if self.low > len(others) + sum(member is not NOTHING for member in members) and loop is NOTHING:
            if not others:
                return context.contradict(sub.pointer, f"minProperties {self.low} of {len(names)} properties")
            why = "so many properties that the schema does not name cannot be told apart"
            return context.refuse(f"{sub.pointer}/minProperties", "minProperties", why)
        if context.options.order == "any":
            return self._in_any_order(context, sub, [*members, *others], loop)
        low_cap = self.low if self.low > 1 or self.high is not None else 0
        cap = self._cap()
        # What is never there and never asked for costs no states: of many alternatives each has few properties.
        asked = watched | self.required
        told = [n for n, name in enumerate(names) if members[n] is not NOTHING or name in asked]
        names, members = tuple(names[n] for n in told), [*(members[n] for n in told), *others]
        start: Any = (0, False, 0, frozenset())
        number: dict[object, int] = {start: 0}
        todo: list[Any] = [start]
        edges: list[tuple[int, int, Expression]] = []
        ends: list[int] = []
        empty = False

        def to(state: Any) -> int:
            if state not in number:
                number[state] = len(number)
                if state[0] != "in":
                    todo.append(state)
            return number[state]

        for state in todo:
            place, begun, count, present = state
            context.fuel.spend("object states", 1, context.fuel.limits.max_object_states)
            here = number[state]
            if place == len(names):
                if not all(self.needs[n] <= present for n in self.needs if n in present):
                    continue
                if present:  # from here on it says nothing, and would only tell states apart
                    edges.append((here, to((place, begun, count, frozenset())), EMPTY))
                    continue
            if place < len(members):
                name, member = names[place] if place < len(names) else None, members[place]
                flag = present | {name} if name in watched else present
                if member is not NOTHING and name not in self.absent and (self.high is None or count < self.high):
                    inside = ("in", place, count, present)
                    fresh = inside not in number
                    edges.append((here, to(inside), comma if begun else EMPTY))
                    if fresh:
                        edges.append((to(inside), to((place + 1, True, min(count + 1, cap), flag)), member))
                if name not in self.required:
                    edges.append((here, to((place + 1, begun, count, present)), EMPTY))
                continue
            if loop is not NOTHING and (self.high is None or count < self.high):
                inside = ("in", place, count, present)  # one copy of it: two would double with every level of nesting
                fresh = inside not in number
                edges.append((here, to(inside), comma if begun else EMPTY))
                if fresh:
                    edges.append((to(inside), to((place, True, min(count + 1, cap), present)), loop))
            if (count >= low_cap if low_cap else (begun or self.low == 0)) and (
                self.high is None or count <= self.high
            ):
                if begun:
                    ends.append(here)
                else:
                    empty = True
        if not self.required <= set(names):
            raise AssertionError("required names are names of the place")
        filled = Concat((literal("{"), first, Graph(len(number), tuple(edges), tuple(ends)), last, literal("}")))
        return Alt((literal("{}"), filled)) if empty else filled

    def _in_any_order(self, context: Context, sub: Sub, members: list[Expression], loop: Expression) -> Expression:
        """As `language`, the members in every order."""
        first, comma, last, _ = spacing(sub.shape)
        place = {name: n for n, name in enumerate(sub.shape.names)}
        gone = {place[name] for name in self.absent if name in place}
        written = {n: member for n, member in enumerate(members) if member is not NOTHING and n not in gone}
        if len(written) > any_order.MOST:
            why = f"{len(written)} properties, and {any_order.MOST} are the most that are written in any order"
            return context.refuse(sub.pointer, 'order="any"', f'{why}; order="schema" has no such bound')
        required = {place[name] for name in self.required}
        needs = [(place[name], {place[other] for other in needed}) for name, needed in self.needs.items()]

        def may_end(came: frozenset[int], count: int) -> bool:
            held = all(needed <= came for name, needed in needs if name in came)
            return held and required <= came and self.low <= count and (self.high is None or count <= self.high)

        filled = any_order.arranged(
            written,
            loop,
            comma,
            counted=self._cap(),
            more=lambda count: self.high is None or count < self.high,
            may_end=may_end,
            spend=lambda: context.fuel.spend("object states", 1, context.fuel.limits.max_nodes),
        )
        whole = Concat((literal("{"), first, filled, last, literal("}")))
        return Alt((literal("{}"), whole)) if may_end(frozenset(), 0) else whole

r"""Zero-width assertions as algebra: `^ $ \b (?=..) (?!..) (?<=..) (?<!..)` become intersections and differences.

Every assertion is brought to one shape, `Assert`: a language that all the text on one side of a position must belong
to. Where assertions stand one after another on the way through a pattern, `P(?=X)R` is `P·(R & X·ANY)` and
`P(?<=X)R` is `(P & ANY·X)·R`, P and R reaching to the ends of the text. Assertions anywhere else (in a loop, in one
branch of a group, looking across each other) are settled by `markers`, just as exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import cast

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.expression import (
    ANY_TEXT,
    EMPTY,
    NOTHING,
    Alt,
    Both,
    Chars,
    Concat,
    Expression,
    Language,
    Literal,
    Minus,
    Ranges,
    Repeat,
    chars,
)
from ctrldiff.automata.widths import children, children_first, nullable, widths
from ctrldiff.errors import RegexSyntaxError, RegexUnsupported
from ctrldiff.limits import Limits
from ctrldiff.regex.markers import resolve_by_markers
from ctrldiff.regex.nodes import Assert, Where, bearing_nodes, rebuilt

_NEWLINE = Literal(b"\n")


class Anchors:
    """The anchors of one pattern, each made once, so that equal ones are the same object."""

    def __init__(self) -> None:
        self._made: dict[object, Expression] = {}

    def _one(self, name: str, ahead: bool, rest: Expression, reach: int = 1) -> Expression:
        return self._made.setdefault(name, _leaf(Assert(ahead, rest, reach)))

    def start(self) -> Expression:
        r"""`\A`, and `^` without (?m)."""
        return self._one("start", False, EMPTY)

    def end(self) -> Expression:
        r"""`\Z`, and `$` of ECMA-262."""
        return self._one("end", True, EMPTY)

    def end_or_newline(self) -> Expression:
        """`$` of Python: the end, or before a newline that ends the text."""
        return self._one("end or newline", True, Repeat(_NEWLINE, 0, 1), reach=2)

    def line_start(self, newlines: Chars) -> Expression:
        """`^` under (?m)."""
        return self._one("line start", False, Repeat(Concat((ANY_TEXT, newlines)), 0, 1))

    def line_end(self, newlines: Chars) -> Expression:
        """`$` under (?m)."""
        return self._one("line end", True, Repeat(Concat((newlines, ANY_TEXT)), 0, 1))

    def word_boundary(self, word: Ranges, inside: bool, empty_is_inside: bool) -> Expression:
        r"""`\b`, or `\B` if `inside`: a word character on exactly one side, or not.

        Whether `\B` holds in the empty text is a matter of taste: ECMA-262 says yes, Python before 3.14 no.
        """
        if (word, inside) not in self._made:
            before, not_before, some_before = (_leaf(Assert(False, rest, 1)) for rest in _sides(word, False))
            after, not_after, some_after = (_leaf(Assert(True, rest, 1)) for rest in _sides(word, True))
            if not inside:
                cases = [(before, not_after), (not_before, after)]
            elif empty_is_inside:
                cases = [(before, after), (not_before, not_after)]
            else:
                cases = [(before, after), (some_before, not_after), (not_before, some_after)]
            self._made[word, inside] = Alt(tuple(Concat(case) for case in cases))
        return self._made[word, inside]


@cache
def _sides(word: Ranges, ahead: bool) -> tuple[Expression, Expression, Expression]:
    r"""What stands on one side of `\b`: text that shows a word character there, text that does not, and of
    that the text which is not empty. Ready automata, since those of Unicode's `\w` have hundreds of states."""
    shown = chars(list(word))
    shows = compile_expression(Concat((shown, ANY_TEXT)) if ahead else Concat((ANY_TEXT, shown)))
    others = ~shows
    return Language(shows), Language(others), Language(others - compile_expression(EMPTY))


def resolve(tree: Expression, where: Where, *, before: bool, after: bool, limits: Limits) -> Expression:
    """The texts with a match of `tree`, which may hold `Assert`s.

    Args:
        before, after: whether any text may stand before, and after, the match.
    Raises: RegexUnsupported when too many assertions look across each other, ConstraintTooLarge.
    """
    left = [ANY_TEXT] if before else []
    right = [ANY_TEXT] if after else []
    bearing = bearing_nodes(tree)
    if not bearing:
        return joined([*left, tree, *right])
    plain: list[Expression] = []
    settled: list[Expression] = []
    entangled: list[Expression] = []
    for branch in _flat(tree, Alt, bearing):
        folded = None
        if id(branch) not in bearing:
            plain.append(branch)
        elif (folded := _folded(_flat(branch, Concat, bearing), bearing, before, after)) is None:
            entangled.append(branch)
        else:
            settled.append(folded)
    if plain:
        settled.append(joined([*left, either(plain), *right]))
    if entangled:
        settled.append(resolve_by_markers(joined([*left, either(entangled), *right]), where, limits))
    return either(settled)


def lookaround(body: Expression, look: str, where: Where, *, fixed_width: bool, limits: Limits) -> Expression:
    """What `(?=body)` and its kin assert; `look` is "=", "!", "<=" or "<!".

    Assertions in `body` that look the same way end up in its language. Those that look the other way must not see
    past the place where `body` is held to the text: where they stand right there, they are taken out in front.
    """
    ahead, negative = look[0] != "<", look[-1] == "!"
    width = widths(body)[id(body)]
    if fixed_width and not ahead and width.least != width.most:
        hint = 'Python takes fixed widths only: split it, (?:(?<=a)|(?<=bc)); dialect "ecma" takes any'
        raise _at(RegexSyntaxError, "a lookbehind whose width varies", where, hint)
    bearing = bearing_nodes(body)
    inner = [node for node in children_first(body) if isinstance(node, Assert)]
    reaches = [assertion.reach for assertion in inner if assertion.ahead == ahead]
    reach = None if width.most is None or None in reaches else width.most + max((r or 0 for r in reaches), default=0)
    alone: list[Expression] = []
    conditions: list[Expression] = []
    for branch in _flat(body, Alt, bearing):
        outside, core = _taken_out(_flat(branch, Concat, bearing), ahead, where)
        language = resolve(joined(core), where, before=not ahead, after=ahead, limits=limits)
        if outside:
            conditions.append(joined([*outside, _leaf(Assert(ahead, language, reach))]))
        else:
            alone.append(language)
    if alone:
        conditions.append(_leaf(Assert(ahead, either(alone), reach)))
    return _negated(either(conditions)) if negative else either(conditions)


def _taken_out(items: list[Expression], ahead: bool, where: Where) -> tuple[list[Expression], list[Expression]]:
    """Split the items of a lookaround's body: what moves out in front of it, and what stays."""
    items = items if ahead else items[::-1]
    first = 0
    while first < len(items) and all(
        isinstance(node, Assert | Alt | Concat) and node != NOTHING for node in children_first(items[first])
    ):
        first += 1
    outside = [item for item in items[:first] if _looks(item, not ahead)]
    core = [item for item in items[:first] if not _looks(item, not ahead)] + items[first:]
    seen = 0
    for item in items[first:]:
        known = widths(item)
        todo = [(item, seen)]
        while todo:
            node, passed = todo.pop()
            if isinstance(node, Assert) and node.ahead != ahead and (node.reach is None or node.reach > passed):
                inner, outer = ("lookbehind", "lookahead") if ahead else ("lookahead", "lookbehind")
                signs = r"or ^, \b" if ahead else r"or $, \b"
                hint = f"move the {inner} out in front of the {outer}, or write its context into the pattern"
                raise _at(
                    RegexUnsupported, f"a {inner} ({signs}) that may look past the {outer} around it", where, hint
                )
            parts = children(node) if ahead else children(node)[::-1]
            for part in parts:
                todo.append((part, passed))
                passed += known[id(part)].least if isinstance(node, Concat) else 0
        seen += known[id(item)].least
    return outside, core if ahead else core[::-1]


def _folded(items: list[Expression], bearing: set[int], before: bool, after: bool) -> Expression | None:
    """One branch whose assertions stand between its items; None where they look across each other."""
    if any(id(item) in bearing and not isinstance(item, Assert) for item in items):
        return None
    whole: list[Assert] = []  # what stands at an end of the text speaks of all of it
    for end in (False, True):
        run = _leading(items[::-1] if end else items)
        if (after if end else before) and not any(a.ahead == end and a.rest == EMPTY for a in run):
            continue
        if any(a.ahead == end and not nullable(a.rest) for a in run):
            return NOTHING
        whole += [a for a in run if a.ahead != end]
        items = items[: len(items) - len(run)] if end else items[len(run) :]
        before, after = (before, False) if end else (False, after)
    items = _lookbehinds_first(items)
    cut = next((i for i, item in enumerate(items) if isinstance(item, Assert) and item.ahead), len(items))
    if any(isinstance(item, Assert) and not item.ahead for item in items[cut:]):
        return None
    prefix = _gathered([ANY_TEXT] if before else [], items[:cut])
    suffix = _gathered([ANY_TEXT] if after else [], items[cut:][::-1])[::-1]
    result = joined([*prefix, *suffix])
    for assertion in whole:
        result = narrowed(result, assertion.rest)
    return result


def _leading(items: Sequence[Expression]) -> list[Assert]:
    run: list[Assert] = []
    for item in items:
        if not isinstance(item, Assert):
            break
        run.append(item)
    return run


def _lookbehinds_first(items: list[Expression]) -> list[Expression]:
    """Neighbouring assertions hold at the same position, so their order is free."""
    result: list[Expression] = []
    waiting: list[Expression] = []
    for item in items:
        if isinstance(item, Assert) and item.ahead:
            waiting.append(item)
            continue
        if not isinstance(item, Assert):
            result += waiting
            waiting = []
        result.append(item)
    return result + waiting


def _gathered(parts: list[Expression], items: Sequence[Expression]) -> list[Expression]:
    """Parts that reach to one end of the text, after each assertion has narrowed what had been gathered by then."""
    for item in items:
        if isinstance(item, Assert):
            parts = [narrowed(joined(parts[::-1] if item.ahead else parts), item.rest)]
        else:
            parts.append(item)
    return parts


def narrowed(language: Expression, rest: Expression) -> Expression:
    """The texts of `language` that are in `rest`, written as simply as is cheap to see."""
    if language is ANY_TEXT:
        return rest
    if language == EMPTY:
        return EMPTY if nullable(rest) else NOTHING
    if rest is ANY_TEXT:
        return language
    if rest == EMPTY:
        return EMPTY if nullable(language) else NOTHING
    if isinstance(rest, Minus) and rest.left is ANY_TEXT:
        return Minus(language, rest.right)
    return Both((language, rest))


def joined(parts: Sequence[Expression]) -> Expression:
    """The parts one after another."""
    if not parts:
        return EMPTY
    return parts[0] if len(parts) == 1 else Concat(tuple(parts))


def either(parts: Sequence[Expression]) -> Expression:
    """Any of the parts."""
    return parts[0] if len(parts) == 1 else Alt(tuple(parts))


def _flat(tree: Expression, kind: type[Alt] | type[Concat], bearing: set[int]) -> list[Expression]:
    """The parts of nested `kind` nodes in order; nodes without an assertion stay whole."""
    flat: list[Expression] = []
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, kind) and id(node) in bearing:
            todo.extend(reversed(node.parts))
        else:
            flat.append(node)
    return flat


def _negated(tree: Expression) -> Expression:
    """The opposite of a tree that is made of assertions alone."""

    def opposite(node: Expression, parts: tuple[Expression, ...]) -> Expression:
        if isinstance(node, Assert):
            return _leaf(node.negated())
        return either(parts) if isinstance(node, Concat) else joined(parts)

    return rebuilt(tree, opposite)


def _looks(tree: Expression, ahead: bool) -> bool:
    return any(isinstance(node, Assert) and node.ahead == ahead for node in children_first(tree))


def _leaf(assertion: Assert) -> Expression:
    return cast(Expression, assertion)


def _at(
    error: type[RegexSyntaxError] | type[RegexUnsupported], problem: str, where: Where, hint: str
) -> RegexSyntaxError | RegexUnsupported:
    return error(problem, where.pattern, where.position, hint=hint, length=where.length)

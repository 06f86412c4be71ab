"""Literal text with typed holes, all of them filled in one canvas."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Any

from ctrldiff.automata.dfa import Dfa
from ctrldiff.automata.expression import Concat, Expression, text
from ctrldiff.constraints.description import Description
from ctrldiff.errors import ConstraintError, OutputInvalid
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.posterior.proviso import Fault, Proviso
from ctrldiff.text import check_description


@dataclass(frozen=True, init=False)
class Template(Description):
    """Pinned text with typed holes: `Template("Dear {name}, you owe {sum}.", name=Regex("[A-Z][a-z]+"), sum=int)`.

    `{{` and `}}` are braces. Each hole stands once, and has a type: a constraint, or anything that `output_type`
    reads. A template of types is read by `output_type`, that is, by every model and generator; asked by itself
    (`in`, `dfa`, `compile`), its holes have to be constraints.

    Args:
        pattern: the text, holes in braces.
        holes: the type of each.
    Raises: ConstraintError, naming the hole, if it has no type, stands twice, is not in the text, or is no plain name.
    """

    pattern: str
    holes: tuple[tuple[str, Any], ...]

    def __init__(self, pattern: str, /, **holes: Any) -> None:
        check_description(pattern, "the template")
        names = [name for _, name in _pieces(pattern) if name is not None]
        for name in names:
            if names.count(name) > 1:
                raise ConstraintError(
                    f"the hole {name!r} stands more than once in the template",
                    why="that two texts are equal is no regular language",
                    hint="give the second a name of its own",
                    hole=name,
                )
            if name not in holes:
                raise ConstraintError(
                    f"the hole {name!r} has no type",
                    hint=f"Template(..., {name}=int), or a Regex, Choice, ...",
                    hole=name,
                )
        for name in holes:
            if name not in names:
                raise ConstraintError(f"the template has no hole {name!r}", hint=f"write {{{name}}} in it", hole=name)
        object.__setattr__(self, "pattern", pattern)
        object.__setattr__(self, "holes", tuple((name, holes[name]) for name in names))

    def with_holes(self, descriptions: Mapping[str, Description]) -> Template:
        """The same text with these descriptions in its holes."""
        return Template(self.pattern, **descriptions)

    def expression(self, limits: Limits = DEFAULT) -> Expression:
        descriptions = self._descriptions()
        parts: list[Expression] = []
        for literal, name in _pieces(self.pattern):
            parts.append(text(literal) if name is None else descriptions[name].expression(limits))
        return Concat(tuple(parts))

    def proviso(self, limits: Limits = DEFAULT) -> Proviso | None:
        found = {name: hole.proviso(limits) for name, hole in self._descriptions().items()}
        held = tuple((name, proviso) for name, proviso in found.items() if proviso is not None)
        return _InHoles(self, held, limits) if held else None

    def holes_of(self, raw: str, limits: Limits = DEFAULT) -> dict[str, str]:
        """The text of every hole in a whole text.

        Of the ways to read it, the first hole is as short as any way allows; given that, so is the second; and so on.

        Raises: OutputInvalid if `raw` is no text of this template.
        """
        data = raw.encode("utf-8")
        return {name: data[start:stop].decode("utf-8") for name, (start, stop) in self.spans_of(raw, limits).items()}

    def spans_of(self, raw: str, limits: Limits = DEFAULT) -> dict[str, tuple[int, int]]:
        """Where the text of every hole stands in a whole text, in its bytes; as `holes_of` reads it."""
        descriptions = self._descriptions()
        pieces = list(_pieces(self.pattern))
        parts = [piece.encode() if name is None else descriptions[name].dfa(limits) for piece, name in pieces]
        cuts = _shortest_first(parts, raw.encode("utf-8"))
        if cuts is None:
            raise OutputInvalid("this is no text of the template", why=f"{raw[:200]}\n{self.pattern[:200]}", raw=raw)
        return {name: (start, stop) for (_, name), start, stop in zip(pieces, cuts, cuts[1:]) if name is not None}

    def _descriptions(self) -> dict[str, Description]:
        for name, wanted in self.holes:
            if not isinstance(wanted, Description):
                raise ConstraintError(
                    f"the hole {name!r} is a type, not a constraint",
                    hint="give the template to a model or a Generator, which read types;\n"
                    "or output_type(template).description",
                    hole=name,
                )
        return dict(self.holes)


@dataclass(frozen=True)
class _InHoles:
    """The provisos of the holes, of the texts that `Template.holes_of` reads there."""

    template: Template
    provisos: tuple[tuple[str, Proviso], ...]
    limits: Limits

    def fault(self, text: bytes, whole: bool = True) -> Fault | None:
        """A fault of some hole. What stands in a hole may depend on the rest: only the whole text shows it."""
        if not whole:
            return None
        holes = self.template.holes_of(text.decode("utf-8"), self.limits)
        faulty = (name for name, proviso in self.provisos if proviso.fault(holes[name].encode("utf-8")) is not None)
        return None if next(faulty, None) is None else Fault(0, len(text) + 1)


def _pieces(pattern: str) -> Iterator[tuple[str, str | None]]:
    """The pinned texts (text, None) and the holes ("", name), in their order."""
    try:
        parsed = list(Formatter().parse(pattern))
    except ValueError as error:
        raise ConstraintError(f"the template's braces do not match: {error}", hint="{{ and }} are braces") from error
    for literal, name, spec, conversion in parsed:
        if literal:
            yield literal, None
        if name is None:
            continue
        if spec or conversion or not name.isidentifier():
            shown = name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "")
            raise ConstraintError(
                f"{{{shown}}} is no hole",
                why="a hole is a plain name; its type is given beside the text",
                hint='Template("... {amount}", amount=int); {{ and }} are braces',
                hole=shown,
            )
        yield "", name


def _shortest_first(parts: list[bytes | Dfa], data: bytes) -> list[int] | None:
    """Where each part begins and the last one ends, each part as short as any reading allows, the earlier first.

    A search that goes back; what failed once is not tried again, so it costs at most parts x bytes x bytes steps.
    """
    cuts = [0]
    ways = [_ends(parts[0], data, 0)] if parts else []
    failed: set[tuple[int, int]] = set()  # (part, where it would begin)
    while ways:
        end = next((end for end in ways[-1] if (len(ways), end) not in failed), None)
        if end is None:
            ways.pop()
            failed.add((len(ways), cuts[len(ways)]))
            continue
        cuts[len(ways) :] = [end]
        if len(ways) < len(parts):
            ways.append(_ends(parts[len(ways)], data, end))
        elif end == len(data):
            return cuts
    return cuts if not parts and not data else None


def _ends(part: bytes | Dfa, data: bytes, start: int) -> Iterator[int]:
    """Where a part that begins at `start` may end, shortest first; never inside a character."""
    if isinstance(part, bytes):
        if data.startswith(part, start):
            yield start + len(part)
        return
    state = 0
    for at in range(start, len(data) + 1):
        if part.accept[state] and (at == len(data) or data[at] & 0xC0 != 0x80):
            yield at
        if at < len(data):
            state = part.step(state, data[at])
            if state < 0:
                return

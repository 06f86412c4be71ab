r"""Pattern -> `Expression`: one parser for three declared dialects. What it cannot honour exactly it refuses by name.

`"python"` is the syntax and meaning of Python's `re` on str; `"ecma"` is ECMA-262 in Unicode mode with the leniency
of its annex B that real schemas count on (`\-`, `{` as a letter); `"rust"` is that of Rust's regex crate, in which
pydantic reads patterns, without its set notation in classes. Lazy quantifiers are read as greedy ones: they
choose another match, never another language. Zero-width assertions are settled by `assertions`.
docs/regex.md is the whole dialect on one page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any
from typing import Literal as OneOf

from ctrldiff.automata.expression import EMPTY, NOTHING, Alt, Both, Concat, Expression, Literal, Ranges, Repeat, chars
from ctrldiff.errors import ConstraintTooLarge, RegexSyntaxError, RegexUnsupported
from ctrldiff.limits import DEFAULT, Limits
from ctrldiff.regex import charset, unicode
from ctrldiff.regex.assertions import Anchors, Where, lookaround, resolve
from ctrldiff.regex.escapes import Dialect, read_class, read_escape

_PLAIN = re.compile(r"[^\\\[\](){}*+?|.^$]+")
_BRACES = re.compile(r"\{(\d*)(,?)(\d*)\}", re.ASCII)
_FLAGS = re.compile(r"([a-zA-Z]*)(-[a-zA-Z]*)?([:)])")
_VAGUE = re.compile(r"\\[dDwWpP]")
_BLANKS = " \t\n\r\v\f"
_FLAG_NAMES = {"i": "ignore_case", "s": "dot_all", "x": "verbose", "m": "multiline"}
_REFERENCE_HINT = "a reference to what was matched is not regular: write the alternatives out"
_POSSESSIVE_HINT = "it changes which texts match; write the class so that it cannot give back, or drop the mark"


def parse(
    pattern: str,
    *,
    dialect: OneOf["python", "ecma", "rust"] = "python",
    search: bool = False,
    ascii: bool = False,
    limits: Limits = DEFAULT,
) -> Expression:
    r"""Read `pattern` as the set of texts it accepts.

    Args:
        pattern: the pattern.
        dialect: "python" (`re` on str), "ecma" (JSON Schema `pattern`) or "rust" (pydantic's `Field(pattern=...)`).
        search: False: the whole text must match (`re.fullmatch`). True: some part of it must (`re.search`).
        ascii: dialect "python" only: `\d \w \s \b` and `(?i)` know ASCII alone, as under `re.ASCII`.
        limits: bounds on the pattern's length and on what settling its assertions may cost.
    Returns: an expression over UTF-8 text. A surrogate matches nothing.
    Raises: RegexSyntaxError, RegexUnsupported (both with position), ConstraintTooLarge.
    """
    if dialect not in ("python", "ecma", "rust"):
        raise ValueError(f'dialect is "python", "ecma" or "rust", not {dialect!r}')
    if len(pattern) > limits.max_pattern:
        raise ConstraintTooLarge("characters of the pattern", len(pattern), limits.max_pattern)
    return _Parser(pattern, Dialect(dialect, ascii_only=ascii), search, limits).run()


@dataclass
class _Group:
    """A group that is still open: what stands before the bar, and what stands since."""

    opened: int  # position of its "(", -1 for the whole pattern
    dialect: Dialect  # flags in force inside
    look: str = ""  # "=", "!", "<=" or "<!"
    done: list[Expression] = field(default_factory=list)
    items: list[Expression] = field(default_factory=list)
    last: str = ""  # what the last item is: "", "atom", "anchor" or "repeat"

    def add(self, item: Expression, kind: str = "atom") -> None:
        self.items.append(item)
        self.last = kind

    def bar(self) -> None:
        self.done.append(_sequence(self.items))
        self.items, self.last = [], ""

    def close(self) -> Expression:
        self.bar()
        return self.done[0] if len(self.done) == 1 else Alt(tuple(self.done))


class _Parser:
    """One pass over the pattern with an explicit stack of open groups, so that nesting costs no Python frames."""

    def __init__(self, pattern: str, dialect: Dialect, search: bool, limits: Limits) -> None:
        self.pattern, self.search, self.limits = pattern, search, limits
        self.at = 0
        self.groups = [_Group(-1, dialect)]
        self.names: set[str] = set()
        self.captures = 0
        self.anchors = Anchors()
        self.vague = False  # what it means depends on characters that this Python's Unicode database does not have

    def run(self) -> Expression:
        steps = {
            "(": self._open, ")": self._close, "[": self._class, "\\": self._escape, ".": self._dot,
            "^": self._anchor, "$": self._anchor, "|": self._bar,
            "*": self._repeat, "+": self._repeat, "?": self._repeat, "{": self._repeat,
        }  # fmt: skip
        while self.at < len(self.pattern):
            char = self.pattern[self.at]
            if self.group.dialect.verbose and (char in _BLANKS or char == "#"):
                self._skip_comment()
            elif char in steps:
                steps[char]()
            else:
                self._plain()
        if len(self.groups) > 1:
            raise self._syntax("a group that is never closed", self.group.opened, r"add ), or write \(")
        tree = self.group.close()
        where = Where(self.pattern, 0, len(self.pattern))
        found = resolve(tree, where, before=self.search, after=self.search, limits=self.limits)
        if not self.vague:
            return found
        # Another engine may have a later database: texts with what ours has not are left out, whatever it takes it for.
        return Both((found, Repeat(chars(list(unicode.category("Assigned") or ())), 0, None)))

    @property
    def group(self) -> _Group:
        return self.groups[-1]

    def _syntax(self, problem: str, at: int, hint: str = "", length: int = 1) -> RegexSyntaxError:
        return RegexSyntaxError(problem, self.pattern, at, hint=hint, length=length)

    def _unsupported(self, problem: str, at: int, hint: str, length: int = 1) -> RegexUnsupported:
        return RegexUnsupported(problem, self.pattern, at, hint=hint, length=length)

    # --- characters -------------------------------------------------------------------------------------------

    def _plain(self) -> None:
        found = None
        if not (self.group.dialect.ignore_case or self.group.dialect.verbose):
            found = _PLAIN.match(self.pattern, self.at)
        run = found[0] if found else self.pattern[self.at]  # "]" and "}" are letters here
        self.at += len(run)
        if self.group.dialect.ignore_case:
            self._one_of(((ord(run), ord(run)),), fold=True)
        elif len(run) > 1 and self.pattern[self.at : self.at + 1] in ("*", "+", "?", "{"):
            self.group.add(_literal(run[:-1]))
            self.group.add(_literal(run[-1]))
        else:
            self.group.add(_literal(run))

    def _one_of(self, ranges: Ranges, fold: bool = False) -> None:
        if fold:
            ranges = self.group.dialect.folded(ranges)
        one = len(ranges) == 1 and ranges[0][0] == ranges[0][1]
        self.group.add(_literal(chr(ranges[0][0])) if one else chars(list(ranges)))

    def _class(self) -> None:
        start = self.at
        ranges, self.at = read_class(self.pattern, start, self.group.dialect)
        self.vague |= self.group.dialect.rust and _VAGUE.search(self.pattern[start : self.at]) is not None
        self._one_of(ranges)

    def _dot(self) -> None:
        dialect = self.group.dialect
        self._one_of(charset.ALL if dialect.dot_all else charset.complement(dialect.newlines))
        self.at += 1

    def _skip_comment(self) -> None:
        if self.pattern[self.at] == "#":
            stop = self.pattern.find("\n", self.at)
            self.at = len(self.pattern) if stop < 0 else stop
        else:
            self.at += 1

    def _escape(self) -> None:
        start, dialect = self.at, self.group.dialect
        char = self.pattern[start + 1 : start + 2]
        self.vague |= dialect.rust and char in tuple("bBdDwWpP")
        if dialect.rust and (char in ("<", ">") or self.pattern.startswith("b{", start + 1)):
            raise self._unsupported("half of a word boundary", start, r"write \b", 2)
        if char in ("b", "B"):
            word = dialect.perl_class("w")
            boundary = self.anchors.word_boundary(word, char == "B", dialect.empty_is_inside)
            self.group.add(boundary, "anchor")
            self.at += 2
        elif char and char in "AZz" and not dialect.ecma:
            anchor = self.anchors.start() if char == "A" else self.anchors.end()
            self.group.add(anchor, "anchor")
            self.at += 2
        elif self._is_reference(char):
            raise self._unsupported("backreference", start, _REFERENCE_HINT, 2)
        else:
            meant, self.at = read_escape(self.pattern, start, dialect)
            if isinstance(meant, int):
                self._one_of(((meant, meant),), fold=True)
            else:
                self._one_of(meant)

    def _is_reference(self, char: str) -> bool:
        if self.group.dialect.ecma:
            return char == "k" or char in tuple("123456789")
        if char not in tuple("123456789"):
            return False
        digits = self.pattern[self.at + 1 : self.at + 4]
        if len(digits) == 3 and all(d in "01234567" for d in digits):
            return False  # an octal escape
        number = int(digits[:2] if digits[:2].isascii() and digits[:2].isdigit() else char)
        if number > self.captures:
            raise self._syntax(f"reference to group {number}, which is not there", self.at, r"use \xHH", 2)
        return True

    # --- assertions -------------------------------------------------------------------------------------------

    def _anchor(self) -> None:
        dialect, anchors = self.group.dialect, self.anchors
        newlines = chars(list(dialect.newlines))
        if self.pattern[self.at] == "^":
            anchor = anchors.line_start(newlines) if dialect.multiline else anchors.start()
        elif dialect.multiline:
            anchor = anchors.line_end(newlines)
        else:
            anchor = anchors.end_or_newline() if dialect.name == "python" else anchors.end()
        self.group.add(anchor, "anchor")
        self.at += 1

    # --- repeats ----------------------------------------------------------------------------------------------

    def _repeat(self) -> None:
        start, group = self.at, self.group
        bounds = self._bounds()
        if bounds is None:
            self.at = start
            self._plain()
            return
        low, high = bounds
        length = self.at - start
        rust = group.dialect.rust
        if rust and group.last == "anchor":
            raise self._unsupported("a repeat of an anchor", start, "write it once", length)
        if group.last in ("", "anchor"):
            raise self._syntax(
                "nothing to repeat", start, "put something before it, or escape it with a backslash", length
            )
        if group.last == "repeat" and not rust:
            raise self._syntax("a repeat of a repeat", start, "put the first one in a group: (?:...)", length)
        if high is not None and high < low:
            raise self._syntax(f"a repeat from {low} to {high}", start, "write the smaller number first", length)
        mark = self.pattern[self.at : self.at + 1]
        if mark == "+" and not rust:
            raise self._unsupported("possessive repeat", start, _POSSESSIVE_HINT, length + 1)
        self.at += mark == "?"
        inner = group.items.pop()
        group.add(inner if low == high == 1 else Repeat(inner, low, high), "repeat")

    def _bounds(self) -> tuple[int, int | None] | None:
        """The bounds of the quantifier here, moving past it; None if the brace is a letter."""
        char = self.pattern[self.at]
        if char != "{":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        found = _BRACES.match(self.pattern, self.at)
        if found is None or found[0] == "{}":
            return None
        low, comma, high = found.groups()
        if self.group.dialect.ecma and not low:
            hint = rf"write {{0,{high}}}, or \{{ for the brace itself"
            raise self._syntax(f"{found[0]} is no repeat in ECMA-262", self.at, hint, len(found[0]))
        if len(low) > 18 or len(high) > 18:
            raise self._syntax("a repeat number of more than 18 digits", self.at, "", len(found[0]))
        self.at = found.end()
        least = int(low or 0)
        return least, (int(high) if high else None if comma else least)

    # --- groups -----------------------------------------------------------------------------------------------

    def _bar(self) -> None:
        self.group.bar()
        self.at += 1

    def _open(self) -> None:
        start, pattern, dialect, look = self.at, self.pattern, self.group.dialect, ""
        if pattern.startswith("(?:", start):
            self.at += 3
        elif not pattern.startswith("(?", start):
            self.at += 1
            self.captures += 1
        elif pattern.startswith(("(?=", "(?!"), start):
            look = pattern[start + 2]
            self.at += 3
        elif pattern.startswith(("(?<=", "(?<!"), start):
            look = pattern[start + 2 : start + 4]
            self.at += 4
        elif pattern.startswith("(?#", start) and not dialect.ecma:
            stop = pattern.find(")", start)
            if stop < 0:
                raise self._syntax("a comment that is never closed", start, "add )", 3)
            self.at = stop + 1
            return
        elif pattern.startswith(("(?P<", "(?<"), start):
            self._name(start)
        elif pattern.startswith("(?>", start):
            raise self._unsupported("atomic group", start, "it changes which texts match; use (?:...)", 3)
        elif pattern.startswith("(?P=", start):
            raise self._unsupported("backreference", start, _REFERENCE_HINT, 4)
        elif pattern.startswith("(?(", start):
            raise self._unsupported("conditional group", start, "write both cases as alternatives", 3)
        else:
            read = self._flags(start)
            if read is None:
                return
            dialect = read
        self.groups.append(_Group(start, dialect, look))

    def _name(self, start: int) -> None:
        opening = self.pattern.index("<", start) + 1
        stop = self.pattern.find(">", opening)
        name = self.pattern[opening:stop] if stop >= 0 else ""
        if not name.replace("$", "_" if self.group.dialect.ecma else "$").isidentifier():
            raise self._syntax("bad group name", start, "write (?P<name>...), letters and digits", opening - start)
        if name in self.names:
            raise self._syntax(f"a second group named {name}", start, "give it another name", stop + 1 - start)
        self.names.add(name)
        self.captures += 1
        self.at = stop + 1

    def _flags(self, start: int) -> Dialect | None:
        """Read `(?ims-ims:` or a leading `(?ims)`; None when it was the latter."""
        found = _FLAGS.match(self.pattern, start + 2)
        if found is None or found[0] == ")":
            known = "(?:, (?=, (?!, (?<=, (?<!, (?P<name>, (?i:"
            raise self._syntax("unknown kind of group", start, f"known are {known}", 3)
        on, off, end = found[1], found[2], found[3]
        dialect, length = self.group.dialect, found.end() - start
        if dialect.rust and (set(on) - set("imsuU") or set(off or "") - set("-imsU")):
            raise self._unsupported("inline flags", start, "i, m and s are read", length)
        if not dialect.rust:
            self._check_flags(start, found)
        changes: dict[str, Any] = {_FLAG_NAMES[f]: True for f in on if f in _FLAG_NAMES}
        changes |= {_FLAG_NAMES[f]: False for f in (off or "") if f in _FLAG_NAMES}
        if not dialect.rust and ("a" in on or "u" in on):
            changes["ascii_only"] = "a" in on
        self.at = found.end()
        if end == ":":
            return replace(dialect, **changes)
        group = self.group
        if not dialect.rust and (len(self.groups) > 1 or group.done or group.items):
            raise self._syntax("flags that are not at the start", start, "move them there, or write (?i:...)", length)
        group.dialect = replace(dialect, **changes)
        return None

    def _check_flags(self, start: int, found: re.Match[str]) -> None:
        """Raise RegexSyntaxError for flags that Python or ECMA-262 does not have."""
        (on, off, end), ecma, length = found.groups(), self.group.dialect.ecma, found.end() - start
        if "L" in on or set(on) - set("aiLmsux") or set(off or "") - set("-imsx") or off == "-":
            raise self._syntax("bad inline flags", start, "flags are a i m s u x; turn off only i m s x", length)
        if set(on) & set(off or "") or {"a", "u"} <= set(on) or (end == ")" and off):
            raise self._syntax("inline flags at odds", start, "turn each flag on or off once", length)
        if ecma and (end == ")" or set(on + (off or "")) - set("ims-")):
            raise self._syntax("inline flags", start, "ECMA-262 has (?ims-ims:...) and no other", length)

    def _close(self) -> None:
        if len(self.groups) == 1:
            raise self._syntax("a ) that closes nothing", self.at, r"write \) for the character")
        group = self.groups.pop()
        body = group.close()
        self.at += 1
        if group.look:
            where = Where(self.pattern, group.opened, self.at - group.opened)
            fixed = not group.dialect.ecma
            body = lookaround(body, group.look, where, fixed_width=fixed, limits=self.limits)
        self.group.add(body)


def _literal(text: str) -> Expression:
    try:
        return Literal(text.encode("utf-8"))
    except UnicodeEncodeError:  # a surrogate: no UTF-8 text holds one
        return NOTHING


def _sequence(items: list[Expression]) -> Expression:
    """The items one after another, runs of literals joined."""
    joined: list[Expression] = []
    run: list[bytes] = []
    for item in items:
        if isinstance(item, Literal):
            run.append(item.data)
            continue
        if run:
            joined.append(Literal(b"".join(run)))
            run = []
        joined.append(item)
    if run:
        joined.append(Literal(b"".join(run)))
    joined = [item for item in joined if item != EMPTY] if len(joined) > 1 else joined
    if not joined:
        return EMPTY
    return joined[0] if len(joined) == 1 else Concat(tuple(joined))

"""Random patterns of Python's and ECMA's dialects, and what `re` and node say against how we read them."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import threading
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from ctrldiff.automata.compile import compile_expression
from ctrldiff.automata.dfa import Dfa
from ctrldiff.errors import ConstraintUnsatisfiable, CtrldiffError
from ctrldiff.limits import Limits
from ctrldiff.regex.parse import parse
from tests.automata.patterns import THEMES, Maker, near_misses, texts

LIMITS = Limits(max_steps=8_000_000)
LOOPS = 7  # with more loops in each other a backtracking engine takes minutes
NODE = shutil.which("node")

# A line in: pattern, flags, texts. A line out: a truth value for each, or the error of the pattern.
_SERVER = """
const vm = require('vm');
require('readline').createInterface({input: process.stdin}).on('line', line => {
  const [pattern, flags, texts] = JSON.parse(line);
  let out;
  try {
    out = vm.runInNewContext('const r = new RegExp(p, f); t.map(x => r.test(x))',
                             {p: pattern, f: flags, t: texts}, {timeout: 2000});
  } catch (error) { out = String(error); }
  console.log(JSON.stringify(out));
});
"""


@dataclass(frozen=True)
class PatternCase:
    """A pattern with flags ("i", "m", "s" around the whole of it), searched or matched as a whole, and a text."""

    dialect: str
    pattern: str
    text: str
    flags: str = ""
    search: bool = True

    def smaller(self) -> Iterator[PatternCase]:
        for text in _shorter(self.text):
            yield PatternCase(self.dialect, self.pattern, text, self.flags, self.search)
        for pattern in _shorter(self.pattern):
            yield PatternCase(self.dialect, pattern, self.text, self.flags, self.search)
        for flag in self.flags:
            yield PatternCase(self.dialect, self.pattern, self.text, self.flags.replace(flag, ""), self.search)

    @property
    def size(self) -> int:
        return len(self.pattern) + len(self.text) + len(self.flags)

    def fault(self) -> str:
        """What is wrong; "" if nothing is."""
        return next(iter(faults(self, [self.text]).values()), "")


def _shorter(text: str) -> Iterator[str]:
    for length in sorted({len(text) // 2, 4, 3, 2, 1} & set(range(1, len(text) + 1)), reverse=True):
        for at in range(len(text) - length + 1):
            yield text[:at] + text[at + length :]


def read(case: PatternCase) -> tuple[Dfa | None, str]:
    """The automaton of a pattern, or None where we refuse it, and how that ended if by no error of ours."""
    pattern = f"(?{case.flags}:{case.pattern})" if case.flags else case.pattern
    try:
        return compile_expression(parse(pattern, dialect=case.dialect, search=case.search, limits=LIMITS), LIMITS), ""  # type: ignore[arg-type]
    except CtrldiffError:
        return None, ""
    except Exception as error:
        return None, f"ends in {type(error).__name__}"


def faults(case: PatternCase, tried: Sequence[str], dfa: Dfa | None = None) -> dict[str, str]:
    """What is wrong with how we judge each of some texts; nothing where nobody can say."""
    if dfa is None:
        dfa, untyped = read(case)
        if dfa is None:
            return {case.text: untyped} if untyped else {}
    said = (by_re if case.dialect == "python" else by_node)(case, tried)
    names = {True: "accepts what the referee does not", False: "refuses what the referee accepts"}
    return {text: names[ours] for text, theirs in zip(tried, said) if (ours := text in dfa) != theirs}


def by_re(case: PatternCase, tried: Sequence[str]) -> Sequence[bool]:
    """What `re` says of texts; nothing where it reads no pattern."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # [[a] and the like: a later Python may read it otherwise
        try:
            compiled = re.compile(f"(?{case.flags}:{case.pattern})" if case.flags else case.pattern)
        except re.error:
            return ()
    match = compiled.search if case.search else compiled.fullmatch
    return [match(text) is not None for text in tried]


def by_node(case: PatternCase, tried: Sequence[str]) -> Sequence[bool]:
    """What node says of texts; nothing where it reads no pattern, or for too long."""
    if "m" in case.flags and not case.search:
        return ()  # ^ and $ are no ends then, and there are no others
    pattern = case.pattern if case.search else f"^(?:{case.pattern})$"
    answer = _node().ask([pattern, "u" + case.flags, list(tried)])
    return answer if isinstance(answer, list) else ()


class _Node:
    """A node process that is asked line by line."""

    def __init__(self) -> None:
        assert NODE is not None
        self.process = subprocess.Popen(
            [NODE, "-e", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )
        self.lock = threading.Lock()

    def ask(self, question: object) -> object:
        assert self.process.stdin is not None and self.process.stdout is not None
        with self.lock:
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())


@cache
def _node() -> _Node:
    return _Node()


# ---- random patterns of ECMA-262 in Unicode mode


class EcmaMaker:
    """Makes one random pattern after another, of every construct that its syntax has; `used` counts them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.used = rng, Counter[str]()

    def pattern(self) -> tuple[str, str]:
        """A pattern and the alphabet it is about."""
        self.alphabet, self.names = (
            self.rng.choice(["ab", "ab", *THEMES, "\u2028a", "\r\na", "ﬁaΣ", "σςΣ", "µμ", "Åå"]),
            0,
        )
        body = self.alternatives(2)
        return self.rng.choice([body, body, f"^{body}$", f"^(?:{body})$", f"{body}$"]), self.alphabet

    def note(self, name: str, text: str) -> str:
        self.used[name] += 1
        return text

    def alternatives(self, depth: int) -> str:
        return "|".join(self.sequence(depth) for _ in range(self.rng.choice((1, 1, 1, 2, 3))))

    def sequence(self, depth: int) -> str:
        return "".join(self.piece(depth) for _ in range(self.rng.choice((0, 1, 1, 2, 2, 3))))

    def piece(self, depth: int) -> str:
        # Node looks for assertions in between the halves of a surrogate pair too, where the specification has no place.
        if self.rng.random() < 0.15 and max(self.alphabet) < "\U00010000":
            return self.assertion(depth)
        atom, m = self.atom(depth), self.rng.randrange(3)
        if self.rng.random() < 0.6:
            return atom
        mark = self.rng.choice(("*", "+", "?", f"{{{m}}}", f"{{{m},}}", f"{{{m},{m + self.rng.randrange(3)}}}"))
        return atom + self.note(mark[0], mark) + (self.note("lazy", "?") if self.rng.random() < 0.15 else "")

    def assertion(self, depth: int) -> str:
        if depth == 0 or self.rng.random() < 0.5:
            name = self.rng.choice(("^", "$", r"\b", r"\B"))
            return self.note(name, name)
        kind = self.rng.choice(("(?=", "(?!", "(?<=", "(?<!"))
        return self.note(kind, f"{kind}{self.alternatives(depth - 1)})")

    def atom(self, depth: int) -> str:
        roll = self.rng.random()
        if depth and roll < 0.3:
            self.names += 1
            kind = self.rng.choice(("(", "(?:", "(?:", f"(?<n{self.names}>"))
            return self.note(kind[:3], f"{kind}{self.alternatives(depth - 1)})")
        if roll < 0.4:
            return self.note(".", ".")
        if roll < 0.55:
            return self.bracket()
        return self.escape() if roll < 0.65 else self.character()

    def escape(self) -> str:
        name = self.rng.choice((r"\d", r"\w", r"\s", r"\D", r"\W", r"\S", r"\p{Lu}", r"\P{L}", r"\p{Nd}"))
        return self.note(name, name)

    def character(self) -> str:
        char = self.rng.choice(self.alphabet)
        code = ord(char)
        if self.rng.random() < 0.2:
            forms = [f"\\u{{{code:x}}}", *([f"\\u{code:04x}"] if code < 0x10000 else [])]
            forms += [f"\\x{code:02x}"] if code < 256 else []
            form = self.rng.choice(forms)
            return self.note(form[:3] if form[2] == "{" else form[:2], form)
        return "\\" + char if char in r"^$\.*+?()[]{}|/" else {"\n": r"\n", "\r": r"\r"}.get(char, char)

    def bracket(self) -> str:
        inside = []
        for _ in range(self.rng.randrange(4)):
            low, high = sorted((self.rng.choice(self.alphabet), self.rng.choice(self.alphabet)))
            low, high = (f"\\u{{{ord(one):x}}}" for one in (low, high))
            inside.append(self.rng.choice((low, high, f"{low}-{high}", self.escape())))
        return self.note("[]", f"[{self.rng.choice(('', '', '^'))}{''.join(inside)}]")


# ---- the hunt


def proposed(dfa: Dfa, alphabet: str, seed: int) -> list[str]:
    """Members drawn from the automaton, and texts one edit away from them."""
    rng, draw = random.Random(seed), np.random.default_rng(seed)
    found = []
    for longest in (3, 6, 10):
        try:
            member = dfa.sample(draw, longest).decode("utf-8")
        except ConstraintUnsatisfiable:
            continue
        found += [member, *near_misses(member, alphabet + "x\n", rng, 4)]
    return found


def hunt(seed: int, counts: Counter[str]) -> Iterator[PatternCase]:
    """Judge one random pattern on every short text over its alphabet and on members; the cases that have a fault."""
    rng = random.Random(seed)
    if seed % 2 and NODE:
        pattern, alphabet = EcmaMaker(rng).pattern()
        flags = "".join(flag for flag in "ims" if rng.random() < 0.25)
        case = PatternCase("ecma", pattern, "", flags, search=rng.random() < 0.7)
    else:
        pattern, alphabet = Maker(seed, "full").pattern()
        case = PatternCase("python", pattern, "", "", search=rng.random() < 0.5)
    dfa, untyped = read(case)
    counts[f"{case.dialect} patterns" if dfa is not None else f"{case.dialect} refused"] += 1
    if untyped:
        yield case
    if dfa is None or len(re.findall(r"[*+?{]", pattern)) > LOOPS:
        return
    tried = [*texts(alphabet, 5 if len(alphabet) == 2 else 3), *proposed(dfa, alphabet, seed)]
    counts["texts"] += len(tried)
    wrong = faults(case, tried, dfa)
    if wrong:
        shortest = min(wrong, key=len)
        yield PatternCase(case.dialect, pattern, shortest, case.flags, case.search)

"""Documents written one by one, with holes for the values: `letters/*.txt`, whose form `letters/README.md` tells."""

import argparse
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from random import Random

from examples.train_tiny.second import pools
from examples.train_tiny.second.asking import Asker
from examples.train_tiny.second.documents import Document, as_written
from examples.train_tiny.second.page import Fact, Page, Rows
from examples.train_tiny.second.roles import Role, open_role
from examples.train_tiny.second.spelling import Manners, manners
from examples.train_tiny.second.values import Maker, Value

FOLDER = Path(__file__).parent / "letters"
# What opens a part, and what ends it: a line that is repeated, a part that may be missing, one of several, a hole.
PART = re.compile(
    r"^@(\w+)(\??) ([^\n]*\n?)|\[\[(.*?)\]\]|<<(.*?)>>|\{(_\w+:[^{}\n]+|[a-z][\w.]*)\}", re.DOTALL | re.MULTILINE
)
SAID = re.compile(r"(\w+)=([^:|]*):(.*)", re.DOTALL)
KEY = re.compile(r"[a-z][a-z0-9_]*")
LEFT_OUT, NO_ROWS = 0.35, 0.12
ROWS, TEXT = "rows", "text"  # beside the makers: of a list, and of any text that is never stated
COUNTS = ((1, 14), (2, 23), (3, 25), (4, 18), (5, 11), (6, 7), (7, 4), (8, 3))
LISTED = 1.5  # times as often as others is a letter with a list trained on
TONGUES = {  # words that tell a language; the first where none is told
    "en": set("the and is of to for on at you your we with by from this our has was are date name".split()),
    "de": set(
        "der die das und ist nicht wir sie mit bitte ich am von vom für bis im auf zum zur den dem ein eine einen bei "
        "nach uhr des wird sind ihre ihr datum betrag nr zahlbar kunde".split()
    ),
    "fr": set(
        "le la les et est vous nous avec pour une du de des à au aux en sur par votre notre je un qui numéro montant "
        "nom".split()
    ),
    "es": set(
        "el la los las es usted con para una por del de al su se que un en le lo nos fecha importe nombre número "
        "gracias".split()
    ),
    "it": set("il lo la gli di che per con una del della dal al e sono non grazie ore".split()),
    "nl": set("de het een en van voor met op niet is wij u uw aan bij om naar graag".split()),
}
SPELLED = ("en", "de", "fr", "es")  # the languages whose manners there are; others have those of the first
TYPES = {"int": "int", "year": "int", "money": "number", "dec": "number", "percent": "number"} | dict.fromkeys(
    ("past", "future", "birth"), "date"
)


class Malformed(ValueError):
    """A document that is not written as `letters/README.md` says."""


@dataclass(frozen=True)
class Hole:
    id: str


@dataclass(frozen=True)
class Maybe:
    inside: tuple


@dataclass(frozen=True)
class OneOf:
    """Alternatives: (id, label, parts), of which the first two are "" where nothing is said."""

    ways: tuple[tuple[str, str, tuple], ...]


@dataclass(frozen=True)
class Repeated:
    id: str
    may_be_none: bool
    line: tuple


@dataclass(frozen=True)
class Letter:
    """One document with holes. roles: by id, each of one maker; absent: what it never states; lists: columns by id."""

    scene: str
    language: str
    parts: tuple
    roles: dict[str, Role]
    absent: tuple[Role, ...]
    lists: dict[str, tuple[Role, ...]] = field(default_factory=dict)
    held_out: bool = False


@cache
def table() -> tuple[Letter, ...]:
    """All documents of the folder."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(FOLDER.glob("*.txt")))
    return tuple(parse(whole) for text in texts for whole in documents(text))


def documents(text: str) -> list[str]:
    """The documents of one file, as they are written."""
    return [one.strip("\n") for one in re.split(r"^===\s*$", text, flags=re.MULTILINE) if one.strip()]


def parse(whole: str) -> Letter:
    """One document as it is written. Raises Malformed."""
    head, _, rest = whole.partition("\n")
    body, line, declared = rest.partition("\n---\n")
    if not head.startswith("# ") or not line:
        raise Malformed("expected a line '# scene', the text, a line '---' and the fields")
    roles: dict[str, Role] = {}
    absent, columns = [], {}
    for said in filter(str.strip, declared.splitlines()):
        cells = [cell.strip() for cell in said.split(" | ")]
        name, colon, maker = cells[0].partition(":")
        name, maker = name.strip(), maker.strip()
        keys = cells[1].removesuffix("|").split() if len(cells) > 1 else []
        if not colon or not maker or not keys or not all(KEY.fullmatch(key) for key in keys):
            raise Malformed(f"expected 'id: maker | keys | description', not {said!r}")
        told = tuple(one for one in cells[2:3] if one)
        role = Role(
            name if name != "-" else keys[0],
            frozenset([head[2:]]),
            (maker,),
            {"en": told or (keys[0].replace("_", " "),)},
            tuple(keys),
            (),
            told,
        )
        if name == "-":
            absent.append(role)
        elif "." in name:
            columns.setdefault(name.partition(".")[0], []).append(role)
        else:
            roles[name] = role
    letter = Letter(
        head[2:].split()[0],
        _language(body),
        tuple(_parts(body + "\n")),
        roles,
        tuple(absent),
        {one: tuple(sorted(found, key=_is_no_name)) for one, found in columns.items()},
        sha256(f"{whole}\n".encode()).digest()[0] % 8 == 0,
    )
    _check(letter)
    return letter


def _is_no_name(column: Role) -> bool:
    """Columns of text come first, but times: what a thing is called may be asked for alone."""
    return column.makers[0].partition(":")[0] in {*TYPES, "time"}


def _language(text: str) -> str:
    """Of the words that are not the names of holes and labels; the one that most of its own are among."""
    words = re.findall(r"[^\W\d_]+", re.sub(r"\{[^}]*\}|<<\w+=|\|\|\w+=|@\w+", " ", text.lower()))
    own = {one: sum(word in known for word in words) for one, known in TONGUES.items()}
    language = max(own, key=lambda one: own[one])
    return language if language in SPELLED and own[language] > 0.06 * len(words) else SPELLED[0]


def _parts(text: str) -> Iterator[object]:
    """Literal text as str, and what is filled in."""
    at = 0
    for found in PART.finditer(text):
        if found.start() > at:
            yield text[at : found.start()]
        at = found.end()
        line, maybe, line_text, optional, ways, hole = found.groups()
        if line:
            yield Repeated(line, bool(maybe), tuple(_parts(line_text)))
        elif optional is not None:
            yield Maybe(tuple(_parts(optional)))
        elif ways is not None:
            yield OneOf(tuple(_way(one) for one in ways.split("||")))
        else:
            yield Hole(hole)
    if at < len(text):
        yield text[at:]


def _way(text: str) -> tuple[str, str, tuple]:
    said = SAID.fullmatch(text)
    return (said[1], said[2].strip(), tuple(_parts(said[3]))) if said else ("", "", tuple(_parts(text)))


def _holes(parts: tuple) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Hole):
            yield part.id
        elif isinstance(part, Maybe):
            yield from _holes(part.inside)
        elif isinstance(part, Repeated):
            yield from _holes(part.line)
        elif isinstance(part, OneOf):
            for said, _, inside in part.ways:
                yield from [said] * bool(said)
                yield from _holes(inside)


def _check(letter: Letter) -> None:
    """Raises Malformed where a field is used and not declared, two are asked for by one key, or no maker is known."""
    columns = [one for of in letter.lists.values() for one in of]
    known = {*letter.roles, *(one.name for one in columns)}
    holes = list(_holes(letter.parts))
    used = {name for name in holes if ":" not in name}
    if strange := sorted(used - known):
        raise Malformed(f"not declared: {strange}")
    lists = {part.id for part in letter.parts if isinstance(part, Repeated)}
    if idle := sorted(known - used - lists):
        raise Malformed(f"declared and not in the text: {idle}")
    if lists != set(letter.lists) or len(lists) > 1:
        raise Malformed(
            f"one list at most, its columns declared: repeated {sorted(lists)}, columns {sorted(letter.lists)}"
        )
    for part in letter.parts:
        if isinstance(part, Repeated):
            own = {Hole(column.name) for column in letter.lists[part.id]}
            if strange := [one for one in part.line if not isinstance(one, str) and one not in own]:
                raise Malformed(f"a repeated line holds text and the columns of its list, not {strange}")
        elif astray := [name for name in _holes((part,)) if ":" not in name and "." in name]:
            raise Malformed(f"a column outside of the line that is repeated: {astray}")
    makers = {name.partition(":")[2] for name in holes if ":" in name}
    makers |= {role.makers[0] for role in (*letter.roles.values(), *columns)} - {ROWS}
    makers |= {role.makers[0] for role in letter.absent} - {TEXT}
    if strange := sorted(one for one in makers if not Maker.knows(one)):
        raise Malformed(f"no such maker: {strange}")
    keys = [key for role in (*letter.roles.values(), *letter.absent) for key in {role.name, *role.keys}]
    if double := sorted({key for key in keys if keys.count(key) > 1}):
        raise Malformed(f"several fields are asked for by {double}")
    for name, role in letter.roles.items():
        labels = _labels(role)
        said = {label for part in letter.parts if isinstance(part, OneOf) for id_, label, _ in part.ways if id_ == name}
        if (labels is not None and not said) or said - set(labels or ()):
            raise Malformed(f"{name}: its words must be in the text, as one of {labels}, not {sorted(said)}")


def _labels(role: Role) -> tuple[str, ...] | None:
    kind, _, more = role.makers[0].partition(":")
    return ("true", "false") if kind == "bool" else tuple(more.split(";")) if kind == "enum" else None


class Letters:
    """Documents without end, out of those that are held out or of the others; asked about as a `Composer`'s are."""

    def __init__(self, pools: dict, rng: Random, held_out: bool = False):
        self.pools = pools | {"kind_names": sorted(pools["kinds"])}
        self.rng = rng
        self.letters = [one for one in table() if one.held_out == held_out]
        self.listed = 1 if held_out else LISTED

    def document(self, letter: Letter | None = None) -> Document:
        letter = letter or self._any()
        filled = _Filled(letter, Maker(self.pools, self.rng), self.rng)
        form = self.rng.random()
        noise = "lower" if form < 0.06 else "upper" if form < 0.08 else "ocr" if form < 0.12 and not filled.rows else ""
        facts = list(filled.facts.values())
        text = filled.page.finish(facts, noise)
        stripped = text.rstrip("\n")  # places stay as they are
        absent = (*letter.absent, *(role for name, role in letter.roles.items() if name not in filled.facts))
        absent = tuple(role for role in absent if not role.makers[0].startswith(ROWS))
        return Document(stripped, letter.scene, facts, as_written(filled.rows, text), absent=absent)

    def _any(self) -> Letter:
        """One of the letters, those with a list so much more often."""
        letter = self.rng.choice(self.letters)
        while not letter.lists and self.rng.random() >= 1 / self.listed:
            letter = self.rng.choice(self.letters)
        return letter

    def absent(self, document: Document) -> Role | None:
        """A role of which the document says nothing: one that its writer thought of, or any noun."""
        if document.absent and self.rng.random() < 0.8:
            return self.rng.choice(document.absent)
        role = open_role(self.pools, self.rng)
        words = {*role.keys, role.name}
        if any(words & {*fact.role.keys, fact.role.name} for fact in document.facts):
            return None
        return None if role.named_in(document.text) else role


class _Filled:
    """A letter with its holes filled in: the page, the facts that are stated, the list if there is one."""

    def __init__(self, letter: Letter, maker: Maker, rng: Random):
        self.letter, self.maker, self.rng = letter, maker, rng
        self.maker.begin(_manners(letter.language, rng))
        self.page, self.facts, self.others = Page(rng), {}, {}
        self.rows: Rows | None = None
        self.write(letter.parts)

    def write(self, parts: tuple) -> None:
        for part in parts:
            if isinstance(part, str):
                self.page.write(part)
            elif isinstance(part, Hole):
                self.hole(part.id)
            elif isinstance(part, Maybe):
                if self.rng.random() >= LEFT_OUT:
                    self.write(part.inside)
            elif isinstance(part, Repeated):
                self.repeated(part)
            else:
                self.one_of(part)

    def hole(self, name: str) -> None:
        if ":" in name:  # a value that nothing asks for
            if name not in self.others:
                self.others[name] = self.maker.make(name.partition(":")[2])
            self.page.write(self.others[name].text)
            return
        if name not in self.facts:
            role = self.letter.roles[name]
            kind = role.makers[0]
            self.facts[name] = Fact(role, self.maker.make(kind), role.labels["en"][0], maker=kind)
        self.page.put(self.facts[name])

    def one_of(self, part: OneOf) -> None:
        name, label, inside = self.rng.choice(part.ways)
        start = self.page.length
        self.write(inside)
        if name:
            role = self.letter.roles[name]
            labels = _labels(role)
            answer = {"true": True, "false": False}[label] if labels == ("true", "false") else label
            value = Value("bool" if isinstance(answer, bool) else "enum", answer, label, labels)
            self.facts[name] = Fact(role, value, role.labels["en"][0], [(start, self.page.length)], role.makers[0])

    def repeated(self, part: Repeated) -> None:
        columns = self.letter.lists[part.id]
        counts, shares = zip(*COUNTS)
        count = self.rng.choices(counts, shares)[0]
        if part.may_be_none and self.rng.random() < NO_ROWS:
            count = 0
        cells = [[self.maker.make(role.makers[0]) for role in columns] for _ in range(count)]
        names = [role.name for role in columns]
        kinds = tuple((role.keys, TYPES.get(role.makers[0].partition(":")[0], "string")) for role in columns)
        self.rows = Rows(self.letter.roles[part.id].keys, kinds, cells)
        for row in cells:
            spans: list = [None] * len(row)
            for piece in part.line:
                if isinstance(piece, str):
                    self.page.write(piece)
                else:
                    n = names.index(piece.id)
                    spans[n] = self.page.cell(row[n])
            self.rows.spans.append(spans)


def _manners(language: str, rng: Random) -> Manners:
    """Manners of a country that speaks the language of the document."""
    how = manners(rng)
    while how.language != language:
        how = manners(rng)
    return how


def main() -> None:
    """Reads files, and prints two filled documents of each."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pools", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    options = parser.parse_args()
    rng = Random()
    letters = Letters(pools.load(options.pools), rng)
    for path in options.files:
        found = []
        for n, whole in enumerate(documents(path.read_text(encoding="utf-8"))):
            try:
                found.append(parse(whole))
            except Malformed as error:
                print(f"{path}, document {n + 1}, {whole.splitlines()[0]!r}: {error}")
        print(f"{path}: {len(found)} documents")
        letters.letters = rng.sample(found, min(2, len(found)))
        for one in (Asker(letters, rng).example() for _ in letters.letters):
            print(f"-----\n{one.text}\n>> {one.ask}\n<< {one.answer}")


if __name__ == "__main__":
    main()

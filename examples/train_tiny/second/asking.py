"""What is asked of a document: keys in all spellings, types, descriptions, nesting, and the right answer."""

import json
from dataclasses import dataclass, field
from random import Random

from ctrldiff.types.ask import Asked
from examples.train_tiny.second.documents import Composer, Document
from examples.train_tiny.second.page import Fact
from examples.train_tiny.second.roles import Role

COUNTS = (1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 7, 7, 8, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20)
WORDS = {"int": "int", "number": "number", "bool": "bool", "date": "date", "string": ""}
GROUPS = "details info data record header meta entry document main summary content result facts".split()
SUFFIXES = ("_value", "_value", "_text", "_field", "_1", "_string", "_raw", "_data", "_info")
PREFIXES = ("doc_", "the_", "my_", "x_", "f_", "field_", "data_", "main_", "extracted_", "final_")
OPAQUE = ("a{}", "f{}", "field{}", "field_{}", "k{}", "x{}", "q_{}", "col{}", "p{}", "v{}", "item_{}", "c_{}")
STYLES = (
    *(
        ("snake", 44),
        ("camel", 15),
        ("Pascal", 3),
        ("kebab", 6),
        ("SHOUT", 9),
        ("Title", 6),
        ("spaces", 3),
        ("prefix", 4),
    ),
    *(("suffix", 6), ("scene", 4)),
)
BARE_LISTS = 0.12  # of the documents that have one are asked for it alone
BOTH_WAYS = {"int": "number"}


@dataclass(frozen=True)
class Leaf:
    """A scalar of an answer. spans: where the text says it; verbatim: the text has the very same signs."""

    value: object
    spans: tuple[tuple[int, int], ...] = ()
    verbatim: bool = False


@dataclass
class Example:
    """One training pair.

    leaves: (start, stop, Leaf) of every scalar in the answer. decisions: where values begin. place: what is asked, of
    objects.
    """

    text: str
    ask: str
    answer: str
    leaves: list[tuple[int, int, Leaf]] = field(default_factory=list)
    decisions: list[int] = field(default_factory=list)
    task: str = "extract"
    place: Asked | None = None


@dataclass
class Wanted:
    """One asked field: key, how its type is said, its value (Leafs in dicts and lists), whether it is left out."""

    key: str
    place: Asked
    value: object
    optional: bool = False
    left_out: bool = False


def spelled(words: list[str], style: str, rng: Random, scene: str = "doc") -> str:
    """A key of these words in one of the STYLES."""
    if style == "camel":
        return words[0] + "".join(word.capitalize() for word in words[1:])
    if style == "Pascal":
        return "".join(word.capitalize() for word in words)
    if style == "kebab":
        return "-".join(words)
    if style == "SHOUT":
        return "_".join(words).upper()
    if style == "Title":
        return " ".join(word.capitalize() for word in words)
    if style == "spaces":
        return " ".join(words)
    name = "_".join(words)
    if style == "scene":
        return f"{scene}_{name}"
    return name


class Writer:
    """JSON as ctrldiff writes it, with the place of every scalar."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.length = 0
        self.leaves: list[tuple[int, int, Leaf]] = []
        self.decisions: list[int] = []

    def write(self, text: str) -> None:
        self.pieces.append(text)
        self.length += len(text)

    def value(self, value: object) -> None:
        if isinstance(value, Leaf):
            start = self.length
            self.write(json.dumps(value.value, ensure_ascii=False))
            quote = isinstance(value.value, str)
            self.leaves.append((start + quote, self.length - quote, value))
        elif isinstance(value, dict):
            self.write("{")
            for n, (key, inner) in enumerate(value.items()):
                self.write(("," if n else "") + json.dumps(key, ensure_ascii=False) + ":")
                self.decisions.append(self.length)
                self.value(inner)
            self.write("}")
        else:
            self.write("[")
            for n, inner in enumerate(value):
                self.write("," * bool(n))
                self.decisions.append(self.length)
                self.value(inner)
            self.decisions.append(self.length)
            self.write("]")


class Asker:
    """Asks about documents."""

    def __init__(self, composer: Composer, rng: Random):
        self.composer, self.rng = composer, rng

    def example(self) -> Example:
        document = self.composer.document()
        if document.rows and self.rng.random() < BARE_LISTS:
            return self.bare_list(document)
        return self.bare(document) if document.facts and self.rng.random() < 0.05 else self.object(document)

    # ---- one field

    def key_words(self, role: Role, vague: bool) -> list[str]:
        pool = role.vague if vague and role.vague else role.keys
        return self.rng.choice(pool or role.vague).split("_")

    def told(self, role: Role, label: str) -> str:
        rng = self.rng
        if role.told and rng.random() < 0.6:
            return rng.choice(role.told)
        name = rng.choice(role.labels["en"]) if rng.random() < 0.7 else label
        return rng.choice(("{}", "the {}", "the {}, as given in the text", "{} if stated", "which {}")).format(name)

    def of_fact(self, fact: Fact) -> tuple[str, Asked, object]:
        """Type, how it is said, and the value."""
        rng, value, spans = self.rng, fact.value, tuple(fact.spans)
        kind = value.type
        if kind == "list":
            leaves = [Leaf(part, (span,), True) for part, span in zip(self._parts(fact), fact.part_spans)]
            return "list", Asked(items=(Asked(),)), leaves
        if kind == "enum":
            if rng.random() < 0.9 or value.text != fact.as_it_stands:
                labels = list(value.labels)
                if rng.random() < 0.5:
                    rng.shuffle(labels)
                if rng.random() < 0.2:
                    labels = [one for one in labels if one == value.answer or rng.random() < 0.7]
                return "enum", Asked(labels=tuple(labels)), Leaf(value.answer, spans)
            kind = "string"
        if kind == "bool":
            return kind, Asked("bool"), Leaf(value.answer, spans)
        if kind in ("date", "number", "int") and rng.random() < 0.04:
            return "string", Asked(), Leaf(fact.as_it_stands, spans, True)
        if kind == "string":
            answer = fact.answer if value.type == "string" else fact.as_it_stands
            return kind, Asked(), Leaf(answer, spans, answer == fact.as_it_stands)
        word = BOTH_WAYS.get(kind, kind) if rng.random() < 0.25 else kind
        return kind, Asked(WORDS[word]), Leaf(value.answer, spans)

    def _parts(self, fact: Fact) -> list[str]:
        start, _ = fact.spans[0]
        return [fact.as_it_stands[a - start : b - start] for a, b in fact.part_spans]

    def of_absent(self, role: Role) -> tuple[str, Asked]:
        """The type that a value of the role would have."""
        kind, _, more = self.rng.choice(role.makers).partition(":")
        if kind == "enum":
            return "enum", Asked(labels=tuple(row.partition("=")[0] for row in more.split(";")))
        word = {
            "bool": "bool",
            "int": "int",
            "year": "int",
            "money": "number",
            "dec": "number",
            "percent": "number",
        }.get(kind)
        if word or kind in ("past", "future", "birth"):
            return "other", Asked(word or "date")
        return ("list", Asked(items=(Asked(),))) if kind == "list" else ("string", Asked())

    # ---- lists of things

    def of_rows(self, document: Document) -> tuple[str, Asked, object]:
        rng, rows = self.rng, document.rows
        places = list(range(len(rows.columns)))
        if len(places) > 2 and rng.random() < 0.4:
            places = sorted({0, *rng.sample(places[1:], rng.randint(1, len(places) - 1))})
        if rng.random() < 0.15:
            rng.shuffle(places)
        key = rng.choice(rows.key_words)
        form = rng.random()
        if form < 0.1:
            return "number_of_" + key, Asked("int"), Leaf(len(rows.cells))
        if form < 0.25:
            return key, Asked(items=(Asked(),)), [self._cell(rows, n, 0) for n in range(len(rows.cells))]
        style = rng.choice(("snake", "snake", "snake", "camel", "SHOUT", "kebab"))
        nullable = rng.random() < 0.7
        names = {place: spelled(rng.choice(rows.columns[place][0]).split("_"), style, rng) for place in places}
        extra = "note" if rng.random() < 0.08 else ""
        keys = [(names[place], False, Asked(WORDS[rows.columns[place][1]], nullable=nullable)) for place in places]
        if extra:
            keys.append((extra, False, Asked(nullable=True)))
        if len({name for name, *_ in keys}) < len(keys):
            return "number_of_" + key, Asked("int"), Leaf(len(rows.cells))
        things = [
            {names[place]: self._cell(rows, n, place) for place in places} | ({extra: Leaf(None)} if extra else {})
            for n in range(len(rows.cells))
        ]
        return key, Asked(items=(Asked(keys=tuple(keys), is_object=True),)), things

    @staticmethod
    def _cell(rows, n: int, place: int) -> Leaf:
        value, span = rows.cells[n][place], rows.spans[n][place]
        return Leaf(value.answer, (span,), value.type == "string")

    # ---- objects

    def object(self, document: Document) -> Example:
        rng = self.rng
        count = min(rng.choice(COUNTS), int(1.7 * len(document.facts)) + rng.randint(1, 3))
        styles, shares = zip(*STYLES)
        style = rng.choices(styles, shares)[0]
        mode = rng.choices(("null", "required", "mixed", "optional"), (62, 12, 14, 12))[0]
        opaque, described = rng.random() < 0.08, rng.random() < 0.22
        if mode == "required" and opaque:
            mode = "null"
        prefix, suffix = rng.choice(PREFIXES), rng.choice(SUFFIXES)
        stated = list(document.facts)
        rng.shuffle(stated)
        missing = min(0.7, 0.08 + 0.025 * count)
        asked: set[str] = set()
        wanted: list[Wanted] = []
        if document.rows and rng.random() < 0.9:
            key, place, value = self.of_rows(document)
            nullable = mode == "null" and rng.random() < 0.5
            wanted.append(Wanted(spelled(key.split("_"), style, rng), _may_be_null(place, nullable), value))
        alone = {fact.maker for fact in stated if sum(fact.maker == one.maker for one in stated) == 1}
        for _ in range(3 * count):
            if len(wanted) >= count:
                break
            nullable = mode == "null" or (mode == "mixed" and rng.random() < 0.6)
            optional = mode == "optional" and rng.random() < 0.8
            if stated and rng.random() > missing:
                fact = stated.pop()
                role = fact.role
                _, place, value = self.of_fact(fact)
                words = self.key_words(role, fact.maker in alone and not document.open and rng.random() < 0.3)
                told, left_out = self.told(role, fact.label), False
            else:
                role = self.composer.absent(document)
                if role is None or not role.keys or asked & {role.name, *role.keys}:
                    continue
                kind, place = self.of_absent(role)
                words, told = self.key_words(role, False), self.told(role, role.labels["en"][0])
                left_out = optional
                value = Leaf(None)
                if not optional and not nullable:
                    if kind not in ("string", "list"):
                        nullable = True
                    value = (
                        Leaf("")
                        if kind == "string" and not nullable
                        else []
                        if kind == "list" and not nullable
                        else value
                    )
            asked |= {role.name, *role.keys}
            text = told.replace('"', "'") if opaque or (described and rng.random() < 0.7) else ""
            place = _may_be_null(place, nullable, text)
            if opaque:
                key = rng.choice(OPAQUE[:1] if len(wanted) else OPAQUE).format(len(wanted) + 1)
            else:
                key = spelled(words, style, rng, document.scene or "doc")
                key = prefix + key if style == "prefix" else key + suffix if style == "suffix" else key
            if all(key != other.key for other in wanted):
                wanted.append(Wanted(key, place, value, optional, left_out))
        rng.shuffle(wanted)
        if len(wanted) > 2 and rng.random() < 0.15:
            wanted = self.nested(wanted, style, document.scene)
        elif rng.random() < 0.02:
            wanted = [_wrapped(one) for one in wanted]
        return self.finished(document.text, wanted)

    def nested(self, wanted: list[Wanted], style: str, scene: str) -> list[Wanted]:
        """Some of the fields in an object of their own; rarely all of them."""
        rng = self.rng
        count = len(wanted) if rng.random() < 0.2 else rng.randint(2, min(5, len(wanted)))
        inside, rest = wanted[:count], wanted[count:]
        key = spelled([rng.choice((*GROUPS, scene or "doc", scene or "doc"))], style, rng)
        if any(one.key == key for one in rest):
            return wanted
        place = Asked(keys=tuple((one.key, one.optional, one.place) for one in inside), is_object=True)
        rest.insert(
            rng.randint(0, len(rest)), Wanted(key, place, {one.key: one.value for one in inside if not one.left_out})
        )
        return rest

    def finished(self, text: str, wanted: list[Wanted]) -> Example:
        place = Asked(keys=tuple((one.key, one.optional, one.place) for one in wanted), is_object=True)
        writer = Writer()
        writer.value({one.key: one.value for one in wanted if not one.left_out})
        # The terse style cannot say what may be left out, and of null and "" it knows null alone.
        plain = not any(one.optional for one in wanted) and all(leaf.value != "" for *_, leaf in writer.leaves)
        style = "keys" if plain and self.rng.random() < 0.15 else "described"
        answer = "".join(writer.pieces)
        return Example(text, place.said(style), answer, writer.leaves, writer.decisions, place=place)

    def bare(self, document: Document) -> Example:
        """One value that is stated, by its name."""
        fact = self.rng.choice(document.facts)
        _, place, value = self.of_fact(fact)
        name = spelled(self.key_words(fact.role, False), "snake", self.rng)
        return self._alone(document, place, name, value)

    def bare_list(self, document: Document) -> Example:
        """The things that a document lists, and nothing else of it; or how many they are."""
        key, place, value = self.of_rows(document)
        named = self.rng.random() < 0.5 or not isinstance(value, list)
        return self._alone(document, place, key if named else None, value)

    @staticmethod
    def _alone(document: Document, place: Asked, name: str | None, value: object) -> Example:
        said = place.said("described", name)
        if isinstance(value, list):
            writer = Writer()
            writer.value(value)
            answer = "".join(writer.pieces)
            return Example(document.text, said, answer, writer.leaves, writer.decisions, "bare", place)
        answer = value.value if isinstance(value.value, str) else json.dumps(value.value)
        return Example(document.text, said, answer, [(0, len(answer), value)], [0], "bare")


def schema_of(place: Asked) -> dict:
    """The JSON Schema that is asked for in these words."""
    if place.is_object:
        keys = {key: schema_of(inner) for key, _, inner in place.keys}
        required = [key for key, optional, _ in place.keys if not optional]
        schema = {"type": "object", "properties": keys, "required": required, "additionalProperties": False}
    elif place.items is not None:
        schema = {"type": "array", "items": schema_of(place.items[0])}
    elif place.labels:
        schema = {"enum": list(place.labels)}
    elif place.word == "date":
        schema = {"type": "string", "format": "date"}
    else:
        schema = {"type": {"int": "integer", "bool": "boolean", "": "string"}.get(place.word, place.word)}
    if place.nullable:
        schema = {"anyOf": [schema, {"type": "null"}]}
    return schema | ({"description": place.text} if place.text else {})


def _may_be_null(place: Asked, nullable: bool, text: str = "") -> Asked:
    return Asked(place.word, place.labels, place.kinds, place.keys, place.items, (), place.is_object, nullable, text)


def _wrapped(one: Wanted) -> Wanted:
    """{"key": {"value": ...}}."""
    if one.left_out or one.optional:
        return one
    return Wanted(one.key, Asked(keys=(("value", False, one.place),), is_object=True), {"value": one.value})

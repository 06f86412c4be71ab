"""One document: which facts, in which layout, with what between them."""

from dataclasses import dataclass, field
from random import Random

from examples.train_tiny.second.layouts import ICS, VCARD, Layouts
from examples.train_tiny.second.page import Fact, Page, Rows
from examples.train_tiny.second.roles import Role, open_role, table
from examples.train_tiny.second.spelling import manners
from examples.train_tiny.second.values import Maker, Value

LAYOUTS = (
    *(("form", 22), ("mail", 18), ("prose", 13), ("chat", 9), ("columns", 7), ("pairs", 6), ("card", 5), ("scrap", 9)),
    *(("bare", 4), ("spoken", 3)),
)
EVIDENT = {"person", "email", "url", "phone", "past", "future", "street", "city", "job", "company", "iban", "country"}
NAMES = {"person", "first", "last", "doctor"}
# Columns of lists: names to ask by, type, maker. The first is the thing itself, the second may be its count.
TABLES = (
    (
        "items line_items positions articles goods products lines entries order_items",
        (
            ("name product item description article title what product_name", "string", "product"),
            ("quantity qty count units pieces how_many amount number", "int", "int:1:40"),
            ("price unit_price cost rate price_each", "number", "money"),
            ("sku article_no code item_number ref", "string", "code"),
        ),
    ),
    (
        "items products purchases receipt_lines bought",
        (
            ("name product item description article", "string", "food"),
            ("price amount cost total sum", "number", "money"),
            ("vat tax_code", "string", "word"),
        ),
    ),
    (
        "participants attendees people members guests staff players team contacts",
        (
            ("name person full_name who", "string", "person"),
            ("organisation company firm from employer", "string", "company"),
            ("role job title function", "string", "job"),
            ("email mail", "string", "email"),
        ),
    ),
    (
        "schedule sessions events appointments program lessons agenda timetable",
        (
            ("title what topic subject event name group", "string", "event"),
            ("time start starts start_time at", "string", "time"),
            ("room place hall where", "string", "room"),
            ("speaker teacher leader who", "string", "person"),
        ),
    ),
    (
        "expenses payments transactions bookings costs entries",
        (
            ("what purpose description item for text", "string", "product"),
            ("amount sum cost value", "number", "money"),
            ("date day on booked", "date", "past"),
        ),
    ),
    (
        "stock inventory supplies ingredients list shopping_list larder",
        (
            ("article name item what ingredient", "string", "food"),
            ("count quantity how_many amount pieces", "int", "int:0:90"),
        ),
    ),
    (
        "readings results values measurements tests scores",
        (
            ("name test parameter what player team", "string", "kind:substance;body part;measure;vitamin"),
            ("value result points score", "number", "dec:0.1:300:1"),
            ("unit", "string", "pick:mg;ml;g/l;%;cm;kg;bar;V;pts"),
        ),
    ),
)
# Roles that a value of their kind fills whatever it is there for: the customer of a bill is a name too.
GENERAL = frozenset(
    "name first_name last_name company city street country phone email website job product topic".split()
)
COUNTS = ((0, 6), (1, 12), (2, 20), (3, 24), (4, 16), (5, 9), (6, 6), (7, 4), (8, 3))


@dataclass
class Document:
    """A text and what it states. open: makers whose values stand there without a role; nothing asks for them. absent:
    what the text was written not to state."""

    text: str
    scene: str
    facts: list[Fact]
    rows: Rows | None = None
    open: set[str] = field(default_factory=set)
    absent: tuple[Role, ...] = ()


class Composer:
    """Documents without end; the same `rng` state gives the same document in every process."""

    def __init__(self, pools: dict, rng: Random):
        self.pools = pools | {"kind_names": sorted(pools["kinds"])}
        self.rng = rng
        self.roles = table()
        self.scenes = sorted({scene for role in self.roles for scene in role.scenes})
        self.by_scene = {scene: [role for role in self.roles if scene in role.scenes] for scene in self.scenes}
        self.by_scene["meter"] += self.by_scene["bank"]

    def document(self) -> Document:
        rng = self.rng
        maker = Maker(self.pools, rng)
        how = manners(rng)
        scene = rng.choice(self.scenes) if rng.random() < 0.93 else ""
        layout = rng.choices([name for name, _ in LAYOUTS], [share for _, share in LAYOUTS])[0]
        if layout == "card":
            scene = rng.choice(("person", "person", "event"))
            if rng.random() < 0.6:
                how = type(how)("iso", how.currency, "packed", False)
        maker.begin(how)
        facts = self.facts(maker, scene, layout, how.language)
        rows = self.list_of_things(maker) if rng.random() < 0.17 and layout not in ("card", "bare") else None
        page, layouts = Page(rng), Layouts(maker, rng)
        open_makers = NAMES if layout in ("mail", "chat") else set()
        long = rng.random() < 0.06
        if long:
            layouts.aside(page, 0.85)
        place = rng.random()
        if rows and place < 0.3:
            layouts.rows(page, rows)
            page.write("\n")
        getattr(layouts, layout)(page, facts)
        if rows and place >= 0.3:
            page.write(rng.choice(("\n", "\n", "\n\n", "\n----\n", " ")))
            layouts.rows(page, rows)
        if long or rng.random() < 0.08:
            page.write("\n")
            layouts.aside(page, 0.9 if long else 0.5)
        form = rng.random()
        lower = 0.3 if layout in ("chat", "scrap", "spoken") else 0.03
        noise = "lower" if form < lower else "upper" if form < lower + 0.025 else "ocr" if form < lower + 0.06 else ""
        if layout == "spoken":
            noise = "lower"
        if rows and noise == "ocr":
            noise = ""
        text = page.finish(facts, noise)
        return Document(text, scene, [fact for fact in facts if fact.spans], as_written(rows, text), set(open_makers))

    def facts(self, maker: Maker, scene: str, layout: str, language: str) -> list[Fact]:
        """Facts whose roles cannot be taken for one another."""
        rng = self.rng
        count = rng.choice((1, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 8, 9, 10, 12, 15))
        facts: list[Fact] = []
        taken: set[str] = set()
        for _ in range(3 * count):
            if len(facts) == count:
                break
            form = rng.random()
            if layout == "card":
                names = VCARD if scene == "person" else ICS
                role = rng.choice([role for role in self.by_scene[scene] if role.name in names or form < 0.06])
            elif not scene or form < 0.11:
                role = open_role(self.pools, rng)
            else:
                role = rng.choice(self.by_scene[scene] if form < 0.93 else self.roles)
            kind = rng.choice(role.makers)
            words = {*role.keys, *role.labels["en"], role.name}
            if words & taken or (layout == "bare" and kind not in EVIDENT):
                continue
            if layout == "bare" and any(kind == fact.maker for fact in facts):
                continue
            taken |= words
            labels = role.labels.get(language if rng.random() < 0.85 else "en") or role.labels["en"]
            fact = Fact(role, maker.make(kind), rng.choice(labels), maker=kind)
            facts.append(fact)
        return facts

    def list_of_things(self, maker: Maker) -> Rows:
        rng = self.rng
        names, columns = rng.choice(TABLES)
        width = rng.choice((2, 2, 3, 3, 4))
        columns = columns[:width]
        count = rng.choices([n for n, _ in COUNTS], [w for _, w in COUNTS])[0]
        cells = [[maker.make(column[2]) for column in columns] for _ in range(count)]
        return Rows(tuple(names.split()), tuple((tuple(column[0].split()), column[1]) for column in columns), cells)

    def absent(self, document: Document) -> Role | None:
        """A role of which the document says nothing."""
        rng = self.rng
        form = rng.random()
        if form < 0.5 and document.scene:
            role = rng.choice(self.by_scene[document.scene])
        else:
            role = rng.choice(self.roles) if form < 0.85 else open_role(self.pools, rng)
        words = {*role.keys, *role.labels["en"], role.name}
        heads = {kind.partition(":")[0] for kind in role.makers}
        for fact in document.facts:
            if words & {*fact.role.keys, *fact.role.vague, *fact.role.labels["en"], fact.role.name, fact.label}:
                return None
        if heads & document.open or (document.rows and heads & {"money", "int", "product", "food"}):
            return None
        if role.name in GENERAL and any(fact.maker.partition(":")[0] in heads for fact in document.facts):
            return None
        return None if role.named_in(document.text) else role


def as_written(rows: Rows | None, text: str) -> Rows | None:
    """The cells as they stand in the finished text."""
    if rows is None:
        return None
    for cells, spans in zip(rows.cells, rows.spans):
        for n, span in enumerate(spans):
            if cells[n].type == "string":
                stands = text[slice(*span)]
                cells[n] = Value("string", stands, stands)
    return rows

"""How facts are laid out: forms, letters, chats, tables, receipts, cards and whatever else people send."""

from collections.abc import Callable
from random import Random

from examples.train_tiny.second.page import Fact, Page, Rows
from examples.train_tiny.second.values import Maker, phrases

FRAMES = phrases("""The {n} is {}
the {n} was {}|our {n} is {}|{n}: {}|{n} - {}|{n} is {}|{} is the {n}|please note the {n}: {}
the {n} we have is {}
with {} as {n}|as for the {n}, it is {}|the {n} will be {}|its {n} is {}|for the {n} put {}|{n} {}
under "{n}" it says {}
the {n} has been changed to {}|{n} (as discussed): {}|what about the {n}? {}|the {n} remains {}
their {n}, {}, is known
{} was given as the {n}|we noted {} as the {n}|btw {n} is {}|you asked for the {n}: {}""")
SEPARATORS = (
    ": ",
    ": ",
    ": ",
    ":",
    " : ",
    " - ",
    " = ",
    "=",
    "\t",
    "  ",
    "    ",
    " | ",
    " ..... ",
    " -> ",
    "; ",
    " ",
    ":\n",
    "\n",
)
JOINERS = ("\n", "\n", "\n", "\n", "\n", "; ", ", ", " | ", " / ", "\n- ", "\n* ", "\n\n", "   ", " • ")
GREETINGS = phrases("""Dear {},|Hi {},|Hello {},|Hey {}!|Dear Mr {},|Good morning,|Hi all,|Dear team,
To whom it may concern|Hello|Guten Tag,
Sehr geehrte Damen und Herren,|Bonjour,|Madame, Monsieur,|Hola {},|Estimado cliente:|Hi there,|Dear colleagues,
Ciao {},|Dear customer,
{},|hallo {},|Liebe {},|Dear Sir or Madam,|Good evening {},""")
CLOSINGS = phrases("""Best regards|Kind regards,|Thanks!|Thank you,|Best,|Cheers|Yours sincerely,
Many thanks and best wishes|Mit freundlichen Grüßen
Viele Grüße|Cordialement,|Bien à vous|Saludos|Un saludo,|Regards|See you|Yours faithfully|Talk soon,|Warmly,
thx|LG|All the best""")
TITLES = phrases("""INVOICE|Rechnung|FACTURE|FACTURA|ORDER FORM|Order confirmation|REGISTRATION|Memo|NOTICE|Record
DELIVERY NOTE|Data sheet|Profile
Application form|Booking|Report|Details|Contact card|Appointment|CONFIRMATION|Reservation|Statement|Minutes
Receipt|Ticket|FORM 12-B|Announcement
# Summary|*** IMPORTANT ***|Lieferschein|Bestätigung|Info|Reminder|Auftrag|Certificate|Entry|Update""")
SUBJECTS = phrases("""question|update|your request|details|reminder|fwd: info|news|re: re: please check|hello|see below
short notice|as promised""")
ASIDES = phrases("""by the way|also|and|then|oh and|besides|in addition|moreover|so|as said|note that|remember:
one more thing:|ps:|fyi|first of all|well""")
CHATTER = phrases("""ok|thanks!|lol|yep|sure|hm|really?|k|great|sounds good|one sec|let me check|found it|?|cool|np
sorry was away|what else|got it
and?|haha|no idea|wait|yes please|mhm|tell me more|right|ok done""")
VCARD = {
    "name": "FN",
    "company": "ORG",
    "job": "TITLE",
    "phone": "TEL;TYPE=WORK",
    "mobile": "TEL;TYPE=CELL",
    "fax": "TEL;TYPE=FAX",
    "email": "EMAIL",
    "website": "URL",
    "birth_date": "BDAY",
    "street": "ADR;TYPE=WORK",
    "city": "ADR;TYPE=HOME",
    "first_name": "NICKNAME",
    "topic": "NOTE",
}
ICS = {
    "event": "SUMMARY",
    "event_date": "DTSTART;VALUE=DATE",
    "next_date": "DTEND;VALUE=DATE",
    "venue": "LOCATION",
    "organizer": "ORGANIZER;CN",
    "topic": "DESCRIPTION",
    "event_status": "STATUS",
    "website": "URL",
    "attendees": "ATTENDEE",
}


def sentence(fact: Fact, rng: Random) -> str:
    """Something that says the fact; "{}" is the value."""
    if fact.value.type == "bool":
        says = fact.role.yes if fact.value.answer else fact.role.no
        if says and rng.random() < 0.9:
            return rng.choice(says)
    elif fact.role.says and rng.random() < 0.85:
        return rng.choice(fact.role.says)
    return rng.choice(FRAMES).replace("{n}", fact.label)


class Layouts:
    """Writers of pages; each takes a page and facts in order."""

    def __init__(self, maker: Maker, rng: Random):
        self.maker, self.rng, self.pools = maker, rng, maker.pools

    def filler(self) -> str:
        """A sentence that says nothing of the kind that is asked."""
        text = self.rng.choice(self.pools["sentences"])
        return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else self.rng.choice("....!"))

    def aside(self, page: Page, rate: float) -> None:
        while self.rng.random() < rate:
            page.write(self.filler() + self.rng.choice((" ", " ", "\n")))

    # ---- labels

    def label_style(self) -> Callable[[str], str]:
        return self.rng.choice((str, str, _capital, _capital, str.title, str.upper, str.lower))

    def form(self, page: Page, facts: list[Fact]) -> None:
        rng = self.rng
        if rng.random() < 0.5:
            page.write(rng.choice(TITLES) + rng.choice(("\n", "\n\n", "\n=====\n", "\n---------\n")))
        style, separator, joiner = self.label_style(), rng.choice(SEPARATORS), rng.choice(JOINERS)
        if separator.endswith("\n") or ("\n" not in joiner and separator in ("; ", "\t")):
            separator, joiner = ": ", joiner if "\n" not in separator else "\n"
        if separator == "\n":
            joiner = "\n"
        width = rng.choice((0, 0, 0, 14, 18, 22))
        fill = rng.choice((" ", " ", "."))
        for n, fact in enumerate(facts):
            if n:
                page.write("      " if joiner == "\n" and rng.random() < 0.06 else joiner)
            label = style(fact.label)
            if separator == "\n":
                page.write(label + ":\n")
            elif width:
                page.write((label + rng.choice((":", ""))).ljust(width, fill) + " ")
            else:
                page.write(label + separator)
            page.put(fact)
            if joiner == "\n" and rng.random() < 0.04:
                page.write("\n" + self.filler())
        page.write(rng.choice(("", "", "\n", ".")))

    def pairs(self, page: Page, facts: list[Fact]) -> None:
        """key=value, "key": "value", and what programs write."""
        rng = self.rng
        form = rng.choice(
            ("{k}={v}", "{k}={v}", '"{k}": "{v}"', "{k}: {v}", '{k}="{v}"', "<{k}>{v}</{k}>", "{k};{v}", "[{k}] {v}")
        )
        joiner = rng.choice(("\n", "\n", " ", "&", ", ", "; ")) if '"' in form or "=" in form else "\n"
        if rng.random() < 0.3:
            page.write(
                f"{self.maker.make('code').text} {rng.choice(('INFO', 'created', 'entry', 'POST /form', 'WARN'))} "
            )
        for n, fact in enumerate(facts):
            name = rng.choice(fact.role.keys) if rng.random() < 0.5 else fact.label.replace(" ", "_").replace(".", "")
            before, after = form.replace("{k}", name).split("{v}")
            page.write((joiner if n else "") + before)
            page.put(fact)
            page.write(after)

    def columns(self, page: Page, facts: list[Fact]) -> None:
        """A row of names and a row of values."""
        rng = self.rng
        sign = rng.choice((",", ",", ";", ";", "\t", "|", " | "))
        lead, tail = ("| ", " |") if sign == " | " else ("", "")
        style = self.label_style()
        names = [
            style(fact.label if rng.random() < 0.6 else rng.choice(fact.role.keys)).replace(",", "") for fact in facts
        ]
        page.write(lead + sign.join(names) + tail + "\n")
        if lead:
            page.write("|" + "---|" * len(facts) + "\n")
        page.write(lead)
        for n, fact in enumerate(facts):
            page.write(sign if n else "")
            quoted = '"' if sign == "," and ("," in fact.value.text or rng.random() < 0.05) else ""
            page.write(quoted)
            page.put(fact)
            page.write(quoted)
        page.write(tail)

    def card(self, page: Page, facts: list[Fact]) -> None:
        """A vCard or a calendar entry; facts that neither knows are notes."""
        names, kind = (
            (VCARD, "VCARD")
            if sum(f.role.name in VCARD for f in facts) >= sum(f.role.name in ICS for f in facts)
            else (ICS, "VEVENT")
        )
        page.write(
            f"BEGIN:{kind}\n" + ("VERSION:3.0\n" if kind == "VCARD" else f"UID:{self.maker.make('word').text}\n")
        )
        for fact in facts:
            page.write(names.get(fact.role.name, "X-" + fact.label.upper().replace(" ", "-").replace(".", "")) + ":")
            page.put(fact)
            page.write("\n")
        page.write(f"END:{kind}")

    # ---- sentences

    def prose(self, page: Page, facts: list[Fact], filler: float = 0.25) -> None:
        rng = self.rng
        self.aside(page, filler)
        joined = False
        for n, fact in enumerate(facts):
            said = sentence(fact, rng)
            if not joined and n and rng.random() < 0.2:
                page.write(_capital(rng.choice(ASIDES)) + " ")
                page.say(said, fact, capital=False)
            else:
                page.say(said, fact, capital=not joined)
            joined = n + 1 < len(facts) and rng.random() < 0.35
            if joined:
                page.write(rng.choice((", ", " and ", ", and ", " - ", "; ", ", ")))
            else:
                page.write(rng.choice((". ", ". ", ". ", ".\n", "! ", ".\n\n", "\n")))
                self.aside(page, filler / 2)

    def mail(self, page: Page, facts: list[Fact]) -> None:
        rng = self.rng
        form = rng.random()
        if form < 0.3:
            page.write(f"From: {self.maker.make('person').text}\nSubject: {rng.choice(SUBJECTS)}\n\n")
        if rng.random() < 0.8:
            page.write(
                rng.choice(GREETINGS).replace("{}", self.maker.local(rng.choice(("first", "last"))))
                + rng.choice(("\n", "\n\n", " "))
            )
        cut = rng.randint(0, len(facts))
        if rng.random() < 0.5 and 0 < cut:
            self.prose(page, facts[:cut])
            if facts[cut:]:
                page.write("\n")
                self.form(page, facts[cut:])
        else:
            self.prose(page, facts, 0.35)
        self.aside(page, 0.3)
        if rng.random() < 0.8:
            page.write(f"\n{rng.choice(CLOSINGS)}\n{self.maker.local('first')}")
            if rng.random() < 0.2:
                page.write(f"\n-- \nSent from my {self.maker.noun('artifact')}")

    def chat(self, page: Page, facts: list[Fact]) -> None:
        rng = self.rng
        who = [self.maker.local("first").lower() if rng.random() < 0.4 else self.maker.local("first") for _ in range(2)]
        stamped, minute = rng.random() < 0.5, rng.randrange(420, 1300)
        form = (
            rng.choice(("[{t}] {n}: ", "{t} {n}: ", "{n} ({t}): ", "<{n}> "))
            if stamped
            else rng.choice(("{n}: ", "{n}: ", "<{n}> ", "{n} > "))
        )
        speaker = 0

        def line() -> None:
            nonlocal minute, speaker
            if page.length:
                page.write("\n")
            minute += rng.randrange(4)
            page.write(form.replace("{t}", f"{minute // 60 % 24:02}:{minute % 60:02}").replace("{n}", who[speaker]))
            if rng.random() < 0.6:
                speaker = 1 - speaker

        for fact in facts:
            if rng.random() < 0.25:
                line()
                page.write(rng.choice(CHATTER) if rng.random() < 0.7 else self.filler().lower())
            if rng.random() < 0.3:
                line()
                page.write(
                    rng.choice(
                        ("whats the {}?", "and the {}", "{}?", "do you know the {}", "what about {}", "need the {} too")
                    ).format(fact.label)
                )
                line()
                page.write(rng.choice(("", "", "its ", "think it was ", "says ", "ok so ", "that'd be ")))
                page.put(fact)
                continue
            line()
            page.say(sentence(fact, rng), fact, capital=rng.random() < 0.4)
        if rng.random() < 0.5:
            line()
            page.write(rng.choice(CHATTER))

    def scrap(self, page: Page, facts: list[Fact]) -> None:
        """Advertisements, text messages, notes: what has no whole sentences."""
        rng = self.rng
        joiner = rng.choice((", ", ", ", " - ", " / ", ". ", "\n", " -- ", "; "))
        for n, fact in enumerate(facts):
            page.write(joiner if n else "")
            page.say(sentence(fact, rng), fact, capital=rng.random() < 0.3)
        page.write(rng.choice(("", ".", "!")))

    def bare(self, page: Page, facts: list[Fact]) -> None:
        """Values under one another, as on a card or below a letter; only for values that say what they are."""
        for n, fact in enumerate(facts):
            if n:
                page.write(self.rng.choice(("\n", "\n", "\n", ", ", " | ")))
            page.put(fact)

    def spoken(self, page: Page, facts: list[Fact]) -> None:
        rng = self.rng
        page.write(rng.choice(("hi ", "hello ", "um ", "so ", "", "message from last night ", "hi its me ")))
        for fact in facts:
            page.say(sentence(fact, rng), fact, capital=False)
            page.write(rng.choice((" ", " and ", " um ", " so ", " then ", " you know ", " right ")))
        page.write(rng.choice(("thanks bye", "", "talk later", "ok bye")))

    # ---- lists

    def rows(self, page: Page, rows: Rows) -> None:
        """A list of things, a line each or in a sentence."""
        rng = self.rng
        form = rng.choices(
            ("columns", "table", "csv", "lines", "sentence", "dashes", "chat"), (22, 10, 14, 20, 14, 14, 6)
        )[0]
        style, names = self.label_style(), [rng.choice(keys).replace("_", " ") for keys, _ in rows.columns]
        rows.spans = []
        if not rows.cells:
            page.write(rng.choice(("none", "-", "(empty)", "no entries", "nothing to report", "")))
            return
        if form == "sentence":
            for n, cells in enumerate(rows.cells):
                page.write("" if not n else rng.choice((" and ", ", and ")) if n == len(rows.cells) - 1 else ", ")
                rows.spans.append(self._told(page, rows, cells, ("{}", " of {}", " at {}", " ({})", ", {}")))
            page.write(".")
            return
        if form in ("columns", "table", "csv"):
            sign = {"columns": "  ", "table": " | ", "csv": rng.choice(",;\t")}[form]
            edge = "| " if form == "table" else ""
            widths = (
                [max(len(n), *(len(row[c].text) for row in rows.cells)) + 1 for c, n in enumerate(names)]
                if form == "columns"
                else [0] * 9
            )
            if form != "columns" or rng.random() < 0.7:
                page.write(
                    edge
                    + sign.join(style(n).ljust(w) for n, w in zip(names, widths)).rstrip()
                    + ("\n|---|" if edge and rng.random() < 0.6 else "")
                )
                page.write("\n")
            for n, cells in enumerate(rows.cells):
                page.write(("\n" if n else "") + edge)
                spans: list[tuple[int, int] | None] = []
                for c, (cell, width) in enumerate(zip(cells, widths)):
                    page.write(sign if c else "")
                    spans.append(page.cell(cell))
                    page.write(" " * (width - len(cell.text)))
                rows.spans.append(spans)
            return
        lead = {
            "lines": "",
            "dashes": rng.choice(("- ", "* ", "• ", "1. ", "[ ] ")),
            "chat": self.maker.local("first").lower() + ": ",
        }[form]
        pieces = rng.choice(
            (
                ("{}", " {}", "  {}", " - {}"),
                ("{}", ", {}", ", {}", ", {}"),
                ("{}", ": {}", " / {}", " {}"),
                ("{}", "  {}", "  {}", "  {}"),
            )
        )
        for n, cells in enumerate(rows.cells):
            page.write(("\n" if n else "") + lead)
            rows.spans.append(self._told(page, rows, cells, pieces))

    def _told(self, page: Page, rows: Rows, cells: list, pieces: tuple[str, ...]) -> list:
        """One row: the count before the thing where there is one, then the rest."""
        rng, spans = self.rng, [None] * len(cells)
        order = list(range(len(cells)))
        if rows.columns[1][1] == "int" and rng.random() < 0.75:
            order[0], order[1] = 1, 0
            pieces = ("{}", rng.choice((" {}", " x {}", "x {}", " × {}", " pcs {}")), *pieces[2:], " {}")
        for place, column in enumerate(order):
            before, after = (pieces[place] if place < len(pieces) else ", {}").split("{}")
            page.write(before)
            spans[column] = page.cell(cells[column])
            page.write(after)
        return spans


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]

"""What a document kind can say: its fields, the many names they are asked by, and the many ways to state them.

A pattern may hold alternatives "(a|b|)", one "{}" for the field's own value, and named slots "{total}" for other
fields or "{x...}" for distractors (values of the right type that answer no question).
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Field:
    """One fact a document may state.

    kind: string, int, number, bool, date, enum, list, items. `make` names a method of `facts.Facts`.
    keys: names it is asked by. nouns: what people call it. says: whole sentences; yes / no: the same for booleans.
    """

    name: str
    kind: str
    make: str
    keys: tuple[str, ...]
    nouns: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    yes: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)  # an enum's value -> its sentences


@dataclass(frozen=True)
class Kind:
    """A document kind: fields, sentences that state several of them, block layouts, and what else may stand there."""

    name: str
    fields: tuple[Field, ...]
    joint: tuple[str, ...]
    titles: tuple[str, ...]
    block: tuple[tuple[str, ...], ...]
    noise: tuple[str, ...]


def make_field(name, kind, make, keys, nouns="", says="", **more) -> Field:
    """A Field from compact text: keys by blanks, nouns by commas, sentences by lines."""
    for role, text in more.items():
        more[role] = {k: lines(v) for k, v in text.items()} if role == "words" else lines(text)
    return Field(
        name,
        kind,
        make,
        tuple(keys.split()),
        tuple(n.strip() for n in nouns.split(",") if n.strip()),
        lines(says),
        **more,
    )


def lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.strip().splitlines() if line.strip())


# Frames turn any noun into a sentence; {n} is the noun, {} the value.
FRAMES = lines("""
    The {n} is {}.
    The {n} was {}.
    Our {n} is {}.
    The {n}: {}.
    {n}: {}.
    {n} {}.
    {n} is {}.
    {n} - {}.
    {} is the {n}.
    {} (was|is) (given|listed|noted|recorded|entered) as the {n}.
    (Please note that|Note that|Just so you know,|For reference,|As agreed,|To confirm,) the {n} is {}.
    The {n} (given|listed|stated|shown|recorded|on file|on record|we have) is {}.
    (We have|We noted|We recorded|I wrote down|I have) {} as the {n}.
    (For|As) the {n}, (please use|use|we have|take|put|see) {}.
    As for the {n}, (it is|that is|it's) {}.
    With {} as (the|its) {n}.
    The {n} (comes to|stands at|remains|reads|will be|should be) {}.
    (Its|Their|Your) {n} is {}.
    (The|And the) {n}? {}.
    {n} (according to our records|as far as we know|as discussed): {}.
    (See|Check) {n} {}.
    The {n} (has been|was) (set to|changed to|confirmed as|registered as|logged as) {}.
    (Under|Next to) "{n}" (it says|we find|stands) {}.
""")
LABEL_SEPARATORS = (": ", ": ", ": ", ":", " - ", " = ", "\t", "  ", " | ", " : ", " -> ", "   ", " .... ")
LINE_JOINERS = ("\n", "\n", "\n", "\n", "; ", ", ", " | ", " / ", "\n- ", "\n* ", "\n\n")

CONNECTORS = (
    "Also, ",
    "Moreover, ",
    "In addition, ",
    "By the way, ",
    "Furthermore, ",
    "Besides, ",
    "And ",
    "So ",
    "Then ",
    "Note: ",
    "PS: ",
    "FYI, ",
    "Meanwhile, ",
    "Finally, ",
    "First, ",
    "Next, ",
    "Well, ",
)
OPENERS = lines("""
    Hi {xfirst},
    Hello {xfirst},
    Dear {xname},
    Dear team,
    Hi all,
    Hello,
    Good morning,
    Dear Sir or Madam,
    Hey,
    From: {xemail}
    To whom it may concern,
    Memo
    Note to self:
    Message from {xfirst}:
    [{xclock}] {xfirst}:
    {xfirst} wrote:
    Subject: (update|question|details|your request|for your records|FYI|information)
    Date sent: {xdate}
    Thanks for your message.
    (Here are the details.|Here is what we know.|Please find the details below.|See below.|Some details:)
""")
CLOSERS = lines("""
    Best regards, {xname}
    Kind regards, {xfirst}
    Thanks, {xfirst}
    Thank you!
    Best, {xfirst}
    Yours sincerely, {xname}
    Cheers
    Let me know if anything is unclear.
    Please get in touch with any questions.
    Questions? (Call|Ring) {xphone}.
    Questions? Write to {xemail}.
    Sent from my phone
    See you soon!
    Have a nice day.
    Printed on {xdate}.
    Page {xint} of {xint}
    Entered by {xname}.
    (This message was sent automatically.|Please do not reply.|All details without guarantee.)
    Our office is closed on {xdate}.
""")

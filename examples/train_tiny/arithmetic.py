"""Word problems whose answer is an expression of the numbers in the text, and small sums to work out."""

from random import Random

from examples.train_tiny.phrases import SEEN, choose, expand
from examples.train_tiny.questions import Example
from examples.train_tiny.values import Values

THINGS = (
    "apples coins books marbles stamps eggs pens cards shells stickers tickets cookies photos plants bricks "
    "candles flowers keys buttons bottles".split()
)
BOXES = "boxes bags baskets shelves crates packs jars rows trays drawers".split()
START = (
    "{who} has {a} {things}.",
    "{who} (owns|starts with|begins with|keeps|holds) {a} {things}.",
    "There are {a} {things} (on the table|in the shop|in a box|in the room).",
    "(At first|In the morning|Today|On Monday), {who} has {a} {things}.",
    "A shop has {a} {things}.",
    "{who} collected {a} {things}.",
    "{a} {things} (lie|are) on the table.",
    "(On the table|In a drawer|In the shop|On a shelf) (there are|are|lie) {a} {things}.",
    "{who} (found|bought|was given|received) {a} {things}.",
    "Once there were {a} {things}.",
    "Let us say that {who} has {a} {things}.",
    "You start with {a} {things}.",
    "We count {a} {things}.",
    "{who} brings {a} {things} (home|to school|along).",
    "(A friend of {who}|The teacher|The neighbour) has {a} {things}.",
)
GROUPS = (
    "{who} has {b} {boxes} with {a} {things} each.",
    "There are {b} {boxes} of {a} {things} each.",
    "Each of {b} {boxes} holds {a} {things}.",
    "{who} (packs|fills) {b} {boxes}, each with {a} {things}.",
    "{who} buys {b} {boxes}. Every one of them (contains|has) {a} {things}.",
    "A shop sells {b} {boxes} with {a} {things} in each.",
    "{b} {boxes} (hold|contain) {a} {things} each.",
    "(On the table|In the room|In the shop) (stand|are) {b} {boxes} with {a} {things} in every one.",
    "{who} (fills|packs) {b} {boxes} with {a} {things} each.",
    "In each of {b} {boxes} there are {a} {things}.",
    "We see {b} {boxes}, and {a} {things} in each of them.",
    "{b} {boxes} arrive, each full of {a} {things}.",
)
MORE = (
    "{Who2} gives {them} {b} more.",
    "{They} (buys|gets|finds|receives|adds) {b} more.",
    "{They} (buys|gets|finds|collects) {b} more {things}.",
    "Then {b} more {things} arrive.",
    "{b} (others|more) are (added|brought|put there).",
    "Another {b} {things} come in.",
    "(Later|Then|After that), {they} (gets|finds|buys) {b}.",
    "{Who2} adds {b}.",
    "{b} more (turn up|are found|are bought|come).",
    "{Who2} (brings|hands over|sends) {b} (more|others|{things}).",
    "{They} (is given|picks up|makes) another {b}.",
    "(Then|Later|The next day), {b} are added.",
    "After a while there are {b} more.",
    "{b} new {things} (come|are delivered).",
    "{They} (buys|finds) a further {b}.",
)
LESS = (
    "{They} (gives away|loses|sells|uses|breaks) {b}.",
    "{They} (gives|hands|sells) {b} to {who2}.",
    "{Who2} takes {b} (away|of them).",
    "(Later|Then|After that), {they} (loses|sells|gives away) {b}.",
    "{b} of them (break|are lost|are sold|go missing|are gone).",
    "{b} {things} are (lost|sold|taken away).",
    "{They} (throws away|eats|drops|spends) {b} of them.",
    "{Who2} (borrows|gets|buys) {b} (of them|{things}) from {them}.",
    "(Then|Later|The next day), {b} are (gone|sold|missing|broken).",
    "But {b} (of them|) (fall down|get lost|are stolen).",
    "{They} (lends|passes|mails) {b} to a friend.",
    "{b} go to {who2}.",
)
SHARE = (
    "{They} (shares|splits|divides) (them|all of them) (equally|evenly) among {b} (friends|people|children).",
    "(They are|All of them are) (shared|split|divided) (equally|evenly) among {b} (friends|people|children).",
    "{b} (friends|people|children) (share|split|divide) (them|all of them) (equally|evenly).",
    "Everything is (shared|divided) (equally|evenly) between {b} (friends|people|children).",
    "Each of {b} (friends|people|children) gets the same number of them.",
)
END_LEFT = (
    "How many {things} (are there|are left|remain|does that make) (now|in the end|)?",
    "How many (are there|are left|remain)(| now| in the end)?",
    "How many {things} (in all|in total|now)?",
    "What is the number of {things} now?",
    "Count the {things}.",
    "How many {things} (do we have|is that|are there altogether)?",
    "So how many {things} are there?",
    "(Tell me|Say) how many {things} (there are|are left).",
    "What (is|will be) the (count|total|number) (in the end|now)?",
)
END_SHARE = ("How many (does each get|{things} does each get|does everyone get)?", "What does each (one|of them) get?")
SUMS = {
    "+": (
        "{a} + {b}",
        "{a}+{b}",
        "{a} plus {b}",
        "What is {a} + {b}?",
        "(Add|Sum up) {a} and {b}.",
        "How much is {a} plus {b}?",
        "The sum of {a} and {b}",
        "{a} + {b} =",
        "{a} and {b} (together|in total|in all)",
        "(Compute|Calculate|Work out|Find) {a} + {b}(.|)",
        "Add {b} to {a}(.|)",
        "{a} added to {b}",
        "What do {a} and {b} (make|add up to|come to)?",
        "(What is|Find|Give) the sum of {a} and {b}(?|.)",
        "The total of {a} and {b}",
        "{b} more than {a}",
        "{a} increased by {b}",
        "Put {a} and {b} together.",
        "If you have {a} and get {b}, how many do you have?",
        "{a} plus {b} (is|equals|makes)",
        "(Please|Now|Quickly), {a} + {b}",
    ),
    "-": (
        "{a} - {b}",
        "{a}-{b}",
        "{a} minus {b}",
        "What is {a} - {b}?",
        "(Take|Subtract) {b} from {a}.",
        "How much is {a} minus {b}?",
        "{a} less {b}",
        "{a} - {b} =",
        "{a} take away {b}",
        "(Compute|Calculate|Work out|Find) {a} - {b}(.|)",
        "{b} less than {a}",
        "{b} (subtracted|taken away) from {a}",
        "(What is|Find|Give) the difference (of|between) {a} and {b}(?|.)",
        "The difference of {a} and {b}",
        "{a} reduced by {b}",
        "What is left of {a} (after taking|without) {b}?",
        "If you have {a} and lose {b}, how many are left?",
        "{a} minus {b} (is|equals|makes)",
        "(Please|Now|Quickly), {a} - {b}",
        "Start from {a} and go down by {b}.",
    ),
    "*": (
        "{a} * {b}",
        "{a} x {b}",
        "{a} times {b}",
        "What is {a} times {b}?",
        "Multiply {a} by {b}.",
        "How much is {a} times {b}?",
        "The product of {a} and {b}",
        "{a} * {b} =",
        "{a} multiplied by {b}",
        "(Compute|Calculate|Work out|Find) {a} * {b}(.|)",
        "(What is|Find|Give) the product of {a} and {b}(?|.)",
        "{a} (rows|bags|groups|boxes) of {b}",
        "{a} times {b} (is|equals|makes)",
        "How many are {a} times {b}?",
        "(Please|Now|Quickly), {a} * {b}",
        "{b}, {a} times over",
    ),
}


class Problem:
    """One word problem in the making: sentences so far, and the expression they amount to."""

    def __init__(self, rng: Random, values: Values, split: str):
        self.rng, self.split = rng, split
        self.things, self.boxes = rng.choice(THINGS), rng.choice(BOXES)
        self.who, self.who2 = values.first(), values.first()
        self.they = rng.choice(("he", "she"))
        self.letters = rng.sample("xyzabnkmpq", 4)
        self.symbolic = rng.random() < 0.3

    def number(self) -> str:
        rng = self.rng
        if self.symbolic and self.letters and rng.random() < 0.6:
            return self.letters.pop()
        return str(rng.choice((rng.randint(2, 12), rng.randint(2, 60), rng.randint(10, 400))))

    def tell(self, patterns, a: str = "", b: str = "") -> str:
        phrase = choose(patterns, self.rng, self.split) or expand(self.rng.choice(patterns), self.rng)
        slots = {
            "who": self.who,
            "who2": self.who2,
            "Who2": self.who2,
            "they": self.they,
            "They": self.rng.choice((self.they.capitalize(), self.who)),
            "a": a,
            "b": b,
            "them": "her" if self.they == "she" else "him",
            "things": self.things,
            "boxes": self.boxes,
        }
        return phrase.format(**slots)


def word_problem(rng: Random, values: Values, split: str = SEEN) -> Example:
    """One to three steps; the answer is the expression, in the order of the text."""
    problem = Problem(rng, values, split)
    a, b = problem.number(), problem.number()
    if rng.random() < 0.4:
        told, expression, steps = [problem.tell(GROUPS, a, b)], f"{b}*{a}", rng.choice((0, 1, 1, 2))
    else:
        told, expression, steps = [problem.tell(START, a)], a, rng.choice((1, 1, 2, 2, 3))
    for _ in range(steps):
        number = problem.number()
        more = rng.random() < 0.5
        told.append(problem.tell(MORE if more else LESS, b=number))
        expression += ("+" if more else "-") + number
    if rng.random() < 0.15:
        number = problem.number()
        told.append(problem.tell(SHARE, b=number))
        expression = (
            f"({expression})/{number}" if any(sign in expression for sign in "+-") else f"{expression}/{number}"
        )
        told.append(problem.tell(END_SHARE))
    else:
        told.append(problem.tell(END_LEFT))
    return Example(
        " ".join(told), "expression", expression, (("expression", expression),), ("expression",), "arithmetic"
    )


def sum_to_do(rng: Random, values: Values, split: str = SEEN) -> Example:
    """A sum with small numbers, bare or as a little story; the answer is the number."""
    sign = rng.choice("+++--*")
    if sign == "*":
        a, b = rng.randint(0, 6), rng.randint(0, 6)
        result = a * b
    else:
        a, b = rng.randint(0, 12), rng.randint(0, 12)
        if sign == "-" and b > a:
            a, b = b, a
        result = a + b if sign == "+" else a - b
    if sign != "*" and rng.random() < 0.3:
        problem = Problem(rng, values, split)
        told = [
            problem.tell(START, str(a)),
            problem.tell(MORE if sign == "+" else LESS, b=str(b)),
            problem.tell(END_LEFT),
        ]
        text = " ".join(told)
    else:
        phrase = choose(SUMS[sign], rng, split) or expand(rng.choice(SUMS[sign]), rng)
        text = phrase.format(a=a, b=b)
    return Example(text, "int", str(result), (("int", result),), ("sum",), "arithmetic")

"""Short product reviews: to write (positive or negative, about an aspect), and to classify."""

from random import Random

from examples.train_tiny.phrases import SEEN, choose, expand
from examples.train_tiny.questions import Example, as_object
from examples.train_tiny.values import Values

GOOD = "great excellent sturdy reliable lovely solid fantastic wonderful practical perfect superb brilliant".split()
BAD = "bad poor weak terrible awful flimsy useless unreliable disappointing cheap faulty horrible".split()
ASPECTS = "battery design handle price color quality size weight finish screen sound packaging manual motor".split()
GOOD_VERDICTS = (
    "I love it.",
    "I would buy it again.",
    "Highly recommended.",
    "Worth every penny.",
    "It works perfectly.",
    "My whole family likes it.",
    "I am very happy.",
    "Five stars.",
    "It made my day.",
    "A joy to use.",
)
BAD_VERDICTS = (
    "I sent it back.",
    "A waste of money.",
    "I regret buying it.",
    "It broke after a week.",
    "Never again.",
    "Not recommended.",
    "I want a refund.",
    "One star.",
    "It stopped working.",
    "I am very unhappy.",
)
OPINIONS = (
    "The {p} is {w}.",
    "This {p} is {w}.",
    "What a {w} {p}!",
    "A {w} {p}.",
    "My new {p} is {w}.",
    "The {p} is {w} and {w2}.",
    "This is a {w} {p}.",
    "The {p} turned out to be {w}.",
)
ABOUT = ("The {a} is {w3}.", "Its {a} is {w3}.", "I find the {a} {w3}.", "The {a} seems {w3}.")
ORDERS = (
    "Write a {s} review of the {p}.",
    "Write a {s} review of the {p}.",
    "(Compose|Give me|Please write) a {s} review of the {p}.",
    "Write a {s} review (about|for) the {p}.",
    "Review the {p}: {s}.",
    "A {s} review of the {p}, please.",
)
PLAIN_ORDERS = (
    "Write a review of the {p}.",
    "Write a review of the {p}.",
    "(Compose|Give me|Please write) a review of the {p}.",
    "Write a review (about|for) the {p}.",
    "Review the {p}.",
    "A review of the {p}, please.",
)
MENTIONS = (" Mention the {a}.", " (Say something about|Talk about|Comment on) the {a}.", " Include the {a}.")
GOOD_EXTRA = (
    "I am glad that I bought the {p}.",
    "The {p} works like a charm.",
    "Could not be happier with the {p}.",
    "The {p} arrived early and works.",
    "There is nothing bad about the {p}.",
    "No problems with the {p} so far.",
    "The {p} does exactly what it should.",
    "We use the {p} every day and enjoy it.",
)
BAD_EXTRA = (
    "I am sorry that I bought the {p}.",
    "The {p} fell apart.",
    "Could not be less happy with the {p}.",
    "The {p} arrived late and broken.",
    "There is nothing good about the {p}.",
    "Nothing but problems with the {p}.",
    "The {p} does not do what it should.",
    "We threw the {p} away after two days.",
)
LABELS = (("positive", "negative"), ("positive", "negative"), ("good", "bad"), ("pos", "neg"), ("happy", "unhappy"))


def review_text(rng: Random, product: str, positive: bool, aspect: str | None, split: str = SEEN) -> str:
    """One or two sentences; no word of judgement is used twice."""
    w, w2, w3 = rng.sample(GOOD if positive else BAD, 3)

    def tell(patterns):
        return choose(patterns, rng, split) or expand(rng.choice(patterns), rng)

    parts = [tell(OPINIONS)]
    if aspect:
        parts.append(tell(ABOUT))
    elif rng.random() < 0.75:
        parts.append(rng.choice(GOOD_VERDICTS if positive else BAD_VERDICTS))
    text = " ".join(parts).format(p=product, w=w, w2=w2, w3=w3, a=aspect)
    for vowel in "aeiou":
        text = text.replace(f" a {vowel}", f" an {vowel}").replace(f"A {vowel}", f"An {vowel}")
    return text.replace(" an use", " a use").replace("An use", "A use")


def review_to_write(rng: Random, values: Values, split: str = SEEN) -> Example:
    product, positive = values.product(), rng.random() < 0.5
    aspect = rng.choice(ASPECTS) if rng.random() < 0.4 else None
    patterns = PLAIN_ORDERS if rng.random() < 0.3 else ORDERS
    order = choose(patterns, rng, split) or expand(rng.choice(patterns), rng)
    if aspect:
        order += choose(MENTIONS, rng, split) or expand(rng.choice(MENTIONS), rng)
    order = order.format(p=product, s="positive" if positive else "negative", a=aspect)
    text = review_text(rng, product, positive, aspect)
    return Example(order, "", text, ((product, positive if patterns is ORDERS else None),), ("review",), "review")


def review_to_judge(rng: Random, values: Values, split: str = SEEN) -> Example:
    product, positive = values.product(), rng.random() < 0.5
    parts = [review_text(rng, product, positive, rng.choice(ASPECTS) if rng.random() < 0.4 else None, split)]
    if rng.random() < 0.6:
        extra = choose(GOOD_EXTRA if positive else BAD_EXTRA, rng, split)
        if extra:
            parts = [extra.format(p=product)] + (parts if rng.random() < 0.6 else [])
    if rng.random() < 0.4:
        parts.append(rng.choice(GOOD_VERDICTS if positive else BAD_VERDICTS))
    text, labels = " ".join(parts), list(rng.choice(LABELS))
    label = labels[0] if positive else labels[1]
    if rng.random() < 0.5:
        rng.shuffle(labels)
    form, choice = rng.random(), "|".join(labels)
    if form < 0.5:
        return Example(text, choice, label, (("", label),), ("choice",), "judge")
    key = rng.choice(("sentiment", "opinion", "label", "mood", "tone", "rating"))
    if form < 0.75:
        return Example(text, f"{key}:{choice}", label, ((key, label),), ("choice",), "judge")
    asked = [(key, choice, label, "choice"), (rng.choice(("product", "item", "subject")), "", product, "string")]
    rng.shuffle(asked)
    example = as_object(text, asked)
    example.task = "judge"
    return example

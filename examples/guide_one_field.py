"""Steer one value of a JSON object and no other; a free text in one; hold a text to a mean instead of a strength."""

from typing import Literal

from pydantic import BaseModel

import ctrldiff as cd


class Verdict(BaseModel):
    """What the text is about, and how it sounds."""

    product: str
    mood: Literal["positive", "negative"]


model = cd.from_pretrained()
text = "The lamp is fantastic. I love it."
gloomy = cd.guide.Words(["negative"], 20.0)

print("as it is      ", model(text, Verdict).raw)
print("one field     ", model(text, Verdict, guidance=[cd.guide.on_field("mood", gloomy)]).raw)


class Review(BaseModel):
    """A product, and a text about it."""

    product: str
    review: str


order, alone = "Write a review of the teapot.", cd.guide.Alone()  # the value asked for by itself: else it is crumbs
gloomier = alone + cd.guide.Classifier("sentiment", "negative", 2.0)
print("a free text   ", model(order, Review, guidance=[cd.guide.on_field("review", gloomier)]).raw)

digits = cd.guide.Target(cd.guide.Count("[0-9]"), exactly=3.0)
print("about 3 digits", model("Review the lamp.", cd.Regex("[a-z0-9 ]{8,12}"), guidance=[digits], steps=4).raw)

"""Steer one value of a JSON object and leave the others as they are; then hold it to a mean instead of a strength."""

from typing import Literal

from pydantic import BaseModel

import ctrldiff as cd


class Verdict(BaseModel):
    """What the text is about, and how it sounds."""

    product: str
    mood: Literal["positive", "negative"]


model = cd.from_pretrained()
text = "The lamp is fantastic. I love it."
gloomy = cd.guide.Words(["negative"], 8.0)

print("as it is      ", model(text, Verdict).raw)
print("one field     ", model(text, Verdict, guidance=[cd.guide.on_field("mood", gloomy)]).raw)

digits = cd.guide.Target(cd.guide.Count("[0-9]"), exactly=3.0)
print("about 3 digits", model("Review the lamp.", cd.Regex("[a-z0-9 ]{8,12}"), guidance=[digits], steps=4).raw)

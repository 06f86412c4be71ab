"""A guide as one word of a command line: `sentiment=positive:2.0`, `prompt:1.5`, `bias=table.safetensors:1@review`."""

from __future__ import annotations

from pathlib import Path

from ctrldiff.errors import InputError
from ctrldiff.guidance.alone import Alone
from ctrldiff.guidance.classifier import Classifier
from ctrldiff.guidance.classifier_free import AdaptiveClassifierFree, ClassifierFree, NegativePrompt
from ctrldiff.guidance.guide import Guide, on_field
from ctrldiff.guidance.mentions import Words
from ctrldiff.guidance.tokens import Bias

FORMS = """\
sentiment=LABEL:STRENGTH         the classifier in the box: positive, negative
FILE.safetensors=LABEL:STRENGTH  a classifier of your own (examples/train_guide)
prompt:SCALE                     classifier-free: away from no prompt
doubt:SCALE                      classifier-free: away from its own least certain tokens
not=PROMPT:SCALE                 away from another prompt
bias=TABLE.safetensors:STRENGTH  a table of `ctrldiff bias fit`
words=WORD,WORD:STRENGTH         towards a mention of each word; below 0, away from them
alone                            as if the value were all that is asked, with @PATH
any of them, then @PATH          only in that field of the JSON: sentiment=positive:2@review.text"""


def read_guide(text: str) -> Guide:
    """The guide that a text names; `FORMS` lists them. Raises: InputError, and what the guide itself refuses."""
    said, at, path = text.rpartition("@")
    if at and "=" not in path and ":" not in path:
        return on_field(path, read_guide(said))
    kind, colon, strength = text.rpartition(":")
    try:
        value = float(strength) if colon else 1.0
    except ValueError as error:
        raise InputError(f"{strength!r} in --guide {text!r} is not a number", hint=FORMS) from error
    name, equals, what = (kind if colon else text).partition("=")
    if name == "alone" and not equals:
        return Alone() if value == 1.0 else value * Alone()
    if name == "prompt" and not equals:
        return ClassifierFree(value)
    if name == "doubt" and not equals:
        return AdaptiveClassifierFree(value)
    if not equals or not what:
        raise InputError(f"--guide {text!r} is no guide", hint=FORMS)
    if name == "not":
        return NegativePrompt(what, value)
    if name == "bias":
        return Bias(Path(what), value)
    if name == "words":
        return Words([word.strip() for word in what.split(",")], value)
    if name == "sentiment" or name.endswith(".safetensors"):
        return Classifier(name, what, value)
    raise InputError(f"--guide {text!r}: nothing is called {name!r}", hint=FORMS)

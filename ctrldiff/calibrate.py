"""A file of labelled texts, or of predictions, into predictions that can be measured; and labelled objects into values
that were right or wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ctrldiff.calibration import Prediction
from ctrldiff.constraints.basic import Choice
from ctrldiff.errors import CtrldiffError, InputError
from ctrldiff.evaluate.equal import right_at
from ctrldiff.evaluate.labelled import Answer, by_schema, read_object
from ctrldiff.generate import Generator, Model
from ctrldiff.reliability import Outcome


@dataclass(frozen=True)
class Question:
    """A text, the labels to choose from, and the right one. `where` names its line in messages."""

    text: str
    labels: tuple[str, ...]
    label: str
    where: str


def read_lines(file: Path) -> list[Question | Prediction]:
    """Read JSON lines: {"text", "label", "labels"} to be decided, or {"probs", "label"} decided already.

    "choices" is another name for "labels". Blank lines are skipped. No model is needed.
    Raises: InputError, naming the first line that cannot be used, or if the file cannot be read or holds no line.
    """
    try:
        lines = file.read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{str(file)!r} cannot be read: {error.strerror}") from error
    out = [_line(raw, n, f"{file.name} line {n:,}") for n, raw in enumerate(lines, start=1) if raw.strip()]
    if not out:
        raise InputError(f"{str(file)!r} holds no lines", hint='{"text": ..., "label": ..., "labels": [...]}')
    return out


def predict(
    model: Model,
    lines: Sequence[Question | Prediction],
    *,
    ask: str | None = None,
    batch_size: int = 16,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Prediction]:
    """Decide every question in one forward pass each; predictions are passed on. In the order of the lines.

    Raises: InputError, naming the line, if a text does not fit the model: before the first forward pass.
    """
    groups: dict[tuple[str, ...], list[int]] = {}
    for n, line in enumerate(lines):
        if isinstance(line, Question):
            groups.setdefault(line.labels, []).append(n)
    generators = {labels: Generator(model, Choice(labels), ask=ask, batch_size=batch_size) for labels in groups}
    questions = {n: line for n, line in enumerate(lines) if isinstance(line, Question)}
    for question in questions.values():
        _check(generators[question.labels], question.text, question.where)
    out = {n: line for n, line in enumerate(lines) if isinstance(line, Prediction)}
    report(0, len(questions))
    for labels, members in groups.items():
        for n, result in zip(members, generators[labels].each([questions[n].text for n in members]), strict=True):
            out[n] = Prediction(result.probs, questions[n].label)
            report(len(out) - (len(lines) - len(questions)), len(questions))
    return [out[n] for n in range(len(lines))]


def judge(
    model: Model,
    answers: Sequence[Answer],
    schema: Any = None,
    *,
    batch_size: int = 16,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> list[Outcome]:
    """Every value that the model gives, and whether it is the labelled one: what `Calibration.fit` takes.

    Args: schema: for lines that have none of their own.
    Raises: InputError, naming the line, for one without a schema, or whose text does not fit the model, and what its
        schema raises, before the first forward pass; what decoding raises.
    """
    groups = [
        (Generator(model, wanted, batch_size=batch_size, fields=True), members)
        for wanted, members in by_schema(answers, schema)
    ]
    for generator, members in groups:
        for n in members:
            _check(generator, answers[n].text, answers[n].where)
    out: list[Outcome] = []
    done = 0
    for generator, members in groups:
        for n, result in zip(members, generator.each([answers[n].text for n in members]), strict=True):
            for name, one in result.fields.items():
                right = right_at(name, json.loads(one.text), tuple(answers[n].outputs()))
                if right is not None:
                    out.append(Outcome(one.kind, one.exact, right, n))
            done += 1
            report(done, len(answers))
    return out


def _check(generator: Generator[Any], text: str, where: str) -> None:
    """Raises: InputError, naming the line, if the text does not fit the model."""
    try:
        generator.check(text)
    except CtrldiffError as error:
        raise InputError(f"{where}: {error.message}", why=error.why, hint=error.hint, where=where) from error


def _line(raw: bytes, number: int, where: str) -> Question | Prediction:
    data = read_object(raw, number, where)
    label = data.get("label")
    if not isinstance(label, str):
        raise _bad(where, number, '"label"', "the right label, a string", data)
    if "probs" in data:
        if not isinstance(data["probs"], dict):
            raise _bad(where, number, '"probs"', "an object, label to probability", data)
        try:
            return Prediction(data["probs"], label)
        except InputError as error:
            raise InputError(f"{where}: {error.message}", why=error.why, line=number) from error
    if "labels" in data and "choices" in data:
        raise InputError(f'{where}: "labels" and "choices" say the same', hint="give one", line=number)
    text, labels = data.get("text"), data.get("labels", data.get("choices"))
    if not isinstance(text, str) or not text.strip():
        raise _bad(where, number, '"text"', "a text that is not empty", data)
    if not isinstance(labels, list) or not labels or not all(isinstance(one, str) for one in labels):
        raise _bad(where, number, '"labels"', "a list of strings, at least one", data)
    for one in (text, *labels):
        if any("\ud800" <= character <= "\udfff" for character in one):
            raise InputError(
                f"{where}: half of a surrogate pair, which no text holds", why=ascii(one)[:200], line=number
            )
    if label not in labels:
        raise InputError(f"{where}: {label!r} is none of the labels", why=", ".join(labels)[:200], line=number)
    return Question(text, tuple(dict.fromkeys(labels)), label, where)


def _bad(where: str, number: int, key: str, wanted: str, data: dict[str, Any]) -> InputError:
    return InputError(
        f"{where}: {key} has to be {wanted}",
        why=f"it has: {', '.join(map(str, data))}"[:200],
        hint='{"text": ..., "label": ..., "labels": [...]} or {"probs": {...}, "label": ...}',
        line=number,
    )

"""A decoder without a network: quick enough to be killed hundreds of times."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ctrldiff.errors import PromptTooLong


@dataclass
class Fake:
    """Answers a text with the text backwards. "long" and "check" are refused beforehand, "raise" when it is decoded;
    "parts" is decoded in two."""

    batch_size: int = 4
    ahead: int = 0  # texts that are read before the first is answered
    texts: list[Any] = field(default_factory=list)  # that were answered

    def split(self, text: Any) -> list[tuple[int, int]]:
        if "long" in text:
            raise PromptTooLong("text 0: too long", row=0)
        if "check" in text:
            raise ZeroDivisionError("in check")
        return [(0, len(text) // 2), (len(text) // 2, len(text))] if "parts" in text else [(0, len(text))]

    def spans(self, value: Any, text: str) -> dict[str, list[tuple[int, int]]]:
        return {"/got": [(0, len(text))]}

    def reread(self, value: Any, text: str) -> Any:
        return value

    def stream(self, texts: Iterable[tuple[Any, bool]]) -> Iterator[Any]:
        held: list[Any] = []
        for text, _ in texts:
            held.append(text)
            if len(held) > self.ahead:
                yield self.answer(held.pop(0))
        yield from map(self.answer, held)

    def answer(self, text: Any) -> Any:
        self.texts.append(text)
        if "raise" in text:
            return RuntimeError("the network's own")
        output = float("nan") if "nan" in text else text[::-1] if "half" not in text else "\ud83d"
        usage = SimpleNamespace(
            prompt_tokens=1, answer_tokens=len(text), canvas=len(text), forwards=1, other_calls=2, seconds=0.5
        )
        return SimpleNamespace(
            output={"got": output}, log_prob=-1.0, usage=usage, full="full" in text, flags=(), grounded={}, fields={}
        )

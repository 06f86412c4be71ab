"""A decoder without a network: quick enough to be killed hundreds of times."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from ctrldiff.errors import PromptTooLong


@dataclass
class Fake:
    """Answers a text with its length. "long" is refused by `check`; "raise" breaks whatever batch it stands in."""

    batch_size: int = 4
    batches: list[list[str]] = field(default_factory=list)

    def check(self, text: str) -> None:
        if "long" in text:
            raise PromptTooLong("text 0: too long", row=0)
        if "check" in text:
            raise ZeroDivisionError("in check")

    def each(self, texts: list[str]) -> Any:
        self.batches.append(list(texts))
        if any("raise" in text for text in texts):
            raise RuntimeError("the network's own")
        for text in texts:
            # As a network's: the last digits depend on what else is in the batch.
            noise = len(texts) / 1000
            output = float("nan") if "nan" in text else text[::-1] if "half" not in text else "\ud83d"
            usage = SimpleNamespace(answer_tokens=len(text), forwards=1)
            yield SimpleNamespace(
                output={"got": output},
                log_prob=-1.0 - noise,
                usage=usage,
                full="full" in text,
                flags=(),
                fields={},
                grounded={},
            )

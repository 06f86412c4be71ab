"""Any Python function of texts as a reward: batched, remembered, and kept from ending the run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctrldiff.errors import InputError, ShapeError, warn
from ctrldiff.protocols import GuideContext, Reward, Scored

Scores = NDArray[np.float64]


class RewardWarning(UserWarning):
    """A candidate has ended: its reward raised, ran out of time, or was no number."""


@dataclass(frozen=True)
class Function:
    """A function of a list of texts that returns a number for each, higher is better; -inf rules a text out.

    An exception, a NaN, +inf or running out of time ends the candidate it happened to, with a `RewardWarning` that
    names it; nothing else does. When a whole batch fails, its texts are asked one by one to find out whose fault it is.

    Args:
        function: list in, as many numbers out (a list, an array or a tensor of shape (N,)).
        field: ask about one value of the answer instead of its text: the path of an attribute or key, "review.text".
        timeout_s: seconds a call may take, None for any. A call that is late is left behind in its thread.
        batch_size: texts a call.
        remember: scored texts kept during a decode, the oldest forgotten first; failures are not kept.
    Raises: InputError when made; ShapeError in use, for a result of another shape than (N,).
    """

    function: Callable[[list[Any]], Any]
    field: str | None = None
    timeout_s: float | None = None
    batch_size: int = 64
    remember: int = 100_000

    def __post_init__(self) -> None:
        if not callable(self.function):
            raise InputError(f"a reward is a function of a list of texts, not a {type(self.function).__name__}")
        if self.batch_size < 1 or self.remember < 0 or (self.timeout_s is not None and not self.timeout_s > 0):
            raise InputError(
                f"batch_size={self.batch_size}, remember={self.remember}, timeout_s={self.timeout_s}",
                hint="batch_size>=1, remember>=0, timeout_s above 0 or None",
            )

    def prepare(self, context: GuideContext) -> Scored:
        """Ready for one decode, in which a text is asked about once."""
        known: dict[tuple[str | None, str], float] = {}

        def scored(rows: Sequence[int], texts: Sequence[str]) -> Scores:
            # A value is read off the text as the row's own prompt has it (spans); a text's score is its own anywhere.
            keys = [
                (None if self.field is None else context.texts[row], text)
                for row, text in zip(rows, texts, strict=True)
            ]
            fresh: dict[tuple[str | None, str], int] = {}
            for key, row in zip(keys, rows):
                if key not in known:
                    fresh.setdefault(key, row)
            values = [self._value(context, row, key[1]) for key, row in fresh.items()]
            found = dict(zip(fresh, self._ask([text for _, text in fresh], values)))
            out = np.array([found[key] if key in found else known[key] for key in keys], np.float64)
            known.update((key, float(score)) for key, score in found.items() if not np.isnan(score))
            while len(known) > self.remember:
                del known[next(iter(known))]
            return out

        return scored

    def _value(self, context: GuideContext, row: int, text: str) -> Any:
        """What the function is asked about; an exception stands for itself."""
        if self.field is None:
            return text
        try:
            return at_path(context.read(row, text), self.field)
        except Exception as error:
            return error

    def _ask(self, names: list[str], values: list[Any]) -> Scores:
        """(N,) scores; NaN where there is none."""
        out = np.full(len(values), np.nan)
        for n, value in enumerate(values):
            if isinstance(value, Exception):
                tell(names[n], f"no value at {self.field!r}: {value}")
        good = [n for n, value in enumerate(values) if not isinstance(value, Exception)]
        for first in range(0, len(good), self.batch_size):
            some = good[first : first + self.batch_size]
            out[some] = self._call([names[n] for n in some], [values[n] for n in some])
        return out

    def _call(self, names: list[str], values: list[Any]) -> Scores:
        try:
            result = within(self.function, values, self.timeout_s)
        except Exception as error:
            if len(values) > 1:
                return np.concatenate([self._call([name], [value]) for name, value in zip(names, values)])
            tell(names[0], f"{type(error).__name__}: {error}")
            return np.full(1, np.nan)
        scores = numbers(result, len(values))
        for name, score in zip(names, scores):
            if np.isnan(score) or score == np.inf:
                tell(name, f"the reward is {score}")
        return np.where(scores == np.inf, np.nan, scores)


def as_reward(reward: Reward | Callable[[list[str]], Any]) -> Reward:
    """A reward as it is; a function as a `Function`. Raises InputError for anything else."""
    return reward if hasattr(reward, "prepare") else Function(reward)


def numbers(value: Any, n: int) -> Scores:
    """What a reward returned as (n,) float64. Raises ShapeError."""
    given = value.detach().cpu().double() if hasattr(value, "detach") else value  # numpy knows no bfloat16
    try:
        array = np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ShapeError(f"the reward returned a {type(value).__name__}, not {n} numbers") from error
    if array.shape != (n,):
        raise ShapeError(
            f"the reward returned shape {array.shape} for {n} texts, expected ({n},)",
            hint="one number for each text of the list",
        )
    return array


def within(function: Callable[[list[Any]], Any], values: list[Any], timeout_s: float | None) -> Any:
    """The function's result. Raises what it raises, and TimeoutError."""
    if timeout_s is None:
        return function(values)
    box: SimpleQueue[tuple[bool, Any]] = SimpleQueue()

    def work() -> None:
        try:
            box.put((True, function(values)))
        except Exception as error:  # carried over to the thread that waits
            box.put((False, error))

    Thread(target=work, daemon=True, name="ctrldiff reward").start()
    try:
        fine, result = box.get(timeout=timeout_s)
    except Empty:
        raise TimeoutError(f"no answer within {timeout_s} s") from None
    if not fine:
        raise result
    return result


def at_path(value: Any, path: str) -> Any:
    """The value at "a.b.0": attributes, keys of mappings, indices of lists. Raises LookupError or AttributeError."""
    for part in path.split("."):
        if isinstance(value, list | tuple):
            value = value[int(part)]
        else:
            value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


def tell(text: str, why: str) -> None:
    """Warn that a candidate has ended, and why."""
    shown = text if len(text) <= 80 else text[:77] + "..."
    warn(f"candidate {shown!r} ended: {why}", RewardWarning)

"""Which values of an answer nobody believed in: the constraint left them, and the model had wanted something else.

A required string for which the text says nothing is still written, token by token, out of what little belief the model
had in anything legal there. Such a value is valid and worthless. The legal mass at its positions gives it away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ctrldiff.json_schema.places import Place, places
from ctrldiff.sampling.legal import NEGLIGIBLE
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Flag:
    """A value that the constraint forced on the model.

    Fields: where, its JSON pointer in the answer ("" is the whole of it); text, as it was written; legal, the least
        legal mass at any of its positions: of all the model believed there, how much was legal; start and end, where
        it stands in the bytes of the text that was decoded; nulled, whether `unsure="null"` put null in its place;
        prob, how probable it is, where that is why it is flagged (`below=`).
    """

    where: str
    text: str
    legal: float
    start: int
    end: int
    nulled: bool = False
    prob: float | None = None

    @property
    def doubt(self) -> str:
        """Why it is flagged, in a few words."""
        return f"legal {self.legal:.1e}" if self.prob is None else f"p {self.prob:.2f}"


def flags_of(
    raw: str, tokens: Sequence[int], legal: Sequence[float], vocabulary: Vocabulary, *, is_json: bool
) -> tuple[Flag, ...]:
    """The values of an answer with a position where less than `NEGLIGIBLE` of the model's belief was legal.

    Args:
        legal: (T,) as `sampling.legal.NoteLegal` notes it; NaN where nothing was chosen.
        is_json: the answer is JSON, of which every scalar is a value of its own; else it is one value.
    """
    mass = np.asarray(legal, np.float64)
    if not (mass < NEGLIGIBLE).any():
        return ()
    ends = np.cumsum([len(vocabulary[token] or b"") for token in tokens])
    starts = np.concatenate([[0], ends[:-1]])
    data = raw.encode("utf-8")
    found = []
    for place in places(raw) if is_json else [Place("", 0, len(data))]:
        least = np.nanmin(np.where((starts < place.end) & (ends > place.start), mass, np.nan), initial=np.inf)
        if least < NEGLIGIBLE:
            text = data[place.start : place.end].decode("utf-8")
            found.append(Flag(place.where, text, float(least), place.start, place.end))
    return tuple(found)


def with_null(raw: str, where: str) -> str:
    """The JSON text with null in the place of one value."""
    data = raw.encode("utf-8")
    place = next(one for one in places(raw) if one.where == where)
    return (data[: place.start] + b"null" + data[place.end :]).decode("utf-8")

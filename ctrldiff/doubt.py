"""Which values of an answer are in doubt: nobody believed in them, or the steps were over before anybody was sure.

A required string for which the text says nothing is still written, token by token, out of what little belief the model
had in anything legal there. Such a value is valid and worthless. The legal mass at its positions gives it away. And the
last of a few steps writes all that is open, each token by a pass that knows nothing of those beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ctrldiff.json_schema.places import Place, places
from ctrldiff.sampling.hurried import SURE
from ctrldiff.sampling.legal import NEGLIGIBLE
from ctrldiff.tokens.vocabulary import Vocabulary


@dataclass(frozen=True)
class Flag:
    """A value in doubt: the constraint forced it on the model, or the steps ran out, or it is improbable.

    Fields: where, its JSON pointer in the answer ("" is the whole of it); text, as it was written; legal, the least
        legal mass at any of its positions: of all the model believed there, how much was legal; start and end, where
        it stands in the bytes of the text that was decoded, without the tabs that filled rooms (`layout.Rooms`);
        nulled, whether `unsure="null"` put null in its place; prob, how probable it is, where that is why it is flagged
        (`below=`); hurried, where the end of the steps wrote it: the least marginal among the tokens that the plan
        would not have written yet, if that is below `SURE`.
    """

    where: str
    text: str
    legal: float
    start: int
    end: int
    nulled: bool = False
    prob: float | None = None
    hurried: float | None = None

    @property
    def doubt(self) -> str:
        """Why it is flagged, in a few words."""
        if self.prob is not None:
            return f"p {self.prob:.2f}"
        if self.legal < NEGLIGIBLE or self.hurried is None:
            return f"legal {self.legal:.1e}"
        return f"p {self.hurried:.2f} as the steps ran out"


def flags_of(
    raw: str,
    tokens: Sequence[int],
    legal: Sequence[float],
    vocabulary: Vocabulary,
    *,
    is_json: bool,
    hurried: Sequence[float] = (),
) -> tuple[Flag, ...]:
    """The values of an answer with a position where less than `NEGLIGIBLE` of the model's belief was legal, or with a
    token that the end of the steps wrote at a marginal below `SURE`.

    Args:
        legal: (T,) as `sampling.legal.NoteLegal` notes it; NaN where nothing was chosen.
        is_json: the answer is JSON, of which every scalar is a value of its own; else it is one value.
        hurried: (T,) as `sampling.hurried.NoteHurried` notes it; empty: nothing was.
    """
    mass = np.asarray(legal, np.float64)
    rushed = np.asarray(hurried, np.float64) if len(hurried) else np.full(len(mass), np.nan)
    if not ((mass < NEGLIGIBLE) | (rushed < SURE)).any():
        return ()
    ends = np.cumsum([len(vocabulary[token] or b"") for token in tokens])
    starts = np.concatenate([[0], ends[:-1]])
    data = raw.encode("utf-8")
    found = []
    for place in places(raw) if is_json else [Place("", 0, len(data))]:
        here = (starts < place.end) & (ends > place.start)
        least, worst = (float(np.nanmin(np.where(here, of, np.nan), initial=np.inf)) for of in (mass, rushed))
        if least < NEGLIGIBLE or worst < SURE:
            text = data[place.start : place.end].decode("utf-8")
            told = worst if worst < SURE else None
            found.append(Flag(place.where, text, min(least, 1.0), place.start, place.end, hurried=told))
    return tuple(found)


def with_null(raw: str, where: str) -> str:
    """The JSON text with null in the place of one value."""
    data = raw.encode("utf-8")
    place = next(one for one in places(raw) if one.where == where)
    return (data[: place.start] + b"null" + data[place.end :]).decode("utf-8")

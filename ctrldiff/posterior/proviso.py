"""What a text is held to beside its automaton: that no key comes twice in an object, say, which no automaton knows."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Fault(NamedTuple):
    """The first place at which a text breaks a proviso, in bytes.

    Fields: start, where what must not be there begins; end, the length of a beginning of the text that shows it: no
        legal text begins with it. More than the text's length, if only the whole text shows it, where it ends.
    """

    start: int
    end: int


class Proviso(Protocol):
    """A condition on the texts of an automaton's language. A hashable value: tables are known by it."""

    def fault(self, text: bytes, whole: bool = True) -> Fault | None:
        """The first fault of a text, or if it is not whole, of the beginning of one; None if there is none."""

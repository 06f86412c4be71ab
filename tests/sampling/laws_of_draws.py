"""How far draws are from the law that they should follow."""

from collections import Counter
from collections.abc import Iterable, Mapping


def distance(draws: Iterable[tuple[int, ...]], law: Mapping[tuple[int, ...], float]) -> float:
    """Total variation between the frequencies of the draws and the law."""
    counts = Counter(draws)
    n = sum(counts.values())
    return sum(abs(counts[one] / n - law.get(one, 0.0)) for one in counts.keys() | law.keys()) / 2

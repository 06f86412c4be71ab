"""What a job costs apart from its model: processor time and memory of a document, begun and resumed.

A stand-in for the model answers at once; documents of 1 KB.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from ctrldiff.extract import Places, carry_out
from tests.benchmarks.measure import peak_mib
from tests.benchmarks.record import Record
from tests.extract.fakes import Fake


def records(quick: bool) -> Iterator[Record]:
    """All documents, then again with nothing left to do."""
    rows = 1_000 if quick else 10_000
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with (folder / "in").open("w") as stream:
            for n in range(rows):
                stream.write(json.dumps({"id": n, "text": f"text {n} " + "word " * 200}) + "\n")
        spent: list[float] = []

        def job() -> None:
            began = time.process_time()
            carry_out(Fake(), {}, Places.of(folder / "in", folder / "out"))
            spent.append(time.process_time() - began)

        for name in ("all of it", "again, nothing to do"):
            peak = peak_mib(job)
            each = [1e6 * spent[-1] / rows]
            yield Record.of(name, each, "us/document", peak_mib=peak, documents=rows)

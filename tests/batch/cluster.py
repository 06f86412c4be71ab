"""A driver that extracts by Ray Data or Daft, whose workers die now and then; started again, it goes on.

    python -m tests.batch.cluster ray|daft FOLDER KILL_EVERY

FOLDER/in.jsonl has the documents, FOLDER/out.jsonl gets the rows of those that are not there yet.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ctrldiff.batch import Extract

SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}}, "required": ["total"]}


class Dying:
    """`Extract`, in a process that is killed once in every so many documents, whoever works on them."""

    def __init__(self, folder: str, every: int) -> None:
        self.folder, self.every = Path(folder), every
        self.extract = Extract(schema=SCHEMA)

    def __call__(self, columns: dict[str, Any]) -> dict[str, Any]:
        made = self.extract(columns)
        for id in columns["id"]:
            if self.every and id % self.every == self.every // 2:
                try:
                    (self.folder / f"killed-{id}").touch(exist_ok=False)
                except FileExistsError:
                    continue
                os.kill(os.getpid(), signal.SIGKILL)
        return made


def by_ray(documents: list[dict[str, Any]], folder: str, every: int) -> Iterator[Iterable[str]]:
    """Rows, a block at a time."""
    import ray

    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    ray.data.DataContext.get_current().enable_progress_bars = False
    rows = ray.data.from_items(documents, override_num_blocks=16).map_batches(
        Dying,
        fn_constructor_args=(folder, every),
        compute=ray.data.ActorPoolStrategy(size=2),
        num_cpus=0.9,
        batch_size=8,
    )
    for batch in rows.iter_batches(batch_size=None):
        yield list(batch["row"])


def by_daft(documents: list[dict[str, Any]], folder: str, every: int) -> Iterator[Iterable[str]]:
    """Rows, a partition at a time."""
    import daft

    @daft.cls(max_concurrency=2, use_process=True)
    class Rows:
        def __init__(self, folder: str, every: int) -> None:
            self.extract = Dying(folder, every)

        @daft.method.batch(return_dtype=daft.DataType.string(), batch_size=8)
        def __call__(self, ids: Any, texts: Any) -> Any:
            return self.extract({"id": ids.to_pylist(), "text": texts.to_pylist()})["row"]

    columns = {name: [one[name] for one in documents] for name in ("id", "text")}
    frame = daft.from_pydict(columns).into_batches(16)
    for part in frame.with_column("row", Rows(folder, every)(frame["id"], frame["text"])).iter_partitions():
        yield part.to_pydict()["row"]


def main(engine: str, folder: str, every: int) -> None:
    """What is not done yet, into FOLDER/out.jsonl."""
    place = Path(folder)
    documents = [json.loads(line) for line in (place / "in.jsonl").open(encoding="utf-8")]
    out = place / "out.jsonl"
    data = out.read_bytes() if out.exists() else b""
    whole = data[: data.rfind(b"\n") + 1]  # a line that was cut is done again
    done = {json.loads(line)["id"] for line in whole.splitlines()}
    left = [one for one in documents if one["id"] not in done]
    with out.open("r+b" if out.exists() else "wb") as stream:
        stream.truncate(len(whole))
        stream.seek(len(whole))
        if left:
            for rows in {"ray": by_ray, "daft": by_daft}[engine](left, folder, every):
                stream.write("".join(f"{row}\n" for row in rows).encode())
                stream.flush()
                os.fsync(stream.fileno())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))

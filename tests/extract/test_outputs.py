"""The same rows in every kind of file."""

import bz2
import csv
import gzip
import json
import lzma
import sqlite3

import pytest

from ctrldiff.errors import InputError
from ctrldiff.extract.outputs import flattened, write

OUTPUTS = [
    {"a": 1, "b": {"c": 'x, "y"\n'}, "l": [1]},
    {"a": 2.5, "b": {"c": None}, "l": []},
    {"a": None, "b": {}, "x/y~": 2**70},
]
ROWS = [
    {"line": 1, "output": OUTPUTS[0], "log_prob": -0.5, "full": False, "made": {"seed": 0}},
    {"id": "é", "line": 2, "output": OUTPUTS[1], "log_prob": -1, "full": True, "made": {"seed": 0}},
    {"id": 3, "line": 9, "output": OUTPUTS[2], "log_prob": -2.0, "full": True, "made": {"seed": 0}},
]


@pytest.mark.parametrize(("end", "opened"), [("", open), (".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
def test_lines_are_the_rows_packed_or_not_and_equal_rows_are_equal_bytes(tmp_path, end, opened):
    for name in ("a", "b"):
        write(tmp_path / f"{name}.jsonl{end}", lambda: iter(ROWS))
    with opened(tmp_path / f"a.jsonl{end}", "rt", encoding="utf-8") as stream:
        assert [json.loads(line) for line in stream] == ROWS
    assert (tmp_path / f"a.jsonl{end}").read_bytes() == (tmp_path / f"b.jsonl{end}").read_bytes()


def test_flat_rows_have_a_column_for_every_value(tmp_path):
    assert flattened(ROWS[0])["/b/c"] == 'x, "y"\n' and flattened(ROWS[2])["/x~1y~0"] == 2**70
    assert flattened({"output": 3}) == {"/": 3}
    write(tmp_path / "out.csv", lambda: iter(ROWS))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == ["id", "line", "/a", "/b/c", "/l", "/b", "/x~1y~0", "log_prob", "full", "made_seed"]
    assert (
        [row["/a"] for row in rows] == ["1.0", "2.5", ""] and rows[0]["/b/c"] == 'x, "y"\n' and rows[1]["id"] == '"é"'
    )
    assert rows[2]["/x~1y~0"] == str(2**70) and rows[1]["full"] == "true"


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "\r", "a\n", ' "a', ",", "", "é\u2028\x85"])
def test_a_reader_has_back_what_a_csv_file_says(tmp_path, text):
    write(tmp_path / "out.csv", lambda: iter([{"id": text, "output": {"a": 1, "b": text}}] * 2))
    with (tmp_path / "out.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.reader(stream, strict=True))
    assert rows == [["id", "/a", "/b"], *[[text, "1", text]] * 2]
    assert not (tmp_path / "out.csv").read_bytes().endswith(b"\r\n"), "rows end in LF"


def test_tables_have_typed_columns(tmp_path, monkeypatch):
    monkeypatch.setattr("ctrldiff.extract.outputs.ROWS", 2)
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "out.parquet", lambda: iter(ROWS))
    table = parquet.read_table(tmp_path / "out.parquet")
    assert [str(table.schema.field(name).type) for name in ("line", "log_prob", "full", "output")] == [
        "int64", "double", "bool", "string",
    ]  # fmt: skip
    assert [json.loads(one) for one in table["output"].to_pylist()] == [row["output"] for row in ROWS]
    assert table["id"].to_pylist() == [None, '"é"', "3"], "ids of several kinds are JSON"
    write(tmp_path / "flat.parquet", lambda: iter(ROWS), flat=True)
    assert parquet.read_table(tmp_path / "flat.parquet")["/a"].to_pylist() == [1.0, 2.5, None]
    write(tmp_path / "out.sqlite", lambda: iter(ROWS), flat=True)
    with sqlite3.connect(tmp_path / "out.sqlite") as file:
        assert file.execute('SELECT "/a", line FROM rows ORDER BY line').fetchall() == [(1.0, 1), (2.5, 2), (None, 9)]


def test_whole_numbers_keep_their_digits(tmp_path):
    def column(*values):
        write(tmp_path / "out.csv", lambda: iter([{"output": {"a": value}} for value in values]))
        return (tmp_path / "out.csv").read_text().splitlines()[1:]

    assert column(2**53 + 1, 3) == [str(2**53 + 1), "3"] and column(2**53, 0.5) == [f"{2**53}.0", "0.5"]
    assert column(2**53 + 1, 0.5) == [str(2**53 + 1), "0.5"] and column(-(2**62), None) == [str(-(2**62)), '""']
    parquet = pytest.importorskip("pyarrow.parquet")
    write(tmp_path / "out.parquet", lambda: iter([{"line": 2**53 + 1}, {"line": 3}]))
    assert parquet.read_table(tmp_path / "out.parquet")["line"].to_pylist() == [2**53 + 1, 3]


def test_columns_that_sqlite_would_take_for_one_are_told_apart(tmp_path):
    rows = [{"line": 1, "output": {"Ab": 1, "ab": "x", "É": 2, "é": 3, "ab (2)": 4}}]
    write(tmp_path / "out.sqlite", lambda: iter(rows), flat=True)
    with sqlite3.connect(tmp_path / "out.sqlite") as file:
        found = file.execute("SELECT * FROM rows")
        named = dict(zip((name for name, *_ in found.description), found.fetchone(), strict=True))
    assert named == {"line": 1, "/Ab": 1, "/ab (2)": "x", "/É": 2, "/é": 3, "/ab (2) (2)": 4}


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv", "out.parquet", "out.sqlite", "out.jsonl.gz"])
def test_what_cannot_be_written_leaves_what_was_there(tmp_path, name):
    write(tmp_path / name, lambda: iter(()))
    write(tmp_path / name, lambda: iter(ROWS))
    before = (tmp_path / name).read_bytes()

    def broken():
        yield ROWS[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="cannot be written: No space left"):
        write(tmp_path / name, broken)
    assert (tmp_path / name).read_bytes() == before and [one.name for one in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", ["out.parquet.gz", "out.sqlite.xz", "out.jsonl.zst"])
def test_what_is_not_written_packed_is_refused(tmp_path, name):
    with pytest.raises(InputError, match="is not written packed"):
        write(tmp_path / name, lambda: iter(ROWS))

"""Lines of bytes, wherever the reads happen to fall."""

import io
import json
import random

import pytest

from ctrldiff.errors import CtrldiffError
from ctrldiff.extract import documents, streams
from ctrldiff.extract.documents import failure, json_line, parse
from ctrldiff.extract.streams import Line, read_lines


def of_bytes(data: bytes) -> list[tuple[int, bytes]]:
    """The definition: every line of the whole, numbered, the blank ones left out."""
    lines = enumerate(data.splitlines(), start=1)
    return [(n, raw) for n, raw in lines if raw.removeprefix(b"\xef\xbb\xbf").strip()]


@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 1 << 20])
def test_lines_do_not_depend_on_where_a_read_ends(chunk, monkeypatch):
    monkeypatch.setattr(streams, "_CHUNK", chunk)
    draw = random.Random(chunk)
    for _ in range(200):
        data = b"".join(
            draw.choice([b"\r", b"\n", b"\r\n", b"a", b"bc", b" ", b"\xef\xbb\xbf", b"\xe2\x80\xa8"]) for _ in range(12)
        )
        lines = [(line.number, line.raw) for line in read_lines(io.BytesIO(data), "x")]
        assert lines == of_bytes(data)


@pytest.mark.parametrize("chunk", [1, 5, 64])
def test_a_line_beyond_all_bounds_is_counted_and_not_held(chunk, monkeypatch):
    monkeypatch.setattr(streams, "_CHUNK", chunk)
    monkeypatch.setattr(streams, "LONGEST_LINE", 20)
    monkeypatch.setattr(documents, "LONGEST_LINE", 20)
    monkeypatch.setattr(streams, "_HEAD", 4)
    lines = list(read_lines(io.BytesIO(b"short\n" + b"long" * 50 + b"\r\nshort\n" + b"long" * 6), "x"))
    assert [(line.number, line.raw) for line in lines] == [(1, b"short"), (2, b"long"), (3, b"short"), (4, b"long")]
    with pytest.raises(CtrldiffError, match="20 at most are read"):
        parse(lines[1], "x line 2")


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"\x00",
        b"\x1a",
        b"\xff",
        b'{"text": "\xe9"}',
        b"[1]",
        b"null",
        b"7",
        b'"text"',
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a": ' + b"9" * 5000 + b"}",
    ],
)
def test_whatever_is_no_document_is_a_typed_error_and_its_failed_line_is_strict_json(raw):
    line = Line(3, raw, len(raw))
    with pytest.raises(CtrldiffError, match="line 3") as caught:
        parse(line, "x line 3")
    code, record = failure(3, line.shown, {}, caught.value)
    told = json_line(record)
    assert told.count(b"\n") == 1 and told.endswith(b"\n")
    row = json.loads(told.decode("utf-8"), parse_constant=lambda word: pytest.fail(word))
    assert row["line"] == 3 and row["code"] == code == "INPUT"
    shown = raw.decode("utf-8", "backslashreplace")
    assert row["input"] == shown[:100_000] and row.get("cut", False) == (len(shown) > 100_000)


def test_an_exception_of_any_kind_can_be_told():
    code, row = failure(1, "{}", {"id": "\ud83d"}, ValueError("\ud83d"))
    assert row["code"] == code == "EXCEPTION" and row["error"] == "ValueError: \\ud83d" and "id" not in row
    _, row = failure(1, "\ud83d", {"id": {"a": 1}}, MemoryError())
    assert json_line(row) and row["id"] == {"a": 1} and row["error"] == "MemoryError: "


def test_what_is_no_json_is_never_written():
    for value in (float("nan"), float("inf"), "\udfff", {"a": [-float("inf")]}):
        with pytest.raises(ValueError):
            json_line({"id": value})

"""Whatever the input is: every document is found, every one that is none is located, and nothing crashes."""

import bz2
import gzip
import html
import json
import lzma
import random
import tracemalloc
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ctrldiff.errors import InputError
from ctrldiff.extract import Options, Places, Reading, carry_out, read_ledgers
from ctrldiff.extract.inputs import Input
from ctrldiff.extract.streams import Source
from tests.extract.fakes import Fake
from tests.extract.malformed import KINDS, malformed


def found(path: Path, **how) -> list:
    """(source, line, text or error) of every document."""
    told = []
    for one in Input(Path(path), Reading(**how)):
        try:
            told.append((one.source, one.line, one.read().text))
        except InputError as error:
            told.append((one.source, one.line, error))
    return told


def texts(path: Path, **how) -> list:
    return [text for _, _, text in found(path, **how)]


PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}


@pytest.mark.parametrize("end", [*PACKERS, ".zst"])
@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.tsv", "in.txt", "in.html"])
def test_files_are_read_packed_or_not(tmp_path, name, end):
    data = {
        "in.jsonl": b'{"text": "a, b"}\r\n{"text": "c"}',
        "in.csv": b'id,text\r\n1,"a, b"\r\n2,c\r\n',
        "in.tsv": b"id\ttext\n1\ta, b\n2\tc\n",
        "in.txt": b"a, b",
        "in.html": b"<p>a, b</p>",
    }[name]
    if end == ".zst":
        packed = pytest.importorskip("pyarrow").compress(data, "zstd", asbytes=True)
    else:
        packed = PACKERS[end](data)
    (tmp_path / (name + end)).write_bytes(packed)
    one = name in ("in.txt", "in.html")
    assert [text.strip() for text in texts(tmp_path / (name + end))] == ["a, b", "c"][: 1 if one else 2]


@pytest.mark.parametrize("end", [".gz", ".bz2", ".xz"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.6, 0.99])
def test_a_packed_file_that_is_cut_ends_typed_and_what_came_before_is_read(tmp_path, end, kept):
    draw = random.Random(1)
    lines = b"".join(json.dumps({"text": f"{draw.random()} text {n}"}).encode() + b"\n" for n in range(3000))
    packed = PACKERS[end](lines)
    (tmp_path / f"in.jsonl{end}").write_bytes(packed[: int(len(packed) * kept)])
    came = []
    try:
        for one in Input(tmp_path / f"in.jsonl{end}"):
            came.append(one.line)
    except InputError as error:
        assert "cannot be read" in str(error)
    else:
        assert kept == 0.0
    assert came == list(range(1, len(came) + 1)) and len(came) < 3000


@pytest.mark.parametrize("mark", [True, False])
@pytest.mark.parametrize("coding", ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.md"])
def test_a_mark_or_a_word_says_the_encoding(tmp_path, name, coding, mark):
    said = {"in.jsonl": '{"text": "é ж 字 😀"}\r\n', "in.csv": "text\r\né ж 字 😀\r\n", "in.md": "é ж 字 😀"}[name]
    (tmp_path / name).write_bytes((("\ufeff" if mark else "") + said).encode(coding))
    how = {} if mark or coding == "utf-8" else {"encoding": coding}
    (text,) = texts(tmp_path / name, **how)
    assert text.strip("\ufeff") == "é ж 字 😀"
    if not mark and coding.startswith("utf-16"):
        (tmp_path / name).write_bytes('{"text": "x"}'.encode(coding))
        with pytest.raises(InputError, match="is UTF-16, not UTF-8"):
            texts(tmp_path / name)


@pytest.mark.parametrize(
    ("coding", "text"), [("latin-1", "é"), ("cp1252", "€"), ("shift_jis", "日本"), ("koi8-r", "ж")]
)
def test_other_encodings_are_read_when_they_are_said(tmp_path, coding, text):
    (tmp_path / "in.jsonl").write_bytes(json.dumps({"text": text}, ensure_ascii=False).encode(coding) + b"\n")
    assert texts(tmp_path / "in.jsonl", encoding=coding) == [text]
    (error,) = texts(tmp_path / "in.jsonl")
    assert "line 1, byte" in str(error) and "not UTF-8" in str(error)
    with pytest.raises(InputError, match="is unknown"):
        texts(tmp_path / "in.jsonl", encoding="utf-9")


def test_bytes_that_are_none_of_a_stated_encoding_are_their_own_lines(tmp_path):
    good, bad = '{"text": "a"}\n'.encode("utf-16-le"), b"\x00\xd8\x0a\x00"
    (tmp_path / "in.jsonl").write_bytes(good + bad + good)
    a, error, b = texts(tmp_path / "in.jsonl", encoding="utf-16-le")
    assert (a, b) == ("a", "a") and "line 2" in str(error)


@pytest.mark.parametrize("name", ["in.jsonl", "in.csv", "in.txt", "in.json"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "idna", "undefined"])
def test_what_an_encoding_refuses_as_a_whole_is_typed(tmp_path, name, encoding):
    (tmp_path / name).write_bytes('{"text": "a"}'.encode("utf-16-le"))
    with pytest.raises(InputError, match="cannot be read as"):
        found(tmp_path / name, encoding=encoding)


def test_a_json_file_of_other_bytes_is_a_document_that_is_none(tmp_path):
    (tmp_path / "in.json").write_bytes(b'[{"text": "\xff"}]')
    assert "byte 11: not UTF-8" in str(texts(tmp_path / "in.json")[0])


def test_csv_is_read_row_by_row_and_what_is_no_row_is_located(tmp_path):
    data = (
        b'id,text,note\n1,"two\nlines",x\n2,short\n\n3,"a ""quote""",\n4,bad \xff,x\n5,fine,\xff\n6,"open,x\n7,lost,x\n'
    )
    (tmp_path / "in.csv").write_bytes(data)
    told = found(tmp_path / "in.csv")
    assert [line for _, line, _ in told] == [2, 4, 6, 7, 8, 9]
    assert [text for _, _, text in told if isinstance(text, str)] == ["two\nlines", 'a "quote"', "fine"]
    errors = [str(text) for _, _, text in told if not isinstance(text, str)]
    assert "line 4: 2 columns" in errors[0] and "line 7: not of the stated encoding" in errors[1]
    assert "line 9: no row of a CSV file" in errors[2]
    with pytest.raises(InputError, match='no column "body"'):
        texts(tmp_path / "in.csv", field="body")
    (tmp_path / "semi.csv").write_text("text;id\na,b;1\n")
    assert texts(tmp_path / "semi.csv", delimiter=";") == ["a,b"]


@pytest.mark.parametrize("bad", [b'"a"b', b'"a" ', b'"a""b"c'])
@pytest.mark.parametrize("chunk", [1, 7, 1 << 20])
def test_a_csv_row_that_is_none_takes_no_other_with_it(tmp_path, bad, chunk, monkeypatch):
    monkeypatch.setattr("ctrldiff.extract.streams._CHUNK", chunk)
    monkeypatch.setattr(Source.read, "__defaults__", (chunk,))
    (tmp_path / "in.csv").write_bytes(b"id,text\n1,one\n2," + bad + b'\n3,"three\nlines"\n4,four\n')
    told = found(tmp_path / "in.csv")
    assert [line for _, line, _ in told] == [2, 3, 4, 6]
    assert [text for _, _, text in told if isinstance(text, str)] == ["one", "three\nlines", "four"]
    assert "line 3: no row of a CSV file" in str(told[1][2])


def test_a_mark_before_a_quoted_column_is_no_part_of_its_name(tmp_path):
    (tmp_path / "in.csv").write_text('"text","a, b"\r\n"x","y"\r\n', encoding="utf-8-sig", newline="")
    assert texts(tmp_path / "in.csv") == ["x"] and texts(tmp_path / "in.csv", field="a, b") == ["y"]


def test_parquet_and_arrow_files_and_saved_data_sets_are_read(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    table = pa.table(
        {"id": list(range(200)), "text": [f"text {n}" if n % 50 else None for n in range(200)], "x": [1.0] * 200}
    )
    parquet.write_table(table, tmp_path / "in.parquet", row_group_size=30)
    told = found(tmp_path / "in.parquet")
    assert [line for _, line, _ in told] == list(range(1, 201)) and told[7][2] == "text 7"
    assert "row 51" in str(told[50][2]) and "JSON null" in str(told[50][2])
    with pa.OSFile(str(tmp_path / "in.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert [one[1] for one in found(tmp_path / "in.arrow")] == list(range(1, 201))
    data = (tmp_path / "in.parquet").read_bytes()
    for n, broken in enumerate((data[: len(data) // 2], b"PAR1" + b"\0" * 90, data[:300] + b"\xff" * 60 + data[360:])):
        (tmp_path / f"{n}.parquet").write_bytes(broken)
        with pytest.raises(InputError, match="cannot be read"):
            found(tmp_path / f"{n}.parquet")
    datasets = pytest.importorskip("datasets")
    datasets.Dataset.from_dict({"text": ["a", "b"]}).save_to_disk(str(tmp_path / "saved"))
    assert texts(tmp_path / "saved") == ["a", "b"]
    datasets.DatasetDict(train=datasets.Dataset.from_dict({"text": ["a"]})).save_to_disk(str(tmp_path / "splits"))
    with pytest.raises(InputError, match="has several splits"):
        texts(tmp_path / "splits")
    assert texts(tmp_path / "splits" / "train") == ["a"]


def test_ids_of_a_table_are_written_as_json_has_them(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as parquet

    for id, told in [
        (datetime(2026, 3, 1, 12), "2026-03-01T12:00:00"),
        (date(2026, 3, 1), "2026-03-01"),
        (Decimal("1.50"), "1.50"),
        (b"ab", "ab"),
        ([1, None], [1, None]),
    ]:
        parquet.write_table(pa.table({"id": [id, id], "text": ["one", "raise"]}), tmp_path / "in.parquet")
        places = Places.of(tmp_path / "in.parquet", tmp_path / "out")
        summary = carry_out(Fake(), {}, places, options=Options(overwrite=True))
        assert (summary.done, summary.failed) == (1, 1)
        for end in ("out", "out.failed.jsonl"):
            assert json.loads((tmp_path / end).read_text())["id"] == told
        assert [json.loads(one.id) for one in read_ledgers(tmp_path / "out.job")] == [told, told]
    parquet.write_table(pa.table({"id": [b"\xff"], "text": ["one"]}), tmp_path / "in.parquet")
    carry_out(Fake(), {}, places, options=Options(overwrite=True))
    assert "utf-8" in json.loads((tmp_path / "out.failed.jsonl").read_text())["error"]


def test_a_folder_is_its_files_in_order_and_what_is_not_read_is_told(tmp_path):
    (tmp_path / "b").mkdir()
    for name, data in {
        "a.txt": b"one",
        "b/c.md": b"# two",
        "b/d.html": b"<h1>three</h1><script>x</script>",
        "b/e.png": b"\x89PNG",
        "b/f.txt": b"\xff",
        "c.jsonl": b'{"text": "four"}\n{bad\n',
        "d.json": b'[{"text": "five"}, 6]',
        "e.txt": b"",
        ".hidden": b"no",
    }.items():
        (tmp_path / name).write_bytes(data)
    told = found(tmp_path)
    assert [source for source, _, _ in told] == [
        "a.txt", "b/c.md", "b/d.html", "b/e.png", "b/f.txt", "c.jsonl", "c.jsonl", "d.json", "d.json", "e.txt",
    ]  # fmt: skip
    assert [text for _, _, text in told if isinstance(text, str)] == ["one", "# two", "three\n", "four", "five"]
    errors = [str(text) for _, _, text in told if not isinstance(text, str)]
    assert ["not read" in errors[0], "b/f.txt, byte 0" in errors[1], "c.jsonl line 2" in errors[2]] == [True] * 3
    assert "element 2" in errors[3] and "empty" in errors[4]


def test_places_in_a_page_are_those_of_its_source(tmp_path):
    page = "<html><head><style>b{}</style></head><body>\n<p>Total&nbsp;due:  <b>EUR\n 5&euro;</b></p><td>a<td>b</body>"
    (tmp_path / "in.html").write_text(page)
    (one,) = Input(tmp_path / "in.html")
    document = one.read()
    assert document.text.strip() == "Total\xa0due: EUR 5€\na\tb"
    at = document.text.index("EUR 5€")
    place = document.origin.place(at, at + len("EUR 5€"))
    assert page[place["start"] : place["end"]] == "EUR\n 5&euro;"
    for n, char in enumerate(document.text):
        place = document.origin.place(n, n + 1)
        if char.isalnum():
            assert page[place["start"] : place["end"]] == char


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Q&#A</p><p>R&#D; and</p><b>I&#39d</b> pay &#65", "Q&#A\nR&#D; and\nI'd pay A"),
        ("AT&T &amp Co&amp;amp; &notit; &copy2024 &#xD800;&#x110000;.", "AT&T & Co&amp; ¬it; ©2024 \ufffd\ufffd."),
        ("<script>a &# < b</script><pre>a  &lt;\n b</pre>c", "a  <\n b\nc"),
        ("a <![foo[b]]>c <![if !x]>d<![endif]> <![ <!x> e", "a c d e"),
        ("&", "&"),
        ("x &#", "x &#"),
    ],
)
def test_a_reference_that_is_none_and_a_section_of_sgml_break_no_page(tmp_path, page, text):
    (tmp_path / "in.html").write_text(page)
    (one,) = Input(tmp_path / "in.html")
    document = one.read()
    assert document.text.strip() == text
    for n, char in enumerate(document.text):
        place = document.origin.place(n, n + 1)
        if char.isalnum() and char != "©":
            assert html.unescape(page[place["start"] : place["end"]]).startswith(char) or "not" in page


def test_places_in_a_docling_document_are_those_of_its_items(tmp_path):
    document = {
        "schema_name": "DoclingDocument",
        "name": "bill",
        "body": {"children": [{"$ref": "#/texts/1"}, {"$ref": "#/groups/0"}, {"$ref": "#/tables/0"}]},
        "groups": [{"self_ref": "#/groups/0", "children": [{"$ref": "#/texts/0"}, {"$ref": "#/groups/0"}]}],
        "texts": [
            {"self_ref": "#/texts/0", "text": "Total: 5", "prov": [{"page_no": 2}]},
            {"self_ref": "#/texts/1", "text": "Bill of Ann", "prov": [{"page_no": 1}]},
        ],
        "tables": [{
            "self_ref": "#/tables/0", "prov": [], "children": [],
            "data": {"table_cells": [
                {"text": "a", "start_row_offset_idx": 0}, {"text": "b", "start_row_offset_idx": 0},
                {"text": "c", "start_row_offset_idx": 1},
            ]},
        }],
    }  # fmt: skip
    (tmp_path / "in.json").write_text(json.dumps(document))
    (one,) = Input(tmp_path / "in.json")
    read = one.read()
    assert read.text == "Bill of Ann\n\nTotal: 5\n\na\tb\nc" and read.record == {"id": "bill"}
    at = read.text.index("5")
    assert read.origin.place(at, at + 1) == {"start": 7, "end": 8, "ref": "#/texts/0", "page": 2}
    for broken in ({"body": 1}, {"body": {"children": [{"$ref": "#/texts/9"}]}}, {"body": {"children": [{}]}}):
        (tmp_path / "in.json").write_text(json.dumps(document | broken))
        (error,) = texts(tmp_path / "in.json")
        assert "no DoclingDocument that can be read" in str(error)


def test_a_text_is_found_below_other_keys(tmp_path):
    (tmp_path / "in.jsonl").write_text('{"a": {"b": "x"}, "key": 7}\n{"a.b": "y"}\n{"a": 3}\n')
    x, y, error = texts(tmp_path / "in.jsonl", field="a.b")
    assert (x, y) == ("x", "y") and 'no text under "a.b"' in str(error)
    first = next(iter(Input(tmp_path / "in.jsonl", Reading(field="a.b", id="key"))))
    assert first.read().record == {"id": 7}


@pytest.mark.parametrize("seed", range(10))
def test_of_a_thousand_kinds_of_malformed_lines_each_is_located_and_none_crashes(tmp_path, seed):
    """Kinds are drawn by the seed, a hundred at a time; between any two stands a good line, which is answered."""
    good = b'{"id": 1, "text": "good"}'
    lines = [line for n in range(100) for line in (malformed(random.Random(f"{seed} {n}"), n + 100 * seed), good)]
    (tmp_path / "in").write_bytes(b"\n".join(lines) + b"\n")
    summary = carry_out(Fake(), {}, Places.of(tmp_path / "in", tmp_path / "out"))
    rows = [json.loads(line) for line in (tmp_path / "out").open()]
    failures = [json.loads(line) for line in (tmp_path / "out.failed.jsonl").open()]
    assert [row["line"] for row in rows] == list(range(2, 201, 2)) and summary.done == 100
    assert [row["line"] for row in failures] == list(range(1, 200, 2))
    assert all(f"line {row['line']}" in row["error"] and row["code"] == "INPUT" for row in failures)


def test_the_kinds_of_malformed_lines_differ():
    assert len({malformed(random.Random(f"{n // 100} {n % 100}"), n) for n in range(1000)}) == 1000 and len(KINDS) >= 20


@pytest.mark.parametrize("ends", [False, True])
def test_a_line_of_ten_megabytes_is_answered_or_told(tmp_path, ends):
    long = b'{"text": "' + b"a" * (10 << 20) + (b'"}' if ends else b"")
    (tmp_path / "in").write_bytes(long + b'\n{"text": "good"}\n')
    summary = carry_out(Fake(), {}, Places.of(tmp_path / "in", tmp_path / "out"))
    assert (summary.done, summary.failed) == (1 + ends, 1 - ends)
    if not ends:
        assert (tmp_path / "out.failed.jsonl").stat().st_size < 200_000


def test_memory_does_not_grow_with_the_input(tmp_path):
    for name, rows in (("small", 2_000), ("large", 20_000)):
        with (tmp_path / name).open("w") as stream:
            for n in range(rows):
                stream.write(json.dumps({"text": f"text {n} " + "word " * 100}) + "\n")
    peaks = []
    for name in ("small", "large"):
        tracemalloc.start()
        assert sum(bool(one.raw) for one in Input(tmp_path / name)) > 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0] + 1_000_000

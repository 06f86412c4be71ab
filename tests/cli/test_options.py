"""Options that several commands share."""

import io
import json
import re

import pytest

from ctrldiff.cli.extract import _kept
from ctrldiff.cli.said import text_of
from ctrldiff.errors import InputError


def test_references_out_of_a_schema_lead_to_a_folder(tmp_path, ctrldiff):
    (tmp_path / "common").mkdir()
    (tmp_path / "common" / "money.json").write_text('{"enum": ["EUR 1", "EUR 2"]}', encoding="utf-8")
    schema = json.dumps({"type": "object", "properties": {"a": {"$ref": "common/money.json"}}, "required": ["a"]})
    assert ctrldiff("check", schema, "--json")[0] == 1, "nothing is fetched"
    assert ctrldiff("check", schema, "--documents", tmp_path, "--explain", '{"a":"EUR 2"}')[0] == 0
    status, out, _ = ctrldiff("run", "It was EUR 2.", "-s", schema, "--documents", tmp_path, "--steps", 2, "--json")
    assert status == 0 and json.loads(out)["output"]["a"] in ("EUR 1", "EUR 2")
    docs, answers = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text('{"text": "It was EUR 2."}\n', encoding="utf-8")
    how = ("--documents", tmp_path / "common", "--steps", 2)
    assert ctrldiff("extract", docs, "-s", schema, "-o", answers, *how)[0] == 2, "the way there is from the folder"
    assert ctrldiff("extract", docs, "-s", schema, "-o", answers, "--documents", tmp_path, "--steps", 2)[0] == 0
    status, _, err = ctrldiff("run", "It was EUR 2.", "--documents", tmp_path)
    assert status == 2 and "--schema" in err


PAIR = {"type": "object", "properties": {"né": {"type": "string", "maxLength": 3}, "id": {"type": "integer"}}}
PAIR |= {"required": ["né", "id"], "additionalProperties": False}
SPELLED = ("--order", "any", "--ascii", "--whitespace", "spaced")
RAW = re.compile(r'\{"(n\\u00e9|id)": .+, "(n\\u00e9|id)": .+\}')


def test_how_a_schema_is_spelled_is_said_to_every_command_that_takes_one(ctrldiff, tmp_path):
    schema, text = json.dumps(PAIR), "Zoë has the id 7."
    backwards = '{"id": 1, "n\\u00e9": "a"}'
    status, out, _ = ctrldiff("check", schema, *SPELLED, "--explain", backwards, "--json")
    told = json.loads(out)
    assert status == 0 and told["explained"]["verbatim"] and ', "' in told["shortest"]
    usual = json.loads(ctrldiff("check", schema, "--explain", backwards, "--json")[1])["explained"]
    assert usual["accepted"] and not usual["verbatim"], "without them it is another text"
    status, out, _ = ctrldiff("run", text, "-s", schema, *SPELLED, "--steps", 3, "--json")
    assert status == 0 and RAW.fullmatch(json.loads(out)["raw"])
    module = tmp_path / "it.module"
    assert ctrldiff("compile", schema, *SPELLED, "-o", module)[0] == 0
    status, compiled, _ = ctrldiff("run", text, "--compiled", module, "--steps", 3, "--json")
    assert status == 0 and json.loads(compiled)["raw"] == json.loads(out)["raw"]


def test_a_job_is_gone_on_with_under_the_options_that_it_began_with(ctrldiff, tmp_path):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text('{"text": "The id is 7."}\n')
    command = ("extract", docs, "-s", json.dumps(PAIR), "-o", out, "--steps", 2, "--counts", "rows")
    assert ctrldiff(*command, *SPELLED)[0] == 0
    kept = json.loads((tmp_path / "out.jsonl.job" / "manifest.json").read_text())["arguments"]
    assert {name: kept[name] for name in ("order", "ascii", "whitespace", "counts")} == {
        "order": "any",
        "ascii": True,
        "whitespace": "spaced",
        "counts": "rows",
    }
    with docs.open("a") as stream:
        stream.write('{"text": "The id is 8."}\n')
    assert ctrldiff("extract", "--resume", f"{out}.job")[0] == 0 and len(out.read_text().splitlines()) == 2
    for other, what in ((command, "schema"), ((*command[:-1], "likeliest", *SPELLED), "counts")):
        status, _, err = ctrldiff(*other)
        assert status == 2 and f"{what}: " in err
    for said, told in (
        (("--seed", 1), "--seed"),
        (("--flat", "--id", "key", "--guide", "alone"), "--id, --flat, --guide"),
    ):
        status, _, err = ctrldiff("extract", "--resume", f"{out}.job", *said, "--batch-size", 1)
        assert status == 2 and f"--resume, and {told}\n" in err


def test_a_model_in_the_box_is_itself_beside_a_folder_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("tiny", "other"):
        (tmp_path / name).mkdir()
    kept = [_kept({"model": model})["model"] for model in ("tiny", "other", "none", "./tiny")]
    assert kept == ["tiny", str(tmp_path / "other"), "none", str(tmp_path / "tiny")]


def test_the_number_of_items_is_decided_first(ctrldiff):
    item = {
        "type": "object",
        "properties": {"a": {"type": "boolean"}, "n": {"type": "integer"}},
        "required": ["a", "n"],
    }
    asked = ("run", "2 lamps\n3 pens\n4 cups", "-s", json.dumps({"type": "array", "items": item}), "--json")
    lengths = {}
    for counts in ("rows", "rows:otherwise=likeliest", "likeliest:most=1,per_item=1000"):
        status, out, err = ctrldiff(*asked, "--counts", counts)
        assert status == 0, err
        lengths[counts] = len(json.loads(out)["output"])
    assert list(lengths.values()) == [3, 3, 1]
    status, out, _ = ctrldiff(*asked, "--preset", "llada:block=8", "--counts", "rows")
    assert status == 0 and len(json.loads(out)["output"]) == 3, "a preset counts too"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--order", "random"), "order is 'schema' or 'any'"),
        (("--whitespace", "pretty(9)"), "'pretty(8)'"),
        (("--whitespace", ""), "'pretty(8)'"),
        (("--counts", "lines"), "one of rows, likeliest"),
        (("--counts", "rows:gamma=1"), "no argument 'gamma'"),
        (("--counts", "rows:most=0"), "most=0"),
        (("--counts", "rows:otherwise=most"), "no rule 'most'"),
        (("--counts", "likeliest:per_item=many"), "per_item='many'"),
        (("--counts", "likeliest:most"), "'most' has no value"),
    ],
)
@pytest.mark.parametrize("command", ["run", "trace", "extract"])
def test_options_that_mean_nothing_are_refused_before_a_model_is_loaded(ctrldiff, tmp_path, command, options, told):
    asked = ("a text",) if command != "extract" else ("examples/invoice.txt", "-o", tmp_path / "out.jsonl")
    status, _, err = ctrldiff(command, *asked, "-s", '{"const": 1}', "--model", "no/such/model", *options)
    assert status == 2 and told in err and "Traceback" not in err and "no/such" not in err


@pytest.mark.parametrize("named", ["", ":Name", ".a:Name", "..:Name", "json:", "no.such:Name", "len.x"])
def test_a_type_that_is_not_there_is_refused(ctrldiff, named):
    status, _, err = ctrldiff("run", "a text", "--type", named, "--model", "no/such/model")
    assert status == 2 and f"--type {named}" in err and "Traceback" not in err


def test_bytes_that_are_no_text_are_told(monkeypatch):
    for data, encoding in ((b"Total: 5 \xa4", "utf-8"), (b"Total: 5 \x81", "cp1252")):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data), encoding=encoding))
        with pytest.raises(InputError, match="standard input, byte 9: not "):
            text_of("-")
    assert text_of("a - b") == "a - b"


@pytest.mark.parametrize("said", [("--svg", "out.svg"), ("--ask", "total")])
def test_what_is_for_decisions_is_refused_for_values(ctrldiff, tmp_path, said):
    (tmp_path / "docs.jsonl").write_text('{"text": "Total 1", "output": {"total": 1}}')
    status, _, err = ctrldiff("calibrate", tmp_path / "docs.jsonl", "-s", "{}", "--model", "no/such/model", *said)
    assert status == 2 and f"{said[0]} is for decisions" in err


@pytest.mark.parametrize("option", [("--order", "any"), ("--ascii",), ("--whitespace", "pretty")])
def test_what_is_said_of_a_schema_needs_one(ctrldiff, tmp_path, option):
    module = tmp_path / "it.module"
    module.write_bytes(b"")
    for wanted, way in (((), "--schema"), (("--regex", "a"), "--schema"), (("--compiled", module), "ctrldiff compile")):
        status, _, err = ctrldiff("run", "a text", *wanted, *option, "--model", "no/such/model")
        assert status == 2 and f"{option[0]}: how a schema is read" in err and way in err


def test_run_and_trace_take_the_same_types(ctrldiff, tmp_path):
    module = tmp_path / "it.module"
    assert ctrldiff("compile", '{"enum": ["2026-03-03", 2]}', "-o", module)[0] == 0
    for wanted in (("--type", "date"), ("--compiled", module)):
        how = (*wanted, "--steps", 2, "--json")
        status, out, err = ctrldiff("run", "Due on 3 March 2026.", *how)
        assert status == 0, err
        status, traced, err = ctrldiff("trace", "Due on 3 March 2026.", *how, "-o", tmp_path / "page.html")
        assert status == 0 and json.loads(traced)["output"] == json.loads(out)["output"], err


OUTPUTS = {
    "compare": (("docs.jsonl", "-s", "schema.json", "--passes", "1", "--svg"), "docs.jsonl"),
    "calibrate": (("docs.jsonl", "-s", "schema.json", "--fit"), "schema.json"),
    "compile": (("schema.json", "-o"), "schema.json"),
    "bias fit": (("docs.jsonl", "schema.json", "-o"), "docs.jsonl"),
    "trace": (("a text", "-s", "schema.json", "-o"), "schema.json"),
    "report": (("docs.jsonl", "-o"), "docs.jsonl"),
}


@pytest.mark.parametrize("command", OUTPUTS)
def test_where_nothing_can_be_written_is_told_before_any_work(command, ctrldiff, tmp_path, monkeypatch):
    def loaded(*args, **how):
        raise AssertionError("a model was loaded")

    monkeypatch.setattr("ctrldiff.generate.from_pretrained", loaded)
    files = {
        "docs.jsonl": '{"text": "a", "output": {"a": "b"}}\n',
        "schema.json": '{"properties": {"a": {"type": "string"}}}',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    words, own = OUTPUTS[command]
    words = [tmp_path / word if word in files else word for word in words]
    for out, why in (("no/such/x", "is no folder"), ("", "it is a folder"), (own, "it is what is read")):
        status, _, err = ctrldiff(*command.split(), *words, tmp_path / out)
        assert status == 2 and f"{str(tmp_path / out)!r} cannot be written: " in err and why in err, (out, err)
    assert {name: (tmp_path / name).read_text() for name in files} == files

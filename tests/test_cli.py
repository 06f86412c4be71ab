"""The command line as a stranger meets it."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

import ctrldiff as cd
from ctrldiff.cli import main

ROOT = Path(__file__).parents[1]
SCHEMA = {"type": "object", "properties": {"total": {"type": "number"}, "paid": {"type": "boolean"}}}
SCHEMA |= {"required": ["total", "paid"], "additionalProperties": False}


@pytest.fixture
def ctrldiff(capsys, monkeypatch):
    """Run the entry point in this process; (status, output, errors)."""

    def run(*arguments, stdin=""):
        monkeypatch.setattr(sys, "argv", ["ctrldiff", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8"))
        monkeypatch.chdir(ROOT)
        with pytest.raises(SystemExit) as done:
            main()
        captured = capsys.readouterr()
        return int(done.value.code or 0), captured.out, captured.err

    return run


def test_the_module_runs_as_a_command():
    done = subprocess.run([sys.executable, "-m", "ctrldiff", "--help"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0 and "extract" in done.stdout


def test_a_preset_is_named_with_its_knobs(ctrldiff):
    command = ("run", "The code is AB-1234.", "--regex", "[A-Z]{2}-[0-9]{4}", "--max-new-tokens", 8, "--json")
    status, out, _ = ctrldiff(*command, "--preset", "klass:block=16,threshold=.8", "--steps", 8)
    assert status == 0 and json.loads(out)["output"] in cd.Regex("[A-Z]{2}-[0-9]{4}")
    for wrong, why in (("class", "klass"), ("klass:gamma=1", "threshold"), ("eb:gamma", "no value")):
        status, _, err = ctrldiff(*command, "--preset", wrong)
        assert status != 0 and why in err, err


def test_check_explains_a_schema(ctrldiff):
    status, out, _ = ctrldiff("check", json.dumps(SCHEMA), "--json")
    facts = json.loads(out)
    assert status == 0 and facts["refused"] == [] and facts["enforced"]["required"] == 1
    assert facts["states"] > 10 and facts["tokens"]["classes"] > 1
    assert facts["shortest"] == '{"total":0,"paid":true}'
    assert 1 <= facts["tokens"]["shortest"] <= len(facts["shortest"]) and facts["tokens"]["longest"] is None


def test_check_unrolls_a_recursion_as_decoding_does(ctrldiff):
    schema = {"type": "object", "properties": {"n": {"$ref": "#"}}, "required": [], "additionalProperties": False}
    status, out, _ = ctrldiff("check", json.dumps(schema), "--json")
    facts = json.loads(out)
    assert status == 0 and facts["bytes"]["shortest"] == 2 and facts["bytes"]["longest"] > 30
    assert facts["tokens"]["longest"] > 10 and facts["seconds"]["automaton"] >= 0
    (narrowed,) = facts["narrowed"]
    assert narrowed["pointer"] == "#/properties/n" and int(narrowed["how"].split()[3]) > 5


def test_check_says_whether_an_instance_is_in_the_language_and_where_it_leaves_it(ctrldiff):
    status, out, _ = ctrldiff("check", json.dumps(SCHEMA), "--explain", '{"paid": true, "total": 1.0}', "--json")
    told = json.loads(out)["explained"]
    assert status == 0 and told["accepted"] and told["text"] == '{"total":1,"paid":true}' and not told["verbatim"]
    status, out, _ = ctrldiff("check", json.dumps(SCHEMA), "--explain", '{"total": 1, "paid": "yes"}', "--json")
    told = json.loads(out)["explained"]
    assert status == 1 and not told["accepted"]
    assert told["text"][: told["byte"]] == '{"total":1,"paid":' and told["could"] == '{"total":1,"paid":true}'
    assert told["reasons"][0][0] == "/paid" and "boolean" in told["reasons"][0][1]
    status, out, _ = ctrldiff("check", json.dumps(SCHEMA), "--explain", '{"total": 1}')
    assert status == 1 and "could end like this" in out
    assert ctrldiff("check", json.dumps(SCHEMA), "--explain", "{")[0] == 2


def test_check_counts_no_keyword_as_enforced_where_it_is_refused(ctrldiff):
    dear = {"type": "array", "items": {"type": "integer", "multipleOf": 123456789}}
    short = {"type": "array", "items": {"type": "integer", "multipleOf": 5}}
    status, out, _ = ctrldiff("check", json.dumps({"properties": {"a": dear, "b": short}}), "--json")
    facts = json.loads(out)
    assert [one["pointer"] for one in facts["refused"]] == ["#/properties/a/items/multipleOf"]
    assert status and facts["enforced"]["multipleOf"] == 1 and facts["enforced"]["items"] == 2


def test_check_explains_what_comes_twice(ctrldiff):
    schema = {"type": "array", "items": {"type": "integer"}, "uniqueItems": True}
    status, out, _ = ctrldiff("check", json.dumps(schema), "--explain", "[1,2,1.0]", "--json")
    told = json.loads(out)["explained"]
    assert status == 1 and not told["accepted"] and told["text"][: told["byte"]] == "[1,2,"
    assert json.loads(ctrldiff("check", json.dumps(schema), "--explain", "[1,2,3]", "--json")[1])["explained"][
        "accepted"
    ]


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


def test_check_lists_refusals_and_says_so_by_its_status(ctrldiff):
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "regex"}}}
    status, out, _ = ctrldiff("check", json.dumps(schema), "--json")
    assert status == 1
    assert json.loads(out)["refused"][0]["pointer"] == "#/properties/a/format"


def test_run_prints_an_object_and_its_cost(ctrldiff):
    status, out, _ = ctrldiff("run", "-", "--schema", json.dumps(SCHEMA), "--json", stdin="Total: EUR 12.50, paid.")
    facts = json.loads(out)
    assert status == 0 and set(facts["output"]) == {"total", "paid"}
    assert facts["usage"]["forwards"] >= 1 and 0 <= facts["prob"] <= 1


def test_a_prompt_and_examples_are_files(tmp_path, ctrldiff):
    prompt, examples, out = tmp_path / "prompt.txt", tmp_path / "shots.jsonl", tmp_path / "out.jsonl"
    prompt.write_text("<bos>{text}<ask>{ask}<answer>\n")
    examples.write_text('{"text": "a 1", "output": 1}\n')
    docs = tmp_path / "in.jsonl"
    docs.write_text('{"text": "b 2"}\n')
    shown = ("--prompt-file", prompt, "--examples", examples)
    tokens = {}
    for how in ((), shown):
        status, printed, _ = ctrldiff("run", "b 2", "-s", '{"type": "integer"}', "--json", "--steps", 2, *how)
        tokens[how] = json.loads(printed)["usage"]["prompt_tokens"]
        assert status == 0
    assert tokens[shown] > tokens[()] + 5
    assert ctrldiff("extract", docs, "-s", '{"type": "integer"}', "-o", out, "--steps", 2, *shown)[0] == 0
    status, _, told = ctrldiff("extract", docs, "-s", '{"type": "integer"}', "-o", out, "--steps", 2)
    assert status == 2 and "examples" in told, "another run, for it was shown other examples"


@pytest.mark.parametrize(
    ("option", "held", "named"),
    [
        ("--prompt-file", b"no place", "{text}"),
        ("--prompt-file", b"{text} \xff", "cannot be read"),
        ("--prompt-file", None, "cannot be read"),
        ("--examples", b'{"text": "a"}\n', "line 1"),
        ("--examples", b"[1]\n", "line 1"),
        ("--examples", None, "cannot be read"),
    ],
)
def test_a_prompt_or_examples_that_cannot_be_used_are_refused_before_a_model_is_loaded(
    tmp_path, ctrldiff, option, held, named
):
    file = tmp_path / "file"
    if held is not None:
        file.write_bytes(held)
    status, _, told = ctrldiff("run", "b 2", "--model", "no/such/model", option, file)
    assert status == 2 and named in told


def test_run_shows_the_canvas_filling_up(ctrldiff):
    status, out, _ = ctrldiff("run", "the kettle is bad", "--regex", "[ab]{3}", "--show", "--max-new-tokens", "5")
    assert status == 0 and "·····" in out and "forward passes" in out


def test_extract_keeps_what_it_can_and_says_what_it_cannot(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    lines = [
        '{"id": "a", "text": "Total 3 EUR, paid"}',
        '{"id": "b"',
        '{"text": ""}',
        '{"body": "x"}',
        "",
        '{"text": "' + "word " * 500 + '"}',
        "[1]",
        '{"text": "Total 5 EUR"}',
    ]
    docs.write_text("\n".join(lines) + "\n")
    status, printed, _ = ctrldiff("extract", docs, "--schema", json.dumps(SCHEMA), "-o", out, "--json", "--steps", 2)
    summary = json.loads(printed)
    assert status == 1 and summary["done"] == 3 and summary["failed"] == 4
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["line"] for row in rows] == [1, 6, 8] and rows[0]["id"] == "a"
    assert len(rows[1]["chunks"]) > 1 and "chunks" not in rows[0], "what is too long is read in parts"
    assert all(set(row["output"]) == {"total", "paid"} for row in rows)
    failed = [json.loads(line) for line in Path(summary["failed_file"]).read_text().splitlines()]
    assert [(row["line"], row["code"]) for row in failed] == [
        (2, "INPUT"),
        (3, "INPUT"),
        (4, "INPUT"),
        (7, "INPUT"),
    ]
    assert "line 2" in failed[0]["error"] and failed[0]["input"] == lines[1]


def test_extract_goes_on_where_it_was_and_starts_anew_only_when_told(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text("".join(json.dumps({"text": f"Total {n} EUR"}) + "\n" for n in range(4)))
    described = json.dumps(SCHEMA | {"description": "longer than any name of a file " * 200})
    command = ("extract", docs, "--schema", described, "-o", out, "--steps", 2, "--batch-size", 2, "--json")
    assert ctrldiff(*command)[0] == 0
    whole = out.read_bytes()
    with docs.open("a") as stream:
        stream.write('{"text": "Total 4 EUR"}\n')
    status, printed, _ = ctrldiff(*command)
    assert status == 0 and out.read_bytes().startswith(whole) and json.loads(printed)["earlier"] == 4
    whole = out.read_bytes()
    status, _, told = ctrldiff(*command, "--seed", 3)
    assert status == 2 and "seed: 0 there, 3 now" in told and "--overwrite" in told and out.read_bytes() == whole
    assert ctrldiff(*command, "--seed", 3, "--overwrite")[0] == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["line"] for row in rows] == [1, 2, 3, 4, 5] and all(row["usage"]["answer_tokens"] > 5 for row in rows)


def test_extract_reads_and_writes_the_standard_streams(ctrldiff):
    lines = '{"text": "Total 3 EUR", "id": "é"}\n{"text": 5}\n'
    status, out, err = ctrldiff("extract", "-", "-s", json.dumps(SCHEMA), "-o", "-", "--steps", 2, stdin=lines)
    row, failure = json.loads(out), json.loads(err.splitlines()[0])
    assert status == 1 and (row["id"], row["line"]) == ("é", 1) and failure["line"] == 2
    assert "1 answers, 1 failed (see standard error)" in " ".join(err.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("none.jsonl", "-s", '{"const": 1}', "-o", "OUT"), "cannot be read"),
        (("DOCS", "-s", "no/such.json", "-o", "OUT"), "SCHEMA_INVALID"),
        (("DOCS", "-s", '{"type": "strin"}', "-o", "OUT"), "SCHEMA_INVALID"),
        (("DOCS", "-s", '{"type": "string", "format": "regex"}', "-o", "OUT"), "SCHEMA_UNSUPPORTED"),
        (("DOCS", "-s", '{"type": "string", "x-span": "yes"}', "-o", "OUT"), "SCHEMA_INVALID"),
        (("DOCS", "-s", '{"const": 1}', "-o", "DOCS", "--overwrite"), "is the input itself"),
        (("DOCS", "-s", '{"const": 1}', "-o", "OTHER"), "is there already"),
        (("DOCS", "-s", "SCHEMA", "-o", "SCHEMA", "--overwrite"), "which is read"),
        (("DOCS", "-s", '{"const": 1}', "-o", "nowhere/out"), "there is no folder"),
    ],
)
def test_what_is_mistyped_is_told_before_the_model_is_looked_at(tmp_path, ctrldiff, arguments, told):
    names = {name: tmp_path / name for name in ("DOCS", "OUT", "OTHER", "SCHEMA")}
    names["DOCS"].write_text('{"text": "Total 3 EUR"}\n')
    names["OTHER"].write_text("mine\n")
    names["SCHEMA"].write_text('{"const": 1}')
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    # The model is not there either, and is not what is told of.
    status, _, err = ctrldiff("extract", *(names.get(one, one) for one in arguments), "--model", "no/such/model")
    assert status == 2 and told in err and "Traceback" not in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(("number", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_stopped_extraction_keeps_what_it_has_and_says_how_to_go_on(tmp_path, ctrldiff, monkeypatch, number, status):
    import os
    import signal

    from ctrldiff.extract import job
    from ctrldiff.extract.ledger import Ledger

    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text("".join(json.dumps({"text": f"Total {n} EUR"}) + "\n" for n in range(12)))
    command = ("extract", docs, "--schema", json.dumps(SCHEMA), "-o", out, "--steps", 2, "--batch-size", 2, "--json")
    monkeypatch.setattr(signal, "_ours", signal.signal(signal.SIGINT, signal.default_int_handler), raising=False)
    real, handlers = Ledger.keep, [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]

    def keep(self, entries):
        real(self, entries)
        if entries[0].n == 2:
            os.kill(os.getpid(), getattr(signal, number))

    with monkeypatch.context() as patch:
        patch.setattr(job, "KEPT", 1)
        patch.setattr(Ledger, "keep", keep)
        done, printed, err = ctrldiff(*command)
    assert done == status and "documents are done; the same command goes on" in err and "Traceback" not in err
    assert f"--resume {out}.job" in err and not out.exists()
    if number == "SIGINT":
        assert "finishing the documents at work" in err and json.loads(printed)["done"] == 5
    else:
        assert "stopped: 3 documents are done" in err and printed == ""
    assert [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)] == handlers
    assert ctrldiff("export", f"{out}.job", "-o", tmp_path / "some.csv")[0] == 0
    assert 4 <= len((tmp_path / "some.csv").read_text().splitlines()) <= 6
    status, printed, _ = ctrldiff("extract", "--resume", f"{out}.job", "--json")
    assert status == 0 and json.loads(printed)["earlier"] >= 3 and len(out.read_text().splitlines()) == 12


def test_a_job_is_gone_on_with_by_its_folder_in_shards_and_what_failed_is_tried_again(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.csv", tmp_path / "out.parquet"
    docs.write_text("id,body\n" + "".join(f"{n},Total {n} EUR\n" for n in range(4)) + "9,\n")
    described = tmp_path / "schema.json"
    described.write_text(json.dumps(SCHEMA))
    command = ("extract", docs, "-s", described, "-o", out, "--field", "body", "--steps", 2, "--json", "--flat")
    status, printed, _ = ctrldiff(*command, "--shard", "1/2")
    assert status == 3 and json.loads(printed)["done"] == 2 and not out.exists()
    status, printed, _ = ctrldiff("extract", "--resume", f"{out}.job", "--shard", "2/2", "--json")
    assert status == 1 and json.loads(printed)["done"] == 4 and json.loads(printed)["failed"] == 1
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(out)
    assert table.column_names[:4] == ["id", "line", "/total", "/paid"] and table["id"].to_pylist() == list("0123")
    status, printed, _ = ctrldiff("extract", "--resume", f"{out}.job", "--retry-failed", "--json")
    assert status == 1 and json.loads(printed)["failed"] == 1
    status, _, err = ctrldiff("extract", docs, "--resume", f"{out}.job")
    assert status == 2 and "--resume says what is read" in err
    for wrong in (("extract", "--resume", tmp_path), ("export", tmp_path, "-o", "-")):
        status, _, err = ctrldiff(*wrong)
        assert status == 2 and "is no job's folder" in err
    status, _, err = ctrldiff("extract", docs)
    assert status == 2 and "FILE, --schema or --compiled, and -o are needed" in err


def test_the_version_is_the_packages(ctrldiff):
    assert ctrldiff("--version")[:2] == (0, f"ctrldiff {cd.__version__}\n")
    assert "Typed, guaranteed answers" in ctrldiff("--help")[1]


@pytest.mark.parametrize(
    ("said", "labels"),
    [
        (["good,bad"], {"good", "bad"}),
        ([" good , bad "], {"good", "bad"}),
        (["good, in part", "bad"], {"good, in part", "bad"}),
    ],
)
def test_labels_are_told_by_commas_or_one_by_one(ctrldiff, said, labels):
    options = [part for one in said for part in ("--choice", one)]
    status, out, _ = ctrldiff("run", "The kettle is bad.", *options, "--json")
    assert status == 0 and set(json.loads(out)["probs"]) == labels


@pytest.mark.parametrize("said", [["a,,b"], [",a"], ["a,"], [""], [" , "], ["a", ""], ["a", "  "]])
def test_an_empty_label_is_refused_with_a_way_out(ctrldiff, said):
    options = [part for one in said for part in ("--choice", one)]
    status, _, err = ctrldiff("run", "The kettle is bad.", *options)
    assert status == 2 and "a label is empty" in err and "->" in err


def test_a_decision_is_shown_with_its_answer(ctrldiff):
    status, out, _ = ctrldiff("run", "The kettle is bad.", "--choice", "good,bad", "--show")
    first, second, *_ = out.splitlines()
    assert status == 0 and "·" in first and second.split()[0] == "1" and second.split()[1] in ("good", "bad")


def test_check_takes_spans_over_a_text_and_says_so(ctrldiff):
    schema = json.dumps(
        {"type": "object", "properties": {"who": {"type": "string", "x-span": True}}, "required": ["who"]}
    )
    status, out, _ = ctrldiff("check", schema, "--text", "Ana met Ivan.", "--explain", '{"who": "Ivan"}', "--json")
    facts = json.loads(out)
    assert (
        status == 0 and facts["refused"] == [] and facts["text"] == "Ana met Ivan." and facts["explained"]["accepted"]
    )
    status, out, _ = ctrldiff("check", schema, "--explain", '{"who": "Ivan"}')
    assert status == 1 and "an automaton for each text" in " ".join(out.split())


def test_strict_extraction_stops_before_anything_is_written(tmp_path, ctrldiff):
    docs, out = tmp_path / "docs.jsonl", tmp_path / "out.jsonl"
    docs.write_text('{"text": "Total 3 EUR"}\n{"broken\n')
    status, _, err = ctrldiff("extract", docs, "--schema", json.dumps(SCHEMA), "-o", out, "--strict")
    assert status == 2 and "docs.jsonl line 2" in err and not out.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", "{"), "SCHEMA_INVALID"),
        (("check", "no-such-file.json"), "cannot be read"),
        (("check", '{"const": 1}', "--model", "no/such/model"), "is not a folder"),
        (("run", "x", "--regex", "(a)\\1"), "^"),
        (("run", "x", "--regex", "a{9}", "--max-new-tokens", "2"), "max_new_tokens>="),
        (("run", "  "), "empty"),
        (("run", "x", "--regex", "a", "--choice", "b"), "cannot go together"),
        (("run", "x", "--model", "tests"), "config.json"),
        (("extract", "missing.jsonl", "--schema", '{"const":1}', "-o", "/tmp/x"), "cannot be read"),
    ],
)
def test_errors_are_one_message_with_a_way_out_and_no_traceback(arguments, words, ctrldiff):
    status, _, err = ctrldiff(*arguments)
    assert status == 2 and "Traceback" not in err
    assert words in err


def test_a_model_folder_without_safetensors_is_refused(tmp_path, ctrldiff):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    status, _, err = ctrldiff("run", "x", "--model", tmp_path)
    assert status == 2 and "no safetensors" in err and "pickle" in err


@pytest.mark.parametrize("label", ["positive", "negative"])
def test_run_leans_as_a_guide_says_and_keeps_the_form(ctrldiff, label):
    pattern = r"[A-Z][a-z ,']+\. [A-Z][a-z ,']+\."
    status, out, _ = ctrldiff(
        *("run", "Write a review of the kettle.", "--regex", pattern, "--guide", f"sentiment={label}:2.0"),
        *("--max-new-tokens", 32, "--json"),
    )
    raw = json.loads(out)["raw"]
    assert status == 0 and raw in cd.Regex(pattern)
    assert cd.from_pretrained()(raw, cd.Choice(["positive", "negative"])).output == label


@pytest.mark.parametrize(
    ("guide", "told"),
    [
        ("sentiment=warm:2", "no label 'warm'"),
        ("sentiment=positive:nan", "not a finite number"),
        ("sentiment=positive:much", "'much'"),
        ("mood=positive:2", "nothing is called 'mood'"),
        ("prompt=:1", "is no guide"),
        ("sentiment=positive:2@total.x", "no string, number, boolean or null at 'total.x'"),
    ],
)
def test_guides_that_mean_nothing_are_refused_with_those_that_do(ctrldiff, guide, told):
    status, _, err = ctrldiff("run", "A text.", "--schema", json.dumps(SCHEMA), "--guide", guide)
    assert status == 2 and told in err and "Traceback" not in err


def test_a_bias_is_fitted_and_used(ctrldiff, tmp_path):
    table, good, bad = tmp_path / "table.safetensors", tmp_path / "good.txt", tmp_path / "bad.txt"
    good.write_text("The lamp is excellent. I love it.\nI am very happy.\n", encoding="utf-8")
    bad.write_text("The lamp is awful. I want a refund.\nI am very unhappy.\n", encoding="utf-8")
    status, out, _ = ctrldiff("bias", "fit", good, bad, "-o", table, "--json")
    facts = json.loads(out)
    assert status == 0 and facts["texts"] == [2, 2] and facts["towards"][0][1] > 0 > facts["away"][0][1]
    assert ctrldiff("bias", "fit", good, bad, "-o", table)[1].count("\n") == 3
    pattern = r"[A-Z][a-z ,']+\. [A-Z][a-z ,']+\."
    run = ("run", "Write a review of the kettle.", "--regex", pattern, "--max-new-tokens", 32, "--json")
    said = {}
    for strength in ("4", "-4"):
        status, out, err = ctrldiff(*run, "--guide", f"bias={table}:{strength}")
        assert status == 0, err
        said[strength] = json.loads(out)["raw"]
    judge = {raw: cd.from_pretrained()(raw, cd.Choice(["positive", "negative"])).output for raw in said.values()}
    assert judge == {said["4"]: "positive", said["-4"]: "negative"}
    assert ctrldiff("bias", "fit", good, tmp_path / "none.txt", "-o", table)[0] == 2


def test_every_form_of_a_guide_is_read():
    from ctrldiff import guide as g
    from ctrldiff.guidance.words import read_guide

    assert read_guide("prompt:1.5") == g.ClassifierFree(1.5) and read_guide("prompt") == g.ClassifierFree(1.0)
    assert read_guide("doubt:2") == g.AdaptiveClassifierFree(2.0)
    assert read_guide("not=Write a bad review.:0.5") == g.NegativePrompt("Write a bad review.", 0.5)
    assert read_guide("words=a, b:-3") == g.Words(["a", "b"], -3.0)
    assert read_guide("alone@r.text") == g.on_field("r.text", g.Alone())
    assert read_guide(f"bias={ROOT}/ctrldiff/guidance/sentiment.safetensors:2@r.text").path == "r.text"
    assert read_guide("sentiment=positive").strength == 1.0


MISTYPED = [
    ("run", "a", "--schema", "none.json"),
    ("run", "a", "--choice", "a,,b"),
    ("run", "a", "--unsure", "perhaps"),
    ("run", "a", "--guide", "nonsense"),
    ("run", "a", "--guide", "bias=none.safetensors:2"),
    ("extract", "none.jsonl", "-s", '{"const": 1}', "-o", "OUT"),
    ("extract", "examples/invoice.txt", "-s", "none.json", "-o", "OUT"),
    ("extract", "examples/invoice.txt", "-s", '{"const": 1}', "-o", "OUT", "--unsure", "perhaps"),
    ("check", "none.json"),
    ("calibrate", "none.jsonl"),
    ("calibrate", "none.jsonl", "-s", '{"type": "object"}'),
    ("extract", "examples/invoice.txt", "-s", '{"const": 1}', "-o", "OUT", "--calibration", "examples/invoice.txt"),
    ("bias", "fit", "none.txt", "examples/invoice.txt", "-o", "OUT"),
    ("bias", "fit", "examples/invoice.txt", "none.txt", "-o", "OUT"),
]


@pytest.mark.parametrize("arguments", MISTYPED, ids=" ".join)
def test_what_is_mistyped_is_found_before_a_model_is_loaded(arguments, ctrldiff, monkeypatch, tmp_path):
    monkeypatch.setattr("ctrldiff.generate.from_pretrained", lambda *_, **__: pytest.fail("a model is loaded"))
    status, _, errors = ctrldiff(*(str(tmp_path / "out") if one == "OUT" else one for one in arguments))
    assert status == 2 and errors


def test_a_mistyped_file_is_found_before_torch_is_imported():
    for arguments in (one for one in MISTYPED if one[0] != "calibrate" and {"none.json", "none.jsonl"} & {*one}):
        code = f"""
import sys
from ctrldiff.cli import main
sys.argv = ["ctrldiff", *{arguments}]
try:
    main()
finally:
    assert not {{"torch", "transformers"}} & set(sys.modules)
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
        assert done.returncode == 2 and "cannot be read" in done.stderr, done.stderr


def test_probabilities_of_values_are_fitted_and_told(ctrldiff, tmp_path):
    schema = '{"type": "object", "properties": {"total": {"type": ["number", "null"]}}, "required": ["total"]}'
    docs, fit, out = (tmp_path / name for name in ("docs.jsonl", "fit.json", "out.jsonl"))
    docs.write_text(json.dumps({"text": "Total due: EUR 12.50.", "output": {"total": 12.5}}))
    status, printed, _ = ctrldiff("calibrate", str(docs), "-s", schema, "--fit", str(fit), "--json")
    assert status == 0 and json.loads(printed)["kinds"]["values"]["before"]["count"] == 1
    told = ("--calibration", str(fit), "--below", "1", "--unsure", "null")
    assert ctrldiff("extract", str(docs), "-s", schema, "-o", str(out), *told)[0] == 0
    row = json.loads(out.read_text())
    assert row["output"] == {"total": None} and row["flags"][0]["prob"] == row["fields"]["total"]["prob"] < 1


def test_models_lists_the_families(ctrldiff):
    status, out, _ = ctrldiff("models", "--json")
    rows = json.loads(out)
    assert status == 0 and {"LLaDA", "Dream", "SDAR", "MaskedLM"} <= {row["family"] for row in rows}
    assert all(row["checked"] and row["runs"] and row["models"] for row in rows)
    status, out, _ = ctrldiff("models")
    assert status == 0 and "LlamaForCausalLM" in out


def test_models_says_what_a_folder_is_and_why(ctrldiff):
    status, out, _ = ctrldiff("models", "tiny", "--weights", "--json")
    facts = json.loads(out)
    assert status == 0 and facts["family"] == "ModernBERT" and facts["missing"] == []
    assert facts["why"] == "architectures: ModernBertForMaskedLM" and facts["parameters"] > 1_000_000
    assert facts["spec"]["mask_id"] == 1
    status, out, _ = ctrldiff("models", "tiny")
    assert status == 0 and "because of" in out and "mask_id" in out


def test_models_says_what_a_folder_lacks(ctrldiff, tmp_path):
    import shutil

    folder = tmp_path / "half"
    shutil.copytree(ROOT / "ctrldiff" / "models" / "tiny", folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 7}))
    assert json.loads(ctrldiff("models", folder, "--weights", "--json")[1])["missing"][0]["code"] == "MODEL_LOAD"
    layers = {"num_hidden_layers": 7, "layer_types": [*config["layer_types"], "full_attention"]}
    (folder / "config.json").write_text(json.dumps(config | layers))
    status, out, _ = ctrldiff("models", folder, "--weights", "--json")
    (missing,) = json.loads(out)["missing"]
    assert status == 1 and missing["code"] == "MISSING_KEYS"
    told = {name: value for name, value in config["ctrldiff"].items() if name != "mask_id"}
    (folder / "config.json").write_text(json.dumps(config | {"ctrldiff": told, "mask_token_id": None}))
    named = json.loads(
        (folder / "tokenizer_config.json").read_text()
    )  # a null in the config hides nothing that it says
    del named["mask_token"]
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    status, out, _ = ctrldiff("models", folder, "--json")
    assert status == 1 and json.loads(out)["missing"][0]["code"] == "NO_MASK_ID"
    assert "mask_id" in ctrldiff("models", folder)[1]
    (folder / "config.json").write_text(json.dumps({"model_type": "modernbrt"}))
    status, _, errors = ctrldiff("models", folder)
    assert status == 2 and "UNKNOWN_ARCHITECTURE" in errors and "near: modernbert" in errors


def test_models_says_what_fits(ctrldiff):
    status, out, _ = ctrldiff("models", "tiny", "--memory", "--json")
    memory = json.loads(out)["memory"]
    assert status == 0 and memory["dtype"] == "float32" and memory["kept"] == 0 and memory["weights"] > 10**6
    assert "rows of 1,000 + 128 tokens" in " ".join(ctrldiff("models", "tiny", "--memory")[1].split())


def test_a_forced_value_is_told_and_may_be_refused(ctrldiff):
    schema = {"type": "object", "properties": {"customer": {"type": "string"}, "notes": {"type": "string"}}}
    schema["required"] = ["customer", "notes"]
    asked = ("run", "Order 5512 for Maria Jensen: 3 desk lamps.", "--schema", json.dumps(schema), "--json")
    status, out, _ = ctrldiff(*asked)
    assert status == 0 and [flag["where"] for flag in json.loads(out)["flags"]] == ["/notes"]
    assert json.loads(out)["full"] is False
    status, _, err = ctrldiff(*asked, "--unsure", "error")
    assert status == 2 and "UNSURE" in err and "/notes" in err
    assert ctrldiff(*asked, "--unsure", "maybe")[0] == 2


def test_check_tells_what_is_ignored_and_what_plain_texts_leave_out(ctrldiff):
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": ["a"]}
    schema["properties"] = {"a": {"type": "number"}, "b": {"type": "array", "prefixItems": [{"type": "string"}]}}
    schema["requierd"] = ["b"]
    status, out, _ = ctrldiff("check", json.dumps(schema), "--json")
    facts = json.loads(out)
    assert status == 0 and [one["pointer"] for one in facts["ignored"]] == ["#/properties/b/prefixItems"]
    assert facts["unknown"] == [{"pointer": "#/requierd", "keyword": "requierd", "meant": "required"}]
    assert any("18 digits before the point and 6 behind" in one["how"] for one in facts["plain"])
    shown = ctrldiff("check", json.dumps(schema))[1]
    assert "ignored" in shown and "(required?)" in shown and "for plain texts" in shown


def test_a_warning_is_a_line_of_its_own_and_points_at_no_code():
    schema = '{"type":"string","minLength":9}'
    command = [sys.executable, "-m", "ctrldiff", "run", "two lamps", "-s", schema, "--max-new-tokens", "12"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    assert said.startswith("warning: text 0: the end of its canvas") and ".py" not in said


def test_a_compiled_file_goes_in_place_of_its_schema(ctrldiff, tmp_path):
    out, text = tmp_path / "it.module", "The invoice is over EUR 12.50, and it was paid."
    status, told, _ = ctrldiff("compile", json.dumps(SCHEMA), "-o", out, "--json")
    facts = json.loads(told)
    assert status == 0 and facts["bytes"] == out.stat().st_size and facts["tables"][0]["states"] > 10
    assert facts["vocabulary"] == cd.from_pretrained("tiny").vocabulary.fingerprint
    answers = []
    for wanted in (("--schema", json.dumps(SCHEMA)), ("--compiled", out)):
        status, told, _ = ctrldiff("run", text, *wanted, "--json")
        assert status == 0
        answers.append({name: json.loads(told)[name] for name in ("output", "raw", "prob", "flags")})
    assert answers[0] == answers[1] and set(answers[1]["output"]) == {"total", "paid"}
    (tmp_path / "docs.jsonl").write_text(json.dumps({"id": "a", "text": text}) + "\n")
    rows = []
    for n, wanted in enumerate((("--schema", json.dumps(SCHEMA)), ("--compiled", out))):
        status, _, _ = ctrldiff("extract", tmp_path / "docs.jsonl", *wanted, "-o", tmp_path / f"{n}.jsonl")
        assert status == 0
        rows.append((tmp_path / f"{n}.jsonl").read_bytes())
    assert rows[0] == rows[1] and json.loads(rows[1])["output"] == answers[1]["output"]
    assert ctrldiff("extract", "--resume", tmp_path / "1.jsonl.job")[0] == 0
    status, _, err = ctrldiff("extract", tmp_path / "docs.jsonl", "--compiled", out, "-o", out, "--overwrite")
    assert status == 2 and "which is read" in err


def test_compiled_patterns_and_what_cannot_go_together(ctrldiff, tmp_path):
    out = tmp_path / "code"
    status, told, _ = ctrldiff("compile", "--regex", "[A-Z]{2}-[0-9]{4}", "-o", out)
    assert status == 0 and "states, compiled in" in told
    status, told, _ = ctrldiff("run", "The code is AB-1234.", "--compiled", out, "--json")
    assert status == 0 and json.loads(told)["output"] in cd.Regex("[A-Z]{2}-[0-9]{4}")
    for wrong, why in (
        (("compile", "-o", out), "nothing to compile"),
        (("run", "a", "--compiled", out, "--regex", "a"), "--compiled and --regex cannot go together"),
        (("run", "a", "--compiled", tmp_path / "none"), "no such file"),
        (("run", "a", "--compiled", ROOT / "README.md"), "is no compiled type"),
        (("extract", out, "-o", tmp_path / "x.jsonl"), "--schema or --compiled"),
        (("extract", out, "--compiled", out, "-s", "{}", "-o", tmp_path / "x.jsonl"), "cannot go together"),
    ):
        status, _, err = ctrldiff(*wrong)
        assert status == 2 and why in err, err

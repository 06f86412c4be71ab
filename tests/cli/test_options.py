"""Options that several commands share."""

import json


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

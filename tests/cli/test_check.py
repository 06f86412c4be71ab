"""`ctrldiff check`: what a schema means here."""

import json

from tests.cli.test_run import SCHEMA


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


def test_check_lists_refusals_and_says_so_by_its_status(ctrldiff):
    schema = {"type": "object", "properties": {"a": {"type": "string", "format": "regex"}}}
    status, out, _ = ctrldiff("check", json.dumps(schema), "--json")
    assert status == 1
    assert json.loads(out)["refused"][0]["pointer"] == "#/properties/a/format"


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

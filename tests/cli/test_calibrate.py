"""`ctrldiff calibrate`: probabilities are fitted and told."""

import json


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

"""`ctrldiff bias`: a table is fitted and used."""

import json

import ctrldiff as cd


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

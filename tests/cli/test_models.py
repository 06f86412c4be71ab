"""`ctrldiff models`: what a folder is, and what it lacks."""

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_model_folder_without_safetensors_is_refused(tmp_path, ctrldiff):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    status, _, err = ctrldiff("run", "x", "--model", tmp_path)
    assert status == 2 and "no safetensors" in err and "pickle" in err


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

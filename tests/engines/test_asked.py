"""What requests ask of a server is compiled from their words alone, and no client makes the server keep without end."""

import json
from types import SimpleNamespace

import pytest

from ctrldiff.engines.asked import TABLES, VOCABULARIES, Compiler, described
from ctrldiff.engines.vllm import CARRIED, admit, is_carried
from ctrldiff.errors import InputError, SchemaInvalid
from ctrldiff.models.hf import TINY
from ctrldiff.models.tokenizer import load_tokenizer


def test_a_request_reads_no_file(tmp_path):
    file = tmp_path / "schema.json"
    file.write_text('{"type": "integer"}')
    for value in (str(file), json.dumps({"type": "integer"}), "nothing", None, 5, []):
        with pytest.raises(SchemaInvalid, match="a schema is an object or a boolean"):
            described("json_schema", json.dumps(value), ascii=True)
    for value in ({"a": 1}, "yes", None):
        with pytest.raises(SchemaInvalid, match="a list of texts"):
            described("choice", json.dumps(value), ascii=True)
    assert "12" in described("json_schema", file.read_text(), ascii=True).dfa()


def test_tables_and_vocabularies_are_kept_up_to_a_number():
    tokenizer, compiler = load_tokenizer(TINY), Compiler()
    how = {"size": len(tokenizer), "banned": (tokenizer.mask_token_id,)}
    for n in range(VOCABULARIES + 3):
        table = compiler("regex", "[ab]", tokenizer, stops=(2, 100 + n), **how)
        assert table.vocabulary.stop_ids == (2, 100 + n)
        assert compiler("regex", "[ab]", tokenizer, stops=(2, 100 + n), **how) is table
    assert len(compiler.vocabularies) == VOCABULARIES and len(compiler.tables) <= TABLES


@pytest.mark.parametrize(
    "said", ["regex", 5, {}, ["regex", "a"], ["file", "a", 1], ["regex", 1, 1], ["regex", "a", "1"]]
)
def test_what_a_request_says_in_our_word_is_not_believed(said):
    assert not is_carried(said) and is_carried(["regex", "a", 1])
    params = SimpleNamespace(structured_outputs=None, extra_args={CARRIED: said})
    with pytest.raises(InputError, match=CARRIED):
        admit(params, None, None)

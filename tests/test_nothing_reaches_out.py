"""A schema, a type and a model's own text fetch nothing, read nothing and run nothing."""

import dataclasses
import http.server
import json
import sys
import threading
from typing import Annotated, Any, Optional, TypedDict

import pytest
from pydantic import BaseModel, FilePath, ImportString, NewPath
from typer.testing import CliRunner

import ctrldiff as cd
from ctrldiff.cli import app
from ctrldiff.errors import ConstraintError, CtrldiffError
from ctrldiff.json_schema.explain import explain
from ctrldiff.types.structured import output_type
from tests.conftest import named


@pytest.fixture(scope="module")
def server():
    """(URL, the paths that were asked for)."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"const": "from outside"}')

        def log_message(self, *args):
            pass

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/schema.json", asked
    running.shutdown()


SCHEMAS = {
    "a reference": lambda url: {"$ref": url},
    "in a property": lambda url: {"type": "object", "properties": {"a": {"$ref": url}}},
    "in an array": lambda url: {"type": "array", "items": {"anyOf": [{"$ref": url}, {"type": "null"}]}},
    "in a definition nobody uses": lambda url: {"type": "string", "pattern": "(a)\\1", "$defs": {"z": {"$ref": url}}},
    "under not": lambda url: {"not": {"$ref": url}},
    "a metaschema": lambda url: {"$schema": url, "type": "string", "pattern": "(a)\\1"},
    "a metaschema within": lambda url: {"$defs": {"a": {"$schema": url, "$id": "http://x/y"}}, "$ref": "#/$defs/a"},
    "its own identifier": lambda url: {"$id": url, "$ref": "other.json"},
    "a dynamic reference": lambda url: {"$dynamicRef": url + "#a"},
}
ASKS = {
    "validate": lambda schema: schema.validate("aa"),
    "explain": lambda schema: explain(schema, '"aa"'),
    "report": lambda schema: schema.report(),
    "dfa": lambda schema: schema.dfa(),
    "canonical": lambda schema: schema.canonical({"a": ["aa"]}),
    "read": lambda schema: output_type(schema).read('"aa"'),
    "ask": lambda schema: output_type(schema).ask,
}


@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("unsupported", ["refuse", "ignore", "check"])
@pytest.mark.parametrize("name", SCHEMAS)
def test_nothing_is_fetched(server, tmp_path, name, unsupported, ask):
    url, asked = server
    secret = tmp_path / "secret.json"
    secret.write_text('{"const": "the secret"}')
    for place in (url, secret.as_uri()):
        try:
            said = ASKS[ask](cd.JsonSchema(SCHEMAS[name](place), unsupported=unsupported))
        except CtrldiffError as error:
            said = error
        assert "the secret" not in str(said) and "from outside" not in str(said)
    assert asked == []


def test_a_reference_to_elsewhere_holds_a_value_to_nothing(server):
    url, asked = server
    assert cd.JsonSchema({"$ref": url}, unsupported="check").validate("anything") is None
    assert cd.JsonSchema({"not": {"$ref": url}}, unsupported="check").validate("anything") is None
    both = cd.JsonSchema({"allOf": [{"$ref": url}, {"type": "string"}]}, unsupported="check")
    assert both.validate("a") is None and both.validate(1) is not None and asked == []


def test_the_command_line_fetches_nothing(server, tmp_path):
    url, asked = server
    schema = json.dumps({"$schema": url, "type": "string", "$defs": {"a": {"$ref": url}}})
    result = CliRunner().invoke(app, ["check", schema, "--explain", '"a"'])
    assert result.exit_code == 0 and asked == []


PLANTED = "planted_by_a_test"


class Field(BaseModel):
    plug_in: ImportString


class Optionally(BaseModel):
    plug_in: Optional[ImportString[Any]] = None  # noqa: UP045


@dataclasses.dataclass
class Listed:
    plug_ins: list[ImportString]


class Typed(TypedDict):
    plug_in: ImportString


def function(plug_in: ImportString):
    """A call whose argument is imported."""


@pytest.mark.parametrize(
    "wanted",
    [
        *(
            ImportString,
            Field,
            Optionally,
            Listed,
            Typed,
            function,
            Annotated[ImportString, "note"],
            list[ImportString],
        ),
        *(ImportString[Any], int | ImportString, dict[str, ImportString], tuple[int, ImportString], NewPath, FilePath),
    ],
    ids=named,
)
def test_a_text_never_says_what_to_import_or_to_open(tmp_path, monkeypatch, wanted):
    (tmp_path / f"{PLANTED}.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w').close()\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ConstraintError, match=r"reading it|may still refuse") as caught:
        output_type(wanted).read(PLANTED)
    assert caught.value.pointer.startswith("#")
    assert not (tmp_path / "ran").exists() and PLANTED not in sys.modules

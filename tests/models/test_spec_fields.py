"""A field of `ModelSpec` that nothing reads promises what nobody keeps."""

import ast
from dataclasses import fields
from pathlib import Path

import pytest

import ctrldiff
from ctrldiff.models.spec import ModelSpec

ROOT = Path(ctrldiff.__file__).parent
SPECS = {"spec", "own"}  # what a spec is called where it is read
READ = {
    node.attr
    for path in ROOT.rglob("*.py")
    if path != ROOT / "models" / "spec.py"
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    if isinstance(node, ast.Attribute)
    and isinstance(node.ctx, ast.Load)
    and (
        (isinstance(node.value, ast.Name) and node.value.id in SPECS)
        or (isinstance(node.value, ast.Attribute) and node.value.attr in SPECS)
    )
}
THROUGH = {"banned_ids": "never_written", "bos_id": "never_written"}  # read by a property of it
EARLIER = {  # read while the spec is put together
    node.args[0].value
    for node in ast.walk(ast.parse((ROOT / "models" / "describe.py").read_text(encoding="utf-8")))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get"
    if node.args and isinstance(node.args[0], ast.Constant)
}


@pytest.mark.parametrize("name", [one.name for one in fields(ModelSpec)])
def test_every_field_has_a_reader(name):
    assert THROUGH.get(name, name) in READ or name in EARLIER & {"family", "system", "turn", "chat_template_kwargs"}

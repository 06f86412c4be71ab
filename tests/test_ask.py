"""The rendering of a wanted type."""

from ctrldiff.ask import ask_for

SCHEMA = {
    "type": "object",
    "$defs": {"Item": {"type": "object", "properties": {"name": {"type": "string"}, "quantity": {"type": "integer"}}}},
    "properties": {
        "number": {"type": "string"},
        "count": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        "total": {"type": ["number", "null"]},
        "paid": {"type": "boolean"},
        "due": {"type": "string", "format": "date"},
        "currency": {"enum": ["EUR", "USD", None]},
        "tags": {"type": "array", "items": {"type": "string"}},
        "years": {"type": "array", "items": {"type": "integer"}},
        "items": {"type": "array", "items": {"$ref": "#/$defs/Item"}},
        "seller": {"type": "object", "properties": {"name": {"type": "string"}, "city": {"type": "string"}}},
    },
}


def test_an_object_shows_keys_and_types():
    assert ask_for(SCHEMA) == (
        "{number,count:int,total:number,paid:bool,due:date,currency:EUR|USD,tags:[],years:[int],"
        "items:[{name,quantity:int}],seller:{name,city}}"
    )


def test_bare_values():
    assert ask_for({"type": "integer"}) == "int"
    assert ask_for({"enum": ["positive", "negative"]}) == "positive|negative"
    assert ask_for({"type": "string", "format": "date"}, name="due_date") == "due_date:date"
    assert ask_for({"type": "string"}, name="customer") == "customer"
    assert ask_for({"type": "string"}) == ""

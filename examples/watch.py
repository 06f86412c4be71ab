"""Watch a canvas fill up, a step a line."""

import ctrldiff as cd

model = cd.from_pretrained("tiny")
schema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "city": {"type": "string"}},
    "required": ["name", "city"],
}
result = model("Maria Jensen moved to Bristol last year.", schema, trace=True)
print(result.trace)

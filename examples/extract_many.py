"""Many documents, one compiled generator."""

import ctrldiff as cd

notes = [
    "Dinner with Ana Lopez on 4 May 2026 in Porto.",
    "Team meeting on 2026-06-12 in Oslo, led by Ivan Petrov.",
]
schema = {
    "type": "object",
    "properties": {
        "date": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        "city": {"type": ["string", "null"], "maxLength": 30},
    },
    "required": ["date", "city"],
}
generator = cd.Generator(cd.from_pretrained("tiny"), schema, batch_size=8)
for result in generator(notes):
    print(result.output)

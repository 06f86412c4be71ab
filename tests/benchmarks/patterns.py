"""Ten patterns to measure on, and ten more to compare on; both sides of a comparison read each in the same way.

`[0-9]` instead of `\\d`, because packages differ in how much of Unicode they take for a digit.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path

from outlines_core.json_schema import build_regex_from_schema

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 30},
        "age": {"type": "integer"},
        "email": {"type": "string", "format": "email"},
        "born": {"type": "string", "format": "date"},
        "active": {"type": "boolean"},
        "score": {"type": "number"},
        "role": {"enum": ["admin", "editor", "viewer", "owner", "guest", "staff"]},
    },
    "required": ["name", "age", "email", "born", "active", "score", "role"],
}

MEASURED = {
    # 862 characters, 785 states before minimising
    "person schema": build_regex_from_schema(json.dumps(PERSON)).replace(r"\d", "[0-9]"),
    "date and time": r"[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z",
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "email": r"[a-zA-Z0-9._%+-]{1,64}@([a-zA-Z0-9-]{1,63}\.){1,4}[a-zA-Z]{2,10}",
    "ip address": r"((25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])",
    "json string": r'"[^"\\\x00-\x1f]*"',
    "list of numbers": r"\[(-?(0|[1-9][0-9]*)(\.[0-9]+)?(, -?(0|[1-9][0-9]*)(\.[0-9]+)?){0,15})?\]",
    "title": r"[^\n]{1,80}",
    "sentence": r"[A-Z][a-z]+( [a-z]+){2,20}[.!?]",
    "choice of months": r"January|February|March|April|May|June|July|August|September|October|November|December",
}

COMPARED = {
    "number": r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?",
    "colour": r"#([0-9a-fA-F]{3}|[0-9a-fA-F]{6})",
    "identifier": r"[a-zA-Z_][a-zA-Z0-9_]{0,7}",  # {0,31} ends neither memory nor patience of outlines_core
    "greek": r"[α-ωΑ-Ω ]{1,12}",
    "three scripts": r"(é|東京|🙂|ж){1,4}",
    "price": r"(\$|€|£)[0-9]{1,3}(,[0-9]{3})*\.[0-9]{2}",
    "yes or no": r"(yes|no)( because [a-z ]{1,20})?",
    "table row": r"\|( [^|\n]{1,10} \|){3}",
    "phone": r"\+[1-9][0-9]{0,2}( [0-9]{2,4}){2,4}",
    "even bits": r"(0|1(01*0)*1)*",
}


def tekken_tokens() -> list[bytes]:
    """The 130,072 text tokens of Tekken, from the file that `mistral_common` carries."""
    import mistral_common

    described = json.loads((Path(mistral_common.__file__).parent / "data" / "tekken_240911.json").read_text())
    config = described["config"]
    n = config["default_vocab_size"] - config["default_num_special_tokens"]
    return [base64.b64decode(entry["token_bytes"]) for entry in described["vocab"][:n]]

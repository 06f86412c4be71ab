"""Constraints as data: a TOML file with a pattern and its own examples."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import ConstraintError, InputError

FIELDS = {"description", "pattern", "dialect", "accepts", "rejects"}


def grammar(path: Path | str) -> Regex:
    """The constraint in a grammar file.

    The file has a `pattern`, and may have a `description`, a `dialect`, and the lists `accepts` and `rejects`, which
    are checked here: a grammar that breaks its own examples is refused.

    Raises: InputError if the file cannot be read; ConstraintError if it is no grammar or breaks its examples.
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{str(path)!r} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise ConstraintError(f"{path.name} is not TOML: {error}") from error
    if not isinstance(data.get("pattern"), str) or set(data) - FIELDS:
        raise ConstraintError(
            f"{path.name} is no grammar: it has {', '.join(sorted(data)) or 'nothing'}",
            hint=f"a pattern, and any of: {', '.join(sorted(FIELDS - {'pattern'}))}",
        )
    regex = Regex(data["pattern"], dialect=data.get("dialect", "python"))
    for wanted, key in ((True, "accepts"), (False, "rejects")):
        for text in data.get(key, []):
            if (text in regex) is not wanted:
                raise ConstraintError(f"{path.name} says it {key} {text!r}, but its pattern does not agree")
    return regex

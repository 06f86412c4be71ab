"""Constraints as data: a TOML file with a pattern and its own examples; some are in the box, by name."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ctrldiff.constraints.basic import Regex
from ctrldiff.errors import ConstraintError, InputError

# An installed package holds them; in a clone they stand beside it.
BOXES = (Path(__file__).parents[1] / "grammars", Path(__file__).parents[2] / "grammars")
FIELDS = {"description", "pattern", "dialect", "accepts", "rejects"}


def grammar(path: Path | str) -> Regex:
    """The constraint in a grammar file, or one of those in the box by its name: `grammar("date")`.

    The file has a `pattern`, and may have a `description`, a `dialect`, and the lists `accepts` and `rejects`, which
    are checked here: a grammar that breaks its own examples is refused.

    Raises: InputError if the file cannot be read; ConstraintError if it is no grammar or breaks its examples.
    """
    path = _found(path)
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
        texts = data.get(key, [])
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ConstraintError(f"{path.name}: {key} is no list of texts", hint=f'{key} = ["1984-06-01"]')
        for text in texts:
            if (text in regex) is not wanted:
                raise ConstraintError(f"{path.name} says it {key} {text!r}, but its pattern does not agree")
    return regex


def _found(path: Path | str) -> Path:
    """A name without a suffix or a folder is one of the box."""
    if isinstance(path, Path) or Path(path).name != path or Path(path).suffix:
        return Path(path)
    box = next((box for box in BOXES if box.is_dir()), BOXES[0])
    if not (box / f"{path}.toml").is_file():
        names = sorted(one.stem for one in box.glob("*.toml"))
        raise InputError(
            f"no grammar {path!r} in the box", hint=f"one of {', '.join(names)}; or the path of a .toml file"
        )
    return box / f"{path}.toml"

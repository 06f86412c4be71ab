"""Everything that can go wrong, as a tree.

    CtrldiffError
    ├── ConstraintError                what was asked for cannot be compiled
    │   ├── RegexSyntaxError           the pattern is not a pattern
    │   ├── RegexUnsupported           a construct outside the declared dialect
    │   ├── SchemaInvalid              not JSON, or not a JSON Schema
    │   ├── SchemaUnsupported          a keyword we would have to drop
    │   ├── ConstraintUnsatisfiable    no text satisfies it
    │   ├── ExtraMissing               it needs libraries that are not installed
    │   └── ConstraintTooLarge         it grew past a limit
    ├── Infeasible                     nothing legal fits what is written and the positions left
    │   ├── BudgetTooSmall             nothing legal fits the canvas at all
    │   └── SearchExhausted            nothing legal was found, though there may be something
    ├── LogitsInvalid                  NaN or +inf
    ├── ShapeError                     arrays that do not speak of the same thing
    ├── VocabularyError                tokens whose exact bytes are unknown
    ├── ModelError                     a folder that is no model, or a model we cannot drive
    │   ├── NoMaskId                   no mask token, and no uniform noise declared
    │   ├── NoEndToken                 no token ends a text
    │   ├── UnknownArchitecture        no family knows the config
    │   ├── LoadError                  the weights or the tokenizer cannot be read
    │   │   ├── MissingKeys            weights that are not in the folder
    │   │   └── UnexpectedKeys         weights that the network has no place for
    │   ├── TokenizerMismatch          more tokens than the embedding has rows
    │   ├── OutOfMemory                not even one row fits the device
    │   └── PromptTooLong              prompt and answer do not fit the context
    ├── InputError                     an empty text, an unreadable line
    └── OutputInvalid                  legal text that the type's own rules refuse
        └── Unsure                     values in doubt, with unsure="error"

Every error says what happened and where, then why, then one to three ways out; `code` is stable, and the facts
are attributes for code that catches it.
"""

from __future__ import annotations

import sys
import warnings
from typing import Any, ClassVar

_HERE = __file__.removesuffix("errors.py")

__all__ = [
    "BudgetTooSmall",
    "CanvasWarning",
    "ConstraintError",
    "ConstraintTooLarge",
    "ConstraintUnsatisfiable",
    "CtrldiffError",
    "ExtraMissing",
    "GuideWarning",
    "Infeasible",
    "InputError",
    "LoadError",
    "LogitsInvalid",
    "MissingKeys",
    "ModelError",
    "NoEndToken",
    "NoMaskId",
    "OutOfMemory",
    "OutputInvalid",
    "PlanWarning",
    "PromptTooLong",
    "RegexSyntaxError",
    "RegexUnsupported",
    "SchemaInvalid",
    "SchemaUnsupported",
    "SearchExhausted",
    "ShapeError",
    "TokenizerMismatch",
    "UnexpectedKeys",
    "UnknownArchitecture",
    "Unsure",
    "VocabularyError",
]


class CtrldiffError(Exception):
    """Base class. `code` is stable; `hint` is the way out; other facts are attributes."""

    code: ClassVar[str] = "CTRLDIFF"

    def __init__(self, message: str, *, why: str = "", hint: str = "", **facts: Any) -> None:
        self.message, self.why, self.hint = message, why, hint
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)
        super().__init__(self.render())

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors cross to other processes as they are, notes and facts included, without calling a constructor that
        may want other words. What caused them stays behind, as it does with all of Python's."""
        return _again, (type(self), self.args, self.__dict__)

    def render(self) -> str:
        """The text a person reads: `CODE: what, where`, then why, then `-> ways out`."""
        lines = [f"{self.code}: {self.message}"]
        lines += [f"  {line}" for line in self.why.splitlines()]
        lines += [f"  -> {line}" for line in self.hint.splitlines()]
        return "\n".join(lines)


def _again(kind: type[CtrldiffError], args: tuple[Any, ...], facts: dict[str, Any]) -> CtrldiffError:
    """An error as it was: class, text and facts."""
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


class ConstraintError(CtrldiffError):
    """What was asked for cannot be compiled."""

    code = "CONSTRAINT"


class _AtPattern(ConstraintError):
    def __init__(self, problem: str, pattern: str, position: int, *, hint: str = "", length: int = 1) -> None:
        left = max(0, position - 40)
        shown = pattern[left : position + 40].replace("\n", "␤").replace("\r", "␍").replace("\t", "␉")
        caret = " " * (position - left) + "^" * max(1, min(length, 40))
        super().__init__(
            f"{problem} at character {position} of pattern",
            why=f"{shown}\n{caret}",
            hint=hint,
            pattern=pattern,
            position=position,
            problem=problem,
        )


class RegexSyntaxError(_AtPattern):
    """The pattern is not a pattern. Fields: pattern, position, problem."""

    code = "REGEX_SYNTAX"


class RegexUnsupported(_AtPattern):
    """A construct outside the declared dialect. Fields: pattern, position, problem."""

    code = "REGEX_UNSUPPORTED"


class SchemaInvalid(ConstraintError):
    """Not JSON, or not a JSON Schema."""

    code = "SCHEMA_INVALID"


class SchemaUnsupported(ConstraintError):
    """A keyword we would have to drop. Fields: pointer, keyword."""

    code = "SCHEMA_UNSUPPORTED"


class ConstraintUnsatisfiable(ConstraintError):
    """No text satisfies the constraint."""

    code = "CONSTRAINT_UNSAT"


class ConstraintTooLarge(ConstraintError):
    """The constraint grew past a limit. Fields: what, used, limit."""

    code = "CONSTRAINT_TOO_LARGE"

    def __init__(self, what: str, used: int, limit: int, *, where: str = "", hint: str = "") -> None:
        at = f" at {where}" if where else ""
        super().__init__(
            f"{what} reached {used:,} (limit {limit:,}){at}",
            hint=hint
            or "bound the repeats, split the alternatives, or raise the limit: Limits(...);\n"
            r"a pattern's \w, \d and \b cost less as Regex(..., ascii=True)",
            what=what,
            used=used,
            limit=limit,
        )


class ExtraMissing(ConstraintError):
    """It needs libraries that are installed with an extra. Fields: extra, module."""

    code = "EXTRA_MISSING"


class Infeasible(CtrldiffError):
    """Nothing legal fits what is written and the positions left. Fields: shortest, budget, row, position."""

    code = "INFEASIBLE"


class BudgetTooSmall(Infeasible):
    """Nothing legal fits the canvas at all. Fields: shortest, budget."""

    code = "BUDGET_TOO_SMALL"


class SearchExhausted(Infeasible):
    """No text was found in which no key and no item comes twice, as its schema demands. Fields: as of Infeasible."""

    code = "SEARCH_EXHAUSTED"


class LogitsInvalid(CtrldiffError):
    """NaN or +inf in the logits. Fields: row, position."""

    code = "LOGITS_INVALID"


class ShapeError(CtrldiffError):
    """Arrays that do not speak of the same thing."""

    code = "SHAPE"


class VocabularyError(CtrldiffError):
    """Tokens whose exact bytes are unknown, or no token that ends a text."""

    code = "TOKENIZER_NO_BYTES"


class ModelError(CtrldiffError):
    """A folder that is no model, or a model we cannot drive."""

    code = "MODEL"


class NoMaskId(ModelError):
    """Nothing says which token is the mask, and the noise is not declared uniform."""

    code = "NO_MASK_ID"


class NoEndToken(ModelError):
    """Nothing says which token ends a text."""

    code = "NO_END_TOKEN"


class UnknownArchitecture(ModelError):
    """No family knows the config. Fields: names (what it says), near (known names like it)."""

    code = "UNKNOWN_ARCHITECTURE"


class LoadError(ModelError):
    """The weights or the tokenizer cannot be read."""

    code = "MODEL_LOAD"


class MissingKeys(LoadError):
    """Weights of the network that are not in the folder, or not in that shape. Fields: count, first (five names)."""

    code = "MISSING_KEYS"


class UnexpectedKeys(LoadError):
    """Weights in the folder that the network has no place for. Fields: count, first (five names)."""

    code = "UNEXPECTED_KEYS"


class TokenizerMismatch(ModelError):
    """The tokenizer has more tokens than the embedding has rows. Fields: tokens, rows."""

    code = "TOKENIZER_MISMATCH"


class OutOfMemory(ModelError):
    """Not even one row fits the device's memory. Fields: rows, device."""

    code = "OUT_OF_MEMORY"


class PromptTooLong(ModelError):
    """Prompt and answer do not fit the context. Fields: prompt, answer, context."""

    code = "PROMPT_TOO_LONG"


class InputError(CtrldiffError):
    """An empty text, an unreadable line."""

    code = "INPUT"


class OutputInvalid(CtrldiffError):
    """Text that obeys the schema, refused by a rule that the type has beside it.

    Fields: raw; where, the JSON pointers of the values that were refused, as far as they are known; tried, if
        `retries=` asked for more than one answer: all that were refused, the likeliest first.
    """

    code = "OUTPUT_INVALID"


class Unsure(OutputInvalid):
    """There are values in doubt (`result.flags`), and `unsure="error"` asked for none. Fields: raw, flags."""

    code = "UNSURE"


class PlanWarning(UserWarning):
    """A part of a plan that the model was not trained for. Not an error: it may work all the same."""


class GuideWarning(UserWarning):
    """A guide that asks of the model what it was not trained for. Not an error: it may work all the same."""


class CanvasWarning(UserWarning):
    """A canvas whose end bound the answer, or one much larger than answers of its type are. Not an error."""


def warn(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the line that called into ctrldiff, however deep inside of it this is."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_code.co_filename).startswith(_HERE):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)

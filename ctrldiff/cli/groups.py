"""Options that go together, listed once: a command with a parameter of a group takes all options of the group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, get_type_hints

from ctrldiff.cli.options import (
    AsciiOption,
    AskOption,
    ChoiceOption,
    CompiledOption,
    CountsOption,
    DocumentsOption,
    ExamplesOption,
    GuideOption,
    MaybeSchemaOption,
    ModelOption,
    OrderOption,
    PresetOption,
    PromptOption,
    RegexOption,
    SeedOption,
    StepsOption,
    TemperatureOption,
    ThreadsOption,
    TokensOption,
    TypeOption,
    UnsureOption,
    WhitespaceOption,
)
from ctrldiff.cli.said import clock, counting, shown, told, wanted


@dataclass(frozen=True, kw_only=True)
class SchemaOptions:
    """How a schema is read, and how the values that it accepts are spelled: `json_schema.options`."""

    documents: DocumentsOption = None
    order: OrderOption = None
    ascii: AsciiOption = False
    whitespace: WhitespaceOption = None

    @property
    def chosen(self) -> dict[str, Any]:
        """Those that were given, as `JsonSchema` takes them."""
        return {name: value for name, value in vars(self).items() if value is not None and value is not False}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is wanted of a text."""

    schema: MaybeSchemaOption = None
    regex: RegexOption = None
    choice: ChoiceOption = None
    named: TypeOption = None
    compiled: CompiledOption = None
    ask: AskOption = None

    def read(self, options: SchemaOptions) -> Any:
        """The type; of `--compiled`, the file (`said.over`). Raises: InputError, SchemaInvalid."""
        return wanted(self.schema, self.regex, self.choice, self.named, self.compiled, options.chosen)


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """The model, and how it decodes."""

    model: ModelOption = "tiny"
    steps: StepsOption = None
    preset: PresetOption = None
    max_new_tokens: TokensOption = None
    temperature: TemperatureOption = None
    seed: SeedOption = 0
    counts: CountsOption = None
    unsure: UnsureOption = "flag"
    guide: GuideOption = None
    prompt_file: PromptOption = None
    examples: ExamplesOption = None
    threads: ThreadsOption = None

    def read(self) -> dict[str, Any]:
        """What a `Generator` is told. Raises: InputError, before a model is loaded."""
        how = told(self.unsure, self.guide, max_new_tokens=self.max_new_tokens, seed=self.seed)
        how |= clock(self.preset, self.steps, self.temperature) | counting(self.counts)
        return how | shown(self.prompt_file, self.examples)


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with every option of its groups as a parameter of its own, by name."""
    given = list(signature(command, eval_str=True).parameters.values())
    groups: dict[str, Any] = {one.name: one.annotation for one in given if is_dataclass(one.annotation)}

    @wraps(command)
    def called(**said: Any) -> None:
        made = {
            name: group(**{one.name: said.pop(one.name) for one in fields(group)}) for name, group in groups.items()
        }
        command(**said, **made)

    parameters: list[Parameter] = []
    for one in given:
        parameters += _options(groups[one.name]) if one.name in groups else [one.replace(kind=Parameter.KEYWORD_ONLY)]
    called.__signature__ = Signature(parameters)  # type: ignore[attr-defined]
    return called


def _options(group: Any) -> list[Parameter]:
    """The fields of a group as parameters, by name."""
    hints = get_type_hints(group, include_extras=True)
    return [
        Parameter(one.name, Parameter.KEYWORD_ONLY, default=one.default, annotation=hints[one.name])
        for one in fields(group)
    ]


def one_by_one(given: dict[str, Any]) -> dict[str, Any]:
    """What a command was given, option by option."""
    out: dict[str, Any] = {}
    for name, value in given.items():
        out |= vars(value) if is_dataclass(value) else {name: value}
    return out

"""What several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

SchemaArgument = Annotated[str, typer.Argument(help="A JSON Schema: a file, or the JSON itself.")]
MaybeSchemaOption = Annotated[str | None, typer.Option("--schema", "-s", help="A JSON Schema: a file, or JSON.")]
RegexOption = Annotated[str | None, typer.Option(help="A pattern the answer has to match.")]
ChoiceOption = Annotated[
    list[str] | None,
    typer.Option(help="Labels to choose from, separated by commas; or one label each time, commas and all."),
]
CompiledOption = Annotated[
    Path | None, typer.Option("--compiled", help="In place of a schema: a file that `ctrldiff compile` wrote.")
]
TypeOption = Annotated[
    str | None, typer.Option("--type", help='A Python type: "int", "date", or "package.module:Name".')
]
AskOption = Annotated[str | None, typer.Option(help="The name of the wanted value, for a bare one.")]
DocumentsOption = Annotated[
    Path | None,
    typer.Option(
        "--documents", help="A folder of JSON files that references out of the schema may lead to; nothing is fetched."
    ),
]
OrderOption = Annotated[
    str | None,
    typer.Option("--order", help='Of properties: "schema", as there (default), or "any", as the model likes.'),
]
AsciiOption = Annotated[bool, typer.Option("--ascii", help="Strings and keys in ASCII: \\u00e9 for an e acute.")]
WhitespaceOption = Annotated[
    str | None,
    typer.Option(
        "--whitespace", help='"compact" (default), "spaced", "padded", "pretty" or "pretty(0)" to "pretty(8)"'
    ),
]
ModelOption = Annotated[str, typer.Option("--model", "-m", help='"tiny" or "small" (in the box), or a model folder.')]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Forward passes at most; default: as many as needed.")]
TokensOption = Annotated[int | None, typer.Option(min=1, help="Positions for the answer.")]
SeedOption = Annotated[int, typer.Option(min=0, help="Fixes every draw.")]
UnsureOption = Annotated[
    str, typer.Option(help='Values that were forced on the model: "flag" them, put "null" where allowed, or "error".')
]
TemperatureOption = Annotated[
    float | None,
    typer.Option(min=0, help="0: the most probable; above: exact samples. Default: 0, or what the preset says."),
]
PresetOption = Annotated[
    str | None,
    typer.Option("--preset", help="A published decoder (docs/methods.md): llada, klass, eb:gamma=0.2,block=16."),
]
CountsOption = Annotated[
    str | None,
    typer.Option(
        "--counts",
        help="How many items lists have, decided first: rows, likeliest:per_item=20, rows:otherwise=likeliest.",
    ),
]
GuideOption = Annotated[
    list[str] | None,
    typer.Option(
        "--guide", help="Lean towards: sentiment=positive:2.0, prompt:1.5, words=battery,charge:3; repeatable."
    ),
]
ThreadsOption = Annotated[
    int | None, typer.Option(min=1, help="Threads of the network; default: one for a small one (docs/extract.md).")
]
FieldsOption = Annotated[
    bool, typer.Option("--fields", help="Say of every value how probable it is; a forward pass more for each.")
]
CalibrationOption = Annotated[
    Path | None, typer.Option(help="What `ctrldiff calibrate --fit` wrote: probabilities are told by it.")
]
BelowOption = Annotated[
    float | None, typer.Option(min=0, max=1, help="Values less probable than this are flagged; see --unsure.")
]
PromptOption = Annotated[
    Path | None,
    typer.Option("--prompt-file", help="A prompt template: {text}, {schema}, {example}, {ask} (docs/prompts.md)."),
]
ExamplesOption = Annotated[
    Path | None,
    typer.Option("--examples", help='JSON lines that are shown before the text: {"text": ..., "output": ...}.'),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]

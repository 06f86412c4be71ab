"""`ctrldiff bias`: tables of token scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import JsonOption, ModelOption
from ctrldiff.cli.said import check_outputs

bias = typer.Typer(no_args_is_help=True, help="Tables of token scores, for guidance.")
app.add_typer(bias, name="bias")


@bias.command()
def fit(
    positive: Annotated[Path, typer.Argument(help="Texts to lean towards, one a line.")],
    negative: Annotated[Path, typer.Argument(help="Texts to lean away from, one a line.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Where the table goes, .safetensors.")],
    smooth: Annotated[float, typer.Option(help="Added to every count.")] = 1.0,
    model: ModelOption = "tiny",
    as_json: JsonOption = False,
) -> None:
    """Learn what each token is worth from two small corpora; use it with --guide bias=TABLE:STRENGTH."""
    from ctrldiff.generate import from_pretrained
    from ctrldiff.guidance.tokens import TokenTable, corpus

    check_outputs(out, read=[positive, negative])
    corpora = [corpus(path) for path in (positive, negative)]
    loaded = from_pretrained(model).loaded
    texts = [[loaded.plain_ids(text) for text in one] for one in corpora]
    table = TokenTable.fit(texts[0], texts[1], loaded.denoiser.vocabulary, smooth=smooth)
    table.save(out)
    ends = {"towards": table.best(10), "away": table.best(-10)}
    if as_json:
        print(json.dumps({"texts": [len(one) for one in texts], **ends}, ensure_ascii=False))
        return
    print(f"{out}: {len(texts[0])} against {len(texts[1])} texts")
    for name, best in ends.items():
        print(f"{name:>8}  " + "  ".join(f"{text.strip() or repr(text)} {score:+.1f}" for text, score in best))

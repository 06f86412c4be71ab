"""`ctrldiff models`: families, and what a folder is."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import JsonOption


@app.command()
def models(
    path: Annotated[str | None, typer.Argument(help='A model folder, or "tiny"; none: the families.')] = None,
    weights: Annotated[bool, typer.Option("--weights", help="Read the weights too, and name every wrong key.")] = False,
    memory: Annotated[
        bool, typer.Option("--memory", help="Say what it takes on a GPU, and how many rows fit.")
    ] = False,
    family: Annotated[str, typer.Option(help="Take the folder for one of this family.")] = "",
    as_json: JsonOption = False,
) -> None:
    """List the families of models; or say what a folder was recognised as, why, and what it lacks."""
    from ctrldiff.cli.show import show_families, show_report
    from ctrldiff.models.hf import resolve
    from ctrldiff.models.report import families, report

    if path is None:
        rows = families()
        print(json.dumps(rows)) if as_json else show_families(rows)
        return
    facts = report(resolve(path), weights=weights, memory=memory, **({"family": family} if family else {}))
    print(json.dumps(facts)) if as_json else show_report(facts)
    if facts["missing"]:
        raise SystemExit(1)

"""`ctrldiff warm`: nothing left to compile."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from ctrldiff.cli.app import app
from ctrldiff.cli.options import JsonOption


@app.command()
def warm(
    model: Annotated[str, typer.Argument(help='"tiny" (in the box) or a model folder, to be loaded once.')] = "tiny",
    as_json: JsonOption = False,
) -> None:
    """Compile the kernels and keep them, so that no later process waits for it: for images of containers."""
    from ctrldiff.warm import warm as warmed

    done = warmed(model)
    print(json.dumps(vars(done)) if as_json else done)

"""The command line: parse, call the front door, show. Heavy imports happen inside the commands."""

from __future__ import annotations

import atexit
import gc
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Typed, guaranteed answers from masked-diffusion language models.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from ctrldiff.version import VERSION

        print(f"ctrldiff {VERSION}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_version, help="Print the version.")
    ] = False,
) -> None:
    pass


def main() -> None:
    """Entry point: typed errors become one readable message and exit status 2."""
    # Imports make hundreds of thousands of objects that stay. Looking for garbage among them, again and again while
    # they are made and once more at the end, takes half a second of a command that takes two.
    gc.set_threshold(50_000, 20, 50)
    atexit.register(gc.freeze)
    with _errors():
        app()


@contextmanager
def _errors() -> Iterator[None]:
    from ctrldiff.errors import CtrldiffError

    usual = warnings.formatwarning
    # Who types a command has no line of code that a warning could point at.
    warnings.formatwarning = lambda message, *_, **__: f"warning: {message}\n"
    try:
        yield
    except CtrldiffError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    finally:
        warnings.formatwarning = usual

"""The command line, a file a command: the only place that prints."""

from ctrldiff.cli import bias, calibrate, check, compare, compile, eval, extract, models, report, run, trace, warm
from ctrldiff.cli.app import app, main

__all__ = [
    "app",
    "bias",
    "calibrate",
    "check",
    "compare",
    "compile",
    "eval",
    "extract",
    "main",
    "models",
    "report",
    "run",
    "trace",
    "warm",
]

"""Constrained and controllable decoding for masked-diffusion language models."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ctrldiff.version import VERSION

if TYPE_CHECKING:
    from ctrldiff import (
        batch,
        calibration,
        engines,
        errors,
        evaluate,
        extract,
        grounded,
        layout,
        models,
        rewards,
        search,
    )
    from ctrldiff import guidance as guide
    from ctrldiff.automata.dfa import Dfa
    from ctrldiff.constraints.basic import Choice, Regex, Text
    from ctrldiff.constraints.blocking import DynamicBlocking
    from ctrldiff.constraints.content import Avoids, Contains
    from ctrldiff.constraints.decision import Score, YesNo
    from ctrldiff.constraints.description import Automaton
    from ctrldiff.constraints.grammar import grammar
    from ctrldiff.constraints.length import Length
    from ctrldiff.constraints.prior import Prior
    from ctrldiff.constraints.span import Span, SpanOf
    from ctrldiff.constraints.template import Template
    from ctrldiff.errors import CtrldiffError
    from ctrldiff.fields import Field
    from ctrldiff.generate import Generator, Model, from_pretrained
    from ctrldiff.grounded.types import FromText, Grounded, Money
    from ctrldiff.json_schema import JsonSchema
    from ctrldiff.likelihood import elbo
    from ctrldiff.limits import Limits
    from ctrldiff.models.callable import from_callable
    from ctrldiff.models.spec import ModelSpec
    from ctrldiff.modules.many import compile_many
    from ctrldiff.modules.module import Module
    from ctrldiff.posterior.table import Table
    from ctrldiff.reliability import Calibration
    from ctrldiff.request import Request
    from ctrldiff.result import Refused, Result, Usage
    from ctrldiff.sampling import commits as commit
    from ctrldiff.sampling import constrain, counts, edit, grow, observers, processors, revise, stop
    from ctrldiff.sampling import proposers as propose
    from ctrldiff.sampling import schedules as schedule
    from ctrldiff.sampling.loop import sample
    from ctrldiff.sampling.plan import Plan
    from ctrldiff.state import State
    from ctrldiff.tokens.vocabulary import Vocabulary
    from ctrldiff.types.structured import output_type

__version__ = VERSION

_HOME = {
    "Automaton": "ctrldiff.constraints.description",
    "Avoids": "ctrldiff.constraints.content",
    "Calibration": "ctrldiff.reliability",
    "Choice": "ctrldiff.constraints.basic",
    "Contains": "ctrldiff.constraints.content",
    "CtrldiffError": "ctrldiff.errors",
    "Dfa": "ctrldiff.automata.dfa",
    "DynamicBlocking": "ctrldiff.constraints.blocking",
    "Field": "ctrldiff.fields",
    "FromText": "ctrldiff.grounded.types",
    "Generator": "ctrldiff.generate",
    "Grounded": "ctrldiff.grounded.types",
    "JsonSchema": "ctrldiff.json_schema",
    "Length": "ctrldiff.constraints.length",
    "Limits": "ctrldiff.limits",
    "Model": "ctrldiff.generate",
    "ModelSpec": "ctrldiff.models.spec",
    "Module": "ctrldiff.modules.module",
    "Money": "ctrldiff.grounded.types",
    "Plan": "ctrldiff.sampling.plan",
    "Prior": "ctrldiff.constraints.prior",
    "Refused": "ctrldiff.result",
    "Regex": "ctrldiff.constraints.basic",
    "Request": "ctrldiff.request",
    "Result": "ctrldiff.result",
    "Score": "ctrldiff.constraints.decision",
    "Span": "ctrldiff.constraints.span",
    "SpanOf": "ctrldiff.constraints.span",
    "State": "ctrldiff.state",
    "Table": "ctrldiff.posterior.table",
    "Template": "ctrldiff.constraints.template",
    "Text": "ctrldiff.constraints.basic",
    "Usage": "ctrldiff.result",
    "Vocabulary": "ctrldiff.tokens.vocabulary",
    "YesNo": "ctrldiff.constraints.decision",
    "compile_many": "ctrldiff.modules.many",
    "elbo": "ctrldiff.likelihood",
    "from_callable": "ctrldiff.models.callable",
    "from_pretrained": "ctrldiff.generate",
    "grammar": "ctrldiff.constraints.grammar",
    "output_type": "ctrldiff.types.structured",
    "sample": "ctrldiff.sampling.loop",
}

_PAGES = {
    "batch": "ctrldiff.batch",
    "calibration": "ctrldiff.calibration",
    "commit": "ctrldiff.sampling.commits",
    "constrain": "ctrldiff.sampling.constrain",
    "counts": "ctrldiff.sampling.counts",
    "edit": "ctrldiff.sampling.edit",
    "engines": "ctrldiff.engines",
    "errors": "ctrldiff.errors",
    "evaluate": "ctrldiff.evaluate",
    "extract": "ctrldiff.extract",
    "grounded": "ctrldiff.grounded",
    "grow": "ctrldiff.sampling.grow",
    "guide": "ctrldiff.guidance",
    "layout": "ctrldiff.layout",
    "models": "ctrldiff.models",
    "observers": "ctrldiff.sampling.observers",
    "processors": "ctrldiff.sampling.processors",
    "propose": "ctrldiff.sampling.proposers",
    "revise": "ctrldiff.sampling.revise",
    "rewards": "ctrldiff.rewards",
    "schedule": "ctrldiff.sampling.schedules",
    "search": "ctrldiff.search",
    "stop": "ctrldiff.sampling.stop",
}  # public names that are modules

__all__ = [
    "Automaton",
    "Avoids",
    "Calibration",
    "Choice",
    "Contains",
    "CtrldiffError",
    "Dfa",
    "DynamicBlocking",
    "Field",
    "FromText",
    "Generator",
    "Grounded",
    "JsonSchema",
    "Length",
    "Limits",
    "Model",
    "ModelSpec",
    "Module",
    "Money",
    "Plan",
    "Prior",
    "Refused",
    "Regex",
    "Request",
    "Result",
    "Score",
    "Span",
    "SpanOf",
    "State",
    "Table",
    "Template",
    "Text",
    "Usage",
    "Vocabulary",
    "YesNo",
    "batch",
    "calibration",
    "commit",
    "compile_many",
    "constrain",
    "counts",
    "edit",
    "elbo",
    "engines",
    "errors",
    "evaluate",
    "extract",
    "from_callable",
    "from_pretrained",
    "grammar",
    "grounded",
    "grow",
    "guide",
    "layout",
    "models",
    "observers",
    "output_type",
    "processors",
    "propose",
    "revise",
    "rewards",
    "sample",
    "schedule",
    "search",
    "stop",
]


def __getattr__(name: str) -> Any:
    """Import on first use: `import ctrldiff` costs neither torch nor numba."""
    if name in _HOME or name in _PAGES:
        value = import_module(_PAGES[name]) if name in _PAGES else getattr(import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'ctrldiff' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])

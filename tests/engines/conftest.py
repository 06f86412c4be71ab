"""Fixtures of the engines' tests."""

from tests.engines.wheels import released

__all__ = ["released"]

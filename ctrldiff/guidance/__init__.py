"""Guidance: leaning towards an attribute, before the constraint binds. Public as `ctrldiff.guide`."""

from ctrldiff.guidance.guide import Guide, Tilt, during

__all__ = ["Guide", "Tilt", "during"]

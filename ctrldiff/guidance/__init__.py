"""Guidance: leaning towards an attribute, before the constraint binds. Public as `ctrldiff.guide`."""

from ctrldiff.guidance.classifier import Classifier, TokenClassifier
from ctrldiff.guidance.guide import Guide, Tilt, during
from ctrldiff.guidance.network import CanvasClassifier

__all__ = ["CanvasClassifier", "Classifier", "Guide", "Tilt", "TokenClassifier", "during"]

"""Guidance: leaning towards an attribute, before the constraint binds. Public as `ctrldiff.guide`."""

from ctrldiff.guidance.classifier import Classifier, TokenClassifier
from ctrldiff.guidance.classifier_free import AdaptiveClassifierFree, ClassifierFree, Contrast, NegativePrompt
from ctrldiff.guidance.guide import Guide, Tilt, during, on_field
from ctrldiff.guidance.network import CanvasClassifier

__all__ = [
    "AdaptiveClassifierFree",
    "CanvasClassifier",
    "Classifier",
    "ClassifierFree",
    "Contrast",
    "Guide",
    "NegativePrompt",
    "Tilt",
    "TokenClassifier",
    "during",
    "on_field",
]

"""Guidance: leaning towards an attribute, before the constraint binds. Public as `ctrldiff.guide`."""

from ctrldiff.guidance.alone import Alone
from ctrldiff.guidance.classifier import Classifier, TokenClassifier
from ctrldiff.guidance.classifier_free import AdaptiveClassifierFree, ClassifierFree, Contrast, NegativePrompt
from ctrldiff.guidance.guide import Guide, Tilt, during, on_field
from ctrldiff.guidance.mentions import Words
from ctrldiff.guidance.network import CanvasClassifier
from ctrldiff.guidance.reward import Reward
from ctrldiff.guidance.target import Target, Together
from ctrldiff.guidance.tokens import Bias, Count, TokenTable

__all__ = [
    "AdaptiveClassifierFree",
    "Alone",
    "Bias",
    "CanvasClassifier",
    "Classifier",
    "ClassifierFree",
    "Contrast",
    "Count",
    "Guide",
    "NegativePrompt",
    "Reward",
    "Target",
    "Tilt",
    "Together",
    "TokenClassifier",
    "TokenTable",
    "Words",
    "during",
    "on_field",
]

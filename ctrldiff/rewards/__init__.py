"""Rewards: what scores a whole text. Public as `ctrldiff.rewards`."""

from ctrldiff.rewards.function import Function, RewardWarning
from ctrldiff.rewards.text_classifier import TextClassifier
from ctrldiff.rewards.zero_shot import DiffusionClassifier, label_log_probs, label_probs

__all__ = [
    "DiffusionClassifier",
    "Function",
    "RewardWarning",
    "TextClassifier",
    "label_log_probs",
    "label_probs",
]

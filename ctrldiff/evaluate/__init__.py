"""Labelled texts to figures: how many values are right, how many are made up, what probabilities are worth, what it
costs.

Public as `ctrldiff.evaluate`.
"""

from ctrldiff.pages import lazily

_HOME = {
    "Answer": "ctrldiff.evaluate.labelled",
    "Entry": "ctrldiff.evaluate.table",
    "Score": "ctrldiff.evaluate.score",
    "Tally": "ctrldiff.evaluate.score",
    "evaluate": "ctrldiff.evaluate.run",
    "facts": "ctrldiff.evaluate.table",
    "markdown": "ctrldiff.evaluate.table",
    "read_answers": "ctrldiff.evaluate.labelled",
    "same": "ctrldiff.evaluate.equal",
}
__all__ = ["Answer", "Entry", "Score", "Tally", "evaluate", "facts", "markdown", "read_answers", "same"]
__getattr__ = lazily(globals(), _HOME)

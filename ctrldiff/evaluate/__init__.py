"""Labelled texts to figures: how many values are right, how many are made up, what probabilities are worth, what it
costs.

Public as `ctrldiff.evaluate`.
"""

from ctrldiff.pages import lazily

_HOME = {
    "Answer": "ctrldiff.evaluate.labelled",
    "Entry": "ctrldiff.evaluate.table",
    "Measured": "ctrldiff.evaluate.curve",
    "Score": "ctrldiff.evaluate.score",
    "Tally": "ctrldiff.evaluate.score",
    "compare": "ctrldiff.evaluate.curve",
    "drawn": "ctrldiff.evaluate.curve",
    "evaluate": "ctrldiff.evaluate.run",
    "facts": "ctrldiff.evaluate.table",
    "markdown": "ctrldiff.evaluate.table",
    "read_answers": "ctrldiff.evaluate.labelled",
    "read_measured": "ctrldiff.evaluate.curve",
    "same": "ctrldiff.evaluate.equal",
    "tabled": "ctrldiff.evaluate.curve",
    "write_measured": "ctrldiff.evaluate.curve",
}
__all__ = [
    "Answer",
    "Entry",
    "Measured",
    "Score",
    "Tally",
    "compare",
    "drawn",
    "evaluate",
    "facts",
    "markdown",
    "read_answers",
    "read_measured",
    "same",
    "tabled",
    "write_measured",
]
__getattr__ = lazily(globals(), _HOME)

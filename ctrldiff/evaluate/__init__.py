"""Labelled texts to figures: how many values are right, how many are made up, what probabilities are worth, what it
costs."""

"""Patterns, read: from their letters to expressions that the automata are made of."""

"""Tokens: what each spells, and an automaton over them in place of bytes."""

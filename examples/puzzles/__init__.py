"""Puzzles with a judge each, the small model that is trained on them, and decoders compared by what they solve."""

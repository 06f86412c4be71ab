"""Decoders on networks that are never wrong: every loss is the rule's own."""

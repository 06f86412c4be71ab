"""A small classifier for guidance."""

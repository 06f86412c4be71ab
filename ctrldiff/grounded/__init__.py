"""Values that a text states, read by code: each with its place, its spelling and what it means."""

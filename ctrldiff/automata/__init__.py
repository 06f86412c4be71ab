"""Regular languages as values, and how they are read through a vocabulary."""

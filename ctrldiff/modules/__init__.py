"""Types compiled beforehand: kept as values, in files, and made many at once."""

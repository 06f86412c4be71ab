"""What may be written: frozen descriptions that compile to token tables."""

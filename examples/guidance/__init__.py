"""What guidance does to a text, measured."""

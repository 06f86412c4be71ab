"""The real set: documents written by hand, kept apart from everything that trains; see README.md."""

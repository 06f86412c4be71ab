"""The model in the box: how its documents are made up, and how it is trained."""

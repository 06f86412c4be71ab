"""The second generation of the model in the box: its documents, its tokenizer and its training; see ../README.md."""

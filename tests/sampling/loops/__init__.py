"""Published decoding loops, restated in plain words from the released code and without ctrldiff: one text at a time."""

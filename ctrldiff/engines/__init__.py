"""Loops that belong to others: thin shims over one function, `block.solve`, that constrains what an engine shows."""

"""Keys and values that are kept from one step to the next."""

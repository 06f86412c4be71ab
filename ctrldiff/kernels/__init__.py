"""Arrays in, arrays out. Kernels know nothing of our classes; their wrappers check, they trust."""

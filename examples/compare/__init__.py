"""Other decoders under our loop, and the measurement that sets them side by side."""

"""A network behind the `Denoiser` protocol. A model's quirks end here."""

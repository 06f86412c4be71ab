"""Antibody frameworks written anew by a published masked language model, liabilities excluded by construction."""

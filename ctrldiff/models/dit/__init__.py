"""Diffusion transformers (MDLM, BD3-LM, SEDD, Duo, GIDD): the network, the checkpoints, the families."""

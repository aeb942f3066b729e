"""Runs a built network: the integer model, the accelerator model, the virtual board, a board."""

"""Machines that stand in for silicon: the CNN accelerator and the board around it."""

"""The operators: what a hardware layer can do, its shapes, and the constraints on it."""

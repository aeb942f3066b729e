"""The stages, in order; each is a package with one function."""

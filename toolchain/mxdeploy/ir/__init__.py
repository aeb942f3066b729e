"""The artefacts between the stages; each is frozen, verifies itself and prints as stable text."""

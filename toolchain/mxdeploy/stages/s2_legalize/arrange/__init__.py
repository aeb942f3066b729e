"""How convolutions of all kinds are put together from those that the chip has."""

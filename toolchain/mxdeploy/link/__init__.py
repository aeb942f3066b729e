"""Talking to boards over serial ports, real or virtual."""

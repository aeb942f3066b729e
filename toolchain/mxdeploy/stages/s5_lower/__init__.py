"""Turns a plan into what is written to the accelerator: register writes and memory images."""

from __future__ import annotations

from mxdeploy.stages.s5_lower.program import lower

__all__ = ["lower"]

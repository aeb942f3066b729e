"""Hardware in the loop: a board, real or virtual, against the integer model, bit for bit."""

from __future__ import annotations

from mxdeploy.validation.result import Validation
from mxdeploy.validation.run import Inputs, built_in_inputs, inputs_from, validate

__all__ = ["Inputs", "Validation", "built_in_inputs", "inputs_from", "validate"]

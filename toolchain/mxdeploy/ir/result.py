"""What a machine computed."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """One inference on one machine.

    Attributes:
        machine: ``integer`` (integer.onnx on onnxruntime), ``accelerator`` (register-level
            model), ``board`` (virtual board) or ``hardware``.
        layers: (value name, integer tensor (C, H, W) int8 or int32) of each layer, in order;
            empty when the machine cannot tell.
        outputs: (value name, integer tensor (C, H, W)) of each output.
        layer_cycles: CNN clock cycles per layer; empty when the machine cannot tell.
        cycles: CNN clock cycles of the inference; None when the machine cannot tell.
    """

    machine: str
    layers: tuple[tuple[str, Tensor], ...]
    outputs: tuple[tuple[str, Tensor], ...]
    layer_cycles: tuple[int, ...] = ()
    cycles: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownAnswer:
    """A sample input and what the network must answer, both as integers on the chip.

    Attributes:
        input: int8 (C, H, W).
        outputs: (value name, integer tensor (C, H, W)) of each output.
        source: where the sample came from, for people (a file, or how it was generated).
        label: the sample's class if known.
        is_generated: the input is ``generated_input``, which the firmware makes by itself.
    """

    input: Tensor
    outputs: tuple[tuple[str, Tensor], ...]
    source: str
    label: str | None = None
    is_generated: bool = False

"""A trained network as ONNX, with nodes named after the modules they come from."""

from __future__ import annotations

import io
import re
import warnings

import torch
from torch import nn

from mxdeploy.errors import Diagnostic, UsageError

OPSET = 17
INPUT = "input"
OUTPUT = "output"


def export_onnx(network: nn.Module, shape: tuple[int, ...]) -> bytes:
    """The network in evaluation mode, float32, any number of inputs at a time.

    The exporter that traces is used: it names nodes after modules, and takes a second where the
    one that is torch's default takes several.

    Args:
        network: the module, normalization included.
        shape: of one input.

    Raises:
        UsageError: torch cannot express the network as ONNX.
    """
    stream = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the choice above, and about traced sizes
            torch.onnx.export(
                network.eval().cpu(),
                (torch.zeros(1, *shape),),
                stream,  # type: ignore[arg-type]  # takes a stream, its annotation does not say so
                dynamo=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_axes={INPUT: {0: "batch"}, OUTPUT: {0: "batch"}},
                opset_version=OPSET,
            )
    except (RuntimeError, ValueError, torch.onnx.errors.OnnxExporterError) as error:
        raise UsageError(
            Diagnostic(
                code="MX0050",
                where="network",
                what=f"cannot be written as ONNX: {str(error).splitlines()[0]}",
                fix="use torch layers that ONNX has; see toolchain/docs/supported-operators.md",
            )
        ) from error
    return stream.getvalue()


def module_of(node: str) -> str:
    """The torch module that an exported node comes from: its name in the user's network.

    ``/network/body/body.0/Conv`` is ``body.0``; of a node that belongs to the network itself, as
    ``/network/Add``, nothing is left but its operator.
    """
    parts = node.strip("/").split("/")
    if parts[0] == "network":
        parts = parts[1:]
    found: list[str] = []
    for part in parts[:-1]:
        if found and re.match(rf"{re.escape(found[-1])}\.", part):
            found.pop()
        found.append(part)
    return ".".join(found) or parts[-1]

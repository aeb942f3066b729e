"""What quantization tells the user: one function per finding."""

from __future__ import annotations

from mxdeploy.errors import Diagnostic
from mxdeploy.text import count

Shape = tuple[int, ...]

_FIX_DATA = "pass representative inputs in the model's own units with --calib (see --scale)"


def no_range(values: list[str]) -> Diagnostic:
    """Nothing says how large these values get."""
    return Diagnostic(
        code="MX3002",
        where=", ".join(values),
        what=f"{count(len(values), 'value')} without a known range",
        why="without calibration data, every value needs a range from QuantizeLinear/"
        "DequantizeLinear or a Clip in the model",
        fix="pass representative inputs with --calib FILE[:KEY]; if there are none, --data-free "
        "calibrates on made-up ones",
    )


def wrong_shape(name: str, found: Shape, expected: Shape) -> Diagnostic:
    """Calibration samples do not fit the model's input."""
    return Diagnostic(
        code="MX3003",
        where=f"calibration data for input {name}",
        what=f"the array has shape {list(found)}",
        why=f"the model takes {list(expected)} per sample, so (n, {str(list(expected))[1:-1]})",
        fix="choose the right array with --calib FILE:KEY, and --layout nchw or nhwc for images",
    )


def wrong_type(name: str, found: str) -> Diagnostic:
    """Calibration data are not real numbers."""
    return Diagnostic(
        code="MX3004",
        where=f"calibration data for input {name}",
        what=f"the array has type {found}",
        why="calibration takes real numbers (float32)",
        fix=_FIX_DATA,
    )


def not_finite(name: str, count: int, total: int) -> Diagnostic:
    """NaN or infinity in the data."""
    return Diagnostic(
        code="MX3005",
        where=f"calibration data for input {name}",
        what=f"{count} of {total} elements are NaN or infinite",
        why="a range cannot be derived from them",
        fix="remove the samples that contain them",
    )


def constant_data(name: str, content: float) -> Diagnostic:
    """All elements are the same."""
    return Diagnostic(
        code="MX3006",
        where=f"calibration data for input {name}",
        what=f"all elements are {content:g}",
        why="constant data say nothing about the ranges inside the network",
        fix=_FIX_DATA,
    )


def absurd_data(name: str, low: float, high: float) -> Diagnostic:
    """Magnitudes that no trained network expects."""
    return Diagnostic(
        code="MX3007",
        where=f"calibration data for input {name}",
        what=f"elements lie in {low:g}..{high:g}",
        why="no network is trained on such magnitudes; the data are in other units",
        fix=_FIX_DATA,
    )


def outside_declared(name: str, share: float, bounds: tuple[float, float]) -> Diagnostic:
    """The data do not fit the range that the model declares for its input."""
    return Diagnostic(
        code="MX3008",
        where=f"calibration data for input {name}",
        what=f"{share:.0%} of the elements lie outside {bounds[0]:g}..{bounds[1]:g}",
        why="that is the range which the model declares for this input",
        fix=_FIX_DATA,
    )


def below_resolution(name: str, largest: float, step: float) -> Diagnostic:
    """The data vanish in the first integer step of the declared range."""
    return Diagnostic(
        code="MX3009",
        where=f"calibration data for input {name}",
        what=f"no element exceeds {largest:g} in magnitude",
        why=f"one integer step of the range which the model declares is {step:g}",
        fix=_FIX_DATA,
    )


def overflow(value: str) -> Diagnostic:
    """The float network itself gives NaN or infinity on the calibration data."""
    return Diagnostic(
        code="MX3010",
        where=value,
        what="the float model gives NaN or infinity here on the calibration data",
        why="the data are in other units than the model's, or the model is damaged",
        fix=_FIX_DATA,
    )


def everything_clipped(name: str, largest: float, value: str, share: float) -> Diagnostic:
    """The first layer that the model clips leaves nothing but the bounds of the clip."""
    return Diagnostic(
        code="MX3011",
        where=f"calibration data for input {name}",
        what=f"elements reach {largest:g}, and {share:.1%} of the outputs of {value} are cut off",
        why="the model clips that layer so that most of its outputs pass; the data are in other "
        "units than those it was trained with",
        fix=_FIX_DATA,
    )


def unreachable_scale(layer: str, ratio: float, limit: int) -> Diagnostic:
    """No shift brings the layer's weights to the declared scales."""
    return Diagnostic(
        code="MX3013",
        where=layer,
        what=f"declared scales ask for weights {ratio:.3g} times their best integer size",
        why=f"the output shift is limited to -{limit}..{limit}",
        fix="declare other scales around this layer, or none and pass --calib",
    )


def several_inputs(names: list[str]) -> Diagnostic:
    """The network has more than one input."""
    return Diagnostic(
        code="MX3014",
        where=", ".join(names),
        what=f"the network has {len(names)} inputs",
        why="the accelerator is loaded with one input tensor",
        fix="join the inputs along the channels before the network",
    )


def unknown_layer(pattern: str, near: list[str]) -> Diagnostic:
    """A width is given for a layer that is not there."""
    return Diagnostic(
        code="MX3015",
        where=f"weight width of {pattern}",
        what="no layer with weights, and no ONNX node in one, has such a name",
        why="widths are given by name or shell pattern (*, ?)",
        fix=f"use a name that mxdeploy check shows, such as {', '.join(near)}",
    )


def changed_since(file: str) -> Diagnostic:
    """A quantized model says how to read its integers, but its graph is another."""
    return Diagnostic(
        code="MX3050",
        where=file,
        what="was written by mxdeploy with all its integers, and changed since",
        why="its metadata no longer describe its graph: the scales it declares count, weights and "
        "shifts are chosen anew",
        fix="build the file as mxdeploy wrote it, or remove the metadata called mxdeploy.*",
        severity="warning",
    )


def integers_are_final() -> Diagnostic:
    """Options ask for another quantization of a model that is quantized."""
    return Diagnostic(
        code="MX3051",
        where="options of quantization",
        what="have no effect on this model",
        why="it was quantized by mxdeploy and holds its integers: weights, widths and shifts",
        fix="quantize the float model that it was made of",
        severity="warning",
    )


def no_such_layer(wanted: str, near: list[str]) -> Diagnostic:
    """A layer is to be explained that is not there."""
    return Diagnostic(
        code="MX3041",
        where=f"layer {wanted}",
        what="no layer, and no ONNX node in one, has such a name",
        why="nodes that are computed on the CPU, or not at all, are in no layer",
        fix=f"use a name that mxdeploy quantize shows, such as {', '.join(dict.fromkeys(near))}",
    )


def several_layers(wanted: str, found: list[str]) -> Diagnostic:
    """A node is to be explained that became several layers."""
    return Diagnostic(
        code="MX3042",
        where=f"layer {wanted}",
        what=f"this node is in {len(found)} layers",
        why="each of them was decided about by itself",
        fix=f"name one of them: {', '.join(found)}",
    )

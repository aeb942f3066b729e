"""The quantization stage alone: from a model file to integers, and why they are these."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from mxdeploy.answers import Compared, compare_with_float
from mxdeploy.arith.head import apply_head
from mxdeploy.builds import INTEGER_FILE, to_json
from mxdeploy.chosen_data import DataChoice, calibration_data, read_data
from mxdeploy.data import DataSet
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.options import ProjectOptions, WeightBits
from mxdeploy.pipeline import (
    Legalized,
    first_that_fits,
    quantize_as_chosen,
    quantize_options,
)
from mxdeploy.synthetic import SyntheticChoice
from mxdeploy.trace import Steps, Trace

if TYPE_CHECKING:
    from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule
    from mxdeploy.stages.s3_quantize.alternatives import Alternative

QUANTIZATION_FILE = "quantization.json"
QDQ_FILE = "quantized.onnx"
PAGE_FILE = "quantization.html"

_WIDTHS: tuple[WeightBits, ...] = (8, 4, 2, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizationRequest:
    """What to quantize.

    Attributes:
        model: ONNX file.
        options: the model's project options.
        calibration: data, or made-up inputs; None when the model declares its ranges.
        layer: a layer, or an ONNX node, of which everything is to be explained.
        test: labelled data to count right answers on.
    """

    model: Path
    options: ProjectOptions
    calibration: DataChoice | SyntheticChoice | None = None
    layer: str | None = None
    test: DataChoice | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quantization:
    """What came out.

    Attributes:
        network: in integers; its layers say what was decided and what it costs.
        calibration: the data used, if any.
        notes: what the user should know.
        layer: name of the layer to explain, if one was named.
        alternatives: what could have been decided about it, with the ways taken marked.
        answers: right ones to the test data, and what integers change, if there were any.
    """

    network: QuantNetwork
    calibration: DataSet | None
    notes: tuple[Diagnostic, ...]
    layer: str | None = None
    alternatives: tuple[Alternative, ...] = ()
    answers: Compared | None = None


def quantize_model(request: QuantizationRequest, trace: Trace) -> Quantization:
    """Import, legalize and quantize; nothing is placed.

    Raises:
        UsageError: not a readable model, unusable data, or no such layer.
        ModelError: something in the model is not supported.
    """

    def quantize(model: Legalized) -> Quantization:
        choice = request.calibration
        calibration = (
            None if choice is None else calibration_data(choice, model.network, request.model)
        )
        test = None if request.test is None else read_data(request.test, model.network, "x_test")
        with trace.stage("quantize"):
            result = _quantized(request, model, calibration, trace.on_step)
        if test is None:
            return result
        with trace.stage("evaluate"):
            answers = compare_with_float(request.model, result.network, test)
        return replace(result, answers=answers, notes=(*result.notes, *test.problems))

    objective = Objective(request.options.map.optimize)
    return first_that_fits(request.model, objective, trace, quantize)


def quantization_files(result: Quantization) -> dict[str, bytes]:
    """The files of a result: integers, the same with QuantizeLinear, and the record twice."""
    from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
    from mxdeploy.stages.s3_quantize.qdq_write import build_qdq_model
    from mxdeploy.stages.s9_report import layer_quantizations, render_quantization

    network, calibration = result.network, result.calibration
    title = None if calibration is None else calibration.title
    page = render_quantization(network.name, title, layer_quantizations(network))
    return {
        INTEGER_FILE: build_integer_model(result.network, all_layers=True),
        QDQ_FILE: build_qdq_model(result.network),
        QUANTIZATION_FILE: to_json(quantization_document(result)),
        PAGE_FILE: page,
    }


def quantization_document(result: Quantization) -> dict[str, object]:
    """For ``--json`` and ``quantization.json``."""
    from mxdeploy.stages.s9_report import layer_quantizations

    layers = layer_quantizations(result.network)
    return {
        "model": result.network.name,
        "source_digest": result.network.source_digest,
        "network_digest": result.network.digest,
        "calibration": None if result.calibration is None else result.calibration.title,
        "inputs": 0 if result.calibration is None else len(result.calibration),
        "layers": [layer.model_dump(mode="json") for layer in layers],
        **_answers_document(result.answers or Compared()),
        "layer": result.layer,
        "alternatives": [asdict(one) for one in result.alternatives],
    }


def _answers_document(found: Compared) -> dict[str, object]:
    accuracy, paired, pixels = found.accuracy, found.paired, found.pixels
    return {
        "accuracy": None
        if accuracy is None or paired is None
        else {"float": accuracy.share, "integer": accuracy.share + paired.difference},
        "paired": None if paired is None else paired.to_dict(),
        "pixels": None if pixels is None else pixels.to_dict(),
    }


def _quantized(
    request: QuantizationRequest, model: Legalized, calibration: DataSet | None, on_step: Steps
) -> Quantization:
    data_free = isinstance(request.calibration, SyntheticChoice)
    if request.layer is not None and not request.options.quantize.chooses_widths:
        options = quantize_options(request.options.quantize, data_free=data_free)
        return _explained(request, request.layer, model, calibration, options)
    network, notes = quantize_as_chosen(
        model, calibration, request.options, request.calibration, on_step
    )
    if request.layer is None:
        return Quantization(network=network, calibration=calibration, notes=notes)
    options = quantize_options(request.options.quantize, data_free=data_free)
    options = replace(options, widths=(*options.widths, *_widths_of(network)))
    found = _explained(request, request.layer, model, calibration, options)
    return replace(found, notes=notes)


def _explained(
    request: QuantizationRequest,
    layer: str,
    model: Legalized,
    calibration: DataSet | None,
    options: QuantizeOptions,
) -> Quantization:
    """Quantize, and try what could have been decided about one layer."""
    from mxdeploy.stages.s3_quantize import explain_layer

    if calibration is None or model.integers is not None:
        raise UsageError(_nothing_to_explain(layer, has_integers=model.integers is not None))
    inputs = apply_head(model.network.head, calibration.x)
    network, name, alternatives = explain_layer(
        model.network, inputs, replace(options, measure=True), layer
    )
    return Quantization(
        network=replace(network, classes=request.options.classes),
        calibration=calibration,
        notes=model.notes,
        layer=name,
        alternatives=alternatives,
    )


def _widths_of(network: QuantNetwork) -> tuple[WidthRule, ...]:
    """The widths as they came out when layers were made narrower."""
    from mxdeploy.stages.s3_quantize import WidthRule

    return tuple(
        WidthRule(pattern=layer.name, bits=bits, exact=True)
        for layer in network.layers
        for bits in _WIDTHS
        if layer.weight is not None and layer.weight_bits == bits
    )


def _nothing_to_explain(layer: str, *, has_integers: bool) -> Diagnostic:
    return Diagnostic(
        code="MX8062",
        where=f"--explain {layer}",
        what="alternatives can only be measured on calibration data",
        why="the model file holds the integers themselves; nothing was decided here"
        if has_integers
        else "without any, all ranges come from the model and no error is known",
        fix="explain the float model it was made from"
        if has_integers
        else "pass representative inputs with --calib FILE[:KEY], or --data-free",
    )

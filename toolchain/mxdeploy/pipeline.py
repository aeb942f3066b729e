"""The stages in order: from an ONNX file to proved firmware."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.head import apply_head
from mxdeploy.data import DataReference, DataSet, Layout, ModelInput, Scale, load_data
from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.generated import generated_input
from mxdeploy.inputs import chip_inputs, model_layout
from mxdeploy.ir.network import Network
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ir.program import Program
from mxdeploy.ir.project import Firmware, Project
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import KnownAnswer, RunResult
from mxdeploy.ir.tensor import Tensor
from mxdeploy.options import MapSection, ProjectOptions, QuantizeSection
from mxdeploy.proof import Proof, prove, require_checksums, require_equal, require_model_outputs
from mxdeploy.synthetic import SyntheticChoice, synthetic_data
from mxdeploy.trace import Trace

if TYPE_CHECKING:
    from mxdeploy.stages.s3_quantize import QuantizeOptions
    from mxdeploy.stages.s4_map import MapOptions
    from mxdeploy.stages.s8_run.board import BoardRun

T = TypeVar("T")

SEED = 78000
"""Fixed, so that equal builds are equal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataChoice:
    """A data file and how to read it.

    Attributes:
        reference: what to read.
        layout: order of axes in a file of arrays.
        scale: how 8-bit data become the model's input.
        default_scale: the same, where the user did not say.
        limit: at most so many.
        classes: names of the model's outputs; None where labels do not matter.
        rate: samples per second of sound.
    """

    reference: DataReference
    layout: Layout = Layout.AUTO
    scale: Scale | None = None
    default_scale: Scale = Scale.NONE
    limit: int | None = None
    classes: tuple[str, ...] | None = None
    rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """What to build.

    Attributes:
        model: ONNX file.
        options: the model's project options.
        board: name of the board the firmware is for.
        calibration: data, or made-up inputs, for ranges the model does not declare.
        compiler: ``auto``, ``gcc``, ``zig`` or ``none``.
        run: run the firmware on the virtual board.
        placement: a placement file, in place of a search.
        app: the user's own C files, in place of the generated application.
        scale: how 8-bit data become the model's input, unless calibration data have told.
    """

    model: Path
    options: ProjectOptions
    board: str
    calibration: DataChoice | SyntheticChoice | None = None
    compiler: str = "auto"
    run: bool = False
    placement: Path | None = None
    app: tuple[Path, ...] = ()
    scale: Scale = Scale.NONE


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Build:
    """Everything a build produced; later parts are None when they were not asked for."""

    request: BuildRequest
    network: Network
    quantized: QuantNetwork
    integer_model: bytes
    plan: Plan
    program: Program
    proof: Proof
    answer: KnownAnswer
    project: Project
    firmware: Firmware | None
    board_run: BoardRun | None
    calibration: DataSet | None
    scale: Scale
    diagnostics: tuple[Diagnostic, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Sample:
    """The known-answer test's input, int8 (C, H, W), where it came from, and what to say of it."""

    x: NDArray[np.int8]
    source: str
    notes: tuple[Diagnostic, ...] = ()
    is_generated: bool = False


def build(request: BuildRequest, trace: Trace) -> Build:
    """Import, legalize, quantize, map, lower, prove, emit, compile and run.

    Raises:
        MxdeployError: of the kind that belongs to the stage that failed.
    """
    from mxdeploy.boards import load_board
    from mxdeploy.placement import load_placement
    from mxdeploy.stages.s3_quantize.integer_model import build_integer_model
    from mxdeploy.stages.s4_map import map_network
    from mxdeploy.stages.s5_lower import lower
    from mxdeploy.stages.s6_emit import EmitOptions, emit, left_out
    from mxdeploy.user_code import read_user_code

    board = load_board(request.board)
    app = read_user_code(request.app)
    chosen = None if request.placement is None else load_placement(request.placement)
    options = replace(map_options(request.options.map), chosen=chosen)

    def place(model: Legalized) -> _Placed:
        calibration = _calibration(request, model.network)
        with trace.stage("quantize"):
            quantized, notes = _quantize(model, calibration, request)
        with trace.stage("map"):
            return _Placed(model.network, calibration, notes, map_network(quantized, options))

    placed = first_that_fits(request.model, options.objective, trace, place)
    network, calibration, plan = placed.network, placed.calibration, placed.plan
    quantized = plan.network
    integer_model = build_integer_model(quantized, all_layers=True)
    with trace.stage("lower"):
        program = lower(plan)
    with trace.stage("prove"):
        sample = _sample(request, program, calibration)
        proof = prove(program, integer_model, _proof_inputs(sample.x))
    answer = _known_answer(request, proof.integer, sample)
    with trace.stage("emit"):
        scale = request.scale if calibration is None else calibration.scale
        written = EmitOptions(pixel_scale=scale)
        project = emit(program, answer, board, written, app=app)
        warnings = (*sample.notes, *left_out(program, written))
    firmware, diagnostics = _compile(request, project, trace)
    board_run = _run(request, firmware, plan, proof, trace)
    return Build(
        request=request,
        network=network,
        quantized=quantized,
        integer_model=integer_model,
        plan=plan,
        program=program,
        proof=proof,
        answer=answer,
        project=project,
        firmware=firmware,
        board_run=board_run,
        calibration=calibration,
        scale=scale,
        diagnostics=(*placed.notes, *warnings, *diagnostics),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """A network that was placed, and what was found on the way."""

    network: Network
    calibration: DataSet | None
    notes: tuple[Diagnostic, ...]
    plan: Plan


@dataclass(frozen=True, slots=True, eq=False)
class Legalized:
    """A network of hardware layers.

    Attributes:
        network: in real numbers.
        integers: the same with the integers that the model file itself holds, if it does.
        notes: what the user should know about the file.
    """

    network: Network
    integers: QuantNetwork | None = None
    notes: tuple[Diagnostic, ...] = ()


def first_that_fits(
    model: Path, objective: Objective, trace: Trace, place: Callable[[Legalized], T]
) -> T:
    """Import and legalize, and place the network; where it does not fit, one with fewer weights.

    Args:
        model: ONNX file.
        objective: what counts most once the network fits.
        trace: told of the stages.
        place: places a legalized network; raises ``ModelError`` when it does not fit.

    Raises:
        UsageError: not a readable ONNX file.
        ModelError: something in it is not supported, or it does not fit in any way.
    """
    from mxdeploy.stages.s1_import import import_onnx
    from mxdeploy.stages.s2_legalize import legalize
    from mxdeploy.stages.s3_quantize.dequantize import dequantized
    from mxdeploy.stages.s3_quantize.qdq_read import read_qdq_model

    with trace.stage("import"):
        reading = read_qdq_model(model)
        if reading.network is not None:
            return place(Legalized(dequantized(reading.network), reading.network))
        imported = import_onnx(model)
        imported.verify()
    with trace.stage("legalize"):
        network = legalize(imported, objective)
    try:
        return place(Legalized(network, notes=reading.notes))
    except ModelError as error:
        with trace.stage("legalize"):
            thrifty = legalize(imported, Objective.MEMORY)
        if thrifty.to_text() == network.to_text():
            raise
        try:
            return place(Legalized(thrifty, notes=reading.notes))
        except ModelError:
            raise error from None


def quantize_options(section: QuantizeSection, *, data_free: bool = False) -> QuantizeOptions:
    """What a user chose about quantization, as its stage takes it.

    Made-up inputs show how large tensors get, but not how large their channels are relative to each
    other: equalization by them does more harm than good.
    """
    from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule

    rules = (WidthRule(pattern=name, bits=bits) for name, bits in section.layers.items())
    return QuantizeOptions(
        weight_bits=section.weight_bits,
        widths=tuple(rules),
        method=section.ranges,
        rounding=section.rounding,
        equalize=section.equalize and not data_free,
    )


def map_options(section: MapSection) -> MapOptions:
    """What a user chose about the placement, as its stage takes it."""
    from mxdeploy.stages.s4_map import MapOptions

    order = None if section.input_order is None else DataOrder(section.input_order)
    return MapOptions(
        input_order=order,
        fifo=section.fifo,
        streams=section.streams,
        objective=Objective(section.optimize),
    )


def _quantize(
    model: Legalized, calibration: DataSet | None, request: BuildRequest
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """The integer network and what the user should know about it.

    Integers that the model file holds are final.
    """
    from mxdeploy.fitting import quantize_to_fit
    from mxdeploy.stages.s3_quantize import quantize
    from mxdeploy.stages.s3_quantize.findings import integers_are_final

    options = request.options
    data_free = isinstance(request.calibration, SyntheticChoice)
    chosen = quantize_options(options.quantize, data_free=data_free)
    data = _prepared(model.network, calibration)
    notes: tuple[Diagnostic, ...] = ()
    if model.integers is not None:
        quantized = model.integers
        notes = () if options.quantize == QuantizeSection() else (integers_are_final(),)
    elif options.quantize.fit:
        quantized, notes = quantize_to_fit(model.network, data, chosen)
    else:
        quantized = quantize(model.network, data, chosen)
    quantized = replace(quantized, classes=options.classes or quantized.classes)
    quantized.verify()
    return quantized, (*model.notes, *notes)


def _calibration(request: BuildRequest, network: Network) -> DataSet | None:
    if request.calibration is None:
        return None
    return calibration_data(request.calibration, network)


def calibration_data(choice: DataChoice | SyntheticChoice, network: Network) -> DataSet:
    """The data that a user chose for calibration, or made-up inputs.

    Raises:
        UsageError: the file, or what is known of the input's range, does not do.
    """
    if isinstance(choice, DataChoice):
        return read_data(choice, network, "x_train")
    return synthetic_data(network, choice)


def _prepared(network: Network, calibration: DataSet | None) -> NDArray[np.float32] | None:
    """The calibration data as the network takes them, behind the steps of the host."""
    return None if calibration is None else apply_head(network.head, calibration.x)


def read_data(choice: DataChoice, network: Network | QuantNetwork, default_key: str) -> DataSet:
    """Read the data a user chose, as the model takes them."""
    return load_data(
        choice.reference,
        ModelInput(shape=network.input_shape, layout=model_layout(network.head)),
        default_key=default_key,
        layout=choice.layout,
        scale=choice.scale,
        default_scale=choice.default_scale,
        limit=choice.limit,
        classes=choice.classes,
        rate=choice.rate,
    )


def _sample(request: BuildRequest, program: Program, calibration: DataSet | None) -> _Sample:
    """Input of the known-answer test: the user's, one of the calibration data, or random numbers.

    Where the flash has no room for it, it is one that the firmware can make by itself.
    """
    from mxdeploy.stages.s6_emit import sample_fits, sample_too_large

    network = program.plan.network
    shape = network.value(network.input).shape
    chosen = request.options.sample
    if not sample_fits(program):
        notes = () if chosen is None else (sample_too_large(chosen.file, math.prod(shape)),)
        return _Sample(generated_input(shape), "generated numbers", notes, is_generated=True)
    if chosen is not None:
        reference = DataReference(path=request.model.parent / chosen.file, key=chosen.key)
        choice = DataChoice(
            reference=reference,
            default_scale=request.options.input.scale,
            limit=1,
            rate=request.options.input.rate,
        )
        return _Sample(chip_inputs(network, read_data(choice, network, "x").x)[0], chosen.file)
    if calibration is not None:
        x = chip_inputs(network, calibration.x[:1])[0]
        return _Sample(x, f"{calibration.title} [0]")
    return _Sample(_random_input(shape), f"random numbers, seed {SEED}")


def _random_input(shape: tuple[int, int, int]) -> NDArray[np.int8]:
    return np.random.default_rng(SEED).integers(-128, 128, shape, dtype=np.int8)


def _proof_inputs(sample: NDArray[np.int8]) -> list[NDArray[np.int8]]:
    """The sample, random numbers, and the two extremes: saturation must agree as well."""
    extremes = np.random.default_rng(SEED + 1).choice(np.array([-128, 127], np.int8), sample.shape)
    return [sample, _random_input(sample.shape), extremes]


def _known_answer(request: BuildRequest, integer: RunResult, sample: _Sample) -> KnownAnswer:
    given = request.options.sample is not None and not sample.is_generated
    return KnownAnswer(
        input=Tensor(sample.x),
        outputs=integer.outputs,
        source=sample.source,
        label=request.options.sample.label if request.options.sample and given else None,
        is_generated=sample.is_generated,
    )


def _compile(
    request: BuildRequest, project: Project, trace: Trace
) -> tuple[Firmware | None, tuple[Diagnostic, ...]]:
    """Compile; without a compiler the build is still good, unless the firmware is to run."""
    from mxdeploy.stages.s7_compile import NoCompilerError, compile_project

    if request.compiler == "none":
        return None, ()
    try:
        with trace.stage("compile"):
            return compile_project(project, compiler=request.compiler), ()
    except NoCompilerError as error:
        return None, tuple(replace(d, severity="warning") for d in error.diagnostics)


def _run(
    request: BuildRequest, firmware: Firmware | None, plan: Plan, proof: Proof, trace: Trace
) -> BoardRun | None:
    """Run the known-answer test, if told to; what the firmware prints must be as proved."""
    from mxdeploy.stages.s8_run.board import run_on_virtual_board

    if not request.run or firmware is None:
        return None
    with trace.stage("run"):
        run = run_on_virtual_board(firmware, plan, request.board)
    if run.passed:
        require_equal(plan.network.name, proof.integer, run.result, "the virtual board")
        require_model_outputs(plan.network, proof.integer, dict(run.model))
        require_checksums(plan.network, proof.integer, dict(run.checksums))
    return run


def placement_of(model: Path, options: ProjectOptions, trace: Trace) -> tuple[Network, Plan]:
    """The legalized network and where it would lie, without calibration data.

    Undeclared ranges are guessed: they decide numbers, not the placement.

    Raises:
        UsageError: not a readable ONNX file, or a width is given for a layer that is not there.
        ModelError: something in it is not supported, or it does not fit.
    """
    from mxdeploy.fitting import fitting_steps, with_steps
    from mxdeploy.stages.s3_quantize import quantize
    from mxdeploy.stages.s4_map import map_network

    wishes = map_options(options.map)

    def place(model: Legalized) -> tuple[Network, Plan]:
        network = model.network
        if model.integers is not None:
            with trace.stage("map"):
                return network, map_network(model.integers, wishes)
        chosen = replace(quantize_options(options.quantize), guess_ranges=True)
        with trace.stage("quantize"):
            if options.quantize.fit:
                chosen = with_steps(chosen, fitting_steps(network, chosen))
            quantized = quantize(network, None, chosen)
        with trace.stage("map"):
            return network, map_network(quantized, wishes)

    return first_that_fits(model, wishes.objective, trace, place)

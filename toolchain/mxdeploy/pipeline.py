"""The stages in order: from an ONNX file to proved firmware."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from mxdeploy.arith.head import apply_head
from mxdeploy.chosen_data import DataChoice, calibration_data
from mxdeploy.data import DataSet, Scale
from mxdeploy.errors import Diagnostic, ModelError
from mxdeploy.ir.network import Network
from mxdeploy.ir.objective import Objective
from mxdeploy.ir.plan import DataOrder, Plan
from mxdeploy.ir.program import Program
from mxdeploy.ir.project import Firmware, Project
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.options import MapSection, ProjectOptions, QuantizeSection
from mxdeploy.proof import Proof, prove, require_checksums, require_equal, require_model_outputs
from mxdeploy.sample import choose_sample
from mxdeploy.synthetic import SyntheticChoice
from mxdeploy.trace import Steps, Trace, unwatched

if TYPE_CHECKING:
    from mxdeploy.stages.s3_quantize import QuantizeOptions
    from mxdeploy.stages.s4_map import MapOptions
    from mxdeploy.stages.s8_run.board import BoardRun

T = TypeVar("T")


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
        calibration, quantized, notes = _quantize(request, model, trace)
        with trace.stage("map"):
            return _Placed(model.network, calibration, notes, map_network(quantized, options))

    placed = first_that_fits(request.model, options.objective, trace, place)
    network, calibration, plan = placed.network, placed.calibration, placed.plan
    quantized = plan.network
    integer_model = build_integer_model(quantized, all_layers=True)
    with trace.stage("lower"):
        program = lower(plan)
    with trace.stage("prove"):
        sample = choose_sample(request.options, request.model.parent, program, calibration)
        proof = prove(program, integer_model, sample.proof_inputs())
    answer = sample.known_answer(proof.integer)
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


def _quantize(
    request: BuildRequest, model: Legalized, trace: Trace
) -> tuple[DataSet | None, QuantNetwork, tuple[Diagnostic, ...]]:
    """The calibration data, the integer network, and what the user should know about it."""
    choice, options = request.calibration, request.options
    calibration = None if choice is None else calibration_data(choice, model.network, request.model)
    with trace.stage("quantize"):
        found = quantize_as_chosen(model, calibration, options, choice, trace.on_step)
    return calibration, *found


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
    other, and not where their limits are: equalization by them does more harm than good. Weights of
    8 bits that are rounded for them are the worse for real ones.
    """
    from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule

    rules = (WidthRule(pattern=name, bits=bits) for name, bits in section.layers.items())
    return QuantizeOptions(
        weight_bits=section.weight_bits,
        widths=tuple(rules),
        method=section.ranges,
        rounding=section.rounding,
        fit_wide=not data_free,
        equalize=section.equalize and not data_free,
        absorb=section.absorb and not data_free,
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


def quantize_as_chosen(
    model: Legalized,
    calibration: DataSet | None,
    options: ProjectOptions,
    choice: DataChoice | SyntheticChoice | None,
    on_step: Steps = unwatched,
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """The integer network and what the user should know about it.

    Integers that the model file holds are final. ``on_step`` is told how far long work is.
    """
    from mxdeploy.stages.s3_quantize.findings import integers_are_final

    data_free = isinstance(choice, SyntheticChoice)
    chosen = replace(quantize_options(options.quantize, data_free=data_free), measure=True)
    notes: tuple[Diagnostic, ...] = ()
    if model.integers is not None:
        quantized = model.integers
        notes = () if options.quantize == QuantizeSection() else (integers_are_final(),)
    else:
        quantized, notes = _with_widths(
            model.network, calibration, chosen, options.quantize, on_step
        )
    quantized = replace(quantized, classes=options.classes or quantized.classes)
    quantized.verify()
    return quantized, (*model.notes, *notes)


def _with_widths(
    network: Network,
    calibration: DataSet | None,
    chosen: QuantizeOptions,
    section: QuantizeSection,
    on_step: Steps,
) -> tuple[QuantNetwork, tuple[Diagnostic, ...]]:
    """The integer network, weights as narrow as the user wants them."""
    from mxdeploy.fitting import quantize_to_fit
    from mxdeploy.keeping import quantize_to_drop
    from mxdeploy.narrowing import one_wish, quantize_to_size
    from mxdeploy.stages.s3_quantize import quantize
    from mxdeploy.width_choice import weight_memory

    one_wish(fit=section.fit, memory=section.weight_memory, drop=section.max_drop)
    data = None if calibration is None else apply_head(network.head, calibration.x)
    if section.weight_memory is not None:
        memory = weight_memory(section.weight_memory)
        return quantize_to_size(network, data, chosen, memory, on_step)
    if section.max_drop is not None:
        labels = None if calibration is None else calibration.labels
        return quantize_to_drop(network, data, chosen, section.max_drop, labels, on_step)
    if section.fit:
        return quantize_to_fit(network, data, chosen, on_step)
    return quantize(network, data, chosen), ()


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

    Undeclared ranges are guessed: they decide numbers, not the placement. So are widths that
    ``build`` would choose on calibration data; :func:`mxdeploy.narrowing.left_open` says so.

    Raises:
        UsageError: not a readable ONNX file, a width is given for a layer that is not there, or
            widths are to follow from several wishes.
        ModelError: something in it is not supported, or it does not fit.
    """
    from mxdeploy.narrowing import one_wish
    from mxdeploy.stages.s3_quantize import quantize
    from mxdeploy.stages.s4_map import map_network

    wishes, section = map_options(options.map), options.quantize
    one_wish(fit=section.fit, memory=section.weight_memory, drop=section.max_drop)

    def place(model: Legalized) -> tuple[Network, Plan]:
        network = model.network
        if model.integers is not None:
            with trace.stage("map"):
                return network, map_network(model.integers, wishes)
        with trace.stage("quantize"):
            quantized = quantize(network, None, _supposed_options(network, section))
        with trace.stage("map"):
            return network, map_network(quantized, wishes)

    return first_that_fits(model, wishes.objective, trace, place)


def _supposed_options(network: Network, section: QuantizeSection) -> QuantizeOptions:
    """Options without calibration data, widths as a build with data may choose them."""
    from mxdeploy.fitting import fitting_steps, with_steps
    from mxdeploy.narrowing import supposed_choice, with_choice
    from mxdeploy.width_choice import weight_memory

    chosen = replace(quantize_options(section), guess_ranges=True)
    if section.fit:
        return with_steps(chosen, fitting_steps(network, chosen))
    if section.weight_memory is None:
        return chosen
    memory = weight_memory(section.weight_memory)
    return with_choice(chosen, supposed_choice(network, chosen, memory))

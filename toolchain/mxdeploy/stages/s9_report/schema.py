"""The published form of a report (``report.json``)."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Use(_Record):
    """How much of a limit is used, in ``unit`` (bytes, layers, words)."""

    used: int
    limit: int
    unit: str

    @property
    def share(self) -> float:
        """Used part of the limit, 0..1."""
        return self.used / self.limit if self.limit else 0.0


class Bound(StrEnum):
    """What most of a layer's cycles go to.

    ``input reads``: pixels (and pooling windows) are read; ``output channels``: one output channel
    of one pixel takes a cycle; ``passes``: the same, for every 64 input channels (or pixel of a
    flattened input) again; ``writes``: a layer without convolution writes four channels a cycle.
    """

    READS = "input reads"
    CHANNELS = "output channels"
    PASSES = "passes"
    WRITES = "writes"


class RegionReport(_Record):
    """A tensor in data memory; ``ring``: it circulates in these bytes, some rows at a time."""

    value: str
    shape: tuple[int, int, int]
    bits: int
    order: str
    processors: str
    offset_bytes: int
    end_bytes: int
    memories: tuple[int, ...]
    ring: bool


class LayerReport(_Record):
    """One hardware layer.

    Attributes:
        index: hardware layer number.
        name: of the layer.
        onnx_nodes: nodes of the user's model that became this layer.
        operation: in words.
        in_shape: channels, rows, columns read.
        out_shape: channels, rows, columns written.
        weights: number of weights.
        weight_bits: width of one weight.
        weight_bytes: bytes of weights in kernel memory, padding not counted.
        kernel_words: 72-bit words on each processor, from ``kernel_start_word`` on.
        streams: it works while its input is still being written.
        processors: how many processors read the input.
        in_passes: words read per pixel.
        out_passes: words written per pixel.
        macs: multiply-accumulates per inference.
        cycles: CNN clock cycles, estimated.
        output_cycles: those in which outputs are computed or written; in the rest input is read.
        bound_by: what most of the cycles go to.
        milliseconds: the same as time.
        peak_share: multiply-accumulates per cycle as a share of the chip's peak.
        sqnr_db: signal to quantization noise of the output on the calibration data.
        saturated: share of output elements at the limits of 8 bits on the calibration data.
    """

    index: int
    name: str
    onnx_nodes: tuple[str, ...]
    operation: str
    in_shape: tuple[int, int, int]
    out_shape: tuple[int, int, int]
    weights: int
    weight_bits: int
    weight_bytes: int
    kernel_start_word: int | None
    kernel_words: int
    bias_quadrant: int | None
    bias_bytes: int
    streams: bool
    processors: int
    in_passes: int
    out_passes: int
    inputs: tuple[RegionReport, ...]
    output: RegionReport
    shift: int
    macs: int
    cycles: int
    output_cycles: int
    bound_by: Bound
    milliseconds: float
    peak_share: float
    sqnr_db: float | None
    saturated: float | None
    bias_saturated: int | None


class HistogramReport(_Record):
    """How often values fall into equal bins between ``low`` and ``high``."""

    low: float
    high: float
    counts: tuple[int, ...]


class NoiseReport(_Record):
    """Signal to noise of a layer's output in decibel, by the source of the noise.

    None: no noise. ``inherited``: what the layer in real numbers makes of the noise in its input;
    ``weights``: rounding them; ``parameters``: weights and biases together; ``output``: rounding
    and saturating the output; ``own``: all that the layer adds.
    """

    inherited_db: float | None
    weights_db: float | None
    parameters_db: float | None
    output_db: float | None
    own_db: float | None


class LayerQuantization(_Record):
    """What quantization decided about one layer, and what it costs on the calibration data.

    Attributes:
        index: number of the layer.
        name: of the layer.
        onnx_nodes: nodes of the user's model that became this layer.
        operation: in words.
        weights: number of weights; 0: it has none, and nothing is decided about it.
        weight_bits: width of one weight.
        weight_scale: real value of one step of a weight.
        shift: of the output; None without one.
        biases: number of biases.
        input_scale: real value of one step of the input.
        output_scale: real value of one step of the output.
        output_bits: 8, or 32 for raw accumulators.
        sqnr_db: signal to quantization noise of the output against the float network.
        saturated: share of output elements at the limits of 8 bits.
        biases_cut: biases cut off at 8 bits.
        biases_moved: biases that take up a mean error.
        weights_cut: share of the weights beyond their width.
        beyond: share of the float network's outputs beyond ``limits``.
        range_from: what the range of the output comes from.
        reach: smallest and largest output in the float network.
        limits: smallest and largest output that the layer can give; None for 32 bits.
        noise: by its source.
        outputs: of the float network.
        weight_values: integer weights.
    """

    index: int
    name: str
    onnx_nodes: tuple[str, ...]
    operation: str
    weights: int
    weight_bits: int
    weight_scale: float | None
    shift: int | None
    biases: int
    input_scale: float
    output_scale: float
    output_bits: int
    sqnr_db: float | None
    saturated: float | None
    biases_cut: int | None
    biases_moved: int | None
    weights_cut: float | None
    beyond: float | None
    range_from: str | None
    reach: tuple[float, float] | None
    limits: tuple[float, float] | None
    noise: NoiseReport | None
    outputs: HistogramReport | None
    weight_values: HistogramReport | None


class Totals(_Record):
    """The whole network against the chip's limits."""

    layers: Use
    kernel_memory: Use
    fullest_processor: Use
    bias_memory: Use
    data_memory: Use
    flash: Use | None
    sram: Use | None
    weight_bytes: int
    macs: int
    cycles: int
    clock_hz: int
    milliseconds: float
    inferences_per_second: float


class ClassProbability(_Record):
    """One class of the known-answer sample."""

    index: int
    name: str
    probability: float


class ProofReport(_Record):
    """What was compared bit for bit."""

    inputs: int
    layers: int
    elements: int
    machines: tuple[str, ...]


class BoardReport(_Record):
    """The known-answer test on the virtual board."""

    board: str
    passed: bool
    time_us: int | None
    console: str


class RewriteReport(_Record):
    """What legalization did."""

    rule: str
    nodes: tuple[str, ...]
    text: str
    exact: bool


class StepReport(_Record):
    """What the CPU does in front of or behind the chip; ``node``: the ONNX node it comes from."""

    node: str
    operation: str


class OutputReport(_Record):
    """An output of the user's model.

    ``values``: the chip's outputs that it is made of; ``steps``: what the CPU does to them.
    """

    name: str
    shape: tuple[int, ...]
    integers: bool
    values: tuple[str, ...]
    steps: tuple[StepReport, ...]


class NodeReport(_Record):
    """What became of a node of the user's model.

    ``became``: layers and steps of the CPU that do its work, in words; empty when none is left.
    """

    node: str
    operator: str
    became: tuple[str, ...]
    rules: tuple[str, ...]
    exact: bool


class Report(_Record):
    """Everything about one build."""

    format: int = 1
    tool_version: str
    model: str
    source_digest: str
    network_digest: str
    program_digest: str
    project_digest: str
    board: str
    input_shape: tuple[int, ...]
    input_scale: float
    head: tuple[StepReport, ...]
    outputs: tuple[OutputReport, ...]
    streaming: tuple[str, ...]
    calibration: str | None
    sample: str
    sample_label: str | None
    layers: tuple[LayerReport, ...]
    quantization: tuple[LayerQuantization, ...]
    totals: Totals
    rewrites: tuple[RewriteReport, ...]
    nodes: tuple[NodeReport, ...]
    proof: ProofReport
    classes: tuple[ClassProbability, ...]
    compiler: str | None
    board_run: BoardReport | None
    warnings: tuple[str, ...]

    @property
    def chip_outputs(self) -> tuple[str, ...]:
        """Values that the host reads after the last layer."""
        return tuple(dict.fromkeys(value for output in self.outputs for value in output.values))

"""The operators a network has after import: what ONNX says, with every attribute resolved.

Only shapes, attributes and constants; no ONNX types. Batch dimensions are gone. Operators with no
counterpart here are kept as ``Unsupported`` so that all findings of a model come in one run.
"""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Conv:
    """Convolution, 1-D or 2-D: weight (out, in / groups, *kernel)."""

    weight: Tensor
    bias: Tensor | None
    pads: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvTranspose:
    """Transposed convolution: weight (in, out / groups, *kernel)."""

    weight: Tensor
    bias: Tensor | None
    pads: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    output_padding: tuple[int, ...]
    groups: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Matrix product with a constant: weight (out, in)."""

    weight: Tensor
    bias: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooling:
    """Max or average pooling, 1-D or 2-D; ``pads`` as in ONNX (all begins, then all ends)."""

    average: bool
    size: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    ceil_mode: bool = False
    count_include_pad: bool = False
    dilations: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relu:
    """max(x, 0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Abs:
    """|x|."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Bounds; Clip, ReLU6, Hardtanh."""

    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """Per-channel ``x * scale + offset`` (BatchNormalization, constant Mul and Add).

    ``scale`` and ``offset`` have shape (channels,) or () for a scalar.
    """

    scale: Tensor
    offset: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class PerElement:
    """``x * scale + offset`` with numbers that differ within channels, as a detector's boxes take.

    Each has as many axes as x (without the batch dimension), of its length or 1; None: no such.
    """

    scale: Tensor | None
    offset: Tensor | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Elementwise:
    """Two or more values combined element by element: add, sub (or, xor for integers)."""

    function: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiply:
    """Two or more values multiplied element by element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Concat:
    """Concatenation along ``axis`` (without the batch dimension; 0: the channels)."""

    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Elements ``start``, ``start + step`` ... below ``stop`` along ``axis`` (no batch dimension).

    Split is several of them; 0 <= start < stop <= length, step >= 1.
    """

    axis: int
    start: int
    stop: int
    step: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Upsample:
    """Nearest-neighbour enlargement: every row and column repeated; ``factors`` = (rows, columns).

    1-D data have a single factor.
    """

    factors: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reshape:
    """Flatten, Reshape, Squeeze, Unsqueeze: the same elements in the same order, a new shape."""

    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transpose:
    """Axes permuted; ``axes`` without the batch dimension."""

    axes: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """Constant padding; ``pads`` without the batch dimension: all begins, then all ends."""

    pads: tuple[int, ...]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeQuantize:
    """A QuantizeLinear/DequantizeLinear pair on an activation."""

    scale: float
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Softmax:
    """Softmax over ``axis`` (without the batch dimension)."""

    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSoftmax:
    """Logarithm of the softmax over ``axis``."""

    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sigmoid:
    """Logistic function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardSigmoid:
    """``alpha * x + beta``, between 0 and 1."""

    alpha: float
    beta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tanh:
    """Hyperbolic tangent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exp:
    """Exponential function."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgMax:
    """Index of the largest element along ``axis``: the first of equals, or the ``last``."""

    axis: int
    last: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TopK:
    """The ``count`` largest (or smallest) elements along ``axis`` in order, or their ``indices``.

    Of equal elements the first comes first.
    """

    axis: int
    count: int
    indices: bool
    largest: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Reduce:
    """Mean, sum, max or min (``function``) over one ``axis``."""

    function: str
    axis: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsupported:
    """An ONNX operator that mxdeploy does not know; refused by legalization with its name."""

    op_type: str
    detail: str = ""


LayerFunction = Abs | Affine | Clip | Relu
"""Functions of single elements that a layer does behind its sums, or takes into its weights."""

GraphOp = (
    Conv
    | ConvTranspose
    | Linear
    | Pooling
    | LayerFunction
    | PerElement
    | Elementwise
    | Multiply
    | Concat
    | Slice
    | Upsample
    | Reshape
    | Transpose
    | Pad
    | FakeQuantize
    | Softmax
    | LogSoftmax
    | Sigmoid
    | HardSigmoid
    | Tanh
    | Exp
    | ArgMax
    | TopK
    | Reduce
    | Unsupported
)

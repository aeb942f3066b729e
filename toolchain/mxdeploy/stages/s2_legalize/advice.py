"""What to use instead of operators that neither the chip nor the host's code has."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "use ReLU",
        ("LeakyRelu", "PRelu", "Elu", "Selu", "Celu", "Gelu", "Softplus", "Softsign",
         "ThresholdedRelu", "Shrink"),
    ),
    ("use ReLU (what a GELU is exported as contains it)", ("Erf",)),
    ("use ReLU or ReLU6", ("HardSwish", "Swish", "Mish", "SwiGLU")),
    (
        "use ReLU or Hardtanh inside the network; it may stand at the end",
        ("HardSigmoid", "Sigmoid"),
    ),
    (
        "use Hardtanh inside the network (a Clip from -1 to 1 costs nothing), Tanh at its end",
        ("Tanh",),
    ),
    ("use Hardtanh: a Clip from -1 to 1 costs nothing", ("Atan", "Sin", "Cos")),
    (
        "drop the branch (squeeze-and-excite, gating), or add instead of multiplying",
        ("Mul",),
    ),
    ("divide by a constant", ("Div",)),
    (
        "use a convolution or a Linear with constant weights",
        ("MatMul", "Gemm", "Einsum", "Attention", "LinearAttention", "RotaryEmbedding"),
    ),
    ("use constant weights", ("Conv", "ConvTranspose")),
    ("use an ordinary convolution", ("DeformConv", "Col2Im", "CausalConvWithState")),
    ("use 1-D convolutions over the sequence", ("LSTM", "GRU", "RNN")),
    (
        "export without control flow: every layer written out",
        ("If", "Loop", "Scan", "SequenceMap"),
    ),
    (
        "use BatchNormalization, which is folded into the weights",
        ("LayerNormalization", "InstanceNormalization", "GroupNormalization", "RMSNormalization",
         "LRN", "LpNormalization", "MeanVarianceNormalization"),
    ),
    (
        "export the model after model.eval()",
        ("BatchNormalization", "Dropout", "Bernoulli", "Multinomial", "RandomNormal",
         "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    ),
    (
        "repeat rows and columns (nearest), or use a transposed convolution 3x3 with stride 2",
        ("Resize", "GridSample", "AffineGrid", "MaxUnpool"),
    ),
    ("export with operator set 11 or later, which has Resize", ("Upsample",)),
    ("pad with zeros (padding_mode='zeros') or another constant", ("Pad",)),
    ("use one or two axes besides the channels, and not its indices", ("MaxPool",)),
    ("keep values real inside the network", ("Cast",)),
    (
        "use max or average pooling",
        ("LpPool", "GlobalLpPool", "MaxRoiPool", "RoiAlign"),
    ),
    (
        "take the mean, the sum or the largest element over rows and columns",
        ("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceProd",
         "ReduceSumSquare", "CumSum", "CumProd"),
    ),
    (
        "end the network in front of it and do it on the host",
        ("NonMaxSuppression", "Where", "Greater", "GreaterOrEqual", "Less", "LessOrEqual", "Equal",
         "And", "Or", "Xor", "Not", "NonZero", "OneHot", "Hardmax", "IsInf", "IsNaN", "Compress",
         "Unique", "Sign", "Round", "Floor", "Ceil", "Mod", "Pow", "Sqrt", "Log", "Reciprocal"),
    ),
    (
        "take constant positions along one axis (Slice, Split, Gather)",
        ("Slice", "Gather", "GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND",
         "TensorScatter", "Trilu", "ReverseSequence"),
    ),
    (
        "export the float model, or QuantizeLinear and DequantizeLinear around float operators",
        ("QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger", "DynamicQuantizeLinear",
         "QuantizeLinear", "DequantizeLinear"),
    ),
    (
        "export with fixed sizes: no shapes that are computed while the network runs",
        ("Shape", "Size", "Range", "ConstantOfShape", "EyeLike", "CenterCropPad", "Reshape",
         "Expand", "Tile"),
    ),
    (
        "compute the spectrum on the host, in front of the network",
        ("DFT", "STFT", "MelWeightMatrix", "HannWindow", "HammingWindow", "BlackmanWindow"),
    ),
)  # fmt: skip

ADVICE: Mapping[str, str] = MappingProxyType(
    {operator: text for text, operators in _GROUPS for operator in operators}
)
"""For ONNX operators, some of which are known in other places or with other attributes."""

NO_ADVICE = (
    "replace it by convolutions, poolings, additions and ReLU, or move it behind the network"
)

_RUNTIME = "com.microsoft."
_RUNTIME_ADVICE = (
    "give the model as it was before onnxruntime optimized it (at most ORT_ENABLE_BASIC)"
)


def advice_for(op_type: str) -> str:
    """What to use instead of ``op_type``, which has its domain in front unless it is ONNX's own."""
    if op_type.startswith(_RUNTIME):
        return _RUNTIME_ADVICE
    return ADVICE.get(op_type, NO_ADVICE)

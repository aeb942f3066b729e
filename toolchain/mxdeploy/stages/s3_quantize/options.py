"""What the user may choose about quantization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WeightBits = Literal[8, 4, 2, 1]
RangeMethod = Literal["mse", "max", "percentile", "kl"]
Rounding = Literal["auto", "nearest", "adaptive"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WidthRule:
    """Another width for some layers.

    Attributes:
        pattern: name of a layer, or of an ONNX node in it, or a shell pattern for such names.
        bits: width of their weights.
        exact: the pattern is the name of one layer, and nothing else.
    """

    pattern: str
    bits: WeightBits
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantizeOptions:
    """Options of the quantization stage.

    Attributes:
        weight_bits: width of all weights for which ``widths`` says nothing else.
        widths: widths of some layers; the last rule that matches counts. (Biases have 8 bits.)
        method: how a value's range follows from calibration: ``mse`` cuts off what costs least,
            ``max`` covers everything seen, ``percentile`` all but a ten-thousandth, ``kl`` keeps
            the distribution as far as 8 bits can.
        rounding: ``nearest`` rounds each weight by itself, ``adaptive`` so that the layer's output
            comes close; ``auto`` does the latter in networks with weights of less than 8 bits, and
            in those of 8 bits whose outputs are noisy (below 30 dB) where that makes them quieter.
        fit_wide: ``auto`` may round weights of 8 bits for the layer's output.
        equalize: scale channels so that one scale per tensor suits all of them.
        absorb: move constant parts of channels into the biases of what reads them, where measuring
            on the calibration data says that it helps.
        bias_correction: let biases take up the mean error that rounding leaves, where measuring
            on the calibration data says that it helps.
        max_samples: calibration samples used; more are thinned out evenly. None: 256, or 1024
            where rounding is adaptive.
        guess_ranges: without calibration, give values of unknown range one that is as good as any:
            enough to place a network, useless to run it.
        measure: with calibration, measure what each decision costs (takes about as long again).
        threads: threads of one inference on the calibration data.
    """

    weight_bits: WeightBits = 8
    widths: tuple[WidthRule, ...] = ()
    method: RangeMethod = "mse"
    rounding: Rounding = "auto"
    fit_wide: bool = True
    equalize: bool = True
    absorb: bool = True
    bias_correction: bool = True
    max_samples: int | None = None
    guess_ranges: bool = False
    measure: bool = False
    threads: int = 2

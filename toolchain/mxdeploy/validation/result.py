"""What a validation found: differences, times, and the verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy import text
from mxdeploy.accuracy import Accuracy, PairedComparison
from mxdeploy.link.protocol.client import Identity, Statistics

IntArray = NDArray[np.signedinteger[Any]]
"""int8 or int32."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Difference:
    """A tensor that differs, and where it does so first.

    Attributes:
        input: number of the input, from 0.
        value: name of the tensor.
        layer: number of the hardware layer that writes it; None for an output as such.
        layer_name: the layer's name, empty for an output as such.
        expected: the integer model's tensor (C, H, W).
        found: the board's.
    """

    input: int
    value: str
    layer: int | None
    layer_name: str
    expected: IntArray
    found: IntArray

    @property
    def place(self) -> tuple[int, int, int]:
        """Channel, row and column of the first element that differs, in this order."""
        channel, row, column = (int(i) for i in np.argwhere(self.expected != self.found)[0])
        return channel, row, column

    @property
    def count(self) -> int:
        """Elements that differ."""
        return int((self.expected != self.found).sum())

    @property
    def where(self) -> str:
        """The tensor in words."""
        if self.layer is None:
            return f"output {self.value}"
        return f"layer {self.layer} ({self.layer_name})"

    def to_text(self) -> str:
        """The whole difference in words."""
        channel, row, column = self.place
        return (
            f"input {self.input}, {self.where}: channel {channel}, row {row}, column {column} is "
            f"{self.expected[self.place]} in the integer model and {self.found[self.place]} on the "
            f"board; elements that differ: {self.count} of {self.expected.size}"
        )

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``, without the tensors."""
        channel, row, column = self.place
        return {
            "input": self.input,
            "value": self.value,
            "layer": self.layer,
            "layer_name": self.layer_name,
            "channel": channel,
            "row": row,
            "column": column,
            "expected": int(self.expected[self.place]),
            "found": int(self.found[self.place]),
            "different": self.count,
            "elements": int(self.expected.size),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Durations:
    """Durations of one kind over all inputs, in microseconds by the chip's timer."""

    microseconds: tuple[float, ...]

    def to_dict(self) -> dict[str, float]:
        """Least, middle and greatest."""
        return {"min": self.least, "median": self.median, "max": self.greatest}

    @property
    def least(self) -> float:
        """The shortest."""
        return min(self.microseconds)

    @property
    def median(self) -> float:
        """The middle one."""
        return float(np.median(self.microseconds))

    @property
    def greatest(self) -> float:
        """The longest."""
        return max(self.microseconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """What came out.

    Attributes:
        port: URL of the port.
        identity: who answered there.
        source: where the inputs come from.
        inputs: how many there were.
        unequal: inputs whose outputs differ from the integer model's.
        output: the first difference of an output.
        layer: the first layer that differs; of the first input whose outputs differ, else of
            input 0.
        layers_compared: layers whose tensors were read and compared on that input.
        accuracy: ``board`` and ``integer``; None without labels.
        paired: board against integer, input by input; None without labels.
        cnn: from the start of the accelerator to its interrupt.
        load: moving the input into the accelerator's memories.
        estimate_us: the cycle model's duration of an inference, in microseconds.
        seconds: real time of all inputs, transfer over the serial line included.
        statistics: what the firmware has counted since its reset.
        repeats: requests that were sent again.
    """

    port: str
    identity: Identity
    source: str
    inputs: int
    unequal: tuple[int, ...]
    output: Difference | None
    layer: Difference | None
    layers_compared: int
    accuracy: dict[str, Accuracy] | None
    paired: PairedComparison | None
    cnn: Durations
    load: Durations
    estimate_us: float
    seconds: float
    statistics: Statistics
    repeats: int

    @property
    def passed(self) -> bool:
        """Whether everything that was compared is equal."""
        return not self.unequal and self.layer is None

    @property
    def verdict(self) -> str:
        """One line."""
        inputs = text.all_of(self.inputs, "input")
        if self.passed:
            return f"PASS: board = integer model on {inputs}, bit for bit"
        if not self.unequal:
            return f"FAIL: the outputs of {inputs} are equal, a layer differs"
        count, first = len(self.unequal), self.unequal[0]
        return (
            f"FAIL: the outputs of {count} of {text.count(self.inputs, 'input')} differ, "
            f"the first one is input {first}"
        )

    @property
    def deviation(self) -> float:
        """Measured over estimated duration of an inference, minus one."""
        return self.cnn.median / self.estimate_us - 1

    @property
    def chip_rate(self) -> float:
        """Inferences per second that load and accelerator allow, one after the other."""
        return 1e6 / (self.cnn.median + self.load.median)

    @property
    def line_rate(self) -> float:
        """Inferences per second over the serial line, as measured by the host."""
        return self.inputs / self.seconds

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        accuracy = self.accuracy
        return {
            "passed": self.passed,
            "verdict": self.verdict,
            "port": self.port,
            "firmware": asdict(self.identity),
            "source": self.source,
            "inputs": self.inputs,
            "unequal": list(self.unequal),
            "first_difference": None if self.output is None else self.output.to_dict(),
            "first_layer": None if self.layer is None else self.layer.to_dict(),
            "layers_compared": self.layers_compared,
            "accuracy": None if accuracy is None else {k: a.share for k, a in accuracy.items()},
            "correct": None if accuracy is None else {k: a.correct for k, a in accuracy.items()},
            "paired": None if self.paired is None else self.paired.to_dict(),
            "cnn_us": self.cnn.to_dict(),
            "load_us": self.load.to_dict(),
            "estimate_us": self.estimate_us,
            "deviation": self.deviation,
            "inferences_per_second": {"chip": self.chip_rate, "serial_line": self.line_rate},
            "seconds": self.seconds,
            "statistics": asdict(self.statistics),
            "repeats": self.repeats,
        }

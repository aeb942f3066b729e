"""A layer with its placement: what the register functions read."""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000.streaming import Cadence
from mxdeploy.ir.plan import LayerPlan, Region
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.ops.layer import Kind, LayerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedLayer:
    """One layer: what it computes, and where.

    Attributes:
        layer: integers and geometry.
        plan: placement.
        cadence: when it works, for layers that stream or read from FIFOs.
    """

    layer: QuantLayer
    plan: LayerPlan
    cadence: Cadence | None = None

    @property
    def spec(self) -> LayerSpec:
        """Geometry and arithmetic."""
        return self.layer.spec

    @property
    def source(self) -> Region:
        """Where the (first) operand lies."""
        return self.plan.inputs[0]

    @property
    def target(self) -> Region:
        """Where the output goes."""
        return self.plan.output

    @property
    def passthrough(self) -> bool:
        """The layer does not convolve."""
        return self.spec.kind is Kind.PASSTHROUGH

    @property
    def combines(self) -> bool:
        """The layer combines several operands element by element."""
        return self.spec.eltwise is not None

    @property
    def passes_are_rows(self) -> bool:
        """The passes of the operands are read as further rows of a single pass.

        The chip combines several operands in several passes only if both are two. What passes
        through without pooling may be read as ``passes`` times as many rows instead, because the
        passes of a pixel follow each other like pixels.
        """
        known = limits.MAX_OPERANDS_MULTIPASS
        native = self.spec.operands <= known and self.plan.in_passes <= known
        several = self.combines and self.plan.in_passes > 1
        return several and not native and self.passthrough and self.spec.pool is None

    @property
    def counted_passes(self) -> tuple[int, int]:
        """Input and output passes as the chip counts them."""
        if self.passes_are_rows:
            return 1, 1
        return self.plan.in_passes, self.plan.out_passes

    @property
    def kernel_elements(self) -> int:
        """Weights in one stored kernel: 9, 1, or the length of a 1-D kernel."""
        rows, columns = self.spec.kernel
        return rows * columns

    @property
    def slots(self) -> int:
        """Output slots of all output passes, as the mask counter walks them.

        A layer that flattens ends with its last channel; others fill the last pass.
        """
        processors = self.target.processors
        if self.spec.flatten:
            return int(layouts.output_slots(self.spec.out_channels, processors).max()) + 1
        return self.plan.out_passes * layouts.output_columns(processors)

    @property
    def extended_passes(self) -> bool:
        """The layer flattens into more passes than the ordinary pass counter counts."""
        return self.spec.flatten and self.plan.in_passes > limits.MAX_PASSES

    @property
    def kernel_start(self) -> tuple[int, int]:
        """Number of the first kernel, and the bytes that remain (``oned_sad``)."""
        if self.plan.kernels is None:
            return 0, 0
        return layouts.start_kernel(self.plan.kernels.start_word, self.kernel_elements)

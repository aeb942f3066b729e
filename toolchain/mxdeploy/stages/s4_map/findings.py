"""What can be wrong with a network that is to be placed: one function per finding."""

from __future__ import annotations

from collections.abc import Sequence

from mxdeploy import text
from mxdeploy.chip.max78000 import limits
from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.chip.max78000.limits import Limit
from mxdeploy.errors import Diagnostic
from mxdeploy.ir.quantized import QuantLayer
from mxdeploy.stages.s4_map.needs import LayerNeed, TensorNeed

_LISTED = 5
"""How many of the largest layers a message lists."""
_NARROW_BITS = 4
"""The weight width that messages suggest."""

_NO_STREAM = "It is not possible here, for the reasons named beside this one."

SMALLER_WEIGHTS = (
    "use fewer channels or a smaller kernel in the largest layers, or give them 4-, 2- or 1-bit "
    "weights (--fit chooses them)"
)


def two_places(layer: str, value: str, what: str) -> Diagnostic:
    """A value cannot lie as one layer reads it and as others need it, too."""
    return Diagnostic(
        code="MX4001",
        where=layer,
        what=f"reads {value}, and {what} would have to lie at two places at once",
        why="operands of an element-wise layer interleave, parts of a concatenation lie side by "
        "side, and a layer without convolution writes to the processors it reads from",
        fix="put a convolution between the layers that share this value",
    )


def tied_too_wide(names: Sequence[str], processors: int) -> Diagnostic:
    """Values that must lie side by side need more processors than there are."""
    return Diagnostic(
        code="MX4021",
        where=names[0],
        what=f"{', '.join(names)} must lie side by side and take {processors} processors",
        why=limits.MAX_PROCESSORS.text,
        fix="put a convolution between the concatenations that share these values",
    )


def certainty(*, installed: bool, proven: bool) -> str:
    """How certain it is that what was not found does not exist."""
    if proven:
        return "the solver has proved that there is none"
    if installed:
        return "the solver has not found one either"
    return 'perhaps there is one: pip install "mxdeploy[solver]" lets a solver search as well'


def no_layers() -> Diagnostic:
    """Nothing is left for the accelerator."""
    return Diagnostic(
        code="MX4020",
        where="network",
        what="there is no layer for the accelerator",
        why="a network needs at least one convolution, linear layer or pooling",
        fix="build a network with layers",
    )


def breaks_contract(where: str, what: str) -> Diagnostic:
    """A network that legalization should not have let through."""
    return Diagnostic(
        code="MX4002",
        where=where,
        what=what,
        why="a value that interleaves with others is read by one layer alone, which the rewriting "
        "of the network sees to by copies",
        fix="please report it with the model's layer shapes",
    )


def too_many_layers(count: int) -> Diagnostic:
    """More hardware layers than the chip has."""
    limit = limits.MAX_LAYERS
    return Diagnostic(
        code="MX4003",
        where="network",
        what=f"{count} hardware layers, {count - int(limit)} more than there are",
        why=limit.text,
        fix="remove layers, or place pooling directly in front of a convolution, where it costs "
        "no layer",
    )


def reshaped_channels(layer: QuantLayer, shape: tuple[int, int, int]) -> Diagnostic:
    """A layer reads a tensor with other channels than were written."""
    return Diagnostic(
        code="MX4004",
        where=layer.name,
        what=f"reads {list(shape)} as {list(layer.spec.in_shape)}",
        why="a tensor keeps its channels between layers; only its pixels can be re-interpreted, "
        "in the same order",
        fix="flatten in front of a linear layer, or keep the number of channels",
    )


def over_limit(where: str, what: str, limit: Limit, fix: str) -> Diagnostic:
    """A number of a layer exceeds a limit of the chip."""
    return Diagnostic(code="MX4005", where=where, what=what, why=limit.text, fix=fix)


def breaks_rule(where: str, what: str, why: str, fix: str) -> Diagnostic:
    """A layer breaks a rule of its operation."""
    return Diagnostic(code="MX4006", where=where, what=what, why=why, fix=fix)


def too_many_weights(needs: Sequence[LayerNeed]) -> Diagnostic:
    """The kernels of all layers exceed all kernel memories."""
    total = sum(need.kernel_bytes for need in needs)
    return Diagnostic(
        code="MX4007",
        where="network",
        what=f"kernels take {total:,} bytes, {total - mem.TOTAL_KERNEL_BYTES:,} more than the "
        f"{mem.TOTAL_KERNEL_BYTES:,} bytes of kernel memory; {largest(needs)}",
        why=limits.KERNEL_MEMORY_WORDS.text + f" There are {mem.PROCESSORS}.",
        fix=f"{SMALLER_WEIGHTS}; {_narrower(needs)}",
    )


def _narrower(needs: Sequence[LayerNeed]) -> str:
    """Which layers would have to have narrower weights, the largest first."""
    total = sum(need.kernel_bytes for need in needs)
    chosen: list[str] = []
    for need in sorted(needs, key=lambda n: (-n.kernel_bytes, n.name)):
        if total <= mem.TOTAL_KERNEL_BYTES:
            break
        if need.weight_bits > _NARROW_BITS:
            chosen.append(need.name)
            total -= need.kernel_bytes - need.kernel_bytes * _NARROW_BITS // need.weight_bits
    if total > mem.TOTAL_KERNEL_BYTES:
        return f"{_NARROW_BITS}-bit weights in all layers would still take {total:,} bytes"
    return (
        f"{_NARROW_BITS}-bit weights in {', '.join(chosen)} would be enough (about {total:,} bytes)"
    )


def layer_exceeds_kernel_memory(need: LayerNeed) -> Diagnostic:
    """One layer needs more words than each of its processors has."""
    limit = limits.KERNEL_MEMORY_WORDS
    return Diagnostic(
        code="MX4008",
        where=need.name,
        what=f"kernels take {need.kernel_words} words on each of its {need.processors} input "
        f"processors, {need.kernel_words - int(limit)} more than there are",
        why=limit.text + " A processor holds the weights of its own input channels.",
        fix="give the layer fewer output channels, a smaller kernel, or narrower weights",
    )


def middle_exceeds_kernel_memory(needs: Sequence[LayerNeed], words: int) -> Diagnostic:
    """Layers that all use the processors in the middle exceed their kernel memory."""
    limit = limits.KERNEL_MEMORY_WORDS
    return Diagnostic(
        code="MX4009",
        where="network",
        what=f"the {len(needs)} layers with more than {mem.PROCESSORS // 2} input channels per "
        f"pass take {words} words together, {words - int(limit)} more than there are; "
        f"{largest(needs)}",
        why=limit.text + " Such layers cannot lie side by side, so all of them use the same "
        "processors.",
        fix=SMALLER_WEIGHTS,
    )


def kernels_do_not_pack(needs: Sequence[LayerNeed]) -> Diagnostic:
    """The kernels fit by number of bytes, but no arrangement was found."""
    total = sum(need.kernel_bytes for need in needs)
    share = 100 * total / mem.TOTAL_KERNEL_BYTES
    return Diagnostic(
        code="MX4010",
        where="network",
        what=f"kernels take {total:,} of {mem.TOTAL_KERNEL_BYTES:,} bytes ({share:.0f} %), but no "
        f"arrangement of the layers over the processors was found; {largest(needs)}",
        why="a layer's kernels begin at the same word on all processors of its input, and lie on "
        "no other processors",
        fix=SMALLER_WEIGHTS + "; layers with 64 input channels use the memories best",
    )


def input_exceeds_data_memory(need: TensorNeed, hwc: int, chw: int | None) -> Diagnostic:
    """The network's input does not fit in data memory in any order."""
    in_chw = "" if chw is None else f", {chw:,} bytes in CHW order"
    return Diagnostic(
        code="MX4011",
        where=need.value,
        what=f"the input of {need.shape} values takes {hwc:,} bytes of a data "
        f"memory in HWC order{in_chw}; there are {mem.DATA_BYTES:,}",
        why=limits.DATA_MEMORY_BYTES.text + f" Larger inputs need streaming. {_NO_STREAM}",
        fix="use a smaller input, or fold pixels into channels before the first layer",
    )


def tensor_exceeds_data_memory(need: TensorNeed, layer: str, size_bytes: int) -> Diagnostic:
    """A layer's output does not fit in data memory."""
    return Diagnostic(
        code="MX4012",
        where=layer,
        what=f"the output of {need.shape} values takes {size_bytes:,} bytes of "
        f"a data memory, {size_bytes - mem.DATA_BYTES:,} more than there are",
        why=limits.DATA_MEMORY_BYTES.text + f" Streaming keeps only some rows of a tensor. "
        f"{_NO_STREAM}",
        fix="pool or subsample earlier, or use a smaller input",
    )


def layer_exceeds_data_memory(layer: str, read: int, written: int) -> Diagnostic:
    """A layer's input and output do not fit side by side and must share memories."""
    excess = read + written - mem.DATA_BYTES
    return Diagnostic(
        code="MX4013",
        where=layer,
        what=f"its input ({read:,} bytes) and its output ({written:,} bytes) must share data "
        f"memories and exceed their {mem.DATA_BYTES:,} bytes by {excess:,}",
        why="an output overwrites its layer's input only behind what has been read; with many "
        "channels both use the same data memories",
        fix="pool or subsample earlier, use fewer channels (up to 32 in and 32 out can use "
        "separate memories), or a smaller input",
    )


def data_does_not_pack(pairs: Sequence[tuple[str, int, int]]) -> Diagnostic:
    """Each layer's data fit alone, but no arrangement of all was found."""
    sizes = "; ".join(f"{name}: {read:,} + {written:,} bytes" for name, read, written in pairs)
    return Diagnostic(
        code="MX4014",
        where="network",
        what=f"no arrangement of the tensors over the {mem.DATA_MEMORIES} data memories was found; "
        f"largest inputs + outputs: {sizes}",
        why=limits.DATA_MEMORY_BYTES.text,
        fix="pool or subsample earlier, use fewer channels in the first layers, or a smaller input",
    )


def memories_do_not_pack(needs: Sequence[LayerNeed]) -> Diagnostic:
    """Kernels and data fit each by themselves, but not together."""
    return Diagnostic(
        code="MX4015",
        where="network",
        what="kernels and tensors can be arranged each by themselves, but no arrangement serves "
        f"both; {largest(needs)}",
        why="a layer's kernels lie on the processors that read its input from their data memory",
        fix=SMALLER_WEIGHTS + "; or pool earlier",
    )


def layer_exceeds_bias_memory(need: LayerNeed) -> Diagnostic:
    """One layer has more biases than a quadrant holds."""
    limit = limits.BIAS_MEMORY_BYTES
    return Diagnostic(
        code="MX4016",
        where=need.name,
        what=f"{need.bias_bytes} biases, {need.bias_bytes - int(limit)} more than fit",
        why=limit.text,
        fix="use fewer output channels, or no bias in this layer",
    )


def biases_do_not_pack(needs: Sequence[LayerNeed]) -> Diagnostic:
    """All biases together exceed the bias memories, or cannot be distributed."""
    total = sum(need.bias_bytes for need in needs)
    available = mem.QUADRANTS * mem.BIAS_BYTES
    biggest = sorted((n for n in needs if n.bias_bytes), key=lambda n: (-n.bias_bytes, n.name))
    sizes = ", ".join(f"{n.name} ({n.bias_bytes})" for n in biggest[:_LISTED])
    return Diagnostic(
        code="MX4017",
        where="network",
        what=f"{total} biases do not fit in {mem.QUADRANTS} bias memories ({available} bytes "
        f"together); most in {sizes}",
        why=limits.BIAS_MEMORY_BYTES.text,
        fix="train some layers without bias",
    )


def order_not_possible(layer: QuantLayer) -> Diagnostic:
    """CHW order was asked for, but the first layer cannot read it."""
    return Diagnostic(
        code="MX4019",
        where=layer.name,
        what=f"an input of {layer.spec.in_channels} channels, read by {layer.spec.to_text()}, "
        "cannot be in CHW order",
        why=limits.CHW_PROCESSOR_STEP.text + " A layer without convolution reads HWC only.",
        fix="leave the order of the input to the mapping",
    )


def defective_plan(findings: Sequence[Diagnostic]) -> Diagnostic:
    """The verifier refuses what the search found: a defect of mxdeploy."""
    return Diagnostic(
        code="MX4018",
        where="mapping",
        what=f"the placement breaks {text.count(len(findings), 'rule')} of the chip, listed below",
        why="this is a defect in mxdeploy, not in the model",
        fix="please report it with the model's layer shapes",
    )


def largest(needs: Sequence[LayerNeed]) -> str:
    """The largest layers by kernel memory, in words."""
    ranked = sorted((n for n in needs if n.kernel_words), key=lambda n: (-n.kernel_bytes, n.name))
    parts = [f"{n.name} ({n.kernel_bytes:,})" for n in ranked[:_LISTED]]
    return "largest, in bytes: " + ", ".join(parts)

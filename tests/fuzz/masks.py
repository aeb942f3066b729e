"""Random processor masks: inputs anywhere, outputs side by side from a multiple of four on."""

from __future__ import annotations

from hypothesis import strategies as st

from mxdeploy.chip.max78000 import layouts, limits
from mxdeploy.chip.max78000 import memories as mem

_STEPS = (1, 1, 1, 2, 3, 4, 5, 9, 16, 20)
_GROUP = mem.PROCESSORS_PER_MEMORY


def processors_for(draw, channels: int) -> int:
    """How many processors hold ``channels``: all at once, or fours of them in several passes."""
    share = limits.channels_per_pass(channels)
    if draw(st.integers(0, 3)) or channels <= _GROUP:
        return share
    least = -(-channels // int(limits.MAX_PASSES))
    fewest = -(-least // _GROUP)
    most = max(fewest, (min(channels, mem.PROCESSORS) - 1) // _GROUP)
    return _GROUP * draw(st.integers(fewest, most))


def input_mask(draw, channels: int, *, chw: bool) -> int:
    """Contiguous, or with holes; CHW uses the first processor of a data memory."""
    if chw:
        return _stepped(draw, channels, (_GROUP, 2 * _GROUP, 4 * _GROUP), _GROUP)
    return _stepped(draw, processors_for(draw, channels), _STEPS, 1)


def output_mask(draw, channels: int) -> int:
    """Contiguous from a multiple of four on."""
    count = processors_for(draw, channels)
    return _ones(count) << _GROUP * _low(draw, (mem.PROCESSORS - count) // _GROUP)


def passthrough_mask(draw, source: int) -> int:
    """Each quadrant packs its own processors, from a multiple of four on."""
    mask = 0
    for quadrant in range(mem.QUADRANTS):
        base = quadrant * mem.PROCESSORS_PER_QUADRANT
        count = (source >> base & 0xFFFF).bit_count()
        if count:
            room = (mem.PROCESSORS_PER_QUADRANT - count) // _GROUP
            mask |= _ones(count) << base + _GROUP * _low(draw, room)
    return mask


def _stepped(draw, count: int, steps: tuple[int, ...], unit: int) -> int:
    fitting = [step for step in steps if (count - 1) * step < mem.PROCESSORS]
    step = draw(st.sampled_from(fitting))
    first = unit * _low(draw, (mem.PROCESSORS - 1 - (count - 1) * step) // unit)
    return layouts.processor_mask(tuple(first + step * number for number in range(count)))


def _low(draw, most: int) -> int:
    """0 .. ``most``, zero as often as not."""
    return draw(st.integers(0, most)) if most and draw(st.booleans()) else 0


def _ones(count: int) -> int:
    return (1 << count) - 1

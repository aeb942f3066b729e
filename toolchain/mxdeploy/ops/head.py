"""What may stand before the first hardware layer: done by the host to the model's input.

The steps are applied in order to one input (without the batch dimension) and give the value that is
quantized to 8 bits and written to data memory. All but ``Affine`` only move elements (or put in
zeros), so they may as well be done to the 8-bit integers.
"""

from __future__ import annotations

from dataclasses import dataclass

from mxdeploy.ir.tensor import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Affine:
    """``x * scale + offset`` per channel (axis 0): normalization that no layer can take over.

    ``scale`` and ``offset`` have shape (channels,) or ().
    """

    origin: str
    scale: Tensor
    offset: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Pad:
    """Zeros around rows and columns (channels first): ``pads`` = (top, left, bottom, right).

    Negative amounts take rows or columns away, also from what an earlier step has put in.
    """

    origin: str
    pads: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceToDepth:
    """(C, H, W) to (rows * columns * C, H / rows, W / columns).

    Channel ``(i * columns + j) * C + c`` holds the pixels in row ``i`` and column ``j`` of each
    block, as ONNX's SpaceToDepth; ``block`` = (rows, columns).
    """

    origin: str
    block: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftedCopies:
    """(C, H, W) to (n * C, H, W): ``out[k * C + c, y, x] = in[c, y + dy, x + dx]``, zero outside.

    ``offsets`` = (dy, dx) of each copy ``k``.
    """

    origin: str
    offsets: tuple[tuple[int, int], ...]


HeadOp = Affine | Pad | SpaceToDepth | ShiftedCopies

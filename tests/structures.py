"""Structures of well-known networks in small, as an exporter writes them, with random weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx

from tests.onnx_text import model, random

Shape = tuple[int, ...]


class Draft:
    """A model in the making: methods append nodes and return the name of the new value."""

    def __init__(self, *shape: int) -> None:
        """``shape``: of the input ``x``, without the batch."""
        self.nodes: list[str] = []
        self.weights: dict[str, np.ndarray] = {}
        self.shapes: dict[str, Shape] = {"x": shape}
        self.outputs: list[str] = []

    def constant(self, array: np.ndarray) -> str:
        name = f"k{len(self.weights)}"
        self.weights[name] = array
        return name

    def add(self, call: str, shape: Shape) -> str:
        name = f"v{len(self.nodes)}"
        self.nodes.append(f"{name} = {call}")
        self.shapes[name] = shape
        return name

    def conv(self, x: str, out: int, kernel: int = 3, *, stride: int = 1, groups: int = 1) -> str:
        channels, *size = self.shapes[x]
        fan = channels // groups * kernel ** len(size)
        weight = random(out, channels // groups, *(kernel,) * len(size), seed=len(self.weights))
        pads = [kernel // 2] * 2 * len(size)
        strides = [stride] * len(size)
        call = (
            f"Conv <pads={pads}, strides={strides}, group={groups}> "
            f"({x}, {self.constant(weight * np.float32(1.5 / np.sqrt(fan)))})"
        )
        return self.add(call, (out, *((n - 1) // stride + 1 for n in size)))

    def norm(self, x: str) -> str:
        channels = self.shapes[x][0]
        number = len(self.weights)
        scale, offset, mean = (random(channels, seed=number + i, scale=0.2) for i in range(3))
        around = [1 + scale, offset, mean, np.ones(channels, np.float32)]
        names = ", ".join(self.constant(a.astype(np.float32)) for a in around)
        return self.add(f"BatchNormalization({x}, {names})", self.shapes[x])

    def relu(self, x: str) -> str:
        return self.add(f"Relu({x})", self.shapes[x])

    def relu6(self, x: str) -> str:
        low, high = self.constant(np.float32(0)), self.constant(np.float32(6))
        return self.add(f"Clip({x}, {low}, {high})", self.shapes[x])

    def sum(self, *names: str) -> str:
        return self.add(f"{'Add' if len(names) == 2 else 'Sum'}({', '.join(names)})",
                        self.shapes[names[0]])  # fmt: skip

    def join(self, *names: str) -> str:
        channels = sum(self.shapes[n][0] for n in names)
        return self.add(f"Concat <axis=1> ({', '.join(names)})",
                        (channels, *self.shapes[names[0]][1:]))  # fmt: skip

    def pool(self, x: str, kind: str = "MaxPool", size: int = 2, stride: int = 2) -> str:
        channels, *area = self.shapes[x]
        window = [size] * len(area)
        pads = [(size - 1) // 2 if stride == 1 else 0] * 2 * len(area)
        call = f"{kind} <kernel_shape={window}, strides={[stride] * len(area)}, pads={pads}> ({x})"
        kept = (n if stride == 1 else (n - size) // stride + 1 for n in area)
        return self.add(call, (channels, *kept))

    def block(self, x: str, out: int, kernel: int = 3, **options: int) -> str:
        """Convolution, normalization, activation."""
        return self.relu(self.norm(self.conv(x, out, kernel, **options)))

    def split(self, x: str) -> tuple[str, str]:
        channels, *size = self.shapes[x]
        half = channels // 2
        sizes = self.constant(np.array([half, channels - half], np.int64))
        names = f"v{len(self.nodes)}", f"v{len(self.nodes)}b"
        self.nodes.append(f"{names[0]}, {names[1]} = Split <axis=1> ({x}, {sizes})")
        self.shapes |= {names[0]: (half, *size), names[1]: (channels - half, *size)}
        return names

    def shuffle(self, x: str) -> str:
        channels, rows, columns = self.shapes[x]
        there = self.constant(np.array([1, 2, channels // 2, rows, columns], np.int64))
        back = self.constant(np.array([1, channels, rows, columns], np.int64))
        split = self.add(f"Reshape({x}, {there})", (2, channels // 2, rows, columns))
        turned = self.add(f"Transpose <perm=[0,2,1,3,4]> ({split})", ())
        return self.add(f"Reshape({turned}, {back})", self.shapes[x])

    def classify(self, x: str, classes: int = 5) -> None:
        """Global average pooling and a matrix product as the (next) output."""
        channels = self.shapes[x][0]
        pooled = self.add(f"GlobalAveragePool({x})", (channels, 1, 1))
        flat = self.add(f"Flatten({pooled})", (channels,))
        weight = random(channels, classes, seed=len(self.weights), scale=0.3)
        self.outputs.append(self.add(f"MatMul({flat}, {self.constant(weight)})", (classes,)))

    def done(self) -> onnx.ModelProto:
        dims = ",".join(str(n) for n in (1, *self.shapes["x"]))
        return model(" ".join(self.nodes), inputs=f"float[{dims}] x",
                     outputs=", ".join(self.outputs), weights=self.weights)  # fmt: skip


def resnet_basic() -> Draft:
    d = Draft(3, 16, 16)
    x = d.block("x", 16)
    for out, stride in ((16, 1), (24, 2)):
        inner = d.norm(d.conv(d.block(x, out, stride=stride), out))
        short = x if stride == 1 else d.norm(d.conv(x, out, 1, stride=stride))
        x = d.relu(d.sum(inner, short))
    d.classify(x)
    return d


def resnet_bottleneck() -> Draft:
    d = Draft(3, 16, 16)
    x = d.block("x", 32)
    for _ in range(2):
        inner = d.norm(d.conv(d.block(d.block(x, 8, 1), 8), 32, 1))
        x = d.relu(d.sum(inner, x))
    d.classify(x)
    return d


def resnet_pre_activation() -> Draft:
    d = Draft(3, 16, 16)
    x = d.conv("x", 16)
    for _ in range(2):
        inner = d.conv(d.relu(d.norm(x)), 16)
        x = d.sum(x, d.conv(d.relu(d.norm(inner)), 16))
    d.classify(d.relu(d.norm(x)))
    return d


def densenet() -> Draft:
    d = Draft(3, 16, 16)
    features = [d.conv("x", 16)]
    for _ in range(3):
        joined = d.join(*features) if len(features) > 1 else features[0]
        features.append(d.conv(d.block(d.relu(d.norm(joined)), 16, 1), 8))
    d.classify(d.pool(d.conv(d.relu(d.norm(d.join(*features))), 20, 1), "AveragePool"))
    return d


def inception() -> Draft:
    d = Draft(3, 16, 16)
    x = d.block("x", 16)
    for _ in range(2):
        wide = d.block(d.block(d.block(x, 8, 1), 12), 12)
        x = d.join(d.block(x, 8, 1), d.block(d.block(x, 8, 1), 12), wide,
                   d.block(d.pool(x, size=3, stride=1), 8, 1))  # fmt: skip
    d.classify(x)
    return d


def squeezenet() -> Draft:
    d = Draft(3, 16, 16)
    x = d.pool(d.block("x", 16))
    for _ in range(2):
        squeezed = d.relu(d.conv(x, 8, 1))
        x = d.join(d.relu(d.conv(squeezed, 16, 1)), d.relu(d.conv(squeezed, 16, 3)))
    d.classify(x)
    return d


def u_net() -> Draft:
    d = Draft(3, 16, 16)
    skips = []
    x = "x"
    for out in (8, 16):
        skips.append(d.block(x, out))
        x = d.pool(skips[-1])
    x = d.block(x, 24)
    for out, skip in zip((16, 8), reversed(skips), strict=True):
        channels, rows, columns = d.shapes[x]
        weight = d.constant(random(channels, out, 3, 3, seed=len(d.weights), scale=0.1))
        up = "strides=[2,2], pads=[1,1,1,1], output_padding=[1,1]"
        x = d.add(f"ConvTranspose <{up}> ({x}, {weight})", (out, 2 * rows, 2 * columns))
        x = d.block(d.join(x, skip), out)
    d.outputs.append(d.conv(x, 2, 1))
    return d


def mobilenet_v2() -> Draft:
    d = Draft(3, 16, 16)
    x = d.relu6(d.norm(d.conv("x", 8)))
    for _ in range(2):
        wide = d.relu6(d.norm(d.conv(x, 24, 1)))
        deep = d.relu6(d.norm(d.conv(wide, 24, groups=24)))
        x = d.sum(x, d.norm(d.conv(deep, 8, 1)))
    d.classify(x)
    return d


def shufflenet() -> Draft:
    d = Draft(3, 8, 8)
    x = d.block("x", 16)
    for _ in range(3):
        kept, used = d.split(x)
        inner = d.norm(d.conv(d.block(used, 8, 1), 8, groups=8))
        x = d.shuffle(d.join(kept, d.block(inner, 8, 1)))
    d.classify(d.block(x, 24, 1))
    return d


def feature_pyramid() -> Draft:
    d = Draft(3, 16, 16)
    c1 = d.block("x", 8)
    c2 = d.block(d.pool(c1), 16)
    c3 = d.block(d.pool(c2), 24)
    top = d.conv(c3, 12, 1)
    for lower in (c2, c1):
        channels, rows, columns = d.shapes[top]
        scales = d.constant(np.array([1, 1, 2, 2], np.float32))
        how = 'mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor"'
        call = f"Resize <{how}> ({top}, , {scales})"
        up = d.add(call, (channels, 2 * rows, 2 * columns))
        top = d.sum(d.conv(lower, 12, 1), up)
        d.outputs.append(d.conv(top, 4))
    return d


def two_heads() -> Draft:
    d = Draft(3, 16, 16)
    x = d.pool(d.block("x", 16))
    d.classify(d.block(x, 16))
    d.classify(d.block(x, 8, 1), 3)
    return d


def detector() -> Draft:
    """Boxes and classes of two maps, turned and joined at the end."""
    d = Draft(3, 16, 16)
    first = d.pool(d.block("x", 16))
    second = d.block(d.pool(first), 24)
    for out in (8, 12):
        flat = []
        for x in (first, second):
            head = d.conv(x, out)
            channels, rows, columns = d.shapes[head]
            turned = d.add(f"Transpose <perm=[0,2,3,1]> ({head})", (rows, columns, channels))
            shape = d.constant(np.array([1, rows * columns * 4, out // 4], np.int64))
            flat.append(d.add(f"Reshape({turned}, {shape})", (rows * columns * 4, out // 4)))
        d.outputs.append(d.join(*flat))
    return d


def temporal() -> Draft:
    """Dilated residual blocks over a sequence."""
    d = Draft(4, 48)
    x = d.block("x", 16)
    for dilation in (1, 2):
        weight = d.constant(random(16, 16, 3, seed=len(d.weights), scale=0.2))
        pads = [2 * dilation, 0]
        call = f"Conv <pads={pads}, dilations=[{dilation}]> ({x}, {weight})"
        inner = d.norm(d.conv(d.relu(d.add(call, d.shapes[x])), 16))
        x = d.relu(d.sum(inner, x))
    d.classify(x)
    return d


STRUCTURES: dict[str, Callable[[], Draft]] = {
    f.__name__: f
    for f in (
        resnet_basic, resnet_bottleneck, resnet_pre_activation, densenet, inception, squeezenet,
        u_net, mobilenet_v2, shufflenet, feature_pyramid, two_heads, detector, temporal,
    )
}  # fmt: skip

"""ONNX files with something wrong: a small model, and steps that damage it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tests.onnx_text import model, random

Place = tuple[Message, FieldDescriptor, int]
"""A field that is set: the message, the field, and the position in a repeated field (else -1)."""

_NUMBERS = (
    FieldDescriptor.CPPTYPE_INT32, FieldDescriptor.CPPTYPE_INT64, FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64, FieldDescriptor.CPPTYPE_ENUM,
)  # fmt: skip
_REALS = (FieldDescriptor.CPPTYPE_FLOAT, FieldDescriptor.CPPTYPE_DOUBLE)


def _is_repeated(field: FieldDescriptor) -> bool:
    return bool(field.is_repeated)


def places(message: Message) -> Iterator[Place]:
    """All fields that are set, from the outside to the inside, in the order of the file."""
    for field, value in message.ListFields():
        items = list(enumerate(value)) if _is_repeated(field) else [(-1, value)]
        for index, item in items:
            yield message, field, index
            if field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE:
                yield from places(item)


def _chosen(proto: Message, at: int, wanted: Callable[[FieldDescriptor], bool]) -> Place | None:
    found = [p for p in places(proto) if wanted(p[1])]
    return found[at % len(found)] if found else None


def _put(place: Place, value: Any) -> None:
    message, field, index = place
    if index < 0:
        setattr(message, field.name, value)
    else:
        getattr(message, field.name)[index] = value


def _get(place: Place) -> Any:
    message, field, index = place
    value = getattr(message, field.name)
    return value if index < 0 else value[index]


def tensors(proto: onnx.ModelProto) -> list[onnx.TensorProto]:
    """All tensors of a model."""
    found = (_get(p) for p in places(proto) if p[1].cpp_type == FieldDescriptor.CPPTYPE_MESSAGE)
    return [m for m in found if isinstance(m, onnx.TensorProto)]


# --- what can be done to a model ----------------------------------------------------------------


@dataclass(frozen=True)
class Drop:
    """A field, or an element of a list, is not there."""

    at: int

    def apply(self, proto: onnx.ModelProto) -> None:
        place = _chosen(proto, self.at, lambda _field: True)
        if place is None:
            return
        message, field, index = place
        if index < 0:
            message.ClearField(field.name)
        else:
            del getattr(message, field.name)[index]


@dataclass(frozen=True)
class Double:
    """An element of a list (a node, a tensor, an attribute) is there twice, or moved."""

    at: int
    move: bool = False

    def apply(self, proto: onnx.ModelProto) -> None:
        def is_list(field: FieldDescriptor) -> bool:
            return _is_repeated(field) and field.cpp_type == FieldDescriptor.CPPTYPE_MESSAGE

        place = _chosen(proto, self.at, is_list)
        if place is None:
            return
        message, field, index = place
        items = getattr(message, field.name)
        items.append(items[index])
        if self.move:
            del items[index]


@dataclass(frozen=True)
class Number:
    """An integer (a dimension, an attribute, a type, a version) is another one."""

    at: int
    value: int

    def apply(self, proto: onnx.ModelProto) -> None:
        place = _chosen(proto, self.at, lambda field: field.cpp_type in _NUMBERS)
        if place is None:
            return
        small = place[1].cpp_type != FieldDescriptor.CPPTYPE_INT64
        _put(place, max(-(2**31), min(self.value, 2**31 - 1)) if small else self.value)


@dataclass(frozen=True)
class Real:
    """A real attribute is another one."""

    at: int
    value: float

    def apply(self, proto: onnx.ModelProto) -> None:
        place = _chosen(proto, self.at, lambda field: field.cpp_type in _REALS)
        if place is not None:
            _put(place, self.value)


@dataclass(frozen=True)
class Text:
    """A name is another one: ``value``, or another text of the model."""

    at: int
    value: str
    other: int = -1

    def apply(self, proto: onnx.ModelProto) -> None:
        def is_text(field: FieldDescriptor) -> bool:
            return field.type == FieldDescriptor.TYPE_STRING

        place = _chosen(proto, self.at, is_text)
        if place is None:
            return
        other = _chosen(proto, self.other, is_text)
        _put(place, self.value if self.other < 0 or other is None else _get(other))


@dataclass(frozen=True)
class Fill:
    """The values of a tensor are others."""

    at: int
    kind: str

    def apply(self, proto: onnx.ModelProto) -> None:
        found = tensors(proto)
        if not found:
            return
        tensor = found[self.at % len(found)]
        size = len(tensor.raw_data)
        if self.kind == "empty":
            tensor.raw_data = b""
        elif self.kind == "half":
            tensor.raw_data = tensor.raw_data[: size // 2]
        elif self.kind == "random":
            tensor.raw_data = np.random.default_rng(self.at).bytes(size)
        else:
            number = np.array(float(self.kind), np.float32).tobytes()
            tensor.raw_data = (number * (size // 4 + 1))[:size]


@dataclass(frozen=True)
class Retype:
    """A tensor says that it has another type; ``convert``: and it has."""

    at: int
    kind: int
    convert: bool = False

    def apply(self, proto: onnx.ModelProto) -> None:
        found = tensors(proto)
        if not found:
            return
        tensor = found[self.at % len(found)]
        if self.convert and tensor.data_location != onnx.TensorProto.EXTERNAL:
            array = onnx.numpy_helper.to_array(tensor)
            kind = onnx.helper.tensor_dtype_to_np_dtype(self.kind)
            with np.errstate(all="ignore"):
                tensor.CopyFrom(onnx.numpy_helper.from_array(array.astype(kind), tensor.name))
        tensor.data_type = self.kind


@dataclass(frozen=True)
class Outside:
    """The data of a tensor lie in another file."""

    at: int
    location: str
    offset: str = ""
    length: str = ""

    def apply(self, proto: onnx.ModelProto) -> None:
        found = tensors(proto)
        if not found:
            return
        tensor = found[self.at % len(found)]
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        for key in ("location", "offset", "length"):
            if getattr(self, key):
                tensor.external_data.add(key=key, value=getattr(self, key))


@dataclass(frozen=True)
class Bits:
    """Bits of the file are turned over."""

    at: int
    mask: int

    def damage(self, content: bytes) -> bytes:
        place = self.at % len(content) if content else 0
        return (
            content[:place]
            + bytes(b ^ self.mask for b in content[place : place + 1])
            + (content[place + 1 :])
        )


@dataclass(frozen=True)
class Cut:
    """A stretch of the file is missing, is there ``times``, or is replaced."""

    at: int
    length: int
    times: int = 0
    instead: bytes = b""

    def damage(self, content: bytes) -> bytes:
        place = self.at % (len(content) + 1)
        stretch = content[place : place + self.length]
        return (
            content[:place] + stretch * self.times + self.instead + content[place + len(stretch) :]
        )


Change = Drop | Double | Number | Real | Text | Fill | Retype | Outside
Damage = Bits | Cut


@dataclass(frozen=True)
class Mutant:
    """A model's name, what is changed in the model, and what is damaged in the file."""

    base: str
    changes: tuple[Change, ...] = ()
    damage: tuple[Damage, ...] = ()

    def content(self) -> bytes:
        """The bytes of the file."""
        proto = onnx.ModelProto()
        proto.ParseFromString(base(self.base))
        for change in self.changes:
            try:
                change.apply(proto)
            except (ArithmeticError, LookupError, NotImplementedError, TypeError, ValueError):
                continue  # this change does not suit what earlier ones left
        content: bytes = proto.SerializeToString()
        for damage in self.damage:
            content = damage.damage(content)
        return content


# --- the models ---------------------------------------------------------------------------------

_W = {"w": random(8, 3, 3, 3), "b": random(8), "m": random(72, 5), "c": random(5)}
_QDQ = (
    "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) "
    "v = DequantizeLinear <axis=0> (k, t, u) h = Conv(d, v) a = QuantizeLinear(h, s, z) "
    "y = DequantizeLinear(a, s, z)"
)


def _plain() -> onnx.ModelProto:
    nodes = (
        "h = Conv <kernel_shape=[3,3], pads=[1,1,1,1], strides=[1,1]> (x, w, b) r = Relu(h) "
        "p = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r) "
        "n = AveragePool <kernel_shape=[2,2], strides=[1,1]> (p) f = Flatten(n) "
        "y = Gemm <alpha=1.0, beta=1.0> (f, m, c)"
    )
    return model(nodes, weights=_W)


def _shapes() -> onnx.ModelProto:
    """What PyTorch writes for ``view(x.size(0), -1)``, and other computed shapes."""
    nodes = (
        "k = Constant <value_floats=[0.5, 0.25, 2.0]> () "
        "l = Constant <value_ints=[1, -1, 1, 1]> () g = Reshape(k, l) n = Mul(x, g) "
        "h = Conv(n, w) s = Shape(h) i = Constant <value_int=0> () t = Gather(s, i) "
        "ax = Constant <value_ints=[0]> () u = Unsqueeze(t, ax) "
        "e = Constant <value_ints=[-1]> () o = Concat <axis=0> (u, e) f = Reshape(h, o) "
        "y = MatMul(f, v)"
    )
    return model(nodes, weights={"w": _W["w"], "v": random(288, 4)}, inputs="float[N,3,8,8] x")


def _parts() -> onnx.ModelProto:
    nodes = (
        "h = Conv <group=1> (x, w) a, e = Split <axis=1> (h) s = Sum(a, e, a) "
        "i = Slice(s, one, three, one) o = Concat <axis=1> (i, e) "
        "z = Pad(o, pads) u = Resize(z, , two) t = Transpose <perm=[0,2,3,1]> (u) "
        "n = ReduceMean <axes=[1,2], keepdims=0> (t) y = Softmax(n)"
    )
    numbers = {
        "one": np.array([1], np.int64), "three": np.array([3], np.int64),
        "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1], np.int64),
        "two": np.array([1, 1, 2, 2], np.float32),
    }  # fmt: skip
    return model(nodes, weights={"w": _W["w"], **numbers})


def _quantized() -> onnx.ModelProto:
    rng = np.random.default_rng(1)
    weights = {
        "s": np.array(0.0625, np.float32), "z": np.array(3, np.int8),
        "k": rng.integers(-128, 128, (4, 3, 3, 3)).astype(np.int8),
        "t": np.full(4, 0.01, np.float32), "u": np.zeros(4, np.int8),
    }  # fmt: skip
    return model(_QDQ, weights=weights)


def _function() -> onnx.ModelProto:
    proto = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["": 17, "local": 1]>
        net (float[1,3,8,8] x) => (float y) { h = Conv(x, w) y = local.block<size=2>(h) }
        <domain: "local", opset_import: ["": 17, "local": 1]>
        block <size> (a) => (c) { n = local.norm(a) c = Clip(n) }
        <domain: "local", opset_import: ["": 17]>
        norm (a) => (c) { g = Relu(a) c = ConvTranspose <strides=[2,2]> (g, w2)
        w2 = Constant <value = float[2] {1, 2}> () }"""
    )
    body = proto.functions[1].node
    weights = body.pop()
    tensor = onnx.numpy_helper.from_array(random(8, 4, 3, 3), "w2")
    weights.attribute[0].t.CopyFrom(tensor)
    body.insert(0, weights)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(_W["w"], "w"))
    return proto


def _sequence() -> onnx.ModelProto:
    nodes = (
        "h = Conv <pads=[1,1]> (x, w) n = BatchNormalization(h, g, g, g, v) r = Relu(n) "
        "p = GlobalAveragePool(r) s = Squeeze(p, ax) a = Add(s, g) y = Sigmoid(a)"
    )
    weights = {
        "w": random(4, 3, 3), "g": random(4), "v": np.abs(random(4)) + 0.1,
        "ax": np.array([2], np.int64),
    }  # fmt: skip
    return model(nodes, weights=weights, inputs="float[1,3,16] x")


BASES: MappingProxyType[str, Callable[[], onnx.ModelProto]] = MappingProxyType(
    {
        "plain": _plain,
        "shapes": _shapes,
        "parts": _parts,
        "quantized": _quantized,
        "function": _function,
        "sequence": _sequence,
    }
)
"""Small models."""

SHARED = (
    "mnist-extrasmall_dynamo", "mlperf-dscnn", "lenet5", "kws20", "hswish_se_net", "mlperf-resnet8",
)  # fmt: skip
"""Real models that lie beside the repository."""

_MODELS = Path(__file__).resolve().parents[3] / "shared" / "models"


def bases() -> tuple[str, ...]:
    """Names of the models that can be damaged here."""
    return (*BASES, *(n for n in SHARED if (_MODELS / f"{n}.onnx").exists()))


@functools.cache
def base(name: str) -> bytes:
    """An undamaged model."""
    if name in BASES:
        return BASES[name]().SerializeToString()
    return (_MODELS / f"{name}.onnx").read_bytes()

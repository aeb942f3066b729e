"""A small writer of ONNX graphs: names stay unique, constants are shared, bytes are stable."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

# Operator set 18 is the first with bitwise operators; every onnxruntime since 1.14 runs it.
OPSET = 18
IR_VERSION = 8
BATCH = "batch"

Attribute = int | float | str | Sequence[int]


class GraphBuilder:
    """Collects the nodes of one graph; tensors are known by name.

    Internal tensors are called ``operator.number`` and never take a reserved name.
    """

    def __init__(self, name: str, reserved: Sequence[str] = ()) -> None:
        """Start an empty graph; ``reserved`` names are kept for inputs and outputs."""
        self._name = name
        self._taken = set(reserved)
        self._count = 0
        self._nodes: list[onnx.NodeProto] = []
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initializers: list[onnx.TensorProto] = []

    def input(self, name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> str:
        """Declare a graph input of ``shape`` behind a free batch dimension."""
        self._inputs.append(_value_info(name, dtype, shape))
        self._taken.add(name)
        return name

    def output(
        self, tensor: str, name: str, dtype: type[np.generic], shape: tuple[int, ...]
    ) -> None:
        """Declare ``tensor`` as the graph output ``name``, cast to ``dtype``."""
        from onnx import helper

        node = helper.make_node(
            "Cast", [tensor], [name], name=name, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        )
        self._nodes.append(node)
        self._outputs.append(_value_info(name, dtype, shape))

    def constant(self, array: NDArray[np.generic]) -> str:
        """The name of an initializer with this content; equal ones are stored once."""
        from onnx import numpy_helper

        array = np.ascontiguousarray(array)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = self._fresh("constant")
            self._constants[key] = name
            self._initializers.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def scalar(self, value: float, dtype: type[np.generic] = np.float32) -> str:
        """The name of a scalar initializer."""
        return self.constant(np.array(value, dtype=dtype))

    def node(self, operator: str, inputs: Sequence[str], **attributes: Attribute) -> str:
        """Append a node with one output; the output's name."""
        return self.nodes(operator, inputs, 1, **attributes)[0]

    def nodes(
        self, operator: str, inputs: Sequence[str], outputs: int, **attributes: Attribute
    ) -> list[str]:
        """Append a node with several outputs; their names."""
        from onnx import helper

        names = [self._fresh(operator.lower()) for _ in range(outputs)]
        node = helper.make_node(operator, inputs, names, name=names[0])
        node.attribute.extend(helper.make_attribute(*item) for item in sorted(attributes.items()))
        self._nodes.append(node)
        return names

    def cast(self, tensor: str, dtype: type[np.generic]) -> str:
        """``tensor`` converted to ``dtype``."""
        from onnx import helper

        return self.node("Cast", [tensor], to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def reshape(self, tensor: str, shape: tuple[int, ...]) -> str:
        """``tensor`` in another shape behind the batch dimension."""
        return self.node("Reshape", [tensor, self.constant(np.array((-1, *shape), np.int64))])

    def serialize(
        self, producer: str = "mxdeploy", metadata: Mapping[str, str] | None = None
    ) -> bytes:
        """The model as bytes, with ``metadata``; the same graph gives the same bytes."""
        from onnx import helper

        graph = helper.make_graph(
            self._nodes, self._name, self._inputs, self._outputs, self._initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name=producer,
        )
        helper.set_model_props(model, dict(metadata or {}))
        return bytes(model.SerializeToString(deterministic=True))

    def _fresh(self, hint: str) -> str:
        while True:
            name = f"{hint}.{self._count}"
            self._count += 1
            if name not in self._taken:
                return name


def _value_info(name: str, dtype: type[np.generic], shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    from onnx import helper

    element = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    return helper.make_tensor_value_info(name, element, (BATCH, *shape))

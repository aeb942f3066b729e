"""Import: an ONNX file becomes a ``Network`` with static shapes and without ONNX types.

Nothing from the file is ever executed; its metadata are read as data only.
"""

from __future__ import annotations

from pathlib import Path

from mxdeploy.ir.network import Network


def import_onnx(path: Path) -> Network:
    """Read an ONNX model.

    Args:
        path: the ``.onnx`` file; tensors stored outside it must lie in its folder.

    Returns:
        The network, every value with a static shape (without the batch dimension) and every node
        with the name of the ONNX node it came from. Operators that are not known are kept as
        ``Unsupported``.

    Raises:
        UsageError: the file is missing, unreadable, or not a valid ONNX model.
        ModelError: dynamic shapes, weights that are not finite, or other than one input.
    """
    from mxdeploy.stages.s1_import.convert import convert_model
    from mxdeploy.stages.s1_import.read import read_model
    from mxdeploy.stages.s1_import.static import to_static_graph

    proto, digest = read_model(path)
    graph = to_static_graph(proto, path)
    return convert_model(graph, name=proto.graph.name, stem=path.stem, digest=digest)


__all__ = ["import_onnx"]

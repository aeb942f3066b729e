"""The width of each layer's weights."""

from __future__ import annotations

import numpy as np
import pytest

from mxdeploy.errors import UsageError
from mxdeploy.ir.network import Network
from mxdeploy.ops.layer import Kind, LayerSpec
from mxdeploy.stages.s3_quantize import QuantizeOptions, WidthRule, quantize
from tests.stages.s3_quantize.branching import Draft


def network() -> Network:
    """Layers nv0, nv1 and nv2, made of the ONNX nodes ov0, ov1 and ov2; nv1 has no weights."""
    draft = Draft((2, 4, 4), seed=0)
    conv = LayerSpec(kind=Kind.CONV2D, in_channels=2, in_size=(4, 4), out_channels=2)
    copy = LayerSpec(kind=Kind.PASSTHROUGH, in_channels=2, in_size=(4, 4), out_channels=2)
    name = "x"
    for spec in (conv, copy, conv):
        name = draft.layer(spec, (name,))
    return draft.network((name,))


def widths(*rules: tuple[str, int], default: int = 8) -> list[int]:
    options = QuantizeOptions(
        weight_bits=default,  # type: ignore[arg-type]
        widths=tuple(WidthRule(pattern=p, bits=b) for p, b in rules),  # type: ignore[arg-type]
    )
    data = np.random.default_rng(0).uniform(-1, 1, (8, 2, 4, 4)).astype(np.float32)
    result = quantize(network(), data, options)
    for layer in result.layers:
        if layer.weight is not None:
            assert np.abs(layer.weight.array.astype(int)).max() <= 1 << layer.weight_bits - 1
    return [layer.weight_bits for layer in result.layers]


def test_by_layer_node_or_pattern() -> None:
    assert widths() == [8, 8, 8]
    assert widths(default=2) == [2, 8, 2]
    assert widths(("nv0", 4)) == [4, 8, 8]
    assert widths(("ov2", 4)) == [8, 8, 4]
    assert widths(("n*", 4)) == [4, 8, 4]
    assert widths(("?v2", 1), default=4) == [4, 8, 1]


def test_the_last_rule_counts() -> None:
    assert widths(("n*", 4), ("nv0", 8)) == [8, 8, 4]
    assert widths(("nv0", 8), ("n*", 4)) == [4, 8, 4]


def test_names_that_are_not_there() -> None:
    with pytest.raises(UsageError) as raised:
        widths(("nv", 4), ("nv0", 4), ("nv1", 4), ("q*", 4))
    found = raised.value.diagnostics
    assert [d.code for d in found] == ["MX3015"] * 3
    assert [d.where.split()[-1] for d in found] == ["nv", "nv1", "q*"]
    assert "nv0" in found[0].fix

"""The width of each layer's weights, as the options say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase

from mxdeploy.chip.max78000.limits import DATA_BITS
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.network import Network, Node
from mxdeploy.stages.s3_quantize import findings
from mxdeploy.stages.s3_quantize.copies import copy_bits, is_copy
from mxdeploy.stages.s3_quantize.options import QuantizeOptions, WeightBits, WidthRule
from mxdeploy.stages.s3_quantize.wiring import layer_nodes, layer_of


def layer_widths(network: Network, options: QuantizeOptions) -> Mapping[str, WeightBits]:
    """Widths by name of the layer, for all layers with weights.

    A layer that only copies has at least the width at which copying is lossless.

    Raises:
        UsageError: a rule names no layer with weights.
    """
    layers = [node for node in layer_nodes(network) if layer_of(node).weight is not None]
    unused = [
        rule.pattern for rule in options.widths if not any(_matches(node, rule) for node in layers)
    ]
    if unused:
        raise UsageError(_unknown_layers(unused, layers))
    widths = {}
    for node in layers:
        chosen = [rule.bits for rule in options.widths if _matches(node, rule)]
        bits = chosen[-1] if chosen else options.weight_bits
        widths[node.name] = copy_bits(bits) if is_copy(layer_of(node)) else bits
    return widths


def layer_called(network: Network, wanted: str) -> str:
    """Name of the layer that a user means by its name, its number, or an ONNX node in it.

    Raises:
        UsageError: no layer or several have this name.
    """
    layers = layer_nodes(network)
    if any(node.name == wanted for node in layers):
        return wanted
    found = [node.name for node in layers if wanted in node.origin]
    if not found and wanted.isdecimal() and int(wanted) < len(layers):
        return layers[int(wanted)].name
    if len(found) == 1:
        return found[0]
    names = [node.name for node in layers]
    if found:
        raise UsageError(findings.several_layers(wanted, found))
    origins = [origin for node in layers for origin in node.origin]
    near = get_close_matches(wanted, [*names, *origins], n=3, cutoff=0.4) or names[:3]
    raise UsageError(findings.no_such_layer(wanted, near))


def is_adaptive(options: QuantizeOptions, widths: Mapping[str, WeightBits]) -> bool:
    """Whether weights are rounded so that the layer's output comes close."""
    if options.rounding == "auto":
        return any(bits < DATA_BITS.value for bits in widths.values())
    return options.rounding == "adaptive"


def _matches(node: Node, rule: WidthRule) -> bool:
    if rule.exact:
        return node.name == rule.pattern
    names = (node.name, *node.origin)
    return any(name == rule.pattern or fnmatchcase(name, rule.pattern) for name in names)


def _unknown_layers(patterns: list[str], layers: Iterable[Node]) -> Iterable[Diagnostic]:
    names = [node.name for node in layers]
    for pattern in patterns:
        near = get_close_matches(pattern, names, n=3, cutoff=0.4) or names[:3]
        yield findings.unknown_layer(pattern, near)

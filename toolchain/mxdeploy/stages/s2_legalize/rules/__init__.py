"""The rewrite rules, in the order in which they are tried.

``CLEAN`` works on imported operators, ``HOST`` leaves to the CPU what then still stands in front of
the network, ``FORM`` makes hardware layers of the rest, ``COMPLETE`` gives a layer of their own to
operations that no layer has taken over, ``FINISH`` looks at the whole.
"""

from __future__ import annotations

from mxdeploy.stages.s2_legalize.rules import (
    activation,
    affine_back,
    affine_forward,
    affine_identity,
    affine_merge,
    average_first,
    clip_relu,
    clip_simple,
    conv_layer,
    conv_transpose_layer,
    fake_quantize,
    grow_kernel,
    head_affine,
    head_clip,
    head_pad,
    identity_layer,
    input_clip,
    linear_layer,
    linear_rank,
    pad_drop,
    pad_merge,
    pool_in_flight,
    pool_layer,
    pool_order,
    reshape_merge,
    sink_views,
    stretch_kernel,
    transpose_input,
    transpose_linear,
    transpose_simple,
    wide_output,
)

CLEAN = (
    fake_quantize.RULE,
    clip_simple.RULE,
    clip_relu.RULE,
    affine_identity.RULE,
    transpose_simple.RULE,
    reshape_merge.RULE,
    transpose_input.RULE,
    sink_views.RULE,
    linear_rank.RULE,
    transpose_linear.RULE,
    affine_merge.RULE,
    affine_back.RULE,
    pool_order.RULE,
    average_first.RULE,
    affine_forward.RULE,
    pad_drop.RULE,
    pad_merge.RULE,
    stretch_kernel.RULE,
    grow_kernel.RULE,
    input_clip.RULE,
)
HOST = (head_affine.RULE, head_clip.RULE, head_pad.RULE)
FORM = (
    conv_layer.RULE,
    conv_transpose_layer.RULE,
    linear_layer.RULE,
    activation.RULE,
)
COMPLETE = (identity_layer.RULE, activation.RULE, pool_in_flight.RULE)
POOLS = (pool_layer.RULE,)
FINISH = (wide_output.RULE,)

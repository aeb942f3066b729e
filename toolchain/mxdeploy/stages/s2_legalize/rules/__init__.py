"""The rewrite rules, in the order in which they are tried.

``CLEAN`` works on imported operators, ``HOST`` leaves to the CPU what then still stands in front of
the network, ``FORM`` makes hardware layers of the rest, ``COMPLETE`` gives a layer of their own to
operations that no layer has taken over, ``SUMS`` and ``POOLS`` to values that are combined or
pooled, ``PLACES`` sees to it that values that come together can lie where they must, ``FINISH``
looks at the whole.
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
    concat_function,
    concat_linear,
    concat_merge,
    concat_output,
    conv_layer,
    conv_transpose_layer,
    elementwise_in_flight,
    elementwise_layer,
    elementwise_merge,
    elementwise_pool,
    elementwise_repeat,
    elementwise_split,
    fake_quantize,
    grow_kernel,
    head_affine,
    head_clip,
    head_pad,
    identity_layer,
    input_clip,
    join_operand,
    join_order,
    join_repeat,
    linear_layer,
    linear_rank,
    operand_copy,
    pad_drop,
    pad_merge,
    part_copy,
    place_views,
    pool_concat,
    pool_in_flight,
    pool_layer,
    pool_order,
    reshape_merge,
    sink_views,
    stretch_kernel,
    transpose_input,
    transpose_linear,
    transpose_simple,
    views_behind,
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
    views_behind.RULE,
    elementwise_merge.RULE,
    elementwise_repeat.RULE,
    elementwise_split.RULE,
    concat_merge.RULE,
    concat_output.RULE,
    concat_function.RULE,
    concat_linear.RULE,
    pool_concat.RULE,
)
HOST = (head_affine.RULE, head_clip.RULE, head_pad.RULE)
FORM = (
    place_views.RULE,
    conv_layer.RULE,
    conv_transpose_layer.RULE,
    linear_layer.RULE,
    activation.RULE,
)
COMPLETE = (identity_layer.RULE, activation.RULE, pool_in_flight.RULE)
SUMS = (
    elementwise_in_flight.RULE,
    elementwise_layer.RULE,
    elementwise_pool.RULE,
)
POOLS = (pool_layer.RULE,)
PLACES = (
    concat_merge.RULE,
    join_repeat.RULE,
    join_order.RULE,
    join_operand.RULE,
    part_copy.RULE,
    operand_copy.RULE,
)
FINISH = (wide_output.RULE,)

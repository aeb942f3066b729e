"""The integer arithmetic of the accelerator, exact and vectorised, in numpy.

Tensors are ``(..., channels, rows, columns)``: any number of leading axes (usually one, the batch)
is carried along. Data and weights are ``int8``, accumulators ``int32``. The order of operations
within one hardware layer is: pool, combine operands, (insert zeros), pad, convolve, add the bias,
shift with rounding, saturate, activate.
"""

from mxdeploy.arith.convolution import conv1d, conv2d, conv_transpose2d, linear
from mxdeploy.arith.elementwise import combine
from mxdeploy.arith.pooling import average_pool, max_pool, pooled_size, subsample
from mxdeploy.arith.post import absolute, add_bias, relu, rescale, saturate
from mxdeploy.arith.products import PreparedWeights, exact_product, prepare_weights

__all__ = [
    "PreparedWeights",
    "absolute",
    "add_bias",
    "average_pool",
    "combine",
    "conv1d",
    "conv2d",
    "conv_transpose2d",
    "exact_product",
    "linear",
    "max_pool",
    "pooled_size",
    "prepare_weights",
    "relu",
    "rescale",
    "saturate",
    "subsample",
]

"""Examples of the rules for what stands in front of the network, poolings and changes of shape."""

from __future__ import annotations

from tests.stages.s2_legalize.rules.examples.example import Example

SHAPES = {
    "host-affine": Example(
        "n = Sub(x, w_3_1_1) y = Conv <pads=[1,1,1,1]> (n, w_4_3_3_3)",
        "3,8,8",
    ),
    "host-clip": Example(
        "n = Relu(x) y = Conv <pads=[1,1,1,1]> (n, w_4_3_3_3)",
        "3,8,8",
    ),
    "host-pad": Example(
        "p = Pad(x, i_0_0_1_1_0_0_1_1) a = Abs(p) y = MaxPool <kernel_shape=[3,3]> (a)",
        "3,8,8",
    ),
    "host-view": Example(
        "v = Reshape(x, i_1_16_20) y = Conv(v, w_3_16_3)",
        "4,4,20",
    ),
    "host-flatten": Example(
        "f = Flatten(x) y = MatMul(f, w_3072_5)",
        "3,32,32",
    ),
    "enlarge": Example(
        'h = Conv(x, w_4_3_1_1) r = Relu(h) a = Resize <mode="nearest", nearest_mode="floor", '
        'coordinate_transformation_mode="asymmetric"> (r, , s_1_1_2_2) y = Conv(a, w_2_4_3_3)',
        "3,6,6",
    ),
    "transposed-as-convolution": Example(
        "g = Conv(x, w_4_3_1_1) h = Relu(g) a = ConvTranspose <strides=[1,1]> (h, w_4_6_3_3, "
        "w_6) r = Relu(a) y = Conv(r, w_2_6_1_1)",
        "3,5,4",
    ),
    "transposed-in-steps": Example(
        "g = Conv(x, w_4_3_1_1) h = Relu(g) a = ConvTranspose <strides=[4,4]> (h, w_4_6_4_4, "
        "w_6) r = Relu(a) y = Conv(r, w_2_6_1_1)",
        "3,5,4",
    ),
    "transposed-line": Example(
        "g = Conv(x, w_4_3_1) h = Relu(g) a = ConvTranspose <strides=[2], pads=[1,1], "
        "output_padding=[1]> (h, w_4_6_3, w_6) r = Relu(a) y = Conv(r, w_2_6_1)",
        "3,7",
    ),
    "transposed-odd": Example(
        "g = Conv(x, w_4_3_1_1) h = Relu(g) a = ConvTranspose <strides=[2,2], pads=[1,1,1,1]> "
        "(h, w_4_6_3_3, w_6) r = Relu(a) y = Conv(r, w_2_6_1_1)",
        "3,5,4",
    ),
    "depth-to-space": Example(
        'h = Conv(x, w_8_3_1_1) r = Relu(h) s = DepthToSpace <blocksize=2, mode="DCR"> (r) y '
        "= Conv(s, w_4_2_3_3)",
        "3,5,6",
    ),
    "space-to-depth": Example(
        "h = Conv(x, w_2_3_1_1) r = Relu(h) s = SpaceToDepth <blocksize=2> (r) y = Conv(s, "
        "w_4_8_1_1)",
        "3,6,8",
    ),
    "crop": Example(
        "h = Conv(x, w_4_3_1_1) a = Abs(h) c = Slice(a, i_1_1, i_7_7, i_2_3) y = MaxPool "
        "<kernel_shape=[2,2]> (c)",
        "3,8,8",
    ),
    "merge-pads": Example(
        "h = Conv(x, w_4_3_1_1) a = Abs(h) b = Pad(a, i_0_0_1_1_0_0_0_0) c = Pad(b, "
        "i_0_0_0_0_0_0_1_1) y = MaxPool <kernel_shape=[2,2]> (c)",
        "3,8,8",
    ),
    "move-before-pad": Example(
        "g = Conv(x, w_4_3_1_1) h = Relu(g) p = Pad(h, i_0_0_1_1_0_0_1_1) r = Relu(p) y = "
        "Conv(r, w_5_4_3_3)",
        "3,8,8",
    ),
    "crop-behind": Example(
        "g = Conv(x, w_4_3_1_1) h = Relu(g) c = Conv <pads=[2,2,2,2]> (h, w_5_4_3_3) r = "
        "Relu(c) k = Pad(r, i_0_0_m1_m1_0_0_m1_m1) y = Conv <pads=[1,1,1,1]> (k, w_2_5_3_3)",
        "3,8,8",
    ),
    "trim-pooling": Example(
        "h = Conv(x, w_4_3_3_3) y = MaxPool <kernel_shape=[2,2], strides=[2,2], "
        "pads=[0,0,1,1]> (h)",
        "3,8,8",
    ),
    "merge-poolings": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) p = MaxPool <kernel_shape=[2,2], strides=[2,2]> "
        "(r) q = MaxPool <kernel_shape=[2,2], strides=[2,2]> (p) y = Conv(q, w_2_4_1_1)",
        "3,8,8",
    ),
    "pool-every-nth": Example(
        "h = Conv(x, w_4_3_1_1) y = MaxPool <kernel_shape=[4,4], dilations=[3,3]> (h)",
        "3,10,10",
    ),
    "pool-columns": Example(
        "h = Conv <pads=[1,1,1,1]> (x, w_4_3_3_3) r = Relu(h) p = MaxPool "
        "<kernel_shape=[1,2], strides=[1,2]> (r) y = Conv(p, w_2_4_3_3)",
        "3,9,12",
    ),
    "pool-stride-of-columns": Example(
        "h = Conv <pads=[1,1,1,1]> (x, w_4_3_3_3) r = Relu(h) p = MaxPool "
        "<kernel_shape=[2,3], strides=[1,2]> (r) y = Conv(p, w_2_4_3_3)",
        "3,9,12",
    ),
    "single-average": Example(
        "h = Conv(x, w_4_3_3_3) r = Relu(h) y = AveragePool <kernel_shape=[7,8], "
        "pads=[1,1,0,1], count_include_pad=1> (r)",
        "3,8,8",
    ),
    "average-as-linear": Example(
        "h = Conv(x, w_64_3_1_1) r = Relu(h) p = GlobalAveragePool(r) f = Flatten(p) y = Gemm "
        "<transB=1> (f, w_12_64, w_12)",
        "3,25,5",
    ),
    "correct-average-border": Example(
        "h = Conv(x, w_4_3_1) a = Abs(h) y = AveragePool <kernel_shape=[3], pads=[1,1]> (a)",
        "3,10",
    ),
    "count-average-padding": Example(
        "h = Conv(x, w_4_3_1_1) a = Abs(h) y = AveragePool <kernel_shape=[5,5], "
        "pads=[2,2,2,2]> (a)",
        "3,9,9",
    ),
    "average-as-convolution": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = AveragePool <kernel_shape=[3,3], "
        "pads=[1,1,1,1], count_include_pad=1> (r)",
        "3,8,8",
    ),
    "pad-before-pooling": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = MaxPool <kernel_shape=[3,3], strides=[2,2], "
        "pads=[1,1,1,1]> (r)",
        "3,8,8",
    ),
    "pad-signed-pooling": Example(
        "h = Conv <pads=[1,1,1,1]> (x, w_4_3_3_3) y = MaxPool <kernel_shape=[3,3], "
        "strides=[2,2], pads=[1,1,1,1]> (h)",
        "3,10,10",
    ),
    "split-pooling": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) p = GlobalAveragePool(r) y = Conv(p, w_2_4_1_1)",
        "3,20,18",
    ),
    "pad-global-average": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) p = GlobalAveragePool(r) y = Conv(p, w_2_4_1_1)",
        "3,23,25",
    ),
    "pad-layer": Example(
        "h = Conv(x, w_4_3_1_1) a = Abs(h) c = Pad(a, i_0_0_1_1_0_0_1_1) y = MaxPool "
        "<kernel_shape=[2,2]> (c)",
        "3,8,8",
    ),
    "fold-pixels": Example(
        "h = Conv(x, w_3_2_1_1) r = Relu(h) f = Flatten(r) y = Gemm <transB=1> (f, w_5_816, w_5)",
        "2,17,16",
    ),
    "split-flatten": Example(
        "h = Conv(x, w_128_2_1_1) r = Relu(h) f = Flatten(r) y = Gemm <transB=1> (f, "
        "w_3_18432, w_3)",
        "2,12,12",
    ),
    "convolution-of-a-line": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = Conv <pads=[2,0,2,0]> (r, u_5_4_5_1)",
        "3,20,1",
    ),
    "convolution-as-matrix": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = Conv(r, u_5_4_5_5)",
        "3,5,5",
    ),
}

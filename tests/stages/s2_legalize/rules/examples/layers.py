"""Examples of the rules that make hardware layers, and place them."""

from __future__ import annotations

from tests.stages.s2_legalize.rules.examples.example import Example

LAYERS = {
    "merge-convolutions": Example(
        "h = Conv(x, w_64_3_1_1) r = Relu(h) a = Conv(r, w_4_64_1_1) y = Conv(a, w_40_4_1_1)",
        "3,8,8",
    ),
    "merge-convolutions-wide": Example(
        "h = Conv(x, w_8_3_1_1) r = Relu(h) d = Conv <group=8, pads=[1,1,1,1]> (r, w_8_1_3_3, "
        "w_8) p = Conv(d, w_16_8_1_1, w_16) q = Relu(p) y = Conv(q, w_2_16_1_1)",
        "3,8,8",
    ),
    "grow-kernel": Example(
        "y = Conv <pads=[0,1]> (x, w_4_4_3)",
        "4,20",
    ),
    "stride-before": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) c = Conv <strides=[2,2]> (r, w_6_4_1_1) q = "
        "Relu(c) y = Conv(q, w_2_6_3_3)",
        "3,8,8",
    ),
    "host-taps": Example(
        "y = Conv <strides=[2,2], pads=[1,1,1,1]> (x, w_4_3_3_3)",
        "3,8,8",
    ),
    "dilation-as-rows": Example(
        "h = Conv(x, w_4_3_1) r = Relu(h) c = Conv <dilations=[6], pads=[6, 6]> (r, w_5_4_3, "
        "w_5) k = Relu(c) y = Conv <pads=[1,1]> (k, w_2_5_3)",
        "3,48",
    ),
    "stride-behind": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) c = Conv <strides=[2,2], pads=[1,1,1,1]> (r, "
        "w_6_4_3_3) q = Relu(c) y = Conv(q, w_2_6_1_1)",
        "3,8,8",
    ),
    "stride-of-columns": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = Conv <strides=[1,2], pads=[1,1,1,1]> (r, "
        "u_5_4_3_3)",
        "3,8,8",
    ),
    "shifted-copies": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = Conv <pads=[2,2,2,2]> (r, w_5_4_5_5)",
        "3,8,8",
    ),
    "odd-size": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) c = Conv(r, w_5_4_2_2) q = Relu(c) y = Conv(q, "
        "w_2_5_1_1)",
        "3,8,8",
    ),
    "partial-sums": Example(
        "h = Conv(x, w_24_3_1_1) r = Relu(h) c = Conv <pads=[2,2,2,2]> (r, w_2_24_5_5, w_2) y "
        "= Relu(c)",
        "3,11,9",
    ),
    "add-in-convolution": Example(
        "c = Conv(x, w_8_3_1_1) h = Relu(c) a = Slice(h, i_2, i_7, i_1) d0 = Conv(x, "
        "w_5_3_1_1) d = Relu(d0) y = Add(a, d)",
        "3,8,8",
        "y, h",
    ),
    "add-in-weights": Example(
        "a = Conv <pads=[2,2,2,2]> (x, w_3_3_5_5) s = Add(a, x) y = Conv(s, w_4_3_1_1)",
        "3,8,8",
    ),
    "pool-join": Example(
        "g = Conv(x, w_8_3_1_1) h = Relu(g) a = Conv <pads=[1,1,1,1], strides=[2,2]> (h, "
        "w_16_8_3_3) r = Relu(a) b = Conv <pads=[1,1,1,1]> (r, w_16_16_3_3) s = Conv "
        "<strides=[2,2]> (h, w_16_8_1_1) z = Add(b, s) y = Relu(z)",
        "3,12,12",
    ),
    "read-in-place": Example(
        "h = Conv(x, w_4_3_1_1) g = GlobalMaxPool(h) f = Flatten(g) m = MatMul(f, w_4_4) r = "
        "Relu(m) s = Add(r, f) q = Relu(s) y = MatMul(q, w_4_5)",
        "3,8,8",
    ),
    "convolution": Example(
        "y = Conv(x, w_4_3_3_3)",
        "3,8,8",
    ),
    "transposed-convolution": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = ConvTranspose <strides=[2,2], pads=[1,1,1,1], "
        "output_padding=[1,1]> (r, w_4_2_3_3)",
        "3,5,6",
    ),
    "fully-connected": Example(
        "h = Conv(x, w_4_3_1_1) f = Flatten(h) y = MatMul(f, w_256_5)",
        "3,8,8",
    ),
    "activation": Example(
        "h = Conv(x, w_4_3_3_3) r = Relu(h) y = Conv(r, w_2_4_1_1)",
        "3,8,8",
    ),
    "identity-layer": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) p = AveragePool <kernel_shape=[2,2]> (r) q = "
        "Sub(p, f_1) s = Relu(q) y = Conv(s, w_2_4_1_1)",
        "3,8,8",
    ),
    "pool-in-flight": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) p = MaxPool <kernel_shape=[2,2]> (r) y = Conv(p, "
        "w_2_4_3_3)",
        "3,8,8",
    ),
    "add-in-flight": Example(
        "a = Conv(x, w_4_3_1_1) b = Relu(a) c = Conv(x, v_4_3_1_1) d = Abs(c) s = Add(b, d) q "
        "= Relu(s) y = Conv(q, w_2_4_1_1)",
        "3,8,8",
    ),
    "add-layer": Example(
        "a = Conv(x, w_4_3_1_1) b = Relu(a) c = Conv(x, v_4_3_1_1) d = Abs(c) s = Add(b, d) y "
        "= MaxPool <kernel_shape=[2,2]> (s)",
        "3,8,8",
    ),
    "pool-operands": Example(
        "a0 = Conv(x, w_4_3_1_1) a = Relu(a0) b0 = Conv(x, w_4_3_1_1) b = Relu(b0) s = "
        "GlobalAveragePool(a) r = GlobalAveragePool(b) q = Add(s, r) f = Flatten(q) y = "
        "MatMul(f, w_4_3)",
        "3,8,8",
    ),
    "pool-layer": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = MaxPool <kernel_shape=[2,2], strides=[2,2]> (r)",
        "3,8,8",
    ),
    "merge-repeated-part": Example(
        "a = Conv(x, w_4_3_1_1) c = Concat <axis=1> (a, a) y = Conv(c, w_2_8_1_1)",
        "3,8,8",
    ),
    "drop-part": Example(
        "a = Conv(x, w_4_3_1_1) b = Conv(x, w_6_3_1_1) p = Relu(a) q = Relu(b) c = Concat "
        "<axis=1> (p, q) y = Conv(c, h_2_10_1_1)",
        "3,8,8",
    ),
    "reorder-parts": Example(
        "a = Conv(x, w_40_3_1_1) b = Conv(x, w_48_3_1_1) c = Conv(x, w_16_3_1_1) d = Conv(x, "
        "w_24_3_1_1) j = Concat <axis=1> (a, b, c, d) y = Conv(j, w_2_128_1_1)",
        "3,8,8",
    ),
    "write-join": Example(
        "a0 = Conv(x, w_4_3_1_1) a = Relu(a0) b0 = Conv(x, w_6_3_1_1) b = Relu(b0) e0 = "
        "Conv(x, w_10_3_1_1) e = Relu(e0) c = Concat <axis=1> (a, b) q = Add(c, e) y = "
        "Conv(q, w_5_10_3_3)",
        "3,8,8",
    ),
    "copy-part": Example(
        "a = Conv(x, w_100_3_1_1) b = Conv(a, w_8_100_1_1) c = Concat <axis=1> (a, b) y = "
        "Conv(c, w_2_108_1_1)",
        "3,8,8",
    ),
    "copy-operand": Example(
        "a = Conv(x, w_3_3_1_1) b = Relu(a) y = Add(x, b)",
        "3,8,8",
    ),
    "join-scales": Example(
        "a0 = Conv(x, w_4_3_1_1) a = Relu(a0) p = QuantizeLinear(a, f_0p25, z_0) q = "
        "DequantizeLinear(p, f_0p25, z_0) b0 = Conv(x, v_6_3_1_1) b = Relu(b0) r = "
        "QuantizeLinear(b, f_0p5, z_0) s = DequantizeLinear(r, f_0p5, z_0) c = Concat <axis=1> "
        "(q, s) y = Conv(c, w_2_10_1_1)",
        "3,8,8",
    ),
    "wide-output": Example(
        "y = Conv(x, w_4_3_3_3)",
        "3,8,8",
    ),
}

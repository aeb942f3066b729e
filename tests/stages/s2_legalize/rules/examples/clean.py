"""Examples of the rules for imported operators, and of those that bring channels to the front."""

from __future__ import annotations

from tests.stages.s2_legalize.rules.examples.example import Example

CLEAN = {
    "declare-range": Example(
        "h = Conv(x, w_4_3_3_3) q = QuantizeLinear(h, f_0p25, z_0) y = DequantizeLinear(q, "
        "f_0p25, z_0)",
        "3,8,8",
    ),
    "simplify-transpose": Example(
        "h = Conv(x, w_4_3_1_1) t = Transpose <perm=[0,2,3,1]> (h) r = Relu(t) u = Transpose "
        "<perm=[0,3,1,2]> (r) y = Conv(u, w_2_4_3_3)",
        "3,8,8",
    ),
    "merge-reshapes": Example(
        "h = Conv(x, w_4_3_1_1) a = Unsqueeze(h, i_1) c = Squeeze(a, i_1) f = Flatten(c) y = "
        "MatMul(f, w_256_5)",
        "3,8,8",
    ),
    "input-channels-first": Example(
        "t = Transpose <perm=[0,3,1,2]> (x) y = Conv(t, w_4_3_3_3)",
        "8,8,3",
    ),
    "move-before-view": Example(
        "h = Conv(x, w_4_3_1_1) f = Flatten(h) r = Relu(f) y = MatMul(r, w_256_5)",
        "3,8,8",
    ),
    "move-transpose-behind": Example(
        "a = Transpose <perm=[0,3,1,2]> (x) b = Conv(a, w_4_3_3_3) c = Transpose "
        "<perm=[0,2,3,1]> (b) d = Pad(c, i_0_1_1_0_0_1_1_0) e = Transpose <perm=[0,3,1,2]> "
        "(d) y = Conv(e, w_2_4_3_3)",
        "8,8,3",
    ),
    "reshape-channels-first": Example(
        "a = Transpose <perm=[0,3,1,2]> (x) b = Conv(a, w_4_3_1_1) c = Transpose "
        "<perm=[0,2,3,1]> (b) s = Reshape(c, i_1_64_4) y = MatMul(s, w_4_5)",
        "8,8,3",
    ),
    "linear-on-vector": Example(
        "h = Conv(x, w_4_3_3) t = Transpose <perm=[0,2,1]> (h) m = MatMul(t, w_4_5) r = "
        "Relu(m) u = Transpose <perm=[0,2,1]> (r) y = Conv(u, w_2_5_1)",
        "3,9",
    ),
    "reorder-linear": Example(
        "h = Conv(x, w_4_3_3_3) t = Transpose <perm=[0,2,3,1]> (h) f = Flatten(t) y = "
        "MatMul(f, w_144_5)",
        "3,8,8",
    ),
    "move-view-behind": Example(
        "a0 = Conv(x, w_4_3_1_1) a = Relu(a0) b0 = Conv(x, w_4_3_1_1) b = Relu(b0) fa = "
        "Flatten(a) fb = Flatten(b) s = Add(fa, fb) y = MatMul(s, w_256_6)",
        "3,8,8",
    ),
    "dense-groups": Example(
        "y = Conv <group=6> (x, w_6_1_5)",
        "6,20",
    ),
    "simplify-clip": Example(
        "h = Conv(x, w_4_3_3_3) y = Max(h, f_0)",
        "3,8,8",
    ),
    "merge-clip-relu": Example(
        "h = Conv(x, w_4_3_3_3) a = Min(h, f_6) y = Relu(a)",
        "3,8,8",
    ),
    "drop-affine": Example(
        "a = Add(x, f_0) b = Mul(a, f_1) y = Conv(b, w_4_3_3_3)",
        "3,8,8",
    ),
    "shuffle-channels": Example(
        "h = Conv(x, w_8_3_1_1, w_8) a = Abs(h) s1 = Reshape(a, i_1_2_4_8_8) s2 = Transpose "
        "<perm=[0,2,1,3,4]> (s1) q = Reshape(s2, i_1_8_8_8) y = Conv(q, w_4_8_1_1)",
        "3,8,8",
    ),
    "slice-channels": Example(
        "a = Slice(x, i_1, i_3, i_1) y = Conv(a, w_4_2_3_3)",
        "3,8,8",
    ),
    "simplify-selection": Example(
        "h = Conv(x, w_8_3_1_1) a = Slice(h, i_2, i_7, i_1) b2 = Slice(a, i_1, i_3, i_1) r = "
        "Relu(b2) y = Conv(r, w_4_2_1_1)",
        "3,8,8",
    ),
    "select-behind-concatenation": Example(
        "h = Conv(x, w_4_3_1_1) a = Slice(h, i_1, i_3, i_1) b = Conv(x, v_4_3_1_1) c = "
        "Slice(b, i_0, i_2, i_1) q = Concat <axis=1> (h, a, b, c) y = Conv(q, w_3_12_1_1)",
        "3,8,8",
    ),
    "select-in-reader": Example(
        "a = Slice(x, i_1, i_3, i_1) y = Conv(a, w_4_2_3_3)",
        "3,8,8",
    ),
    "select-outputs": Example(
        "h = Conv(x, w_8_3_1_1) r = Relu(h) a = Slice(r, i_2, i_7, i_1) y = MaxPool "
        "<kernel_shape=[2,2]> (a)",
        "3,8,8",
    ),
    "merge-affine": Example(
        "h = Conv(x, w_4_3_3_3) i = Mul(h, w_4_1_1) y = Add(i, w_4_1_1)",
        "3,8,8",
    ),
    "scale-before-activation": Example(
        "a = Conv(x, w_4_3_1_1) d = Relu(a) e0 = Conv(x, w_4_3_1_1) e = Relu(e0) s = Sum(d, "
        "e, d) y = Conv(s, w_5_4_3_3)",
        "3,8,8",
    ),
    "fold-affine-back": Example(
        "h = Conv(x, w_4_3_3_3) y = Neg(h)",
        "3,8,8",
    ),
    "move-before-pool": Example(
        "h = Conv(x, w_4_3_1_1) p = MaxPool <kernel_shape=[2,2]> (h) r = Relu(p) y = Conv(r, "
        "w_2_4_1_1)",
        "3,8,8",
    ),
    "average-first": Example(
        "h = Conv(x, w_4_3_3_3) r0 = Relu(h) c = Conv(r0, w_5_4_1_1, w_5) y = GlobalAveragePool(c)",
        "3,8,8",
    ),
    "fold-affine-forward": Example(
        "n = Sub(x, w_3_1_1) y = Conv (n, w_4_3_3_3)",
        "3,8,8",
    ),
    "drop-pad": Example(
        "h = Conv(x, w_4_3_1_1) r = Abs(h) c = Slice(r, i_0_0, i_8_8, i_2_3, i_2_2) y = "
        "Conv(c, w_2_4_1_1) z = Conv(r, v_2_4_1_1)",
        "3,8,8",
        "y, z",
    ),
    "merge-pad": Example(
        "p = Pad(x, i_0_0_1_1_0_0_1_1) y = Conv(p, w_4_3_3_3, w_4)",
        "3,8,8",
    ),
    "input-bounds": Example(
        "c = Clip(x, f_m1, f_1) y = Conv(c, w_4_3_3_3)",
        "3,8,8",
    ),
    "merge-additions": Example(
        "a = Conv(x, w_4_3_1_1) d = Relu(a) e0 = Conv(x, w_4_3_1_1) e = Relu(e0) s = Sub(d, "
        "e) q = Sub(s, e) r = Relu(q) y = Conv(r, w_5_4_3_3)",
        "3,8,8",
    ),
    "merge-repeated-operand": Example(
        "a = Conv(x, w_4_3_1_1) y = Add(a, a)",
        "3,8,8",
    ),
    "split-addition": Example(
        "c0 = Conv(x, a_2_3_1_1) r0 = Relu(c0) c1 = Conv(x, b_2_3_1_1) r1 = Relu(c1) c2 = "
        "Conv(x, c_2_3_1_1) r2 = Relu(c2) c3 = Conv(x, d_2_3_1_1) r3 = Relu(c3) c4 = Conv(x, "
        "e_2_3_1_1) r4 = Relu(c4) c5 = Conv(x, g_2_3_1_1) r5 = Relu(c5) c6 = Conv(x, "
        "j_2_3_1_1) r6 = Relu(c6) c7 = Conv(x, k_2_3_1_1) r7 = Relu(c7) c8 = Conv(x, "
        "l_2_3_1_1) r8 = Relu(c8) c9 = Conv(x, n_2_3_1_1) r9 = Relu(c9) c10 = Conv(x, "
        "o_2_3_1_1) r10 = Relu(c10) c11 = Conv(x, q_2_3_1_1) r11 = Relu(c11) c12 = Conv(x, "
        "r_2_3_1_1) r12 = Relu(c12) c13 = Conv(x, t_2_3_1_1) r13 = Relu(c13) c14 = Conv(x, "
        "u_2_3_1_1) r14 = Relu(c14) c15 = Conv(x, v_2_3_1_1) r15 = Relu(c15) c16 = Conv(x, "
        "x_2_3_1_1) r16 = Relu(c16) y = Sum(r0, r1, r2, r3, r4, r5, r6, r7, r8, r9, r10, r11, "
        "r12, r13, r14, r15, r16)",
        "3,6,6",
    ),
    "clip-sum": Example(
        "a0 = Conv(x, w_4_3_1_1) a = Relu(a0) b0 = Conv(x, w_4_3_1_1) b = Relu(b0) s = Add(a, "
        "b) c = Clip(s, f_m1, f_1) y = Conv(c, w_5_4_3_3)",
        "3,8,8",
    ),
    "merge-concatenations": Example(
        "a = Conv(x, w_4_3_1_1) c = Concat <axis=1> (a, a) y = Conv(c, w_2_8_1_1)",
        "3,8,8",
    ),
    "join-for-output": Example(
        "a = Conv(x, w_6_3_3_3) r = Relu(a) b = Conv(x, v_6_3_3_3) q = Relu(b) y = Concat "
        "<axis=1> (r, q) z = Conv(y, w_2_12_1_1)",
        "3,8,8",
        "y, z",
    ),
    "move-before-concatenation": Example(
        "a = Conv(x, w_4_3_1_1) b = Conv(x, v_4_3_1_1) c = Concat <axis=1> (a, b) r = Relu(c) "
        "y = Conv(r, w_2_8_1_1)",
        "3,8,8",
    ),
    "split-linear": Example(
        "a0 = Conv(x, w_4_3_1_1) a = Relu(a0) b0 = Conv(x, w_6_3_1_1) b = Relu(b0) p = "
        "MaxPool <kernel_shape=[2,2], strides=[2,2]> (b) f = Flatten(a) g = Flatten(p) c = "
        "Concat <axis=1> (f, g) y0 = Gemm(c, w_352_5, w_5) y = Relu(y0)",
        "3,8,8",
    ),
    "pool-parts": Example(
        "a = Conv(x, w_4_3_1_1) b = Conv(x, w_6_3_1_1) c = Concat <axis=1> (a, b) p = MaxPool "
        "<kernel_shape=[2,2], strides=[2,2]> (c) e0 = Conv(p, w_4_10_1_1) e = Relu(e0) d = "
        "Concat <axis=1> (p, e) y = Conv(d, w_5_14_1_1)",
        "3,8,8",
    ),
    "matrix-as-map": Example(
        "f = Flatten(x) h = MatMul(f, w_16_8) r = Relu(h) m = MatMul(r, w_8_36) v = "
        "Reshape(m, i_1_4_3_3) q = Relu(v) y = Conv(q, w_2_4_1_1)",
        "1,4,4",
    ),
    "split-outputs": Example(
        "f = Flatten(x) h = Gemm(f, w_192_520, w_520) r = Relu(h) y = MatMul(r, w_520_5)",
        "3,8,8",
    ),
    "slices-as-blocks": Example(
        "a = Slice(x, i_0_0, i_8_8, i_2_3, i_2_2) b = Slice(x, i_1_0, i_8_8, i_2_3, i_2_2) "
        "c = Slice(x, i_0_1, i_8_8, i_2_3, i_2_2) d = Slice(x, i_1_1, i_8_8, i_2_3, i_2_2) "
        "e = Concat <axis=1> (a, b, c, d) y = Conv(e, w_4_12_3_3)",
        "3,8,8",
    ),
}

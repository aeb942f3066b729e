"""Every rewrite rule has an example, in which it is applied and the network stays the same.

Models are written as text. Names say what a constant is: ``w_4_3_1_1`` random numbers of that shape
(other letters: other numbers; ``h``: zeros in its second half along the input channels), ``i_0_m1``
integers, ``f_0p25`` a number, ``s_1_2`` scales, ``z_0`` an 8-bit zero point.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

from mxdeploy.ir.network import Network
from mxdeploy.stages.s1_import import import_onnx
from mxdeploy.stages.s2_legalize import STEPS, legalize
from tests.onnx_text import model, random, run, save
from tests.stages.s2_legalize.float_evaluator import evaluate

RULES = {r.name: r for step in STEPS if isinstance(step, tuple) for r in step}


@dataclass(frozen=True)
class Example:
    """Nodes as text, shape of the input without the batch, names of the outputs."""

    nodes: str
    shape: str
    outputs: str = "y"


def constants(nodes: str) -> dict[str, np.ndarray]:
    """The constants that ``nodes`` name."""
    found: dict[str, np.ndarray] = {}
    for name in re.findall(r"\b[a-z]_[\dmp_]+\b", nodes):
        kind, *numbers = name.split("_")
        values = [float(n.replace("m", "-").replace("p", ".")) for n in numbers]
        if kind == "i":
            found[name] = np.array(values, np.int64)
        elif kind == "z":
            found[name] = np.array(int(values[0]), np.int8)
        elif kind in "fs":
            found[name] = np.array(values if kind == "s" else values[0], np.float32)
        else:
            shape = [int(v) for v in values]
            found[name] = random(*shape, seed=ord(kind), scale=0.5)
            if kind == "h":
                found[name][:, shape[1] // 2 - 1 :] = 0
    return found


EXAMPLES = {
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
    "convolution-of-a-line": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = Conv <pads=[2,0,2,0]> (r, u_5_4_5_1)",
        "3,20,1",
    ),
    "convolution-as-matrix": Example(
        "h = Conv(x, w_4_3_1_1) r = Relu(h) y = Conv(r, u_5_4_5_5)",
        "3,5,5",
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
    "slices-as-blocks": Example(
        "a = Slice(x, i_0_0, i_8_8, i_2_3, i_2_2) b = Slice(x, i_1_0, i_8_8, i_2_3, i_2_2) "
        "c = Slice(x, i_0_1, i_8_8, i_2_3, i_2_2) d = Slice(x, i_1_1, i_8_8, i_2_3, i_2_2) "
        "e = Concat <axis=1> (a, b, c, d) y = Conv(e, w_4_12_3_3)",
        "3,8,8",
    ),
}


def test_every_rule_has_an_example() -> None:
    assert set(EXAMPLES) == set(RULES)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_rule_is_applied_and_changes_nothing(tmp_path: Path, name: str) -> None:
    example = EXAMPLES[name]
    proto = model(
        example.nodes, inputs=f"float[1,{example.shape}] x", outputs=example.outputs,
        weights=constants(example.nodes),
    )  # fmt: skip
    network = legalize(import_onnx(save(proto, tmp_path)))
    (record,) = {(r.rule, r.exact) for r in network.rewrites if r.rule == name}
    assert record == (name, RULES[name].exact)
    rounded = any(r.rule == "declare-range" for r in network.rewrites)
    if all(r.exact for r in network.rewrites) and not rounded:
        same(network, example, proto)


def same(network: Network, example: Example, proto: onnx.ModelProto) -> None:
    """``network`` computes what onnxruntime computes with the model."""
    shape = [int(n) for n in example.shape.split(",")]
    x = random(1, *shape, seed=99)
    for found, wanted in zip(evaluate(network, x[0]), run(proto, x), strict=True):
        tolerance = 1e-5 * max(1.0, float(np.abs(wanted).max()))
        np.testing.assert_allclose(found, wanted[0], rtol=1e-4, atol=tolerance)

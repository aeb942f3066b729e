"""Random damage to ONNX files."""

from __future__ import annotations

import hypothesis.strategies as st
import onnx

from tests.fuzz.mutant import (
    Bits,
    Change,
    Cut,
    Damage,
    Double,
    Drop,
    Fill,
    Mutant,
    Number,
    Outside,
    Real,
    Retype,
    Text,
    bases,
)

_FAR = 2**20
_PLACES = st.integers(0, _FAR)
_NUMBERS = st.one_of(
    st.sampled_from(
        (-1, 0, 1, 2, 3, 7, 16, 255, 1000, 65_536, 10**6, 2**31 - 1, 2**31, 2**32, 10**12,
         2**62, 2**63 - 1, -(2**63), -2, -3)
    ),
    st.integers(-8, 40),
)  # fmt: skip
_REALS = st.sampled_from(
    (0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, -1e38, float("nan"), float("inf"), -float("inf"))
)
_TEXTS = st.sampled_from(
    ("", " ", "x", "y", "no such name", "a/b", "../up", "new\nline", "nul\0", "\x1b[31mred",
     "Ж日本", "%s%n", "{x}", "<script>", "w" * 3000, "ai.onnx", "com.microsoft", "Conv", "Relu",
     "LSTM", "If", "Loop", "Constant", "Identity", "Upsample", "SAME_UPPER", "edge", "linear")
)  # fmt: skip
_LOCATIONS = st.sampled_from(
    ("../secret.bin", "/etc/passwd", "gone.bin", "data.bin", "link.bin", "deep/../data.bin", "",
     ".", "..", "data.bin/", "deep", "nul\0", "~/data.bin", "a" * 300, "deep/../../secret.bin",
     "//etc/passwd", "C:\\data.bin", "/dev/zero", "pipe.bin")
)  # fmt: skip
_OFFSETS = st.sampled_from(
    ("", "", "0", "4", "-4", "1e3", "many", str(2**40), str(2**70), "\uff10")
)
_KINDS = st.sampled_from(sorted(onnx.TensorProto.DataType.values()))
_FILLS = st.sampled_from(
    ("nan", "inf", "-inf", "0", "1e38", "-1e38", "1e-45", "empty", "half", "random")
)


def _changes() -> st.SearchStrategy[Change]:
    return st.one_of(
        st.builds(Drop, at=_PLACES),
        st.builds(Double, at=_PLACES, move=st.booleans()),
        st.builds(Number, at=_PLACES, value=_NUMBERS),
        st.builds(Real, at=_PLACES, value=_REALS),
        st.builds(Text, at=_PLACES, value=_TEXTS),
        st.builds(Text, at=_PLACES, value=st.just(""), other=_PLACES),
        st.builds(Fill, at=_PLACES, kind=_FILLS),
        st.builds(Retype, at=_PLACES, kind=_KINDS, convert=st.booleans()),
        st.builds(Outside, at=_PLACES, location=_LOCATIONS, offset=_OFFSETS, length=_OFFSETS),
    )


def _damage() -> st.SearchStrategy[Damage]:
    return st.one_of(
        st.builds(Bits, at=_PLACES, mask=st.integers(1, 255)),
        st.builds(
            Cut,
            at=_PLACES,
            length=st.sampled_from((0, 1, 2, 8, 100, _FAR)),
            times=st.integers(0, 2),
            instead=st.binary(max_size=6),
        ),
    )


def mutants() -> st.SearchStrategy[Mutant]:
    """A damaged model: one to four changes of its contents, or of its bytes."""
    name = st.sampled_from(bases())
    return st.one_of(
        st.builds(
            Mutant, base=name, changes=st.lists(_changes(), min_size=1, max_size=4).map(tuple)
        ),
        st.builds(Mutant, base=name, changes=st.tuples(_changes())),
        st.builds(Mutant, base=name, damage=st.lists(_damage(), min_size=1, max_size=3).map(tuple)),
    )

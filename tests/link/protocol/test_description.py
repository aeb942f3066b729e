"""The description holds together, and its fields go there and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.link.protocol import description as d

FIELD_LISTS = [
    pytest.param(fields, id=f"{command.name} {side}")
    for command in d.COMMANDS
    for side, fields in (("request", command.request), ("answer", command.answer))
]
VALUES = {
    d.Kind.U8: st.integers(0, 0xFF),
    d.Kind.U16: st.integers(0, 0xFFFF),
    d.Kind.U32: st.integers(0, 0xFFFF_FFFF),
    d.Kind.DIGEST: st.binary(min_size=32, max_size=32),
    d.Kind.TEXT: st.text(st.characters(codec="ascii"), max_size=d.TEXT_BYTES),
    d.Kind.BYTES: st.binary(max_size=d.CHUNK_BYTES),
}


def test_codes_and_names_are_unique() -> None:
    codes = [command.code for command in d.COMMANDS]
    assert len(set(codes)) == len(codes)
    assert all(0 < code < d.ANSWER_BIT for code in codes)
    assert len({command.name for command in d.COMMANDS}) == len(codes)
    assert set(d.STATUS_TEXTS) == set(d.Status)


@pytest.mark.parametrize("fields", FIELD_LISTS)
def test_only_texts_and_the_last_field_vary_in_size(fields: tuple[d.Field, ...]) -> None:
    kinds = [f.kind for f in fields]
    assert d.Kind.BYTES not in kinds[:-1]
    varying = [k for k in kinds if k.size is None]
    assert kinds[len(kinds) - len(varying) :] == varying


@pytest.mark.parametrize("fields", FIELD_LISTS)
@given(data=st.data())
def test_fields_there_and_back(fields: tuple[d.Field, ...], data: st.DataObject) -> None:
    values = {f.name: data.draw(VALUES[f.kind]) for f in fields}
    packed = d.pack(fields, values)
    assert len(packed) <= d.longest_bytes(fields)
    assert d.unpack(fields, packed) == values
    size = d.fixed_bytes(fields)
    if size:
        with pytest.raises(d.LayoutError):
            d.unpack(fields, packed[: size - 1])
    if all(f.kind is not d.Kind.BYTES for f in fields):
        with pytest.raises(d.LayoutError, match="too many"):
            d.unpack(fields, packed + b"x")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (d.Kind.U8, 256), (d.Kind.U16, -1), (d.Kind.U32, 1 << 32), (d.Kind.TEXT, "x" * 97),
        (d.Kind.DIGEST, b"short"), (d.Kind.BYTES, bytes(1025)), (d.Kind.BYTES, 3),
        (d.Kind.U8, "text"), (d.Kind.TEXT, b"bytes"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(kind: d.Kind, value: d.Value) -> None:
    with pytest.raises(d.LayoutError, match="field"):
        d.pack((d.field("field", kind, ""),), {"field": value})

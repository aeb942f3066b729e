"""The register language: positions, ranges, overlaps, undeclared bits, values."""

from __future__ import annotations

import copy
import dataclasses

import pytest

from mxdeploy.chip.bits import Bits, FieldRangeError, Register, UndeclaredBitsError, bits


class Sample(Register, mnemonic="SMP", source="this test"):
    """A register for the tests."""

    low: int = bits(3, 0, doc="lowest four")
    flag: int = bits(7, doc="a flag", default=1)
    high: int = bits(31, 30, doc="two highest", values={0: "off", 2: "on"})


def test_encode_and_decode():
    word = Sample(low=9, flag=0, high=2).encode()
    assert word == 0x8000_0009
    assert Sample.decode(word) == Sample(low=9, flag=0, high=2)
    assert Sample.decode(0).flag == 0
    assert Sample().encode() == Sample.reset_word() == 0x80
    assert Sample.declared_mask() == 0xC000_008F


def test_positions():
    fields = Sample.bit_fields()
    assert list(fields) == ["low", "flag", "high"]
    assert (fields["low"].span, fields["flag"].span, fields["high"].span) == ("3:0", "7", "31:30")
    assert (fields["high"].width, fields["high"].maximum, fields["high"].mask) == (2, 3, 3 << 30)
    assert fields["high"].values == ((0, "off"), (2, "on"))
    assert isinstance(fields["low"], Bits)


@pytest.mark.parametrize(("field", "value"), [("low", 16), ("low", -1), ("flag", 2), ("high", 4)])
def test_a_field_out_of_range_is_an_error(field, value):
    with pytest.raises(FieldRangeError, match=rf"Sample\.{field} = {value} does not fit"):
        Sample(**{field: value})


def test_undeclared_bits_are_an_error_unless_lenient():
    with pytest.raises(UndeclaredBitsError, match=r"SMP.*bits 4, 29") as caught:
        Sample.decode(1 << 29 | 1 << 4 | 3)
    assert caught.value.undeclared == 1 << 29 | 1 << 4
    assert Sample.decode(1 << 29 | 1 << 4 | 3, lenient=True) == Sample(low=3, flag=0)


def test_overlapping_fields_are_refused():
    with pytest.raises(TypeError, match="overlaps"):

        class Bad(Register):
            first: int = bits(4, 0, doc="")
            second: int = bits(4, doc="")


@pytest.mark.parametrize(("high", "low"), [(32, 0), (3, 4), (3, -1)])
def test_fields_outside_the_word_are_refused(high, low):
    with pytest.raises(ValueError, match="32-bit word"):
        bits(high, low, doc="")


def test_registers_are_values():
    one = Sample(low=1)
    assert one == Sample(low=1) != Sample(low=2)
    assert hash(one) == hash(Sample(low=1))
    assert one != 0x81
    assert len({one, Sample(low=1), Sample(low=2)}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.low = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        del one.low
    assert dataclasses.replace(one, high=2) == Sample(low=1, high=2)
    assert copy.deepcopy(one) == one
    with pytest.raises(FieldRangeError):
        dataclasses.replace(one, high=4)


def test_unknown_or_positional_fields_are_refused():
    with pytest.raises(TypeError, match="no field nothing"):
        Sample(nothing=1)
    with pytest.raises(TypeError):
        Sample(1)


def test_text_forms():
    assert str(Sample(low=3, flag=0)) == "Sample(low=3)"
    assert repr(Sample(low=3)) == "Sample(low=3, flag=1, high=0)"
    assert str(Sample(flag=0)) == "Sample()"

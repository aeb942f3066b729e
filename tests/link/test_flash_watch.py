"""What counts as a verdict, and what does not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxdeploy.errors import DeviceError
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.flash_watch import Verdict, forget, watch
from tests.link.fake_board import NETWORK, FakeBoard, image_of

IMAGE = image_of(600)
HELLO = b"@hello mxdeploy net 0123456789abcdef max78000fthr\r\n"
PASS, FAIL = b"@result PASS\r\n", b"@result FAIL\r\n"
TEXT = (
    b"MAX78000\r\nship 98.5%\r\n" + HELLO + b"@output 0 y 8 1 1 2 00ff\r\n@time_us 1266\r\n" + PASS
)


def listen(text: bytes, *, heard: bytes = b"", image: FlashImage = IMAGE) -> Verdict:
    board = FakeBoard(image)
    board.transmit(text)
    return watch(board, "fake", image, heard=heard, seconds=5, clock=board.now)


def test_a_verdict() -> None:
    verdict = listen(TEXT)
    assert verdict == Verdict(
        passed=True, name="net", network=NETWORK, board="max78000fthr", time_us=1266,
        lines=("MAX78000", "ship 98.5%"),
    )  # fmt: skip
    assert not listen(HELLO + FAIL).passed
    assert listen(HELLO + FAIL).time_us is None


@given(st.integers(0, len(TEXT)))
def test_what_came_before_counts(cut: int) -> None:
    assert listen(TEXT[cut:], heard=TEXT[:cut]) == listen(TEXT)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        PASS,  # nobody said who
        HELLO,
        HELLO + b"@result PASS",  # the line may go on
        HELLO + b"@result PASSED\r\n",
        PASS + HELLO,
        HELLO + PASS + HELLO,  # a reset: what counts is still to come
        HELLO[:-30] + b"\r\n" + PASS,
        HELLO.replace(b"abcdef", b"abcde") + PASS,
        b"see @result PASS\r\n",
        b"\xff\xfe\x00" * 100,
    ],
)
def test_no_verdict(text: bytes) -> None:
    with pytest.raises(DeviceError) as caught:
        listen(text)
    assert caught.value.diagnostics[0].code == "MX7420"


def test_another_application_is_told_apart() -> None:
    other = HELLO.replace(NETWORK.encode(), b"f" * 16)
    with pytest.raises(DeviceError, match="another application") as caught:
        listen(other + PASS)
    assert caught.value.diagnostics[0].code == "MX7421"


def test_a_plain_image_must_hold_the_digest_that_is_said() -> None:
    """Of an ELF or .bin file nothing is known but its bytes."""
    unknown = replace(IMAGE, network="")
    with pytest.raises(DeviceError) as caught:
        listen(TEXT, image=unknown)
    assert caught.value.diagnostics[0].code == "MX7421"
    holding = replace(unknown, content=IMAGE.content + NETWORK.encode())
    assert listen(TEXT, image=holding).passed


def test_an_earlier_verdict_is_forgotten() -> None:
    board = FakeBoard(IMAGE)
    board.transmit(TEXT * 500)
    forget(board, clock=board.now)
    assert board.read(1, timeout_seconds=0) == b""

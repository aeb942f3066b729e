"""Nothing that happens on the way makes a half-written image look good.

A short version of ``python -m tests.link.faults --count 1000 --seed 1``.
"""

from __future__ import annotations

import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.link.bootloader_flash import BootloaderMethod
from mxdeploy.link.flash_run import flash
from mxdeploy.link.flash_watch import APPLICATION_SECONDS
from tests.link.fake_board import FakeBoard, image_of
from tests.link.faults import KINDS, run_many

FAULTS_EACH = 8


def test_faults_of_every_kind() -> None:
    """``run_one`` asserts the promises of each run."""
    results = run_many(FAULTS_EACH * len(KINDS), seed=7)
    struck = [r for r in results if r.hit]
    assert [sum(r.kind == kind for r in struck) for kind in KINDS] == [FAULTS_EACH] * len(KINDS)
    by_kind = {kind: [r for r in struck if r.kind == kind] for kind in KINDS}
    for kind in ("unplugged", "power off", "off after erase", "wrong image", "wrong baud"):
        assert not any(r.passed for r in by_kind[kind]), kind
    for kind in ("lost", "doubled", "flipped", "late", "inserted", "full buffer"):
        passed = [r for r in by_kind[kind] if r.passed]
        assert len(passed) >= FAULTS_EACH // 2, f"{kind}: repeating does not help"
    assert max(r.attempts for r in results) > 1


def test_the_harness_would_notice_a_half_written_image() -> None:
    """The application of the fake board says PASS as soon as its beginning is right."""
    image = image_of(20000)
    board = FakeBoard(image, content=image.content[:9000])
    board.reset()
    assert b"@result PASS" in board.read(1000, timeout_seconds=0)
    assert not board.holds(image)


def test_an_application_that_fails_its_own_test_is_no_pass() -> None:
    image = image_of(3000)
    board = FakeBoard(image)
    board.verdict = b"FAIL"
    method = BootloaderMethod(activate=board.activate, clock=board.now)
    outcome = flash(board.target(), image, lambda *_: None, ways=(method,), clock=board.now)
    assert outcome.verdict is not None
    assert not outcome.verdict.passed


def test_an_application_that_says_nothing_is_no_pass() -> None:
    image = image_of(3000)
    board = FakeBoard(image)
    board.says_network = ""
    method = BootloaderMethod(activate=board.activate, clock=board.now)
    with pytest.raises(DeviceError) as caught:
        flash(board.target(), image, lambda *_: None, ways=(method,), clock=board.now)
    assert caught.value.diagnostics[0].code == "MX7420"
    assert APPLICATION_SECONDS <= board.seconds < APPLICATION_SECONDS + 5

"""Drag and drop: an image is copied to the adapter's drive, and the adapter programs the chip.

The adapter takes the file while it is written, programs, and then remounts its drive: the file is
gone, the remount counter in DETAILS.TXT is one higher, and FAIL.TXT tells if it failed. So a copy
counts as done only after the drive of the *same* adapter came back without FAIL.TXT. It does not
prove that the program runs: that is for whoever talks to it afterwards.
Source: DAPLink documentation and error texts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.adapters import choose_adapter, reason
from mxdeploy.link.flash import DAPLINK, FlashMethod, FlashReport, FlashTarget, Progress
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.ports import BOARD_ID_DIGITS, BOARD_IDS, Inventory, look
from mxdeploy.link.volumes import FAIL_FILE, Volume, find_volumes, read_text

IMAGE_FILE = "mxdeploy.bin"
"""A raw image: a third of the bytes of a hex file; the adapter knows it by its vector table."""
COPY_SECONDS = 120.0
"""Limit for the copy itself; adapters take about 20 KB a second while they program."""
REMOUNT_SECONDS = 60.0
"""Limit from the last written byte to the drive's return; 512 KB take an adapter 20 to 30 s."""
SETTLE_SECONDS = 1.0
"""Between the drive's return and the reading of FAIL.TXT: it may be listed a little later."""
LOOK_SECONDS = 0.25
COPY_TARGETS = frozenset({"0444", "0423"})
"""Board ids of adapters whose drive programs this chip; see ``ports.BOARD_IDS``."""
ASSERT_FILE = "ASSERT.TXT"
_REMOUNTS = "remount count"
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """Time and drives; tests bring their own.

    Attributes:
        find: the drives that are mounted now.
        now: seconds on a clock that never goes back.
        sleep: waits so many seconds.
    """

    find: Callable[[], tuple[Volume, ...]] = find_volumes
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class DapLinkMethod(FlashMethod):
    """Copy the image to the drive of the board's adapter."""

    name = DAPLINK

    def __init__(
        self,
        plugged: Callable[[], Inventory] = look,
        surroundings: Surroundings | None = None,
    ) -> None:
        """Tests bring their own drives and time."""
        self._plugged = plugged
        self._here = surroundings or Surroundings()

    def why_not(self, target: FlashTarget) -> str:
        """Which drive is missing, or must not be copied to."""
        try:
            self._volume(target)
        except DeviceError as error:
            return reason(error)
        return ""

    def program(self, target: FlashTarget, image: FlashImage, progress: Progress) -> FlashReport:
        """Copy, and wait until the adapter is done."""
        volume = self._volume(target)
        target.say(f"copying the image to {volume.path}")
        size = len(image.content)
        progress("copying", 0, size)
        notes = copy(volume, image.content, surroundings=self._here)
        progress("copying", size, size)
        for note in notes:
            target.say(f"{note.what}: {note.fix}")
        return FlashReport(method=self.name, proof="the adapter programmed it without complaint")

    def _volume(self, target: FlashTarget) -> Volume:
        """The drive of the board's adapter.

        Raises:
            DeviceError: none, or one that must not be copied to.
        """
        probe = choose_adapter(target, self._plugged())
        volumes = self._here.find()
        volume = next((v for v in volumes if v.unique_id == probe.unique_id), None)
        if volume is None:
            raise DeviceError(_not_mounted(probe.unique_id, volumes))
        if volume.maintenance:
            raise DeviceError(_maintenance(volume))
        board_id = volume.unique_id[:BOARD_ID_DIGITS]
        if board_id not in COPY_TARGETS and not target.probe:
            raise DeviceError(_other_board(volume, board_id))
        return volume


def copy(
    volume: Volume,
    image: bytes,
    *,
    timeout_seconds: float = REMOUNT_SECONDS,
    copy_seconds: float = COPY_SECONDS,
    surroundings: Surroundings | None = None,
) -> tuple[Diagnostic, ...]:
    """Copy a flash image to the drive and wait for the adapter's verdict.

    Args:
        volume: the adapter's drive.
        image: flash content from 0x10000000 on.
        timeout_seconds: limit for the wait after the copy.
        copy_seconds: limit for the copy; real time, the system gives no other way out.
        surroundings: time and drives.

    Returns:
        Notes for the user, e.g. that the board must be reset by hand.

    Raises:
        DeviceError: anything but an image taken without complaint.
    """
    here = surroundings or Surroundings()
    broken = _write_in_time(volume, image, copy_seconds)
    if broken is not None and broken.errno == errno.ENOSPC:
        with contextlib.suppress(OSError):
            (volume.path / IMAGE_FILE).unlink()
        raise DeviceError(_full(volume, len(image)))
    back = _wait(volume, timeout_seconds, here)
    if back is None:
        raise DeviceError(_no_remount(volume, timeout_seconds, broken))
    here.sleep(SETTLE_SECONDS)
    for name, tell in ((FAIL_FILE, _failed), (ASSERT_FILE, _crashed)):
        text = read_text(back.path, name)
        if text is not None:
            raise DeviceError(tell(back, text))
    if broken is not None:
        raise DeviceError(_broken(volume, broken))
    return () if back.details.get("auto reset") != "0" else (_reset_by_hand(back),)


def _write_in_time(volume: Volume, image: bytes, seconds: float) -> OSError | None:
    """Like ``_write``, but a drive that takes no more bytes is given up: the system may never."""
    ends: list[OSError | None] = []
    thread = threading.Thread(target=lambda: ends.append(_write(volume, image)), daemon=True)
    thread.start()
    thread.join(seconds)
    if not ends:
        raise DeviceError(_copy_hangs(volume, seconds))
    return ends[0]


def _write(volume: Volume, image: bytes) -> OSError | None:
    """Write the file through to the adapter; what went wrong, or None."""
    try:
        stream = os.open(volume.path / IMAGE_FILE, _FLAGS, 0o666)
    except OSError as error:
        return error
    try:
        left = memoryview(image)
        while left:
            left = left[os.write(stream, left) :]
        os.fsync(stream)
    except OSError as error:
        return error
    finally:
        # The adapter may take its drive away as soon as it has the last byte.
        with contextlib.suppress(OSError):
            os.close(stream)
    return None


def _wait(volume: Volume, seconds: float, here: Surroundings) -> Volume | None:
    """The drive after its return; None when it did not go, or did not come back, in time."""
    before = volume.details.get(_REMOUNTS)
    deadline = here.now() + seconds
    gone = False
    while here.now() < deadline:
        seen = next((v for v in here.find() if v.unique_id == volume.unique_id), None)
        if seen is None:
            gone = True
        elif gone or seen.details.get(_REMOUNTS) != before:
            return seen
        here.sleep(LOOK_SECONDS)
    return None


def _not_mounted(unique_id: str, volumes: tuple[Volume, ...]) -> Diagnostic:
    others = ", ".join(f"{v.path} ({v.unique_id})" for v in volumes)
    return Diagnostic(
        code="MX7452",
        where=f"adapter {unique_id}",
        what="its drive is not mounted",
        why=f"mounted are: {others}" if others else "no drive of a debug adapter is mounted",
        fix="mount the drive DAPLINK of this board, or take another --method",
    )


def _maintenance(volume: Volume) -> Diagnostic:
    return Diagnostic(
        code="MX7453",
        where=str(volume.path),
        what="the adapter is in maintenance mode",
        why="a file copied there replaces the adapter's own firmware, not the board's",
        fix="unplug it and plug it in again without holding its button",
    )


def _other_board(volume: Volume, board_id: str) -> Diagnostic:
    text = BOARD_IDS.get(board_id, "an adapter of another board")
    return Diagnostic(
        code="MX7454",
        where=str(volume.path),
        what=f"its drive programs another chip, as far as known: board id {board_id}, {text}",
        why=f"ids of adapters for this chip: {', '.join(sorted(COPY_TARGETS))}",
        fix="put the vendor's image for MAX78000 boards on the adapter, or name it with --probe",
    )


def _full(volume: Volume, size: int) -> Diagnostic:
    return Diagnostic(
        code="MX7455",
        where=str(volume.path),
        what=f"the drive has no room for {size} bytes",
        why="nothing was programmed, or only a part",
        fix="unplug the board, plug it in again, and flash once more",
    )


def _copy_hangs(volume: Volume, seconds: float) -> Diagnostic:
    return Diagnostic(
        code="MX7461",
        where=str(volume.path),
        what=f"the drive did not take the file within {seconds:g} s",
        why="the flash may be half written",
        fix="unplug the board, plug it in again, and flash once more",
    )


def _no_remount(volume: Volume, seconds: float, broken: OSError | None) -> Diagnostic:
    reason = f"; writing ended with: {broken.strerror or broken}" if broken else ""
    return Diagnostic(
        code="MX7456",
        where=str(volume.path),
        what=f"the drive did not go and come back within {seconds:g} s{reason}",
        why="an adapter remounts its drive when it is done; without that nothing is known",
        fix="without a desktop that mounts drives, take another --method; else flash once more",
    )


def _broken(volume: Volume, error: OSError) -> Diagnostic:
    return Diagnostic(
        code="MX7457",
        where=str(volume.path),
        what=f"the copy broke off: {error.strerror or error}",
        why="the flash may be half written",
        fix="check the cable, then flash once more",
    )


def _crashed(volume: Volume, text: str) -> Diagnostic:
    return Diagnostic(
        code="MX7458",
        where=str(volume.path / ASSERT_FILE),
        what=f"the adapter's own firmware stopped: {' '.join(text.split())[:200]}",
        fix="unplug it and plug it in; if it stays so, update its firmware",
    )


_EXPLAINED = (
    (
        r"timed out|during the transfer|out of order|size programmed",
        "the host sent the file late, in pieces or out of order",
        "flash once more; close programs that watch the drive",
    ),
    (
        r"reset/halt|initialize the target|download the flash",
        "the adapter cannot stop the core: it sleeps, or has no power",
        "power the board off and on, flash within 2 s; or erase it (erase.act), see bring-up.md",
    ),
    (
        r"hex file|format is unknown",
        "the adapter does not take this file for a program",
        "check that the adapter is not in maintenance mode, and update its firmware",
    ),
    (
        r"erase|write command|unlock",
        "the flash could not be erased or written; pages may be locked until the next reset",
        "power the board off and on, then flash once more",
    ),
)


def _failed(volume: Volume, text: str) -> Diagnostic:
    words = " ".join(text.split())[:300]
    meaning = next((m for m in _EXPLAINED if re.search(m[0], text, re.IGNORECASE)), None)
    return Diagnostic(
        code="MX7459",
        where=str(volume.path / FAIL_FILE),
        what=f"the adapter reports: {words or 'nothing'}",
        why=meaning[1] if meaning else "",
        fix=meaning[2] if meaning else "flash once more, or take another --method",
    )


def _reset_by_hand(volume: Volume) -> Diagnostic:
    return Diagnostic(
        code="MX7460",
        where=str(volume.path),
        what="the adapter does not reset the board after programming",
        why='its setting "Auto Reset" is 0: the program is left stopped',
        fix="press the board's reset button (the file auto_rst.cfg changes the setting)",
        severity="note",
    )

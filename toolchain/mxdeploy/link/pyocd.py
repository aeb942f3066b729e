"""pyOCD: a target and a flash algorithm of our own, since it does not know the chip.

pyOCD finds the adapter, stops the core and runs the algorithm. Which pages are erased and written,
and whether they hold the image afterwards, is decided here: pages that are right already stay.
The core is stopped where it is instead of being reset first: the debug port is closed while the
ROM runs after a reset.
"""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import DeviceError, Diagnostic
from mxdeploy.link.adapters import choose_adapter, reason
from mxdeploy.link.flash import PYOCD, FlashMethod, FlashReport, FlashTarget, Progress
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.ports import Inventory, look
from mxdeploy.link.pyocd_algorithm import PAGE_BYTES, FlashAlgorithm, flash_algorithm

TARGET_NAME = "max78000"
SWD_HZ = 500_000
"""The vendor's debugger uses the same."""
HOW_TO_GET = 'pip install "mxdeploy[probe]"'
_OPTIONS = {
    "target_override": TARGET_NAME,
    "frequency": SWD_HZ,
    "connect_mode": "halt",
    "auto_unlock": False,
    "resume_on_disconnect": True,
    # Nobody's pyocd.yaml or pyocd_user.py: what is done shall not depend on the folder.
    "no_config": True,
    "user_script": None,
}


class Core(Protocol):
    """What is used of pyOCD's target."""

    def read_memory_block8(self, addr: int, size: int) -> Any:  # noqa: ANN401 - pyOCD's sequence
        """Bytes of memory."""


class FlashDriver(Protocol):
    """What is used of pyOCD's ``Flash``, which runs the algorithm."""

    Operation: Any

    def init(self, operation: Any) -> None:  # noqa: ANN401 - pyOCD's enumeration
        """Prepare for erasing or programming."""

    def erase_sector(self, address: int) -> None:
        """Erase one page."""

    def program_page(self, address: int, bytes: Any) -> None:  # noqa: A002, ANN401 - pyOCD's name
        """Program whole cells."""

    def cleanup(self) -> None:
        """End."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """A board whose core is stopped, and what programs its flash."""

    core: Core
    flash: FlashDriver
    reset: Callable[[], None]


class PyOcdMethod(FlashMethod):
    """Program through the adapter with pyOCD."""

    name = PYOCD

    def __init__(
        self,
        plugged: Callable[[], Inventory] = look,
        attach: Callable[[str], AbstractContextManager[Attached]] | None = None,
        installed: Callable[[], bool] = lambda: importlib.util.find_spec("pyocd") is not None,
    ) -> None:
        """Tests bring their own adapters and boards."""
        self._plugged = plugged
        self._attach = attach or attach_to
        self._installed = installed

    def why_not(self, target: FlashTarget) -> str:
        """Which package or adapter is missing."""
        if not self._installed():
            return f"pyOCD is not installed ({HOW_TO_GET})"
        try:
            choose_adapter(target, self._plugged())
        except DeviceError as error:
            return reason(error)
        return ""

    def program(self, target: FlashTarget, image: FlashImage, progress: Progress) -> FlashReport:
        """Erase and program the pages that differ, read all of them back, reset."""
        probe = choose_adapter(target, self._plugged())
        target.say(f"programming with pyOCD through adapter {probe.unique_id}")
        with self._attach(probe.unique_id) as board:
            erased = program_pages(board, image, progress)
            board.reset()
        pages = len(image.pages)
        return FlashReport(
            method=self.name,
            proof="all pages were read back and compared",
            pages_erased=erased,
            pages_kept=pages - erased,
        )


def program_pages(board: Attached, image: FlashImage, progress: Progress) -> int:
    """Make flash hold the image; returns how many pages were erased and programmed.

    Raises:
        DeviceError: the chip refuses, or holds something else afterwards.
    """
    different = [
        address
        for address in image.pages
        if _read(board, address, mem.FLASH_PAGE_BYTES) != image.page(address)
    ]
    total = 2 * len(different)
    with _pyocd_errors("programming"):
        board.flash.init(board.flash.Operation.ERASE)
        for done, address in enumerate(different, 1):
            board.flash.erase_sector(address)
            progress("erasing", done, total)
        board.flash.init(board.flash.Operation.PROGRAM)
        for done, address in enumerate(different, len(different) + 1):
            page = image.page(address)
            for start in range(0, len(page), PAGE_BYTES):
                piece = page[start : start + PAGE_BYTES]
                if piece.strip(b"\xff"):
                    board.flash.program_page(address + start, list(piece))
            progress("programming", done, total)
        board.flash.cleanup()
    for address in image.pages:
        if _read(board, address, mem.FLASH_PAGE_BYTES) != image.page(address):
            raise DeviceError(_differs(address))
    return len(different)


def _read(board: Attached, address: int, size: int) -> bytes:
    with _pyocd_errors("reading flash"):
        return bytes(board.core.read_memory_block8(address, size))


@contextmanager
def attach_to(unique_id: str) -> Iterator[Attached]:
    """Stop the core behind this adapter; it runs on when the context ends.

    Raises:
        DeviceError: the adapter or the core cannot be reached.
        ToolError: the flash algorithm cannot be built.
    """
    from pyocd.core.helpers import ConnectHelper

    register_target(flash_algorithm())
    with _pyocd_errors("connecting"):
        session = ConnectHelper.session_with_chosen_probe(
            blocking=False, return_first=True, unique_id=unique_id, options=_OPTIONS
        )
        if session is None:
            raise DeviceError(_no_probe(unique_id))
        session.open()
    try:
        with _pyocd_errors("stopping the core"):
            session.target.halt()
            region = session.target.memory_map.get_boot_memory()
        yield Attached(core=session.target, flash=region.flash, reset=session.probe.reset)
    finally:
        # After the reset the debug port is closed for a while: that is no failure.
        with contextlib.suppress(Exception):
            session.close()


def memory_map(algorithm: FlashAlgorithm, load_address: int = mem.SRAM_BASE) -> Any:  # noqa: ANN401
    """The chip as pyOCD sees it, with the algorithm to be loaded at an address in SRAM."""
    from pyocd.core.memory_map import FlashRegion, MemoryMap, RamRegion

    return MemoryMap(
        FlashRegion(
            name="flash",
            start=mem.FLASH_BASE,
            length=mem.FLASH_BYTES,
            sector_size=mem.FLASH_PAGE_BYTES,
            page_size=PAGE_BYTES,
            is_boot_memory=True,
            erased_byte_value=0xFF,
            algo=algorithm.describe(load_address),
        ),
        RamRegion(name="sram", start=mem.SRAM_BASE, length=mem.SRAM_BYTES),
    )


def register_target(algorithm: FlashAlgorithm) -> type:
    """Tell pyOCD what a MAX78000 is; returns the class of its targets."""
    from pyocd.coresight.coresight_target import CoreSightTarget
    from pyocd.target import TARGET

    chip = memory_map(algorithm)

    class Max78000(CoreSightTarget):  # type: ignore[misc] # pyOCD may be missing when types are checked
        """The chip, stopped where it is instead of by a reset."""

        VENDOR = "Analog Devices"

        def __init__(self, session: Any) -> None:  # noqa: ANN401 - pyOCD's session
            super().__init__(session, chip)

        def reset_and_halt(self, *_arguments: Any, **_options: Any) -> None:  # noqa: ANN401
            self.halt()

    TARGET[TARGET_NAME] = Max78000
    return Max78000


@contextmanager
def _pyocd_errors(doing: str) -> Iterator[None]:
    """Exceptions of pyOCD, and of the USB libraries below it, as ours."""
    try:
        yield
    except DeviceError:
        raise
    except Exception as error:
        raise DeviceError(
            Diagnostic(
                code="MX7512",
                where=f"pyOCD, {doing}",
                what=f"{type(error).__name__}: {error}",
                why="the core may sleep, be in its ROM, or the adapter may be in use",
                fix="press reset and flash within 2 s; `mxdeploy doctor` checks permissions",
            )
        ) from error


def _no_probe(unique_id: str) -> Diagnostic:
    return Diagnostic(
        code="MX7513",
        where=f"adapter {unique_id}",
        what="pyOCD does not see it",
        why="it looks for the adapter's USB interfaces, not for its drive or serial port",
        fix="`mxdeploy doctor` checks permissions; close other debuggers",
    )


def _differs(address: int) -> Diagnostic:
    return Diagnostic(
        code="MX7514",
        where=f"flash page 0x{address:08x}",
        what="it does not hold the image after programming",
        fix="flash once more; the page may be locked until the next reset",
    )

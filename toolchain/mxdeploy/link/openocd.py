"""OpenOCD: which one can program this chip, how it is driven, what its output means.

The flash memory takes writes of 128 bits only. OpenOCD as its project releases it (0.12) has a
driver for the chip family, but writes 32-bit words; the vendor's fork has an option for 128 bits,
switched on in its ``target/max78000.cfg``. So a program without that file beside it is refused.
Source: flash chapter of the user guide, sources of both drivers, the vendor's SDK.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mxdeploy.chip.max78000 import memories as mem
from mxdeploy.errors import DeviceError, Diagnostic, ToolError
from mxdeploy.link.adapters import choose_adapter, reason
from mxdeploy.link.flash import OPENOCD, FlashMethod, FlashReport, FlashTarget, Progress
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.ports import Inventory, look
from mxdeploy.msdk import SDK_VARIABLE

TARGET_FILE = "target/max78000.cfg"
ADAPTER_FILE = "interface/cmsis-dap.cfg"
PROGRAM_SECONDS = 180.0
"""Limit for erasing, programming and verifying 512 KB at the vendor's 500 kHz."""
VERSION_SECONDS = 20.0
VERIFIED = "** Verified OK **"
WHY_REFUSED = (
    "upstream OpenOCD writes 32-bit words, the chip's flash takes 128-bit writes only; "
    f"the vendor's fork brings {TARGET_FILE}"
)
HOW_TO_GET = (
    f"install the vendor's SDK and set {SDK_VARIABLE} to its folder, or put the vendor's OpenOCD "
    "on the PATH"
)
_IMAGE = "firmware.bin"
_VERSION = re.compile(r"Open On-Chip Debugger (\S+)")
_SCRIPTS = ("scripts", "../scripts", "../share/openocd/scripts", "../openocd/scripts")
_SHOWN_LINES = 6
_UNREACHABLE = (
    "press reset and flash within 2 s (a sleeping core cannot be reached); update the adapter's "
    "firmware; erase a core that is locked out through the adapter's drive"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOcd:
    """An installed OpenOCD.

    Attributes:
        program: its executable file.
        version: what it says of itself; empty when it cannot be run.
        origin: what it was found by, ``MAXIM_PATH`` or ``PATH``.
        scripts: its folder of configuration files that knows the chip; None without one.
        problem: why it cannot be used; empty when it can.
    """

    program: Path
    version: str
    origin: str
    scripts: Path | None
    problem: str = ""


def find_openocds(environment: Mapping[str, str] = os.environ) -> tuple[OpenOcd, ...]:
    """Every OpenOCD that is installed, usable ones first, the SDK's before the PATH's."""
    candidates: list[tuple[str, Path]] = []
    sdk = environment.get(SDK_VARIABLE, "")
    if sdk:
        folder = Path(sdk) / "Tools" / "OpenOCD"
        candidates += [(SDK_VARIABLE, folder / name) for name in ("openocd", "openocd.exe")]
    on_path = shutil.which("openocd", path=environment.get("PATH", ""))
    if on_path:
        candidates.append(("PATH", Path(on_path)))
    found: dict[Path, OpenOcd] = {}
    for origin, program in candidates:
        if program.is_file():
            found.setdefault(program.resolve(), _examine(program, origin))
    return tuple(sorted(found.values(), key=lambda tool: bool(tool.problem)))


def _examine(program: Path, origin: str) -> OpenOcd:
    version = _version(program)
    places = (program.resolve().parent / place for place in _SCRIPTS)
    scripts = next((place.resolve() for place in places if (place / TARGET_FILE).is_file()), None)
    problem = ""
    if version is None:
        problem = "it cannot be started; its libraries (libusb, hidapi) may be missing"
    elif scripts is None:
        problem = WHY_REFUSED
    return OpenOcd(
        program=program, version=version or "", origin=origin, scripts=scripts, problem=problem
    )


def _version(program: Path) -> str | None:
    """None when the program cannot be run, or is something else."""
    try:
        done = subprocess.run(
            (str(program), "--version"),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(done.stderr + done.stdout)
    return match[1] if match else None


def require_openocd(environment: Mapping[str, str] = os.environ) -> OpenOcd:
    """The OpenOCD to use.

    Raises:
        ToolError: there is none, or none that can program this chip; each is named.
    """
    tools = find_openocds(environment)
    if tools and not tools[0].problem:
        return tools[0]
    if not tools:
        raise ToolError(
            Diagnostic(
                code="MX7500",
                where="openocd",
                what=f"there is none: neither in {SDK_VARIABLE} nor on the PATH",
                fix=HOW_TO_GET,
            )
        )
    raise ToolError(
        Diagnostic(
            code="MX7501",
            where=str(tool.program),
            what=f"OpenOCD {tool.version or 'of unknown version'} cannot program this chip",
            why=tool.problem,
            fix=HOW_TO_GET,
        )
        for tool in tools
    )


class OpenOcdMethod(FlashMethod):
    """Let the vendor's OpenOCD program the chip through the adapter."""

    name = OPENOCD

    def __init__(
        self,
        plugged: Callable[[], Inventory] = look,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Tests bring their own adapters and environment."""
        self._plugged = plugged
        self._environment = environment

    def why_not(self, target: FlashTarget) -> str:
        """Which program or adapter is missing."""
        try:
            require_openocd(self._environment)
            choose_adapter(target, self._plugged())
        except ToolError as error:
            return "; ".join(f"{d.where}: {d.what} {d.why}".strip() for d in error.diagnostics)
        except DeviceError as error:
            return reason(error)
        return ""

    def program(self, target: FlashTarget, image: FlashImage, progress: Progress) -> FlashReport:
        """Erase, program, verify, reset."""
        tool = require_openocd(self._environment)
        probe = choose_adapter(target, self._plugged())
        target.say(f"programming with OpenOCD {tool.version} ({tool.program})")
        size = len(image.content)
        progress("programming", 0, size)
        run(tool, image.content, unique_id=probe.unique_id)
        progress("programming", size, size)
        return FlashReport(method=self.name, proof="OpenOCD read it back and compared it")


def command_line(tool: OpenOcd, unique_id: str | None) -> tuple[str, ...]:
    """What is run, in a folder that holds the image as ``firmware.bin``.

    Args:
        tool: a usable OpenOCD.
        unique_id: the adapter to use, as DETAILS.TXT writes it; None takes the only one.
    """
    choice: tuple[str, ...] = ()
    if unique_id:
        # Before 0.12 the command had another name, which 0.12 still knows but complains of.
        verb = "cmsis_dap_serial" if tool.version.startswith("0.11") else "adapter serial"
        choice = ("-c", f"{verb} {unique_id}")
    return (
        str(tool.program),
        *("-s", str(tool.scripts)),
        *("-f", ADAPTER_FILE),
        *choice,
        *("-f", TARGET_FILE),
        *("-c", f"program {_IMAGE} verify reset exit 0x{mem.FLASH_BASE:08x}"),
    )


def run(
    tool: OpenOcd,
    image: bytes,
    *,
    unique_id: str | None = None,
    timeout_seconds: float = PROGRAM_SECONDS,
) -> None:
    """Erase what is needed, program, verify and reset.

    Args:
        tool: a usable OpenOCD.
        image: flash content from its first byte on.
        unique_id: the adapter to use; None takes the only one.
        timeout_seconds: limit for everything.

    Raises:
        DeviceError: anything but a verified image; what to do is said.
    """
    with tempfile.TemporaryDirectory(prefix="mxdeploy-") as folder:
        (Path(folder) / _IMAGE).write_bytes(image)
        command = command_line(tool, unique_id)
        try:
            done = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=timeout_seconds,
                check=False,
            )
        except OSError as error:
            raise DeviceError(_cannot_run(tool, str(error.strerror or error))) from error
        except subprocess.TimeoutExpired as error:
            reason = f"no end after {timeout_seconds:g} s; the flash may be half written"
            raise DeviceError(_cannot_run(tool, reason)) from error
    if done.returncode != 0 or VERIFIED not in done.stdout:
        raise DeviceError(_failed(tool, done.returncode, done.stdout))


def _cannot_run(tool: OpenOcd, reason: str) -> Diagnostic:
    return Diagnostic(
        code="MX7502",
        where=str(tool.program),
        what=f"OpenOCD did not finish: {reason}",
        fix="unplug the adapter and plug it in again, then flash once more",
    )


_MEANINGS = (
    (
        r"LIBUSB_ERROR_ACCESS|[Pp]ermission denied|Access denied",
        "no permission to use the adapter",
        "mxdeploy doctor tells the udev rule that is missing",
    ),
    (
        r"unable to find .*CMSIS-DAP|no CMSIS-DAP device|unable to open CMSIS-DAP",
        "no adapter was found, or another program uses it",
        "plug the adapter in (the evaluation kit needs a second cable); close other debuggers",
    ),
    (
        r"cannot read IDR|Error connecting DP|examination failed|timed? ?out.*halt",
        "the adapter cannot reach the core",
        _UNREACHABLE,
    ),
    (
        r"\*\* Verify Failed \*\*",
        "what was read back differs from the image",
        "flash again; if it stays so, lower the adapter's speed",
    ),
    (
        r"\*\* Programming Failed \*\*",
        "the flash could not be written",
        "flash again; the pages may be locked until the next reset",
    ),
)
"""Patterns in OpenOCD's output, what they mean, what to do. Source: public issue threads."""


def _failed(tool: OpenOcd, status: int, output: str) -> Diagnostic:
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    meaning = next((m for m in _MEANINGS if re.search(m[0], output)), None)
    telling = [s for s in lines if s.startswith(("Error", "**"))] or lines
    shown = "\n".join(f"    {line}" for line in telling[-_SHOWN_LINES:])
    return Diagnostic(
        code="MX7503",
        where=f"OpenOCD {tool.version}",
        what=meaning[1] if meaning else f"it ended with status {status} without a verified image",
        why=f"it said:\n{shown}" if shown else "it said nothing",
        fix=meaning[2] if meaning else "flash again; --method names another way",
    )

"""What is missing on this machine, and how to mend it: one check for each thing mxdeploy uses.

Every check looks at the machine through a ``Machine``, so that tests can show it another one.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from mxdeploy.link import openocd
from mxdeploy.link.ports import Inventory, look
from mxdeploy.msdk import SDK_VARIABLE, find_msdk

EXTRAS: Mapping[str, tuple[str, str]] = {
    "firmware": ("ziglang unicorn pyelftools", "compile and run firmware on the virtual board"),
    "probe": ("pyocd", "flash through a debug adapter with pyOCD"),
    "solver": ("ortools", "a second opinion where the search finds no placement"),
    "data": ("pillow soundfile", "read images and recordings"),
    "train": ("torch pytorch-ignite matplotlib", "train networks"),
}
"""Extra -> its packages, and what it is for. A test compares them with pyproject.toml."""
OLDEST_PYTHON = (3, 11)
ADAPTER_VENDOR = "0d28"
ADAPTER_PRODUCT = "0204"
RULE_FILE = "/etc/udev/rules.d/70-mxdeploy-daplink.rules"
"""Below 73: later rules cannot give access to the person at the machine any more."""
RULE = (
    f'SUBSYSTEM=="usb|hidraw", ATTRS{{idVendor}}=="{ADAPTER_VENDOR}", '
    f'ATTRS{{idProduct}}=="{ADAPTER_PRODUCT}", MODE="0660", TAG+="uaccess"'
)
RULE_FOLDERS = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d")


class Verdict(StrEnum):
    """Of one check: works; is not there and need not be; is there or needed and does not work."""

    GOOD = "good"
    ABSENT = "absent"
    BAD = "bad"


class Area(StrEnum):
    """What a check is about; decides the exit status of a bad one."""

    TOOL = "tool"
    DEVICE = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One finding.

    Attributes:
        name: what was looked at.
        verdict: how it is.
        what: what was found.
        fix: what to do; empty when it is good.
        area: tool or device.
    """

    name: str
    verdict: Verdict
    what: str
    fix: str = ""
    area: Area = Area.TOOL

    def to_dict(self) -> dict[str, str]:
        """For ``--json``."""
        return {key: str(value) for key, value in asdict(self).items()}


def installed_version(package: str) -> str | None:
    """Version of an installed Python package; None when it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def may_use(path: str) -> bool:
    """Whether this user may read and write the file."""
    return os.access(path, os.R_OK | os.W_OK)


def owner_group(path: str) -> str:
    """The group a device belongs to; the usual name when that cannot be told."""
    if sys.platform == "win32":
        return ""
    import grp

    try:
        return grp.getgrgid(Path(path).stat().st_gid).gr_name
    except (OSError, KeyError):
        return "dialout"


def user_groups() -> frozenset[str]:
    """Names of the groups this process belongs to."""
    if sys.platform == "win32":
        return frozenset()
    import grp

    names = set()
    for number in {*os.getgroups(), os.getegid()}:
        try:
            names.add(grp.getgrgid(number).gr_name)
        except KeyError:
            continue
    return frozenset(names)


def udev_rules() -> str:
    """Text of all udev rules that can be read."""
    texts = []
    for folder in RULE_FOLDERS:
        for file in sorted(Path(folder).glob("*.rules")):
            try:
                texts.append(file.read_text(encoding="utf-8", errors="replace"))
            except OSError:
                continue
    return "\n".join(texts)


def is_root() -> bool:
    """Whether permissions do not matter."""
    return sys.platform != "win32" and os.geteuid() == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """The machine as the checks see it."""

    platform: str = sys.platform
    python: tuple[int, ...] = sys.version_info[:3]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    package: Callable[[str], str | None] = installed_version
    which: Callable[[str], str | None] = shutil.which
    compiler: Callable[[str], str | None] | None = None
    access: Callable[[str], bool] = may_use
    group_of: Callable[[str], str] = owner_group
    groups: Callable[[], frozenset[str]] = user_groups
    rules: Callable[[], str] = udev_rules
    root: Callable[[], bool] = is_root
    plugged: Callable[[], Inventory] = look


def examine(machine: Machine | None = None) -> tuple[Check, ...]:
    """All checks, in the order in which to mend.

    Raises:
        DeviceError: the folder of running virtual boards belongs to somebody else.
    """
    here = machine or Machine()
    found = here.plugged()
    return (
        _python(here),
        *_extras(here),
        _compiler(here),
        *_serial_ports(here, found),
        *_adapter_permission(here, found),
        *_adapters(found),
        *_openocds(here),
        _msdk(here),
    )


def _python(machine: Machine) -> Check:
    version = ".".join(str(part) for part in machine.python)
    wanted = ".".join(str(part) for part in OLDEST_PYTHON)
    if machine.python[:2] < OLDEST_PYTHON:
        fix = f"make a new environment with Python {wanted} or later"
        return Check(name="Python", verdict=Verdict.BAD, what=version, fix=fix)
    return Check(name="Python", verdict=Verdict.GOOD, what=version)


def _extras(machine: Machine) -> Iterator[Check]:
    for extra, (packages, purpose) in EXTRAS.items():
        versions = {name: machine.package(name) for name in packages.split()}
        missing = [name for name, version in versions.items() if version is None]
        name = f"extra {extra}"
        if missing:
            yield Check(
                name=name,
                verdict=Verdict.ABSENT,
                what=f"{', '.join(missing)} not installed: needed to {purpose}",
                fix=f'pip install "mxdeploy[{extra}]"',
            )
        else:
            listed = ", ".join(f"{name} {version}" for name, version in versions.items())
            yield Check(name=name, verdict=Verdict.GOOD, what=listed)


def _compiler(machine: Machine) -> Check:
    lookup = machine.compiler or _compiler_version
    found = [version for version in (lookup("gcc"), lookup("zig")) if version]
    if found:
        return Check(name="C compiler", verdict=Verdict.GOOD, what=", ".join(found))
    return Check(
        name="C compiler",
        verdict=Verdict.BAD,
        what="neither arm-none-eabi-gcc on the PATH nor the Python package ziglang",
        fix='pip install "mxdeploy[firmware]", or install arm-none-eabi-gcc',
    )


def _compiler_version(name: str) -> str | None:
    from mxdeploy.stages.s7_compile import find_compiler

    found = find_compiler(name)
    return None if found is None else found.version


def _serial_ports(machine: Machine, found: Inventory) -> Iterator[Check]:
    boards = [port for port in found.ports if port.console_of]
    if not boards:
        yield _no_board(machine)
    for port in boards:
        name, what = f"port {port.device}", f"{port.text}: may be opened"
        if machine.platform == "win32" or machine.access(port.device):
            yield Check(name=name, verdict=Verdict.GOOD, what=what, area=Area.DEVICE)
            continue
        yield Check(
            name=name,
            verdict=Verdict.BAD,
            what="no permission to open it",
            fix=_join(machine.group_of(port.device)),
            area=Area.DEVICE,
        )


def _no_board(machine: Machine) -> Check:
    """Without a board the group can still be looked at before one is plugged in."""
    what = "no board is plugged in"
    usual = {"dialout", "uucp", "plugdev"}
    if machine.platform == "linux" and not machine.root() and not usual & machine.groups():
        what += ", and you are in none of the groups that may open serial ports"
        fix = f"plug one in; {_join('dialout')} (uucp on Arch Linux)"
    else:
        fix = "plug one in, or start `mxdeploy board max78000fthr`"
    return Check(name="serial port", verdict=Verdict.ABSENT, what=what, fix=fix, area=Area.DEVICE)


def _join(group: str) -> str:
    return f"sudo usermod -a -G {group} $USER, then log in again"


def _adapter_permission(machine: Machine, found: Inventory) -> Iterator[Check]:
    """Debuggers talk to the adapter's HID and USB interfaces; the drive needs no rule."""
    if machine.platform != "linux":
        return
    name = "udev rule"
    if machine.root():
        yield Check(name=name, verdict=Verdict.GOOD, what="not needed by root", area=Area.DEVICE)
    elif ADAPTER_VENDOR in machine.rules().lower():
        what = f"there is one for {ADAPTER_VENDOR}:{ADAPTER_PRODUCT}"
        yield Check(name=name, verdict=Verdict.GOOD, what=what, area=Area.DEVICE)
    else:
        yield Check(
            name=name,
            verdict=Verdict.BAD if found.probes else Verdict.ABSENT,
            what=f"none for {ADAPTER_VENDOR}:{ADAPTER_PRODUCT}: OpenOCD and pyOCD cannot use it",
            fix=f"as root, write this line to {RULE_FILE}, then udevadm control --reload and plug "
            f"the adapter in again: {RULE}",
            area=Area.DEVICE,
        )


def _adapters(found: Inventory) -> Iterator[Check]:
    for probe in found.probes:
        name = f"adapter {probe.unique_id[:12]}"
        firmware = f"firmware {probe.firmware}" if probe.firmware else "firmware not known"
        place = f"drive {probe.volume}" if probe.volume else "its drive is not mounted"
        if probe.maintenance:
            verdict, fix = Verdict.BAD, "unplug it and plug it in without holding its button"
            what = "it is in maintenance mode: it cannot program a board"
        elif probe.wrong_target:
            verdict = Verdict.BAD
            what = f"{probe.text}; {firmware}"
            fix = "put the vendor's image for MAX78000 boards on it, in maintenance mode"
        else:
            verdict, what, fix = Verdict.GOOD, f"{probe.text}; {firmware}; {place}", ""
        yield Check(name=name, verdict=verdict, what=what, fix=fix, area=Area.DEVICE)


def _openocds(machine: Machine) -> Iterator[Check]:
    tools = openocd.find_openocds(machine.environment)
    usable = any(not tool.problem for tool in tools)
    if not tools:
        yield Check(
            name="OpenOCD",
            verdict=Verdict.ABSENT,
            what="not installed; one of several ways to flash",
            fix=openocd.HOW_TO_GET,
        )
    for tool in tools:
        text = f"{tool.program}, version {tool.version or 'unknown'}, from {tool.origin}"
        if tool.problem:
            # One on the PATH may serve other boards; the SDK's is there for this chip.
            ours = tool.origin == SDK_VARIABLE and not usable
            verdict = Verdict.BAD if ours else Verdict.ABSENT
            what, fix = f"{text}: unusable: {tool.problem}", openocd.HOW_TO_GET
        else:
            verdict, what, fix = Verdict.GOOD, text, ""
        yield Check(name="OpenOCD", verdict=verdict, what=what, fix=fix)


def _msdk(machine: Machine) -> Check:
    found = find_msdk(machine.environment)
    if found is None:
        return Check(
            name="vendor's SDK",
            verdict=Verdict.ABSENT,
            what=f"{SDK_VARIABLE} is not set; mxdeploy needs no SDK",
            fix=f"to build inside the SDK, set {SDK_VARIABLE} to its folder",
        )
    if found.problem:
        return Check(
            name="vendor's SDK",
            verdict=Verdict.BAD,
            what=f"{found.path}: {found.problem}",
            fix=f"correct {SDK_VARIABLE}, or unset it",
        )
    if machine.which("arm-none-eabi-gcc") is None or machine.which("make") is None:
        return Check(
            name="vendor's SDK",
            verdict=Verdict.BAD,
            what=f"{found.path}, but make or arm-none-eabi-gcc is not on the PATH",
            fix="put both on the PATH; the SDK's compiler lies in its Tools folder",
        )
    boards = ", ".join(found.boards)
    return Check(name="vendor's SDK", verdict=Verdict.GOOD, what=f"{found.path}, boards {boards}")

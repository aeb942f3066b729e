"""What is missing on a machine: each check on machines that have, lack or spoil it."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from mxdeploy import doctor
from mxdeploy.doctor import Area, Check, Machine, Verdict
from mxdeploy.link.ports import Inventory, inventory
from mxdeploy.link.volumes import Volume
from tests.link.test_openocd import UPSTREAM, add_scripts, install

UNIQUE_ID = "0444170169c5c14600000000000000000000000097969906"
PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


@dataclass
class Port:
    """As pyserial describes one."""

    device: str = "/dev/ttyACM0"
    description: str | None = None
    vid: int | None = 0x0D28
    pid: int | None = 0x0204
    serial_number: str | None = UNIQUE_ID


def machine(**changes: Any) -> Machine:
    """A Linux machine with everything in order and nothing plugged in, then changed."""
    good = Machine(
        platform="linux",
        python=(3, 12, 1),
        environment={"PATH": "/nowhere"},
        package=lambda _: "1.0",
        which=lambda name: f"/usr/bin/{name}",
        compiler=lambda name: f"{name} 12",
        access=lambda _: True,
        group_of=lambda _: "dialout",
        groups=lambda: frozenset({"dialout"}),
        rules=lambda: 'ATTRS{idVendor}=="0d28", MODE="0666"',
        root=lambda: False,
        plugged=lambda: inventory([], [], []),
    )
    return replace(good, **changes)


def check(name: str, **changes: Any) -> Check:
    (found,) = [c for c in doctor.examine(machine(**changes)) if c.name.startswith(name)]
    return found


def plugged(*ports: Port, volumes: tuple[Volume, ...] = ()) -> Inventory:
    return inventory(ports, volumes, [])


def test_a_machine_in_order() -> None:
    checks = doctor.examine(machine())
    assert not [c for c in checks if c.verdict is Verdict.BAD]
    assert all(c.fix for c in checks if c.verdict is not Verdict.GOOD)


def test_an_old_python() -> None:
    assert check("Python", python=(3, 10, 9)).verdict is Verdict.BAD
    assert check("Python", python=(3, 11, 0)).verdict is Verdict.GOOD


def test_a_missing_package_names_its_extra() -> None:
    found = check("extra firmware", package=lambda n: None if n == "unicorn" else "2")
    assert found.verdict is Verdict.ABSENT
    assert "unicorn" in found.what
    assert "ziglang" not in found.what
    assert found.fix == 'pip install "mxdeploy[firmware]"'


def test_the_extras_are_those_of_the_project() -> None:
    declared = tomllib.loads(PYPROJECT.read_text())["project"]["optional-dependencies"]
    del declared["dev"]
    names = {e: {re.split(r"[^\w-]", r)[0] for r in rs} for e, rs in declared.items()}
    assert names["train"] > {"mxdeploy"}  # it brings the extra for data
    names["train"].remove("mxdeploy")
    assert names == {e: set(packages.split()) for e, (packages, _) in doctor.EXTRAS.items()}


def test_compilers() -> None:
    both = check("C compiler")
    assert (both.verdict, both.what) == (Verdict.GOOD, "gcc 12, zig 12")
    none = check("C compiler", compiler=lambda _: None)
    assert none.verdict is Verdict.BAD
    assert "mxdeploy[firmware]" in none.fix


def test_a_port_that_may_not_be_opened_names_the_group_that_owns_it() -> None:
    refused = {"plugged": lambda: plugged(Port()), "access": lambda _: False}
    found = check("port /dev/ttyACM0", **refused, group_of=lambda _: "uucp")
    assert found.verdict is Verdict.BAD
    assert found.area is Area.DEVICE
    assert "-G uucp" in found.fix
    assert check("port /dev/ttyACM0", plugged=refused["plugged"]).verdict is Verdict.GOOD


def test_without_a_board_the_group_is_looked_at() -> None:
    assert "dialout" in check("serial port", groups=lambda: frozenset({"me"})).fix
    assert "dialout" not in check("serial port").fix
    assert "dialout" not in check("serial port", groups=frozenset, root=lambda: True).fix


def test_the_udev_rule() -> None:
    without = {"rules": lambda: 'ATTRS{idVendor}=="1366"'}
    assert check("udev rule").verdict is Verdict.GOOD
    assert check("udev rule", **without).verdict is Verdict.ABSENT
    needed = check("udev rule", **without, plugged=lambda: plugged(Port()))
    assert needed.verdict is Verdict.BAD
    assert doctor.RULE in needed.fix
    assert check("udev rule", **without, root=lambda: True).verdict is Verdict.GOOD
    names = [c.name for c in doctor.examine(machine(platform="darwin"))]
    assert "udev rule" not in names


@pytest.mark.parametrize(
    ("details", "verdict", "told"),
    [
        ({"interface version": "0256"}, Verdict.GOOD, "firmware 0256"),
        ({"daplink mode": "Bootloader"}, Verdict.BAD, "maintenance"),
    ],
)
def test_adapters_say_what_their_drive_says(
    details: dict[str, str], verdict: Verdict, told: str
) -> None:
    volume = Volume(path=Path("/media/x"), details={"unique id": UNIQUE_ID, **details})
    found = check("adapter", plugged=lambda: plugged(Port(), volumes=(volume,)))
    assert found.verdict is verdict
    assert told in found.what


def test_an_adapter_for_another_chip_is_bad() -> None:
    port = Port(serial_number="0409" + UNIQUE_ID[4:])
    found = check("adapter", plugged=lambda: plugged(port))
    assert found.verdict is Verdict.BAD
    assert "MAX32630FTHR" in found.what


def test_upstream_openocd_is_named_unusable(tmp_path: Path) -> None:
    install(tmp_path / "openocd", UPSTREAM)
    found = check("OpenOCD", environment={"PATH": str(tmp_path)})
    assert found.verdict is Verdict.ABSENT
    assert "0.12.0" in found.what
    assert "32-bit words" in found.what


def test_openocd_of_the_sdk(tmp_path: Path) -> None:
    install(tmp_path / "Tools/OpenOCD/openocd")
    surroundings = {"PATH": "/nowhere", "MAXIM_PATH": str(tmp_path)}
    assert check("OpenOCD", environment=surroundings).verdict is Verdict.BAD
    add_scripts(tmp_path / "Tools/OpenOCD/scripts")
    assert check("OpenOCD", environment=surroundings).verdict is Verdict.GOOD


def sdk(folder: Path) -> dict[str, str]:
    for name in (
        "CMSIS/Device/Maxim/MAX78000/Source/GCC/max78000.mk",
        "Boards/MAX78000/EvKit_V1/board.mk",
        "Boards/MAX78000/FTHR_RevA/board.mk",
    ):
        file = folder / "Libraries" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return {"PATH": "/nowhere", "MAXIM_PATH": str(folder)}


def test_the_sdk(tmp_path: Path) -> None:
    found = check("vendor's SDK", environment=sdk(tmp_path))
    assert found.verdict is Verdict.GOOD
    assert "EvKit_V1, FTHR_RevA" in found.what
    without = check("vendor's SDK", environment=sdk(tmp_path), which=lambda _: None)
    assert without.verdict is Verdict.BAD
    assert "make" in without.what


@pytest.mark.parametrize("name", ["", "gone"])
def test_a_wrong_path_to_the_sdk(tmp_path: Path, name: str) -> None:
    found = check("vendor's SDK", environment={"MAXIM_PATH": str(tmp_path / name), "PATH": ""})
    assert found.verdict is Verdict.BAD
    assert str(tmp_path) in found.what


def test_no_sdk_is_no_fault() -> None:
    assert check("vendor's SDK").verdict is Verdict.ABSENT

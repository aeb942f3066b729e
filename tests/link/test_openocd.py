"""OpenOCD: the vendor's fork is driven, upstream is refused, and no failure passes for success."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mxdeploy.errors import DeviceError, MxdeployError, ToolError
from mxdeploy.link import openocd
from mxdeploy.link.flash import FlashTarget
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.openocd import OpenOcd, OpenOcdMethod
from mxdeploy.link.ports import Inventory, inventory
from mxdeploy.link.virtual import RunningBoard
from mxdeploy.link.volumes import Volume
from tests.link.silent import Silent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the fake is a shell script")

FORK = "0.11.0+dev-g4f85f7914 (2021-12-16-13:50)"
UPSTREAM = "0.12.0"
GOOD = """
echo '** Programming Started **' >&2
echo '** Programming Finished **' >&2
echo '** Verify Started **' >&2
echo '** Verified OK **' >&2
echo '** Resetting Target **' >&2
"""


def install(program: Path, version: str = FORK, script: str = GOOD) -> None:
    """A program that says its version as OpenOCD does, and otherwise runs ``script``."""
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_text(
        '#!/bin/sh\nif [ "$1" = --version ]; then\n'
        f"echo 'Open On-Chip Debugger {version}' >&2; exit 0\nfi\n{script}\n"
    )
    program.chmod(0o755)


def add_scripts(folder: Path) -> Path:
    (folder / "target").mkdir(parents=True)
    (folder / openocd.TARGET_FILE).write_text("set FLASH_OPTIONS 0x01\n")
    return folder


@pytest.fixture
def sdk(tmp_path: Path) -> Path:
    """An SDK with the vendor's OpenOCD, in a folder with a blank in its name."""
    folder = tmp_path / "Maxim SDK"
    install(folder / "Tools/OpenOCD/openocd")
    add_scripts(folder / "Tools/OpenOCD/scripts")
    return folder


def environment(path: Path | None = None, sdk: Path | None = None) -> dict[str, str]:
    return {"PATH": str(path or "/nowhere")} | ({"MAXIM_PATH": str(sdk)} if sdk else {})


def test_the_forks_of_sdk_and_path_are_found(tmp_path: Path, sdk: Path) -> None:
    install(tmp_path / "usr/bin/openocd", "0.12.0+adi")
    add_scripts(tmp_path / "usr/share/openocd/scripts")
    tools = openocd.find_openocds(environment(tmp_path / "usr/bin", sdk))
    assert [(t.origin, t.version, t.problem) for t in tools] == [
        ("MAXIM_PATH", "0.11.0+dev-g4f85f7914", ""),
        ("PATH", "0.12.0+adi", ""),
    ]
    assert tools[1].scripts == tmp_path / "usr/share/openocd/scripts"


def test_upstream_is_refused_with_the_reason(tmp_path: Path) -> None:
    install(tmp_path / "bin/openocd", UPSTREAM)
    (tmp_path / "share/openocd/scripts/target").mkdir(parents=True)
    with pytest.raises(ToolError) as caught:
        openocd.require_openocd(environment(tmp_path / "bin"))
    (found,) = caught.value.diagnostics
    assert found.code == "MX7501"
    assert "0.12.0" in found.what
    assert "32-bit" in found.why
    assert "128-bit" in found.why
    assert "MAXIM_PATH" in found.fix


def test_upstream_on_the_path_does_not_hide_the_fork(tmp_path: Path, sdk: Path) -> None:
    install(tmp_path / "bin/openocd", UPSTREAM)
    tool = openocd.require_openocd(environment(tmp_path / "bin", sdk))
    assert tool.origin == "MAXIM_PATH"


def test_there_is_none() -> None:
    with pytest.raises(ToolError) as caught:
        openocd.require_openocd(environment())
    assert caught.value.diagnostics[0].code == "MX7500"
    assert caught.value.exit_code == 4


def test_one_that_does_not_start_is_named(tmp_path: Path) -> None:
    install(tmp_path / "openocd")
    (tmp_path / "openocd").write_text("#!/bin/sh\nexit 127\n")
    with pytest.raises(ToolError) as caught:
        openocd.require_openocd(environment(tmp_path))
    assert "cannot be started" in caught.value.diagnostics[0].why


def tool(folder: Path, script: str = GOOD, version: str = FORK) -> OpenOcd:
    install(folder / "Tools/OpenOCD/openocd", version, script)
    return openocd.require_openocd(environment(sdk=folder))


def test_the_command_line_word_for_word(sdk: Path) -> None:
    record = 'printf "%s\\n" "$@" > "$0.arguments"; cp firmware.bin "$0.image"'
    openocd.run(tool(sdk, record + GOOD), b"\x00\xe0\x01 image", unique_id="0444ab")
    folder = sdk / "Tools/OpenOCD"
    assert (folder / "openocd.arguments").read_text().splitlines() == [
        "-s",
        str(folder / "scripts"),
        "-f",
        "interface/cmsis-dap.cfg",
        "-c",
        "cmsis_dap_serial 0444ab",
        "-f",
        "target/max78000.cfg",
        "-c",
        "program firmware.bin verify reset exit 0x10000000",
    ]
    assert (folder / "openocd.image").read_bytes() == b"\x00\xe0\x01 image"


def test_a_newer_fork_has_another_word_for_the_adapter(sdk: Path) -> None:
    newer = tool(sdk, version="0.12.0")
    assert "adapter serial 0444ab" in openocd.command_line(newer, "0444ab")
    assert not any("serial" in word for word in openocd.command_line(newer, None))


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ("echo 'Error: unable to find a matching CMSIS-DAP device'; exit 1", "no adapter"),
        ("echo 'Error: Error connecting DP: cannot read IDR'; exit 1", "cannot reach the core"),
        ("echo 'Error: libusb_open() failed with LIBUSB_ERROR_ACCESS'; exit 1", "permission"),
        ("echo '** Programming Failed **'; exit 1", "could not be written"),
        ("echo '** Programming Finished **'; echo '** Verify Failed **'; exit 1", "differs"),
        ("exit 3", "status 3"),
        ("echo '** Programming Finished **'; exit 0", "without a verified image"),
        (GOOD + "exit 1", "status 1"),
        ("kill -9 $$", "status -9"),
    ],
)
def test_no_failure_passes_for_success(sdk: Path, script: str, told: str) -> None:
    with pytest.raises(DeviceError) as caught:
        openocd.run(tool(sdk, script), b"image")
    (found,) = caught.value.diagnostics
    assert found.code == "MX7503"
    assert told in found.what
    assert found.fix


def test_a_hang_ends_with_the_limit_and_says_so(sdk: Path) -> None:
    with pytest.raises(DeviceError, match="half written") as caught:
        openocd.run(tool(sdk, "exec sleep 60"), b"image", timeout_seconds=0.3)
    assert caught.value.diagnostics[0].code == "MX7502"


def test_a_program_that_vanished(sdk: Path) -> None:
    gone = tool(sdk)
    gone.program.unlink()
    with pytest.raises(MxdeployError, match="did not finish"):
        openocd.run(gone, b"image")


def kit(**changes: Any) -> FlashTarget:
    return FlashTarget(url="/dev/ttyUSB0", port=Silent(), baud=115200, **changes)


def adapters(*ids: str) -> Inventory:
    volumes = [Volume(path=Path("/media") / i, details={"unique id": i}) for i in ids]
    return inventory([], volumes, [])


def test_the_method_programs_the_only_adapter(sdk: Path) -> None:
    record = 'printf "%s\\n" "$@" > "$0.arguments"\n'
    tool(sdk, record + GOOD)
    method = OpenOcdMethod(lambda: adapters("0444ab"), environment(sdk=sdk))
    assert method.why_not(kit()) == ""
    image = FlashImage(path=Path("x.bin"), content=b"image")
    steps: list[tuple[str, int, int]] = []
    report = method.program(kit(), image, lambda *step: steps.append(step))
    assert (report.method, steps[-1]) == ("openocd", ("programming", 5, 5))
    assert "cmsis_dap_serial 0444ab" in (sdk / "Tools/OpenOCD/openocd.arguments").read_text()


def test_why_the_method_cannot_be_used(sdk: Path, tmp_path: Path) -> None:
    def why(found: Inventory, places: dict[str, str], **changes: Any) -> str:
        return OpenOcdMethod(lambda: found, places).why_not(kit(**changes))

    here = environment(sdk=sdk)
    assert "neither in MAXIM_PATH nor on the PATH" in why(adapters("a"), environment())
    assert "no debug adapter" in why(adapters(), here)
    assert "--probe" in why(adapters("a", "b"), here)
    assert why(adapters("a", "b"), here, probe="B") == ""
    virtual = RunningBoard(board="max78000evkit", port="p", control="c", pid=1)
    assert "virtual board" in why(adapters("a"), here, virtual=virtual)
    install(tmp_path / "bin/openocd", UPSTREAM)
    assert "32-bit" in why(adapters("a"), environment(tmp_path / "bin"))

"""Drives of DAPLink adapters: found by their mount table, read by their DETAILS.TXT."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.link import volumes

UNIQUE_ID = "0444170169C5C14600000000000000000000000097969906"
DETAILS = f"""# DAPLink Firmware - see https://mbed.com/daplink
Unique ID: {UNIQUE_ID}
HIC ID: 97969906
Automation allowed: 0
Daplink Mode: Interface
Interface Version: 0256
URL: https://os.mbed.com/?code=0444
"""


def test_details_are_read_as_keys_and_values(tmp_path: Path) -> None:
    (tmp_path / "DETAILS.TXT").write_text(DETAILS)
    volume = volumes.read_volume(tmp_path)
    assert volume is not None
    assert volume.unique_id == UNIQUE_ID.lower()
    assert volume.firmware == "0256"
    assert not volume.maintenance
    assert volume.details["url"] == "https://os.mbed.com/?code=0444"


def test_a_drive_that_writes_small_letters(tmp_path: Path) -> None:
    (tmp_path / "details.txt").write_bytes(DETAILS.replace("\n", "\r\n").encode())
    volume = volumes.read_volume(tmp_path)
    assert volume is not None
    assert volume.unique_id == UNIQUE_ID.lower()


def test_the_bootloader_of_an_adapter_is_told_from_its_firmware(tmp_path: Path) -> None:
    (tmp_path / "DETAILS.TXT").write_text(DETAILS.replace("Mode: Interface", "Mode: Bootloader"))
    volume = volumes.read_volume(tmp_path)
    assert volume is not None
    assert volume.maintenance


@pytest.mark.parametrize("content", [None, b"", b"holiday photographs\n", bytes(range(256)) * 500])
def test_other_drives_are_no_adapters(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "DETAILS.TXT").write_bytes(content)
    assert volumes.find_volumes([tmp_path, tmp_path / "gone"]) == ()


def test_mount_table_of_linux() -> None:
    table = (
        "sysfs /sys sysfs rw 0 0\n"
        "/dev/sdb /media/me/DAPLINK vfat rw,nosuid 0 0\n"
        "/dev/sdc /media/me/DAP\\040LINK\\0402 vfat rw 0 0\n"
        "/dev/sdd /media/me/b\\303\\274ro msdos rw 0 0\n"
        "server:/x /home nfs rw 0 0\n"
        "broken\n"
    )
    assert volumes.parse_mounts(table) == (
        Path("/media/me/DAPLINK"),
        Path("/media/me/DAP LINK 2"),
        Path("/media/me/büro"),
    )

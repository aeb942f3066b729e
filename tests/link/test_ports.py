"""What is plugged in, told by USB numbers, serial numbers and drives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from mxdeploy.link.ports import inventory
from mxdeploy.link.virtual import RunningBoard
from mxdeploy.link.volumes import Volume

FEATHER_ID = "0444170169C5C14600000000000000000000000097969906"
PICO_ID = "04091702a5b1c14600000000000000000000000097969906"


@dataclass
class Port:
    """As pyserial describes one."""

    device: str
    description: str | None = "n/a"
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None


FEATHER = Port("/dev/ttyACM0", "DAPLink CMSIS-DAP", 0x0D28, 0x0204, FEATHER_ID)
BRIDGE = Port("/dev/ttyUSB0", "FT230X Basic UART", 0x0403, 0x6015, "D30A1BCD")
ADAPTER = Port("/dev/ttyACM1", "DAPLink CMSIS-DAP", 0x0D28, 0x0204, PICO_ID)


def drive(unique_id: str, **details: str) -> Volume:
    return Volume(path=Path("/media/DAPLINK"), details={"unique id": unique_id, **details})


def test_the_feather_board_is_port_adapter_and_drive_in_one() -> None:
    found = inventory([FEATHER], [drive(FEATHER_ID, **{"interface version": "0256"})], [])
    port = found.port("/dev/ttyACM0")
    assert port is not None
    assert port.usb == "0d28:0204"
    assert port.console_of == ("max78000fthr",)
    assert set(port.probe_of) == {"max78000fthr", "max78000evkit"}
    (probe,) = found.probes
    assert probe.unique_id == FEATHER_ID.lower()
    assert probe.port == "/dev/ttyACM0"
    assert probe.volume == Path("/media/DAPLINK")
    assert probe.firmware == "0256"
    assert not probe.wrong_target


def test_the_kit_is_a_bridge_and_an_adapter_that_do_not_know_each_other() -> None:
    found = inventory([BRIDGE, ADAPTER], [], [])
    bridge = found.port("/dev/ttyUSB0")
    assert bridge is not None
    assert bridge.console_of == ("max78000evkit",)
    assert bridge.probe_of == ()
    (probe,) = found.probes
    assert (probe.unique_id, probe.port, probe.volume) == (PICO_ID, "/dev/ttyACM1", None)
    assert probe.wrong_target
    assert "MAX32630FTHR" in probe.text


def test_a_drive_without_a_port_is_an_adapter_too() -> None:
    found = inventory([], [drive(FEATHER_ID, **{"daplink mode": "Bootloader"})], [])
    (probe,) = found.probes
    assert probe.port is None
    assert probe.maintenance


def test_other_ports_keep_their_own_words() -> None:
    found = inventory(
        [Port("/dev/ttyS0"), Port("COM7", "USB-SERIAL CH340", 0x1A86, 0x7523)], [], []
    )
    assert [(p.device, p.usb, p.text) for p in found.ports] == [
        ("/dev/ttyS0", "", ""),
        ("COM7", "1a86:7523", "USB-SERIAL CH340"),
    ]
    assert found.probes == ()
    assert all(not p.console_of and not p.probe_of for p in found.ports)


def test_the_probe_is_found_whatever_the_case_of_its_id() -> None:
    found = inventory([FEATHER], [], [])
    assert found.probe(FEATHER_ID) is found.probes[0]
    assert found.probe("00") is None


def test_as_json() -> None:
    running = RunningBoard(board="max78000fthr", port="/dev/pts/3", control="socket://x:1", pid=7)
    document = inventory([FEATHER], [drive(FEATHER_ID)], [running]).to_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["virtual_boards"][0]["port"] == "/dev/pts/3"
    assert document["probes"][0]["volume"] == "/media/DAPLINK"

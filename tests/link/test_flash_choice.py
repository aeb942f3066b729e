"""Which way to program is taken: the order of each board, and why the others were missed."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from mxdeploy.errors import DeviceError
from mxdeploy.link.flash import FlashMethod, FlashReport, FlashTarget, Progress, choose, order
from mxdeploy.link.flash_image import FlashImage
from mxdeploy.link.flash_run import methods
from mxdeploy.link.virtual import RunningBoard
from tests.link.silent import target

VIRTUAL = RunningBoard(board="max78000fthr", port="p", control="c", pid=1)


def fake(method: str, reason: str = "") -> FlashMethod:
    class Fake(FlashMethod):
        """Usable unless it has a reason."""

        name: ClassVar[str] = method

        def why_not(self, target: FlashTarget) -> str:  # noqa: ARG002
            return reason

        def program(
            self, target: FlashTarget, image: FlashImage, progress: Progress
        ) -> FlashReport:
            raise AssertionError((target, image, progress))

    return Fake()


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"virtual": VIRTUAL, "board": "max78000fthr"}, ("bootloader",)),
        ({"prompt_seen": True, "board": "max78000evkit"}, ("bootloader",)),
        ({"board": "max78000fthr"}, ("daplink", "openocd", "pyocd")),
        ({"board": "max78000evkit"}, ("openocd", "pyocd", "daplink")),
    ],
)
def test_the_order_of_each_board(changes: dict[str, Any], first: tuple[str, ...]) -> None:
    assert order(target(**changes))[: len(first)] == first


def test_every_method_of_every_order_exists() -> None:
    boards = ("max78000fthr", "max78000evkit", "")
    names = {name for board in boards for name in order(target(board=board))}
    assert names == {method.name for method in methods()}


def test_each_miss_is_explained() -> None:
    ways = [fake("daplink", "no drive"), fake("openocd", "upstream"), fake("pyocd")]
    chosen = choose(ways, target(board="max78000fthr"))
    assert chosen.method.name == "pyocd"
    assert chosen.missed == (("daplink", "no drive"), ("openocd", "upstream"))
    assert "max78000fthr" in chosen.why


def test_what_the_user_wants_is_not_replaced_by_something_else() -> None:
    ways = [fake("daplink"), fake("openocd", "not installed")]
    assert choose(ways, target(board="max78000evkit"), "daplink").method.name == "daplink"
    with pytest.raises(DeviceError, match="openocd: not installed"):
        choose(ways, target(board="max78000fthr"), "openocd")


def test_no_way_at_all_tells_every_reason() -> None:
    ways = [fake("daplink", "no drive"), fake("openocd", "none"), fake("pyocd", "no adapter")]
    with pytest.raises(DeviceError) as caught:
        choose(ways, target(board="max78000evkit"))
    why = caught.value.diagnostics[0].why
    assert [part.split(":")[0] for part in why.split("; ")] == ["openocd", "pyocd", "daplink"]


def test_no_adapter_method_takes_a_virtual_board() -> None:
    virtual = target(virtual=VIRTUAL)
    reasons = {m.name: m.why_not(virtual) for m in methods() if m.name != "bootloader"}
    assert set(reasons) == {"daplink", "openocd", "pyocd"}
    assert all(reasons.values())

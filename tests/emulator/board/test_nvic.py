"""Which exception runs next; the rules are those of the Armv7-M reference manual, B1.5."""

from __future__ import annotations

import pytest

from mxdeploy.emulator.board.nvic import Nvic

SYSTICK, PENDSV, IRQ3, IRQ5 = 15, 14, 19, 21
NO_MASKS = (0, 0, 0)


@pytest.fixture
def nvic() -> Nvic:
    controller = Nvic()
    controller.enabled[IRQ3] = controller.enabled[IRQ5] = True
    return controller


def test_disabled_interrupts_stay_pending(nvic: Nvic) -> None:
    nvic.enabled[IRQ3] = False
    nvic.pend(IRQ3)
    assert nvic.next_exception(*NO_MASKS) is None
    nvic.enabled[IRQ3] = True
    assert nvic.next_exception(*NO_MASKS) == IRQ3


def test_priority_decides_then_the_number(nvic: Nvic) -> None:
    nvic.pend(IRQ5)
    nvic.pend(IRQ3)
    assert nvic.next_exception(*NO_MASKS) == IRQ3
    nvic.set_priority(IRQ3, 0x20)
    assert nvic.next_exception(*NO_MASKS) == IRQ5


def test_only_three_priority_bits_exist(nvic: Nvic) -> None:
    nvic.set_priority(IRQ3, 0x1F)
    assert nvic.priority[IRQ3] == 0


def test_equal_priority_does_not_preempt(nvic: Nvic) -> None:
    nvic.set_priority(IRQ3, 0x40)
    nvic.set_priority(IRQ5, 0x40)
    nvic.enter(IRQ5)
    nvic.pend(IRQ3)
    assert nvic.next_exception(*NO_MASKS) is None
    nvic.set_priority(IRQ3, 0x20)
    assert nvic.next_exception(*NO_MASKS) == IRQ3


def test_a_group_does_not_preempt_itself(nvic: Nvic) -> None:
    nvic.set_group(6)  # only bit 7 decides about preemption
    nvic.set_priority(IRQ3, 0x20)
    nvic.set_priority(IRQ5, 0x60)
    nvic.enter(IRQ5)
    nvic.pend(IRQ3)
    assert nvic.next_exception(*NO_MASKS) is None


@pytest.mark.parametrize(
    ("masks", "expected"),
    [((1, 0, 0), None), ((0, 0x40, 0), None), ((0, 0x80, 0), IRQ3), ((0, 0, 1), None)],
)
def test_masks(nvic: Nvic, masks: tuple[int, int, int], expected: int | None) -> None:
    nvic.set_priority(IRQ3, 0x40)
    nvic.pend(IRQ3)
    assert nvic.next_exception(*masks) == expected


def test_primask_does_not_keep_the_core_asleep(nvic: Nvic) -> None:
    nvic.pend(IRQ3)
    assert nvic.next_exception(1, 0, 0) is None
    assert nvic.wakes(0)
    nvic.set_priority(IRQ3, 0xC0)
    assert not nvic.wakes(0x40)


def test_nmi_passes_all_masks(nvic: Nvic) -> None:
    nvic.pend(2)
    assert nvic.next_exception(1, 0x20, 1) == 2


def test_a_line_that_stays_high_interrupts_again(nvic: Nvic) -> None:
    nvic.set_level(3, high=True)
    nvic.enter(IRQ3)
    nvic.set_level(3, high=True)
    assert nvic.next_exception(*NO_MASKS) is None
    nvic.leave(IRQ3)
    assert nvic.next_exception(*NO_MASKS) == IRQ3
    nvic.enter(IRQ3)
    nvic.set_level(3, high=False)
    nvic.leave(IRQ3)
    assert nvic.next_exception(*NO_MASKS) is None


def test_system_exceptions_are_always_enabled(nvic: Nvic) -> None:
    nvic.set_priority(SYSTICK, 0x20)
    nvic.set_priority(PENDSV, 0xE0)
    nvic.pend(PENDSV)
    nvic.pend(SYSTICK)
    assert nvic.next_exception(*NO_MASKS) == SYSTICK

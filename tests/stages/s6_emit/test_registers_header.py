"""The C header of the microcontroller: facts of the device headers, and it is plain C."""

from __future__ import annotations

import re

import pytest

from mxdeploy.stages.s6_emit.registers_header import registers_header


@pytest.fixture(scope="module")
def defines() -> dict[str, str]:
    """Name -> text of every object-like definition."""
    return dict(re.findall(r"^#define (\w+) (\w+)$", registers_header(), re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MXC_GCR_CLKCTRL", "0x40000008u"),
        ("MXC_GCR_CLKCTRL_IPO_EN", "0x00080000u"),
        ("MXC_GCR_CLKCTRL_SYSCLK_SEL", "0x00000e00u"),
        ("MXC_GCR_PCLKDIS0_CNN", "0x02000000u"),
        ("MXC_GCFR_REG3", "0x4000580cu"),
        ("MXC_UART0_FIFO", "0x40042020u"),
        ("MXC_UART1_STATUS", "0x40043004u"),
        ("MXC_UART0_CTRL_BCLKRDY", "0x00080000u"),
        ("MXC_TMR0_CTRL1_CASCADE", "0x80000000u"),
        ("MXC_GPIO2_BASE", "0x40080400u"),
        ("MXC_ICC0_INVALIDATE", "0x4002a700u"),
        ("MXC_SIMO_VREGO_C", "0x4000440cu"),
        ("MXC_SYSTICK_SYST_CSR", "0xe000e010u"),
        ("MXC_SCB_VTOR", "0xe000ed08u"),
        ("MXC_IRQ_CNN", "101"),
        ("MXC_IRQ_COUNT", "104"),
    ],
)
def test_facts(defines: dict[str, str], name: str, value: str) -> None:
    assert defines[name] == value


def test_repeated_registers_take_an_index() -> None:
    assert "#define MXC_NVIC_ISER(index) (0xe000e100u + 4u * (index))" in registers_header()


def test_every_name_is_defined_once() -> None:
    names = re.findall(r"^#define (\w+)", registers_header(), re.MULTILINE)
    assert len(names) > 1000
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"M[A-Z0-9_]+", name) for name in names)

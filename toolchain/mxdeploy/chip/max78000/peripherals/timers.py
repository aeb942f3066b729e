"""Timers: TMR, watchdog (WDT), wake-up timer (WUT); and the random number generator (TRNG).

A timer's count goes from CMP back to 1, not 0, on the clock after the two are equal.
"""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

MODES = {
    0: "one-shot", 1: "continuous", 2: "counter", 3: "PWM", 4: "capture", 5: "compare",
    6: "gated", 7: "capture/compare", 8: "dual edge", 14: "internally gated",
}  # fmt: skip
PRESCALERS = {n: f"/{1 << n}" for n in range(13)}


class Count(PeripheralRegister, block="TMR", offset=0x00, mnemonic="TMR_CNT"):
    """Current count."""

    count_value: int = bits(31, 0, doc="count")


class Compare(PeripheralRegister, block="TMR", offset=0x04, mnemonic="TMR_CMP"):
    """End of the period."""

    compare: int = bits(31, 0, doc="the period ends one clock after CNT reaches this")


class Pwm(PeripheralRegister, block="TMR", offset=0x08, mnemonic="TMR_PWM"):
    """PWM edge, or captured count."""

    pwm: int = bits(31, 0, doc="count")


class InterruptFlags(PeripheralRegister, block="TMR", offset=0x0C, mnemonic="TMR_INTFL"):
    """Flags; the user guide exchanges wrdone_b and wr_dis_b."""

    irq_a: int = bits(0, doc="period of timer A over; write 1 to clear")
    wrdone_a: int = bits(8, doc="a write to CNT or PWM has arrived", access="r")
    wr_dis_a: int = bits(9, doc="timer A ignores writes in dual mode")
    irq_b: int = bits(16, doc="period of timer B over; write 1 to clear")
    wrdone_b: int = bits(24, doc="a write to timer B has arrived", access="r")
    wr_dis_b: int = bits(25, doc="timer B ignores writes in dual mode")


class Control0(PeripheralRegister, block="TMR", offset=0x10, mnemonic="TMR_CTRL0"):
    """Mode, prescaler and enables of the two halves."""

    mode_a: int = bits(3, 0, doc="mode", values=MODES)
    clkdiv_a: int = bits(7, 4, doc="prescaler", values=PRESCALERS)
    pol_a: int = bits(8, doc="polarity of the pin")
    pwmsync_a: int = bits(9, doc="PWM synchronisation")
    nolhpol_a: int = bits(10, doc="polarity of the high non-overlapping output")
    nollpol_a: int = bits(11, doc="polarity of the low non-overlapping output")
    pwmckbd_a: int = bits(12, doc="second PWM output off", default=1)
    rst_a: int = bits(13, doc="reset timer A; clears itself")
    clken_a: int = bits(14, doc="clock on; CTRL1.clkrdy_a follows")
    en_a: int = bits(15, doc="timer runs; CTRL1.clken_a follows")
    mode_b: int = bits(19, 16, doc="mode", values=MODES)
    clkdiv_b: int = bits(23, 20, doc="prescaler", values=PRESCALERS)
    pol_b: int = bits(24, doc="polarity of the pin")
    pwmsync_b: int = bits(25, doc="PWM synchronisation")
    nolhpol_b: int = bits(26, doc="polarity of the high non-overlapping output")
    nollpol_b: int = bits(27, doc="polarity of the low non-overlapping output")
    pwmckbd_b: int = bits(28, doc="second PWM output off")
    rst_b: int = bits(29, doc="reset timer B; clears itself")
    clken_b: int = bits(30, doc="clock on")
    en_b: int = bits(31, doc="timer runs")


class NonOverlap(PeripheralRegister, block="TMR", offset=0x14, mnemonic="TMR_NOLCMP"):
    """Dead times of the non-overlapping outputs."""

    lo_a: int = bits(7, 0, doc="low output, timer A")
    hi_a: int = bits(15, 8, doc="high output, timer A")
    lo_b: int = bits(23, 16, doc="low output, timer B")
    hi_b: int = bits(31, 24, doc="high output, timer B")


class Control1(PeripheralRegister, block="TMR", offset=0x18, mnemonic="TMR_CTRL1"):
    """Clock source, interrupt enable, events and cascading.

    Clock sources: TMR0-3: 0 PCLK, 1 ISO, 2 IBRO, 3 ERTCO; TMR4: 0 IBRO, 1 ERTCO, 2 INRO, 3 pin
    P2.6; TMR5: 0 IBRO, 1 IBRO/8, 2 INRO, 3 pin P2.7.
    """

    clksel_a: int = bits(1, 0, doc="clock source (see above)")
    clken_a: int = bits(2, doc="the timer is enabled", access="r")
    clkrdy_a: int = bits(3, doc="the clock is ready", access="r")
    event_sel_a: int = bits(6, 4, doc="event source")
    negtrig_a: int = bits(7, doc="event on the falling edge")
    ie_a: int = bits(8, doc="interrupt enable")
    capevent_sel_a: int = bits(10, 9, doc="capture event")
    sw_capevent_a: int = bits(11, doc="capture now")
    we_a: int = bits(12, doc="wake-up enable")
    outen_a: int = bits(13, doc="pin is an output")
    outben_a: int = bits(14, doc="second pin is an output")
    clksel_b: int = bits(17, 16, doc="clock source; the same as clksel_a when cascaded")
    clken_b: int = bits(18, doc="the timer is enabled", access="r")
    clkrdy_b: int = bits(19, doc="the clock is ready", access="r")
    event_sel_b: int = bits(22, 20, doc="event source")
    negtrig_b: int = bits(23, doc="event on the falling edge")
    ie_b: int = bits(24, doc="interrupt enable")
    capevent_sel_b: int = bits(26, 25, doc="capture event")
    sw_capevent_b: int = bits(27, doc="capture now")
    we_b: int = bits(28, doc="wake-up enable")
    cascade: int = bits(31, doc="one 32-bit timer instead of two 16-bit timers")


class WakeFlags(PeripheralRegister, block="TMR", offset=0x1C, mnemonic="TMR_WKFL"):
    """Wake-up flags."""

    a: int = bits(0, doc="timer A woke the chip", default=1)
    b: int = bits(16, doc="timer B woke the chip", default=1)


TMR = Block(
    name="TMR",
    title="timer, one of 32 bits or two of 16 bits",
    registers=(
        Count, Compare, Pwm, InterruptFlags, Control0, NonOverlap, Control1, WakeFlags,
    ),
)  # fmt: skip

# --- WDT: watchdog ------------------------------------------------------------------------------


class WatchdogControl(PeripheralRegister, block="WDT", offset=0x0, mnemonic="WDT_CTRL"):
    """Enables, flags and periods (2**(31 - field) clocks)."""

    int_late_val: int = bits(3, 0, doc="interrupt period")
    rst_late_val: int = bits(7, 4, doc="reset period")
    en: int = bits(8, doc="watchdog runs")
    int_late: int = bits(9, doc="interrupt period over")
    wdt_int_en: int = bits(10, doc="interrupt enable")
    wdt_rst_en: int = bits(11, doc="reset enable")
    int_early: int = bits(12, doc="fed too early: interrupt")
    int_early_val: int = bits(19, 16, doc="earliest feeding before the interrupt")
    rst_early_val: int = bits(23, 20, doc="earliest feeding before the reset")
    clkrdy_ie: int = bits(27, doc="interrupt when the clock is ready")
    clkrdy: int = bits(28, doc="the clock is ready", access="r")
    win_en: int = bits(29, doc="window mode")
    rst_early: int = bits(30, doc="last reset: fed too early")
    rst_late: int = bits(31, doc="last reset: fed too late")


class WatchdogReset(PeripheralRegister, block="WDT", offset=0x4, access="w", mnemonic="WDT_RST"):
    """Feeding sequence: 0xA5, then 0x5A."""

    reset: int = bits(7, 0, doc="next byte of the sequence", access="w")


class WatchdogClock(PeripheralRegister, block="WDT", offset=0x8, mnemonic="WDT_CLKSEL"):
    """Clock source."""

    source_select: int = bits(2, 0, doc="source")


class WatchdogCount(PeripheralRegister, block="WDT", offset=0xC, access="r", mnemonic="WDT_CNT"):
    """Current count."""

    count_value: int = bits(31, 0, doc="count", access="r")


WDT = Block(
    name="WDT",
    title="watchdog",
    registers=(WatchdogControl, WatchdogReset, WatchdogClock, WatchdogCount),
)

# --- WUT: wake-up timer -------------------------------------------------------------------------


class WakeupCount(PeripheralRegister, block="WUT", offset=0x00, mnemonic="WUT_CNT"):
    """Current count."""

    count_value: int = bits(31, 0, doc="count")


class WakeupCompare(PeripheralRegister, block="WUT", offset=0x04, mnemonic="WUT_CMP"):
    """End of the period."""

    compare: int = bits(31, 0, doc="count")


class WakeupPwm(PeripheralRegister, block="WUT", offset=0x08, mnemonic="WUT_PWM"):
    """PWM edge."""

    pwm: int = bits(31, 0, doc="count")


class WakeupInterrupt(PeripheralRegister, block="WUT", offset=0x0C, mnemonic="WUT_INTR"):
    """Interrupt flag."""

    irq_clr: int = bits(0, doc="flag; write 1 to clear")


class WakeupControl(PeripheralRegister, block="WUT", offset=0x10, mnemonic="WUT_CTRL"):
    """Mode, prescaler and enable."""

    tmode: int = bits(2, 0, doc="mode", values={n: MODES[n] for n in range(8)})
    pres: int = bits(5, 3, doc="prescaler", values={n: PRESCALERS[n] for n in range(8)})
    tpol: int = bits(6, doc="polarity of the pin")
    ten: int = bits(7, doc="timer runs")
    pres3: int = bits(8, doc="highest bit of the prescaler")
    pwmsync: int = bits(9, doc="PWM synchronisation")
    nolhpol: int = bits(10, doc="polarity of the high non-overlapping output")
    nollpol: int = bits(11, doc="polarity of the low non-overlapping output")
    pwmckbd: int = bits(12, doc="second PWM output off")


class WakeupNonOverlap(PeripheralRegister, block="WUT", offset=0x14, mnemonic="WUT_NOLCMP"):
    """Dead times."""

    nollcmp: int = bits(7, 0, doc="low output")
    nolhcmp: int = bits(15, 8, doc="high output")


class WakeupPreset(PeripheralRegister, block="WUT", offset=0x18, mnemonic="WUT_PRESET"):
    """Preset count."""

    value: int = bits(31, 0, doc="count")


class WakeupReload(PeripheralRegister, block="WUT", offset=0x1C, mnemonic="WUT_RELOAD"):
    """Reload count."""

    value: int = bits(31, 0, doc="count")


class WakeupSnapshot(PeripheralRegister, block="WUT", offset=0x20, mnemonic="WUT_SNAPSHOT"):
    """Count at the last snapshot."""

    value: int = bits(31, 0, doc="count")


WUT = Block(
    name="WUT",
    title="wake-up timer",
    registers=(
        WakeupCount, WakeupCompare, WakeupPwm, WakeupInterrupt, WakeupControl, WakeupNonOverlap,
        WakeupPreset, WakeupReload, WakeupSnapshot,
    ),
)  # fmt: skip

# --- TRNG: random numbers -----------------------------------------------------------------------


class RandomControl(PeripheralRegister, block="TRNG", offset=0x0, mnemonic="TRNG_CTRL"):
    """Interrupt and AES keys."""

    rnd_ie: int = bits(1, doc="interrupt when a number is ready")
    keygen: int = bits(3, doc="make an AES key")
    keywipe: int = bits(15, doc="erase the AES key")


class RandomStatus(
    PeripheralRegister, block="TRNG", offset=0x4, access="r", mnemonic="TRNG_STATUS"
):
    """Readiness."""

    rdy: int = bits(0, doc="a number is ready", access="r")


class RandomData(PeripheralRegister, block="TRNG", offset=0x8, access="r", mnemonic="TRNG_DATA"):
    """The number."""

    data: int = bits(31, 0, doc="32 random bits", access="r")


TRNG = Block(
    name="TRNG",
    title="random number generator",
    registers=(RandomControl, RandomStatus, RandomData),
)

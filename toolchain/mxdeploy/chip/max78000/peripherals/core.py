"""Private peripherals of the Arm Cortex-M4F core: SysTick, NVIC, SCB, FPU, DWT, debug.

Source: the ARMv7-M architecture; reset values of a Cortex-M4 r0p1.
"""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.peripherals.model import Block, PeripheralRegister

ARM = "ARMv7-M architecture"
NVIC_WORDS = 4
"""32-line words of the interrupt controller that this chip's 104 lines need."""
NVIC_LINES = 104
PRIORITY_BITS = 3


class SysTickControl(
    PeripheralRegister, block="SYSTICK", offset=0x0, mnemonic="SYST_CSR", source=ARM
):
    """Control and status."""

    enable: int = bits(0, doc="counter runs")
    tickint: int = bits(1, doc="exception at zero")
    clksource: int = bits(2, doc="clock", values={0: "external", 1: "core clock"})
    countflag: int = bits(16, doc="reached zero since the last read", access="r")


class SysTickReload(
    PeripheralRegister, block="SYSTICK", offset=0x4, mnemonic="SYST_RVR", source=ARM
):
    """Value after zero."""

    reload: int = bits(23, 0, doc="period - 1")


class SysTickCurrent(
    PeripheralRegister, block="SYSTICK", offset=0x8, mnemonic="SYST_CVR", source=ARM
):
    """Current count; any write clears it."""

    current: int = bits(31, 0, doc="count (24 bits)")


class SysTickCalibration(
    PeripheralRegister, block="SYSTICK", offset=0xC, access="r", mnemonic="SYST_CALIB", source=ARM
):
    """Calibration."""

    tenms: int = bits(23, 0, doc="reload value for 10 ms", access="r")
    skew: int = bits(30, doc="tenms is not exact", access="r")
    noref: int = bits(31, doc="no external clock", access="r")


SYSTICK = Block(
    name="SYSTICK",
    title="system timer of the core, counts down",
    registers=(SysTickControl, SysTickReload, SysTickCurrent, SysTickCalibration),
)


class InterruptSetEnable(
    PeripheralRegister, block="NVIC", offset=0x000, count=NVIC_WORDS, mnemonic="NVIC_ISER",
    source=ARM,
):  # fmt: skip
    """Enable interrupts."""

    setena: int = bits(31, 0, doc="1 = enable; line 32 * n + bit")


class InterruptClearEnable(
    PeripheralRegister, block="NVIC", offset=0x080, count=NVIC_WORDS, mnemonic="NVIC_ICER",
    source=ARM,
):  # fmt: skip
    """Disable interrupts."""

    clrena: int = bits(31, 0, doc="1 = disable; line 32 * n + bit")


class InterruptSetPending(
    PeripheralRegister, block="NVIC", offset=0x100, count=NVIC_WORDS, mnemonic="NVIC_ISPR",
    source=ARM,
):  # fmt: skip
    """Make interrupts pending."""

    setpend: int = bits(31, 0, doc="1 = pending; line 32 * n + bit")


class InterruptClearPending(
    PeripheralRegister, block="NVIC", offset=0x180, count=NVIC_WORDS, mnemonic="NVIC_ICPR",
    source=ARM,
):  # fmt: skip
    """Forget pending interrupts."""

    clrpend: int = bits(31, 0, doc="1 = forget; line 32 * n + bit")


class InterruptActive(
    PeripheralRegister, block="NVIC", offset=0x200, count=NVIC_WORDS, access="r",
    mnemonic="NVIC_IABR", source=ARM,
):  # fmt: skip
    """Interrupts being served."""

    active: int = bits(31, 0, doc="1 = active; line 32 * n + bit", access="r")


class InterruptPriority(
    PeripheralRegister, block="NVIC", offset=0x300, count=NVIC_LINES // 4, mnemonic="NVIC_IPR",
    source=ARM,
):  # fmt: skip
    """Priorities of four lines; bits 7:5 of each byte exist."""

    priority_0: int = bits(7, 0, doc="line 4 * n")
    priority_1: int = bits(15, 8, doc="line 4 * n + 1")
    priority_2: int = bits(23, 16, doc="line 4 * n + 2")
    priority_3: int = bits(31, 24, doc="line 4 * n + 3")


NVIC = Block(
    name="NVIC",
    title="interrupt controller of the core",
    registers=(
        InterruptSetEnable, InterruptClearEnable, InterruptSetPending, InterruptClearPending,
        InterruptActive, InterruptPriority,
    ),
)  # fmt: skip


class CpuId(
    PeripheralRegister, block="SCB", offset=0x00, access="r", mnemonic="SCB_CPUID", source=ARM
):
    """Identity of the core."""

    revision: int = bits(3, 0, doc="patch", default=1, access="r")
    partno: int = bits(15, 4, doc="part", default=0xC24, access="r")
    architecture: int = bits(19, 16, doc="architecture", default=0xF, access="r")
    variant: int = bits(23, 20, doc="revision", access="r")
    implementer: int = bits(31, 24, doc="implementer (Arm)", default=0x41, access="r")


class InterruptControlState(
    PeripheralRegister, block="SCB", offset=0x04, mnemonic="SCB_ICSR", source=ARM
):
    """Pending and active exceptions."""

    vectactive: int = bits(8, 0, doc="exception being served", access="r")
    rettobase: int = bits(11, doc="no other exception is active", access="r")
    vectpending: int = bits(20, 12, doc="highest pending exception", access="r")
    isrpending: int = bits(22, doc="an interrupt is pending", access="r")
    isrpreempt: int = bits(23, doc="a pending interrupt will be served", access="r")
    pendstclr: int = bits(25, doc="forget pending SysTick", access="w")
    pendstset: int = bits(26, doc="SysTick pending")
    pendsvclr: int = bits(27, doc="forget pending PendSV", access="w")
    pendsvset: int = bits(28, doc="PendSV pending")
    nmipendset: int = bits(31, doc="NMI pending")


class VectorTable(PeripheralRegister, block="SCB", offset=0x08, mnemonic="SCB_VTOR", source=ARM):
    """Address of the vector table."""

    tbloff: int = bits(31, 7, doc="address / 128")


class ResetControl(PeripheralRegister, block="SCB", offset=0x0C, mnemonic="SCB_AIRCR", source=ARM):
    """Priority grouping and reset; writes need the key."""

    vectreset: int = bits(0, doc="debug only", access="w")
    vectclractive: int = bits(1, doc="debug only", access="w")
    sysresetreq: int = bits(2, doc="request a system reset", access="w")
    prigroup: int = bits(10, 8, doc="priority grouping")
    endianness: int = bits(15, doc="0 = little endian", access="r")
    vectkey: int = bits(31, 16, doc="write 0x5FA, reads 0xFA05", default=0xFA05)


class SystemControl(PeripheralRegister, block="SCB", offset=0x10, mnemonic="SCB_SCR", source=ARM):
    """Sleep behaviour."""

    sleeponexit: int = bits(1, doc="sleep on return from an exception")
    sleepdeep: int = bits(2, doc="deep sleep")
    sevonpend: int = bits(4, doc="a pending interrupt is an event")


class Configuration(PeripheralRegister, block="SCB", offset=0x14, mnemonic="SCB_CCR", source=ARM):
    """Traps and stack alignment."""

    nonbasethrdena: int = bits(0, doc="thread mode from any exception")
    usersetmpend: int = bits(1, doc="unprivileged software interrupts")
    unalign_trp: int = bits(3, doc="trap unaligned accesses")
    div_0_trp: int = bits(4, doc="trap division by zero")
    bfhfnmign: int = bits(8, doc="ignore bus faults in HardFault and NMI")
    stkalign: int = bits(9, doc="align the stack to 8 bytes", default=1)


class HandlerPriority(
    PeripheralRegister, block="SCB", offset=0x18, count=3, mnemonic="SCB_SHPR", source=ARM
):
    """Priorities of the system exceptions 4-7, 8-11, 12-15."""

    priority_0: int = bits(7, 0, doc="exception 4 * n + 4")
    priority_1: int = bits(15, 8, doc="exception 4 * n + 5")
    priority_2: int = bits(23, 16, doc="exception 4 * n + 6")
    priority_3: int = bits(31, 24, doc="exception 4 * n + 7")


class HandlerControl(
    PeripheralRegister, block="SCB", offset=0x24, mnemonic="SCB_SHCSR", source=ARM
):
    """System exceptions: active, pending, enabled."""

    memfaultact: int = bits(0, doc="MemManage active")
    busfaultact: int = bits(1, doc="BusFault active")
    usgfaultact: int = bits(3, doc="UsageFault active")
    svcallact: int = bits(7, doc="SVCall active")
    monitoract: int = bits(8, doc="DebugMonitor active")
    pendsvact: int = bits(10, doc="PendSV active")
    systickact: int = bits(11, doc="SysTick active")
    usgfaultpended: int = bits(12, doc="UsageFault pending")
    memfaultpended: int = bits(13, doc="MemManage pending")
    busfaultpended: int = bits(14, doc="BusFault pending")
    svcallpended: int = bits(15, doc="SVCall pending")
    memfaultena: int = bits(16, doc="MemManage enabled")
    busfaultena: int = bits(17, doc="BusFault enabled")
    usgfaultena: int = bits(18, doc="UsageFault enabled")


class FaultStatus(PeripheralRegister, block="SCB", offset=0x28, mnemonic="SCB_CFSR", source=ARM):
    """Why a fault was taken; write 1 to clear."""

    iaccviol: int = bits(0, doc="MemManage: instruction fetch refused")
    daccviol: int = bits(1, doc="MemManage: data access refused")
    munstkerr: int = bits(3, doc="MemManage: on exception return")
    mstkerr: int = bits(4, doc="MemManage: on exception entry")
    mlsperr: int = bits(5, doc="MemManage: saving the FPU state")
    mmarvalid: int = bits(7, doc="MMFAR holds the address")
    ibuserr: int = bits(8, doc="BusFault: instruction fetch")
    preciserr: int = bits(9, doc="BusFault: precise data access")
    impreciserr: int = bits(10, doc="BusFault: imprecise data access")
    unstkerr: int = bits(11, doc="BusFault: on exception return")
    stkerr: int = bits(12, doc="BusFault: on exception entry")
    lsperr: int = bits(13, doc="BusFault: saving the FPU state")
    bfarvalid: int = bits(15, doc="BFAR holds the address")
    undefinstr: int = bits(16, doc="UsageFault: undefined instruction")
    invstate: int = bits(17, doc="UsageFault: not Thumb state")
    invpc: int = bits(18, doc="UsageFault: bad exception return")
    nocp: int = bits(19, doc="UsageFault: FPU or coprocessor off")
    unaligned: int = bits(24, doc="UsageFault: unaligned access")
    divbyzero: int = bits(25, doc="UsageFault: division by zero")


class HardFaultStatus(
    PeripheralRegister, block="SCB", offset=0x2C, mnemonic="SCB_HFSR", source=ARM
):
    """Why HardFault was taken; write 1 to clear."""

    vecttbl: int = bits(1, doc="vector table read failed")
    forced: int = bits(30, doc="another fault could not be served")
    debugevt: int = bits(31, doc="debug event")


class MemManageAddress(
    PeripheralRegister, block="SCB", offset=0x34, mnemonic="SCB_MMFAR", source=ARM
):
    """Address of a MemManage fault."""

    address_bits: int = bits(31, 0, doc="address")


class BusFaultAddress(
    PeripheralRegister, block="SCB", offset=0x38, mnemonic="SCB_BFAR", source=ARM
):
    """Address of a BusFault."""

    address_bits: int = bits(31, 0, doc="address")


class CoprocessorAccess(
    PeripheralRegister, block="SCB", offset=0x88, mnemonic="SCB_CPACR", source=ARM
):
    """Access to the FPU; 3 in both fields switches it on."""

    cp10: int = bits(21, 20, doc="FPU", values={0: "off", 1: "privileged", 3: "on"})
    cp11: int = bits(23, 22, doc="FPU", values={0: "off", 1: "privileged", 3: "on"})


SCB = Block(
    name="SCB",
    title="system control block of the core",
    registers=(
        CpuId, InterruptControlState, VectorTable, ResetControl, SystemControl, Configuration,
        HandlerPriority, HandlerControl, FaultStatus, HardFaultStatus, MemManageAddress,
        BusFaultAddress, CoprocessorAccess,
    ),
)  # fmt: skip


class FpuContextControl(
    PeripheralRegister, block="FPU", offset=0x4, mnemonic="FPU_FPCCR", source=ARM
):
    """Saving of the FPU state in exceptions."""

    lspact: int = bits(0, doc="lazy saving active")
    user: int = bits(1, doc="user mode at the saving")
    thread: int = bits(3, doc="thread mode at the saving")
    hfrdy: int = bits(4, doc="HardFault could be raised")
    mmrdy: int = bits(5, doc="MemManage could be raised")
    bfrdy: int = bits(6, doc="BusFault could be raised")
    monrdy: int = bits(8, doc="DebugMonitor could be raised")
    lspen: int = bits(30, doc="lazy saving", default=1)
    aspen: int = bits(31, doc="automatic saving", default=1)


class FpuContextAddress(
    PeripheralRegister, block="FPU", offset=0x8, mnemonic="FPU_FPCAR", source=ARM
):
    """Where the FPU state is to be saved."""

    address_bits: int = bits(31, 0, doc="address")


FPU = Block(
    name="FPU",
    title="floating-point unit of the core",
    registers=(FpuContextControl, FpuContextAddress),
)


class DwtControl(PeripheralRegister, block="DWT", offset=0x0, mnemonic="DWT_CTRL", source=ARM):
    """Cycle counter and watchpoints; only the cycle counter is described."""

    cyccntena: int = bits(0, doc="cycle counter runs")
    events: int = bits(27, 1, doc="event packets, not described")
    numcomp: int = bits(31, 28, doc="comparators", default=4, access="r")


class DwtCycleCount(PeripheralRegister, block="DWT", offset=0x4, mnemonic="DWT_CYCCNT", source=ARM):
    """Core clock cycles."""

    cycles: int = bits(31, 0, doc="count")


DWT = Block(
    name="DWT", title="data watchpoint and trace unit of the core",
    registers=(DwtControl, DwtCycleCount),
)  # fmt: skip


class DebugHalting(PeripheralRegister, block="DEBUG", offset=0x0, mnemonic="DHCSR", source=ARM):
    """Halting debug; the upper half reads as status, writes need the key 0xA05F there."""

    c_debugen: int = bits(0, doc="halting debug on")
    c_halt: int = bits(1, doc="halt")
    c_step: int = bits(2, doc="single step")
    c_maskints: int = bits(3, doc="mask interrupts while stepping")
    c_snapstall: int = bits(5, doc="break a stalled access")
    key_or_status: int = bits(31, 16, doc="write: key; read: status")


class DebugMonitorControl(
    PeripheralRegister, block="DEBUG", offset=0xC, mnemonic="DEMCR", source=ARM
):
    """Debug monitor and trace."""

    catch: int = bits(10, 0, doc="exceptions that halt, not described")
    monitor: int = bits(19, 16, doc="monitor control, not described")
    trcena: int = bits(24, doc="DWT and ITM on")


DEBUG = Block(
    name="DEBUG",
    title="debug control of the core",
    registers=(DebugHalting, DebugMonitorControl),
)

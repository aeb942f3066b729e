"""The registers that each quadrant of the accelerator has once."""

from __future__ import annotations

from mxdeploy.chip.bits import bits
from mxdeploy.chip.max78000.register_kinds import QuadrantRegister


class Ctrl(QuadrantRegister, offset=0x0000, mnemonic="CTRL", source="UG 27, CNNx16_n_CTRL"):
    """Enable, synchronisation, FIFO, streaming and read-out control of one quadrant."""

    cnn_en: int = bits(0, doc="0 -> 1 starts processing; must return to 0 before the next start")
    rdy_sel: int = bits(2, 1, doc="APB wait states", default=3)
    clk_en: int = bits(3, doc="clock of the data-processing registers")
    calcmax: int = bits(4, doc="with pool_en: global max pooling")
    pool_en: int = bits(5, doc="global pooling; generated programs use the per-layer bit")
    bigdata: int = bits(6, doc="global CHW input; generated programs use LayerControl0.parallel")
    apbclk_en: int = bits(7, doc="APB register clock always on")
    oneshot: int = bits(8, doc="stop after each layer; the next 0 -> 1 of cnn_en runs the next one")
    ext_sync_quadrant: int = bits(10, 9, doc="number of the leading quadrant")
    ext_sync_en: int = bits(11, doc="this quadrant is started by the leading quadrant")
    cnn_irq: int = bits(12, doc="completion flag and interrupt request; write 0 to clear")
    poolrnd: int = bits(13, doc="average pooling: 1 rounds to nearest, 0 drops the fraction")
    stream_en: int = bits(14, doc="streaming mode; the same in all quadrants")
    fifo_en: int = bits(15, doc="layer 0 reads from the FIFO")
    mlat_ld: int = bits(16, doc="0 -> 1 loads the Mlator's counter from layer 0's WPTR_BASE")
    mlatch_sel: int = bits(18, 17, doc="byte lane that the Mlator gathers")
    lilbuf: int = bits(19, doc="streaming layers read from a ring of FBUF words")
    mexpress: int = bits(20, doc="packed writes to kernel memory")
    simple1b: int = bits(21, doc="simple 1-bit logic instead of the accumulators")
    ffifo_en: int = bits(22, doc="the fast FIFO feeds the data")
    fifogrp: int = bits(
        23, doc="fast FIFO: 1 = all bytes to processors 0-3, 0 = byte j to quadrant j"
    )
    fclk_dly: int = bits(29, 24, doc="FIFO clock delay")
    timeshft: int = bits(30, doc="one more wait state in pooling")
    qupac: int = bits(31, doc="all quadrants process the same fast-FIFO data")


class Sram(QuadrantRegister, offset=0x0004, mnemonic="SRAM", source="UG 27, CNNx16_n_SRAM"):
    """Timing and power of the quadrant's memories; working programs write 0x40E."""

    extacc: int = bits(0, doc="extended access")
    rmargin_en: int = bits(1, doc="use rmargin", default=1)
    rmargin: int = bits(5, 2, doc="access time, 0 slowest .. 3 fastest", default=3)
    ra: int = bits(7, 6, doc="read assist voltage")
    wneg_vol: int = bits(9, 8, doc="negative write voltage")
    wneg_en: int = bits(10, doc="negative write voltage on", default=1)
    wpulse: int = bits(13, 11, doc="write pulse width")
    ds: int = bits(15, doc="deep sleep (content kept)")
    pd: int = bits(16, doc="power down (content lost)")
    lsdram: int = bits(19, doc="light sleep of the data memory when idle")
    lsmram: int = bits(20, doc="light sleep of the kernel memory when idle")
    lstram: int = bits(21, doc="light sleep of the TRAM when idle")
    lsbram: int = bits(22, doc="light sleep of the bias memory when idle")


class LayerCountMax(
    QuadrantRegister, offset=0x0008, mnemonic="LCNT_MAX", source="UG 27, CNNx16_n_LCNT_MAX"
):
    """Number of the last layer; change only while cnn_en is 0."""

    lcnt: int = bits(4, 0, doc="number of the LAST layer (layers - 1)")


class Test(QuadrantRegister, offset=0x000C, mnemonic="TEST", source="UG 27, CNNx16_n_TEST"):
    """Self-test and zeroing of the memories; run bits are edge-triggered."""

    sbistrun: int = bits(0, doc="run the self-test of the data memory (leaves it zero)")
    sramz: int = bits(1, doc="zero the data memory")
    mbistrun: int = bits(2, doc="run the self-test of the kernel memory")
    mramz: int = bits(3, doc="zero the kernel memory")
    tbistrun: int = bits(4, doc="run the self-test of the TRAM")
    tramz: int = bits(5, doc="zero the TRAM")
    bbistrun: int = bits(6, doc="run the self-test of the bias memory")
    bramz: int = bits(7, doc="zero the bias memory")
    bistsel: int = bits(13, 8, doc="which self-test status appears on memory reads")
    sallbfail: int = bits(14, doc="data memory self-test failed", access="r")
    mallbfail: int = bits(15, doc="kernel memory self-test failed", access="r")
    tallbfail: int = bits(16, doc="TRAM self-test failed", access="r")
    ballbfail: int = bits(17, doc="bias memory self-test failed", access="r")
    sallbdone: int = bits(18, doc="data memory self-test done", access="r")
    mallbdone: int = bits(19, doc="kernel memory self-test done", access="r")
    tallbdone: int = bits(20, doc="TRAM self-test done", access="r")
    ballbdone: int = bits(21, doc="bias memory self-test done", access="r")
    sallzdone: int = bits(22, doc="data memory zeroed", access="r")
    mallzdone: int = bits(23, doc="kernel memory zeroed", access="r")
    tallzdone: int = bits(24, doc="TRAM zeroed", access="r")
    ballzdone: int = bits(25, doc="bias memory zeroed", access="r")
    bistfail: int = bits(26, doc="any self-test failed", access="r")
    bistdone: int = bits(27, doc="any self-test done", access="r")
    zerodone: int = bits(28, doc="any zeroing done", access="r")


class InputFrame(QuadrantRegister, offset=0x0990, mnemonic="IFRM", source="UG 27, CNNx16_n_IFRM"):
    """FIFO words per input frame.

    The guide gives 17 bits and calls the unit bytes; running programs count 32-bit words.
    """

    ifrm_reg: int = bits(16, 0, doc="FIFO words per frame")


class Mlat(QuadrantRegister, offset=0x1000, mnemonic="MLAT", source="UG 27, CNNx16_n_MLAT"):
    """Read port of the Mlator: four successive bytes of one lane per read."""

    data: int = bits(31, 0, doc="four successive bytes of the selected lane", access="r")

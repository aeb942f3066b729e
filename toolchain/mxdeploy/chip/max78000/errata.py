"""Known quirks of the MAX78000 CNN accelerator and what a generator should do about each.

``evidence`` says how well a quirk is known: ``silicon`` (seen on a chip or in programs known to
work on one), ``recorded`` (recorded programs and their expected answers) or ``unexplained`` (a rule
of the programs known to work, whose reason nobody has published; it is kept because it costs
little).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Evidence = Literal["silicon", "recorded", "unexplained"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """One quirk.

    Attributes:
        name: identifier.
        what: what the chip does, or what is not known.
        remedy: what a generator should do about it.
        source: where it is known from.
        evidence: how well it is known.
    """

    name: str
    what: str
    remedy: str
    source: str
    evidence: Evidence


QUIRKS: tuple[Quirk, ...] = (
    Quirk(
        name="word-access",
        what="Byte and half-word accesses to the accelerator's memories misbehave.",
        remedy="Use only 32-bit loads and stores, except the one-byte store that sets the address "
        "of the packed kernel loader.",
        source="published notes on failing known-answer tests",
        evidence="silicon",
    ),
    Quirk(
        name="unpowered-access",
        what="An access while the accelerator's clock or power is off hangs the bus.",
        remedy="Switch power on first and open the clock gate before the first access.",
        source="user guide, PCLKDIS0; running programs",
        evidence="silicon",
    ),
    Quirk(
        name="single-port",
        what="A data memory serves one access per clock; the core must not touch it while the "
        "accelerator runs.",
        remedy="Write inputs before the start, read outputs after the interrupt.",
        source="running programs; user guide, CTRL.mlat_ld",
        evidence="silicon",
    ),
    Quirk(
        name="leading-quadrant",
        what="The other quadrants wait for the leading one; programs always lead with quadrant 0.",
        remedy="Use quadrant 0 in every network and start it last.",
        source="running programs",
        evidence="silicon",
    ),
    Quirk(
        name="enable-edge",
        what="Only a 0 -> 1 change of CTRL.cnn_en starts the accelerator.",
        remedy="Clear cnn_en and cnn_irq in every quadrant in use after each run.",
        source="user guide, CTRL.cnn_en",
        evidence="silicon",
    ),
    Quirk(
        name="zero-after-reset",
        what="Registers are zero only after the power-domain reset.",
        remedy="Reset the domain before configuring, or write zeros explicitly.",
        source="running programs",
        evidence="silicon",
    ),
    Quirk(
        name="write-pointer-bit-16",
        what="The user guide says bit 16 of WPTR_BASE points to no memory; it selects quadrants 2 "
        "and 3.",
        remedy="Write all 17 bits of the pointers.",
        source="running programs",
        evidence="silicon",
    ),
    Quirk(
        name="mask-counter-unit",
        what="The user guide puts the kernel number of MCNT at bits 15:4; it is at bits 15:3.",
        remedy="Count eighths of a kernel in MCNT.",
        source="running programs",
        evidence="silicon",
    ),
    Quirk(
        name="stride-width",
        what="The user guide gives STRIDE two bits; programs use four.",
        remedy="Offer strides up to 16 for pooling.",
        source="recorded programs",
        evidence="recorded",
    ),
    Quirk(
        name="average-rounding",
        what="Average pooling with CTRL.poolrnd is documented in three different ways for exact "
        "halves.",
        remedy="Keep poolrnd 0: the average is truncated toward zero, which silicon confirms.",
        source="user guide, CTRL.poolrnd; running programs",
        evidence="silicon",
    ),
    Quirk(
        name="flatten-bias-first",
        what="Layers that flatten must have the first bias addresses.",
        remedy="Place the biases of flatten layers first.",
        source="running programs",
        evidence="unexplained",
    ),
    Quirk(
        name="flatten-exact-channels",
        what="Flatten counts every processor of every pass; channels that do not fill the last "
        "pass shift the weights.",
        remedy="Let the channels of a flattened input fill the processors exactly.",
        source="experiments with recorded programs",
        evidence="recorded",
    ),
    Quirk(
        name="kernel-start",
        what="Layers start at kernel words that are multiples of four.",
        remedy="Start kernels at multiples of 4, which also keeps most starts on a kernel "
        "boundary.",
        source="running programs",
        evidence="unexplained",
    ),
    Quirk(
        name="output-map-gaps",
        what="Gaps inside an output processor map give wrong results with 1x1 kernels, biases or "
        "narrow weights.",
        remedy="Keep output maps contiguous, from a multiple of four.",
        source="experiments with recorded programs",
        evidence="recorded",
    ),
    Quirk(
        name="shared-word-lanes",
        what="All four lanes of an output word are written, also those of disabled processors.",
        remedy="Let no two tensors share a word: concatenate multiples of four channels.",
        source="running programs",
        evidence="silicon",
    ),
    Quirk(
        name="element-wise-passes",
        what="Element-wise operations on several passes work only for 2 operands and 2 passes.",
        remedy="Run other cases as pass-through over passes * rows rows, without pooling.",
        source="recorded programs",
        evidence="unexplained",
    ),
    Quirk(
        name="pool-last-kernel-walk",
        what="Pooling after an element-wise operation walks the kernel counter from 0 at every "
        "padded position: extra cycles proportional to the kernel offset.",
        remedy="Give such layers low kernel words; the cycle model counts the extra cycles.",
        source="published cycle model",
        evidence="recorded",
    ),
    Quirk(
        name="stream-bias",
        what="Biases of streaming layers are unreliable; the first entry seems to be skipped.",
        remedy="Put no bias on streaming layers.",
        source="published notes",
        evidence="unexplained",
    ),
    Quirk(
        name="stream-final-pad",
        what="The last streaming layer must have padding.",
        remedy="Refuse anything else.",
        source="published notes",
        evidence="unexplained",
    ),
    Quirk(
        name="stream-1x1",
        what="1x1 kernels in a streaming layer, or right after one, do not work.",
        remedy="Use 3x3 kernels with the weight in the centre and padding 1 instead.",
        source="recorded programs",
        evidence="unexplained",
    ),
    Quirk(
        name="fifo-coupling",
        what="FIFO_CTRL.fifo_cpl must be 1; then every enabled FIFO must receive every word.",
        remedy="Keep coupling on and unused FIFOs off.",
        source="recorded programs",
        evidence="recorded",
    ),
    Quirk(
        name="oneshot-clear",
        what="In one-shot mode the interrupt handler must clear CTRL.cnn_en as well.",
        remedy="Leave one-shot mode alone.",
        source="published notes",
        evidence="unexplained",
    ),
    Quirk(
        name="short-networks",
        what="A network of a few hundred cycles ends before the core waits for its interrupt.",
        remedy="Test the completion flag with interrupts masked before waiting.",
        source="published notes",
        evidence="silicon",
    ),
    Quirk(
        name="supply-boost",
        what="Large networks can pull the internal supply below its limit.",
        remedy="On boards with an external supply, switch it on around an inference.",
        source="published notes; board manuals",
        evidence="silicon",
    ),
    Quirk(
        name="swd-lockout",
        what="Firmware that sleeps or powers down right after reset locks the debugger out.",
        remedy="Wait at start-up and never sleep in a command loop.",
        source="board manuals",
        evidence="silicon",
    ),
    Quirk(
        name="one-channel-1d",
        what="A small 1-D network with one channel per layer failed on a board until its processor "
        "map was changed; the reason is not public.",
        remedy="None known; such a network is the first to test on a board.",
        source="public issue tracker",
        evidence="unexplained",
    ),
)


def quirk(name: str) -> Quirk:
    """The quirk called ``name``; KeyError when there is none."""
    return {q.name: q for q in QUIRKS}[name]

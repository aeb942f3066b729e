"""The CPU core: a thin typed wrapper around unicorn's Cortex-M4.

Unicorn executes instructions and nothing else: no interrupt controller, no exception entry, no
peripherals. Everything here is what the rest of the board needs of it, with the traps of the
2.1 series dealt with in one place:

* Callbacks for memory-mapped registers go straight through ctypes (0.4 us instead of 2 us).
* The translation buffer is limited, the default reserves 1 GiB of address space per instance.
* Stopping inside a callback leaves the access *not retired*: see ``Cpu`` for the cure.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mxdeploy.emulator.board.findings import missing_emulator
from mxdeploy.errors import ToolError

IoRead = Callable[[Any, int, int, Any], int]
"""(engine handle, offset, size in bytes, user data) -> value; ctypes calls it directly."""
IoWrite = Callable[[Any, int, int, int, Any], None]
"""(engine handle, offset, size in bytes, value, user data)."""

TRANSLATION_BUFFER_BYTES = 32 << 20
NEVER = 0xDFFF_FFFE
"""An address no program reaches: execution ends by count or by a stop request."""

ERROR_FETCH_UNMAPPED = 8
ERROR_READ_UNMAPPED = 6
ERROR_WRITE_UNMAPPED = 7
ERROR_INVALID_INSTRUCTION = 10
ERROR_WRITE_PROTECTED = 12
ERROR_FETCH_PROTECTED = 14

INTERRUPT_SVC = 2
INTERRUPT_BREAKPOINT = 7
INTERRUPT_EXCEPTION_RETURN = 8

GENERAL = ("R0", "R1", "R2", "R3", "R12", "LR", "PC", "XPSR")
FLOAT = (*(f"S{n}" for n in range(16)), "FPSCR")
DOUBLE = tuple(f"D{n}" for n in range(16))
"""The floating-point registers in pairs, all of them."""
CORE = (*(f"R{n}" for n in range(13)), "SP", "LR", "PC", "XPSR")


def _import_unicorn() -> tuple[Any, Any, Any]:
    """The unicorn package, its Arm constants and its ctypes layer."""
    try:
        import unicorn
        from unicorn import arm_const
        from unicorn.unicorn_py3 import unicorn as binding
    except ImportError as error:
        raise ToolError(missing_emulator(str(error))) from error
    return unicorn, arm_const, binding


class _Batch:
    """Reads or writes a fixed set of registers in one call."""

    def __init__(self, names: tuple[str, ...], ids: list[int]) -> None:
        count = len(names)
        self.count = count
        self.ids = (ctypes.c_int32 * count)(*ids)
        self.values = (ctypes.c_uint64 * count)()
        base = ctypes.addressof(self.values)
        self.pointers = (ctypes.c_void_p * count)(*(base + 8 * n for n in range(count)))


class Engine:
    """One emulated Cortex-M4 with its memory map."""

    def __init__(self) -> None:
        """Create the core; nothing is mapped yet.

        Raises:
            ToolError: the package ``unicorn`` is not installed.
        """
        self._uc_module, self._const, self._binding = _import_unicorn()
        uc = self._uc_module
        self._lib = self._binding.uclib
        self._uc = uc.Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(self._const.UC_CPU_ARM_CORTEX_M4)
        self._uc.ctl_set_tcg_buffer_size(TRANSLATION_BUFFER_BYTES)
        self._handle = self._uc._uch  # noqa: SLF001 - the raw handle for the fast calls
        self._keep: list[object] = []
        self._batches: dict[tuple[str, ...], _Batch] = {}
        self._word = ctypes.c_uint64()
        self._word_pointer = ctypes.byref(self._word)
        self._id = {n: self._register_id(n) for n in (*CORE, *FLOAT, "MSP", "PSP", "CONTROL")}
        self._id |= {n: self._register_id(n) for n in ("PRIMASK", "BASEPRI", "FAULTMASK")}
        self._id |= {n: self._register_id(n) for n in DOUBLE}

    def _register_id(self, name: str) -> int:
        return int(getattr(self._const, f"UC_ARM_REG_{name}"))

    # --- execution --------------------------------------------------------------------------

    def run(self, pc: int, count: int) -> int:
        """Execute up to ``count`` instructions from ``pc``; returns unicorn's error number."""
        return int(self._lib.uc_emu_start(self._handle, pc | 1, NEVER, 0, count))

    def stop(self) -> None:
        """Ask for the end of the running ``run``; to be called from callbacks only."""
        self._lib.uc_emu_stop(self._handle)

    # --- registers --------------------------------------------------------------------------

    def get(self, name: str) -> int:
        """One register, e.g. ``PC``, ``MSP``, ``PRIMASK``."""
        self._word.value = 0
        self._lib.uc_reg_read(self._handle, self._id[name], self._word_pointer)
        return self._word.value

    def set(self, name: str, value: int) -> None:
        """Write one register."""
        self._word.value = value
        self._lib.uc_reg_write(self._handle, self._id[name], self._word_pointer)

    def _batch(self, names: tuple[str, ...]) -> _Batch:
        batch = self._batches.get(names)
        if batch is None:
            batch = self._batches[names] = _Batch(names, [self._id[n] for n in names])
        return batch

    def get_all(self, names: tuple[str, ...]) -> tuple[int, ...]:
        """Several registers at once, in order."""
        batch = self._batch(names)
        ctypes.memset(batch.values, 0, 8 * batch.count)
        self._lib.uc_reg_read_batch(self._handle, batch.ids, batch.pointers, batch.count)
        return tuple(batch.values)

    def set_all(self, names: tuple[str, ...], values: tuple[int, ...]) -> None:
        """Write several registers at once."""
        batch = self._batch(names)
        batch.values[:] = list(values)
        self._lib.uc_reg_write_batch(self._handle, batch.ids, batch.pointers, batch.count)

    # --- memory -----------------------------------------------------------------------------

    def read(self, address: int, size: int) -> bytes:
        """Bytes of plain memory; raises ``LookupError`` where none is mapped."""
        try:
            return bytes(self._uc.mem_read(address, size))
        except self._uc_module.UcError as error:
            raise LookupError(f"no memory at 0x{address:08x}") from error

    def write(self, address: int, data: bytes) -> None:
        """Write plain memory, also where the program may not (flash)."""
        try:
            self._uc.mem_write(address, data)
        except self._uc_module.UcError as error:
            raise LookupError(f"no memory at 0x{address:08x}") from error

    def forget_code(self) -> None:
        """Drop translated code after memory that holds instructions was changed from outside."""
        self._uc.ctl_flush_tb()

    def map_memory(self, address: int, size: int, *, writable: bool) -> None:
        """Executable memory of the core's own."""
        uc = self._uc_module
        protection = uc.UC_PROT_READ | uc.UC_PROT_EXEC | (uc.UC_PROT_WRITE if writable else 0)
        self._uc.mem_map(address, size, protection)

    def map_buffer(self, address: int, buffer: npt.NDArray[np.uint32]) -> None:
        """Map a page-aligned array as memory, without copying."""
        uc = self._uc_module
        protection = uc.UC_PROT_READ | uc.UC_PROT_WRITE
        self._uc.mem_map_ptr(address, buffer.nbytes, protection, buffer.ctypes.data)
        self._keep.append(buffer)

    def unmap(self, address: int, size: int) -> None:
        """Remove a mapping."""
        self._uc.mem_unmap(address, size)

    def map_io(self, address: int, size: int, read: IoRead, write: IoWrite) -> None:
        """Send all accesses in a range to two functions; they must not raise."""
        read_callback = self._binding.MMIO_READ_CFUNC(read)
        write_callback = self._binding.MMIO_WRITE_CFUNC(write)
        self._keep += [read_callback, write_callback]
        error = self._lib.uc_mmio_map(
            self._handle,
            address,
            size,
            ctypes.cast(read_callback, ctypes.c_void_p),
            None,
            ctypes.cast(write_callback, ctypes.c_void_p),
            None,
        )
        if error:
            raise RuntimeError(f"unicorn refuses the mapping at 0x{address:08x}: error {error}")

    # --- hooks ------------------------------------------------------------------------------

    def on_interrupt(self, function: Callable[[int], None]) -> None:
        """SVC, breakpoint and EXC_RETURN, by unicorn's number."""
        self._uc.hook_add(self._uc_module.UC_HOOK_INTR, lambda _u, n, _d: function(n))

    def on_invalid_memory(self, function: Callable[[int, int, int], None]) -> None:
        """An access that memory does not allow: (kind of access, address, size)."""

        def hook(_u: object, kind: int, address: int, size: int, *_rest: object) -> bool:
            function(kind, address, size)
            return False

        self._uc.hook_add(self._uc_module.UC_HOOK_MEM_INVALID, hook)

    def on_invalid_instruction(self, function: Callable[[], bool]) -> None:
        """An instruction unicorn does not execute; True lets the program go on."""
        self._uc.hook_add(self._uc_module.UC_HOOK_INSN_INVALID, lambda _u, _d: function())

    def on_address(self, address: int, function: Callable[[], None]) -> int:
        """Call before the instruction at ``address`` is executed; returns the hook's handle.

        Code that was translated before does not call: see ``forget_code``.
        """
        handle: int = self._uc.hook_add(
            self._uc_module.UC_HOOK_CODE, lambda *_rest: function(), begin=address, end=address
        )
        return handle

    def remove_hook(self, handle: int) -> None:
        """End the calls of a hook."""
        self._uc.hook_del(handle)

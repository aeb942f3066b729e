"""Threads of worker processes. Imports nothing heavy: it must run before numpy is imported."""

from __future__ import annotations

import os


def limit_threads() -> None:
    """One thread per process for matrix products, so that processes do not fight for the cores.

    Has an effect only before numpy is first imported in the process.
    """
    os.environ["OPENBLAS_NUM_THREADS"] = "1"

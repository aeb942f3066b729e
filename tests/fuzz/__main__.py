"""Searches longer than the tests do: ``python -m tests.fuzz --what layers --examples 100000``."""

from __future__ import annotations

import argparse
import sys
import time

from tests.fuzz.search import FoundError, search
from tests.fuzz.subjects import SUBJECTS

_BATCH = 250
_DEFAULT_EXAMPLES = 2000


def main() -> int:
    """Search in batches; 1 as soon as a case fails, 0 when none did."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--what", choices=sorted(SUBJECTS), required=True)
    parser.add_argument("--examples", type=int, help=f"how many (default {_DEFAULT_EXAMPLES})")
    parser.add_argument("--seed", type=int, default=0, help="of the first batch")
    parser.add_argument("--minutes", type=float, help="stop after this time")
    chosen = parser.parse_args()
    wanted = chosen.examples
    if wanted is None:
        wanted = sys.maxsize if chosen.minutes else _DEFAULT_EXAMPLES
    end = time.monotonic() + 60 * chosen.minutes if chosen.minutes else float("inf")
    return _run(chosen.what, wanted, chosen.seed, end)


def _run(what: str, wanted: int, number: int, end: float) -> int:
    begin, done = time.monotonic(), 0
    while done < wanted and time.monotonic() < end:
        count = min(_BATCH, wanted - done)
        try:
            search(SUBJECTS[what], examples=count, number=number)
        except FoundError as error:
            sys.stdout.write(f"seed {number}: {error}\n")
            return 1
        done, number = done + count, number + 1
        seconds = time.monotonic() - begin
        sys.stdout.write(f"{what}: {done} examples, none failed, {seconds:.0f} s\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())

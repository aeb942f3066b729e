"""Accuracy of real networks in integers: ``python -m tests.accuracy --bars``.

Every network is calibrated anew with each seed, on training inputs only, and compared with the
float model on the same test inputs.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from tests.accuracy.measure import Measurement, measure, together
from tests.accuracy.subjects import SUBJECTS

_SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def main() -> int:
    """Measure what was asked for; 1 when a bar is missed and ``--bars`` asks for them."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", help=f"some of {', '.join(SUBJECTS)} (default: with bars)")
    parser.add_argument(
        "--bits",
        default="8,4,50%",
        help="widths of all weights, memory, or points that may be lost (8,4,50%%,drop1)",
    )
    parser.add_argument("--seeds", type=int, default=3, help="choices of calibration inputs")
    parser.add_argument("--calibration", type=int, default=1024, help="inputs of each choice")
    parser.add_argument("--data-free", action="store_true", help="calibrate on made-up inputs")
    parser.add_argument("--limit", type=int, help="test inputs (default: all)")
    parser.add_argument("--emulate", action="store_true", help="run the accelerator model, too")
    parser.add_argument("--bars", action="store_true", help="exit with 1 when a bar is missed")
    parser.add_argument("--json", action="store_true", help="one document in place of a table")
    parser.add_argument("--shared", type=Path, default=_SHARED, help="folder of models and data")
    chosen = parser.parse_args()
    names = chosen.models.split(",") if chosen.models else _with_bars(data_free=chosen.data_free)
    unknown = [name for name in names if name not in SUBJECTS]
    if unknown:
        parser.error(f"there is no {unknown[0]}; there are {', '.join(SUBJECTS)}")
    found: list[Measurement] = []
    for name in names:
        for bits in chosen.bits.split(","):
            seeds = list[Measurement]()
            for one in measure(
                chosen.shared,
                name,
                bits=bits,
                seeds=1 if chosen.data_free else chosen.seeds,
                calibration=0 if chosen.data_free else chosen.calibration,
                limit=chosen.limit,
                emulate=chosen.emulate,
            ):
                seeds.append(one)
                if not chosen.json:
                    _say(one)
            if len(seeds) > 1 and not chosen.json:
                _say_together(seeds)
            found += seeds
    if chosen.json:
        sys.stdout.write(json.dumps([_document(one) for one in found], indent=2) + "\n")
    wrong = any(one.emulated not in (None, one.paired.total) for one in found)
    return 1 if wrong or (chosen.bars and any(one.missed for one in found)) else 0


def _with_bars(*, data_free: bool) -> list[str]:
    bars = {name: s.data_free if data_free else s.bars for name, s in SUBJECTS.items()}
    return [name for name, bar in bars.items() if bar.drop or bar.least]


def _width(bits: str) -> str:
    if bits.startswith("drop"):
        return f"{bits.removeprefix('drop')} points may be lost"
    return f"{bits} of the weight memory" if bits.endswith("%") else f"{bits}-bit weights"


def _say(one: Measurement) -> None:
    emulated = ""
    if one.emulated is not None:
        emulated = f"; emulator = integer on {one.emulated} of {one.paired.total}"
    missed = "".join(f"  MISSED: {text}" for text in one.missed)
    sys.stdout.write(
        f"{one.model:24} {_width(one.bits)}, "
        f"{f'seed {one.seed}' if one.calibration else 'data-free'}, n = {one.paired.total}: "
        f"float {one.float_points:.2f}, integer {one.integer_points:.2f}; "
        f"{one.paired.to_text()}; {one.seconds:.0f} s, "
        f"{one.kernel_bytes:,} bytes{emulated}{missed}\n"
    )
    for text in one.told:
        sys.stdout.write(f"{'':24} {text}\n")
    sys.stdout.flush()


def _say_together(seeds: list[Measurement]) -> None:
    mean, low, high = together([one.changes for one in seeds])
    sys.stdout.write(
        f"{'':24} in the mean of {len(seeds)} seeds: {mean:+.2f} points "
        f"(95 % interval {low:+.2f} .. {high:+.2f})\n"
    )
    sys.stdout.flush()


def _document(one: Measurement) -> dict[str, object]:
    known = asdict(one)
    del known["changes"]
    return {
        **known,
        "paired": one.paired.to_dict(),
        "float_points": one.float_points,
        "integer_points": one.integer_points,
    }


if __name__ == "__main__":
    sys.exit(main())

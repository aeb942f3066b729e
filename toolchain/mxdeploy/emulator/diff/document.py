"""A comparison as plain values, for ``--json``."""

from __future__ import annotations

from dataclasses import asdict

from mxdeploy.emulator.diff.compare import ProgramDiff
from mxdeploy.emulator.diff.state import State
from mxdeploy.emulator.diff.stores import habits


def document(difference: ProgramDiff) -> dict[str, object]:
    """Everything that was found."""
    return {
        "verdict": str(difference.verdict),
        "text": difference.text,
        "same": difference.same,
        "a": _side(difference.a),
        "b": _side(difference.b),
        "layers": [
            asdict(layer)
            | {"computes_same": layer.computes_same, "numbers_same": layer.numbers_same}
            for layer in difference.layers
        ],
        "registers": [asdict(diff) for diff in difference.registers],
        "memories": asdict(difference.memories),
        "input": asdict(difference.input),
        "answers": asdict(difference.answers),
        "stores": asdict(difference.stores) | {"differences": list(habits(difference.stores))},
    }


def _side(state: State) -> dict[str, object]:
    return {
        "name": state.trace.name,
        "layers": [layer.to_text() for layer in state.layers],
        "quadrants": list(state.quadrants),
        "powered": list(state.powered),
        "cycles": state.time.cycles if state.time else None,
        "cycles_estimated": bool(state.time and state.time.estimated),
        "fifo": state.frame is not None,
        "refusals": list(state.refusals),
    }

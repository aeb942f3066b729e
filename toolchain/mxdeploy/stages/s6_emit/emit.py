"""From a program to the C project: views of everything, placed into the templates."""

from __future__ import annotations

from mxdeploy import __version__
from mxdeploy.boards import Board, board_names, load_board
from mxdeploy.ir.program import Program
from mxdeploy.ir.project import Project
from mxdeploy.ir.result import KnownAnswer
from mxdeploy.resources import templates_folder
from mxdeploy.stages.s6_emit.escape import markdown_text
from mxdeploy.stages.s6_emit.options import EmitOptions
from mxdeploy.stages.s6_emit.protocol_header import protocol_header
from mxdeploy.stages.s6_emit.registers_header import registers_header
from mxdeploy.stages.s6_emit.render import render_file, render_files
from mxdeploy.stages.s6_emit.storage import storage_of
from mxdeploy.stages.s6_emit.view_answer import results_view, sample_view
from mxdeploy.stages.s6_emit.view_board import board_view, memory_view
from mxdeploy.stages.s6_emit.view_head import head_view
from mxdeploy.stages.s6_emit.view_layers import layers_view
from mxdeploy.stages.s6_emit.view_network import input_view, network_view, output_views
from mxdeploy.stages.s6_emit.view_program import (
    biases_view,
    kernel_views,
    program_view,
    weights_view,
)
from mxdeploy.stages.s6_emit.view_tail import tail_view

APP_FOLDER = "app"
"""Folder of the user's own files in the project."""
MAIN_FILE = "src/main.c"
_DEFAULTS = EmitOptions()


def emit(
    program: Program,
    answer: KnownAnswer,
    board: Board,
    options: EmitOptions = _DEFAULTS,
    app: tuple[tuple[str, bytes], ...] = (),
) -> Project:
    """The C project that runs ``program`` on ``board`` and proves itself with ``answer``.

    Pure: the same arguments give the same bytes. With an ``app`` (names and contents of the user's
    own C files) these take the place of the generated ``main.c``.

    Raises:
        ValueError: the answer does not belong to the program, or the plan places data where the
            generated code cannot reach them.
    """
    outputs = output_views(program)
    weights = weights_view(program)
    storage = storage_of(program, outputs, options)
    tail = tail_view(program, outputs, storage)
    layers = layers_view(program, outputs, tail, storage)
    context = {
        "version": __version__,
        "board": board_view(board, options),
        "memory": memory_view(options),
        "network": network_view(program),
        "input": input_view(program),
        "outputs": outputs,
        "has_bytes": any(o.c_type == "int8_t" for o in outputs),
        "has_words": any(o.c_type == "int32_t" for o in outputs),
        "program": program_view(program),
        "kernels": kernel_views(program),
        "weights": weights,
        "biases": biases_view(program),
        "sample": sample_view(program, answer, outputs, tail, storage),
        "results": results_view(program, outputs),
        "layers": layers,
        "storage": storage,
        "by_element": layers.input_room == 0,
        "head": head_view(program, options.pixel_scale),
        "tail": tail,
        "title": markdown_text(program.plan.network.name),
        "msdk": board.msdk,
        "app": tuple(name for name, _ in app),
    }
    files = dict(render_files(templates_folder(), context))
    if app:
        del files[MAIN_FILE]
        files |= {f"{APP_FOLDER}/{name}": content for name, content in app}
    for other in _boards(board):
        view = {"board": board_view(other, options)}
        header = render_file(templates_folder(), "bsp/board.h.j2", view)
        files[f"msdk/{other.msdk}/board.h"] = header
    files["bsp/mxc_registers.h"] = registers_header().encode()
    files["src/protocol_layout.h"] = protocol_header().encode()
    files["src/weights.bin"] = weights.content
    return Project(
        name=program.plan.network.name, board=board.name, files=tuple(sorted(files.items()))
    )


def _boards(board: Board) -> tuple[Board, ...]:
    """The boards a project can be built for inside the SDK: all known ones and its own."""
    known = {b.msdk: b for b in map(load_board, board_names())}
    return tuple((known | {board.msdk: board}).values())

"""From labelled data to a trained network: the stage ``s0_train`` and what surrounds it.

| file of a result folder | content |
|---|---|
| ``best.ckpt`` | the weights of the best epoch, to be exported or used |
| ``last.ckpt`` | the last complete epoch, from which ``--resume`` goes on |
| ``recipe.json`` | how it was trained, every default written out |
| ``history.json`` | every epoch in numbers, and the results |
| ``model.onnx``, ``model.toml`` | the network for ``mxdeploy build``, with its classes and scale |
| ``quantized.onnx``, ``quantized.toml`` | the same with its integers, trained with the chip's |
|   | arithmetic, if the recipe wants that |
| ``quantized.ckpt`` | the last complete epoch of that, from which ``--resume`` goes on |

Trainings of one start with several optimizers or from several starts have a folder each with
``last.ckpt`` and ``history.json``; the best of them is the result.
"""

from mxdeploy.training.aware import Aware
from mxdeploy.training.export import export_checkpoint
from mxdeploy.training.request import (
    Contender,
    Talk,
    TrainRequest,
    is_model,
    require_libraries,
    stored_request,
)
from mxdeploy.training.result import Checked, Trained
from mxdeploy.training.run import check, train, tune

__all__ = [
    "Aware",
    "Checked",
    "Contender",
    "Talk",
    "TrainRequest",
    "Trained",
    "check",
    "export_checkpoint",
    "is_model",
    "require_libraries",
    "stored_request",
    "train",
    "tune",
]

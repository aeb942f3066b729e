"""Everything that reads examples.

``contract`` is how every command reads the inputs of a given model. ``read`` finds out by itself
what a path holds and gives ``examples``: numpy files (``arrays``), folders of pictures (``images``)
or recordings (``sounds``), CIFAR-10 (``cifar10``, ``cifar10_npz``), MNIST (``idx``). What is wrong
with single files is listed (``checks``, ``findings``), and an error only where nothing is left.
"""

from mxdeploy.data.contract import (
    DataReference,
    DataSet,
    FloatArray,
    Layout,
    ModelInput,
    Scale,
    load_data,
    load_input,
    parse_reference,
    pixels,
)
from mxdeploy.data.examples import Examples, Split, balance, split
from mxdeploy.data.read import read_examples
from mxdeploy.data.wish import Part

__all__ = [
    "DataReference",
    "DataSet",
    "Examples",
    "FloatArray",
    "Layout",
    "ModelInput",
    "Part",
    "Scale",
    "Split",
    "balance",
    "load_data",
    "load_input",
    "parse_reference",
    "pixels",
    "read_examples",
    "split",
]

"""Everything that reads examples.

``contract`` is how every command reads the inputs of a given model. ``read`` finds out by itself
what a path holds and gives ``examples``: numpy files (``arrays``), folders of pictures (``images``,
``masks``) or recordings (``sounds``), CIFAR-10 (``cifar10``, ``cifar10_npz``), MNIST (``idx``).
What is wrong with single files is listed (``checks``, ``findings``), and an error only where
nothing is left. ``splits`` divides them, ``summary`` and ``sheet`` show them.
"""

from mxdeploy.data.contract import (
    DataSet,
    FloatArray,
    Layout,
    ModelInput,
    Scale,
    load_data,
    load_input,
    pixels,
)
from mxdeploy.data.copies import without_leaks
from mxdeploy.data.examples import Examples, balance
from mxdeploy.data.findings import NoPartError
from mxdeploy.data.numbering import numbered
from mxdeploy.data.read import read_examples
from mxdeploy.data.reference import DataReference, parse_reference
from mxdeploy.data.splits import Split, split
from mxdeploy.data.wish import Part

__all__ = [
    "DataReference",
    "DataSet",
    "Examples",
    "FloatArray",
    "Layout",
    "ModelInput",
    "NoPartError",
    "Part",
    "Scale",
    "Split",
    "balance",
    "load_data",
    "load_input",
    "numbered",
    "parse_reference",
    "pixels",
    "read_examples",
    "split",
    "without_leaks",
]

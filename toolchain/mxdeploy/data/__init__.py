"""Everything that reads examples.

``contract`` is how every command reads the inputs of a given model; ``batches`` knows the batch
files of the official CIFAR-10 archives.
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

__all__ = [
    "DataReference",
    "DataSet",
    "FloatArray",
    "Layout",
    "ModelInput",
    "Scale",
    "load_data",
    "load_input",
    "parse_reference",
    "pixels",
]

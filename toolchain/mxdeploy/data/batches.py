"""Batch files of the two official CIFAR-10 archives, read without running anything in them.

The *binary* batches are records of fixed size; the *python* ones are pickles, of which only
the few names that an official file needs are understood, each as an inert record.
"""

from __future__ import annotations

import io
import pickle

import numpy as np
import numpy.typing as npt

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
TRAIN_BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))
TEST_BATCH = "test_batch"
MD5 = {
    "data_batch_1": "c99cafc152244af753f735de768cd75f",
    "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
    "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
    "data_batch_4": "634d18415352ddfa80567beed471001a",
    "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    "test_batch": "40351d587109b95175f43aff81a1287e",
}
"""Published MD5 sums of the files in the python archive."""

SIDE = 32
IMAGE_BYTES = 3 * SIDE * SIDE


class DataError(ValueError):
    """A data file is missing, damaged or not what its name says."""


def parse_binary_batch(
    content: bytes, name: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Records of one label byte and 3,072 pixel bytes (red plane, green plane, blue plane).

    Returns:
        Pixels uint8 ``[n, 32, 32, 3]`` and labels int64 ``[n]``.

    Raises:
        DataError: the size is not a whole number of records, or a label is not 0..9.
    """
    record_bytes = 1 + IMAGE_BYTES
    if not content or len(content) % record_bytes:
        raise DataError(f"{name}: {len(content)} bytes is not a multiple of {record_bytes}")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, record_bytes)
    return _as_images(records[:, 1:], records[:, 0].astype(np.int64), name)


def parse_python_batch(
    content: bytes, name: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """A pickled dictionary with ``data`` (uint8 ``[n, 3072]``) and ``labels`` (list of int).

    Nothing in the file is executed: the few names that such a file needs become inert
    records, every other name is refused.

    Returns:
        Pixels uint8 ``[n, 32, 32, 3]`` and labels int64 ``[n]``.

    Raises:
        DataError: the pickle asks for anything else, or does not hold what it should.
    """
    try:
        batch = _BatchUnpickler(io.BytesIO(content), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{name}: {error}") from error
    except Exception as error:  # a damaged pickle raises whatever its opcodes stumble over
        raise DataError(f"{name}: not a readable pickle ({error!r})") from error
    if not isinstance(batch, dict):
        raise DataError(f"{name}: holds a {type(batch).__name__}, not a dictionary")
    stored, labels = batch.get(b"data"), batch.get(b"labels")
    if not isinstance(stored, _PickledArray) or not isinstance(labels, list):
        raise DataError(f"{name}: lacks the array 'data' or the list 'labels'")
    if not all(type(label) is int for label in labels):
        raise DataError(f"{name}: a label is not an integer")
    return _as_images(stored.to_array(name), np.array(labels, dtype=np.int64), name)


def _as_images(
    planes: npt.NDArray[np.uint8], labels: npt.NDArray[np.int64], name: str
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Rows of three colour planes as NHWC images, after a look at shapes and labels."""
    if planes.shape != (len(labels), IMAGE_BYTES):
        raise DataError(f"{name}: {len(labels)} labels for pixel rows {planes.shape}")
    if len(labels) and not 0 <= labels.min() <= labels.max() < len(CLASSES):
        raise DataError(f"{name}: labels {labels.min()}..{labels.max()}, expected 0..9")
    images = planes.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), labels


class _PickledType:
    """Stands where the pickle names the class ``ndarray`` itself."""


class _PickledDtype:
    """Stands for ``numpy.dtype``; remembers the name that the pickle gave it."""

    def __init__(self, name: object, *_flags: object) -> None:
        self.name = name

    def __setstate__(self, _state: object) -> None:
        """Byte order and such do not matter for single bytes."""


class _PickledArray:
    """Stands for an array; remembers its state until it has been looked at."""

    def __init__(self) -> None:
        self.state: object = None

    def __setstate__(self, state: object) -> None:
        """Keep the pickled ``(version, shape, dtype, column-major?, bytes)``."""
        self.state = state

    def to_array(self, name: str) -> npt.NDArray[np.uint8]:
        """The array, if it is a plain one of bytes."""
        match self.state:
            case (int(), (int(rows), int(columns)), _PickledDtype(name=b"u1" | "u1"), order, raw):
                if isinstance(raw, bytes) and rows >= 0 and len(raw) == rows * columns:
                    flat = np.frombuffer(raw, dtype=np.uint8)
                    return flat.reshape((rows, columns), order="F" if order else "C")
            case _:
                pass
        raise DataError(f"{name}: 'data' is not a two-dimensional array of bytes")


def _reconstruct(*_arguments: object) -> _PickledArray:
    """Stands for numpy's function of this name."""
    return _PickledArray()


def _encoded(text: object, codec: object) -> bytes:
    """How Python 3 writes bytes so that Python 2 can read them: as text, and what makes it bytes.

    Raises:
        DataError: it is anything else.
    """
    if not isinstance(text, str) or codec not in ("latin1", b"latin1"):
        raise DataError("the pickle encodes something else than bytes: refused")
    return text.encode("latin-1")


class _BatchUnpickler(pickle.Unpickler):
    """Knows the names of an official batch file and of its copies, and no other."""

    def find_class(self, module_name: str, global_name: str) -> object:
        """An inert stand-in for a known name.

        Raises:
            DataError: for any other name.
        """
        match module_name, global_name:
            case (("numpy.core.multiarray" | "numpy._core.multiarray"), "_reconstruct"):
                return _reconstruct
            case "_codecs", "encode":
                return _encoded
            case "numpy", "ndarray":
                return _PickledType
            case "numpy", "dtype":
                return _PickledDtype
            case _:
                pass
        raise DataError(f"the pickle asks for {module_name}.{global_name}: refused")

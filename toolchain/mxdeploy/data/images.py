"""Pictures: one file, a folder of them, or arrays that are to have another size."""

from __future__ import annotations

import os
import warnings
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.data import findings
from mxdeploy.data.examples import Examples
from mxdeploy.data.folders import FolderFiles
from mxdeploy.data.wish import Wish
from mxdeploy.errors import Diagnostic

if TYPE_CHECKING:
    from PIL import Image

KIND = "images"
SUFFIXES = frozenset(
    {".bmp", ".gif", ".jpeg", ".jpg", ".pbm", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff"}
    | {".webp"}
)
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
"""Decoders that are let near a user's files: none that starts another program, as for EPS."""
GREY, COLOUR = 1, 3
SIXTEEN_BITS = ("I", "I;16", "I;16B", "I;16L", "I;16N")
GREY_MODES = ("1", "L", "LA", "La", *SIXTEEN_BITS)
BYTE = 255
WIDE_STEP = 257
"""Steps of 16 bits to one of 8: 65535 = 255 * 257."""
ORIENTATION = 0x0112
"""EXIF tag."""
TURNED = range(5, 9)
"""EXIF orientations that exchange rows and columns."""
DRAFT = 2
"""A JPEG is decoded at a fraction of its size as long as that is this many times the target."""


SIZE_OPTIONS = "--image-size N of mxdeploy data, --set data.image_size=N of mxdeploy train"
"""How pictures are brought to one size."""


class PictureError(Exception):
    """A picture that is left out; carries the finding."""

    def __init__(self, finding: Diagnostic) -> None:
        """Keep it."""
        super().__init__(finding.to_text())
        self.finding = finding


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """Height, width and channels of the arrays; ``fit`` brings other pictures to the size."""

    height: int
    width: int
    channels: int
    fit: bool


def pillow() -> Any:  # noqa: ANN401 - a module
    """Pillow's module ``Image``.

    Raises:
        UsageError: it is not installed.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise findings.missing_library("pillow", "images") from error
    return Image


def read_images(files: FolderFiles, wish: Wish) -> Examples:
    """Pictures as uint8 (n, C, H, W); those that cannot be read are listed and left out.

    With a size wished for, a picture is scaled until it covers it, and its middle is cut out. Else
    all must have the size of most. Colour is kept unless one channel is wished for or all are grey.
    Pictures are turned as their EXIF data say; what is transparent becomes white; 16 bits become 8.

    Raises:
        UsageError: no picture can be read, or the number of channels is none of an image.
    """
    pillow()
    if wish.channels not in (None, GREY, COLOUR):
        raise _no_channels(files.root, wish.channels)
    with quiet(), ThreadPoolExecutor(os.cpu_count()) as pool:
        form, problems = _form(files, wish, pool)
        loaded = list(pool.map(lambda path: _attempt(path, form), files.paths))
    return files.examples(loaded, problems, KIND)


@contextmanager
def quiet() -> Iterator[None]:
    """Decoders do not warn, but refuse what would fill the memory."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def _form(
    files: FolderFiles, wish: Wish, pool: ThreadPoolExecutor
) -> tuple[_Form, list[Diagnostic]]:
    """The form of all arrays, from the wish and the heads of the files; and what cannot be read."""
    if wish.image_size is not None and wish.channels is not None:
        height, width = wish.image_size
        return _Form(height=height, width=width, channels=wish.channels, fit=True), []
    heads = list(pool.map(head_of, files.paths))
    known = [head for head in heads if not isinstance(head, Diagnostic)]
    problems = [head for head in heads if isinstance(head, Diagnostic)]
    if not known:
        raise findings.nothing_usable(files.root, (*files.problems, *problems))
    sizes = Counter(size for size, _ in known)
    common, count = sizes.most_common(1)[0]
    if wish.image_size is None and 2 * count < len(known):
        raise _no_common_size(files.root, sizes)
    height, width = wish.image_size or common
    channels = wish.channels or (GREY if all(grey for _, grey in known) else COLOUR)
    fit = wish.image_size is not None
    return _Form(height=height, width=width, channels=channels, fit=fit), problems


def head_of(path: Path) -> tuple[tuple[int, int], bool] | Diagnostic:
    """Height and width, turned as they should be, and whether the picture is grey."""
    try:
        with opened(path) as image:
            size = image.size if _is_on_its_side(image) else image.size[::-1]
            return size, image.mode in GREY_MODES or _has_grey_palette(image)
    except PictureError as error:
        return error.finding


def _is_on_its_side(image: Image.Image) -> bool:
    try:
        return image.getexif().get(ORIENTATION) in TURNED
    except Exception:  # noqa: BLE001 - damaged EXIF data: the picture itself may be good
        return False


def _turned(image: Image.Image) -> Image.Image:
    """As the EXIF data say that it is to be looked at."""
    from PIL import ImageOps

    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # noqa: BLE001 - damaged EXIF data; where it is the picture, decoding will tell
        return image


def _has_grey_palette(image: Image.Image) -> bool:
    if image.mode != "P":
        return False
    colours = np.array(image.getpalette() or [], dtype=np.uint8).reshape(-1, COLOUR)
    return bool((colours == colours[:, :1]).all())


def _attempt(path: Path, form: _Form) -> NDArray[np.uint8] | Diagnostic:
    try:
        return _pixels(path, form)
    except PictureError as error:
        return error.finding


def _pixels(path: Path, form: _Form) -> NDArray[np.uint8]:
    with opened(path) as image:
        pixels = _decoded(path, image, form)
        has_sums = image.format == "PNG"
    if has_sums:  # the decoder does not look at them
        with opened(path) as image:
            image.verify()
    return pixels


@contextmanager
def opened(path: Path) -> Iterator[Image.Image]:
    """The picture; whatever its decoder raises becomes a finding."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path, formats=FORMATS) as image:
            yield image
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        what = "is no picture of a known kind" if path.stat().st_size else "is empty"
        raise PictureError(_unreadable(path, what)) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(_too_large(path, str(error))) from error
    except Exception as error:  # decoders raise what they stumble over
        raise PictureError(_unreadable(path, f"cannot be decoded: {error}")) from error


def _decoded(path: Path, image: Image.Image, form: _Form) -> NDArray[np.uint8]:
    from PIL import Image, ImageOps

    if form.fit:
        side = DRAFT * max(form.height, form.width)
        image.draft(None, (side, side))
    plain = _plain(path, _turned(image))
    size = (form.width, form.height)
    if form.fit and plain.size != size:
        plain = ImageOps.fit(plain, size, method=Image.Resampling.BILINEAR)
    elif plain.size != size:
        raise PictureError(_other_size(path, plain.size, size))
    pixels = np.asarray(plain.convert("L" if form.channels == GREY else "RGB"))
    return pixels[np.newaxis] if form.channels == GREY else np.moveaxis(pixels, -1, 0)


def _plain(path: Path, image: Image.Image) -> Image.Image:
    """The picture with one or three channels of 8 bits."""
    from PIL import Image

    if image.mode in SIXTEEN_BITS:
        values = np.asarray(image).astype(np.float64)
        wide = image.mode != "I" or values.max(initial=0) > BYTE
        steps = np.round(values / WIDE_STEP) if wide else values
        return Image.fromarray(np.clip(steps, 0, BYTE).astype(np.uint8))
    if image.mode == "F":
        raise PictureError(_unreadable(path, "has pixels of real numbers, of unknown range"))
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        white = Image.new("RGBA", layer.size, (BYTE, BYTE, BYTE, BYTE))
        return Image.alpha_composite(white, layer).convert("RGB")
    return image.convert("L" if image.mode in GREY_MODES else "RGB")


def with_form(examples: Examples, wish: Wish) -> Examples:
    """Images from arrays, brought to the size and the number of channels that are wished for.

    Raises:
        UsageError: they would have to change, but are no bytes.
    """
    shape = examples.shape
    if len(shape) != COLOUR:
        return examples
    channels = wish.channels or shape[0]
    height, width = wish.image_size or shape[1:]
    if (channels, height, width) == shape:
        return examples
    if examples.inputs.dtype != np.uint8 or not {channels, shape[0]} <= {GREY, COLOUR}:
        raise findings.refusal(
            "MX8343",
            examples.source,
            f"has {examples.inputs.dtype} inputs of {'x'.join(map(str, shape))}, "
            f"{channels}x{height}x{width} were asked for",
            "leave image_size and channels out, or give other data",
            "only 8-bit images with 1 or 3 channels are scaled",
        )
    inputs = np.stack([_refitted(x, (width, height), channels) for x in examples.inputs])
    return replace(examples, inputs=inputs)


def _refitted(x: NDArray[Any], size: tuple[int, int], channels: int) -> NDArray[np.uint8]:
    """One image (C, H, W) in another size and number of channels."""
    from PIL import Image, ImageOps

    grey = len(x) == GREY
    picture = Image.fromarray(x[0] if grey else np.ascontiguousarray(np.moveaxis(x, 0, -1)))
    if picture.size != size:
        picture = ImageOps.fit(picture, size, method=Image.Resampling.BILINEAR)
    pixels = np.asarray(picture.convert("L" if channels == GREY else "RGB"))
    return pixels[np.newaxis] if channels == GREY else np.moveaxis(pixels, -1, 0)


def _unreadable(path: Path, what: str) -> Diagnostic:
    return findings.problem("MX8344", path, what, "replace or remove the file", "it is left out")


def _too_large(path: Path, what: str) -> Diagnostic:
    return findings.problem(
        "MX8345", path, what, "make the picture smaller", "it would fill the memory; it is left out"
    )


def _other_size(path: Path, found: tuple[int, int], wanted: tuple[int, int]) -> Diagnostic:
    return findings.problem(
        "MX8346",
        path,
        f"has {found[0]}x{found[1]} pixels",
        "choose a size for all: " + SIZE_OPTIONS,
        f"most pictures have {wanted[0]}x{wanted[1]}; it is left out",
    )


def _no_common_size(where: Path, sizes: Counter[tuple[int, int]]) -> Exception:
    shown = ", ".join(f"{w}x{h} ({n})" for (h, w), n in sizes.most_common(findings.MAX_POSITIONS))
    more = len(sizes) - findings.MAX_POSITIONS
    return findings.refusal(
        "MX8348",
        where,
        f"holds {sizes.total():,} pictures of {len(sizes):,} sizes: {shown}"
        + (f" and {more:,} more" if more > 0 else ""),
        "choose a size for all: " + SIZE_OPTIONS,
        "a network takes one size, and none is that of most",
    )


def _no_channels(where: Path, channels: int | None) -> Exception:
    return findings.refusal(
        "MX8347", where, f"cannot become images with {channels} channels", "channels 1 or 3"
    )

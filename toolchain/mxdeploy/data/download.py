"""Published data sets over the network: what is kept has the published sum, or is not kept."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Callable
from pathlib import Path

from mxdeploy.data import findings, idx
from mxdeploy.errors import UsageError
from mxdeploy.files import complete_file

SETS: dict[str, tuple[str, dict[str, str]]] = {
    "cifar10": (
        "https://www.cs.toronto.edu/~kriz/",
        {"cifar-10-python.tar.gz": "c58f30108f718f92721af3b95e74349a"},
    ),
    "mnist": ("https://ossci-datasets.s3.amazonaws.com/mnist/", idx.MNIST_MD5),
    "fashion-mnist": (
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        idx.FASHION_MD5,
    ),
}
"""Where each set is published, and the MD5 sums of its files."""
CHUNK = 1 << 20
TIMEOUT_S = 30


def download(
    name: str, folder: Path, *, base: str | None = None, advance: Callable[[int], None]
) -> list[Path]:
    """Fetch the files of a published set that are not there yet.

    Args:
        name: of the set, a key of ``SETS``.
        folder: where to keep them; made if it is not there.
        base: address of the folder with the files, if not that of the publisher.
        advance: told of every file that is there.

    Returns:
        All files of the set.

    Raises:
        UsageError: no network, an answer that is none, a sum that differs, or no room.
    """
    address, sums = SETS[name]
    paths = []
    for file, published in sums.items():
        path = folder / file
        if not path.is_file() or _sum(path) != published:
            _fetch(f"{(base or address).rstrip('/')}/{file}", path, published)
        paths.append(path)
        advance(1)
    return paths


def _fetch(url: str, path: Path, published: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            urllib.request.urlopen(url, timeout=TIMEOUT_S) as source,  # noqa: S310 - only of SETS, or told
            complete_file(path) as partial,
        ):
            found = hashlib.md5(usedforsecurity=False)
            with partial.open("wb") as target:
                while chunk := source.read(CHUNK):
                    found.update(chunk)
                    target.write(chunk)
            if found.hexdigest() != published:
                raise _other_sum(url, found.hexdigest(), published)
    except UsageError:
        raise
    except (OSError, ValueError) as error:  # URLError is an OSError, a strange address a ValueError
        raise findings.refusal(
            "MX8380",
            url,
            f"cannot be fetched to {path}: {error}",
            f"fetch it on another machine and put it into {path.parent}",
        ) from error


def _other_sum(url: str, found: str, published: str) -> UsageError:
    return findings.refusal(
        "MX8381",
        url,
        f"gave a file with the MD5 sum {found}",
        "try again, or fetch it elsewhere",
        f"the published file has {published}; nothing was kept",
    )


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()

"""Evaluation of a network that gives a class for every pixel: counted while batches come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mxdeploy.arith.tail import Reals
from mxdeploy.data import DataSet
from mxdeploy.errors import Diagnostic, UsageError
from mxdeploy.ir.quantized import QuantNetwork
from mxdeploy.ops.graph import ArgMax, LogSoftmax, Sigmoid, Softmax
from mxdeploy.outputs import (
    MapClassifier,
    maker_of,
    map_classifier_of,
    require_classes,
    shapes_of,
)
from mxdeploy.pixel_accuracy import Counts, PixelAccuracy, PixelComparison, confusion, unions

_CHOOSING = ArgMax | LogSoftmax | Sigmoid | Softmax


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PixelEvaluation:
    """What came out.

    Attributes:
        classes: how many the network tells apart.
        names: of the classes; none if nobody told.
        pixels: of all images.
        agreement: share of pixels for which float and integer choose the same class.
        accuracy: ``float``, ``integer`` and other forms that were run; None without labels.
        paired: integer against float, image by image; None without labels.
    """

    classes: int
    names: tuple[str, ...]
    pixels: int
    agreement: float
    accuracy: dict[str, PixelAccuracy] | None
    paired: PixelComparison | None

    def to_dict(self) -> dict[str, Any]:
        """For ``--json``."""
        found = self.accuracy
        return {
            "classes": list(self.names) or list(range(self.classes)),
            "total": self.pixels,
            "agreement": self.agreement,
            "accuracy": None if found is None else {k: a.to_dict() for k, a in found.items()},
            "paired": None if self.paired is None else self.paired.to_dict(),
        }

    def lines(self) -> list[str]:
        """For people."""
        if self.accuracy is None or self.paired is None:
            agreed = f"{self.agreement:.2%} of {self.pixels:,} pixels"
            return [f"float and integer choose the same of {self.classes} classes for {agreed}"]
        return [
            *(f"{name:9} {accuracy.to_text()}" for name, accuracy in self.accuracy.items()),
            f"float -> integer: {self.paired.to_text()}",
            *self._table(self.accuracy["float"], self.accuracy["integer"]),
        ]

    def _table(self, real: PixelAccuracy, integer: PixelAccuracy) -> list[str]:
        """Every class that occurs: pixels, IoU of both forms, and what it is mostly taken for."""
        names = self.names or tuple(map(str, range(self.classes)))
        width = max(len("class"), *map(len, names))
        rows = [f"{'class':{width}}      pixels  IoU float  integer  mostly taken for"]
        counts, both = integer.counts, (unions(real.counts), unions(integer.counts))
        for number in np.flatnonzero(counts.sum(axis=1)).tolist():
            others = counts[number].copy()
            having, others[number] = int(others.sum()), 0
            worst = int(others.argmax())
            taken = f"{names[worst]} ({others[worst] / having:.1%})" if others[worst] else "-"
            rows.append(
                f"{names[number]:{width}} {having:11,}  {both[0][number]:9.2%}"
                f"  {both[1][number]:7.2%}  {taken}"
            )
        return rows


def pixel_meter(
    network: QuantNetwork, dataset: DataSet, names: tuple[str, ...]
) -> PixelMeter | None:
    """What counts pixels; None where there is nothing to count.

    Without labels a map of the input's own shape, at which no choice ends, is taken for a picture.

    Raises:
        UsageError: the labels are those of pixels, and suit no output.
    """
    classifier = map_classifier_of(network)
    if dataset.maps is not None:
        _check_maps(classifier, dataset, dataset.maps)
    elif classifier is None or dataset.labels is not None or _is_picture(network, classifier):
        return None
    return None if classifier is None else PixelMeter(classifier, dataset.maps, names)


class PixelMeter:
    """Counts batch by batch."""

    def __init__(
        self, classifier: MapClassifier, maps: NDArray[np.int64] | None, names: tuple[str, ...]
    ) -> None:
        """``maps``: the right classes of all images, (n, rows, columns), if they are known."""
        self._classifier = classifier
        self._maps = maps
        self._names = names if len(names) == classifier.classes else ()
        self._counts: dict[str, list[Counts]] = {}
        self._changed: list[NDArray[np.int64]] = []
        self._gained: list[NDArray[np.int64]] = []
        self._pixels = 0

    def add(self, forms: Mapping[str, Mapping[str, Reals]], first: int) -> None:
        """The model's outputs in all forms, of a batch that begins with image ``first``.

        ``float`` and ``integer`` are among them.
        """
        chosen = {form: self._classifier.choices(outputs) for form, outputs in forms.items()}
        before, after = chosen["float"], chosen["integer"]
        self._changed.append((before != after).sum(axis=(1, 2)))
        self._pixels += before.size
        if self._maps is None:
            return
        wanted = self._maps[first : first + len(before)]
        for form, found in chosen.items():
            counts = confusion(wanted, found, self._classifier.classes)
            self._counts.setdefault(form, []).append(counts)
        self._gained.append(((after == wanted) & (before != wanted)).sum(axis=(1, 2)))

    def result(self) -> PixelEvaluation:
        """What all batches together say."""
        changed = np.concatenate(self._changed)
        accuracy, paired = None, None
        if self._maps is not None:
            images = {form: np.concatenate(parts) for form, parts in self._counts.items()}
            accuracy = {form: PixelAccuracy(images=counts) for form, counts in images.items()}
            paired = PixelComparison(
                first=images["float"],
                second=images["integer"],
                changed=changed,
                gained=np.concatenate(self._gained),
            )
        return PixelEvaluation(
            classes=self._classifier.classes,
            names=self._names,
            pixels=self._pixels,
            agreement=1 - int(changed.sum()) / self._pixels,
            accuracy=accuracy,
            paired=paired,
        )


def _is_picture(network: QuantNetwork, classifier: MapClassifier) -> bool:
    result = next(r for r in network.model_results if r.name == classifier.name)
    maker = maker_of(network, result)
    ends = maker is not None and isinstance(maker.op, _CHOOSING)
    return not ends and shapes_of(network)[classifier.name] == network.input_shape


def _check_maps(
    classifier: MapClassifier | None, dataset: DataSet, maps: NDArray[np.int64]
) -> None:
    if classifier is None:
        raise UsageError(
            Diagnostic(
                code="MX8065",
                where=dataset.source,
                what="has a label for every pixel",
                why="no output of the network is a map of classes",
                fix="give one label per input",
            )
        )
    if maps.shape[1:] != classifier.size:
        found, wanted = ("x".join(map(str, s)) for s in (maps.shape[1:], classifier.size))
        raise UsageError(
            Diagnostic(
                code="MX8066",
                where=dataset.source,
                what=f"has labels for {found} pixels",
                why=f"output {classifier.name} of the network has {wanted}",
                fix="bring the masks to the size of the output",
            )
        )
    require_classes("MX8067", dataset.source, maps, classifier.classes)

"""The section on quantization: what is in its tables and pictures, and in a browser."""

from __future__ import annotations

import re
import subprocess
from dataclasses import replace

import pytest

from mxdeploy.ir.measurement import Histogram, LayerMeasurement, NoiseSources
from mxdeploy.ir.quantized import LayerQuality, QuantLayer, QuantNetwork
from mxdeploy.stages.s9_report import layer_quantizations, render_page, render_quantization
from mxdeploy.stages.s9_report.histograms import curve_of, quantization_section
from mxdeploy.stages.s9_report.schema import HistogramReport
from tests import zoo
from tests.stages.s9_report.reports import report_of
from tests.stages.s9_report.test_page import BROWSER, EVIL, Balance


def measurement() -> LayerMeasurement:
    """A layer that cuts off a quarter of its outputs."""
    return LayerMeasurement(
        weight_scale=0.01, weights_cut=0.25, range_from="calibration (mse)", reach=(-1.0, 2.0),
        limits=(-1.0, 0.99), beyond=0.25, biases_moved=3,
        noise=NoiseSources(inherited=1e-3, weights=1e-4, parameters=1e-5, output=0.0, own=1e-4),
        outputs=Histogram(low=-1.0, high=2.0, counts=(10, 100, 10, 100, 40, 1)),
        weights=Histogram(low=-128.5, high=127.5, counts=(1, 2, 3, 4)),
    )  # fmt: skip


def network(name: str = "conv") -> QuantNetwork:
    quality = LayerQuality(sqnr_db=30.0, saturated=0.125, bias_saturated=1)
    plain = zoo.small()

    def measured(layer: QuantLayer, number: int) -> QuantLayer:
        found = replace(quality, measurement=measurement() if layer.weight else None)
        return replace(layer, name=f"{name}{number}", quality=found)

    layers = tuple(measured(layer, number) for number, layer in enumerate(plain.layers))
    return replace(plain, layers=layers)


def test_a_record_of_every_layer() -> None:
    records = layer_quantizations(network())
    assert [record.index for record in records] == list(range(len(records)))
    first = records[0]
    assert (first.sqnr_db, first.saturated, first.biases_cut) == (30.0, 0.125, 1)
    assert first.noise is not None
    assert first.noise.inherited_db == pytest.approx(30)
    assert first.noise.parameters_db == pytest.approx(50)
    assert first.noise.output_db is None
    assert first.weights == zoo.small().layers[0].weight.array.size


def test_the_page_shows_what_was_decided_and_what_it_costs() -> None:
    page = render_page(report_of(network())).decode()
    for text in ("<h2>Quantization</h2>", "calibration (mse)", "25.0%", "12.5%", "30.0", "50.0"):
        assert text in page, text
    weighted = sum(layer.weight is not None for layer in network().layers)
    assert page.count("<figure>") == weighted


def test_without_calibration_there_is_no_section() -> None:
    assert "<h2>Quantization</h2>" not in render_page(report_of(zoo.small())).decode()


def test_a_page_of_its_own_is_whole_and_escaped() -> None:
    page = render_quantization(EVIL, EVIL, layer_quantizations(network(EVIL))).decode()
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert balance.links == []
    assert "<script" not in page
    assert "&lt;script&gt;" in page


def bars(path: str) -> list[float]:
    """Heights of a curve's bars, from its path: V top H end for each."""
    return [56 - float(top) for top in re.findall(r"V ([\d.]+) H", path)]


def test_bars_are_as_high_as_the_logarithm_of_what_they_count() -> None:
    found = HistogramReport(low=0, high=4, counts=(0, 1, 3, 15))
    curve = curve_of(found, None)
    assert bars(curve.inside) == pytest.approx([0, 14, 28, 56], abs=0.1)
    assert curve.outside == ""


def test_bars_beyond_the_limits_are_apart() -> None:
    counts = (10, 100, 10, 100, 40, 1)
    curve = curve_of(HistogramReport(low=-1, high=2, counts=counts), (-1.0, 0.99))
    inside, outside = bars(curve.inside), bars(curve.outside)
    assert [height > 0 for height in inside] == [True] * 4 + [False] * 2
    assert [height > 0 for height in outside] == [False] * 4 + [True] * 2
    assert [mark.text for mark in curve.marks] == ["-1", "2", "0"]
    empty = curve_of(HistogramReport(low=0, high=1, counts=(0, 0)), None)
    assert (empty.inside, empty.outside) == ("", "")


def test_nothing_measured_nothing_shown() -> None:
    section = quantization_section(layer_quantizations(zoo.small()))
    assert (section.rows, section.figures) == ((), ())


@pytest.mark.skipif(BROWSER is None, reason="no browser on the PATH")
@pytest.mark.parametrize("dark", [False, True])
def test_in_a_browser(tmp_path, dark: bool) -> None:
    """Cut off outputs are red in light and dark, and the page is as its colours say."""
    from PIL import Image

    page, shot = tmp_path / "q.html", tmp_path / "q.png"
    page.write_bytes(render_quantization("net", "data", layer_quantizations(network())))
    colours = ("--force-dark-mode", "--blink-settings=preferredColorScheme=0") if dark else ()
    subprocess.run(
        [
            BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *colours,
            f"--user-data-dir={tmp_path}/user", "--window-size=1000,1200",
            f"--screenshot={shot}", page.as_uri(),
        ],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    with Image.open(shot) as image:
        found = {c: count for count, c in image.convert("RGB").getcolors(1 << 20)}
    paper, cut = ((22, 24, 27), (255, 123, 114)) if dark else ((255, 255, 255), (180, 35, 24))
    assert max(found, key=found.get) == paper
    assert found.get(cut, 0) > 100

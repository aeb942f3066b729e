"""The page: whole, self-contained, escaped, and looked at in a browser where there is one."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mxdeploy.ir.network import Rewrite
from mxdeploy.stages.s9_report import render_page
from mxdeploy.stages.s9_report.pictures import data_picture, kernel_picture, network_picture
from tests import branches, zoo
from tests.stages.s9_report.reports import report_of

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
EVIL = "<script>alert('1')</script>&\"conv\""
VOID = {"meta", "path", "rect"}


class Balance(HTMLParser):
    """Every tag that opens closes, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("make", [zoo.small, zoo.mnist, branches.residual, branches.wide_join])
def test_the_page_is_whole_and_needs_no_network(make):
    page = render_page(report_of(make())).decode()
    balance = Balance()
    balance.feed(page)
    assert balance.open == []
    assert balance.links == []
    assert "://" not in page
    assert "@import" not in page


def test_text_from_the_model_is_escaped():
    network = zoo.small()
    layers = tuple(
        replace(layer, name=f"{EVIL}{i}", origin=(EVIL,)) for i, layer in enumerate(network.layers)
    )
    rewrites = (Rewrite(rule="r", nodes=(EVIL,), text=EVIL, exact=False),)
    report = report_of(replace(network, layers=layers, rewrites=rewrites), warnings=(EVIL,))
    page = render_page(report).decode()
    assert "<script" not in page
    assert page.count("&lt;script&gt;") > len(layers)
    assert "1 of 1 are approximate" in page


def test_kernel_words_are_where_the_plan_puts_them():
    report = report_of(zoo.mnist())
    boxes = kernel_picture(report).boxes
    area = sum(box.width * box.height for box in boxes)
    words = sum(layer.kernel_words * layer.processors for layer in report.layers)
    assert area == pytest.approx(words * 11 / 2)


def test_every_tensor_is_drawn_in_each_of_its_memories():
    report = report_of(branches.residual())
    titles = [box.title.split(":")[0] for box in data_picture(report).boxes]
    assert titles.count("y0") == 4  # sixteen channels
    assert titles.count("x") == 1


def test_arrows_that_pass_layers_by_are_dashed():
    arrows = network_picture(report_of(branches.residual())).arrows
    assert [arrow.skips for arrow in arrows] == [False, False, False, True, False, True, False]


@pytest.mark.skipif(BROWSER is None, reason="no browser on the PATH")
def test_in_a_browser(tmp_path):
    """The browser draws all boxes, and nothing is wider than its window but what scrolls."""
    from PIL import Image

    report = report_of(branches.u_net())
    page = tmp_path / "report.html"
    page.write_bytes(render_page(report))
    shot = tmp_path / "page.png"
    arguments = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/user")
    dom = subprocess.run(
        [BROWSER, *arguments, "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip
    drawn = sum(
        len(picture(report).boxes) for picture in (kernel_picture, data_picture, network_picture)
    )
    assert len(re.findall(r'<rect class="b"', dom)) == drawn
    subprocess.run(
        [BROWSER, *arguments, "--window-size=1000,2400", f"--screenshot={shot}", page.as_uri()],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    with Image.open(shot) as image:
        colours = image.convert("RGB").getcolors(1 << 20)
    hues = {colour for count, colour in colours if count > 400 and max(colour) - min(colour) > 60}
    assert len(hues) >= len(report.layers)

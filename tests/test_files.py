"""Complete or not there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mxdeploy.files import complete_file


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")
    with complete_file(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "f"
    target.write_text("old")

    def fail() -> None:
        with complete_file(target) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(sys.platform == "win32", reason="no pipes with names")
def test_what_is_no_file_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        with pytest.raises(OSError, match="no regular file"), complete_file(place):
            pass
    assert pipe.is_fifo()

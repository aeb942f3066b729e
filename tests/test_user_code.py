"""The user's own C files: read whole, or refused with what is wrong with each."""

from __future__ import annotations

from pathlib import Path

import pytest

from mxdeploy.errors import UsageError
from mxdeploy.user_code import MAX_BYTES, read_user_code


def write(folder: Path, name: str, content: bytes = b"int main(void);\n") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def test_files_are_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    paths = [write(tmp_path, "z.c"), write(tmp_path, "a.h", b"\xff\r\n"), write(tmp_path, "b.S")]
    assert read_user_code(paths) == (
        ("a.h", b"\xff\n"),
        ("b.S", b"int main(void);\n"),
        ("z.c", b"int main(void);\n"),
    )


def test_no_files_are_no_fault() -> None:
    assert read_user_code(()) == ()


@pytest.mark.parametrize(
    ("names", "codes"),
    [
        (["main.py"], ["MX8210"]),
        (["my main.c"], ["MX8210"]),
        (["-o.c"], ["MX8210"]),
        (["$(x).c"], ["MX8210"]),
        (["a.h"], ["MX8213"]),
        (["missing.c"], ["MX8212"]),
        (["folder.c"], ["MX8212"]),
        (["main.py", "missing.c"], ["MX8210", "MX8212"]),
    ],
)
def test_what_is_refused(tmp_path: Path, names: list[str], codes: list[str]) -> None:
    for name in names:
        if "missing" not in name and "folder" not in name:
            write(tmp_path, name)
    (tmp_path / "folder.c").mkdir()
    with pytest.raises(UsageError) as caught:
        read_user_code([tmp_path / name for name in names])
    assert [d.code for d in caught.value.diagnostics] == codes
    assert all(str(tmp_path) in d.where for d in caught.value.diagnostics)


def test_two_files_of_one_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MX8211"):
        read_user_code([write(tmp_path / "a", "main.c"), write(tmp_path / "b", "main.c")])


def test_a_file_without_end(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="larger"):
        read_user_code([write(tmp_path, "main.c", b" " * (MAX_BYTES + 1))])

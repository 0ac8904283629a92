"""The script that fills a virtual environment: which wheels of a folder it takes, and which folder it replaces."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

import pytest

from release.cli.action.unpack import UNUSABLE, fits_here, install, wheels_of

OWN = f"cp{sys.version_info.major}{sys.version_info.minor}"
MACHINE = platform.machine()


def wheel(folder: Path, name: str, content: str = "x") -> str:
    """Write a wheel; return its line of hash for the lock file."""
    (folder / name).write_text(content)
    return f"    --hash=sha256:{hashlib.sha256(content.encode()).hexdigest()}"


def chosen(lock: str, folder: Path) -> list[str]:
    return [Path(path).name for path in wheels_of(lock, str(folder), fits=fits_here)]


@pytest.mark.parametrize(
    ("tags", "fits"),
    [
        ("py3-none-any", True),
        ("py2.py3-none-any", True),
        (f"{OWN}-{OWN}-manylinux_2_17_{MACHINE}.manylinux2014_{MACHINE}", True),
        (f"{OWN}-{OWN}-macosx_11_0_universal2", True),
        (f"cp38-abi3-musllinux_1_2_{MACHINE}", True),
        (f"cp310-cp310-manylinux_2_17_{MACHINE}", False),
        (f"{OWN}-{OWN}-manylinux_2_17_riscv64", False),
        ("py2-none-any", False),
    ],
)
def test_wheel_that_this_python_cannot_read_counts_as_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], tags: str, fits: bool
) -> None:
    name = f"some_package-1.0-{tags}.whl"
    lock = f"some-package==1.0 \\\n{wheel(tmp_path, name)}\n"
    if fits:
        assert chosen(lock, tmp_path) == [name]
        return
    with pytest.raises(SystemExit) as left:
        wheels_of(lock, str(tmp_path), fits=fits_here)
    assert left.value.code == UNUSABLE
    assert "some-package 1.0 is missing" in capsys.readouterr().err


def test_wheels_of_other_programs_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    own = "some_package-1.0-py3-none-any.whl"
    lock = f"some-package==1.0 \\\n{wheel(tmp_path, own)}\n"
    for name in ("some_package-0.9-py3-none-any.whl", "other-2-py3-none-any.whl", "odd.whl", "notes.txt"):
        wheel(tmp_path, name, name)
    before = sorted(tmp_path.iterdir())
    assert chosen(lock, tmp_path) == [own]
    assert sorted(tmp_path.iterdir()) == before


def test_wheel_with_the_name_of_a_locked_one_and_other_content_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "some_package-1.0-py3-none-any.whl"
    lock = f"some-package==1.0 \\\n{wheel(tmp_path, name)}\n"
    wheel(tmp_path, name, "planted")
    with pytest.raises(SystemExit) as left:
        wheels_of(lock, str(tmp_path), fits=fits_here)
    assert left.value.code == UNUSABLE
    assert f"the lock file has no hash for {name}" in capsys.readouterr().err


def test_folder_with_something_else_than_an_environment_is_not_replaced(tmp_path: Path) -> None:
    root, wheels, target = tmp_path / "root", tmp_path / "wheels", tmp_path / "home"
    (root / "ci").mkdir(parents=True)
    (root / "ci" / "runtime.lock").touch()
    wheels.mkdir()
    target.mkdir()
    (target / "thesis.txt").touch()
    with pytest.raises(SystemExit) as left:
        install(str(root), str(wheels), str(target))
    assert (
        left.value.code
        == f"shipmark: {target} is not a virtual environment, so it is not replaced: name a new folder"
    )
    assert (target / "thesis.txt").exists()

"""A release is the same in every locale: names of files and arguments are UTF-8, whatever the locale says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.programs.command import Shipmark
from tests.support.releases.git import GitRepo

# Python takes names of files for ASCII, as it takes them for Latin-1 in a locale of that encoding.
_ASCII = ("-X", "utf8=0")
_LOCALE = {"LC_ALL": "C"}
_FILES = {
    "Dockerfile": "FROM scratch\nCOPY . /\nCOPY \u00e4.txt /\u00fc.txt\n",
    "shipmark.yml": "image: oci:dist/image\nproject: app\nbuild: {builder: layers}\n",
    ".gitignore": "dist/\n",
    "\u00e4.txt": "umlaut\n",
}


def _digest(shipmark: Shipmark, repo: GitRepo, env: dict[str, str], *options: str) -> str:
    start = [sys.executable, "-I", *options, str(Path(sys.executable).parent / "shipmark")]
    for words in (("run",), ("image", "digest", "oci:dist/image:1.4.2")):
        done = subprocess.run(
            [*start, *words], cwd=repo.path, env=shipmark.env | env, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_image_is_the_same_in_a_locale_that_is_not_utf8(
    git_repo: GitRepo, shipmark: Shipmark, tmp_path: Path
) -> None:
    git_repo.commit("one", _FILES)
    git_repo.tag("v1.4.2")
    utf8 = _digest(shipmark, git_repo.clone(tmp_path / "utf8"), {})
    assert _digest(shipmark, git_repo.clone(tmp_path / "ascii"), _LOCALE, *_ASCII) == utf8


def test_library_refuses_to_work_in_a_locale_that_is_not_utf8(shipmark: Shipmark) -> None:
    done = subprocess.run(
        [sys.executable, "-I", *_ASCII, "-c", "import shipmark; shipmark.open_workspace(env={})"],
        env=shipmark.env | _LOCALE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "ConfigError: Python decodes names of files as `ascii`, not as UTF-8" in done.stderr

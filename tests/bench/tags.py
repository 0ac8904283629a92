"""Compares the time of `shipmark tags` with git itself and with other programs that calculate versions.

Each program is measured as users have it: installed by pip into an environment without packages for development.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.bench.harness import Command, Series, compare, paired, table
from tests.bench.installed import install, own_program
from tests.bench.repositories import at_tag, large, small
from tests.support.programs.environment import scrubbed

_PEERS = Path(__file__).with_name("peers.txt")


def run(folder: Path, *, rounds: int) -> Iterator[str]:
    """Yield one table for each repository. `folder`: where repositories and the peers' environment are kept."""
    peers = _peers(folder / "peers")
    own = own_program(folder / "own")
    for title, repository in (
        ("tags: 30 commits, 10 tags", small(folder)),
        ("tags: 200,000 commits, 19,998 tags", large(folder)),
        ("tags: the same, HEAD at a version tag, refs in files of their own", at_tag(folder, packed=False)),
        ("tags: the same, HEAD at a version tag, packed refs", at_tag(folder, packed=True)),
    ):
        series = compare(_commands(repository, own, peers, folder), rounds=rounds)
        yield "\n".join([table(title, series), "", *_ratios(series)])


def _ratios(series: Sequence[Series]) -> Iterator[str]:
    """Yield the ratios of CPU that the project holds itself to: `tags` to git, and to dunamai."""
    by_name = {one.name: one.samples for one in series}
    for peer in ("git describe", "dunamai"):
        if by_name["shipmark tags"] and by_name[peer]:
            ratio, most = paired(by_name["shipmark tags"], by_name[peer])
            yield f"shipmark tags / {peer}: {ratio:.2f}, with 95 % confidence below {most:.2f}"


def _commands(repository: Path, own: Path, peers: Path, folder: Path) -> list[Command]:
    python = own / "python"
    argvs: dict[str, list[str | Path]] = {
        "git describe": ["git", "describe", "--tags", "--long", "--dirty", "--always"],
        "python -c pass": [python, "-I", "-c", "pass"],
        "shipmark tags": [python, "-I", own / "shipmark", "tags"],
        "shipmark tags --json": [python, "-I", own / "shipmark", "tags", "--json"],
        "shipmark version": [python, "-I", own / "shipmark", "version"],
        "dunamai": [peers / "dunamai", "from", "git"],
        "setuptools-scm": [peers / "setuptools-scm"],
        "versioningit": [peers / "versioningit"],
        "python-semantic-release": [peers / "semantic-release", "--noop", "version", "--print"],
    }
    env = scrubbed(folder / "home")
    return [Command(name, argv, repository, env) for name, argv in argvs.items()]


def _peers(folder: Path) -> Path:
    """Return the folder of the peers' programs, installed with compiled bytecode when the list has changed."""
    stamp = folder / "installed.txt"
    if not stamp.exists() or stamp.read_text() != _PEERS.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install(folder, "--requirement", _PEERS)
        stamp.write_text(_PEERS.read_text())
    return folder / "bin"

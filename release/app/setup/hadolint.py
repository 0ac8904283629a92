"""Runs hadolint, where the extra `shipmark[lint]` or the system has installed it."""

from __future__ import annotations

import os
import shutil
import sysconfig

from release.app.session import Session
from release.build.dockerfile.lint.findings import Finding
from release.build.dockerfile.lint.hadolint import read_hadolint

NAME = "hadolint"
NOT_INSTALLED = "not installed; `pip install 'shipmark[lint]'` installs it"
#: Seconds that hadolint may take. It takes about 0.1 s for a usual Dockerfile; one that hangs must not block the
#: command.
_TIMEOUT = 60.0
# An environment without the user's: hadolint reads options from `HADOLINT_…`, and a config file from the working
# folder and the home folder, which would change the findings from one machine to the next.
_ENV = {"HOME": os.devnull, "XDG_CONFIG_HOME": os.devnull, "LANG": "C.UTF-8"}


def find_hadolint(path: str) -> str | None:
    """The path of hadolint: in an absolute folder of `path`, a value of `PATH`, else where pip installs programs.

    None if hadolint is not installed.
    """
    # A relative folder would be one of the workspace, whose author is not trusted.
    folders = [folder for folder in path.split(os.pathsep) if os.path.isabs(folder)]
    folders.append(sysconfig.get_path("scripts"))
    return shutil.which(NAME, path=os.pathsep.join(folders))


def run_hadolint(session: Session, program: str, file: str, text: str) -> tuple[Finding, ...] | str:
    """The findings in one file, or as text the reason why the file was not checked."""
    # `--no-fail`: the exit code is 1 for findings and for broken input alike, so the output decides.
    argv = [program, "--no-fail", "--format", "json", "-"]
    try:
        done = session.process.run(argv, cwd="/", env=_ENV, stdin=text.encode(), timeout=_TIMEOUT)
    except TimeoutError:
        return f"no answer within {_TIMEOUT:g} s"
    except OSError as error:
        return f"it cannot be started: {(error.strerror or str(error)).lower()}"
    if done.code != 0:
        return f"it ended with {done.code}"
    return read_hadolint(done.stdout, file)

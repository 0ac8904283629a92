"""Runs the build checks of BuildKit through buildx, where it is installed and its builder answers."""

from __future__ import annotations

from release.app.session import Session
from release.build.buildkit.environment import child_environment
from release.build.buildkit.tools import find_program
from release.build.dockerfile.lint.buildx import read_checks
from release.build.dockerfile.lint.findings import Finding
from release.errors import BuilderUnavailable

NAME = "buildx"
#: Seconds that `docker buildx build --check` may take: it may have to start a builder, which downloads BuildKit's
#: image, and to download the frontend of `# syntax=`. One that hangs must not block the command.
_TIMEOUT = 120.0


def find_buildx(session: Session) -> tuple[str | None, str]:
    """The program, or None and the reason why it is not run: an untrusted run, or no such program."""
    if not session.trust.trusted:
        # A `# syntax=` line names an image with a program, which BuildKit runs.
        return None, f"the run is not trusted: {session.trust.reason}"
    env = {name: value for name, value in session.settings.env.items() if name != "BUILDKIT_HOST"}
    try:
        return find_program(env).program, ""
    except BuilderUnavailable:
        return None, "not installed"


def run_buildx(session: Session, program: str, file: str, text: str) -> tuple[Finding, ...] | str:
    """The findings in one file, or as text why the file was not checked. The builder gets the file, but no context."""
    argv = [program, "build", "--call=check,format=json", "-"]
    env = child_environment(session.settings.env)
    try:
        done = session.process.run(argv, cwd="/", env=env, stdin=text.encode(), timeout=_TIMEOUT)
    except TimeoutError:
        return f"no answer within {_TIMEOUT:g} s"
    except OSError as error:
        return f"it cannot be started: {(error.strerror or str(error)).lower()}"
    # The exit code is 1 for findings and for failures alike. A failure prints nothing on stdout.
    if not done.stdout.strip():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        # Only the last line names the failure. 300 characters: one message, also if the line is a whole document.
        return f"it ended with {done.code}: {said[-1][:300] if said else 'no message'}"
    return read_checks(done.stdout, file)

"""Which real services a test needs, and what is said of those that this machine does not have.

A fixture calls `require("docker-registry")`. Where the program is missing the test is skipped under a reason
that the end of the run collects; with `SHIPMARK_REQUIRE_SERVICES=1` it fails, so that CI skips nothing.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Sequence

import pytest

#: Opens the reason of every skip made here, so that the summary finds it again in the workers' reports.
MARK = "missing service: "

#: Daemons live in /usr/sbin on Debian, which a user's PATH often lacks.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/local/sbin", "/usr/sbin", "/sbin"])

#: Service -> the programs it takes.
PROGRAMS: dict[str, tuple[str, ...]] = {
    "buildah": ("buildah",),
    "busybox": ("busybox",),
    "chromium": ("chromium",),
    "docker": ("dockerd", "docker", "containerd", "runc"),
    "docker-registry": ("docker-registry",),
    "git": ("git",),
    "node": ("node",),
    "openssl": ("openssl",),
    "podman": ("podman",),
    "postgres": ("postgres", "initdb"),
    "skopeo": ("skopeo",),
    "ssh": ("sshd", "ssh", "ssh-keygen"),
    "umoci": ("umoci",),
}

#: Services whose daemon needs rights that only root has.
ROOT_ONLY = frozenset({"docker"})


def program(name: str) -> str:
    """Return the path of the program `name`. Raises `FileNotFoundError`."""
    path = shutil.which(name, path=SEARCH_PATH) or _postgres_program(name)
    if path is None:
        raise FileNotFoundError(name)
    return path


def missing(name: str) -> str | None:
    """Return why the service `name` cannot be used here, or None when it can."""
    for wanted in PROGRAMS[name]:
        try:
            program(wanted)
        except FileNotFoundError:
            return f"no program `{wanted}`"
    if name in ROOT_ONLY and os.geteuid() != 0:
        return "needs root"
    return None


def require(*names: str) -> None:
    """Go on when every service in `names` is there; otherwise skip, or fail where services are required."""
    reasons = {name: missing(name) for name in names}
    absent = {name: reason for name, reason in reasons.items() if reason is not None}
    if not absent:
        return
    text = MARK + ", ".join(f"{name} ({reason})" for name, reason in sorted(absent.items()))
    if required():
        pytest.fail(f"{text}; SHIPMARK_REQUIRE_SERVICES=1 allows no skip", pytrace=False)
    pytest.skip(text)


def required() -> bool:
    """Whether a missing service fails its tests."""
    return os.environ.get("SHIPMARK_REQUIRE_SERVICES", "") not in ("", "0")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the services that were missing and the tests that this skipped."""
    skipped = _skipped_by_service(terminalreporter.stats.get("skipped", []))
    if not skipped:
        return
    terminalreporter.section("missing services")
    for service, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"{service}: {len(tests)} skipped")
        for test in sorted(tests):
            terminalreporter.write_line(f"  {test}")


def _skipped_by_service(reports: Iterable[pytest.TestReport]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _, mark, services = reason.partition(MARK)
        if mark:
            for service in services.split(", "):
                found[service].append(report.nodeid)
    return found


def _postgres_program(name: str) -> str | None:
    # Debian keeps the server's programs in a folder per major version, outside PATH.
    root = "/usr/lib/postgresql"
    versions: Sequence[str] = (
        sorted(os.listdir(root), key=_number, reverse=True) if os.path.isdir(root) else ()
    )
    for version in versions:
        path = os.path.join(root, version, "bin", name)
        if os.access(path, os.X_OK):
            return path
    return None


def _number(text: str) -> float:
    return float(text) if text.replace(".", "", 1).isdigit() else 0.0

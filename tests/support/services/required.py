"""Lets tests require real services, and lists at the end of the run the services that were missing.

A fixture calls `require("docker-registry")`. Where the program is missing the test is skipped under a reason
that the end of the run collects; with `SHIPMARK_REQUIRE_SERVICES=1` it fails, so that CI skips nothing.
"""

from __future__ import annotations

import glob
import os
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple, NoReturn

import pytest

#: Opens the reason of every skip made here, so that the summary finds it again in the workers' reports.
MARK = "missing service: "

#: Daemons live in /usr/sbin on Debian, which a user's PATH often lacks, and PostgreSQL's in a folder of its own.
SEARCH_PATH = os.pathsep.join(
    [
        os.environ.get("PATH", os.defpath),
        "/usr/local/sbin",
        "/usr/sbin",
        "/sbin",
        *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True),
    ]
)


class Service(NamedTuple):
    """A service that tests can require: its programs and packages.

    `packages`: names of Debian and Ubuntu packages, separated by spaces; `make test` as root installs those that exist.
    """

    programs: tuple[str, ...]
    packages: str
    needs_root: bool = False


#: A row is all that another service takes.
SERVICES: dict[str, Service] = {
    "buildah": Service(("buildah",), "buildah", needs_root=True),
    "buildkit": Service(("runc",), "runc", needs_root=True),
    "busybox": Service(("busybox",), "busybox-static"),
    "chromium": Service(("chromium", "chromedriver"), "chromium-driver"),
    "docker": Service(("dockerd", "docker", "containerd", "runc"), "docker.io docker-cli", needs_root=True),
    "docker-registry": Service(("docker-registry",), "docker-registry"),
    "git": Service(("git",), "git"),
    "groovy": Service(("groovy", "java"), "groovy"),
    "pgbouncer": Service(("pgbouncer",), "pgbouncer"),
    "podman": Service(("podman",), "podman", needs_root=True),
    "postgres": Service(("postgres", "initdb", "psql", "setpriv"), "postgresql"),
    "rsync": Service(("rsync",), "rsync"),
    "skopeo": Service(("skopeo",), "skopeo"),
    "umoci": Service(("umoci",), "umoci"),
}


def program(name: str) -> str:
    """Return the path of the program `name`. Raises `FileNotFoundError`."""
    path = shutil.which(name, path=SEARCH_PATH)
    if path is None:
        raise FileNotFoundError(name)
    return path


def missing(name: str) -> str | None:
    """Return why the service `name` cannot be used here, or None when it can."""
    if SERVICES[name].needs_root and os.geteuid() != 0:
        return "needs root"
    return _absent(name)


def missing_packages() -> list[str]:
    """Return the Debian packages of the services whose programs are not on this machine."""
    return [
        package for name, service in SERVICES.items() if _absent(name) for package in service.packages.split()
    ]


def _absent(name: str) -> str | None:
    for wanted in SERVICES[name].programs:
        try:
            path = program(wanted)
        except FileNotFoundError:
            return f"no program `{wanted}`"
        # An image is made of it, and holds no C library.
        if name == "busybox" and not _is_static(path):
            return "not statically linked"
    return None


def _is_static(path: str) -> bool:
    # The dynamic loader's path stands in the program's first page.
    with open(path, "rb") as binary:
        return b"/ld-" not in binary.read(4096)


def require(*names: str) -> None:
    """Return if every service in `names` is installed; otherwise skip the test, or fail it where CI requires them."""
    reasons = {name: missing(name) for name in names}
    absent = {name: reason for name, reason in reasons.items() if reason is not None}
    if not absent:
        return
    lack(absent)


def lack(reasons: Mapping[str, str], details: str = "") -> NoReturn:
    """Skip the test because of missing services, or fail it where CI requires them. `reasons`: by service's name."""
    text = MARK + ", ".join(f"{name} ({reason})" for name, reason in sorted(reasons.items()))
    if required():
        pytest.fail(f"{details}\n{text}; SHIPMARK_REQUIRE_SERVICES=1 allows no skip".lstrip(), pytrace=False)
    pytest.skip(text)  # a machine without the service; the end of the run lists it


def required() -> bool:
    """Return whether a missing service fails its tests instead of skipping them."""
    return os.environ.get("SHIPMARK_REQUIRE_SERVICES", "") not in ("", "0")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the missing services, and the tests that were skipped because of them."""
    skipped = _skipped_by_service(terminalreporter.stats.get("skipped", []))
    if not skipped:
        return
    terminalreporter.section("missing services")
    count = len({test for tests in skipped.values() for test in tests})
    tests_were = "1 test was" if count == 1 else f"{count} tests were"
    terminalreporter.write_line(f"{tests_were} not run, because a service is missing")
    for service, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"{service}: {len(tests)} skipped")
        # One line for all the cases of a test.
        cases = Counter(test.partition("[")[0] for test in tests)
        for test, count in sorted(cases.items()):
            terminalreporter.write_line(f"  {test}" + (f" ({count} cases)" if count > 1 else ""))


def _skipped_by_service(reports: Iterable[pytest.TestReport]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for report in reports:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        _, mark, services = reason.partition(MARK)
        if mark:
            for service in services.split(", "):
                found[service].append(report.nodeid)
    return found


if __name__ == "__main__":
    print(" ".join(missing_packages()))

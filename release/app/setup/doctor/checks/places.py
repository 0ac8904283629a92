"""Checks of the places to which a release goes: registries, the version log, the cache. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from release.app.setup.doctor.checks.answer import Answer, broken, ok, problem, unchecked, warning
from release.app.setup.doctor.scene import Broken, LogPlace, Probe, Scene, Unasked

# Seconds that clocks may differ. Signed tokens and certificates allow a minute or more; the version log's times are
# compared with CI logs by people.
_SKEW_WARNS, _SKEW_FAILS = 30.0, 300.0
_GIT_LOG = "put `log: {store: git}` into shipmark.yml, and give the job `permissions: {contents: write}`"
_CACHE = {
    "gitlab": 'set `variables: {SHIPMARK_CACHE_DIR: "$CI_PROJECT_DIR/.shipmark/cache"}` and '
    "`cache: {key: shipmark, paths: [.shipmark/cache]}` on the job",
    "jenkins": "mount a volume into the agent, `args '-v shipmark-cache:/shipmark-cache'`, and set "
    "`SHIPMARK_CACHE_DIR=/shipmark-cache`",
    "tekton": "bind a workspace with a PersistentVolumeClaim, and set `SHIPMARK_CACHE_DIR` to its path",
}
_NO_TARGET = "no target in a registry is configured"
_ANY_CACHE = "mount a volume into the container, and set `SHIPMARK_CACHE_DIR` to its path"


def push(scene: Scene) -> Iterator[Answer]:
    """Whether the credential may push to each target, and create its repository."""
    for probe in _probes(scene, layouts=True):
        if isinstance(probe, Answer):
            yield probe
        elif probe.push is not None:
            yield broken(probe.push, f"{probe.image}: ")
        elif probe.exists is False:
            yield ok(f"{probe.image}: may push; the repository is empty or not made yet")
        else:
            yield ok(f"{probe.image}: may push")


def deletion(scene: Scene) -> Iterator[Answer]:
    """Whether manifests may be deleted, which a release does not need, and `image delete` does."""
    for probe in _probes(scene):
        if isinstance(probe, Answer):
            yield probe
        elif isinstance(probe.delete, Unasked):
            yield Answer(state="not checked", seen=f"{probe.image}: {probe.delete.reason}")
        elif probe.delete is not None:
            fix = probe.delete.hint or "releases work all the same; `image delete` needs the right to delete"
            yield warning(f"{probe.image}: {probe.delete.message}", fix)
        else:
            yield ok(f"{probe.image}: may delete")


def limits(scene: Scene) -> Iterator[Answer]:
    """The rate limits that registries name, such as the pulls of Docker Hub."""
    for probe in _probes(scene):
        if isinstance(probe, Answer):
            yield probe
            continue
        left = probe.limits.get("ratelimit-remaining", "").partition(";")[0]
        most, _, window = probe.limits.get("ratelimit-limit", "").partition(";w=")
        if not left.isdecimal() or not most.isdecimal():
            yield ok(f"{probe.image}: the registry names no limit")
            continue
        text = f"{probe.image}: {left} of {most} pulls left" + (f" in {window} s" if window else "")
        # A build pulls its bases; below a tenth the next builds fail with 429.
        if int(left) * 10 < int(most):
            yield warning(text, "log in with an account (`docker login`), or take bases from a mirror")
        else:
            yield ok(text)


def clock(scene: Scene) -> Iterator[Answer]:
    """The difference between this machine's clock and each registry's."""
    for probe in _probes(scene):
        if isinstance(probe, Answer):
            yield probe
        elif probe.skew is None:
            yield Answer(state="not checked", seen=f"{probe.image}: the answer has no date")
        elif abs(probe.skew) <= _SKEW_WARNS:
            yield ok(f"{probe.image}: the clocks agree")
        else:
            seen = f"{probe.image}: this machine is {abs(probe.skew):.0f} s {'behind' if probe.skew > 0 else 'ahead'}"
            fix = "set the clock: `timedatectl set-ntp true`"
            yield problem(seen, fix, 5) if abs(probe.skew) > _SKEW_FAILS else warning(seen, fix)


def _probes(scene: Scene, *, layouts: bool = False) -> Iterator[Probe | Answer]:
    """Each probe that reached its target; an answer in place of the others. `layouts`: also those of OCI layouts."""
    if isinstance(scene.probes, Unasked):
        yield unchecked(scene.probes)
        return
    probes = [one for one in scene.probes if layouts or not one.layout]
    for probe in probes:
        if probe.unreachable is not None:
            yield Answer(state="not checked", seen=f"{probe.image}: the registry did not answer")
        else:
            yield probe
    if not probes:
        yield Answer(state="not checked", seen=_NO_TARGET)


def reach(scene: Scene) -> Iterator[Answer]:
    """Whether each registry answers."""
    if isinstance(scene.probes, Unasked):
        yield unchecked(scene.probes)
        return
    probes = [one for one in scene.probes if not one.layout]
    for probe in probes:
        yield ok(f"{probe.image}: answers") if probe.unreachable is None else broken(probe.unreachable)
    if not probes:
        yield Answer(state="not checked", seen=_NO_TARGET)


def log(scene: Scene) -> Iterator[Answer]:
    """Whether the version log can be written, and whether it outlives the machine of the job."""
    found = scene.log
    if isinstance(found, Unasked):
        yield unchecked(found)
        return
    if isinstance(found.writable, Broken):
        yield broken(found.writable)
    elif isinstance(found.writable, Unasked):
        yield Answer(state="not checked", seen=f"whether the log can be written: {found.writable.reason}")
    else:
        yield ok(f"the {found.store} log can be written")
    in_ci = scene.system != "none" or any(_runs(scene))
    if (
        found.store == "file"
        and in_ci
        and found.in_workspace
        and not found.tracked
        and not _is_kept(scene, found)
    ):
        yield warning(f"`{found.path}` goes with the job's workspace", _GIT_LOG, next(_runs(scene), None))


def _runs(scene: Scene) -> Iterator[str]:
    """The places of the steps in workflows that use shipmark."""
    for workflow in scene.workflows:
        for step in workflow.steps:
            if step.uses_shipmark:
                yield f"{workflow.path}:{step.line}"


def _is_kept(scene: Scene, log: LogPlace) -> bool:
    """Whether a step of the workflows caches the log's folder."""
    folder = posixpath.dirname(posixpath.normpath(log.path))
    kept = [
        line.strip().rstrip("/")
        for workflow in scene.workflows
        for step in workflow.steps
        if step.action in {"actions/cache", "actions/cache/save"}
        for line in step.inputs.get("path", "").split("\n")
    ]
    return any(one in (folder, log.path) for one in kept)


def cache(scene: Scene) -> Iterator[Answer]:
    """The cache of images, which a killed run goes on from, and which the container of an agent loses."""
    if scene.system == "none" or not scene.container:
        yield ok("no job in a container")
    elif scene.variables.get("SHIPMARK_CACHE_DIR"):
        yield ok(f"`{scene.variables['SHIPMARK_CACHE_DIR']}`")
    else:
        yield warning(
            "the cache lies in the container of this job: after a kill, the next run builds anew",
            _CACHE.get(scene.system, _ANY_CACHE),
        )

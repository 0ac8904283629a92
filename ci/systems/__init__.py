"""The table of CI systems, and `detect`, which finds the system of a run and reads its facts."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol

import msgspec

from ci.context import CiContext
from ci.systems.assemble import assemble
from ci.systems.evidence import Evidence, Findings, Said
from ci.systems.other import VENDORS, sign_of_ci


class System(Protocol):
    """The interface of the modules in `ci.systems`, one for each CI system or family of systems."""

    def read(self, evidence: Evidence) -> Findings:
        """Return the facts that the CI system states about the run. Never raises."""


class Marker(msgspec.Struct, frozen=True, kw_only=True):
    """The variables that identify a CI system. `alternatives`: sets of variables; all of one set have to match.

    The value `*` matches any value; other values are compared without case. `module`: the module of `ci.systems` that
    reads the system. `weak`: alternatives that are tried after those of all systems. `inherits`: systems whose markers
    this system sets too, which causes no warning.
    """

    system: str
    module: str
    alternatives: tuple[Mapping[str, str], ...]
    weak: tuple[Mapping[str, str], ...] = ()
    inherits: tuple[str, ...] = ()


#: The CI systems in the order in which `detect` tries them; the first match wins. Tekton comes first, because users set
#: its `SHIPMARK_*` variables on purpose. Forgejo comes before Gitea and GitHub, whose variables Forgejo sets too, and
#: Woodpecker before Drone for the same reason. JENKINS_URL alone is tried last because it can be a global variable of
#: the machine. A run that no marker fits, and that some CI system started (`sign_of_ci`), is one of `other`, too.
SYSTEMS: tuple[Marker, ...] = (
    Marker(
        system="tekton",
        module="tekton",
        alternatives=(
            {"SHIPMARK_CI": "tekton"},
            {"SHIPMARK_REF": "*"},
            {"SHIPMARK_SHA": "*"},
            {"SHIPMARK_PR": "*"},
        ),
    ),
    Marker(
        system="forgejo",
        module="github",
        alternatives=({"FORGEJO_ACTIONS": "true"},),
        inherits=("gitea", "github"),
    ),
    Marker(system="gitea", module="github", alternatives=({"GITEA_ACTIONS": "true"},), inherits=("github",)),
    Marker(system="github", module="github", alternatives=({"GITHUB_ACTIONS": "true"},)),
    Marker(system="gitlab", module="gitlab", alternatives=({"GITLAB_CI": "true"},)),
    Marker(system="circleci", module="circleci", alternatives=({"CIRCLECI": "true"},)),
    Marker(system="azure", module="azure", alternatives=({"TF_BUILD": "true"},)),
    Marker(system="buildkite", module="buildkite", alternatives=({"BUILDKITE": "true"},)),
    Marker(system="bitbucket", module="bitbucket", alternatives=({"BITBUCKET_BUILD_NUMBER": "*"},)),
    Marker(
        system="woodpecker", module="woodpecker", alternatives=({"CI": "woodpecker"},), inherits=("drone",)
    ),
    Marker(system="drone", module="drone", alternatives=({"DRONE": "true"},)),
    Marker(
        system="jenkins",
        module="jenkins",
        alternatives=(
            {"JENKINS_URL": "*", "BUILD_ID": "*", "JOB_NAME": "*"},
            {"BUILD_ID": "*", "JOB_NAME": "*", "WORKSPACE": "*"},
        ),
        weak=({"JENKINS_URL": "*"},),
    ),
    Marker(system="other", module="other", alternatives=tuple(one for row in VENDORS for one in row.markers)),
)

_OTHER = next(marker for marker in SYSTEMS if marker.system == "other")

#: Every name that `detect` accepts as `system`.
NAMES: tuple[str, ...] = (*(marker.system for marker in SYSTEMS), "none")


def detect(
    env: Mapping[str, str], event: Mapping[str, Any] | None, *, system: str | None = None
) -> CiContext:
    """Return the facts about this CI run. Pure; never raises, whatever `env` and `event` contain.

    `env`: the variables, and each file of `ci.systems.other.FILES` that is in the clone, with any value. `event`: the
    parsed event file that `event_path` names, or None. `system`: a name of `NAMES`; None: the value of `SHIPMARK_CI`,
    else the first marker that matches. `CI=false` disables markers, except the `SHIPMARK_*` variables.
    """
    chosen, marker, warnings = _choose(env, system)
    if chosen is None:
        return CiContext(concluded=assemble("none", marker, Findings()).concluded, warnings=warnings)
    found = assemble(chosen.system, marker, _read(chosen, env, event), warnings)
    if chosen.system == "tekton" and marker.source != "--ci" and found.head_origin is None:
        return _cautious(found, env, event)
    return found


def _read(marker: Marker, env: Mapping[str, str], event: Mapping[str, Any] | None) -> Findings:
    module: System = import_module(f"ci.systems.{marker.module}")
    return module.read(Evidence(env, event, placeholders=marker.module in ("azure", "tekton", "other")))


def _cautious(found: CiContext, env: Mapping[str, str], event: Mapping[str, Any] | None) -> CiContext:
    """Return `found` (from `SHIPMARK_*` variables) with the `head_origin` of the CI system that executes the run.

    SHIPMARK_REF may come from an event of that system, and a fork's branch may be called `main` too. With SHIPMARK_CI
    or SHIPMARK_PR_FORK the origin counts as stated, and `found` is returned unchanged.
    """
    evidence = Evidence(env, None)
    if evidence.variable("SHIPMARK_CI", "SHIPMARK_PR_FORK"):
        return found
    matches = [one for one in _matches(evidence) if one[0].system != "tekton"]
    if not matches and (sign := sign_of_ci(evidence)) is not None:
        matches = [(_OTHER, sign)]
    if not matches:
        return found
    marker, said = matches[0]
    below = assemble(marker.system, said, _read(marker, env, event))
    stated = tuple(one for one in below.concluded if one.field == "head_origin")
    return msgspec.structs.replace(
        found,
        head_origin=below.head_origin,
        concluded=(*found.concluded, *stated),
        warnings=(*found.warnings, *(below.warnings if below.system == "other" else ())),
    )


def event_path(env: Mapping[str, str], *, system: str | None = None) -> str | None:
    """Return the path of the file that holds this run's event as JSON, None where the system has none."""
    evidence = Evidence(env, None)
    said = evidence.variable("GITHUB_EVENT_PATH")
    chosen, _, _ = _choose(env, system)
    if said is None or chosen is None:
        return None
    below = chosen.system == "tekton" and any(
        one.module == "github" and _match(one.alternatives, evidence) is not None for one in SYSTEMS
    )
    # The path itself, whatever bytes it has.
    return env[said.source] if chosen.module == "github" or below else None


def _choose(env: Mapping[str, str], system: str | None) -> tuple[Marker | None, Said, tuple[str, ...]]:
    evidence = Evidence(env, None)
    wanted = Said(system, "--ci") if system else evidence.variable("SHIPMARK_CI")
    if wanted is not None and wanted.value in NAMES:
        forced = next((marker for marker in SYSTEMS if marker.system == wanted.value), None)
        return forced, wanted, ()
    warnings: tuple[str, ...] = ()
    if wanted is not None:
        warnings = (f"`{wanted.source}={wanted.value}` names no CI system; known are {', '.join(NAMES)}",)
    matches = _matches(evidence)
    off = evidence.variable("CI")
    if (
        off is not None
        and off.value.lower() == "false"
        and not (matches and matches[0][0].system == "tekton")
    ):
        if matches:
            found = matches[0]
            warnings += (
                f"`CI=false` hides `{found[1].source}`; `--ci {found[0].system}` uses it all the same",
            )
        return None, off, warnings
    if not matches:
        sign = sign_of_ci(evidence)
        return (None, Said("none", "no marker"), warnings) if sign is None else (_OTHER, sign, warnings)
    marker, said = matches[0]
    for other, source in matches[1:]:
        if other.system not in (*marker.inherits, "other"):
            hint = f"`--ci {other.system}` takes that"
            warnings += (f"`{said.source}` says {marker.system}, but `{source.source}` is set too; {hint}",)
    return marker, said, warnings


def _matches(evidence: Evidence) -> list[tuple[Marker, Said]]:
    """Return the systems whose markers match, each with a variable that does, in the order in which they count."""
    found: dict[str, tuple[Marker, Said]] = {}
    for alternatives in ("alternatives", "weak"):
        for marker in SYSTEMS:
            said = _match(getattr(marker, alternatives), evidence)
            if said is not None:
                found.setdefault(marker.system, (marker, said))
    return list(found.values())


def _match(alternatives: tuple[Mapping[str, str], ...], evidence: Evidence) -> Said | None:
    """Return the first variable of the alternative that matches; None if no alternative matches."""
    for alternative in alternatives:
        said = [evidence.variable(name) for name in alternative]
        if all(
            one is not None and wanted in ("*", one.value.strip().lower())
            for one, wanted in zip(said, alternative.values(), strict=True)
        ):
            return said[0]
    return None

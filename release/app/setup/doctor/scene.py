"""What the checks of `doctor` look at, as values; `gather` reads it. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from release.app.setup.workflows.model import Workflow
from release.config.document import Document


class Unasked(msgspec.Struct, frozen=True):
    """In place of facts that were not read. `reason`: why."""

    reason: str


class Broken(msgspec.Struct, frozen=True):
    """In place of facts that could not be read: an error's message, hint and exit code."""

    message: str
    hint: str | None
    exit_code: int


class Clone(msgspec.Struct, frozen=True, kw_only=True):
    """The clone. `versions`: number of its version tags. `persisted`: whether its git settings hold a credential.

    `missing`: version tags of the remote that the clone lacks; Unasked if the remote was not asked or did not answer.
    """

    shallow: bool
    versions: int
    remote: str | None
    persisted: bool
    missing: tuple[str, ...] | Unasked


class LogPlace(msgspec.Struct, frozen=True, kw_only=True):
    """The first log store. `path`: of a file, as configured. `in_workspace`: whether that file lies in the clone.

    `tracked`: whether git tracks it. `writable`: None if it can be written.
    """

    store: str
    path: str
    in_workspace: bool
    tracked: bool
    writable: Unasked | Broken | None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """What one target answered. `image`: its name. `exists`: None for a layout, and where the registry does not tell.

    `layout`: an OCI layout folder. `skew`: seconds that the registry's clock is ahead of ours. `limits`: its headers
    about rate limits.
    """

    image: str
    layout: bool = False
    push: Broken | None = None
    delete: Broken | Unasked | None = None
    exists: bool | None = None
    skew: float | None = None
    limits: Mapping[str, str] = {}
    unreachable: Broken | None = None


class Build(msgspec.Struct, frozen=True, kw_only=True):
    """Whether one component can be built here. `shown`: Dockerfile and context. `builder`: the one that `run` takes.

    `platforms`: as configured.
    """

    component: str
    shown: str
    builder: str | None
    platforms: tuple[str, ...]
    problem: Broken | None = None


class OtherConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A config file of the repository. `images`: repository -> (line, how its tags are made apart from others)."""

    path: str
    images: Mapping[str, tuple[int, str]]


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read, and why."""

    path: str
    reason: str


class TaskFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file with Tekton resources."""

    path: str
    document: Document


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the checks look at. `system`: the CI system, or `none`. `container`: a job in a container.

    `variables`: those of the environment that a check reads. `config`: None if it is readable.
    `action_inputs`: the inputs of each action of shipmark, by its folder; empty where they are not known.
    """

    system: str
    variables: Mapping[str, str]
    container: bool
    git: str | Broken
    clone: Clone | Broken
    config: Broken | None
    config_path: str
    workflows: tuple[Workflow, ...]
    tasks: tuple[TaskFile, ...]
    unread: tuple[Unread, ...]
    log: LogPlace | Unasked
    builds: tuple[Build, ...] | Unasked
    probes: tuple[Probe, ...] | Unasked
    configs: tuple[OtherConfig, ...]
    action_inputs: Mapping[str, frozenset[str]]

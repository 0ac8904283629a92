"""Compares the labels of an image that a registry serves with the version log's record of its release. Pure."""

from __future__ import annotations

import re

from release.lazy_pattern import pattern
from release.log.state import ReleaseState
from release.oci import ImageFacts
from release.tagging.labels import INPUTS, REVISION, TELLING, VERSION

_COMMIT = pattern(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", re.ASCII)


def contradiction(
    release: ReleaseState, facts: ImageFacts, *, any_version: bool = False, is_held: bool = False
) -> str | None:
    """A text that says how the image's labels differ from the release's record in the log; None if they agree.

    `any_version`: do not compare the version, for an image that was built before its version was known. Inputs are
    compared only if label and log name them under one schema; images of 0.1.0 and of other tools have no such label.
    `is_held`: whether a fixed tag of the release holds the image: then log and registry agree that an image which was
    released with `--as-commit` is this release, and its labels say nothing against it.
    """
    if release.as_commit and is_held:
        return None
    if disputed := [name for name in facts.disputed if name in TELLING]:
        return f"its platforms disagree about {', '.join(f'`{name}`' for name in disputed)}"
    revision, version = facts.labels.get(REVISION), facts.labels.get(VERSION)
    if release.commit and revision != release.commit and not _is_own_revision(release, revision):
        return f"the image says commit {revision or 'nothing'}, the log {release.commit}"
    if release.version and not any_version and version not in _versions(release):
        return f"the image says version {version or 'nothing'}, the log {release.version}"
    inputs = facts.labels.get(INPUTS, "")
    comparable = _schema(inputs) == _schema(release.inputs_label) != ""
    if comparable and inputs != release.inputs_label:
        return f"the image says inputs {inputs}, the log {release.inputs_label}"
    return None


def has_own_version(release: ReleaseState) -> bool:
    """Whether the image's label must name the release's version.

    False for builds of branches and pull requests, for images taken by `reuse`, and for adopted images in a log of
    0.1.0, which did not record how they were built.
    """
    adopted_by_old = release.via == "adopt" and not release.inputs_label
    return not (release.between_releases or release.via == "reuse" or adopted_by_old)


def _versions(release: ReleaseState) -> set[str | None]:
    # The config may override the version label, and an adopted branch build keeps the label that it was built with.
    return {
        release.version,
        _label(release, VERSION) or release.version,
        release.image_version or release.version,
    }


def _is_own_revision(release: ReleaseState, revision: str | None) -> bool:
    """Whether the config set `revision` as the label's value, by the log's record, and it is not a full commit id."""
    return revision is not None and revision == _label(release, REVISION) and not _COMMIT.fullmatch(revision)


def _label(release: ReleaseState, name: str) -> str | None:
    labels = release.inputs.get("labels")
    found = labels.get(name) if isinstance(labels, dict) else None
    return found if isinstance(found, str) else None


def _schema(label: str) -> str:
    return label.rpartition(":")[0]

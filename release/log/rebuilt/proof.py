"""Decides of which commit the image under a version tag is, and whether git and a release statement agree. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from release.plan.release_key import release_key
from release.ref_names import is_commit
from release.statements.release_statement import ReadStatement
from release.tagging.labels import REVISION, VERSION
from release.versions.git_tags import VersionTag
from release.versions.model import Version


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """The commit of an image, and what shows it. `refused`: why that is not known for sure, else empty."""

    commit: str = ""
    text: str = ""
    refused: str = ""


def proof_of(version: Version, labels: Mapping[str, str], git_tags: Sequence[VersionTag]) -> Proof:
    """The commit of the image under the tag of `version`.

    `labels`: the image's, which all of its platforms have. `git_tags`: those of exactly this version.
    """
    commit, said = labels.get(REVISION, ""), labels.get(VERSION)
    if not is_commit(commit):
        return Proof(refused=f"its image has no label `{REVISION}` with a whole commit id")
    if git_tags and all(tag.commit != commit for tag in git_tags):
        other = git_tags[0]
        return Proof(
            commit=commit,
            refused=f"its image says commit {commit[:12]}, and git tag `{other.git_tag}` names {other.commit[:12]}",
        )
    if said is not None and said != str(version):
        return Proof(commit=commit, refused=f"its image says version {said}")
    known = (
        f", as git tag `{git_tags[0].git_tag}` does" if git_tags else "; there is no git tag of this version"
    )
    return Proof(commit=commit, text=f"the label `{REVISION}` of the image names {commit}{known}")


def proof_as_commit(labels: Mapping[str, str], git_tags: Sequence[VersionTag], reason: str) -> Proof:
    """The commit that the version's git tag names, for an image whose labels name no commit and somebody vouches for.

    `git_tags`: those of exactly the image's version. `reason`: what that person says.
    """
    if not git_tags:
        return Proof(refused="there is no git tag of its version, whose commit it could be taken as")
    tag = git_tags[0]
    said = labels.get(REVISION, "") or "nothing"
    return Proof(
        commit=tag.commit,
        text=f"git tag `{tag.git_tag}` names {tag.commit}; the image says {said}, and is taken as that commit: "
        f"{reason}",
    )


def proof_of_statement(statement: ReadStatement, git_tags: Sequence[VersionTag]) -> Proof:
    """The commit in a release statement, for a tag that the statement names."""
    if git_tags and all(tag.commit != statement.commit for tag in git_tags):
        other = git_tags[0]
        return Proof(
            commit=statement.commit,
            refused=f"the release statement {statement.digest} names commit {statement.commit[:12]},"
            f" and git tag `{other.git_tag}` names {other.commit[:12]}",
        )
    return Proof(
        commit=statement.commit,
        text=f"the release statement {statement.digest} names {statement.commit}, entry {statement.anchor[:20]}"
        " of the log that it was made from",
    )


def is_sound(statement: ReadStatement, project: str, digest: str) -> bool:
    """Whether a statement is about this image of this project, and its release key fits its commit and one tag."""
    return (
        statement.project == project
        and statement.subject == digest
        and is_commit(statement.commit)
        and any(release_key(project, statement.commit, tag) == statement.key for tag in statement.tags)
    )

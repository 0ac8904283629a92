"""Finds out which releases the images of a repository are, by tags, labels, release statements and git tags. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from release.lazy_pattern import pattern
from release.log.rebuilt.proof import Proof, is_sound, proof_as_commit, proof_of, proof_of_statement
from release.log.records.entry_members import rebuild_of
from release.log.records.parts import RecordedImage
from release.plan.release_key import release_key
from release.plan.tag_kind import fixed_policy, release_line
from release.ref_names import is_commit
from release.statements.release_statement import ReadStatement
from release.tagging.labels import REVISION, VERSION
from release.versions.git_tags import VersionTags
from release.versions.model import Scheme, Version
from release.versions.semver import parse_either, version_of_image_tag, version_of_name

# The hex digits of the commit in `sha-3f2a9c1b7d40` and `pr-12-3f2a9c1b7d40`.
_HEX = pattern(r"-([0-9a-f]{7,64})(?:_r[0-9]+)?$")


class Names(Protocol):
    """The image tags of versions by the rules of a component, `v1.4.2` for example.

    `shared`: whether another component has the same repository, so that a tag with another name is not this one's.
    """

    @property
    def shared(self) -> bool:
        """See the class."""

    def fixed(self, version: Version, rebuild: int) -> str:
        """The fixed tag of a version or of its rebuild."""

    def moving(self, version: Version) -> frozenset[str]:
        """The tags that move along the lines of a version."""


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The component whose repositories are read. `git_tags`: its version tags in git.

    `names`: None for the default scheme.
    `vouched`: the reason to take images that name no commit as those of their versions' git tags; empty: they are not.
    `any_labels`: so are images whose labels name another commit or version, such as those of a base image.
    """

    project: str
    component: str
    scheme: Scheme
    git_tags: VersionTags
    vouched: str = ""
    any_labels: bool = False
    names: Any = None  # Names | None


class ReadImage(msgspec.Struct, frozen=True, kw_only=True):
    """An image in a repository, with every tag that holds it. `labels`: those that all of its platforms have."""

    target: str
    required: bool
    image: RecordedImage
    labels: Mapping[str, str]
    tags: tuple[str, ...]
    statements: tuple[ReadStatement, ...] = ()


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """A tag that cannot be recorded, and why."""

    target: str
    tag: str
    digest: str
    reason: str


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """One release on one target. `fixed`, `moving`: its tags there; the release key holds the first fixed one."""

    key: str
    commit: str
    version: str
    rebuild: int
    channel: str
    git_tag: str
    evidence: str
    fixed: tuple[str, ...]
    image: ReadImage
    moving: tuple[str, ...] = ()

    @property
    def as_commit(self) -> bool:
        """Whether the labels of the image do not name the release's commit."""
        return self.image.labels.get(REVISION) != self.commit


def identify(image: ReadImage, origin: Origin) -> tuple[tuple[Found, ...], tuple[LeftOut, ...]]:
    """The releases that the image is, and those of its tags that belong to none of them."""
    statements = [one for one in image.statements if is_sound(one, origin.project, image.image.digest)]
    releases: list[Found] = []
    left: list[LeftOut] = []
    fixed = sorted((tag for tag in image.tags if _is_fixed(tag, image, origin)), key=_versions_first)
    for tag in fixed:
        found, reason = _release_of(tag, image, origin, statements, releases)
        if found is None:
            left.append(_left_out(image, tag, reason))
        elif found.fixed[0] == tag:
            releases.append(found)
        else:  # one more fixed tag of a release that an earlier tag has named
            releases[[one.key for one in releases].index(found.key)] = found
    for tag in sorted(set(image.tags) - set(fixed)):
        place = _owner(tag, releases, origin)
        if place is None:
            left.append(_left_out(image, tag, "no other tag of its image names a release"))
        else:
            owner = releases[place]
            releases[place] = msgspec.structs.replace(owner, moving=(*owner.moving, tag))
    return tuple(releases), tuple(left)


def _is_fixed(tag: str, image: ReadImage, origin: Origin) -> bool:
    return _version_in(tag, image, origin) is not None or fixed_policy(tag) == "first-wins"


def _version_in(tag: str, image: ReadImage, origin: Origin) -> tuple[Version, int] | None:
    """The version and the rebuild that a fixed tag names: by rules those of the label, if they give it this tag."""
    names: Names | None = origin.names
    if names is not None:
        said = version_of_name(image.labels.get(VERSION, ""), origin.scheme)
        rebuild = rebuild_of(tag)
        if said is not None and tag == names.fixed(said[0], rebuild):
            return said[0], rebuild
        if names.shared:
            return None
    return version_of_image_tag(tag, origin.scheme)


def _versions_first(tag: str) -> tuple[bool, str]:
    # A version tag names a release for sure; the tag of a commit may be a second tag of that release.
    return fixed_policy(tag) == "first-wins", tag


def _release_of(
    tag: str, image: ReadImage, origin: Origin, statements: list[ReadStatement], known: list[Found]
) -> tuple[Found | None, str]:
    """The release that a fixed tag names, or None and the reason. `known`: those that earlier tags have named."""
    attested = next((one for one in statements if tag in one.tags), None)
    if attested is not None:
        same = next((one for one in known if one.key == attested.key), None)
        if same is not None:
            return msgspec.structs.replace(same, fixed=(*same.fixed, tag)), ""
    read = _version_in(tag, image, origin)
    if read is None:
        return _of_commit(tag, image, origin, attested, known)
    version, rebuild = read
    git_tags = origin.git_tags.of(version)
    proof = (
        proof_of(version, image.labels, git_tags)
        if attested is None
        else proof_of_statement(attested, git_tags)
    )
    says_nothing = not is_commit(image.labels.get(REVISION, ""))
    if proof.refused and origin.vouched and (says_nothing or origin.any_labels):
        proof = proof_as_commit(image.labels, git_tags, origin.vouched)
        if not image.image.platforms:
            proof = Proof(refused="it has no image for any platform")
    if proof.refused:
        return None, proof.refused
    found = Found(
        key=_key(origin, proof.commit, tag, attested),
        commit=proof.commit,
        version=str(version),
        rebuild=rebuild,
        channel="release" if version.is_stable else "prerelease",
        git_tag=next((one.git_tag for one in git_tags if one.commit == proof.commit), ""),
        evidence=proof.text,
        fixed=(tag,),
        image=image,
    )
    return found, ""


def _of_commit(
    tag: str, image: ReadImage, origin: Origin, attested: ReadStatement | None, known: list[Found]
) -> tuple[Found | None, str]:
    """The release that `sha-…` or `pr-N-…` names."""
    said = image.labels.get(VERSION, "")
    commit = attested.commit if attested is not None else image.labels.get(REVISION, "")
    match = _HEX.search(tag)
    if not is_commit(commit):
        # An image that is taken as a commit has its tag `sha-…` for that commit, too.
        vouched = next((one for one in known if match and one.commit.startswith(match[1])), None)
        if vouched is not None:
            return msgspec.structs.replace(vouched, fixed=(*vouched.fixed, tag)), ""
        return None, f"its image has no label `{REVISION}` with a whole commit id"
    if match is None or not commit.startswith(match[1]):
        return None, f"its image says commit {commit[:12]}"
    own = next((one for one in known if one.version == said and one.commit == commit), None)
    if own is not None:
        return msgspec.structs.replace(own, fixed=(*own.fixed, tag)), ""
    proof = Proof(commit=commit, text=f"the label `{REVISION}` of the image names {commit}, as the tag does")
    if attested is not None:
        proof = proof_of_statement(attested, ())
    found = Found(
        key=_key(origin, commit, tag, attested),
        commit=commit,
        version=said,
        rebuild=rebuild_of(tag),
        channel="pull-request" if tag.startswith("pr-") else "branch",
        git_tag="",
        evidence=proof.text,
        fixed=(tag,),
        image=image,
    )
    return found, ""


def _key(origin: Origin, commit: str, tag: str, attested: ReadStatement | None) -> str:
    return attested.key if attested is not None else release_key(origin.project, commit, tag)


def _owner(tag: str, releases: list[Found], origin: Origin) -> int | None:
    """The place in `releases` of the one that a moving tag belongs to; None if there is none.

    `latest`, `1` and `1.4` belong to a release with a version tag, the tag of a branch to the build of a commit.
    """
    is_line = release_line(tag) is not None or _is_line_by_rules(tag, releases, origin.names)
    wanted = {"release", "prerelease"} if is_line else {"branch", "pull-request"}
    fitting = [place for place, one in enumerate(releases) if one.channel in wanted]
    return max(fitting or range(len(releases)), key=lambda place: releases[place].rebuild, default=None)


def _is_line_by_rules(tag: str, releases: list[Found], names: Names | None) -> bool:
    own = [one for one in releases if names is not None and one.channel in ("release", "prerelease")]
    return any(tag in names.moving(parse_either(one.version)) for one in own if names is not None)


def _left_out(image: ReadImage, tag: str, reason: str) -> LeftOut:
    return LeftOut(target=image.target, tag=tag, digest=image.image.digest, reason=reason)

"""The guard: decides whether a moving tag may move to a candidate. Pure.

The guard is called while planning, and again right before a tag moves, with the state of the registry at that time.
"""

from __future__ import annotations

import msgspec

from release.tagging.line_releases import (
    count_of,
    covers,
    in_line,
    is_boxed,
    is_out,
    is_yanked,
    rank_of,
    tagged_in,
    top_of,
)
from release.tagging.model import Candidate, Held, KnownReleases, KnownVersion, Lack, Line
from release.versions.model import Scheme, Version
from release.versions.semver import image_tag_of, parse_as, precedence_key


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """The tag moves to the candidate."""

    reason: str


class Keep(msgspec.Struct, frozen=True, kw_only=True):
    """The labels of the tag's image are those of the candidate. The caller compares digests, if it has them."""

    reason: str


class Withhold(msgspec.Struct, frozen=True, kw_only=True):
    """The tag does not move. `rightly`: False if a fact is unknown; True for other reasons (a newer release).

    `lacks`: see `Lack`.
    """

    reason: str
    rightly: bool = True
    lacks: Lack | None = None


class Refuse(msgspec.Struct, frozen=True, kw_only=True):
    """The candidate's version was released from another commit: the whole release is refused."""

    reason: str


_NO_TIP = "the commit of the branch on the remote is unknown"

Verdict = Move | Keep | Withhold | Refuse

# Relations of the held image's commit to the candidate's. Without them a run of an older release that is started again
# would move the tag back to its version of equal precedence.
_NOT_OLDER = frozenset({"descendant", "diverged", "unknown"})


def judge(
    line: Line,
    candidate: Candidate,
    known: KnownReleases,
    held: Held | None = None,
    *,
    branch_tip: str | None = None,
    allow_backward: bool = False,
) -> Verdict:
    """Whether the tag of `line` may move to `candidate`.

    `held`: the image that the tag names on the target; None if no target was read. `branch_tip`: the branch's commit on
    the remote; None if unknown. `allow_backward`: move the tag even if, for example, a newer release exists.
    """
    if held is not None and held.state == "unknown":
        return Withhold(reason=f"what `{held.target}` holds is unknown: {held.cause}", rightly=False)
    if line.kind == "release":
        verdict = _judge_release(line, candidate, known, held)
    else:
        verdict = _judge_commits(line, candidate, held, branch_tip)
    if allow_backward and isinstance(verdict, Withhold) and verdict.rightly:
        return Move(reason=f"moved back as asked, although {verdict.reason}")
    return verdict


def needs_relation(line: Line, candidate: Candidate, held: Held) -> bool:
    """Whether the verdict depends on how the held image's commit is related to the candidate's.

    Lines of releases need it only between versions of equal precedence, such as `1.4.2+a` and `1.4.2+b`.
    """
    if line.kind != "release":
        return True
    version = candidate.version
    if version is None or held.revision is None:
        return False
    shown = _version_of(held, _scheme_of(version))
    return shown is not None and _is_peer(shown, version)


def other_commit(candidate: Candidate, known: KnownReleases) -> KnownVersion | None:
    """A known release of the candidate's version from another commit, or None."""
    of_log = [one for log in known.recorded if candidate.version for one in log.of(candidate.version)]
    told = [one for one in known.versions if one.commit is not None and one.commit != candidate.commit]
    told += [one for one in of_log if one.commit is not None and one.commit != candidate.commit]
    return next((one for one in told if one.version == candidate.version), None)


def _judge_release(line: Line, candidate: Candidate, known: KnownReleases, held: Held | None) -> Verdict:
    version = candidate.version
    if version is None or not covers(line, version):
        return Withhold(reason=f"{version or 'this commit'} is not a {_describe(line)}")
    if is_yanked(version, candidate.rebuild, known):
        return Withhold(reason=f"{version} was taken back")
    if is_boxed(version, candidate.rebuild, known):
        return Withhold(reason=f"{version} is a pre-release: the pre-release box of its release is set")
    if clash := other_commit(candidate, known):
        return Refuse(
            reason=f"{version} was released from `{clash.commit}` ({clash.source}), not from `{candidate.commit}`"
        )
    if missing := _missing_knowledge(known):
        return Withhold(reason=f"the list of releases from {missing} may be incomplete", rightly=False)
    return _compare(line, candidate, version, known, held)


def _compare(
    line: Line, candidate: Candidate, version: Version, known: KnownReleases, held: Held | None
) -> Verdict:
    own = (precedence_key(version), candidate.rebuild)
    tagged, released = tagged_in(line, known), in_line(line, known)
    top = top_of(line, tagged, released, known)
    if top is not None and rank_of(top) > own:
        return Withhold(reason=f"{_name(top)} is {'higher' if top.version != version else 'a newer build'}")
    if top is not None and rank_of(top) == own and top.commit not in {None, candidate.commit}:
        return Withhold(reason=f"{top.version} has the same precedence and was released from another commit")
    shown = _version_of(held, _scheme_of(version))
    if shown is not None and covers(line, shown) and not is_out(shown, 0, known):
        if precedence_key(shown) > own[0]:
            return Withhold(reason=f"its image has version {shown}, which is higher")
        if _is_peer(shown, version) and held is not None and held.relation in _NOT_OLDER:
            return Withhold(
                reason=f"its image has version {shown}, of the same precedence, and its commit is not older"
            )
        if (
            shown == version
            and held is not None
            and held.revision == candidate.commit
            and not candidate.rebuild
        ):
            return Keep(reason=f"it holds {version} already")
    count = f"{count_of(tagged, released, version)} known"
    if known.recorded:
        # Git and the log may have the same versions, and comparing every one of a long log would take seconds.
        most = max(count_of(tagged, released, version), *(log.count(line) for log in known.recorded))
        count = f"{most} or more known"
    return Move(reason=f"{version} is the highest {_describe(line)} of {count}")


def _judge_commits(line: Line, candidate: Candidate, held: Held | None, branch_tip: str | None) -> Verdict:
    what = f"branch `{line.name}`" if line.kind == "branch" else f"request {line.number}"
    match held.relation if held is not None else None:
        case "same" if not candidate.rebuild:
            return Keep(reason="it holds this commit already")
        case "descendant":
            newer = held.revision if held is not None else None
            return Withhold(reason=f"it holds `{(newer or '')[:12]}`, which is newer")
        case "ancestor" | "same":
            return Move(reason=f"build of {what}")
    # The tag does not exist or was not read, or the two histories diverged or cannot be compared.
    if line.kind == "pull-request" or branch_tip == candidate.commit:
        # An earlier build of the request may have been a temporary merge commit, which no clone has, so the relation is
        # unknown.
        return Move(reason=f"build of {what}")
    if branch_tip is not None:
        return Withhold(reason=f"{what} is at `{branch_tip[:12]}` on the remote, not at this commit")
    if held is None or held.state == "free":
        return Move(reason=f"build of {what}")
    return _incomparable(candidate, held)


def _incomparable(candidate: Candidate, held: Held) -> Withhold:
    own = candidate.commit[:12]
    if held.revision is None:
        reason = "its image does not say from which commit it was built"
        return Withhold(reason=f"{reason}, and {_NO_TIP}", rightly=False, lacks="tip")
    reason = f"it holds `{held.revision[:12]}`"
    if held.relation == "diverged":
        reason += f", which is not in the history of `{own}`, and {_NO_TIP}"
        return Withhold(reason=reason, rightly=False, lacks="tip")
    reason += f", and this clone lacks the history that shows whether `{own}` is newer"
    return Withhold(reason=reason, rightly=False, lacks="history")


def _is_peer(one: Version, other: Version) -> bool:
    """Whether two versions differ, but not in precedence: only in build metadata, or `2026.11` and `2026.11.0`."""
    return one != other and precedence_key(one) == precedence_key(other)


def _scheme_of(version: Version) -> Scheme:
    return "calver" if version.text else "semver"


def _missing_knowledge(known: KnownReleases) -> str | None:
    """The first source that was read and may be incomplete, or None.

    An incomplete list of git tags does not count if the registry's list is complete: a version that has only a git tag
    is not released yet, and its own release will move the tag.
    """
    git = "not asked" if known.known_from.registry == "complete" else known.known_from.git
    sources = (
        ("git", git),
        ("the version log", known.known_from.log),
        ("the registry", known.known_from.registry),
    )
    return next((name for name, knowledge in sources if knowledge in {"partial", "unknown"}), None)


def _version_of(held: Held | None, scheme: Scheme) -> Version | None:
    if held is None or held.version is None:
        return None
    try:
        return parse_as(held.version.removeprefix("v"), scheme)
    except ValueError:
        return None  # images of other tools may have any text in this label


def _name(known: KnownVersion) -> str:
    return image_tag_of(known.version, known.rebuild) if known.rebuild else str(known.version)


def _describe(line: Line) -> str:
    kind = f"stable or `{line.channel}`" if line.channel else "stable"
    if line.major is None:
        return f"{kind} release"
    number = f"{line.major}.x" if line.minor is None else f"{line.major}.{line.minor}"
    return f"{kind} {number} release"

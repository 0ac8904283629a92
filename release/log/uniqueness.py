"""Facts that a log may hold only once: the digest of a version tag on a target, and the released image of a key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from release.errors import TagConflict

_FIRST_WINS = ("sha-", "pr-")
_CLAIMING = ("pushed", "released", "abandoned")
#: Kinds of facts that may contradict a claim.
RESTRICTED = ("pushed", "released")


class UniqueTags:
    """The digests that the added entries bind to version tags and releases, called claims.

    An `abandoned` record with `lost` withdraws its release's claims for that digest: the image's bytes are lost and no
    tag names the digest, so the release may be built again.
    """

    def __init__(self) -> None:
        self._tags: dict[str, dict[str, tuple[str, str]]] = {}  # target -> tag -> (digest, release)
        self._released: dict[str, str] = {}  # release -> digest

    def add(self, fields: dict[str, Any]) -> None:
        """Add one entry's claims. Of contradicting claims the first counts; `log verify` reports the others."""
        kind = fields.get("kind")
        if kind not in _CLAIMING:
            return
        release = str(fields.get("release", ""))
        if kind == "pushed":
            tags = self._tags.setdefault(str(fields.get("target", "")), {})
            for name, digest in version_tags(fields):
                tags.setdefault(name, (digest, release))
        elif kind == "released":
            self._released.setdefault(release, _digest(fields))
        elif kind == "abandoned" and fields.get("lost"):
            self._give_back(release, fields["lost"])

    def require_free(self, facts: Iterable[dict[str, Any]]) -> None:
        """Raise `TagConflict` if one of `facts` contradicts a claim."""
        for fact in facts:
            if fact["kind"] == "pushed":
                self._require_tags(fact)
            elif fact["kind"] == "released":
                self._require_release(fact)

    def _require_tags(self, fact: dict[str, Any]) -> None:
        target = str(fact.get("target", ""))
        tags = self._tags.get(target, {})
        for name, digest in version_tags(fact):
            held, release = tags.get(name, (digest, ""))
            if held != digest:
                raise TagConflict(
                    f"version log says that `{target}:{name}` is `{held}` "
                    f"(release {release[:12]}), not `{digest}`",
                    hint="a version tag never changes its digest: release this image under a new version",
                )

    def _require_release(self, fact: dict[str, Any]) -> None:
        digest = _digest(fact)
        held = self._released.get(fact["release"], digest)
        if held != digest:
            raise TagConflict(
                f"version log says that release {fact['release'][:12]} is `{held}`, not `{digest}`",
                hint="run again: the next run goes on with the released digest",
            )

    def _give_back(self, release: str, digest: str) -> None:
        if self._released.get(release) == digest:
            del self._released[release]
        for tags in self._tags.values():
            for name in [name for name, claim in tags.items() if claim == (digest, release)]:
                del tags[name]


def version_tags(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """Name and digest of each version tag in a record."""
    tags = fields.get("tags")
    return [
        (str(tag.get("name", "")), str(tag["digest"]))
        for tag in (tags if isinstance(tags, list | tuple) else ())
        if isinstance(tag, dict) and _is_version_tag(tag)
    ]


def _is_version_tag(tag: dict[str, Any]) -> bool:
    if not tag.get("digest") or tag.get("result") == "withheld":
        return False
    if policy := tag.get("policy"):
        return bool(policy == "version")
    return not str(tag.get("name", "")).startswith(_FIRST_WINS)


def _digest(fields: dict[str, Any]) -> str:
    image = fields.get("image")
    return str(image.get("digest", "")) if isinstance(image, dict) else ""

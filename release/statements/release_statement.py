"""What the log attests of a release on a target: an in-toto release statement. Pure.

Everything in it stands in two entries, the release's `released` and the target's first `pushed`: whoever makes the
statement, and however often, gets the same bytes. `released` is also what anchors the log outside itself.
Source: in-toto attestation spec, Statement v1 and predicates/release.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/release/v0.1"
# in-toto keeps further members apart from its own by a URI for a name.
EXTENSION = "https://shipmark.dev/release/v1"


class Attested(msgspec.Struct, frozen=True, kw_only=True):
    """A release on one target. `tags`: the fixed ones that it got there. `anchor`: `seq:hash` of its `released`."""

    key: str
    project: str
    commit: str
    version: str
    target: str
    digest: str
    tags: tuple[str, ...]
    anchor: str

    @property
    def statement(self) -> dict[str, Any]:
        """The in-toto statement, as plain JSON values."""
        return {
            "_type": STATEMENT,
            "subject": [{"name": self.target, "digest": {"sha256": self.digest.removeprefix("sha256:")}}],
            "predicateType": PREDICATE,
            "predicate": {
                "purl": self.purl,
                "packageId": self.project,
                EXTENSION: {
                    "release": self.key,
                    "version": self.version,
                    "commit": self.commit,
                    "tags": list(self.tags),
                    "log": self.anchor,
                },
            },
        }

    @property
    def purl(self) -> str:
        """The package URL. Source: purl-spec, type `oci`: the version is the digest, the name in lower case."""
        name = self.target.removeprefix("oci:").rstrip("/").rsplit("/", 1)[-1].lower()
        where = f"repository_url={quote(self.target, safe='/:')}"
        tag = f"&tag={quote(self.tags[0])}" if self.tags else ""
        return f"pkg:oci/{quote(name)}@{quote(self.digest)}?{where}{tag}"


def _tags(pushed: dict[str, Any]) -> Iterator[str]:
    """The tags that were set. Any shape can stand in a log: `log verify` says so, and nothing fails on it here."""
    tags = pushed.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict) and tag.get("result") != "withheld" and isinstance(tag.get("name"), str):
            yield tag["name"]

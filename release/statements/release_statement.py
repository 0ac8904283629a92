"""Makes the in-toto statement that attests a release on a target. Pure.

All values come from two log entries, the release's `released` and the target's first `pushed`, so every statement for
the release and target has equal bytes. A statement has the hash of the `released` entry, which proves later that the
log was not rewritten.
Source: in-toto attestation spec, Statement v1 and predicates/release.md.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import msgspec

from release.decoding import decode

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/release/v0.1"
# Name of our extension member: a URI, so that it cannot collide with members that in-toto defines.
EXTENSION = "https://shipmark.dev/release/v1"


class Attested(msgspec.Struct, frozen=True, kw_only=True):
    """A release on one target.

    `tags`: the image's fixed tags on the target. `anchor`: `seq:hash` of the `released` entry.
    """

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


class ReadStatement(msgspec.Struct, frozen=True, kw_only=True):
    """A release statement that was found in a registry; whoever can push to the registry can have made it.

    `digest`: of the statement's own manifest. `subject`: the digest of the image that it is about.
    """

    digest: str
    subject: str
    project: str
    key: str
    version: str
    commit: str
    tags: tuple[str, ...]
    anchor: str


class _Extension(msgspec.Struct):
    release: str
    version: str
    commit: str
    tags: tuple[str, ...]
    log: str = ""


class _Predicate(msgspec.Struct, rename={"package": "packageId", "extension": EXTENSION}):
    package: str
    extension: _Extension


class _Subject(msgspec.Struct):
    digest: dict[str, str]


class _Statement(msgspec.Struct, rename={"kind": "_type", "predicate_type": "predicateType"}):
    kind: str
    predicate_type: str
    subject: tuple[_Subject, ...]
    predicate: _Predicate


def read_statement(payload: bytes, digest: str) -> ReadStatement | None:
    """The release statement in `payload`; None for another document. `digest`: of the manifest that has it."""
    try:
        found = decode(payload, _Statement)
    except (ValueError, RecursionError):
        return None
    if found.kind != STATEMENT or found.predicate_type != PREDICATE or len(found.subject) != 1:
        return None
    said = found.predicate.extension
    return ReadStatement(
        digest=digest,
        subject=f"sha256:{found.subject[0].digest.get('sha256', '')}",
        project=found.predicate.package,
        key=said.release,
        version=said.version,
        commit=said.commit,
        tags=said.tags,
        anchor=said.log,
    )


def _tags(pushed: dict[str, Any]) -> Iterator[str]:
    """The tags that a `pushed` entry set. Malformed members are skipped: reporting them is left to `log verify`."""
    tags = pushed.get("tags")
    for tag in tags if isinstance(tags, list) else ():
        if isinstance(tag, dict) and tag.get("result") != "withheld" and isinstance(tag.get("name"), str):
            yield tag["name"]

"""Lists the released images of a log, once for each target that an image was pushed to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from release.log import Entry
from release.statements.release_statement import Attested, _tags


def attested(entries: Iterable[Entry], *, key: str | None = None) -> Iterator[Attested]:
    """Yield each released image for each target it was pushed to, in the log's order.

    `key`: a release key; yield only the images of that release.
    """
    released: dict[tuple[str, str], dict[str, Any]] = {}
    pushed: dict[tuple[str, str, str], dict[str, Any]] = {}
    # One pass in the log's order: an `abandoned` entry with a lost digest cancels the earlier entries of that digest,
    # while later ones count again.
    for entry in entries:
        fields = entry.fields
        of = str(fields.get("release", ""))
        if not of or key not in (None, of):
            continue
        if entry.kind == "released":
            released.setdefault((of, _digest(fields)), fields)
        elif entry.kind == "pushed":
            pushed.setdefault((of, _digest(fields), str(fields.get("target", ""))), fields)
        elif entry.kind == "abandoned" and isinstance(lost := fields.get("lost"), str):
            # The image's bytes are lost, so its digest is no longer attested.
            released.pop((of, lost), None)
            for pushed_key in [one for one in pushed if one[:2] == (of, lost)]:
                del pushed[pushed_key]
    for (of, digest, _), fields in pushed.items():
        if (of, digest) in released:
            yield _attested(fields, released[of, digest])


def _attested(pushed: dict[str, Any], released: dict[str, Any]) -> Attested:
    return Attested(
        key=released["release"],
        project=str(released.get("project", "")),
        commit=str(released.get("commit", "")),
        version=str(released.get("version", "")),
        target=str(pushed.get("target", "")),
        digest=_digest(pushed),
        tags=tuple(_tags(pushed)),
        anchor=f"{released['seq']}:{released['hash']}",
    )


def _digest(fields: dict[str, Any]) -> str:
    image = fields.get("image")
    return str(image.get("digest", "")) if isinstance(image, dict) else ""

"""Entries of the version log as rows of `log show`. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from release.log.records.members import Fields, dicts_of, object_of, text_of, texts_of


def entry_row(fields: Fields, builds: Mapping[str, str]) -> tuple[str, ...]:
    """An entry as a row; members of unknown types, as other versions may write them, are left out.

    `builds`: the name of each rebuild, by its release key.
    """
    tags = ", ".join(_tag(tag) for tag in dicts_of(fields, "tags"))
    is_part = fields.get("kind") == "built-platform"
    image = text_of(object_of(fields, "image"), "digest") or (text_of(fields, "digest") if is_part else "")
    error = text_of(object_of(fields, "error"), "message") or text_of(fields, "reason")
    version = text_of(fields, "version")
    match fields.get("kind"):
        case "deployed":
            about = f"{text_of(fields, 'environment')}: {text_of(fields, 'target')} {version}".strip()
            error = f"({evidence})" if (evidence := text_of(fields, "evidence")) else ""
        case "promoted":
            about, image = f"{text_of(fields, 'from')} -> {text_of(fields, 'to')}", ""
        case "status":
            about = f"{version} {text_of(fields, 'status')}"
        case _:
            about = (
                (text_of(fields, "platform") if is_part else "")
                or text_of(fields, "target")
                or (version and builds.get(text_of(fields, "release"), version))
                or ", ".join(texts_of(fields, "versions"))
            )
    said = " ".join(part for part in (about, tags or image, error) if part)
    return (str(fields["seq"]), text_of(fields, "at"), text_of(fields, "kind"), said)


def _tag(tag: Fields) -> str:
    withheld = f" withheld: {text_of(tag, 'reason')}" if tag.get("result") == "withheld" else ""
    return f"{text_of(tag, 'name')}{withheld}"

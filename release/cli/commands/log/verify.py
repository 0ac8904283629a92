"""`shipmark log verify`: the chain, and with --registry every recorded tag and label against what is served now."""

from __future__ import annotations

from typing import Any

import click

from release.app.session import Session
from release.cli.options import Command, global_options
from release.cli.output.stdout import data, document
from release.cli.output.text import columns
from release.cli.session import open_session
from release.errors import RefusedError, RegistryError, ReleaseError
from release.log.served import contradiction, has_own_version
from release.log.state import TagHold
from release.oci.image_config import image_facts


@click.command(cls=Command)
@global_options
@click.option(
    "--registry",
    is_flag=True,
    help="Compare every recorded tag, and the image's labels, with what its registry serves now.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.log-verify/1`.")
@click.pass_context
def verify(ctx: click.Context, registry: bool, as_json: bool) -> None:
    """Check every entry's hash and its link to the one before."""
    session = open_session(ctx)
    if not session.trust.trusted:
        # An empty log would be called whole.
        session.log.store.check_writable()
    count = sum(1 for _ in session.log.store.read())
    head = session.log.store.head()
    findings = _compare(session) if registry else []
    if as_json:
        document(
            {
                "schema": "shipmark.log-verify/1",
                "log": session.log.store.name,
                "entries": count,
                "head": f"{head.seq}:{head.hash}" if count else "",
                "tags": findings,
            }
        )
    else:
        end = f", head {head.seq}:{head.hash}" if count else ""
        data(f"{session.log.store.name}: {count} entries, the chain is whole{end}")
        if findings:
            rows = [(one["finding"], f"{one['target']}:{one['tag']}", one["detail"]) for one in findings]
            data(*columns(rows))
    _judge(findings)


def _compare(session: Session) -> list[dict[str, Any]]:
    findings = []
    # Several tags name one image; its labels are read once.
    read: dict[tuple[str, str, str], tuple[str, str]] = {}
    for (target, tag), holds in session.log_state.holds.items():
        if holds[-1].digest:
            finding, detail = _look(session, target, tag, holds[-1])
            if finding == "same":
                key = (target, holds[-1].digest, holds[-1].release)
                if key not in read:
                    read[key] = _look_inside(session, target, holds[-1])
                finding, detail = read[key]
            findings.append({"target": target, "tag": tag, "finding": finding, "detail": detail})
    return findings


def _look(session: Session, target: str, tag: str, hold: TagHold) -> tuple[str, str]:
    try:
        found = session.registries.open(target).resolve(tag)
    except ReleaseError as error:
        return "unknown", error.message
    if found is None:
        return "deleted", f"recorded {hold.digest}, now there is no such tag"
    if found.digest != hold.digest:
        return "moved", f"recorded {hold.digest}, now {found.digest}"
    return "same", hold.digest


def _look_inside(session: Session, target: str, hold: TagHold) -> tuple[str, str]:
    """Compare what the image says of itself with what the log says of the release that set the tag."""
    release = session.log_state.release(hold.release)
    if release is None:
        return "same", hold.digest
    try:
        facts = image_facts(session.registries.open(target), hold.digest, every=True)
    except ReleaseError as error:
        return "unknown", error.message
    if facts is None:
        return "unknown", f"`{target}` does not serve {hold.digest} by its digest"
    wrong = contradiction(release, facts, any_version=not has_own_version(release))
    return ("same", hold.digest) if wrong is None else ("differs", f"{hold.digest}: {wrong}")


def _judge(findings: list[dict[str, Any]]) -> None:
    """Exit 6 when a tag is not what was recorded, 5 when one could not be read."""
    wrong = [one for one in findings if one["finding"] in {"moved", "deleted"}]
    if wrong:
        names = ", ".join(f"`{one['target']}:{one['tag']}`" for one in wrong)
        raise RefusedError(
            f"not what was recorded: {names}",
            hint="somebody moved or deleted them behind the log's back: `shipmark log history TAG` tells the rest",
        )
    other = [one for one in findings if one["finding"] == "differs"]
    if other:
        first = other[0]
        raise RefusedError(
            f"`{first['target']}:{first['tag']}` is not the image that the log says: {first['detail']}",
            hint="somebody wrote into the log, or another image was released under this version: "
            f"`shipmark image inspect {first['target']}:{first['tag']}` shows what it is",
        )
    silent = [one for one in findings if one["finding"] == "unknown"]
    if silent:
        raise RegistryError(
            f"{len(silent)} tags could not be read: {silent[0]['detail']}",
            hint="try again when the registry answers",
        )

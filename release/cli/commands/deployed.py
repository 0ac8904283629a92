"""`shipmark deployed`: what runs where, from now on."""

from __future__ import annotations

from typing import Any

import click

from release.app.open import record_context
from release.app.releases.promote import Origin, origin_of
from release.app.session import Session
from release.cli.options import Command, global_options, image_options
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.events import Note
from release.log import Entry
from release.versions.semver import version_of_image_tag

_SCHEMA = "shipmark.deployed/1"
_LONGEST_NAME = 128


@click.command(cls=Command)
@image_options
@global_options
@click.argument("environment")
@click.argument("image")
@click.option("--evidence", metavar="TEXT", help="What shows it: the URL of a deployment, a change number.")
@click.option("--json", "as_json", is_flag=True, help=f"One JSON document, schema `{_SCHEMA}`.")
@click.pass_context
def command(ctx: click.Context, environment: str, image: str, evidence: str | None, as_json: bool) -> None:
    """Record that IMAGE runs in ENVIRONMENT from now on. IMAGE may be a version, `1.4.2`, of the first image.

    Its digest is asked of the registry, so that the record names content and no tag. Nothing is recorded when the
    log says already that this digest is the last one there.
    """
    if not environment.isprintable() or not 0 < len(environment) <= _LONGEST_NAME:
        raise ConfigError(f"the environment must be a name of up to {_LONGEST_NAME} printable characters")
    session = open_session(ctx)
    session.require_trusted("deployed")
    origin = origin_of(session, _whole(session, image))
    last = _last(session, environment)
    entry, new = last, False
    if last is None or last.fields.get("image", {}).get("digest") != origin.digest:
        entry, new = _append(session, environment, origin, evidence, last), True
    else:
        session.sink.emit(Note(level="info", text=f"entry {last.seq} says that already"))
    assert entry is not None  # noqa: S101 - appended where there was none
    if as_json:
        document(
            {
                "schema": _SCHEMA,
                "environment": environment,
                "digest": origin.digest,
                "target": origin.name,
                "entry": entry.seq,
                "recorded": new,
            }
        )
        return
    data(f"{environment}: {origin.name}@{origin.digest}")


def _append(
    session: Session, environment: str, origin: Origin, evidence: str | None, last: Entry | None
) -> Entry:
    held = origin.repository.resolve(origin.digest)
    fact: dict[str, Any] = {
        **record_context(session, session.entropy.token()),
        "kind": "deployed",
        "project": origin.project,
        "release": origin.release,
        "commit": origin.commit,
        "version": origin.version,
        "environment": environment,
        "image": {"digest": origin.digest, "media_type": held.media_type, "size": held.size},
        "target": origin.name,
        "evidence": evidence,
        # Deploying A, B and A again are three facts.
        "follows": last.seq if last is not None else None,
    }
    return session.log.append([fact])[0]


def _last(session: Session, environment: str) -> Entry | None:
    entries = session.log.entries()
    of_kind = (entry for entry in reversed(entries) if entry.kind == "deployed")
    return next((entry for entry in of_kind if entry.fields.get("environment") == environment), None)


def _whole(session: Session, image: str) -> str:
    """A bare version as a reference to the first image; everything else as it is."""
    if version_of_image_tag(image) is None:
        return image
    targets = session.components[0].targets
    if not targets:
        raise ConfigError(
            f"`{image}` is a version, and there is no image that it could be of",
            hint=f"write the whole reference: `ghcr.io/acme/app:{image}`",
        )
    return f"{targets[0].image}:{image}"

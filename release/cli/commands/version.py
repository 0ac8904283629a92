"""`shipmark version`: only the version, in whatever form the next program wants, or the next one."""

from __future__ import annotations

import click

from release.app.session import Session, policy_of
from release.cli.commands.tags import one_decision, tell_ci
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.stdout import data, document
from release.cli.session import open_session
from release.errors import ConfigError
from release.tagging.decide import require_version
from release.tagging.model import Decision
from release.tagging.version_text import FORMS, VersionFacts, fields_of, fill, write
from release.versions.model import Scheme, Version
from release.versions.semver import parse_as


@click.command(cls=Command)
@image_options
@global_options
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMS, "json"]),
    default="plain",
    help="How it is written; what a form's own grammar cannot say is an error.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as `--format json`.")
@click.option("--template", metavar="TEXT", help="Written by a template: `{{major}}.{{minor}}`.")
@click.option(
    "--go-var",
    "go_variables",
    multiple=True,
    metavar="PATH[=TEMPLATE]",
    help="With `--format ldflags`: a Go variable, `main.version` or `main.commit={{commit}}`.",
)
@click.option(
    "--next",
    "part",
    type=click.Choice(["major", "minor", "patch", "auto"]),
    help="The next version; `auto` reads the commits since the release (Conventional Commits).",
)
@click.option("--create", is_flag=True, help="With `--next`: make the annotated git tag.")
@click.option("--push", is_flag=True, help="With `--create`: push it to `origin`, or take it away again.")
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    form: str,
    as_json: bool,
    template: str | None,
    go_variables: tuple[str, ...],
    part: str | None,
    create: bool,
    push: bool,
    result_file: str | None,
) -> None:
    """Print the version of this commit.

    A release tag gives its own; other commits count from the release before them: `1.4.3-dev.5.g3f2a9c1b7d40`.
    """
    session = open_session(ctx)
    _require_sense(part, create=create, push=push)
    if part is not None:
        from release.app.releases.next_version import next_facts

        facts = next_facts(session, part, create=create, push=push)
        if facts is None:
            return
    else:
        decision = one_decision(session)
        tell_ci(session, decision, result_file)
        facts = _facts(session, decision)
    if form == "json" or as_json:
        document({"schema": "shipmark.version/1", **fields_of(facts)})
    elif template is not None:
        data(*fill(template, facts).split("\n"))
    else:
        data(*write(facts, form, go_variables).split("\n"))


def _require_sense(part: str | None, *, create: bool, push: bool) -> None:
    if create and part is None:
        raise ConfigError("`--create` needs to know which version", hint="add `--next auto`")
    if push and not create:
        raise ConfigError("`--push` pushes the git tag that `--create` makes", hint="add `--create`")


def _facts(session: Session, decision: Decision) -> VersionFacts:
    """The decision's version with where it comes from. Raises `ShallowClone` where there is none."""
    policy = policy_of(session.components[0])
    facts = session.facts(policy)
    text = require_version(decision, facts)
    released = decision.candidate.version if decision.candidate is not None else None
    describe = None if released is not None else facts.snapshot.describe
    return VersionFacts(
        version=released or _read(text, policy.versions),
        commit=decision.commit,
        channel=decision.channel,
        component=decision.component,
        committed_at=facts.snapshot.committed_at,
        git_tag=decision.git_tag,
        base=describe.git_tag if describe is not None else decision.git_tag,
        distance=describe.distance if describe is not None else 0,
        branch=facts.branch,
        dirty=facts.snapshot.dirty_count > 0,
        labels=decision.labels,
    )


def _read(text: str, scheme: Scheme) -> Version:
    """The decision's text as a version; before the first calendar release it is SemVer's `0.0.0-dev.…`."""
    schemes: tuple[Scheme, ...] = (scheme, "semver")
    for one in schemes:
        try:
            return parse_as(text, one)
        except ValueError:
            continue
    raise ConfigError(
        f"`{text}` is no version that can be written in another form", hint="take `shipmark tags`"
    )

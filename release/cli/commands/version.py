"""`shipmark version`: prints the version of HEAD, or the next version, in a form that the user chooses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import click
import msgspec

from release.app.releases.tags import TagsRequest, tags
from release.app.session import Session
from release.app.versions.version import Found, VersionRequest, find_version, version_report
from release.cli.commands.tags import takes_outputs
from release.cli.option_rules import one_form
from release.cli.options import Command, global_options, image_options, result_option
from release.cli.output.stdout import data, document, talk
from release.cli.session import open_session
from release.decoding import convert
from release.errors import ConfigError, ReleaseError
from release.tagging.version_text import FORMS, VersionFacts, fill, write


@click.command(cls=Command)
@image_options
@global_options
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMS, "json"]),
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
    type=click.Choice(["major", "minor", "patch", "prerelease", "auto"]),
    help="The next version; `auto` reads the commits since the release (Conventional Commits).",
)
@click.option(
    "--channel", metavar="NAME", help="With `--next prerelease`: `rc`, `beta`; else the channel in progress."
)
@click.option("--create", is_flag=True, help="With `--next`: make the annotated git tag.")
@click.option("--push", is_flag=True, help="With `--create`: push it to the remote, or take it away again.")
@click.option(
    "--force-unpushed",
    is_flag=True,
    help="With `--create`: also on a commit that no branch of the remote has.",
)
@result_option
@click.pass_context
def command(
    ctx: click.Context,
    form: str | None,
    as_json: bool,
    template: str | None,
    go_variables: tuple[str, ...],
    part: str | None,
    channel: str | None,
    create: bool,
    push: bool,
    force_unpushed: bool,
    result_file: str | None,
) -> None:
    """Print the version of this commit.

    A commit with a release tag has the version of that tag. Other commits count from the last release before them:
    `1.4.3-dev.5.g3f2a9c1b7d40`.
    """
    session = open_session(ctx)
    chosen = one_form(form, as_json=as_json, default="plain", template=template)
    _require_sense(part, channel, create=create, push=push, force_unpushed=force_unpushed)
    _require_no_labels(part, chosen)
    component = session.settings.component
    if part is not None:
        git_tag = "pushed" if push else "local" if create else "none"
        wish = {"part": part, "channel": channel, "component": component, "git_tag": git_tag}
        due = _next_published(
            session,
            {**wish, "force_unpushed": force_unpushed},
            result_file,
            check=lambda facts: _written(facts, chosen, template, go_variables),
        )
        if due is None:
            return
        found = due
    else:
        found = _published(session, component, result_file, labelled=chosen == "labels")
    for warning in found.warnings:
        talk(f"warning: {warning}")
    text = _written(found.facts, chosen, template, go_variables)
    if text is None:
        document(msgspec.to_builtins(version_report(found)))
    else:
        data(*text.split("\n"))


def _published(session: Session, component: str | None, result_file: str | None, *, labelled: bool) -> Found:
    """The version of HEAD, after the outputs for later CI steps are written, if any are requested."""
    request = VersionRequest(component=component)
    if not takes_outputs(session, result_file):
        return find_version(session, request, labelled=labelled)
    from release.cli.output.ci_outputs import publish, require_publishable
    from release.cli.output.outputs import outputs_of_version

    require_publishable(session, result_file)
    decision = tags(session, TagsRequest(component=component))
    try:
        found = find_version(session, request, labelled=labelled)
    except ReleaseError:
        # In a shallow clone the tags are known, and the version is an error.
        publish(session, outputs_of_version(decision, None), result_file)
        raise
    publish(session, outputs_of_version(decision, version_report(found)), result_file)
    return found


def _next_published(
    session: Session,
    wish: Mapping[str, object],
    result_file: str | None,
    *,
    check: Callable[[VersionFacts], object],
) -> Found | None:
    """The next version, after the outputs are written if any are requested; all are empty if no version is due.

    `wish`: the members of a `NextVersionRequest`. `check`: as of `next_found`.
    """
    # Imported late: the modules that read the commits since the last release take time to load, and only `--next`
    # needs them.
    from release.app.versions.next_version import NextVersionRequest, next_found

    request = convert(wish, NextVersionRequest)
    if not takes_outputs(session, result_file):
        return next_found(session, request, check=check)
    from release.cli.output.ci_outputs import publish, require_publishable
    from release.cli.output.outputs import outputs_of_next

    require_publishable(session, result_file)
    found = next_found(session, request, check=check)
    publish(session, outputs_of_next(None if found is None else version_report(found)), result_file)
    return found


def _written(
    facts: VersionFacts, form: str, template: str | None, go_variables: tuple[str, ...]
) -> str | None:
    """The version in the form that the options choose; None for JSON. Raises `ConfigError` if it cannot be written."""
    if template is not None:
        return fill(template, facts)
    return None if form == "json" else write(facts, form, go_variables)


def _require_sense(
    part: str | None, channel: str | None, *, create: bool, push: bool, force_unpushed: bool
) -> None:
    if channel is not None and part != "prerelease":
        raise ConfigError("`--channel` names the channel of a prerelease", hint="add `--next prerelease`")
    if create and part is None:
        raise ConfigError("`--create` needs `--next`, which chooses the version", hint="add `--next auto`")
    if push and not create:
        raise ConfigError("`--push` needs `--create`, which makes the git tag", hint="add `--create`")
    if force_unpushed and not create:
        raise ConfigError(
            "`--force-unpushed` needs `--create`, which makes the git tag", hint="add `--create`"
        )


def _require_no_labels(part: str | None, form: str) -> None:
    if part is not None and form == "labels":
        raise ConfigError(
            "`--format labels` gives the labels of this commit's image, which does not have the version of `--next`",
            hint="make the git tag with `--create` first, then `shipmark version --format labels`",
        )

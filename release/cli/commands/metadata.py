"""`shipmark metadata`: docker/metadata-action's inputs and outputs, in any CI system and on a laptop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click
import msgspec

from release.app.releases.metadata import MetadataRequest, metadata
from release.cli.options import Command, component_option, global_options
from release.cli.output.metadata_outputs import (
    BAKE_FILES,
    OUTPUTS,
    output_texts,
    write_bake_files,
    write_outputs,
)
from release.cli.output.stdout import data, document, talk
from release.cli.session import open_session
from release.errors import ConfigError
from release.tagging.metadata import DEFAULT_TARGET, Metadata

_LISTS = ("images", "tags", "flavor", "labels", "annotations")
_SEPARATORS = ("tags", "labels", "annotations")
#: The parameters that are inputs of the action, for which an empty text means that nothing is given.
_INPUTS = (
    *(f"{name}_lines" for name in _LISTS),
    *(f"sep_{name}" for name in _SEPARATORS),
    "bake_target",
    "source",
)


def _lines(name: str, text: str) -> Callable[[Any], Any]:
    """An option for an input of several lines, which may also come from the variable that GitHub's runner sets."""
    return click.option(
        f"--{name}",
        f"{name}_lines",
        multiple=True,
        metavar="LINES",
        help=f"{text} Several lines, or several times. [env: INPUT_{name.upper()}]",
    )


@click.command(cls=Command, takes_empty=_INPUTS)
@_lines("images", "Where the image goes: `ghcr.io/acme/app`.")
@_lines("tags", "Rules: `type=semver,pattern={{version}}`.")
@_lines("flavor", "`latest=auto`, `prefix=`, `suffix=`.")
@_lines("labels", "`name=value`, over the default ones.")
@_lines("annotations", "`name=value`, over the default ones.")
@click.option(
    "--sep-tags", metavar="TEXT", help="Between tags [default: a line break]. [env: INPUT_SEP-TAGS]"
)
@click.option("--sep-labels", metavar="TEXT", help="Between labels. [env: INPUT_SEP-LABELS]")
@click.option("--sep-annotations", metavar="TEXT", help="Between annotations. [env: INPUT_SEP-ANNOTATIONS]")
@click.option("--bake-target", metavar="NAME", help=f"[default: {DEFAULT_TARGET}] [env: INPUT_BAKE-TARGET]")
@click.option(
    "--context",
    "source",
    metavar="workflow|git",
    help="Where ref and commit come from: the CI system (`workflow`), or what is checked out (`git`).",
)
@click.option("--prefix", metavar="TEXT", help="What git tags begin with before the version: `api/`.")
@component_option("What is not given comes from this component of the config.")
@click.option(
    "--output",
    "wanted",
    type=click.Choice(OUTPUTS),
    default="json",
    help="The output to print [default: json].",
)
@click.option("--bake-dir", metavar="DIR", help="Write the bake files there.")
@click.option(
    "--github-output", is_flag=True, help="Write every output to the file that GITHUB_OUTPUT names."
)
@global_options
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Tags, labels and annotations by docker/metadata-action's rules.

    Takes the action's inputs as options or as the variables that GitHub's runner sets, and prints the action's output
    `json`. Inputs that are not given come from `shipmark.yml`. Opens no connection. Tags such as `latest` are withheld
    if git has a higher release.
    """
    session = open_session(ctx)
    env = session.settings.env
    # Later steps may have credentials, and must not get names that an outsider chose in shipmark.yml.
    configured = session.trust.trusted or not options["github_output"]
    request = _request(options, env, session.settings.component)
    found = metadata(session, msgspec.structs.replace(request, configured=configured))
    if not configured:
        talk(f"note: shipmark.yml is not read for outputs: {session.trust.reason}")
    _tell(found, quiet=session.settings.verbosity < 0)
    separators = {name: options[f"sep_{name}"] or _input(env, f"sep-{name}") or "\n" for name in _SEPARATORS}
    outputs = output_texts(found, separators)
    files = write_bake_files(session, found, options["bake_dir"], wanted=options["github_output"])
    if options["github_output"]:
        write_outputs(session, outputs | files)
    wanted = options["wanted"]
    if wanted in BAKE_FILES:
        document(found.bake_files()[wanted])
    elif wanted == "json":
        document(found.document(), indent=None)
    else:
        data(*outputs[wanted].split("\n"))


def _input(env: Mapping[str, str], name: str) -> str:
    """An input from the variable that GitHub's runner sets, such as `INPUT_SEP-TAGS`.

    Shells cannot set a variable with a dash, so `INPUT_SEP_TAGS` is read, too.
    """
    variable = f"INPUT_{name.upper()}"
    return env.get(variable) or env.get(variable.replace("-", "_")) or ""


def _request(options: Mapping[str, Any], env: Mapping[str, str], component: str | None) -> MetadataRequest:
    """The request for the inputs; for each input an option overrides the variable."""
    source = options["source"] or _input(env, "context") or "workflow"
    if source not in ("workflow", "git"):
        raise ConfigError(
            f"unknown context `{source}`", hint="write `workflow` or `git`; `-C DIR` names another folder"
        )
    texts: dict[str, Any] = {
        name: "\n".join(options[f"{name}_lines"]) or _input(env, name) for name in _LISTS
    }
    levels = (level.strip() for level in env.get("DOCKER_METADATA_ANNOTATIONS_LEVELS", "").split(","))
    return MetadataRequest(
        **texts,
        bake_target=options["bake_target"] or _input(env, "bake-target") or DEFAULT_TARGET,
        annotation_levels=tuple(level for level in levels if level) or ("manifest",),
        context="git" if source == "git" else "workflow",
        prefix=options["prefix"] or "",
        component=component,
    )


def _tell(found: Metadata, *, quiet: bool) -> None:
    for warning in found.warnings:
        talk(f"warning: {warning}")
    for one in found.withheld:
        talk(f"withheld: `{one.name}`: {one.reason}")
    if not found.tag_names:
        talk("warning: no rule gives this run a tag")
    elif not found.images and not quiet:
        talk("note: no image is given, so the tags stand without a repository")

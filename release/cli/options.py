"""Options shared by commands: the global ones, and those of `preview` and `run`."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import click
from click.core import ParameterSource

from release.app.settings import Settings
from release.cli.option_rules import Ruled, beside
from release.cli.option_types import RECORDED_TEXT
from release.cli.output.streams import use_colors
from release.errors import ReleaseError

#: Key of a click context's `meta`: the command's session.
SESSION = "shipmark.session"

#: A command's function, which a decorator gives back with more options.
Function = TypeVar("Function", bound=Callable[..., Any])


def _known_system(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        from ci.systems import NAMES  # imported late: `--help` needs no CI system

        if value not in NAMES:
            names = ", ".join(f"'{name}'" for name in NAMES)
            raise click.BadParameter(f"'{value}' is not one of {names}.", ctx=ctx, param=param)
    return value


def _colored(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """Use the colours at once: an error of the rest of the command line has them, too."""
    if value is not None:
        use_colors(value, os.environ)
    return value


def global_options(function: Function) -> Function:
    """Add the options that every command takes, before or after the command's name."""
    options = (
        click.option("-C", "directory", metavar="DIR", help="Work in DIR instead of here."),
        click.option(
            "--config",
            metavar="FILE",
            envvar="SHIPMARK_CONFIG",
            help="The config file [default: shipmark.yml].",
        ),
        click.option(
            "-q", "quiet", is_flag=True, callback=beside("verbose"), help="Only data, warnings and errors."
        ),
        click.option("-v", "verbose", is_flag=True, callback=beside("quiet"), help="Say more."),
        click.option(
            "--color",
            type=click.Choice(["auto", "always", "never"]),
            envvar="SHIPMARK_COLOR",
            callback=_colored,
            help="Colours; NO_COLOR and FORCE_COLOR are respected.",
        ),
        click.option(
            "--ci",
            "ci",
            metavar="SYSTEM",
            callback=_known_system,
            help="The CI system, instead of detecting it (`none`: no CI).",
        ),
        click.option(
            "--progress",
            type=click.Choice(["auto", "plain", "json", "none"]),
            envvar="SHIPMARK_PROGRESS",
            help="How progress is shown on stderr.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def image_options(function: Function) -> Function:
    """Add the options that choose images and components, for commands that decide about tags."""
    options = (
        click.option(
            "--image",
            "images",
            multiple=True,
            metavar="TARGET",
            envvar="SHIPMARK_IMAGE",
            help="Where the image goes: `ghcr.io/acme/app`, `oci:dist/image`. Several times for several targets.",
        ),
        click.option(
            "--component",
            multiple=True,
            metavar="NAME",
            help="Only this component of the config. Several times for several components.",
        ),
        click.option(
            "--deepen",
            is_flag=True,
            help="Fetch the history and the tags that the clone lacks, before anything else.",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def component_option(text: str) -> Callable[[Function], Function]:
    """The option `--component` of a command that is about one component at most. `text`: the option's help."""
    return click.option("--component", metavar="NAME", callback=_as_several, help=text)


def _as_several(_: click.Context, __: click.Parameter, name: str | None) -> tuple[str, ...]:
    """The name as the value of an option that is given several times, which `settings_from` takes."""
    return () if name is None else (name,)


def result_option(function: Function) -> Function:
    """Add `--result-file`, for CI systems that read outputs from a file."""
    option = click.option("--result-file", metavar="FILE", help="Write the outputs as KEY=VALUE lines too.")
    return option(function)


_SHARED = (
    "directory",
    "config",
    "quiet",
    "verbose",
    "color",
    "ci",
    "progress",
    "images",
    "component",
    "deepen",
)


class Command(Ruled):
    """A command that accepts the global options, too; an option after the command overrides one before it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Merge the global options before and after the command into `ctx.obj`, and run the command as `reported`."""
        given = {name: ctx.params.pop(name) for name in _SHARED if name in ctx.params}
        settings = settings_from(merged(ctx, given))
        ctx.obj = settings
        use_colors(settings.color, settings.env)
        return reported(ctx, settings, lambda: super(Command, self).invoke(ctx))


def merged(ctx: click.Context, after: Mapping[str, Any]) -> dict[str, Any]:
    """The options before the command, overridden by those `after` it, which are parameters of `ctx`.

    A variable such as SHIPMARK_CONFIG overrides no option. Click reads it for the command as well, since it does not
    know that the option stands before the command's name.
    """
    before: dict[str, Any] = dict(ctx.ensure_object(dict))
    given = {
        name: value
        for name, value in after.items()
        if value and not (before.get(name) and ctx.get_parameter_source(name) is ParameterSource.ENVIRONMENT)
    }
    if "quiet" in given or "verbose" in given:
        before |= {"quiet": False, "verbose": False}
    return before | given


def reported(ctx: click.Context, settings: Settings, invoke: Callable[[], Any]) -> Any:
    """Run a command by `invoke`.

    Raises a `ReleaseError` of the command again, after writing it as an annotation for the CI system, and into the job
    summary unless the command has written that.
    """
    try:
        return invoke()
    except ReleaseError as error:
        # Annotated before `main` handles the error: `--ci` decides the form of annotations, and `main` does not have
        # that option.
        from release.cli.output.ci_sink import annotate_failure

        annotate_failure(error, settings)
        if settings.env.get("GITHUB_STEP_SUMMARY") or settings.env.get("SHIPMARK_COMMENT_FILE"):
            from release.cli.output.failure_summary import summarise_failure

            summarise_failure(ctx, ctx.meta.get(SESSION), error)
        raise


def settings_from(options: Mapping[str, Any]) -> Settings:
    """Settings from option values, with the environment of this process, or `env` of the options in its place."""
    components = tuple(dict.fromkeys(options.get("component") or ()))
    return Settings(
        directory=options.get("directory") or ".",
        config=options.get("config"),
        verbosity=bool(options.get("verbose")) - bool(options.get("quiet")),
        color=options.get("color") or "auto",
        ci=options.get("ci"),
        images=tuple(options.get("images") or ()),
        component=components[0] if len(components) == 1 else None,
        components=components if len(components) > 1 else (),
        deepen=bool(options.get("deepen")),
        progress=options.get("progress") or "auto",
        env=options.get("env") or dict(os.environ),
        overlay=options.get("overlay"),
    )


def settings_of(ctx: click.Context) -> Settings:
    """The settings that `Command.invoke` has stored in the context."""
    return cast(Settings, ctx.obj)


def vouching_options(function: Function) -> Function:
    """Add `--as-commit` and `--reason` of the commands that record what a registry has."""
    function = click.option("--reason", type=RECORDED_TEXT, metavar="TEXT", help="Why; it is recorded.")(
        function
    )
    return click.option(
        "--as-commit",
        is_flag=True,
        help="Take images whose labels name no commit, as `run --from … --as-commit` released them, as the commits of "
        "their git tags; needs --reason.",
    )(function)

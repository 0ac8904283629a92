"""Rules that hold for the options of every command: each is checked for all commands and groups of the program."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from click.core import ParameterSource

from release.cli.main import run, shipmark
from release.cli.option_rules import Ruled
from release.cli.options import merged
from release.errors import ConfigError

_TEXTS = {
    "metadata": {"images_lines", "tags_lines", "flavor_lines", "labels_lines", "annotations_lines"}
    | {"sep_tags", "sep_labels", "sep_annotations", "bake_target", "source"}
}
#: What may be empty in every command, because empty means the same as no option, or has a meaning.
_EVERYWHERE = {"directory", "reason", "evidence", "rebuild"}


class Found(NamedTuple):
    path: str
    command: click.Command


@cache
def commands() -> tuple[Found, ...]:
    return tuple(_below(shipmark, ""))


def _below(command: click.Command, path: str) -> Iterator[Found]:
    yield Found(path, command)
    if isinstance(command, click.Group):
        ctx = click.Context(command, info_name="shipmark")
        for name in command.list_commands(ctx):
            under = command.get_command(ctx, name)
            assert under is not None
            yield from _below(under, f"{path} {name}".strip())


def options(command: click.Command) -> list[click.Option]:
    return [one for one in command.params if isinstance(one, click.Option)]


def arguments(command: click.Command, *, without: click.Option) -> list[str]:
    """What the command requires, with any value."""
    words: list[str] = []
    for one in command.params:
        if not one.required or one is without:
            continue
        value = str(one.type.choices[0]) if isinstance(one.type, click.Choice) else "x"
        words += [f"{one.opts[-1]}={value}"] if isinstance(one, click.Option) else [value]
    return words


def refusal(command: click.Command, words: list[str]) -> str | None:
    """What the command says against these words; None if it takes them."""
    try:
        command.parse_args(click.Context(command), list(words))
    except (ConfigError, click.UsageError) as error:
        return error.message
    return None


def test_every_option_has_a_help_and_json_names_its_schema() -> None:
    for path, command in commands():
        for one in options(command):
            assert one.help, (path, one.name)
            if one.name == "as_json":
                assert "schema `shipmark." in one.help or "--format json" in one.help, path


def test_every_command_takes_the_global_options() -> None:
    wanted = {one.name for one in options(shipmark)} - {"version"}
    for path, command in commands():
        if not isinstance(command, click.Group):
            assert wanted <= {one.name for one in options(command)}, path


def test_every_command_with_options_obeys_the_rules() -> None:
    loose = [path for path, command in commands() if options(command) and not isinstance(command, Ruled)]
    assert loose == []


def test_empty_value_of_an_option_is_refused_unless_empty_means_something() -> None:
    accepted: dict[str, set[str]] = {}
    for path, command in commands():
        for one in options(command):
            if one.is_flag or not isinstance(one.type, click.types.StringParamType):
                continue
            words = [*arguments(command, without=one), f"{one.opts[-1]}="]
            said = refusal(command, words)
            if said is None:
                accepted.setdefault(path, set()).add(one.name or "")
            else:
                assert "is empty" in said or "'' is not one of" in said, (path, one.name)
    for path, names in accepted.items():
        assert names <= _EVERYWHERE | _TEXTS.get(path, set()), path


def test_option_before_the_command_overrides_the_variable_of_the_same_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("given", "variable"):
        (tmp_path / f"{name}.yml").write_text(f"image: ghcr.io/acme/{name}\n")
    monkeypatch.setenv("SHIPMARK_CONFIG", "variable.yml")
    for before, after, image in (
        (["--config", "given.yml"], [], "given"),
        ([], ["--config", "given.yml"], "given"),
        (["--config", "variable.yml"], ["--config", "given.yml"], "given"),
        ([], [], "variable"),
    ):
        assert run(["-C", str(tmp_path), *before, "config", "show", *after]) == 0
        shown = json.loads(capsys.readouterr().out)
        assert [one["image"] for one in shown["components"][0]["targets"]] == [f"ghcr.io/acme/{image}"]


def test_commands_take_variables_only_where_no_option_stands_before_them() -> None:
    with_variables = [
        (command, one) for _, command in commands() for one in options(command) if one.envvar is not None
    ]
    assert with_variables
    for command, one in with_variables:
        name = one.name or ""
        ctx = click.Context(command, obj={name: "given"})
        ctx.set_parameter_source(name, ParameterSource.ENVIRONMENT)
        assert merged(ctx, {name: "variable"})[name] == "given"
        ctx.set_parameter_source(name, ParameterSource.COMMANDLINE)
        assert merged(ctx, {name: "after"})[name] == "after"


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["--config", "a", "--config", "b", "tags"], "`--config` is given more than once"),
        (["prune", "--policy", "a", "--policy", "b"], "`--policy` is given more than once"),
        (
            ["promote", "a", "--to", "b", "--referrers", "--no-referrers"],
            "`--referrers` and `--no-referrers` exclude",
        ),
        (["tags", "-q", "-v"], "`-q` and `-v` exclude each other"),
        (["prune", "--json", "explain", "1.0.0"], "write `--json` behind `explain`"),
        (["cache", "--json", "clean"], "write `--json` behind `clean`"),
        (["version", "--next", "patch", "--format", "labels"], "does not have the version of `--next`"),
        (["tags", "--config", ""], "the value of `--config` is empty"),
    ],
)
def test_option_that_would_have_no_effect_is_refused(
    argv: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(argv) == 2
    assert text in capsys.readouterr().err


def test_flag_may_be_repeated_and_its_opposite_be_the_value_of_another_option() -> None:
    promote = next(one.command for one in commands() if one.path == "promote")
    for words in (["--referrers", "--referrers"], ["--no-referrers", "--reason", "--referrers"]):
        assert refusal(promote, ["a", "--to", "b", *words]) is None


@pytest.mark.parametrize("text", ["foo", "linux//amd64", "linux/", "linux/amd64,linux/arm64"])
def test_malformed_platform_is_an_error_of_the_command_line_in_every_command(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    taking = [one for one in commands() if any("--platform" in each.opts for each in options(one.command))]
    assert len(taking) == 4
    for path, command in taking:
        words = arguments(command, without=options(command)[0])
        assert run([*path.split(), *words, "--platform", text]) == 2
        assert f"error: `--platform`: `{text}` is not a platform" in capsys.readouterr().err


def test_error_in_the_value_of_a_variable_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHIPMARK_PROGRESS", "jsn")
    assert run(["tags"]) == 2
    assert "invalid value for `SHIPMARK_PROGRESS`: `jsn`" in capsys.readouterr().err
    assert run(["--progress", "plian", "tags"]) == 2
    assert "invalid value for `--progress`: `plian`" in capsys.readouterr().err


def test_config_commands_are_about_the_component_that_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "shipmark.yml").write_text("components: {api: {prefix: api/}, web: {prefix: web/}}\n")
    for argv in (["config", "show"], ["config", "check"]):
        assert run(["-C", str(tmp_path), *argv, "--component", "wbe"]) == 2
    assert "no component is called `wbe`" in capsys.readouterr().err
    assert run(["-C", str(tmp_path), "config", "show", "--component", "web"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["components"]] == ["web"]


@pytest.mark.parametrize(
    ("before", "after", "verbosity"), [("quiet", "verbose", 1), ("verbose", "quiet", -1)]
)
def test_quiet_and_verbose_after_the_command_override_those_before(
    before: str, after: str, verbosity: int
) -> None:
    found = merged(click.Context(click.Command("x"), obj={before: True}), {after: True})
    assert bool(found["verbose"]) - bool(found["quiet"]) == verbosity

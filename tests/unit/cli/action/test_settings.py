"""Inputs that describe the image replace the settings of `shipmark.yml`, under the same rules as the file's."""

from __future__ import annotations

from typing import Any

import pytest

from release.cli.action.settings import settings_of
from release.config.load import Config, load
from release.config.model import LogSection
from release.errors import ConfigError

FILE = """\
image: ghcr.io/acme/app
tags: type=sha
labels: {a: from-file}
build:
  target: slim
  args: {KEPT: file, VERSION: file}
  platforms: [linux/amd64]
"""
COMPONENTS = """\
build: {target: slim}
components:
  api: {image: ghcr.io/acme/api, build: {context: api}, labels: {a: b}}
  web: {image: ghcr.io/acme/web}
"""


def config(inputs: dict[str, str], text: str | None = FILE, public: dict[str, str] | None = None) -> Config:
    return load(
        text, text and "shipmark.yml", {"NAME": "value"}, public=public, overlay=settings_of(inputs).overlay
    )


def test_inputs_replace_settings_of_the_file_and_leave_the_others() -> None:
    (app,) = config(
        {
            "tags": "type=semver,pattern={{version}}",
            "labels": "b=c",
            "file": "docker/Dockerfile",
            "platforms": "linux/amd64,linux/arm64\nlinux/s390x",
            "build-args": "VERSION=1.2=3\nNAME\nEMPTY=",
            "cache-to": "type=registry,ref=ghcr.io/acme/cache,mode=max\ntype=gha",
            "provenance": "true",
            "sbom": "true",
        }
    ).components
    assert (app.section.tags, app.section.labels) == ("type=semver,pattern={{version}}", "b=c")
    build = app.build
    assert (build.dockerfile, build.target) == ("docker/Dockerfile", "slim")
    assert build.platforms == ("linux/amd64", "linux/arm64", "linux/s390x")
    assert build.args == {"KEPT": "file", "VERSION": "1.2=3", "NAME": "${NAME}", "EMPTY": ""}
    assert build.cache_to == ("type=registry,ref=ghcr.io/acme/cache,mode=max", "type=gha")
    assert (build.provenance, build.sbom) == ("min", True)


def test_log_store_of_an_input_leaves_keys_of_the_store_in_the_file_without_effect() -> None:
    for file in (
        "{path: log.jsonl}",
        "{store: file, path: log.jsonl}",
        "{store: sql, url: '${UNSET}'}",
        "[sql, file]",
    ):
        assert config({"log": "git"}, f"log: {file}").log == (LogSection(store="git"),)
    assert config({"log": "git"}, "log: {store: git, ref: refs/a/b}").log[0].ref == "refs/a/b"


@pytest.mark.parametrize(
    "file", ["{store: sql, url: sqlite:///a}", "[file]", "[git, file]", "{path: a.jsonl}"]
)
def test_log_of_an_input_in_place_of_another_store_of_the_file_is_a_warning(file: str) -> None:
    found = config({"log": "git"}, f"image: ghcr.io/acme/app\nlog: {file}").caution
    assert found is not None
    assert found.startswith("shipmark.yml:2:6: the input `log: git` counts: ")


@pytest.mark.parametrize(
    ("inputs", "file"), [({"log": "git"}, "log: git"), ({"log": "git"}, "{}"), ({}, "log: {store: file}")]
)
def test_log_that_stays_is_no_warning(inputs: dict[str, str], file: str) -> None:
    assert config(inputs, file).caution is None
    assert config({"log": "git"}, "log: {store: file}", public={}).caution is None


def test_inputs_are_the_whole_configuration_where_there_is_no_file() -> None:
    (app,) = config({"target": "final", "log": "git"}, text=None).components
    assert app.build.target == "final"
    assert config({"log": "git"}, text=None).log[0].store == "git"


def test_inputs_replace_what_each_component_says_itself() -> None:
    api, web = config({"target": "final", "labels": "x=y"}, text=COMPONENTS).components
    assert (api.build.target, api.build.context, api.section.labels) == ("final", "api", "x=y")
    assert (web.build.target, web.section.labels) == ("final", "x=y")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"builder": "kaniko"}, "input `builder`:1:1: `build.builder`: invalid enum value 'kaniko'"),
        ({"network": "any"}, "input `network`:1:1: `build.network`"),
        ({"attest": "yes"}, "input `attest`:1:1: `attest`"),
        ({"prefix": "a..b/"}, "input `prefix`:1:1: `prefix`"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_wrong_value_of_an_input_is_reported_with_the_name_of_the_input(
    inputs: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        config(inputs)
    assert message in raised.value.message


def test_secrets_are_handed_over_in_variables_and_stand_in_no_setting() -> None:
    found = settings_of(
        {
            "secrets": "npm=s3cr3t=x\nid=key,src=/run/key\nid=aws,env=AWS\n",
            "secret-envs": "gh=GH_TOKEN",
            "secret-files": "cert=/run/cert",
        }
    )
    assert found.env == {"SHIPMARK_BUILD_1_SECRET": "s3cr3t=x"}
    assert found.overlay.value["build"]["secrets"] == [
        *("id=npm,env=SHIPMARK_BUILD_1_SECRET", "id=key,src=/run/key", "id=aws,env=AWS"),
        *("id=gh,env=GH_TOKEN", "id=cert,src=/run/cert"),
    ]


@pytest.mark.parametrize(
    "inputs",
    [
        {"secrets": "ok=1\ns3cr3t"},
        {"secrets": '"npm=s3cr3t'},
        {"secret-envs": "ok=1\ns3cr3t"},
        {"build-args": "OK=1\ns3cr3t; x=1"},
        {"build-contexts": "s3cr3t"},
    ],
    ids=lambda inputs: next(iter(inputs)) + str(len(str(inputs))),
)
def test_line_that_cannot_be_read_is_counted_and_not_quoted(inputs: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as raised:
        settings_of(inputs)
    (name,) = inputs
    assert f"of the input `{name}`" in raised.value.message
    assert "s3cr3t" not in raised.value.message + str(raised.value.hint)


@pytest.mark.parametrize("name", ["secrets", "secret-envs", "secret-files", "build-args", "build-contexts"])
def test_blank_lines_of_an_input_are_counted_in_messages(name: str) -> None:
    with pytest.raises(ConfigError, match=f"line 5 of the input `{name}`"):
        settings_of({name: "\n\nOK=1\n \n;"})


def test_positions_of_values_are_the_lines_of_the_input() -> None:
    found = settings_of(
        {"platforms": "\nlinux/amd64, linux/arm64\n\nlinux/s390x", "cache-to": "\ntype=a,b=c"}
    ).overlay
    lines = {path: at.line for path, at in found.positions.items() if path.endswith("]")}
    assert lines == {
        "$.build.platforms[0]": 2,
        "$.build.platforms[1]": 2,
        "$.build.platforms[2]": 4,
        "$.build.cache_to[0]": 2,
    }


@pytest.mark.parametrize(
    ("inputs", "ignored"),
    [
        ({"secrets": "npm=s3cr3t"}, "build.secrets"),
        ({"cache-to": "type=gha"}, "build.cache_to"),
        ({"log": "git"}, "log"),
        ({"attest": "release"}, "attest"),
        ({"build-args": "TOKEN"}, "build.args.TOKEN"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_untrusted_run_reads_the_same_settings_of_inputs_as_of_the_file(
    inputs: dict[str, Any], ignored: str
) -> None:
    assert config(inputs, text=None, public={}).ignored == (ignored,)
    (app,) = config({"target": "final"}, text=None, public={}).components
    assert app.build.target == "final"

"""The section `build:`: its errors, its JSON Schema, and the declarations of its options."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from release.build_spec import BuildSpec, options
from release.config.load import load
from release.config.model import config_schema
from release.errors import ConfigError

GOLDEN = Path(__file__).parent / "golden" / "shipmark.schema.json"


def test_schema_for_editors_equals_the_published_one() -> None:
    """After a change of the configuration, write the file by `shipmark config schema > tests/unit/config/golden/…`."""
    assert json.dumps(config_schema()) == json.dumps(json.loads(GOLDEN.read_text()))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "{builder: kaniko}",
            "shipmark.yml:2:18: `build.builder`: invalid enum value 'kaniko'",
            "write one of `auto`, `buildkit`, `docker`, `buildah`, `podman`, `layers`",
        ),
        (
            "{context: [a]}",
            "shipmark.yml:2:18: `build.context`: expected `str`, got `array`",
            "write a text: `context: …`",
        ),
        ("{contextt: a}", "shipmark.yml:2:9: unknown key `contextt`", "did you mean `context`?"),
        (
            "{args: [a]}",
            "shipmark.yml:2:15: `build.args`: expected `object`, got `array`",
            "write keys and values: `args: {…}`",
        ),
        (
            "{args: {A: [b]}}",
            "shipmark.yml:2:19: `build.args.A`: expected `str`, got `array`",
            "write a text: `A: …`",
        ),
        (
            "{platforms: linux/amd64}",
            "shipmark.yml:2:20: `build.platforms`: expected `array`, got `str`",
            "write a list: `platforms: [...]`",
        ),
        (
            "{platforms: [[a]]}",
            "shipmark.yml:2:21: `build.platforms[0]`: expected `str`, got `array`",
            "write a text here",
        ),
        (
            "{compression: lz4}",
            "shipmark.yml:2:22: `build.compression`: invalid enum value 'lz4'",
            "write one of `gzip`, `gzip-reproducible`, `zstd`",
        ),
        (
            "{target: {a: b}}",
            "shipmark.yml:2:17: `build.target`: expected `str | null`, got `object`",
            "write a text: `target: …`",
        ),
        (
            "[a]",
            "shipmark.yml:2:8: `build`: expected `object | null`, got `array`",
            "write keys and values: `build: {…}`",
        ),
        ("{stage: a}", "shipmark.yml:2:9: unknown key `stage`", "did you mean `target`?"),
    ],
)
def test_an_error_in_the_build_section_names_the_key_as_users_write_it(
    text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f"image: a/b\nbuild: {text}\n", "shipmark.yml", {})
    assert (caught.value.message, caught.value.hint) == (message, hint)


def test_every_build_option_is_declared() -> None:
    assert set(options()) == set(BuildSpec.__struct_fields__)


def test_only_listed_build_options_are_read_in_an_untrusted_run() -> None:
    """An outsider may have written the configuration of an untrusted run."""
    counts = {name for name, option in options().items() if option.untrusted}
    assert counts == {
        "context",
        "dockerfile",
        "files",
        "allow_missing",
        "target",
        "args",
        "platforms",
    }


def test_names_but_not_values_of_build_arguments_are_recorded() -> None:
    spec = BuildSpec(args={"B": "hunter2", "A": "hunter2"}, target="t")
    assert spec.recorded() == {"args": ["A", "B"], "stage": "t"}
    assert spec.inputs()["args"] == ["A", "B"]
    assert "hunter2" not in msgspec.json.encode([spec.recorded(), spec.inputs()]).decode()

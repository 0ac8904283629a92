"""The forms in which `shipmark version` writes a version."""

from __future__ import annotations

import re
import shlex

import msgspec
import pytest

from release.errors import ConfigError
from release.tagging.version_text import FORMS, VersionFacts, fields_of, fill, write
from release.versions.calver import parse_calver
from release.versions.semver import parse

COMMIT = "3f2a9c1b7d40e5f6a7b8c9d0e1f2a3b4c5d6e7f8"
FACTS = VersionFacts(
    version=parse("1.4.3-dev.5.g3f2a9c1b7d40"),
    commit=COMMIT,
    channel="branch",
    component="app",
    committed_at=1_700_000_000,
    base="v1.4.2",
    distance=5,
    branch="feature/x y",
    labels={"org.opencontainers.image.version": "1.4.3-dev.5.g3f2a9c1b7d40", "b": "c d"},
)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("plain", "1.4.3-dev.5.g3f2a9c1b7d40"),
        ("semver", "1.4.3-dev.5.g3f2a9c1b7d40"),
        ("pep440", "1.4.3.dev5+g3f2a9c1b7d40"),
        ("maven", "1.4.3-SNAPSHOT"),
        ("build-args", f"VERSION=1.4.3-dev.5.g3f2a9c1b7d40\nREVISION={COMMIT}\nCREATED=2023-11-14T22:13:20Z"),
        ("labels", "org.opencontainers.image.version=1.4.3-dev.5.g3f2a9c1b7d40\nb=c d"),
        ("ldflags", "-X main.version=1.4.3-dev.5.g3f2a9c1b7d40"),
    ],
)
def test_version_is_written_in_each_form(form: str, expected: str) -> None:
    assert write(FACTS, form) == expected


def test_lines_of_version_in_form_env_need_no_shell_quotes() -> None:
    lines = write(FACTS, "env").splitlines()
    assert lines[0] == "SHIPMARK_VERSION=1.4.3-dev.5.g3f2a9c1b7d40"
    assert "SHIPMARK_DISTANCE=5" in lines
    assert all(shlex.split(line) == [line] for line in lines)


class TestLinkerFlags:
    def test_ldflags_set_several_variables_to_different_values(self) -> None:
        flags = write(FACTS, "ldflags", ["main.version", "github.com/acme/app/v2/build.Commit={{sha}}"])
        assert flags == (
            "-X main.version=1.4.3-dev.5.g3f2a9c1b7d40 -X github.com/acme/app/v2/build.Commit=3f2a9c1b7d40"
        )

    @pytest.mark.parametrize(
        ("template", "expected"),
        [
            ("{{branch}}", "-X 'main.v=feature/x y'"),
            ("it's {{major}}", '-X "main.v=it\'s 1"'),
            ('a "b"', "-X 'main.v=a \"b\"'"),
        ],
    )
    def test_ldflags_values_with_blanks_or_quotes_are_quoted(self, template: str, expected: str) -> None:
        assert write(FACTS, "ldflags", [f"main.v={template}"]) == expected

    @pytest.mark.parametrize(
        "variable", ["version", "main.", "main.a-b", "main.x y=1", "main.a='\"", "main.a=x\ny"]
    )
    def test_invalid_go_variable_is_a_config_error(self, variable: str) -> None:
        with pytest.raises(ConfigError):
            write(FACTS, "ldflags", [variable])

    def test_go_variables_with_another_form_are_a_config_error(self) -> None:
        with pytest.raises(ConfigError, match="--go-var"):
            write(FACTS, "plain", ["main.version"])


class TestTemplates:
    @pytest.mark.parametrize(
        ("template", "expected"),
        [
            ("{{major}}.{{minor}}", "1.4"),
            ("{{base}}+{{distance}}", "v1.4.2+5"),
            ("{{ date }}", "2023-11-14T22:13:20Z"),
            ("no names", "no names"),
        ],
    )
    def test_names_in_a_version_template_are_replaced(self, template: str, expected: str) -> None:
        assert fill(template, FACTS) == expected

    def test_unknown_name_in_a_version_template_is_an_error_with_its_position(self) -> None:
        with pytest.raises(ConfigError, match=r"template:1:12") as caught:
            fill("{{major}}{{mayor}}", FACTS)
        assert "`mayor`" in caught.value.message
        assert "names: version, major" in (caught.value.hint or "")

    def test_unclosed_expression_in_a_version_template_is_an_error(self) -> None:
        with pytest.raises(ConfigError):
            fill("{{major", FACTS)


@pytest.mark.parametrize(
    ("text", "third"), [("2026.11.20", 20), ("2026.11.03.4", 3), ("24.04", 0), ("24.04.1-dev.2.g3f2a", 1)]
)
def test_patch_of_a_calendar_version_is_its_third_number(text: str, third: int) -> None:
    facts = msgspec.structs.replace(FACTS, version=parse_calver(text))
    assert fields_of(facts)["patch"] == third
    assert f"SHIPMARK_VERSION_PATCH={third}" in write(facts, "env").splitlines()
    assert fill("{{patch}}", facts) == str(third)


def test_fields_of_a_described_version_are_json_values() -> None:
    fields = fields_of(FACTS)
    assert (fields["version"], fields["distance"], fields["base"]) == (
        "1.4.3-dev.5.g3f2a9c1b7d40",
        5,
        "v1.4.2",
    )
    assert msgspec.json.decode(msgspec.json.encode(fields)) == fields


def test_each_output_form_writes_the_version_or_is_an_error_with_a_hint() -> None:
    for form in FORMS:
        try:
            assert re.search(r"1\.4\.3", write(FACTS, form))
        except ConfigError as error:
            assert error.hint  # noqa: PT017  # either outcome is right

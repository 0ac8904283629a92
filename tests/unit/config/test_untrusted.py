"""The parts of an untrusted configuration that are read, and where a trusted one may use secret variables."""

from __future__ import annotations

import re
import time
import typing
from typing import Any

import msgspec
import pytest

from ci.public_names import PUBLIC, public_variables
from ci.systems import NAMES
from release.build_spec import BuildSpec
from release.config.load import load
from release.config.model import ConfigFile, TargetSection
from release.config.untrusted import ALLOWED, DENIED, readable
from release.errors import ConfigError
from release.secrets.names import looks_secret

ENV = {"GITHUB_SHA": "abc", "GITHUB_TOKEN": "hunter2", "MY_HOST": "evil.example", "NPM_TOKEN": "hunter2"}
PUBLIC_ENV = public_variables("github", ENV)


def sections(kind: Any, found: set[type[msgspec.Struct]]) -> set[type[msgspec.Struct]]:
    """Return all section types that are reachable from the type of the config file."""
    for part in typing.get_args(kind) or (kind,):
        if typing.get_args(part):
            sections(part, found)
        elif isinstance(part, type) and issubclass(part, msgspec.Struct) and part not in found:
            found.add(part)
            for hint in typing.get_type_hints(part).values():
                sections(hint, found)
    return found


def outside(text: str) -> Any:
    return load(text, "shipmark.yml", ENV, public=PUBLIC_ENV)


class TestKeys:
    def test_every_key_of_every_section_is_allowed_or_denied(self) -> None:
        reached = sections(ConfigFile, set())
        assert reached == set(ALLOWED) == set(DENIED)
        for section in reached:
            names = frozenset(section.__struct_fields__)
            assert (ALLOWED[section] | DENIED[section], ALLOWED[section] & DENIED[section]) == (
                names,
                frozenset(),
            )

    @pytest.mark.parametrize(
        ("text", "ignored"),
        [
            ("log: {store: sql, url: 'postgresql://evil.example/x'}", ("log",)),
            ("log: [git, {store: nonsense}]", ("log",)),
            (
                "build: {builder: docker, compression: zstd, context: sub}",
                ("build.builder", "build.compression"),
            ),
            (
                "images: [{image: a/b, insecure: true}]",
                ("images[0].insecure",),
            ),
            ("project: x\nreuse: commit\nattest: release", ("project", "reuse", "attest")),
            ("components: {api: {image: a/b, pull_requests: true}}", ("components.api.pull_requests",)),
        ],
    )
    def test_key_that_is_denied_in_an_untrusted_config_is_listed_as_ignored(
        self, text: str, ignored: tuple[str, ...]
    ) -> None:
        assert outside(text).ignored == ignored

    def test_keys_that_are_allowed_in_an_untrusted_config_are_read(self) -> None:
        config = outside(
            "image: ghcr.io/acme/app\nprefix: api/\nversions: calver\nlatest: never\n"
            "base: nearest\nchannels: [rc]\nlabels: {a: b}\nannotations: {c: d}\n"
            "build: {context: sub, dockerfile: sub/Dockerfile, target: final, platforms: [linux/arm64], args: {A: b}}"
        )
        component = config.components[0]
        assert config.ignored == ()
        assert component.build.context == "sub"
        assert component.build.args == {"A": "b"}
        assert component.section.channels == ("rc",)
        rules = outside("image: ghcr.io/acme/app\ntags: [type=sha]\nflavor: [latest=false]\n")
        assert (rules.ignored, rules.components[0].section.tags) == ((), ("type=sha",))

    def test_unknown_key_in_an_untrusted_config_is_an_error(self) -> None:
        with pytest.raises(ConfigError, match="unknown key `lgo`"):
            outside("lgo: {store: git}")

    def test_trusted_run_reads_denied_keys_too(self) -> None:
        config = load("project: x\nlog: [git]", "shipmark.yml", ENV)
        assert (config.project, config.log[0].store, config.ignored) == ("x", "git", ())


class TestVariables:
    @pytest.mark.parametrize(
        ("text", "ignored"),
        [
            ("image: evil.example/x/${GITHUB_TOKEN}", ("image",)),
            ("image: ${MY_HOST}/app", ("image",)),
            ("image: ${NOT_SET}/app", ("image",)),
            ("images: [ghcr.io/a/b, 'evil.example/${NPM_TOKEN}']", ("images[1]",)),
            (
                "images: [{image: 'evil.example/${NPM_TOKEN}', required: false}]",
                ("images[0].image", "images"),
            ),
            ("build: {args: {A: '${NPM_TOKEN}', B: plain}}", ("build.args.A",)),
            ("build: {args: {A: '{{env.NPM_TOKEN}}', '${NPM_TOKEN}': x}}", None),
            ("build: {context: '${NPM_TOKEN}'}", ("build.context",)),
            ("labels: {a: '{{ env.NPM_TOKEN }}'}", ("labels.a",)),
            ("labels: {a: '{{#if env}}x{{/if}}'}", ("labels.a",)),
            ("tags: ['type=raw,value={{env.NPM_TOKEN}}', type=sha]", ("tags[0]",)),
            ("tags: [{type: raw, value: '{{env.NPM_TOKEN}}'}]", ("tags[0]", "tags")),
            ("tags: |\n  type=sha\n  type=raw,value={{env.NPM_TOKEN}}\n", ("tags (a line)",)),
            ("components: {api: {image: 'x/${NPM_TOKEN}'}}", ("components.api.image",)),
        ],
    )
    def test_untrusted_config_value_with_a_variable_that_is_not_public_is_ignored(
        self, text: str, ignored: tuple[str, ...] | None
    ) -> None:
        config = outside(text)
        assert "hunter2" not in repr(config)
        assert "evil.example" not in repr(config.components)
        assert config.ignored == ignored if ignored is not None else len(config.ignored) == 2

    def test_public_ci_variables_may_be_used_in_an_untrusted_config(self) -> None:
        config = outside("image: ghcr.io/acme/${GITHUB_SHA}\nlabels: {a: '{{env.GITHUB_SHA}}'}")
        assert config.components[0].targets == (TargetSection(image="ghcr.io/acme/abc"),)
        assert config.components[0].section.labels == {"a": "{{env.GITHUB_SHA}}"}

    def test_image_of_the_command_line_may_use_any_variable(self) -> None:
        config = load(None, None, {"MY_HOST": "x.example"}, images=("${MY_HOST}/app",), public={})
        assert config.components[0].targets[0].image == "x.example/app"

    def test_many_unclosed_expressions_in_a_config_are_read_within_five_seconds(self) -> None:
        started = time.monotonic()
        readable({"labels": {"a": "{{" * 200_000, "b": "${" * 200_000, "c": "{{env " * 100_000}}, ())
        assert time.monotonic() - started < 5

    @pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[["${X}"]]], {"a": {"b": ["${X}"]}}])
    @pytest.mark.parametrize("key", sorted(set(ConfigFile.__struct_fields__)))
    def test_untrusted_config_value_of_any_form_keeps_no_private_variable(self, key: str, value: Any) -> None:
        kept, _ = readable({key: value}, ())
        assert "${X}" not in repr(kept)


class TestPublicNames:
    def test_every_ci_system_has_public_variables(self) -> None:
        assert set(PUBLIC) == set(NAMES)
        assert all(PUBLIC[name] for name in NAMES if name != "none")

    def test_no_public_variable_looks_like_a_secret(self) -> None:
        assert [name for names in PUBLIC.values() for name in names if looks_secret(name)] == []

    def test_public_variables_are_exactly_the_listed_ones(self) -> None:
        env = dict.fromkeys((*PUBLIC["github"], "GITHUB_TOKEN", "PATH", "INPUT_X", "CI_JOB_TOKEN"), "x")
        assert set(public_variables("github", env)) == PUBLIC["github"]


class TestSecretsInNames:
    """A trusted configuration must not put a secret into a name, which other hosts would see."""

    @pytest.mark.parametrize(
        ("text", "key", "name"),
        [
            ("image: evil.example/x/${SUPERSECRET}", "image", "SUPERSECRET"),
            ("image: ${REGISTRY_PASSWORD}.example/x", "image", "REGISTRY_PASSWORD"),
            ("images: [a/b, {image: 'evil.example/${NPM_TOKEN}'}]", "images", "NPM_TOKEN"),
            ("components: {api: {image: 'x/${NPM_TOKEN}'}}", "components.api.image", "NPM_TOKEN"),
            ("image: oci:${NPM_TOKEN}", "image", "NPM_TOKEN"),
            ("log: {path: 'x/${NPM_TOKEN}.jsonl'}", "log.path", "NPM_TOKEN"),
            (
                "log: {store: sql, url: 'postgresql://u@evil.example/${SUPERSECRET}'}",
                "log.url",
                "SUPERSECRET",
            ),
            ("log: {store: sql, url: 'postgresql://u:p@${SUPERSECRET}/x'}", "log.url", "SUPERSECRET"),
            ("log: {store: sql, url: 'postgresql://h/x?password=${DB_PASSWORD}'}", "log.url", "DB_PASSWORD"),
            ("log: {store: sql, url: 'postgresql://h/x@${DB_PASSWORD}@y'}", "log.url", "DB_PASSWORD"),
            ("log: {store: sql, url: '${DB_PASSWORD}://u@h/x'}", "log.url", "DB_PASSWORD"),
        ],
    )
    def test_secret_variable_in_a_name_is_refused(self, text: str, key: str, name: str) -> None:
        with pytest.raises(ConfigError, match="looks like a secret") as caught:
            load(text, "shipmark.yml", {name: "hunter2"})
        assert re.match(rf"shipmark\.yml:1:\d+: `{key}` takes `\${{{name}}}`", caught.value.message)
        assert "hunter2" not in f"{caught.value.message} {caught.value.hint}"
        assert caught.value.hint is not None

    @pytest.mark.parametrize(
        ("text", "url"),
        [
            ("log: {store: sql, url: 'postgresql://ci:${DB_PASSWORD}@db/log'}", "postgresql://ci:s3@db/log"),
            ("log: {store: sql, url: 'postgresql://${DB_SECRET}@db/log'}", "postgresql://s3@db/log"),
            (
                "log: {store: sql, url: 'postgresql://ci:a@b${DB_PASSWORD}@db/log'}",
                "postgresql://ci:a@bs3@db/log",
            ),
            ("log: {store: sql, url: '${DATABASE_SECRET_URL}'}", "s3"),
        ],
    )
    def test_secret_variable_may_be_the_password_of_a_url(self, text: str, url: str) -> None:
        env = dict.fromkeys(("DB_PASSWORD", "DB_SECRET", "DATABASE_SECRET_URL"), "s3")
        assert load(text, "shipmark.yml", env).log[0].url == url

    def test_build_argument_may_contain_a_secret_variable(self) -> None:
        config = load("build: {args: {A: '${NPM_TOKEN}'}}", "shipmark.yml", ENV)
        assert config.components[0].build == BuildSpec(args={"A": "${NPM_TOKEN}"})

    def test_variable_that_does_not_look_secret_may_be_part_of_a_name(self) -> None:
        config = load("image: ${MY_HOST}/app", "shipmark.yml", ENV)
        assert config.components[0].targets[0].image == "evil.example/app"

    def test_error_names_the_option_image_for_a_secret_variable(self) -> None:
        with pytest.raises(ConfigError, match="`--image` takes"):
            load(None, None, ENV, images=("evil.example/${NPM_TOKEN}",))

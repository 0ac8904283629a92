"""Loading of `shipmark.yml`: positions and hints of errors, and values that stay text."""

from __future__ import annotations

import contextlib
import json

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from release.build_spec import BuildSpec
from release.config.load import Config, load, load_policy
from release.config.model import (
    BumpSection,
    CheckSection,
    ComponentSection,
    ConfigFile,
    LogSection,
    TargetSection,
    config_schema,
)
from release.config.retention import (
    DeleteSection,
    InUseSection,
    KeepSection,
    LimitsSection,
    LogWindowSection,
    RetentionSection,
    TrashSection,
)
from release.config.untrusted import ALLOWED
from release.config.variables import expand
from release.errors import ConfigError


def read(text: str, **env: str) -> Config:
    return load(text, "shipmark.yml", env)


def fails(text: str, **env: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text, **env)
    return caught.value


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("imagee: x\n", "shipmark.yml:1:1: unknown key `imagee`", "did you mean `image`?"),
        (
            "image: x\nbuild:\n  contxt: .\n",
            "shipmark.yml:3:3: unknown key `contxt`",
            "did you mean `context`?",
        ),
        ("image: x\nlog: {stor: file}\n", "shipmark.yml:2:7: unknown key `stor`", "did you mean `store`?"),
        (
            "components:\n  api: {image: x}\n  web:\n    imag: y\n",
            "shipmark.yml:4:5: unknown key `imag`",
            "did you mean `image`?",
        ),
        (
            "image: x\nimage: y\n",
            "shipmark.yml:2:1: key `image` is given twice",
            "keep one, with the values of both",
        ),
        (
            "image: [a\n",
            "shipmark.yml:2:1: did not find expected ',' or ']'",
            "look at this line and the one before: an open quote or bracket, or an indentation that differs",
        ),
        (
            "- a\n",
            "shipmark.yml:1:1: expected keys and values",
            "write `image: ghcr.io/acme/app`, for example",
        ),
        (
            "image: {a: b}\n",
            "shipmark.yml:1:8: `image`: expected `str | null`, got `object`",
            "write a text: `image: …`",
        ),
        (
            "build:\n  builder: kaniko\n",
            "shipmark.yml:2:12: `build.builder`: invalid enum value 'kaniko'",
            "write one of `auto`, `buildkit`, `docker`, `buildah`, `podman`, `layers`",
        ),
        (
            "image: x\nlog: postgres\n",
            "shipmark.yml:2:6: `log`: expected `object | array | null`, got `str`",
            "write keys and values: `log: {store: git}`; stores are `file`, `git` and `sql`",
        ),
        (
            "image: x\nchecks: [trivy]\n",
            "shipmark.yml:2:10: `checks[0]`: expected `object`, got `str`",
            'write keys and values: `{name: smoke, run: [docker, run, --rm, "{{image}}"]}`',
        ),
        (
            "components: {api: a/b}\n",
            "shipmark.yml:1:19: `components.api`: expected `object`, got `str`",
            "write keys and values: `api: {image: ghcr.io/acme/api}`",
        ),
        (
            "image: x/${TAG}\n",
            "shipmark.yml:1:8: `image` takes `${TAG}`, and no such variable is set",
            "set TAG in the environment of this job",
        ),
        (
            "image: x\nprefix: a b\n",
            "shipmark.yml:2:9: `prefix`: `a b1.0.0` cannot be a git tag",
            "a git tag has no blank, none of `~ ^ : ? * [ \\`, no `..` or `//`, and no slash at an end",
        ),
        (
            "image: x\nbump: {calver: YYYY.MM}\n",
            "shipmark.yml:2:16: `bump.calver` is read with `versions: calver` only",
            "add `versions: calver`, or remove `bump.calver`",
        ),
        (
            "image: x\nlog: {url: 'postgresql://ci@db/log'}\n",
            "shipmark.yml:2:7: `log.url` is read with `store: sql` only",
            "add `store: sql`, or remove `url`",
        ),
        (
            "image: x\nlog: [git, {store: git, path: log.jsonl}]\n",
            "shipmark.yml:2:25: `log.path` is read with `store: file` only",
            "add `store: file`, or remove `path`",
        ),
        (
            "image: x\nlog: [git, file, {path: ./.shipmark//log.jsonl}]\n",
            "shipmark.yml:2:18: `log` names this `file` store twice",
            "remove one of the two: a copy in the place of the log protects from nothing",
        ),
        ("image: x\nattst: release\n", "shipmark.yml:2:1: unknown key `attst`", "did you mean `attest`?"),
        (
            "image: x\nattest: sbom\n",
            "shipmark.yml:2:9: `attest`: invalid enum value 'sbom'",
            "write one of `never`, `release`",
        ),
        (
            "image: a\nimages: [b]\n",
            "shipmark.yml:2:9: `image` and `images` are both given",
            "move the value of `image` into the list of `images`",
        ),
        (
            "images: [{image: a, create: true}]\n",
            "shipmark.yml:1:21: unknown key `create`",
            "known here: image, required, moving, insecure",
        ),
        ("image: a\nbump: {type: {}}\n", "shipmark.yml:2:8: unknown key `type`", "did you mean `types`?"),
        (
            "image: a\nbump: {types: {docs: big}}\n",
            "shipmark.yml:2:22: `bump.types.docs`: invalid enum value 'big'",
            "write one of `major`, `minor`, `patch`, `none`",
        ),
        (
            "components: {a: {image: a, paths: api/**}}\n",
            "shipmark.yml:1:35: `components.a.paths`: expected `array`, got `str`",
            "write a list: `paths: [...]`",
        ),
        *(
            (
                f"image: a\n{text}\n",
                f"shipmark.yml:2:{text.index(':') + 3}: `{text.partition(':')[0]}`: a name is empty",
                "write `name=text`, or a map `name: text`",
            )
            for text in ("labels: {'': x}", "labels: [a=b, '=c']", "annotations: '=c'")
        ),
        *(
            (
                f"image: a\nchannels: [rc, {channel}]\n",
                f"shipmark.yml:2:11: `channels`: `{channel}` is not the name of a channel",
                "a channel begins with a letter, has letters, digits and `-` only, and is not `latest`: `rc`",
            )
            for channel in ("1", "rc.1", "rc 1", "latest", "shipmark-status")
        ),
        (
            "image: a\nbump: {calver: MICRO.YY}\n",
            "shipmark.yml:2:16: `bump.calver`: `MICRO.YY` is not a pattern such as `YYYY.MM.MICRO` or `YY.0M`",
            "calver.org lists the tokens",
        ),
        (
            "image: a\npaths: ['a[']\n",
            "shipmark.yml:2:8: `paths`: a bracket is not closed within its path component",
            "write it as in `.dockerignore`: `api/**`, `*.proto`",
        ),
        *(
            (
                f"image: a\npaths: ['{glob}']\n",
                f"shipmark.yml:2:8: `paths`: `{glob}` {what}",
                "write it as in `.dockerignore`: `api/**`, `*.proto`",
            )
            for glob, what in (
                ("*.js @acme/web", "has owners behind the glob, as in CODEOWNERS"),
                ("{api,web}/**", "has alternatives in braces, which are not read: write a glob for each"),
                (r"api\src", r"has `\` between folders: write `/`"),
            )
        ),
        (
            "image: [a, b]\n",
            "shipmark.yml:1:8: `image`: expected `str | null`, got `array`",
            "several repositories are `images: [...]`",
        ),
        (
            "build:\n\tcontext: .\n",
            "shipmark.yml:2:1: found character that cannot start any token",
            "indent with blanks, not with tabs; a value that begins with `@`, `%` or a backtick needs quotes",
        ),
        (
            "image: a: b\n",
            "shipmark.yml:1:9: mapping values are not allowed in this context",
            "a value with a colon and a blank needs quotes; a nested key stands in a line of its own, indented",
        ),
        (
            "pull_requests: maybe\n",
            "shipmark.yml:1:16: `pull_requests`: expected `bool`, got `str`",
            "write `pull_requests: true` or `pull_requests: false`",
        ),
        (
            "components: {'': {image: a}}\n",
            "shipmark.yml:1:14: a component has no name",
            "write one: `components: {api: {…}}`",
        ),
        (
            "components:\n  api: {image: a, depends: [lob]}\n  lib: {image: b}\n",
            "shipmark.yml:2:28: `depends`: no component is called `lob`",
            "did you mean `lib`?",
        ),
        (
            (
                "components:\n  a: {image: a, depends: [b]}\n  b: {image: b, depends: [c]}\n"
                "  c: {image: c, depends: [b]}\n"
            ),
            "shipmark.yml:3:26: components depend on one another in a circle: `b` → `c` → `b`",
            "remove one of these names from the `depends` of the name before it",
        ),
        (
            "components: {a: {image: a, depends: [a]}}\n",
            "shipmark.yml:1:37: components depend on one another in a circle: `a` → `a`",
            "remove one of these names from the `depends` of the name before it",
        ),
    ],
)
def test_error_in_the_config_file_has_its_position_and_the_expected_hint(
    text: str, message: str, hint: str
) -> None:
    error = fails(text)
    assert (error.message, error.hint) == (message, hint)
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (
            "build:\n",
            "shipmark.yml:1:7: `build` has no value",
            "write keys and values: `build: {…}`; or remove `build`",
        ),
        (
            "build:\n  args:\n  target: x\n",
            "shipmark.yml:2:8: `build.args` has no value",
            "write keys and values: `args: {…}`; or remove `args`",
        ),
        (
            "images:\n",
            "shipmark.yml:1:8: `images` has no value",
            "write a list: `images: [...]`; or remove `images`",
        ),
        (
            "pull_requests:\n",
            "shipmark.yml:1:15: `pull_requests` has no value",
            "write `pull_requests: true` or `pull_requests: false`; or remove `pull_requests`",
        ),
        (
            "latest:\n",
            "shipmark.yml:1:8: `latest` has no value",
            "write one of `auto`, `default-branch`, `never`; or remove `latest`",
        ),
        (
            "components:\n  api:\n",
            "shipmark.yml:2:7: `components.api` has no value",
            "write keys and values: `api: {image: ghcr.io/acme/api}`",
        ),
        # A check without a command is none, so its key cannot be removed.
        (
            "checks:\n  - name: smoke\n    run:\n",
            "shipmark.yml:3:9: `checks[0].run` has no value",
            "write a list: `run: [...]`",
        ),
    ],
)
def test_key_with_nothing_behind_its_colon_is_said_to_have_no_value(
    text: str, message: str, hint: str
) -> None:
    error = fails(text)
    assert (error.message, error.hint) == (message, hint)


def test_build_arguments_that_look_like_numbers_and_booleans_are_text() -> None:
    config = read("image: x\nbuild: {args: {GO: 1.10, MODE: on, OCTAL: 0755, DATE: 2024-01-01}}\n")
    assert config.components[0].build.args == {
        "GO": "1.10",
        "MODE": "on",
        "OCTAL": "0755",
        "DATE": "2024-01-01",
    }


def test_boolean_option_is_read_as_a_boolean() -> None:
    config = read("images: [{image: x, required: false}, y]\n")
    assert [target.required for target in config.components[0].targets] == [False, True]


def test_settings_of_a_component_override_those_of_the_top_level() -> None:
    config = read(
        "image: shared\nreuse: commit\ncomponents:\n  api: {image: a, prefix: api/}\n  web: {reuse: never}\n"
    )
    api, web = config.components
    assert (api.targets[0].image, api.section.prefix, api.section.reuse) == ("a", "api/", "commit")
    assert web.targets[0].image == "shared"


#: Section -> how it is written, with a key in the place of KEY.
SECTIONS = {
    ConfigFile: "{KEY: x}",
    ComponentSection: "{components: {a: {KEY: x}}}",
    TargetSection: "{images: [{KEY: x}]}",
    LogSection: "{log: [{KEY: x}]}",
    CheckSection: "{checks: [{KEY: x}]}",
    BumpSection: "{components: {a: {bump: {KEY: x}}}}",
    BuildSpec: "{build: {KEY: x}}",
    RetentionSection: "{retention: {KEY: x}}",
    DeleteSection: "{retention: {delete: [{KEY: x}]}}",
    KeepSection: "{retention: {keep: [{KEY: x}]}}",
    LogWindowSection: "{components: {a: {retention: {keep: [{log: {KEY: x}}]}}}}",
    LimitsSection: "{retention: {limits: {KEY: x}}}",
    InUseSection: "{retention: {in_use: [{KEY: x}]}}",
    TrashSection: "{retention: {trash: {KEY: x}}}",
}


@pytest.mark.parametrize("section", ALLOWED)
def test_unknown_key_names_the_keys_of_its_section(section: type[msgspec.Struct]) -> None:
    error = fails(SECTIONS[section].replace("KEY", "zzz"))
    assert error.message.endswith("unknown key `zzz`")
    assert error.hint == f"known here: {', '.join(section.__struct_fields__)}"
    # A null removes no unknown key.
    assert fails(SECTIONS[section].replace("KEY: x", "zzz: null")).message == error.message


def test_key_of_the_top_level_in_a_component_is_an_error_that_says_so() -> None:
    error = fails("components: {a: {image: x, log: {store: git}}}")
    assert (error.message, error.hint) == (
        "shipmark.yml:1:28: `log` in a component",
        "`log` is a key of the top level only",
    )


def test_null_is_a_key_that_is_not_given() -> None:
    keys = [key for key in ConfigFile.__struct_fields__ if key not in ("image", "components")]
    build = ", ".join(f"{key}: null" for key in BuildSpec.__struct_fields__)
    for null in ("null", "~"):
        text = "".join(f"{key}: {null}\n" for key in keys)
        assert read(f"image: x\n{text}") == read("image: x\n")
    assert read(f"image: x\nbuild: {{{build}}}\n").components[0].build == BuildSpec()
    (one,) = read("image: x\ntags: type=sha\ncomponents: {labels: {image: null, tags: null}}\n").components
    assert (one.section.image, one.section.tags) == ("x", "type=sha")


def test_null_is_text_where_the_names_are_the_users_own_and_in_quotes() -> None:
    text = "image: x\ntags: [{type: raw, value: null}]\nlabels: {a: null}\nbuild: {args: {A: ~}, target: 'null'}\n"
    (one,) = read(text).components
    assert (one.section.tags, one.section.labels) == (({"type": "raw", "value": "null"},), {"a": "null"})
    assert (one.build.args, one.build.target) == ({"A": "~"}, "null")


@pytest.mark.parametrize("rule", ["delete: [{match: a, older_than: null}]", "keep: [{newest: 3, match: ~}]"])
def test_null_in_a_rule_of_retention_is_an_error(rule: str) -> None:
    assert "of a rule has no value" in fails(f"image: x\nretention: {{{rule}}}\n").message
    with pytest.raises(ConfigError, match="of a rule has no value"):
        load_policy(f"retention: {{{rule}}}", "policy.yml")


def test_default_that_a_component_gives_counts_before_the_top_level() -> None:
    top = """events: as-action
flavor: latest=true
labels: a=b
annotations: a=b
build: {target: x}
checks: [{name: a, run: [x]}]
prefix: x/
paths: [x/**]
depends: [b]
versions: calver
ignore_tags: [x]
release_on: [schedule]
latest: never
reuse: commit
attest: release
pull_requests: true
base: nearest
channels: [rc]
bump: {major_on_zero: true}
retention: {grace: 2h}
"""
    own = """events: guarded, flavor: [], labels: {}, annotations: [], build: {}, checks: [], prefix: "",
    paths: [], depends: [], versions: semver, ignore_tags: ["v[0-9]", "v[0-9][0-9]"], release_on: [], latest: auto,
    reuse: never, attest: never, pull_requests: false, base: highest, channels: [], bump: {}"""
    a, b, c = read(
        f"{top}components:\n  a: {{image: a, {own}}}\n  b: {{image: b, depends: []}}\n  c: {{image: a}}\n"
    ).components
    keys = set(ComponentSection.__struct_fields__) - {"image", "images", "tags"}
    defaults = ComponentSection(labels={}, build=BuildSpec())
    # A policy has no default, and no component can be without that of the top level.
    assert {key for key in keys if getattr(a.section, key) != getattr(defaults, key)} == {"retention"}
    assert {key for key in keys if getattr(c.section, key) == getattr(ComponentSection(), key)} == set()
    assert {key for key in keys if getattr(b.section, key) != getattr(c.section, key)} == {"depends"}
    d, e = read("tags: type=sha\ncomponents: {d: {image: d, tags: default}, e: {image: e}}\n").components
    assert (d.section.tags, e.section.tags) == ("default", "type=sha")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("image: a\ntags: type=sha\nlatest: never\n", "3:9: `latest`"),
        ("image: a\ntags: [type=sha]\nlatest: default-branch\n", "3:9: `latest`"),
        ("image: a\ntags: type=sha\nchannels: [rc]\n", "3:11: `channels`"),
        ("image: a\nevents: as-action\n", "2:9: `events`"),
        ("tags: type=sha\nlatest: never\ncomponents: {b: {image: b}}\n", "2:9: `latest`"),
        ("tags: type=sha\ncomponents: {b: {image: b, latest: never}}\n", "2:36: `latest`"),
        ("components: {b: {image: b, events: as-action}}\n", "1:36: `events`"),
    ],
)
def test_key_that_the_kind_of_tags_does_not_read_is_an_error(text: str, place: str) -> None:
    assert fails(text).message.startswith(f"shipmark.yml:{place} is read with ")


@pytest.mark.parametrize(
    "text",
    [
        "latest: never\ncomponents: {a: {image: a}, b: {image: b, tags: type=sha}}\n",
        "events: as-action\ncomponents: {a: {image: a}, b: {image: b, tags: type=sha}}\n",
        "image: a\ntags: type=sha\nlatest: auto\n",
    ],
)
def test_key_of_the_top_level_may_be_for_components_with_the_other_kind_of_tags(text: str) -> None:
    read(text)


def test_variables_are_replaced_in_images_and_arguments() -> None:
    config = read("image: ${HOST}/app\nbuild: {args: {a: '${HOST}'}}\n", HOST="ghcr.io")
    assert config.components[0].targets[0].image == "ghcr.io/app"
    assert config.components[0].build.args == {"a": "${HOST}"}  # replaced when the image is built


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("project: ${A}", "project"),
        ("labels: {a: '${A}'}", "labels.a"),
        ("annotations: {a: 'x ${A}'}", "annotations.a"),
        ("ignore_tags: [x, '${A}']", "ignore_tags[1]"),
        ("build: {context: '${A}'}", "build.context"),
        ("build: {platforms: ['${A}']}", "build.platforms[0]"),
        ("log: {store: git, ref: 'refs/${A}'}", "log.ref"),
        ("log: [{store: git, remote: '${A}'}]", "log[0].remote"),
        ("components: {x: {prefix: '${A}-'}}", "components.x.prefix"),
        ("components: {image: {labels: {image: '${A}'}}}", "components.image.labels.image"),
    ],
)
def test_variable_where_it_is_not_replaced_is_an_error(text: str, key: str) -> None:
    error = fails(f"image: a\n{text}\n", A="b")
    assert error.message.endswith(f"`${{A}}` is not replaced in `{key}`")
    assert (error.hint == "write `{{env.A}}`") == ("labels" in key or "annotations" in key)


@pytest.mark.parametrize(
    "text",
    [
        "checks: [{name: a, run: [sh, -c, 'echo ${A}']}]",
        "log: [{path: 'x/${A}'}, {store: git}]",
        "components: {x: {image: 'x/${A}'}, y: {images: ['y/${A}', {image: 'z/${A}'}]}}",
        "labels: {a: '$A $(A) ${{A}} ${A'}",
    ],
)
def test_variable_that_is_replaced_or_belongs_to_a_command_is_read(text: str) -> None:
    read(f"{'' if 'image' in text else 'image: a'}\n{text}\n", A="b")


def test_a_variable_that_is_not_set_is_an_error() -> None:
    error = fails("image: ${HOST}/app\n")
    assert "`${HOST}`" in error.message
    assert error.hint == "set HOST in the environment of this job"


def test_images_of_the_command_line_replace_those_of_the_file() -> None:
    config = load("image: file\n", "shipmark.yml", {}, images=("given",))
    assert [target.image for target in config.components[0].targets] == ["given"]


def test_missing_config_file_gives_the_defaults() -> None:
    config = load(None, None, {})
    assert config.components[0].name == "app"
    assert config.log[0].path == ".shipmark/log.jsonl"


@pytest.mark.parametrize(
    "text",
    [
        "build: {args: {GO_VERSION: 1.20, CGO: true, JOBS: 4}}",
        "labels: {major: 1, stable: false}",
        "ignore_tags: [2019, 1.0]",
        "images: [{image: r.example/b, required: false}]",
        "components: {7: {image: r.example/c, prefix: 7}}",
    ],
)
def test_schema_takes_texts_without_quotes_as_loading_does(text: str) -> None:
    whole = text if "image" in text else f"image: r.example/a\n{text}\n"
    read(whole)
    document = json.loads(json.dumps(yaml.safe_load(whole)))  # keys become texts, as in an editor
    jsonschema.Draft202012Validator(config_schema()).validate(document)


def test_schema_has_top_level_keys_and_allows_no_others() -> None:
    schema = config_schema()
    top = schema["$defs"]["ConfigFile"]
    assert top["additionalProperties"] is False
    assert {"image", "images", "build", "log", "components", "project", "reuse", "attest"} <= set(
        top["properties"]
    )


@given(st.text())
def test_any_text_is_a_config_or_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert load(text, "shipmark.yml", {}).components


def test_pattern_of_calendar_versions_at_the_top_level_may_be_for_one_component() -> None:
    text = "bump: {calver: YYYY.MM}\ncomponents: {a: {image: a, versions: calver}, b: {image: b}}\n"
    assert [one.section.versions for one in read(text).components] == ["calver", "semver"]


@given(st.text(alphabet="${}ABab_ ", max_size=30))
def test_expand_replaces_variables_or_raises_a_config_error(text: str) -> None:
    with contextlib.suppress(ConfigError):
        assert "${A}" not in expand(text, {"A": "x", "B": "y"}, key="x")


def test_variable_with_bytes_that_are_not_utf_8_is_refused() -> None:
    assert fails("image: ghcr.io/${A}/x\n", A="f\udcfcr").message == (
        "shipmark.yml:1:8: `image` takes `${A}`, which has bytes that are not UTF-8"
    )


def test_log_may_be_a_list_of_stores() -> None:
    config = read("log: [git, {store: file, path: copy.jsonl}]\n")
    assert [(one.store, one.path) for one in config.log][1] == ("file", "copy.jsonl")
    assert config.log[0].store == "git"
    error = fails("log: [gti]\n")
    assert error.message == "shipmark.yml:1:7: `gti` is not a log store"

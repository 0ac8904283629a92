"""Every template gives a Dockerfile that parses and an ignore file that fits it."""

from __future__ import annotations

import re

import pytest

from release.build.dockerfile.instructions import Add, Arg, Cmd, Copy, Entrypoint, Run, User
from release.build.dockerfile.parser import parse
from release.build.dockerfile.templates.render import Rendered, render
from release.build.dockerfile.templates.texts import TEMPLATES
from release.build.ignore import parse_ignore
from release.errors import ConfigError

DIGEST = "sha256:" + "ab" * 32
SECRETS = (".git/config", ".env", "src/.env.local", "dist/tls.key", "deep/down/server.pem")
each_template = pytest.mark.parametrize("name", TEMPLATES)


def pinned(name: str) -> Rendered:
    bases: dict[str, str] = {
        stage: f"{image}@{DIGEST}" for stage, image in TEMPLATES[name].bases.items() if image != "scratch"
    }
    return render(name, bases=bases)


@each_template
def test_dockerfile_of_a_template_parses_and_leaves_no_placeholder(name: str) -> None:
    text = render(name).dockerfile
    assert parse(text).stages
    assert re.findall(r"@[A-Z]+@", text) == []
    assert render(name) == render(name)


@each_template
def test_templates_run_the_program_as_a_numeric_user_and_in_exec_form(name: str) -> None:
    last = parse(render(name).dockerfile).stages[-1]
    assert [one.user for one in last.instructions if isinstance(one, User)] == ["65532:65532"]
    commands = [one.command for one in last.instructions if isinstance(one, Entrypoint | Cmd)]
    assert {command.form for command in commands} <= {"exec"}


@each_template
def test_templates_declare_the_version_after_all_steps_that_do_not_need_it(name: str) -> None:
    stages = parse(render(name).dockerfile).stages
    (stage,) = [one for one in stages if any("VERSION" in _names(each) for each in one.instructions)]
    at = next(n for n, one in enumerate(stage.instructions) if "VERSION" in _names(one))
    assert all("$VERSION" in one.text for one in stage.instructions[at + 1 :] if isinstance(one, Run))
    assert not any(isinstance(one, Copy | Add) for one in stage.instructions[at + 1 :])


def _names(instruction: object) -> tuple[str, ...]:
    return instruction.names if isinstance(instruction, Arg) else ()


@each_template
def test_templates_download_into_cache_mounts(name: str) -> None:
    runs = [one for stage in parse(render(name).dockerfile).stages for one in stage.instructions]
    fetching = [
        one for one in runs if isinstance(one, Run) and re.search(r"npm ci|pip install|mvn|go ", one.text)
    ]
    assert all((one.flag("mount") or "").startswith("type=cache") for one in fetching)
    assert bool(fetching) == ("# syntax=docker/dockerfile:1\n" in render(name).dockerfile)


@each_template
def test_ignore_file_of_a_template_includes_what_is_copied_and_excludes_secrets(name: str) -> None:
    rendered = render(name)
    ignore = parse_ignore(rendered.ignore)
    assert [path for path in (*SECRETS, "unknown.bin") if not ignore.excludes(path)] == []
    copies = [one for stage in parse(rendered.dockerfile).stages for one in stage.instructions]
    sources = [
        path for one in copies if isinstance(one, Copy) and one.flag("from") is None for path in one.sources
    ]
    plain = [path.rstrip("/").rstrip("*") for path in sources if path != "." and "$" not in path]
    assert [path for path in plain if ignore.excludes(path)] == []
    assert sources


@each_template
def test_given_digests_replace_the_tags_of_base_images_and_the_advice_to_pin_them(name: str) -> None:
    rendered = pinned(name)
    assert all(base.pinned for base in rendered.bases)
    assert "Pin the base" not in rendered.dockerfile
    bases = [stage.base.image for stage in parse(rendered.dockerfile).stages]
    assert all(image == "scratch" or image.endswith(DIGEST) for image in bases)


@pytest.mark.parametrize("name", ["go", "python", "node", "java"])
def test_template_without_digests_contains_the_advice_to_pin_its_base_images(name: str) -> None:
    rendered = render(name)
    assert "Pin the base images: `shipmark image digest IMAGE`" in rendered.dockerfile
    assert "sha256:" not in rendered.dockerfile.replace("IMAGE@sha256:…", "")
    assert {base.pinned for base in rendered.bases} == {False}


@pytest.mark.parametrize(
    "name", ['a"]', "a b", "a\nUSER root", "$HOME", "`id`", "../up", "A", "", "a" * 64, "-x"]
)
def test_invalid_program_name_for_a_template_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name the program"):
        render("go", name=name)


@pytest.mark.parametrize(
    ("bases", "message"),
    [
        ({"run": "alpine:3.20"}, "is not an image with a digest"),
        ({"run": "alpine@sha256:abc"}, "is not an image with a digest"),
        ({"run": f"alpine\nRUN id@{DIGEST}"}, "is not an image with a digest"),
        ({"test": f"alpine@{DIGEST}"}, "has no stage `test`"),
        ({"build": f"alpine@{DIGEST}"}, "has no stage `build`"),
    ],
)
def test_base_given_to_a_template_without_a_digest_or_without_a_stage_is_refused(
    bases: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        render("static", bases=bases)
    assert caught.value.hint


def test_unknown_template_is_refused_with_the_list_of_templates() -> None:
    with pytest.raises(ConfigError) as caught:
        render("rust")
    assert "go, python, node, java, static, binary" in str(caught.value.hint)


def test_python_template_replaces_dashes_in_the_module_name() -> None:
    assert '["python", "-m", "my_app"]' in render("python", name="my-app").dockerfile

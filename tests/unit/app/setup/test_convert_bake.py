"""Targets of bake files as options of `build:`, compared with what buildx makes of them."""

from __future__ import annotations

import pytest

from release.app.setup.init.convert.bake_options import bake_section
from release.app.setup.init.convert.model import CannotConvert
from release.app.setup.workflows.model import parse_workflow

BAKE = """
group "default" { targets = ["app"] }
target "base" {
  args = { A = "1", B = "2" }
  contexts = { one = "docker-image://alpine" }
  cache-from = ["type=gha"]
  secret = ["id=a,env=A", "id=b,env=B"]
  platforms = ["linux/amd64"]
}
target "app" {
  inherits = ["base"]
  args = { B = 1.50, C = true }
  contexts = { two = "./x" }
  cache-from = [{ type = "registry", ref = "x/y" }]
  secret = ["id=b,env=C"]
  platforms = ["linux/arm64"]
}
"""


def baked(text: str, path: str = "docker-bake.hcl", **more: str) -> dict[str, object]:
    steps = "jobs:\n  j:\n    steps:\n      - uses: docker/bake-action@v7\n"
    step = parse_workflow("w.yml", steps).jobs[0].steps[0]
    return bake_section(step, {path: text, **more})[0]


def test_bake_target_adds_to_what_it_inherits_as_buildx_does() -> None:
    # `docker buildx bake --print` of buildx 0.38.2 prints these values.
    assert baked(BAKE) == {
        "args": {"A": "1", "B": "1.5", "C": "true"},
        "contexts": {"one": "docker-image://alpine", "two": "./x"},
        "cache_from": ["type=gha", "type=registry,ref=x/y"],
        "secrets": ["id=a,env=A", "id=b,env=C"],
        "platforms": ["linux/arm64"],
    }
    twice = 'target "default" { args = { A = "1", B = "2" } }\ntarget "default" { args = { A = "3" } }\n'
    assert baked(twice) == {"args": {"A": "3", "B": "2"}}
    json_file = '{"target": {"default": {"args": {"A": true, "B": 1.0, "C": "c"}}}}'
    assert baked(json_file, "docker-bake.json") == {"args": {"A": "true", "B": "1", "C": "c"}}


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ('context = "api"', {"context": "api", "dockerfile": "api/Dockerfile"}),
        ('context = "./api/"\n  dockerfile = "d/F"', {"context": "api", "dockerfile": "api/d/F"}),
        ('context = "api"\n  dockerfile = "../Dockerfile"', {"context": "api"}),
        ('context = "./"\n  dockerfile = "./F"', {"dockerfile": "F"}),
    ],
)
def test_dockerfile_of_a_bake_target_is_in_its_context(text: str, build: dict[str, object]) -> None:
    assert baked(f'target "default" {{\n  {text}\n}}\n') == build


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('args = { A = "\\d" }', "is not a text"),
        ("args = { A = null }", "is not a value"),
        ('args = { A = "{{version}}" }', "would replace `{{`"),
        ('dockerfile-inline = "FROM scratch"', "the target has `dockerfile-inline`"),
        ('matrix = { a = ["b"] }', "the target has `matrix`"),
        ('context = "https://example.org/a.git"', "is not a folder of the checkout"),
        ('contexts = { base = "target:base" }', "is another target"),
        ('args = ["A=1"]', "`args` is not a mapping"),
        ('ssh = [{ id = "k", paths = ["/x"] }]', "a list has lists in it"),
    ],
)
def test_bake_target_that_the_config_cannot_say_keeps_the_job_as_it_is(text: str, why: str) -> None:
    with pytest.raises(CannotConvert, match=why):
        baked(f'target "default" {{\n  {text}\n}}\n')


def test_bake_files_that_buildx_merges_keep_the_job_as_it_is() -> None:
    plain = 'target "default" {}\n'
    with pytest.raises(
        CannotConvert, match=r"several bake files, `docker-bake[.]hcl` and `docker-bake[.]over"
    ):
        baked(plain, **{"docker-bake.override.hcl": plain})
    with pytest.raises(CannotConvert, match="is a template"):
        baked('{"target": {"default": {"args": {"A": "${B}"}}}}', "docker-bake.json")

"""The command lines of buildx and buildctl: their options, and where values of build arguments are passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from release.build.buildkit.lay_out import lay_out
from release.build.buildkit.request import Call, Request, buildctl_call, buildx_call, output_option
from release.build.extras.options import Extras, Secret
from release.build.task_input import read_input
from release.control import Cancel
from tests.support.releases.builds import build_of

VALUE = "sesame-open-8472"


def request(**more: Any) -> Request:
    return Request(
        **{
            "context": "/w/context",
            "dockerfile_folder": "/w/dockerfile",
            "dockerfile": "Dockerfile",
            "output": "/w/image",
            "created": 7,
            **more,
        }
    )


def both(wanted: Request, env: dict[str, str] | None = None) -> list[Call]:
    return [
        buildx_call("/bin/buildx", None, wanted, env or {}),
        buildctl_call("/bin/buildctl", wanted, env or {}, takes_variables=True),
    ]


def test_buildx_command_line_has_the_options_of_the_request() -> None:
    call = buildx_call(
        "/bin/buildx", "mine", request(target="t", platforms=("linux/amd64", "linux/arm64")), {}
    )
    assert call.argv == (
        *("/bin/buildx", "build", "--progress=rawjson", "--builder", "mine"),
        *("--file", "/w/dockerfile/Dockerfile", "--output", output_option(request())),
        *("--provenance=false", "--sbom=false", "--platform", "linux/amd64,linux/arm64", "--target", "t"),
        *("--build-arg", "SOURCE_DATE_EPOCH", "/w/context"),
    )
    assert call.env == {"SOURCE_DATE_EPOCH": "7"}


def test_buildctl_command_line_has_the_options_of_the_request() -> None:
    call = buildctl_call("/bin/buildctl", request(target="t"), {}, takes_variables=True)
    assert call.argv == (
        *("/bin/buildctl", "build", "--progress=rawjson", "--frontend=dockerfile.v0"),
        *("--local", "context=/w/context", "--local", "dockerfile=/w/dockerfile"),
        *("--opt", "filename=Dockerfile", "--opt", "target=t", "--opt", "build-arg:SOURCE_DATE_EPOCH"),
        *("--output", output_option(request())),
    )


def test_value_of_an_ordinary_build_argument_is_passed_in_the_environment_only() -> None:
    for call in both(request(args={"TOKEN": VALUE})):
        assert VALUE not in " ".join(call.argv)
        assert call.env["TOKEN"] == VALUE
        assert VALUE not in repr(call)
    assert VALUE not in repr(request(args={"TOKEN": VALUE}))


@pytest.mark.parametrize("name", ["PATH", "HTTPS_PROXY", "https_proxy", "LD_PRELOAD", "DOCKER_HOST", "HELD"])
def test_build_argument_named_like_a_variable_of_the_program_is_passed_as_an_option(name: str) -> None:
    for call in both(request(args={name: VALUE}), {"HELD": "by somebody"}):
        assert name not in call.env
        assert any(word.endswith(f"{name}={VALUE}") for word in call.argv)


def test_older_buildctl_gets_argument_values_on_its_command_line() -> None:
    call = buildctl_call("/bin/buildctl", request(args={"A": "1"}), {}, takes_variables=False)
    assert "build-arg:A=1" in call.argv
    assert call.env == {}


def test_buildkit_only_options_are_on_the_command_lines_of_buildx_and_buildctl() -> None:
    extras = Extras(
        secrets=(Secret(name="a", variable="A"), Secret(name="b", path="/x,y")),
        ssh=("default",),
        cache_from=("type=gha",),
        cache_to=("type=local,dest=/c",),
        contexts={"base": "docker-image://alpine"},
    )
    wanted = request(extras=extras, folders={"lib": "/w/lib"}, network="host", provenance="max", sbom=True)
    buildx, buildctl = (" ".join(call.argv) for call in both(wanted))
    for text in ("--secret id=a,env=A", '--secret id=b,"src=/x,y"', "--ssh default", "--allow network.host"):
        assert text in buildx
        assert text in buildctl
    assert "--cache-from type=gha --cache-to type=local,dest=/c" in buildx
    assert "--import-cache type=gha --export-cache type=local,dest=/c" in buildctl
    assert "--build-context base=docker-image://alpine --build-context lib=/w/lib --network host" in buildx
    assert "--local lib=/w/lib" in buildctl
    assert "--opt context:base=docker-image://alpine --opt context:lib=local:lib" in buildctl
    assert "--provenance=mode=max --sbom=true" in buildx
    assert "--opt attest:provenance=mode=max --opt attest:sbom=" in buildctl


def test_annotations_are_set_on_the_image_and_on_the_index_if_there_is_one() -> None:
    one = output_option(request(annotations={"a": '1,"2"'}))
    assert one.endswith(',"annotation.a=1,""2"""')
    assert "annotation-index" not in one
    for more in ({"platforms": ("linux/amd64", "linux/arm64")}, {"provenance": "min"}, {"sbom": True}):
        assert "annotation-index.a=1" in output_option(request(annotations={"a": "1"}, **more))


def test_output_option_of_a_push_by_digest_replaces_that_of_the_layout() -> None:
    pushing = request(pushed_to="r.example/acme/app", metadata="/w/m.json", annotations={"a": "b"})
    fields = output_option(pushing).split(",")
    assert fields[:5] == [
        *("type=image", "name=r.example/acme/app", "push=true", "push-by-digest=true", "store=false")
    ]
    # The rest is the layout's, so that both ways give one digest.
    assert fields[5:] == output_option(request(annotations={"a": "b"})).split(",")[3:]
    for call in both(pushing):
        assert call.argv[call.argv.index("--metadata-file") + 1] == "/w/m.json"
    insecure = request(pushed_to="r.example/acme/app", is_insecure=True)
    assert "registry.insecure=true" in output_option(insecure).split(",")


@pytest.mark.parametrize(
    ("compression", "fields"),
    [
        ("gzip", ["compression=gzip", "compression-level=1"]),
        ("gzip-reproducible", ["compression=gzip"]),
        ("zstd", ["compression=zstd"]),
    ],
)
def test_only_the_fast_gzip_has_a_level_of_its_own(
    tmp_path: Path, compression: str, fields: list[str]
) -> None:
    root, folder = tmp_path / "root", tmp_path / "folder"
    root.mkdir()
    folder.mkdir()
    (root / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    wanted = build_of(root, compression=compression)
    laid_out = lay_out(read_input(wanted.task, wanted.values), Extras(), str(folder), Cancel())
    words = output_option(laid_out).split(",")
    assert [word for word in words if word.startswith("compression")] == fields

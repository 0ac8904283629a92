"""The command lines of `buildx build` and `buildctl build`. Pure: one request, two front ends.

Values of build arguments go through the environment of the program and not through its command line, which every user
of the machine can read. Names that the program itself reads from its environment are the exception.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from release.build.extras.options import Extras, csv
from release.lazy_pattern import pattern

#: Variables that change what the programs do: their values cannot be those of build arguments.
_OWN = pattern(
    r"PATH|HOME|TMPDIR|USER|LANG|LC_.*|LD_.*|DYLD_.*|XDG_.*|(HTTP|HTTPS|NO|ALL|FTP)_PROXY|SSL_.*|SSH_.*|GIT_.*|GO.*"
    r"|DOCKER_.*|BUILDX_.*|BUILDKIT_.*|BUILDCTL_.*|KUBE.*|AWS_.*|ACTIONS_.*|OTEL_.*|EXPERIMENTAL_.*|NO_COLOR|TZ",
    re.IGNORECASE,
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One build, as both front ends need it; folders are absolute paths.

    `context`, `dockerfile_folder`, `output`: the context, the Dockerfile's folder, where the image goes.
    `folders`: named contexts. `created`: the commit's time, in seconds. `loaded_as`: the name for the image in the
    docker daemon, for builders that write no layouts. `pushed_to`: the repository to which BuildKit pushes the image by
    digest, in place of `output`; `is_insecure`: its host may speak plain http, and its certificate is not verified.
    `metadata`: the file in which the program names the digest. `level`: of `compression`; None: BuildKit's own.
    """

    context: str
    dockerfile_folder: str
    dockerfile: str
    output: str
    created: int
    labels: Mapping[str, str] = {}
    annotations: Mapping[str, str] = {}
    args: Mapping[str, str] = {}
    platforms: tuple[str, ...] = ()
    target: str | None = None
    network: Literal["default", "none", "host"] = "default"
    provenance: Literal["none", "min", "max"] = "none"
    sbom: bool = False
    compression: Literal["gzip", "zstd"] = "gzip"
    level: int | None = None
    folders: Mapping[str, str] = {}
    extras: Extras = Extras()
    loaded_as: str | None = None
    pushed_to: str | None = None
    is_insecure: bool = False
    metadata: str | None = None

    def __repr__(self) -> str:
        """Only the path of the build context, so that no value of a build argument is shown."""
        return f"Request({self.context!r})"


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A command line, and the environment variables to set for it.

    Do not print a call: its variables hold values of build arguments.
    """

    argv: tuple[str, ...]
    env: Mapping[str, str]

    def __repr__(self) -> str:
        """The name of the program only, since its arguments may hold values of build arguments."""
        return f"Call({self.argv[0]!r})"


def buildx_call(program: str, builder: str | None, request: Request, env: Mapping[str, str]) -> Call:
    """`buildx build`. `builder`: its name, None for the current one. `env`: the variables that are set."""
    extras = request.extras
    texts, variables = _arguments(request, env)
    argv = [program, "build", "--progress=rawjson"]
    argv += ["--builder", builder] if builder is not None else []
    argv += ["--file", f"{request.dockerfile_folder}/{request.dockerfile}"]
    if request.loaded_as is None:
        argv += ["--output", output_option(request)]
    else:
        argv += ["--load", "--tag", request.loaded_as]
    argv += [f"--provenance={_buildx_provenance(request)}", f"--sbom={str(request.sbom).lower()}"]
    argv += _each("--platform", [",".join(request.platforms)] if request.platforms else [])
    argv += _each("--target", [request.target] if request.target else [])
    argv += _each("--label", _pairs(request.labels))
    argv += _each("--build-arg", texts)
    argv += _each("--metadata-file", [request.metadata] if request.metadata else [])
    argv += _each("--secret", [secret.option for secret in extras.secrets])
    argv += _each("--ssh", extras.ssh)
    argv += _each("--cache-from", extras.cache_from)
    argv += _each("--cache-to", extras.cache_to)
    argv += _each("--build-context", _pairs({**extras.contexts, **request.folders}))
    if request.network != "default":
        argv += ["--network", request.network]
    argv += _allowed(request)
    return Call(argv=(*argv, request.context), env=variables)


def buildctl_call(program: str, request: Request, env: Mapping[str, str], *, takes_variables: bool) -> Call:
    """`buildctl build`. `takes_variables`: this version takes build arguments from its environment."""
    extras = request.extras
    texts, variables = _arguments(request, env)
    if not takes_variables:
        texts, variables = _pairs({**request.args, **_epoch(request)}), {}
    opts = {"filename": request.dockerfile}
    opts |= {"platform": ",".join(request.platforms)} if request.platforms else {}
    opts |= {"target": request.target} if request.target else {}
    opts |= {f"label:{name}": text for name, text in request.labels.items()}
    opts |= {"force-network-mode": request.network} if request.network != "default" else {}
    opts |= {f"context:{name}": text for name, text in extras.contexts.items()}
    opts |= {f"context:{name}": f"local:{name}" for name in request.folders}
    opts |= {"attest:provenance": f"mode={request.provenance}"} if request.provenance != "none" else {}
    opts |= {"attest:sbom": ""} if request.sbom else {}
    folders = {"context": request.context, "dockerfile": request.dockerfile_folder, **request.folders}
    argv = [program, "build", "--progress=rawjson", "--frontend=dockerfile.v0"]
    argv += _each("--local", _pairs(folders))
    argv += _each("--opt", [*_pairs(opts), *(f"build-arg:{text}" for text in texts)])
    argv += ["--output", output_option(request)]
    argv += _each("--metadata-file", [request.metadata] if request.metadata else [])
    argv += _each("--secret", [secret.option for secret in extras.secrets])
    argv += _each("--ssh", extras.ssh)
    argv += _each("--import-cache", extras.cache_from)
    argv += _each("--export-cache", extras.cache_to)
    return Call(argv=(*argv, *_allowed(request)), env=variables)


def output_option(request: Request) -> str:
    """The text of `--output`: an OCI layout in a folder, or a push by digest. buildx and buildctl read it alike."""
    has_index = len(request.platforms) > 1 or request.provenance != "none" or request.sbom
    kinds = ("annotation", "annotation-index") if has_index else ("annotation",)
    annotations = [f"{kind}.{name}={text}" for kind in kinds for name, text in request.annotations.items()]
    return csv(
        [
            *_place(request),
            "oci-mediatypes=true",
            "rewrite-timestamp=true",
            f"compression={request.compression}",
            *([f"compression-level={request.level}"] if request.level is not None else []),
            *annotations,
        ]
    )


def _place(request: Request) -> list[str]:
    if request.pushed_to is None:
        return ["type=oci", f"dest={request.output}", "tar=false"]
    # `store=false`: a worker with an image store, as in containerd, would keep the image under its name.
    place = ["type=image", f"name={request.pushed_to}", "push=true", "push-by-digest=true", "store=false"]
    return [*place, "registry.insecure=true"] if request.is_insecure else place


def _arguments(request: Request, env: Mapping[str, str]) -> tuple[list[str], dict[str, str]]:
    """The texts of build arguments, and the variables that hold their values."""
    texts, variables = [], {}
    for name, value in {**_epoch(request), **request.args}.items():
        if _OWN.fullmatch(name) or env.get(name, value) != value or "\0" in value:
            texts.append(f"{name}={value}")
        else:
            texts.append(name)
            variables[name] = value
    return texts, variables


def _epoch(request: Request) -> dict[str, str]:
    return {"SOURCE_DATE_EPOCH": str(request.created)}


def _buildx_provenance(request: Request) -> str:
    return "false" if request.provenance == "none" else f"mode={request.provenance}"


def _allowed(request: Request) -> list[str]:
    return ["--allow", "network.host"] if request.network == "host" else []


def _pairs(values: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in values.items()]


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]

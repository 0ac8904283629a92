"""Each variable and file that holds a credential, in a run whose image names an outsider's host."""

from __future__ import annotations

import base64
import json

from tests.integration.hostile.scene import Case, Scene, secret_of

_SECRET = secret_of("EXTRA")
_AUTH = base64.b64encode(f"u:{_SECRET}".encode()).decode()
_IMAGE = "image: '@LISTENER@/acme/app'\nbuild: {builder: layers}\n"
_LOG = "image: oci:dist/image\nbuild: {builder: layers}\n"

#: Name -> a value that holds the secret. None of these credentials is for the listener's host.
VARIABLES = {
    "SHIPMARK_REGISTRY_GHCR_IO_TOKEN": _SECRET,
    "SHIPMARK_REGISTRY_127_0_0_2_TOKEN": _SECRET,
    "SHIPMARK_REGISTRY_127_0_0_1_TOKEN": _SECRET,
    "SHIPMARK_REGISTRY_127_0_0_1_PASSWORD": _SECRET,
    "SHIPMARK_REGISTRY_127__0__0__1___@PORT@_TOKEN": _SECRET,
    "SHIPMARK_REGISTRY_127_0_0_1__@PORT@_TOKEN": _SECRET,
    "SHIPMARK_LOG_TOKEN": _SECRET,
    "SHIPMARK_LOG_URL": f"postgresql://u:{_SECRET}@127.0.0.1:@PORT@/x",
    "DOCKER_AUTH_CONFIG": json.dumps({"auths": {"127.0.0.1": {"auth": _AUTH}}}),
    "AWS_ACCESS_KEY_ID": _SECRET,
    "AWS_WEB_IDENTITY_TOKEN_FILE": "@HOME@/.bashrc",
    "GIT_ASKPASS": "@TRAP@",
    "SSH_ASKPASS": "@TRAP@",
    "GITHUB_TOKEN": _SECRET,
    "HTTPS_PROXY": f"http://u:{_SECRET}@127.0.0.1:1",
    "GIT_CONFIG_PARAMETERS": f"'http.extraheader=Authorization: {_SECRET}'",
}


#: Each variable meets every command at least once. `run` makes the plan that `preview` prints, and opens the log, so
#: both a push and a fork run it, and read the log. `tags` and `version` make one decision offline; `image inspect`
#: reads a folder, whoever triggered it.
_OF_A_PUSH = ("tags", "preview", "log list", "run")
_OF_A_FORK = ("version", "log list", "image inspect", "run")


def _registry_files(scene: Scene) -> None:
    for name in ("docker", "podman"):
        folder = scene.runner / name
        folder.mkdir()
        (folder / "config.json").write_text(
            json.dumps({"auths": {"127.0.0.1": {"auth": _AUTH}, "ghcr.io": {"auth": _AUTH}}})
        )


def _auth_for_listener(scene: Scene) -> None:
    folder = scene.runner / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {scene.listener.address: {"auth": _AUTH}}}))


CASES = (
    *(
        Case(
            f"variable-{name.replace('@PORT@', 'port')}-{'fork' if fork else 'push'}",
            config=_IMAGE,
            env={name: value},
            fork=fork,
            commands=_OF_A_FORK if fork else _OF_A_PUSH,
        )
        for name, value in VARIABLES.items()
        for fork in (False, True)
    ),
    Case(
        "auth-file-of-other-hosts",
        config=_IMAGE,
        after=_registry_files,
        env={"DOCKER_CONFIG": "@RUNNER@/docker", "REGISTRY_AUTH_FILE": "@RUNNER@/podman/config.json"},
    ),
    # The host's own credential is for those who may push there, not for a fork.
    Case(
        "own-credential-and-a-fork",
        config=_IMAGE,
        fork=True,
        env={
            "SHIPMARK_REGISTRY_127_0_0_1___@PORT@_TOKEN": _SECRET,
            "SHIPMARK_REGISTRY_127_0_0_1_@PORT@_TOKEN": _SECRET,
        },
    ),
    Case(
        "own-auth-file-and-a-fork",
        config=_IMAGE,
        fork=True,
        after=_auth_for_listener,
        env={"DOCKER_CONFIG": "@RUNNER@/docker"},
    ),
    Case(
        "log-token-and-a-forks-remote",
        config=_LOG + "log: {store: git, remote: 'http://@LISTENER@/x.git'}\n",
        fork=True,
    ),
    Case(
        "log-url-and-a-fork",
        config=_LOG + "log: {store: sql}\n",
        fork=True,
        env={"SHIPMARK_LOG_URL": f"postgresql://u:{_SECRET}@@LISTENER@/x"},
    ),
)

"""Commands in shell form, where buildah built on a base image that names another shell."""

from __future__ import annotations

import json

import pytest

from release.build.buildah.base_shell import require_shell_of_base
from release.build.dockerfile.parser import parse
from release.errors import BuildError

WRAPPED = ["/bin/sh", "-c", "y"]


@pytest.mark.parametrize(
    ("text", "runtime", "message", "hint"),
    [
        (
            "FROM a\nCMD y\n",
            {"Shell": ["/q", "-c"], "Cmd": WRAPPED},
            "F:2: buildah 1.28 does not apply the `SHELL` of the base to `CMD`",
            'write `CMD ["/q", "-c", "…"]`',
        ),
        (
            "FROM a AS one\nENTRYPOINT x\nENTRYPOINT y\nFROM one\n",
            {"Shell": ["/q"], "Entrypoint": WRAPPED},
            "F:3: buildah 1.28 does not apply the `SHELL` of the base to `ENTRYPOINT`",
            'write `ENTRYPOINT ["/q", "…"]`',
        ),
    ],
)
def test_a_command_that_buildah_did_not_give_to_the_shell_of_the_base_is_refused(
    text: str, runtime: dict[str, list[str]], message: str, hint: str
) -> None:
    with pytest.raises(BuildError) as caught:
        require_shell_of_base(
            json.dumps({"config": runtime}).encode(), parse(text, "F"), None, "buildah 1.28"
        )
    assert (caught.value.message, caught.value.hint) == (message, hint)


@pytest.mark.parametrize(
    ("text", "runtime"),
    [
        ("FROM a\nCMD y\n", {"Cmd": WRAPPED}),
        ("FROM a\nCMD y\n", {"Shell": ["/bin/sh", "-c"], "Cmd": WRAPPED}),
        ("FROM a\nCMD y\n", {"Shell": ["/q"], "Cmd": ["/q", "y"]}),
        ("FROM a\n", {"Shell": ["/q"], "Cmd": WRAPPED}),
        ('FROM a\nCMD y\nCMD ["/bin/sh", "-c", "y"]\n', {"Shell": ["/q"], "Cmd": WRAPPED}),
        ('FROM a\nCMD y\nSHELL ["/q"]\n', {"Shell": ["/q"], "Cmd": WRAPPED}),
    ],
)
def test_a_command_that_runs_in_the_right_shell_is_built(text: str, runtime: dict[str, list[str]]) -> None:
    config = json.dumps({"config": runtime}).encode()
    refused = []
    try:
        require_shell_of_base(config, parse(text, "F"), None, "buildah 1.28")
    except BuildError as error:
        refused.append(error.message)
    assert refused == []

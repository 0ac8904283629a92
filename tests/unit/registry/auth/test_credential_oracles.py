"""The credential found in each case of a table, beside the answers of crane (Docker's rules) and skopeo (podman's)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from release.errors import ReleaseError
from release.ports import Completed
from release.registry.auth.keychain import Credentials
from tests.support.conformance import table
from tests.support.registries.credential_cases import HELPERS, cases

TABLE: list[dict[str, Any]] = table("credentials")["cases"]
_ROOT = "/case"


class Programs:
    """The table's credential helpers."""

    def run(self, argv: Sequence[str], **_: Any) -> Completed:
        text, code = HELPERS[argv[0].removeprefix("docker-credential-")]
        return Completed(code=code, stdout=text.encode(), stderr=b"")


def ours(case: Mapping[str, Any]) -> tuple[list[str] | None, list[str]]:
    """Return user name and secret as a list, as in crane's answer, or None; and the warnings."""
    files = {
        f"{_ROOT}/{path}": (text if isinstance(text, str) else json.dumps(text)).encode()
        for path, text in case["files"].items()
    }
    env = {"HOME": f"{_ROOT}/home", "XDG_RUNTIME_DIR": f"{_ROOT}/run"}
    env |= {name: f"{_ROOT}/{path}" for name, path in case["env"].items()}
    notes: list[str] = []
    credentials = Credentials(env=env, read=files.get, process=Programs(), notice=notes.append)
    try:
        found = credentials.find(case["registry"], case["repository"])
    except ReleaseError:
        return ["error"], notes
    if found.kind == "anonymous":
        return None, notes
    if found.kind == "bearer":
        return ["", ""], notes
    return ["<token>" if found.kind == "identity" else found.username, found.secret], notes


def test_table_of_credentials_has_every_case_of_credential_cases() -> None:
    asked = [
        {name: value for name, value in case.items() if name not in {"crane", "skopeo"}} for case in TABLE
    ]
    assert asked == list(cases())
    assert len(asked) >= 100


# Where the answer differs from an oracle's on purpose: the reason, and the cases as a regular expression.
# docs/registries.md says the same for users.
DOCKER_LACKS = {
    "Docker finds the Hub under one key alone": r"key (https?://)?((index|registry-1)\.)?docker\.io\S* for docker\.io",
    "a key with a path counts for that path, as in podman": r"key \S+/other for .*|keys (ghcr|docker)\.io/acme and .*",
    "Docker reads no podman file beside its own": r"docker's file for another host|docker's file: .*, beside podman's",
    "Docker reads no .dockercfg any more": r"the old \.dockercfg",
    "an entry is used where the store has nothing, as in podman": r"credsStore none beside an entry alone",
    "crane stops at a broken file; Docker warns and goes on": r"docker's file: (not JSON|a list|auth.*|an entry .*)",
}
PODMAN_LACKS = {
    "a URL whose scheme was left out, as Docker reads it": r"key \S+/(v1/|v2/)? for .*",
    "Docker's members of an entry": r"entry with (user name and password|an identity token.*|a registry token)",
    "Docker's file comes first": r"docker's file beside .*",
    "podman knows no credsStore, no helper for the Hub's URL, no helper's token": r"cred\S+ (good|token).*",
    "skopeo stops at a broken file; podman's own files are read all the same": r"docker's file: .*",
}
# Neither oracle has the answer: a Hub URL whose scheme was left out, and files at which both stop.
ALONE = r"key (index\.)?docker\.io/(v1/|v2/)? for docker\.io|docker's file: [^,]*"


def reason(reasons: Mapping[str, str], name: str) -> str | None:
    """Return the reason that is listed for a difference in the case `name`, or None."""
    return next((why for why, cases_ in reasons.items() if re.fullmatch(cases_, name)), None)


@pytest.mark.parametrize("case", TABLE, ids=[case["name"] for case in TABLE])
def test_credential_is_that_of_docker_or_podman_or_the_reason_is_known(case: Mapping[str, Any]) -> None:
    found, _ = ours(case)
    name = str(case["name"])
    like_crane = found == case["crane"]
    like_skopeo = (found and found[0]) == case["skopeo"]
    assert like_crane or reason(DOCKER_LACKS, name), (found, case["crane"])
    assert like_skopeo or reason(PODMAN_LACKS, name), (found, case["skopeo"])
    assert like_crane or like_skopeo or re.fullmatch(ALONE, name), (found, case["crane"], case["skopeo"])


@pytest.mark.parametrize(
    "case",
    [case for case in TABLE if case["name"].startswith("docker's file: ")],
    ids=lambda case: case["name"],
)
def test_broken_docker_config_file_is_named_in_a_warning_and_other_files_are_read(
    case: Mapping[str, Any],
) -> None:
    found, notes = ours(case)
    assert found == (["u", "p"] if "beside" in case["name"] else None)
    harmless = any(word in case["name"] for word in ("empty", "spaces", "null"))
    assert [f"{_ROOT}/home/.docker/config.json" in note for note in notes] == ([] if harmless else [True])


def test_tried_credential_sources_are_listed_in_order_with_their_results() -> None:
    case = next(one for one in TABLE if one["name"] == "docker's file for another host")
    files = {f"{_ROOT}/{path}": json.dumps(text).encode() for path, text in case["files"].items()}
    env = {"HOME": f"{_ROOT}/home", "XDG_RUNTIME_DIR": f"{_ROOT}/run"}
    credentials = Credentials(env=env, read=files.get, process=Programs())
    assert [(one.place, one.found) for one in credentials.tried("ghcr.io", "acme/app")] == [
        ("variables `SHIPMARK_REGISTRY_GHCR_IO_TOKEN`, `…_PASSWORD`", "not set"),
        ("`/case/home/.docker/config.json`", "nothing for this registry"),
        ("`/case/run/containers/auth.json`", "key `ghcr.io`"),
    ]
    assert credentials.find("ghcr.io", "acme/app").key == "ghcr.io"


def test_podmans_file_is_found_without_a_runtime_folder() -> None:
    files = {"/run/containers/1000/auth.json": json.dumps({"auths": {"ghcr.io": {"auth": "dTpw"}}}).encode()}
    credentials = Credentials(env={"HOME": "/h"}, read=files.get, process=Programs(), uid=1000)
    assert credentials.find("ghcr.io", "acme/app").username == "u"

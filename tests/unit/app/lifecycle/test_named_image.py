"""The image that a version, a git tag, a digest or a reference on the command line means."""

from __future__ import annotations

from pathlib import Path

import pytest

from release.app.lifecycle.named_image import reference_of
from release.app.session import Session
from release.app.settings import Settings
from release.errors import ConfigError

DIGEST = f"sha256:{'a' * 64}"
ONE = "image: ghcr.io/acme/app\n"
TWO = """
components:
  api: {image: ghcr.io/acme/api, prefix: api/, paths: [api]}
  web: {image: ghcr.io/acme/web, prefix: web/, paths: [web]}
"""


def session(folder: Path, config: str, component: str | None = None) -> Session:
    (folder / "shipmark.yml").write_text(config)
    return Session(Settings(directory=str(folder), component=component))


@pytest.mark.parametrize(
    ("config", "text", "reference"),
    [
        (ONE, "1.4.2", "ghcr.io/acme/app:1.4.2"),
        (ONE, "1.4.2_r1", "ghcr.io/acme/app:1.4.2_r1"),
        (ONE, "v1.4.2", "ghcr.io/acme/app:1.4.2"),
        (ONE, "v1.0.0+a", "ghcr.io/acme/app:1.0.0_a"),
        (ONE, DIGEST, f"ghcr.io/acme/app@{DIGEST}"),
        (ONE, "ghcr.io/other/app:latest", "ghcr.io/other/app:latest"),
        (ONE, "acme/app", "acme/app"),
        (ONE, "nginx:1.27", "nginx:1.27"),
        (ONE, "oci:dist", "oci:dist"),
        (ONE + "versions: calver\n", "2026.11", "ghcr.io/acme/app:2026.11"),
        (TWO, "api/v1.4.2", "ghcr.io/acme/api:1.4.2"),
        (TWO, "other/v1.4.2", "other/v1.4.2"),
        ("{}", "nginx", "nginx"),
    ],
)
def test_short_name_of_an_image_is_that_of_the_projects_first_target(
    tmp_path: Path, config: str, text: str, reference: str
) -> None:
    assert reference_of(session(tmp_path, config), text) == reference


@pytest.mark.parametrize(
    ("config", "text", "said", "hint"),
    [
        (ONE, "latest", "`latest` is neither a version nor", "`ghcr.io/acme/app:latest`"),
        (ONE, "sha256:abc", "digest `sha256:abc` is invalid", "64 hex digits"),
        (TWO, "1.4.2", "`1.4.2` may be an image of `api`, `web`", "`ghcr.io/acme/api:1.4.2`"),
        (TWO, DIGEST, "may be an image of `api`, `web`", f"`ghcr.io/acme/api@{DIGEST}`"),
        ("{}", "1.4.2", "no image is configured", "the whole reference"),
    ],
)
def test_short_name_that_no_image_or_several_can_have_is_refused(
    tmp_path: Path, config: str, text: str, said: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as raised:
        reference_of(session(tmp_path, config), text)
    assert said in raised.value.message
    assert hint in str(raised.value.hint)


def test_option_component_decides_between_components(tmp_path: Path) -> None:
    assert reference_of(session(tmp_path, TWO, "web"), "1.4.2") == "ghcr.io/acme/web:1.4.2"

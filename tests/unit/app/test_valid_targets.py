"""Names of images in the config that no release can go to: the error has its place, and what to write instead."""

from __future__ import annotations

import pytest

from release.app.valid_targets import require_valid_targets
from release.config.load import load
from release.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("image: a/b:1.2\n", "shipmark.yml:1:8: `a/b:1.2` names a tag or digest", "write `docker.io/a/b`"),
        ("image: localhost:5000\n", "shipmark.yml:1:8: `localhost:5000` names", "`localhost:5000/NAME`"),
        ("images: [x, dir:x]\n", "shipmark.yml:1:13: `dir:x` cannot take a release", "`oci:dist/image`"),
        (
            "image: oci-archive:x.tar\n",
            "shipmark.yml:1:8: `oci-archive:x.tar` cannot",
            "`shipmark image copy`",
        ),
        ("images: [x, {image: x}]\n", "shipmark.yml:1:13: target `x` is listed twice", "once"),
        ("image:\n", "shipmark.yml:1:7: `` is not an image reference", "write it as `ghcr.io/acme/app`"),
        ("image: ghcr.io/Acme/x\n", "shipmark.yml:1:8: `ghcr.io/Acme/x` is not", "write `ghcr.io/acme/x`"),
        ("components: {api: {image: 'A'}}\n", "shipmark.yml:1:27: `A` is not", "write `a`"),
        ('image: "oci:"\n', "shipmark.yml:1:8: `oci:`: an OCI layout needs", "write `oci:PATH`"),
    ],
)
def test_image_in_the_config_that_takes_no_release_is_an_error_with_place_and_hint(
    text: str, message: str, hint: str
) -> None:
    (component,) = load(text, "shipmark.yml", {}).components
    with pytest.raises(ConfigError) as caught:
        require_valid_targets(component)
    assert caught.value.message.startswith(message)
    assert hint in (caught.value.hint or "")


def test_image_of_an_option_that_takes_no_release_has_no_place() -> None:
    (component,) = load("image: x\n", "shipmark.yml", {}, images=("a/b:1",)).components
    with pytest.raises(ConfigError, match=r"^`a/b:1` names a tag"):
        require_valid_targets(component)

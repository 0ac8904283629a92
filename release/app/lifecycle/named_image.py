"""What users call an image of this project: a version, its git tag or a digest, in place of a reference."""

from __future__ import annotations

from release.app.releases.version_tags import tag_of_image
from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError
from release.image_names.image_location import ImageLocation
from release.image_names.locate import is_in_registry, locate_target
from release.oci.grammar import is_digest, require_digest
from release.versions.semver import parse_tag_name, version_of_image_tag


def located(session: Session, text: str) -> tuple[ImageLocation, Component | None]:
    """Where the image is that `text` means, and the component of a short name. Raises `ConfigError`, as `reference_of`.

    A short name means a target of the configuration, whose layouts are named from the repository's top folder; a
    reference is named from the folder of `-C`.
    """
    reference, component = _named(session, text)
    # A registry is opened by the session itself, which shares its connections.
    own_layout = component is not None and not is_in_registry(reference)
    return locate_target(session.at_root() if own_layout else session, reference), component


def reference_of(session: Session, text: str) -> str:
    """The reference that `text` means: itself, or for a short name that of the first target of its component.

    Short names are versions (`1.4.2`, `1.4.2_r1`), git tags of versions, and digests. Raises `ConfigError` for one that
    several components or none of them can mean: a registry client would look for it at Docker Hub.
    """
    return _named(session, text)[0]


def _named(session: Session, text: str) -> tuple[str, Component | None]:
    if text.startswith(("sha256:", "sha512:")):
        require_digest(text)
    components = [one for one in session.components if one.targets]
    found = [
        (f"{one.targets[0].image}{behind}", one)
        for one in components
        if (behind := _behind_image(session, one, text)) is not None
    ]
    if len(found) > 1:
        names = ", ".join(f"`{component.name}`" for _, component in found)
        raise ConfigError(
            f"`{text}` may be an image of {names}", hint=f"write the whole reference: `{found[0][0]}`"
        )
    if found:
        return found[0]
    if any(character in text for character in "/:@"):
        return text, None
    if components:
        raise ConfigError(
            f"`{text}` is neither a version nor a whole reference",
            hint=f"write the whole reference: `{components[0].targets[0].image}:{text}`",
        )
    if version_of_image_tag(text) is not None:
        raise ConfigError(
            f"`{text}` is a version, and no image is configured that it could belong to",
            hint=f"write the whole reference: `ghcr.io/acme/app:{text}`",
        )
    return text, None


def _behind_image(session: Session, component: Component, text: str) -> str | None:
    """What follows the name of the component's image in a reference; None if `text` is no short name of an image."""
    if is_digest(text):
        return f"@{text}"
    section, image = component.section, component.targets[0].image
    if (read := version_of_image_tag(text, section.versions)) is not None:
        return f":{tag_of_image(session, component, image, *read)}"
    version = parse_tag_name(text, section.prefix, section.versions)
    return None if version is None else f":{tag_of_image(session, component, image, version)}"

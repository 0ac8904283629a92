"""What users call an image of this project: a version, its git tag or a digest, in place of a reference."""

from __future__ import annotations

from release.app.session import Session
from release.config.component import Component
from release.errors import ConfigError
from release.image_names.image_location import ImageLocation
from release.image_names.locate import is_in_registry, locate_target
from release.oci.grammar import is_digest, require_digest
from release.versions.semver import image_tag_of, parse_tag_name, version_of_image_tag


def located(session: Session, text: str) -> ImageLocation:
    """Where the image is that `text` means. Raises `ConfigError`, as `reference_of`.

    A short name means a target of the configuration, whose layouts are named from the repository's top folder; a
    reference is named from the folder of `-C`.
    """
    reference = reference_of(session, text)
    # A registry is opened by the session itself, which shares its connections.
    own_layout = reference != text and not is_in_registry(reference)
    return locate_target(session.at_root() if own_layout else session, reference)


def reference_of(session: Session, text: str) -> str:
    """The reference that `text` means: itself, or for a short name that of the first target of its component.

    Short names are versions (`1.4.2`, `1.4.2_r1`), git tags of versions, and digests. Raises `ConfigError` for one that
    several components or none of them can mean: a registry client would look for it at Docker Hub.
    """
    if text.startswith(("sha256:", "sha512:")):
        require_digest(text)
    components = [one for one in session.components if one.targets]
    found = {
        one.name: f"{one.targets[0].image}{behind}"
        for one in components
        if (behind := _behind_image(one, text)) is not None
    }
    first = next(iter(found.values()), None)
    if len(found) > 1:
        names = ", ".join(f"`{name}`" for name in found)
        raise ConfigError(
            f"`{text}` may be an image of {names}", hint=f"write the whole reference: `{first}`"
        )
    if first is not None:
        return first
    if any(character in text for character in "/:@"):
        return text
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
    return text


def _behind_image(component: Component, text: str) -> str | None:
    """What follows the name of the component's image in a reference; None if `text` is no short name of an image."""
    if is_digest(text):
        return f"@{text}"
    section = component.section
    if version_of_image_tag(text, section.versions) is not None:
        return f":{text}"
    version = parse_tag_name(text, section.prefix, section.versions)
    return None if version is None else f":{image_tag_of(version)}"

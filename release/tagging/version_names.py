"""The image tags that name versions by the rules of a component, such as `v1.4.2-alpine`. Pure."""

from __future__ import annotations

import msgspec

from release.lazy_pattern import pattern
from release.versions.model import Scheme, Version
from release.versions.semver import version_of_image_tag

_REBUILD = pattern(r"(.*?)((?:_r[1-9][0-9]*)?)")


class VersionNames(msgspec.Struct, frozen=True, kw_only=True):
    """What stands in a fixed tag before and behind the version's own name.

    `shared`: whether another component has the same repository, so that a tag with another name is not this one's.
    """

    before: str
    after: str
    shared: bool = False

    def read(self, tag: str, scheme: Scheme = "semver") -> tuple[Version, int] | None:
        """The version and the rebuild that `tag` names; also by the default scheme, for releases before the rules."""
        if match := _REBUILD.fullmatch(tag):
            name, rebuild = match[1], match[2]
            inner = name.removeprefix(self.before).removesuffix(self.after)
            if f"{self.before}{inner}{self.after}" == name:
                found = version_of_image_tag(f"{inner}{rebuild}", scheme)
                if found is not None:
                    return found
        return None if self.shared else version_of_image_tag(tag, scheme)

"""Makes a component of each folder with a Dockerfile, whatever the folder is called. Pure."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Sequence
from itertools import chain, count
from typing import Any

from release.app.setup.init.convert.model import Draft
from release.ref_names import is_git_tag


def component_drafts(image: str, dockerfiles: Sequence[str]) -> list[Draft]:
    """A component for the folder of each Dockerfile, with git tags of its own: `api/v1.2.0`."""
    drafts: dict[str, Draft] = {}
    for dockerfile in dockerfiles:
        folder = posixpath.dirname(dockerfile)
        wanted = _name_of(folder)
        name = next(one for one in chain([wanted], (f"{wanted}-{n}" for n in count(2))) if one not in drafts)
        # Signs of globs in a folder's name stand for themselves.
        own = re.sub(r"([\\*?\[\]!])", r"\\\1", folder)
        taken = {draft.section["prefix"] for draft in drafts.values()}
        is_free = is_git_tag(f"{folder}/1.0.0") and f"{folder}/" not in taken
        prefix = f"{folder}/" if is_free else f"{name}/"
        section: dict[str, Any] = {"image": f"{image}/{name}", "prefix": prefix, "paths": [f"{own}/**"]}
        section["build"] = {"context": folder, "dockerfile": dockerfile}
        drafts[name] = Draft(name=name, section=section)
    return [*drafts.values()]


def _name_of(folder: str) -> str:
    """The name of a component: the folder's, as far as it may be a part of an image's name and of a git tag's."""
    name = folder.replace("/", "-").lower()
    is_part = re.fullmatch(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*", name)
    if is_part and is_git_tag(f"{name}/1.0.0"):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or "part"

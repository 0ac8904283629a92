"""Finds references to images inside other text: arguments, variables, annotations, URLs with `oci://`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.oci.reference import Reference

# A host or the first part of a name, the rest of the name, and perhaps a tag and a digest. Tag and digest are optional
# here, so that the search goes on behind each name and takes time in proportion to the text. A match begins where a
# word begins, for the same reason.
_NAMES = pattern(
    r"(?<![A-Za-z0-9._-])[A-Za-z0-9][A-Za-z0-9._-]*(?::[0-9]{1,5})?(?:/[a-z0-9][a-z0-9._-]*)+"
    r"(?::[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(?:@sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128}))?",
    re.ASCII,
)
_DIGESTS = pattern(r"\bsha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})\b", re.ASCII)


def mentioned_in(text: str) -> Iterator[str]:
    """Every name with a tag or a digest, and every digest, that stands in `text`.

    Operators start images that only an argument or a variable names (`RELATED_IMAGE_…`). A mention that is not an image
    does no harm: it can only keep something.
    """
    if ":" not in text:
        return
    rest = _NAMES.sub(" ", text)
    for match in _NAMES.finditer(text):
        # The full stop of a sentence may belong to a tag, as far as the grammar goes.
        for name in dict.fromkeys((match[0], match[0].rstrip("."))):
            if _names_a_manifest(name):
                yield name
    for match in _DIGESTS.finditer(rest):
        yield match[0]


def _names_a_manifest(text: str) -> bool:
    try:
        return Reference.parse(text).target is not None
    except ConfigError:
        return False

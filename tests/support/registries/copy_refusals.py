"""The reasons for which `shipmark image copy` may refuse to copy an image that has an unusual shape.

The matrix of copies accepts refusals only for these reasons, and in at most 5 % of its cases. The list was written
before the matrix was run for the first time.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Reason(NamedTuple):
    """`text`: pattern of a part of the error message; `why`: why the refusal is right."""

    text: re.Pattern[str]
    why: str


REASONS = (
    Reason(
        re.compile(r"is an artifact with a config of type|has no image for"),
        "a docker daemon loads images, and what is copied is none",
    ),
    Reason(
        re.compile(r"only its `urls` say where it is"),
        "a docker daemon needs every layer, and no place that was given has this one",
    ),
    Reason(
        re.compile(r"MANIFEST_INVALID|MANIFEST_BLOB_UNKNOWN|DIGEST_INVALID|UNSUPPORTED|BLOB_UPLOAD_INVALID"),
        "the registry refuses this manifest or blob itself",
    ),
    Reason(
        re.compile(r"the docker daemon|docker load|daemon"),
        "the daemon refuses to load or to export this image itself",
    ),
    Reason(
        re.compile(r"does not fit its layers|is not an image config|does not list one diff id"),
        "config and layers contradict each other, so nothing can be made of an archive of `docker save`",
    ),
)


def reason(message: str) -> str | None:
    """Return why a refusal with this message is right; None if no listed reason fits the message."""
    return next((one.why for one in REASONS if one.text.search(message)), None)

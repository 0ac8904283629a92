"""Operations on images in registries, layouts, archives, folders and daemons.

Each function takes a workspace and a request.
"""

from __future__ import annotations

from release.app.images.copy import CopyReport, CopyRequest, copy
from release.app.images.delete import DeleteReport, DeleteRequest, delete
from release.app.images.inspect import (
    DigestReport,
    ImageReport,
    InspectRequest,
    Layer,
    PlatformImage,
    Referrer,
    digest,
    inspect,
)
from release.app.images.list_tags import ListedTag, ListTagsReport, ListTagsRequest, list_tags
from release.app.images.login_check import LoginCheckReport, LoginCheckRequest, login_check
from release.app.images.tag import PlacedTag, TagReport, TagRequest, tag

__all__ = [
    "CopyReport",
    "CopyRequest",
    "DeleteReport",
    "DeleteRequest",
    "DigestReport",
    "ImageReport",
    "InspectRequest",
    "Layer",
    "ListTagsReport",
    "ListTagsRequest",
    "ListedTag",
    "LoginCheckReport",
    "LoginCheckRequest",
    "PlacedTag",
    "PlatformImage",
    "Referrer",
    "TagReport",
    "TagRequest",
    "copy",
    "delete",
    "digest",
    "inspect",
    "list_tags",
    "login_check",
    "tag",
]

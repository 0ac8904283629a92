"""Hints for answers of registries."""

from __future__ import annotations

import pytest

from release.registry.hosts.refusal_hints import quota_hint, refusal_hint
from release.registry.http.error_body import Refusal


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (404, "MANIFEST_UNKNOWN", "`shipmark image list REPOSITORY`"),
        (404, "NAME_UNKNOWN", "check the name"),
        (404, "BLOB_UNKNOWN", "push the image there again"),
        (404, "", "check the name of the registry"),
        (400, "MANIFEST_UNKNOWN", "its own log may"),
        (405, "UNSUPPORTED", "read-only or a pull-through cache"),
        (507, "", "free some space"),
        (429, "TOOMANYREQUESTS", "wait some minutes"),
        (500, "", "run again later"),
        (503, "UNAVAILABLE", "run again later"),
        (418, "", "its own log may"),
    ],
)
def test_hint_fits_the_answer(status: int, code: str, hint: str) -> None:
    found = refusal_hint(status, Refusal(code=code, message="gone"), {})
    assert hint in found


@pytest.mark.parametrize(
    ("location", "hint"),
    [
        ("https://registry.example/v2/", "sends requests on to `registry.example`: name that registry"),
        ("http://10.0.0.1:5000/v2/", "sends requests on to `10.0.0.1:5000` (plain http)"),
        ("/login", "a proxy before the registry"),
        ("", "a proxy before the registry"),
        ("https://robot:secret@registry.example/", "a proxy before the registry"),
        ("https://a\x1b[2J.example/", "a proxy before the registry"),
    ],
)
def test_redirect_that_is_not_followed_names_the_host_it_leads_to(location: str, hint: str) -> None:
    found = str(refusal_hint(302, Refusal(code="", message=""), {"Location": location}))
    assert hint in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("status", "message", "is_full"),
    [
        (
            412,
            "adding 10 MiB of storage resource, which will exceed the configured upper limit of 95 MiB",
            True,
        ),
        (403, "the namespace storage limit has been reached", True),
        (403, "Quota has been exceeded on namespace", True),
        (402, "", True),
        (403, "requested access to the resource is denied", False),
        (429, "you have exceeded your quota of requests", False),
    ],
)
def test_refusal_for_lack_of_room_is_told_from_one_for_lack_of_rights(
    status: int, message: str, is_full: bool
) -> None:
    found = quota_hint(status, Refusal(code="DENIED", message=message))
    assert (found is not None and "`shipmark prune`" in found) is is_full

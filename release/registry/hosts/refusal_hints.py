"""Hints for answers that refuse a request for a reason other than its credential. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from release.registry.http.error_body import Refusal, rate_limit
from release.registry.http.redirects import absolute

_BY_STATUS = {
    # distribution answers every write so in read-only mode and as a pull-through cache.
    405: "the registry is read-only or a pull-through cache, or the host, or a proxy before it, offers no uploads:"
    " check the name",
    # 413: nginx takes 1 MiB without `client_max_body_size`, Cloudflare 100 MB on its free plan.
    413: "the registry, or a proxy before it, limits the size of a request: raise that limit (nginx:"
    " `client_max_body_size 0;`), or push to an address behind the proxy",
    429: "the registry limits how often it is asked: wait some minutes, and run again",
    507: "the storage of the registry is full: free some space there",
}
#: What helps with redirects and locations that lead nowhere.
PROXY = "a proxy before the registry seems to answer in its place: check the registry's name, and that proxy's rules"
#: What helps with http locations of a registry that is reached by https.
FORWARDED = (
    "the registry does not know that it is reached by https: its proxy has to send `X-Forwarded-Proto: https`, or "
    "distribution needs `http: {relativeurls: true}`"
)
_BROKEN = "the fault is in the registry, or in a proxy before it: run again later; the log there says why"
_REFUSED = "the registry says no more than that: its own log may, or that of a proxy before it"
_NOT_FOUND = "check the name of the registry, of the repository and of the tag"
# Codes of the OCI distribution specification, "Error Codes".
_ABSENT = {
    "MANIFEST_UNKNOWN": "there is no such tag or digest: `shipmark image list REPOSITORY` lists the tags",
    "BLOB_UNKNOWN": "the registry has lost a part of the image: push the image there again, from where it was built",
    "NAME_UNKNOWN": "there is no such repository, or none that this credential may see: check the name",
}
# Words in the refusals of tags that a rule of the registry protects: Harbor, Amazon ECR and Quay say `immutable`, Azure
# `locked`; other registries have only the code.
_PROTECTED = ("immutable", "tag_already_exists", "cannot be overwritten", "is locked")
_TAG = (
    "a rule of the registry protects the tag: take another tag, or change the rule; for moving tags of a release,"
    " `moving: false` in the config"
)


# Words in the refusals of registries without room: Harbor names the `upper limit`, GitLab the `storage limit`, Quay and
# Gitea a `quota`; 402 is for accounts whose plan or bill does not cover more.
_NO_ROOM = (
    "quota",
    "storage limit",
    "upper limit",
    "storage of the namespace",
    "limit exceeded",
    "repository limit",
)
_FULL = (
    "the account or project has no room left there: delete images (`shipmark prune`), wait for the registry's garbage "
    "collection, or raise the limit"
)


def quota_hint(status: int, refusal: Refusal) -> str | None:
    """What helps where a limit of the account is reached; None for other refusals."""
    said = f"{refusal.code} {refusal.message}".lower()
    is_full = 400 <= status < 500 and status != 429 and any(words in said for words in _NO_ROOM)
    return _FULL if is_full or status == 402 else None


def refusal_hint(status: int, refusal: Refusal, headers: Mapping[str, str]) -> str:
    """What helps with an answer of this status."""
    if 300 <= status < 400:
        return _moved(headers.get("Location") or "")
    said = f"{refusal.code} {refusal.message}".lower()
    if 400 <= status < 500 and any(word in said for word in _PROTECTED):
        return _TAG
    if status == 404:
        return _ABSENT.get(refusal.code, _NOT_FOUND)
    broken = _BROKEN if status >= 500 else _REFUSED
    return rate_limit(status, headers) or _BY_STATUS.get(status, broken)


def _moved(location: str) -> str:
    """What helps with a redirect that is not followed: statuses such as 302 turn a write into a GET."""
    target = absolute("https://invalid.invalid", location)
    if target is None or target.netloc == "invalid.invalid":
        return PROXY
    scheme = "" if target.scheme == "https" else " (plain http)"
    where = f"`{target.netloc}`{scheme}"
    return f"the host sends requests on to {where}: name that registry in the image, or change the rules of its proxy"

"""A registry in memory for tests of retention: tags, manifests and their references; deletes as real registries do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from hypothesis import strategies as st

from release.config.load import load_policy
from release.retention.decision import Decision, Deletion, Untag
from release.retention.policy import Policy, policy_of
from release.retention.snapshot import HeldManifest, HeldTag, History, InUse, Inventory, LoggedRelease
from release.tagging.rules.javascript.pattern import parse_pattern

REPOSITORY = "r.example/acme/app"
DAY = 86_400_000
NOW = 400 * DAY


def digest(name: object) -> str:
    """Return a digest that is easy to recognise: the hex digits of `name`, an `f`, and zeros."""
    return f"sha256:{str(name).encode().hex() + 'f':0<64}"


def name_of(digest: str) -> str:
    """Return the name of which `digest` made a digest."""
    return bytes.fromhex(digest[7:].rstrip("0")[:-1]).decode()


def policy(text: str) -> Policy:
    """Return the policy of a section `retention:`, given without its key."""
    body = "".join(f"  {line}\n" for line in text.strip().splitlines())
    section = load_policy(f"retention:\n{body}", "policy.yml")

    def whole(pattern: str) -> Callable[[str], bool]:
        compiled = parse_pattern(f"^(?:{pattern})$", literal=False)
        return lambda name: compiled.match(name) is not None

    return policy_of(section, compile_pattern=whole, where="policy.yml")


class Registry:
    """One repository. Deleting a digest removes its tags, as in every registry."""

    def __init__(
        self,
        manifests: Iterable[HeldManifest] = (),
        tags: Mapping[str, str] | None = None,
        *,
        deletes_tags: bool = True,
    ) -> None:
        self.manifests = {one.digest: one for one in manifests}
        self.tags = dict(tags or {})
        self.moved: dict[str, int] = {}
        self.deletes_tags = deletes_tags

    def inventory(self, *, now: int = NOW, backwards: bool = False) -> Inventory:
        """Return what a client reads; `backwards`: in another order."""
        names = sorted(self.tags, reverse=backwards)
        digests = sorted(self.manifests, reverse=backwards)
        return Inventory(
            repository=REPOSITORY,
            tags=tuple(
                HeldTag(name=name, digest=self.tags[name], moved=self.moved.get(name)) for name in names
            ),
            manifests={one: self.manifests[one] for one in digests},
            now=now,
            deletes_tags=self.deletes_tags,
            tells_times=True,
        )

    def delete(self, decision: Decision, *, steps: int | None = None) -> None:
        """Carry out the deletions of a decision, or only the first `steps` of them."""
        whole: list[Deletion | Untag] = [*decision.deletions, *decision.untags]
        for one in whole[:steps]:
            if isinstance(one, Deletion):
                self.manifests.pop(one.digest)
                self.tags = {name: held for name, held in self.tags.items() if held != one.digest}
            else:
                del self.tags[one.tag]

    def broken(self) -> list[str]:
        """Return the tags that cannot be pulled for every platform."""
        return [name for name, held in self.tags.items() if not self._whole(held) and not _lists_only(name)]

    def _whole(self, held: str) -> bool:
        manifest = self.manifests.get(held)
        return manifest is not None and all(map(self._whole, manifest.children))


def _lists_only(name: str) -> bool:
    """Whether the tag is a list of referrers, which is no image to pull."""
    return name.startswith("sha256-") and "." not in name


class Scene(NamedTuple):
    """A registry, and everything else that decides."""

    registry: Registry
    policy: Policy
    in_use: InUse
    history: History


_NAMES = (
    *("1.4.0", "1.4.1", "1.4.2", "1.4.2_r1", "1.5.0", "1.5.0-rc.1", "2.0.0", "1.4", "1", "latest"),
    *("sha-aaa", "sha-bbb", "sha-ccc", "pr-1", "pr-2", "main", "release-1", "release-2"),
)
DELETE = (
    '{match: "sha-*", older_than: 30d}',
    '{match: "pr-*"}',
    "{untagged: true, older_than: 7d}",
    '{match: "*", older_than: 90d}',
    '{semver: "<1.5", older_than: 1d}',
    '{pattern: "pr-[0-9]+|main"}',
    "{match: latest}",
)
KEEP = (
    "{semver: true, newest: 2, per: minor}",
    "{semver: true, newest: 1}",
    '{match: "release-*"}',
    '{match: "sha-*", newest: 1}',
    "{deployed: true}",
    "{log: {newest: 1, per: channel}}",
    "{match: main, younger_than: 50d}",
)


@st.composite
def registries(draw: st.DrawFn) -> Registry:
    """Draw a registry with leaves, nested indexes, referrers, fallback tags, tags of cosign and ordinary tags."""
    manifests: list[HeldManifest] = []
    count = draw(st.integers(1, 9))
    for number in range(count):
        names = [one.digest for one in manifests]
        kind = draw(st.sampled_from(("leaf", "leaf", "index", "referrer")))
        children = (
            draw(st.lists(st.sampled_from(names), max_size=3, unique=True))
            if names and kind == "index"
            else ()
        )
        subject = draw(st.sampled_from(names)) if names and kind == "referrer" else None
        blobs = draw(st.lists(st.integers(0, 5), max_size=2, unique=True)) if kind == "leaf" else ()
        manifests.append(
            HeldManifest(
                digest=digest(number),
                size=100,
                children=tuple(children),
                subject=subject,
                blobs=tuple((digest(f"blob{blob}"), 10) for blob in blobs),
                pushed=draw(st.sampled_from((None, NOW - DAY // 2, NOW - 10 * DAY, NOW - 200 * DAY))),
            )
        )
    names = [one.digest for one in manifests]
    chosen = draw(st.lists(st.sampled_from(_NAMES), unique=True, max_size=10))
    tags = {name: draw(st.sampled_from(names)) for name in chosen}
    for about in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        tags[f"{about.replace(':', '-')}.sig"] = draw(st.sampled_from(names))
    for about in draw(st.lists(st.sampled_from(names), max_size=2, unique=True)):
        listed = tuple(one.digest for one in manifests if one.subject == about)
        manifests.append(HeldManifest(digest=digest(f"list{about[-8:]}{about[7:20]}"), children=listed))
        tags[about.replace(":", "-")] = manifests[-1].digest
    registry = Registry(manifests, tags, deletes_tags=draw(st.booleans()))
    registry.moved = {
        name: draw(st.sampled_from((NOW - DAY // 4, NOW - 20 * DAY, NOW - 300 * DAY)))
        for name in tags
        if draw(st.booleans())
    }
    return registry


@st.composite
def scenes(draw: st.DrawFn) -> Scene:
    """Draw a registry, a policy, what is in use, and a version log."""
    registry = draw(registries())
    names = sorted(registry.manifests)
    some = st.lists(st.sampled_from(names), max_size=2, unique=True)
    deletes = draw(st.lists(st.sampled_from(DELETE), min_size=1, max_size=4, unique=True))
    keeps = draw(st.lists(st.sampled_from(KEEP), max_size=3, unique=True))
    immutable = draw(st.sampled_from(("", 'immutable: ["1.*"]')))
    grace = draw(st.sampled_from(("0s", "24h")))
    text = f"delete: [{', '.join(deletes)}]\nkeep: [{', '.join(keeps)}]\ngrace: {grace}\n{immutable}"
    releases = tuple(
        LoggedRelease(
            digest=one,
            channel=draw(st.sampled_from(("release", "branch"))),
            component="app",
            name=one,
            seq=at,
        )
        for at, one in enumerate(draw(some))
    )
    return Scene(
        registry,
        policy(text),
        InUse(digests=dict.fromkeys(draw(some), "cluster"), tags={}),
        History(
            pushed=dict.fromkeys(draw(some), NOW - 100 * DAY),
            deployed=dict.fromkeys(draw(some), "production"),
            releases=releases,
            pruned=frozenset(draw(some)),
        ),
    )

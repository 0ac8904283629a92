"""The properties of a prune on a real registry, with images, tags, indexes and referrers drawn at random."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.programs.command import Result, Shipmark
from tests.support.registries.gate import Answer, Gate, Passage
from tests.support.registries.referrers import list_referrers
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.retention.furnished import put_registry
from tests.support.retention.model import Registry, registries
from tests.support.retention.prune_matrix import broken

_DELETE = (
    '{match: "sha-*"}',
    '{match: "pr-*"}',
    "{untagged: true}",
    '{semver: "<1.5"}',
    '{pattern: "pr-[0-9]+|main"}',
)
_KEEP = (
    "{semver: true, newest: 2, per: minor}",
    '{match: "release-*"}',
    '{match: "sha-a*"}',
    '{semver: "1.4.x"}',
)
_SETTINGS = settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    print_blob=True,
)


class Scene:
    """One repository with a policy, and the command."""

    def __init__(self, repo: GitRepo, shipmark: Shipmark, gate: Gate, name: str) -> None:
        self.repo, self.gate, self.name = repo, gate, name
        self._shipmark = shipmark

    def configure(self, delete: list[str], keep: list[str]) -> None:
        """Write the policy."""
        self.repo.write(
            {
                "policy.yml": f"retention:\n  delete: [{', '.join(delete)}]\n  keep: [{', '.join(keep)}]\n"
                "  grace: 0s\n  limits: {max_fraction: 1, min_keep: 0}\n"
            }
        )

    def __call__(self, *args: str) -> Result:
        """Run `shipmark prune`."""
        where = ("--repositories", f"{self.gate.host}/{self.name}", "--policy", "policy.yml", "--json")
        return self._shipmark("prune", *where, *args, cwd=self.repo.path)

    def plan(self) -> Any:
        """Return the report of a plan."""
        done = self()
        assert done.code == 0, done.stderr
        return done.json

    def gone(self, report: Any) -> set[str]:
        """Return the digests that a report deletes."""
        (one,) = report["repositories"]
        return {image["digest"] for image in one["deleted"]}

    def tags_gone(self, report: Any) -> set[str]:
        """Return the tags that a report removes, with their digest or alone."""
        (one,) = report["repositories"]
        return {tag for image in one["deleted"] for tag in image["tags"]} | {
            untag["tag"] for untag in one["untagged"]
        }

    @property
    def tags(self) -> dict[str, str]:
        """Return tag -> digest."""
        return self.gate.registry.tags(self.name)


def reversed_lists(gate: Gate) -> Any:
    """Return a hook of the gate that answers lists of tags backwards."""
    inner = gate.instead

    def answer(passage: Passage) -> Answer | None:
        if "/tags/list" not in passage.path:
            return inner(passage)
        status, _, raw = gate.registry.request("GET", passage.path)
        if status != 200:
            return None
        body = json.loads(raw)
        body["tags"] = list(reversed(body["tags"] or []))
        return 200, [("Content-Type", "application/json")], json.dumps(body).encode()

    return answer


def refused_at(gate: Gate, number: int) -> Any:
    """Return a hook of the gate that refuses the deletion with this number, from 1."""
    inner, seen = gate.instead, itertools.count(1)

    def answer(passage: Passage) -> Answer | None:
        if passage.method == "DELETE" and next(seen) == number:
            return 403, [("Content-Type", "application/json")], b'{"errors": [{"code": "DENIED"}]}'
        return inner(passage)

    return answer


@pytest.mark.parametrize("referrers", [False, True], ids=["fallback tags", "referrers API"])
def test_properties_of_a_prune_hold_on_a_real_registry(
    git_repo: GitRepo, shipmark: Shipmark, gate: Gate, make_targets: TargetsFactory, referrers: bool
) -> None:
    git_repo.commit("first", files={".gitignore": "*\n"})
    plain = gate.instead
    if referrers:
        list_referrers(gate)
        plain = gate.instead
    numbers, seen = itertools.count(), {"images": 0, "deleted": 0, "refusals": 0}

    @_SETTINGS
    @given(
        model=registries(),
        delete=st.lists(st.sampled_from(_DELETE), min_size=1, max_size=3, unique=True),
        keep=st.lists(st.sampled_from(_KEEP), max_size=2, unique=True),
        more=st.sampled_from(_KEEP),
        error=st.integers(1, 4),
    )
    def check(model: Registry, delete: list[str], keep: list[str], more: str, error: int) -> None:
        name = f"acme/scene-{next(numbers)}"
        gate.instead = plain
        put_registry(model, make_targets().open(f"{gate.host}/{name}"))
        scene = Scene(git_repo, shipmark, gate, name)
        scene.configure(delete, [*keep, more])
        narrow = scene.plan()
        scene.configure(delete, keep)
        plan = scene.plan()
        wide, tags = scene.gone(plan), scene.tags_gone(plan)
        assert scene.gone(narrow) <= wide, "a further rule of `keep` let more go"
        assert scene.tags_gone(narrow) <= tags, "a further rule of `keep` removed more tags"
        gate.instead = reversed_lists(gate)
        assert scene.plan()["plan"] == plan["plan"], "the order of the list matters"
        gate.instead = plain
        before = scene.tags
        # An error in the middle: less than the plan is gone, and nothing is broken.
        gate.instead = refused_at(gate, error)
        first = scene("--apply", plan["plan"])
        gate.instead = plain
        assert broken(gate.registry, name, scene.tags) == ()
        assert before.keys() - scene.tags.keys() <= tags, "something else than the plan is gone"
        seen["refusals"] += first.code != 0
        # What the error left is deleted by the next prune; the one after it has nothing to do.
        done = scene("--apply", scene.plan()["plan"])
        assert done.code == 0, done.stderr
        assert broken(gate.registry, name, scene.tags) == ()
        again = scene.plan()
        assert scene.gone(again) == set(), "a second run would delete more"
        seen["images"] += plan["totals"]["images"]
        seen["deleted"] += len(wide)

    check()
    print(
        f"\n{next(numbers)} registries with {seen['images']} images, of which plans deleted {seen['deleted']} "
        f"manifests; {seen['refusals']} prunes met an error"
    )

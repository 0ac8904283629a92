"""The long forms of `prune`: killed at every effect, raced by tags, and in 1,000 repositories.

Each test prints its numbers.
"""

from __future__ import annotations

import itertools
import random
import resource
import shutil
import signal
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.programs.command import Shipmark
from tests.support.registries.gate import Gate, Passage
from tests.support.registries.images import Image
from tests.support.registries.registry import RegistryServer
from tests.support.registries.targets import TargetsFactory
from tests.support.releases.git import GitRepo
from tests.support.releases.kill_matrix import strike_everywhere
from tests.support.retention.prune_matrix import PruneMatrix, broken
from tests.support.retention.street import GOES, STAYS, build_street
from tests.support.retention.yard import Yard, image, index

_RACES = 200


@pytest.fixture
def yard(git_repo: GitRepo, shipmark: Shipmark, gate: Gate, make_targets: TargetsFactory) -> Yard:
    """Give a repository behind a gate."""
    repository = make_targets().open(f"{gate.host}/acme/app")
    return Yard(git_repo, shipmark, repository, gate.registry, "acme/app")


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_prune_ended_at_any_effect_leads_to_the_same_end_state(
    yard: Yard, gate: Gate, shipmark: Shipmark, tmp_path: Path, by: signal.Signals
) -> None:
    strike_everywhere(PruneMatrix.of(yard, gate, shipmark, tmp_path / "matrix", by=by), least=30)
    yard.collect_garbage()
    root = yard.server.root / "docker/registry/v2/repositories/acme"
    names = [f"acme/{one.name}" for one in sorted(root.iterdir())]
    lost = {name: found for name in names if (found := broken(yard.server, name, yard.server.tags(name)))}
    print(
        f"after a garbage collection: {len(names)} repositories, {len(lost)} with a tag that cannot be pulled"
    )
    assert lost == {}


class Race(NamedTuple):
    """A tag that another client puts while a prune applies. `taken`: whether the registry accepted it."""

    tag: str
    image: Image
    taken: list[bool]

    def put(self, server: RegistryServer, repository: str) -> None:
        """Put the tag, once."""
        if self.taken:
            return
        self.taken.append(False)  # not again, while this request is under way
        headers = {"Content-Type": self.image.manifest.media_type}
        path = f"/v2/{repository}/manifests/{self.tag}"
        status, _, _ = server.request("PUT", path, body=self.image.manifest.raw, headers=headers)
        self.taken[0] = status == 201


def between_requests(yard: Yard, gate: Gate, plan: str, race: Race, chance: random.Random) -> int:
    """Apply the plan, and put the tag before or after one of its requests; return the exit code."""
    moment, before = chance.randrange(4, 90), chance.random() < 0.5
    passed = itertools.count(1)

    def entering(passage: Passage) -> bool:
        del passage
        if next(passed) == moment and before:
            race.put(yard.server, yard.name)
        return True

    def leaving(passage: Passage) -> bool:
        del passage
        if not before and next(passed) >= moment:
            race.put(yard.server, yard.name)
        return True

    gate.before, gate.after = entering, leaving
    try:
        return yard("--apply", plan).code
    finally:
        gate.before = gate.after = lambda passage: True


def at_a_moment(yard: Yard, plan: str, race: Race, chance: random.Random) -> int:
    """Apply the plan, and put the tag at a random moment; return the exit code."""
    running = yard.start("--apply", plan)
    # The process takes about 0.6 s; nothing that it does can be awaited without choosing the moment by it.
    time.sleep(chance.uniform(0.2, 0.7))
    race.put(yard.server, yard.name)
    return running.wait(60)


def test_tag_that_is_put_while_a_prune_applies_can_be_pulled_if_it_stands_at_the_end(
    yard: Yard, gate: Gate
) -> None:
    """Half of the tags are put between two requests of the prune, the others at a random moment of its run.

    A third of them are moved from an image that stays, the others are new. Also counted: new tags that the registry
    accepted and deleted with their digest between two listings, which no client can see.
    """
    images = (index("old"), image("two"))
    yard.put(index("kept"), "release-1", "main")
    for number, one in enumerate(images):
        yard.put(one, f"sha-{number}")
    root = yard.server.root / "docker/registry/v2/repositories"
    template = root.parent / "template"
    shutil.copytree(root / yard.name, template)
    chance, count, bad = random.Random(16), Counter[str](), list[str]()
    for number in range(_RACES):
        shutil.rmtree(root / yard.name)
        shutil.copytree(template, root / yard.name)
        shutil.rmtree(yard.repo.path / ".shipmark", ignore_errors=True)
        plan = yard.plan()["plan"]
        race = Race("main" if number % 3 == 0 else f"hot-{number}", chance.choice(images), [])
        code = (
            at_a_moment(yard, plan, race, chance)
            if number % 2
            else between_requests(yard, gate, plan, race, chance)
        )
        tags = yard.tags
        count[f"exit {code}"] += 1
        count[_fate(race, tags, code)] += 1
        lost = broken(yard.server, yard.name, tags)
        if lost or "release-1" not in tags:
            bad.append(f"race {number}, {race.tag}: {lost}, {sorted(tags)}")
        if number % 20 == 19:
            told = f"{number + 1} tags put while a prune applies: {dict(sorted(count.items()))}"
            print(f"{told}; {len(bad)} with a broken tag", flush=True)
    assert bad == []


def _fate(race: Race, tags: dict[str, str], code: int) -> str:
    if not any(race.taken):
        return "not put: the prune was over, or the registry refused the tag"
    if tags.get(race.tag) == race.image.digest:
        return "stands and can be pulled"
    return "gone, and said" if code else "gone with its digest, unseen"


def test_1000_repositories_are_planned_and_pruned_in_one_plan(yard: Yard, gate: Gate) -> None:
    names = build_street(yard, 1000, folder="street")
    del gate
    pattern = ("--repositories", f"{yard.server.host}/street/*")
    begin = time.monotonic()
    report = yard.plan(*pattern)
    planned = time.monotonic() - begin
    assert report["totals"] == {
        "repositories": 1000,
        "unread": 0,
        "images": 3000,
        "deleted": 2000,
        "kept": 1000,
        "emptied": 0,
    }
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    begin = time.monotonic()
    done = yard("--json", *pattern, "--apply", report["plan"], timeout=1800)
    applied = time.monotonic() - begin
    assert done.code == 0, done.stderr[-2000:]
    peaks = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(
        f"\n1,000 repositories: planned in {planned:.1f} s, applied in {applied:.1f} s; {peak} and {peaks} MiB at most"
    )
    assert [set(yard.server.tags(name)) for name in names[::100]] == [set(STAYS)] * 10
    assert set(yard.tags) == {*GOES, *STAYS}
    assert yard.plan(*pattern)["totals"]["deleted"] == 0

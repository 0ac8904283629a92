"""Random lives of projects on two machines: releases, rebuilds, promotions, rollbacks, restores, kills, lost disks."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from tests.support.lives.parts import Pair, Part
from tests.support.lives.world import LifeWorld
from tests.support.registries.registry import RegistryServer

#: Act -> how often it is drawn.
_ACTS = {
    "new": 6,
    "tag": 2,
    "late": 3,
    "again": 2,
    "rebuild": 3,
    "rollback": 3,
    "restore": 3,
    "promote": 3,
    "lose": 2,
    "killed": 2,
    "both": 2,
    "untag": 1,
}


class Life(LifeWorld):
    """Acts on a drawn project, each followed by a comparison."""

    # What is done.

    def step(self) -> None:
        """Draw an act, do it, and compare the registry with the oracle."""
        part = self._chance.choice(self._parts)
        acts = dict(_ACTS)
        if any(one is not part and one.repository == part.repository for one in self._parts):
            acts["rollback"] = acts["restore"] = 0  # a status counts for every component of a repository
        name = self._chance.choices(list(acts), list(acts.values()))[0]
        getattr(self, f"_act_{name}")(part)
        self._compare()

    def _act_new(self, part: Part) -> None:
        self._run(part, self._tag(part))

    def _act_tag(self, part: Part) -> None:
        self._tag(part)

    def _act_late(self, part: Part) -> None:
        self._run(part, self._waiting(part))

    def _act_again(self, part: Part) -> None:
        self._run(part, self._built(part))

    def _act_killed(self, part: Part) -> None:
        pair = self._waiting(part)
        number = self._at(part, pair)
        process = self._commands[number].start("run", cwd=self._clones[number].path)
        # Any moment of a run will do; one that has ended by then is as good.
        lines = self._chance.randrange(12)
        assert process.stderr is not None
        for _ in range(lines):
            if not process.stderr.readline():
                break
        process.send_signal(signal.SIGKILL)
        process.communicate()
        self.story.append(f"{number}$ shipmark run, killed after {lines} lines")
        self._run(part, pair)

    def _act_both(self, part: Part) -> None:
        pairs = [self._tag(part), self._tag(part)]
        for number, pair in enumerate(pairs):
            self._at(part, pair, number)
        started = [self._commands[number].start("run", cwd=self._clones[number].path) for number in range(2)]
        self.story.append("both at once: shipmark run")
        for process, pair in zip(started, pairs, strict=True):
            _, said = process.communicate()
            if process.returncode:
                self._fault(f"run of {pair.name} beside another exits {process.returncode}\n{said.decode()}")
        for pair in sorted(pairs):
            part.release(pair)

    def _act_rebuild(self, part: Part) -> None:
        pair = self._built(part)
        number = self._at(part, pair)
        newest = max((one for one in part.released if one.first == pair), default=pair)
        done = self._call(number, "run", "--rebuild", part.git_tag(pair))
        if part.is_out(pair):
            self._expect(done, 6)
        elif self._expect(done, 0):
            part.release(newest._replace(rebuild=newest.rebuild + 1))

    def _act_rollback(self, part: Part) -> None:
        good = sorted(one for one in part.released if not part.is_out(one))
        if not good:
            return
        to = self._chance.choice(good)
        line = self._chance.choice(((), (), to[:2], to[:1])) if to.is_stable else ()
        more = ["--line", ".".join(map(str, line))] if line else []
        if self._changed(part, "rollback", "--to", to.name, *more):
            part.roll_back(to, tuple(line))

    def _act_restore(self, part: Part) -> None:
        gone = sorted(part.yanked & part.known)
        if gone:
            pair = self._chance.choice(gone)
            if self._changed(part, "restore", pair.name):
                part.restore(pair)

    def _act_promote(self, part: Part) -> None:
        good = sorted(one for one in part.released if not part.is_out(one))
        # Without a common log the other machine may not know what was taken back.
        if not good or (self._store == "file" and part.yanked):
            return
        pair = self._chance.choice(good)
        number = self._fetched()
        place = f"{self._registry.host}/{part.repository}-{part.name}-production"
        done = self._call(number, "promote", pair.name, "--to", place, *self._chosen(part))
        if self._expect(done, 0):
            part.promote(pair)

    def _act_lose(self, part: Part) -> None:
        number = self._chance.randrange(2)
        shutil.rmtree(self._folder / f"cache{number}", ignore_errors=True)
        self.story.append(f"{number} loses its cache")
        if self._store != "file" or self._chance.random() < 0.3:
            return
        shutil.rmtree(self._clones[number].path / ".shipmark", ignore_errors=True)
        self.story.append(f"{number} loses its log")
        if part.released and self._chance.random() < 0.3:
            self._expect(self._call(number, "log", "rebuild"), 0)

    def _act_untag(self, part: Part) -> None:
        waiting = sorted(part.tagged - part.released)
        if waiting:
            pair = self._chance.choice(waiting)
            for repo in (self._origin, *self._clones):
                repo.git("tag", "--delete", part.git_tag(pair), check=False)
            part.tagged.discard(pair)
            self.story.append(f"git tag --delete {part.git_tag(pair)}")

    def end(self) -> None:
        """Ask the machines' common log whether it agrees with the registry."""
        if self._store != "file":
            self._expect(self._call(self._fetched(), "log", "verify", "--registry"), 0)

    # Parts of acts.

    def _tag(self, part: Part) -> Pair:
        """Commit and tag a new version: mostly the next one of some version."""
        while (pair := self._draw_version(part)) in part.tagged | part.yanked:
            pass
        self._commits += 1
        self._origin.commit(f"fix: {self._commits}", files={"file": f"{self._commits}\n"})
        self._origin.tag(part.git_tag(pair))
        part.tagged.add(pair)
        self.story.append(f"git tag {part.git_tag(pair)}")
        return pair

    def _draw_version(self, part: Part) -> Pair:
        chance = self._chance
        if part.tagged and chance.random() < 0.8:
            major, minor, patch, *_ = chance.choice(sorted(part.tagged))
            nexts = (
                Pair(major, minor, patch + 1),
                Pair(major, minor, patch + 1),
                Pair(major, minor + 1, 0),
                Pair(major + 1, 0, 0),
            )
            pair = chance.choice(nexts)
        else:
            pair = Pair(chance.randrange(3), chance.randrange(3), chance.randrange(3))
        return pair._replace(pre=chance.randrange(1, 3)) if chance.random() < 0.2 else pair

    def _waiting(self, part: Part) -> Pair:
        """A version that was not released yet."""
        waiting = sorted(part.tagged - part.released)
        return self._chance.choice(waiting) if waiting else self._tag(part)

    def _built(self, part: Part) -> Pair:
        """A version that was released, and still has its git tag."""
        built = sorted(part.tagged & part.released)
        if built:
            return self._chance.choice(built)
        pair = self._waiting(part)
        self._run(part, pair)
        return pair

    def _run(self, part: Part, pair: Pair) -> None:
        number = self._at(part, pair)
        said = self._call(number, "preview", "--json")
        done = self._call(number, "run", "--json")
        wanted = 6 if part.is_out(pair) else 0
        if not self._expect(done, wanted) or not self._expect(said, wanted) or wanted:
            return
        planned, made = (
            [one["decision"]["tags"] for one in result.json["releases"]] for result in (said, done)
        )
        if planned != made:
            self._fault(f"preview says {planned}, run {made}")
        part.release(pair)

    def _changed(self, part: Part, *args: str) -> bool:
        """Run a command that changes statuses, after its preview; return whether it succeeded."""
        number = self._fetched()
        whole = (*args, "--reason", "so", *self._chosen(part))
        said = self._call(number, *whole, "--preview")
        return self._expect(self._call(number, *whole), 0) and self._expect(said, 0)


def faults_of(folder: Path, seed: int, registry: RegistryServer, *, steps: int) -> list[str]:
    """Lead one life of so many steps; at its first fault, return its story."""
    life = Life(folder, seed, registry)
    try:
        acts = [life.step] * steps
        for act in (*acts, life.end):
            act()
            if life.faults:
                config = (folder / "origin" / "shipmark.yml").read_text()
                return [f"seed {seed}", config, *life.story]
    finally:
        life.close()
    return []

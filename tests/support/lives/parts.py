"""What a registry must hold for a component: an oracle of a few rules, for random lives of projects."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import NamedTuple

_STABLE = 10**6  # in place of the number of a release candidate: a stable version is above all of them


class Pair(NamedTuple):
    """A version and its rebuild; pairs compare as their precedence. `pre`: the number of its release candidate."""

    major: int
    minor: int
    patch: int
    pre: int = _STABLE
    rebuild: int = 0

    @property
    def is_stable(self) -> bool:
        return self.pre == _STABLE

    @property
    def version(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}{'' if self.is_stable else f'-rc.{self.pre}'}"

    @property
    def name(self) -> str:
        """The name that commands take: `1.4.2_r1`."""
        return self.version + self.tail

    @property
    def tail(self) -> str:
        return f"_r{self.rebuild}" if self.rebuild else ""

    @property
    def first(self) -> Pair:
        """The version's first build."""
        return self._replace(rebuild=0)


class Naming(NamedTuple):
    """How a component's tags are made. `rules`: of the config; "" for the default tags.

    `before`, `after`: what stands around a version in a tag.
    """

    rules: str = ""
    before: str = ""
    after: str = ""
    flavor: str = ""

    def fixed(self, pair: Pair) -> str:
        # As in the action, a rule makes only the bare version of a pre-release.
        before = self.before if pair.is_stable else ""
        return f"{before}{pair.version}{self.after}{pair.tail}"

    def lines(self, pair: Pair) -> dict[str, tuple[int, ...]]:
        """The moving tags of a version -> the line: the numbers with which all of its versions begin."""
        if not pair.is_stable:
            return {}
        found = {
            f"{self.before}{pair.major}.{pair.minor}{self.after}": (pair.major, pair.minor),
            f"latest{self.after}": (),
        }
        if pair.major or self.rules:  # a rule makes each tag that it names, as in the action
            found[f"{self.before}{pair.major}{self.after}"] = (pair.major,)
        return found


def _rules(before: str = "") -> str:
    patterns = ("{{version}}", "{{major}}.{{minor}}", "{{major}}")
    return "\n".join(f"type=semver,pattern={before}{pattern}" for pattern in patterns)


DEFAULT = Naming()
PREFIXED = Naming(rules=_rules("v"), before="v")
LONG_PREFIX = Naming(rules=_rules("img-"), before="img-")
SUFFIXED = Naming(rules=_rules(), after="-alpine", flavor="suffix=-alpine,onlatest=true")
NAMINGS = (DEFAULT, PREFIXED, LONG_PREFIX, SUFFIXED)


class Part:
    """A component: its git tags, releases, what was taken back, and where its moving tags are.

    `prefix`: of its git tags. `promoted`, `landed`: the releases and the moving tags of the repository for promotions.
    """

    def __init__(self, name: str, repository: str, prefix: str, naming: Naming) -> None:
        self.name, self.repository, self.prefix, self.naming = name, repository, prefix, naming
        self.tagged: set[Pair] = set()
        self.released: set[Pair] = set()
        self.yanked: set[Pair] = set()
        self.moving: dict[str, Pair] = {}
        self.promoted: set[Pair] = set()
        self.landed: dict[str, Pair] = {}

    def git_tag(self, pair: Pair) -> str:
        return f"{self.prefix}v{pair.version}"

    @property
    def known(self) -> set[Pair]:
        return self.tagged | self.released

    def is_out(self, pair: Pair) -> bool:
        """Whether the version, or this build of it, was taken back."""
        return pair in self.yanked or pair.first in self.yanked

    def highest(self, line: tuple[int, ...], of: AbstractSet[Pair]) -> Pair | None:
        """The highest stable version of the line that counts."""
        fitting = (one for one in of if one.is_stable and one[: len(line)] == line and not self.is_out(one))
        return max(fitting, default=None)

    def release(self, pair: Pair) -> None:
        self.released.add(pair)
        for name, line in self.naming.lines(pair).items():
            if self.highest(line, self.known) == pair:
                self.moving[name] = pair

    def roll_back(self, to: Pair, scope: tuple[int, ...]) -> None:
        gone = {
            one for one in self.known if one > to and (one[: len(scope)] == scope or one.first == to.first)
        }
        earlier = {one for one in self.yanked if one > to}
        self.yanked |= gone
        for name, line in self._lines(gone | earlier | {to}).items():
            there, known = self.highest(line, self.released), self.highest(line, self.known)
            held = self.moving.get(name)
            # Past a version without an image go only tags that hold what was taken back.
            if there is not None and (there == known or (held is not None and self.is_out(held))):
                self.moving[name] = there

    def restore(self, pair: Pair) -> None:
        self.yanked.discard(pair)
        for name, line in self._lines({pair}).items():
            there = self.highest(line, self.released)
            if there is not None and there == self.highest(line, self.known):
                self.moving[name] = there

    def promote(self, pair: Pair) -> None:
        self.promoted.add(pair)
        for name, line in self.naming.lines(pair).items():
            if self.highest(line, self.promoted) == pair:
                self.landed[name] = pair

    def _lines(self, pairs: AbstractSet[Pair]) -> dict[str, tuple[int, ...]]:
        return {name: line for one in pairs for name, line in self.naming.lines(one).items()}

    def tags(self) -> dict[str, Pair]:
        """Every tag that the repository must have -> the build that it holds."""
        return {**{self.naming.fixed(one): one for one in self.released}, **self.moving}

    def promoted_tags(self) -> dict[str, Pair]:
        """Every tag of the repository for promotions -> the build that it holds."""
        return {**{self.naming.fixed(one): one for one in self.promoted}, **self.landed}

"""Random histories with version tags, and what shipmark answers in clones of them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from release.app.releases.matrix import MatrixRequest, changed_matrix
from release.app.releases.request import RunRequest
from release.app.releases.run import preview
from release.app.session import Session
from release.app.versions.next_version import NextVersionRequest, next_version
from release.app.workspace import open_workspace
from release.errors import ReleaseError
from tests.support.programs.environment import EPOCH
from tests.support.releases.git import GitRepo

_WHO = "Ada Tester <ada@example.org>"
_MESSAGES = ("feat: x", "fix: x", "docs: x", "chore: x", "feat!: x", "perf: x", "refactor: x", "a merge")
_FILES = ("a/f", "b/f", "c/f", "README.md")
_COMPONENTS = {
    "a": {"paths": ["a/**"]},
    "b": {"paths": ["b/**"], "depends": ["a"]},
}

#: Question -> its answer: a version with its base, tags, rows of a matrix, or an error's exit code.
Answers = dict[str, Any]


def draw_origin(repo: GitRepo, chance: random.Random) -> None:
    """Fill an empty repository with merges, version tags in any order, and branches that were deleted since."""
    components = chance.random() < 0.4
    repo.git("fast-import", "--quiet", stdin=_stream(chance, components=components))
    repo.git("config", "uploadpack.allowFilter", "true")
    repo.git("config", "uploadpack.allowAnySHA1InWant", "true")
    repo.git("checkout", "--quiet", "--force", "main")
    for name in repo.git("for-each-ref", "--format=%(refname:short)", "refs/heads/side*").splitlines():
        if chance.random() < 0.5:
            repo.git("branch", "--quiet", "-D", name)


def draw_options(chance: random.Random) -> list[str]:
    """Options of `git clone`, as CI systems choose them."""
    options = []
    if chance.random() < 0.6:
        options.append(f"--depth={chance.choice((1, 2, 3, 4, 7))}")
    elif chance.random() < 0.3:
        options.append(f"--shallow-since={EPOCH + 60 * chance.randrange(5)}")
    if chance.random() < 0.4:
        options.append("--no-tags")
    if chance.random() < 0.4:
        options.append(f"--filter={chance.choice(('blob:none', 'tree:0'))}")
    if chance.random() < 0.3:
        options.append(chance.choice(("--single-branch", "--no-single-branch")))
    return options


def answers_in(clone: GitRepo) -> Answers:
    """What the commands that may ask the remote answer in a clone."""
    names = [one.name for one in _opened(clone).components]
    found: Answers = {"preview": _preview(clone), "changed": _matrix(clone)}
    for name in names:
        found[f"next {name}"] = _next(clone, NextVersionRequest(component=name))
        rc = NextVersionRequest(component=name, part="prerelease", channel="rc")
        found[f"next rc {name}"] = _next(clone, rc)
    return found


def _opened(clone: GitRepo) -> Session:
    return open_workspace(str(clone.path), env=clone.env)


def _preview(clone: GitRepo) -> Any:
    report = preview(_opened(clone), RunRequest()).report
    decisions = [one.decision for one in report.releases]
    rows = [(one.component, one.version, [tag.name for tag in one.tags], one.withheld) for one in decisions]
    return report.exit_code, rows, [one.component for one in report.unchanged]


def _matrix(clone: GitRepo) -> Any:
    try:
        report = changed_matrix(_opened(clone), MatrixRequest())
    except ReleaseError as error:
        return error.exit_code
    return report.include, report.unchanged


def _next(clone: GitRepo, request: NextVersionRequest) -> Any:
    try:
        found = next_version(_opened(clone), request)
    except ReleaseError as error:
        return error.exit_code
    return found and (found.version, found.base, found.distance, found.reason)


def _config(*, components: bool) -> str:
    build = {"builder": "layers"}
    if not components:
        return json.dumps({"image": "oci:dist/app", "build": build})
    return json.dumps(
        {
            "components": {
                name: {"image": f"oci:dist/{name}", "prefix": f"{name}/", "build": build, **keys}
                for name, keys in _COMPONENTS.items()
            }
        }
    )


def _stream(chance: random.Random, *, components: bool) -> str:
    """The history for `git fast-import`: branches `side0`, … for single commits, `main` for the last."""
    count = chance.choice((6, 12, 25))
    lines: list[str] = []
    for number in range(count):
        near = range(max(0, number - chance.choice((1, 3, 6))), number)
        parents = chance.sample(near, min(chance.choice((1, 1, 1, 1, 2, 2)), len(near)))
        # Some clocks are wrong: a commit may be older than its parents. The last one's is right, for `--shallow-since`.
        wrong = 0 if number == count - 1 else chance.choice((0, 0, 0, chance.randint(-400, 400)))
        when = EPOCH + 60 * number + wrong
        lines += [f"commit refs/heads/side{number}", f"mark :{number + 1}", f"committer {_WHO} {when} +0000"]
        lines += _data(f"{chance.choice(_MESSAGES)} {number}")
        lines += [f"{'merge' if place else 'from'} :{one + 1}" for place, one in enumerate(parents)]
        files = {name: str(number) for name in chance.sample(_FILES, chance.choice((0, 1, 1, 2)))}
        if not number:
            first = {
                "Dockerfile": "FROM scratch\nCOPY a /a\n",
                "shipmark.yml": _config(components=components),
            }
            files = {**first, "a/f": "0", "b/f": "0", ".gitignore": "dist/\n"}
        for name, text in files.items():
            lines += [f"M 100644 inline {name}", *_data(text)]
        lines.append("")
    lines += _tags(chance, count, ("a/v", "a/", "b/v") if components else ("v", "v", ""))
    return "\n".join([*lines, "reset refs/heads/main", f"from :{count}", "", ""])


def _tags(chance: random.Random, count: int, prefixes: tuple[str, ...]) -> list[str]:
    """Version tags at any commits: a lower version may be younger than a higher one, as on release branches."""
    lines: list[str] = []
    texts = [f"{a}.{b}.{c}{rc}" for a in range(2) for b in range(2) for c in range(2) for rc in ("", "-rc.1")]
    for text in chance.sample(texts, chance.randint(0, 5)):
        name, mark = f"{chance.choice(prefixes)}{text}", f"from :{chance.randrange(count) + 1}"
        if chance.random() < 0.5:
            lines += [f"tag {name}", mark, f"tagger {_WHO} {EPOCH} +0000", *_data("t")]
        else:
            lines += [f"reset refs/tags/{name}", mark, ""]
    return lines


def _data(text: str) -> list[str]:
    return [f"data {len(text.encode())}", text]


def differences(folder: Path, seed: int, clones: int) -> list[str]:
    """The questions that some of `clones` drawn clones of one history answer in another way than a complete clone."""
    chance = random.Random(seed)  # no secret depends on it
    origin = GitRepo(folder / "origin", home=_home(folder, "origin"))
    draw_origin(origin, chance)
    whole = answers_in(origin.clone(folder / "whole"))
    found = []
    for number in range(clones):
        options = draw_options(chance)
        clone = origin.clone(folder / f"clone{number}", *options)
        clone.env = {**clone.env, "HOME": str(_home(folder, f"clone{number}"))}
        found += [
            f"seed {seed}, {' '.join(options)}: {question}: {answer} instead of {whole[question]}"
            for question, answer in answers_in(clone).items()
            if answer != whole[question]
        ]
    return found


def _home(folder: Path, name: str) -> Path:
    """A home of its own, so that no clone finds in the cache what another one fetched."""
    home = folder / f"home-{name}"
    home.mkdir(parents=True)
    return home

"""The table of CI events, `tests/conformance/ci-events.json`, and the page `docs/events.md` that is made from it.

`python -m tests.support.events_page` writes the table's part of the page anew.
"""

from __future__ import annotations

from typing import Any

from ci.systems import detect
from release.facts import Facts, reconcile
from release.git.model import Snapshot
from tests.support.conformance import table
from tests.support.pages import ROOT

PAGE = ROOT / "docs" / "events.md"
#: The generated part of the page follows this line.
MARK = "<!-- from here on made by `python -m tests.support.events_page` -->\n"

_NAMES = {
    "github": "GitHub Actions",
    "gitea": "Gitea",
    "forgejo": "Forgejo",
    "gitlab": "GitLab",
    "jenkins": "Jenkins",
    "tekton": "Tekton, `SHIPMARK_*`",
    "circleci": "CircleCI",
    "azure": "Azure Pipelines",
    "buildkite": "Buildkite",
    "bitbucket": "Bitbucket",
    "drone": "Drone",
    "woodpecker": "Woodpecker",
    "other": "Other CI systems",
    "none": "No CI system",
}
_DOES = {
    "release": "releases the git tag",
    "branch": "branch build",
    "request": "request build",
    "commit": "commit build",
    "nothing": "nothing",
}


def rows() -> list[dict[str, Any]]:
    """Return every row of the table of CI events, with all variables of the event in `env`."""
    document = table("ci-events")
    return [{**row, "env": {**document["systems"][row["system"]], **row["env"]}} for row in document["rows"]]


def facts_of(row: dict[str, Any]) -> Facts:
    """Return the facts of the run of a CI event, in the clone that the table describes."""
    head = table("ci-events")["head"]
    refs = ("heads/feature/login", "heads/main", "tags/nightly", "tags/v1.4.2")
    snapshot = Snapshot(
        root="/src",
        common_dir="/src/.git",
        head=head,
        branch=row.get("branch"),
        committed_at=1_795_900_000,
        tag_listing="".join(f"{head} refs/{ref}\n" for ref in refs).encode(),
    )
    return reconcile(snapshot, detect(row["env"], row.get("event")), 0)


def generated() -> str:
    """Return the generated part of `docs/events.md`: one table for each CI system."""
    parts: list[str] = []
    system = ""
    systems = list(_NAMES)
    for row in sorted(rows(), key=lambda row: systems.index(row["system"])):
        if row["system"] != system:
            system = row["system"]
            parts.append(f"\n## {_NAMES[system]}\n\n| event | what the run does | why |\n|---|---|---|\n")
        facts = facts_of(row)
        parts.append(f"| {row['title']} | {_DOES[facts.scope.may]} | {facts.scope.reason} |\n")
    return "".join(parts)


def text() -> str:
    """Return the text of `docs/events.md` with its generated part made from the table."""
    return PAGE.read_text(encoding="utf-8").partition(MARK)[0] + MARK + generated()


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")

"""Conventional Commits 1.0.0: which part of the version one commit message raises."""

from __future__ import annotations

import pytest

from release.versions.bump import BumpRules, Part, part_of
from release.versions.commit_message import entries_of

#: The examples of the specification, in its order.
EXAMPLES = [
    ("feat: allow provided config object to extend other configs\n\nBREAKING CHANGE: `extends` key", "major"),
    ("feat!: send an email to the customer when a product is shipped", "major"),
    ("feat(api)!: send an email to the customer when a product is shipped", "major"),
    ("feat!: drop support for Node 6\n\nBREAKING CHANGE: use JavaScript features of Node 8.", "major"),
    ("docs: correct spelling of CHANGELOG", None),
    ("feat(lang): add Polish language", "minor"),
    ("fix: prevent racing of requests\n\nRemove timeouts.\n\nReviewed-by: Z\nRefs: #123", "patch"),
    ("revert: let us never again speak of the noodle incident\n\nRefs: 676104e, a215868", "patch"),
]

#: The subject: type, scope, `!`, colon, blank, description (1 to 5, 13 to 15).
SUBJECTS = [
    ("feat: x", "minor"),
    ("fix: x", "patch"),
    ("perf(core): x", "patch"),
    ("feature: x", "minor"),
    ("feat(api): x", "minor"),
    ("feat(api/v1): x", "minor"),
    ("feat(@org/pkg, web): x", "minor"),
    ("feat(a(b)): x", "minor"),
    ("feat():  x", "minor"),
    ("FEAT: x", "minor"),
    ("Fix(Core): x", "patch"),
    ("feat:  x", "minor"),
    ("feat:    x", "minor"),
    ("fix!:  x", "major"),
    ("chore(deps)!: x", "major"),
    ("docs!: x", "major"),
    ("build-deps!: x", "major"),
    ("feat(a(b))!: x", "major"),
    ("feat: x (#12)", "minor"),
    ("\n\nfeat: x", "minor"),
    ("  feat: x", "minor"),
    ("docs: x", None),
    ("chore: x", None),
    ("build: x", None),
    ("ci: x", None),
    ("style: x", None),
    ("refactor: x", None),
    ("test: x", None),
    ("feat:x", None),
    ("feat : x", None),
    ("feat (api): x", None),
    ("feat !: x", None),
    ("feat!(api): x", None),
    ("feat:", None),
    ("feat: ", None),
    ("feat!: \n\nbody", None),
    (": x", None),
    ("(api): x", None),
    ("!: x", None),
    ("add a feature", None),
    ("new feat: x", None),
    ("fixup! feat: x", None),
    ("squash! feat!: x", None),
    ("Merge branch 'feat: x'", None),
    ("", None),
    (" \n\n \n", None),
]

#: Footers (8 to 12, 15, 16).
FOOTERS = [
    ("fix: x\n\nbody\n\nBREAKING CHANGE: y", "major"),
    ("fix: x\n\nBREAKING CHANGE:  y", "major"),
    ("fix: x\n\nBREAKING CHANGE:\ty", "major"),
    ("fix: x\n\nBREAKING CHANGE:\ny", "major"),
    ("fix: x\n\nBREAKING CHANGE: \n\n  y\n", "major"),
    ("fix: x\n\nBREAKING CHANGE:y", "major"),
    ("refactor: x\n\nBREAKING-CHANGE: y", "major"),
    ("chore: x\n\nBREAKING-CHANGE:\n- y", "major"),
    ("feat: x\nBREAKING CHANGE: y", "major"),
    ("fix: x\n\nFixes #12\nBREAKING CHANGE: y", "major"),
    ("fix: x\n\nBREAKING CHANGE: y\nCloses #12", "major"),
    ("fix: x\n\nBREAKING CHANGE:\ny\nReviewed-by: Z", "major"),
    ("feat: x\n\n---------\n\nCo-authored-by: M <m@e.org>\n\nBREAKING CHANGE:  y", "major"),
    ("fix: x\n\n* BREAKING CHANGE: y", "major"),
    ("fix: x\n\n**BREAKING CHANGE:** y", "major"),
    ("fix: x\n\n**BREAKING CHANGE**: y", "major"),
    ("update things\n\nBREAKING CHANGE: y", "major"),
    ("BREAKING CHANGE: y", "major"),
    ("docs: x\n\nFixes #12\nRefs: #13", None),
    ("fix: x\n\nBREAKING CHANGE:", "patch"),
    ("fix: x\n\nBREAKING CHANGE:\n\nReviewed-by: Z", "patch"),
    ("fix: x\n\nBREAKING CHANGE:\n\nFixes #12", "patch"),
    ("fix: x\n\nBREAKING CHANGE:\n---------\n\nCo-authored-by: M <m@e.org>", "patch"),
    ("fix: x\n\nthis is no BREAKING CHANGE: at all", "patch"),
    ("fix: x\n\nbreaking change: y", "patch"),
    ("fix: x\n\nBreaking Change: y", "patch"),
    ("fix: x\n\nbreaking-change: y", "patch"),
    ("fix: x\n\nwrapped text about a\nBREAKING CHANGE of others", "patch"),
    ("fix: x\n\nBREAKING CHANGE y", "patch"),
    ("fix: x\n\nBREAKING CHANGE #12", "patch"),
    ("fix: x\n\nBREAKING CHANGES: y", "patch"),
    ("fix: x\n\nBREAKING_CHANGE: y", "patch"),
    ("fix: x\n\n    BREAKING CHANGE: code, quoted", "patch"),
    ("docs: x\n\n> BREAKING CHANGE: quoted", None),
    ("docs: explain\n\nfeat: begins a feature", None),
]

#: Several messages in one: what GitHub, GitLab, Gitea, Bitbucket, Azure Repos and git make of a squash.
SQUASHES = [
    ("Add a thing (#12)\n\n* feat: a\n\n* fix: b", "minor"),
    ("Add a thing (#12)\n\n* feat: a\n\n* fix!: b", "major"),
    ("chore: add (#12)\n\n* wip\n\n* feat(api): a\n\nlong text\n\n* typo", "minor"),
    ("fix: a (#12)\n\n* fix: a\n\nBREAKING CHANGE: y\n\n* fix: b", "major"),
    ("fix: a (#12)\n\n* fix: a\n\n  BREAKING CHANGE: y", "major"),
    ("fix: a (#12)\n\n* docs: a\n\n    BREAKING CHANGE:\n    y", "major"),
    ("Merged in feature (pull request #3)\n\n* feat: a\n* fix: b\n\nApproved-by: Z", "minor"),
    ("Merged PR 12: feat!: x\n\nRelated work items: #4", "major"),
    ("Title\n\n- feat: a\n- docs: b", "minor"),
    ("Title\n\n  * fix:  a", "patch"),
    ("docs: x\n\n* add words\n* remove words", None),
    ("docs: x\n\n*feat: a*", None),
    ("deps: x 2\n\n<details>\n<summary>Notes</summary>\n\n* feat!: drop y\n\n</details>", None),
    ("deps: x 2\n\n<details><details>\n</details>\n* feat!: y\n</details>\n\n* fix: z", "patch"),
    ("deps: x 2\n\n<details>\n\n* feat!: never closed", "major"),
    ("fix: x\n\n```text\nBREAKING CHANGE: quoted\n```\n\n~~~\n* feat: a\n~~~\n", "patch"),
    ("fix: x\n\n```\nBREAKING CHANGE: never closed", "major"),
    ("fix: x\n\n```a``` is code\nBREAKING CHANGE: y\n```b```", "major"),
    (
        f"Squashed commit of the following:\n\ncommit {'a' * 40}\nAuthor: A <a@e.org>\n\n    feat: a\n",
        "minor",
    ),
    (
        (
            f"Squashed commit of the following:\n\ncommit {'a' * 40}\nAuthor: A <a@e.org>\nDate:   now\n\n"
            f"    fix: a\n\n    BREAKING CHANGE: y\n\ncommit {'b' * 40}\nAuthor: A <a@e.org>\n\n    docs: b\n"
        ),
        "major",
    ),
    (
        (
            f"Squashed commit of the following:\n\ncommit {'b' * 40}\nAuthor: A <a@e.org>\n\n    docs: b\n\n"
            f"commit {'a' * 40}\nAuthor: A <a@e.org>\n\n    fix: a\n"
        ),
        "patch",
    ),
]

#: Line ends, comments and other text that is not the message.
TEXT = [
    ("feat: x\r\n\r\nBREAKING CHANGE: y\r\n", "major"),
    ("fix: x\r\n\r\nBREAKING CHANGE:\r\ny\r\n", "major"),
    ("Title\r\n\r\n* feat: a\r\n\r\n* fix!: b\r\n", "major"),
    ("feat: x\r\rBREAKING CHANGE: y", "major"),
    ("\ufefffeat: x", "minor"),
    ("# a comment\nfeat: x", "minor"),
    ("# feat: x", None),
    ("#\n#feat!: x\n", None),
    ("fix: x\n\n# BREAKING CHANGE: y", "patch"),
    ("fix: x\n\nBREAKING CHANGE:\n# nothing\n", "patch"),
    ("fix: x\n\n# ------------------------ >8 ------------------------\nBREAKING CHANGE: y", "patch"),
    ("fix: ä\n\nBREAKING CHANGE: ü", "major"),
    ("修复: x", None),
    ('Revert "feat: x"\n\nThis reverts commit 1234567.', "patch"),
    ('Reapply "feat: x"\n\nThis reverts commit 1234567.', "patch"),
]

MESSAGES = [*EXAMPLES, *SUBJECTS, *FOOTERS, *SQUASHES, *TEXT]


def test_commit_messages_raise_the_part_that_the_specification_says() -> None:
    assert len(MESSAGES) >= 100
    found = {message: part_of(message) for message, _ in MESSAGES}
    assert found == dict(MESSAGES)


@pytest.mark.parametrize(
    ("message", "types", "expected"),
    [
        ("docs: x", {"docs": "patch"}, "patch"),
        ("deps(go): x", {"deps": "minor"}, "minor"),
        ("fix: x", {"fix": "none"}, None),
        ("feat: x", {"feat": "major"}, "major"),
        ("perf: x", {"docs": "patch"}, "patch"),
        ("fix!: x", {"fix": "none"}, "major"),
        ("修复: x", {"修复": "patch"}, "patch"),
        ("Title\n\n* deps: a", {"deps": "patch"}, "patch"),
    ],
)
def test_configured_commit_types_raise_the_part_that_their_rule_names(
    message: str, types: dict[str, Part], expected: str | None
) -> None:
    assert part_of(message, BumpRules(types=types)) == expected


def test_a_commit_message_with_100_000_repeated_characters_is_parsed() -> None:
    for filler in (
        "\n",
        " ",
        "(",
        "* ",
        "feat(",
        '"',
        "BREAKING CHANGE:\n",
        "# - >8 ",
        "<details>\n",
        "```\n",
    ):
        entries_of(f"feat{filler * 100_000}x: y")
        entries_of(f"fix: x\n\n{filler * 100_000}")

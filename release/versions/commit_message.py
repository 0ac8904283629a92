"""Parses commit messages by Conventional Commits: type, breaking change, reverted commits, changes of a squash. Pure.

Source: Conventional Commits 1.0.0; conventional-commits-parser for what the specification leaves open: a colon is
required after `BREAKING CHANGE`, its text may begin on a later line, and it may stand behind a bullet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from release.lazy_pattern import pattern

# Specification, 1, 4 and 13: type, optional scope, optional `!`, colon and blank, then a description. The type is a
# noun: it has no blanks. Several blanks are accepted, as the reference parser trims the description.
_HEADER = pattern(r"(?P<type>[^\s():!]+)(?:\([^\n]*\))?(?P<breaking>!)?: \s*(?P<description>\S.*)")
# Specification, 12 and 16. Emphasis (`**BREAKING CHANGE:**`) is what Markdown in pull requests adds.
_BREAKING = pattern(r"(?:[*+-][ \t]+)?[*_]{0,2}BREAKING[ -]CHANGE[*_]{0,2}:[*_]{0,2}(?P<text>.*)")
# Specification, 8 and 10: a word, then `: ` or ` #`. A footer ends the text of the footer before it.
_FOOTER = pattern(r"(?:BREAKING CHANGE|[A-Za-z0-9][A-Za-z0-9-]*)(?:: | #)\S")
_BULLET = pattern(r"[ \t]*[*+-][ \t]+(?P<text>\S.*)")
# GitHub puts a line of dashes between the messages of a squash and their `Co-authored-by`.
_RULER = pattern(r"[-=_*]{3,}")
# Written by `git commit --verbose` above the diff; git and the reference parser drop everything below it.
_SCISSORS = pattern(r"^# -+ >8 -+$.*", re.MULTILINE | re.DOTALL)
_AZURE = pattern(r"Merged PR [0-9]+: ")  # Azure Repos begins the subject of a squash with this
_REVERT = pattern(r'(?P<word>Revert|Reapply)\s+"(?P<subject>.+)"(?:\s+\([#!][0-9]+\))?', re.IGNORECASE)
_REVERTED = pattern(
    r"This reverts commit (?P<commit>[0-9a-f]{4,64})\b(?:, reversing\s+changes made to (?P<kept>[0-9a-f]{4,64})\b)?",
    re.IGNORECASE,
)
_REFS = pattern(r"^Refs?: (?P<commits>[^\n]*)", re.MULTILINE | re.IGNORECASE)
_COMMIT = pattern(r"\b[0-9a-f]{7,64}\b", re.IGNORECASE)
# `git merge --squash` writes this subject, and then the output of `git log`.
_SQUASHED = "Squashed commit of the following:"
_SQUASHED_COMMIT = pattern(r"commit (?P<commit>[0-9a-f]{40,64})\b")
# Beginnings of lines that open what `_without_quotes` drops: GitHub's folded text, and Markdown's fenced code.
_FOLD, _FOLD_END = "<details", "</details"
_QUOTES = (_FOLD, "```", "~~~")
_NUMBER = pattern(r"\s+\([#!][0-9]+\)$")


class Reverted(msgspec.Struct, frozen=True, kw_only=True):
    """What a change reverts. `commits`: ids, which may be short. `subject`: of the reverted change, or empty.

    `kept`: where a merge is reverted, the parent whose history stays; or empty.
    """

    commits: tuple[str, ...] = ()
    subject: str = ""
    kept: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a commit message: the message itself, or one of several changes in a squash.

    `type`: in lower case, or empty where the subject is not conventional. `commit`: the id that the change had before
    the squash, if the message has it.
    """

    subject: str
    type: str = ""
    breaking: bool = False
    reverts: Reverted | None = None
    commit: str = ""


def entries_of(message: str) -> tuple[Entry, ...]:
    """The changes of a message, its own subject first. An empty message has none."""
    lines = _lines(message)
    if not lines:
        return ()
    if lines[0].startswith(_SQUASHED):
        return tuple(_squashed(lines[1:]))
    found = []
    section: list[str] = [_AZURE.sub("", lines[0], count=1)]
    for line in lines[1:]:
        bullet = _BULLET.fullmatch(line)
        if bullet is not None and _is_change(bullet["text"]):
            found.append(section)
            section = [bullet["text"]]
        else:
            # Markdown takes a line with four blanks in front for code; below a bullet the text is indented.
            keeps = not found and line.startswith(("    ", "\t"))
            section.append(line if keeps else line.strip())
    return tuple(_entry(one) for one in [*found, section])


def plain_subject(subject: str) -> str:
    """A subject without the number of its pull request, to compare it with the subject in a revert."""
    return _NUMBER.sub("", " ".join(subject.split()))


def _lines(message: str) -> list[str]:
    """The lines from the subject on, without git's comments and what is below its scissors."""
    # Some editors on Windows begin the file of a message with a byte order mark.
    plain = message.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    text = _SCISSORS.sub("", plain)
    lines = _without_quotes([line.rstrip() for line in text.split("\n") if not line.startswith("#")])
    while lines and not lines[0]:
        lines.pop(0)
    return [lines[0].strip(), *lines[1:]] if lines else []


def _without_quotes(lines: Sequence[str]) -> list[str]:
    """`lines` without fenced code and `<details>`: the release notes of a dependency, which bots put into requests.

    What is opened and not closed again stays.
    """
    kept: list[str] = []
    held: list[str] = []
    mark, depth = "", 0  # what opened the lines in `held`, and how many are open: `<details>` may be nested
    for line in lines:
        text = line.strip().lower()
        begins = not mark
        if begins and "`" not in text.lstrip("`"):  # otherwise it is code within a line
            mark = next((one for one in _QUOTES if text.startswith(one)), "")
        (held if mark else kept).append(line)
        if mark == _FOLD:
            depth += text.count(_FOLD) - text.count(_FOLD_END)
        elif mark:
            depth = int(begins or not text.startswith(mark))
        if mark and depth <= 0:
            mark, held, depth = "", [], 0
    return kept + held


def _is_change(text: str) -> bool:
    header = _HEADER.match(text)
    return _REVERT.match(text) is not None or (header is not None and not _BREAKING.match(text))


def _squashed(lines: Sequence[str]) -> Iterator[Entry]:
    """The changes in what `git merge --squash` writes: `git log`, which indents messages by four blanks."""
    commit, section = "", list[str]()
    for line in lines:
        begins = _SQUASHED_COMMIT.match(line)
        if begins is not None:
            if section:
                yield _entry(section, commit)
            commit, section = begins["commit"], []
        elif commit and line.startswith("    "):
            section.append(line[4:])
        elif section and not line:
            section.append(line)
    if section:
        yield _entry(section, commit)


def _entry(section: Sequence[str], commit: str = "") -> Entry:
    subject, body = section[0], section[1:]
    header = _HEADER.match(subject)
    type_ = "" if header is None else header["type"].lower()  # 15: only BREAKING CHANGE is case-sensitive
    reverts = _reverted(subject, type_, header["description"] if header is not None else "", body)
    return Entry(
        subject=subject,
        type="revert" if _REVERT.match(subject) else type_,
        breaking=bool(header and header["breaking"]) or _is_breaking(section),
        reverts=reverts,
        commit=commit,
    )


def _is_breaking(lines: Sequence[str]) -> bool:
    """Whether a footer says `BREAKING CHANGE:` with a text, on its line or, before the next footer, below it."""
    is_open = False  # whether a footer without a text on its own line was read last
    for line in lines:
        text = line.strip()
        found = _BREAKING.match(line if line.startswith(("    ", "\t")) else text)
        if found is not None:
            if found["text"].strip():
                return True
            is_open = True
        elif is_open and _FOOTER.match(text):
            is_open = False
        elif is_open and text and not _RULER.fullmatch(text):
            return True
    return False


def _reverted(subject: str, type_: str, description: str, body: Sequence[str]) -> Reverted | None:
    text = "\n".join(body)
    quoted = _REVERT.match(subject)
    named = list(_REVERTED.finditer(text))
    commits = [one["commit"].lower() for one in named]
    if quoted is None and type_ != "revert":
        # A commit of another type, such as `feat`, may revert a commit too. The `feat` still counts as a feature.
        return Reverted(commits=tuple(commits), kept=_kept(named)) if commits else None
    for refs in _REFS.finditer(text):
        commits += [one.lower() for one in _COMMIT.findall(refs["commits"])]
    if quoted is None:
        was = description.strip().strip('"')
    elif quoted["word"].lower() == "reapply":
        was = f'Revert "{quoted["subject"]}"'  # git 2.43 and newer call the revert of a revert `Reapply`
    else:
        was = quoted["subject"]
    return Reverted(commits=tuple(dict.fromkeys(commits)), subject=was, kept=_kept(named))


def _kept(named: Sequence[re.Match[str]]) -> str:
    return next((one["kept"].lower() for one in named if one["kept"]), "")

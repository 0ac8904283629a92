"""Refuses misspelt words in lists of the config that take words of others, too: events, types of commits. Pure.

A CI system or a project may have words that no table here has, so only a word that is like a known one is an error.
"""

from __future__ import annotations

import re

from release.config.document import Document, Position
from release.config.model import ComponentSection
from release.errors import ConfigError
from release.hints import nearest

#: Names of events that runs for a branch have: those of `shipmark ci`, and those of the CI systems.
#: Sources: the documentation of each system, see `ci/systems/`.
EVENTS = frozenset(
    (
        "push",
        "tag",
        "schedule",
        "manual",
        "other",
        "create",
        "release",
        "workflow_dispatch",
        "repository_dispatch",
        "workflow_run",
        "workflow_call",
        "deployment",
        "deployment_status",
        "registry_package",
        "package",
        "issue_comment",
        "issues",
        "check_run",
        "check_suite",
        "status",
        "pull_request",
        "pull_request_target",
        "merge_group",
        "web",
        "webide",
        "api",
        "trigger",
        "pipeline",
        "parent_pipeline",
        "chat",
        "external",
        "security_orchestration_policy",
        "merge_request_event",
        "individualci",
        "batchedci",
        "buildcompletion",
        "resourcetrigger",
        "pullrequest",
        "webhook",
        "ui",
        "trigger_job",
        "cron",
        "custom",
        "promote",
        "rollback",
        "tag_push",
        "timertrigger",
        "scmtrigger",
        "manualtrigger",
        "upstreamtrigger",
        "incoming",
    )
)
_PLACEHOLDERS = ("layout", "image", "digest", "version")
# Conventional Commits 1.0.0, 1: a type is a noun; scope and `!` follow it in the message, and are no part of it.
_TYPE = r"[^\s():!]+"


def require_words(at: Position, key: str, section: ComponentSection) -> None:
    """Raise `ConfigError` if a word of `key` is misspelt. `key`: a key of `CHECKS`; `at`: where the config has it."""
    found = CHECKS[key](section)
    if found is not None:
        reason, hint = found
        raise ConfigError(f"{at}: `{key}`: {reason}", hint=hint)


def _release_on(section: ComponentSection) -> tuple[str, str] | None:
    for given in section.release_on:
        word = given.strip().lower()
        if word in EVENTS:
            continue
        near = nearest(word.replace("-", "_"), EVENTS)
        if near is not None or not word:
            return f"no event is called `{given}`", (
                f"did you mean `{near}`?" if near else "write the name of an event, as `shipmark ci` shows it"
            )
    return None


def _types(section: ComponentSection) -> tuple[str, str] | None:
    for given in section.bump.types:
        if not re.fullmatch(_TYPE, given):
            word = re.match(_TYPE, given)
            hint = f"write `{word[0]}`: " if word else "write the type alone: "
            return f"`{given}` is not a type of commits", f"{hint}scope and `!` are no part of it"
    return None


def _tags(section: ComponentSection) -> tuple[str, str] | None:
    if section.tags == "default":
        return None
    lines = section.tags.splitlines() if isinstance(section.tags, str) else section.tags
    for line in lines:
        word = line.strip() if isinstance(line, str) else ""
        # docker/metadata-action reads a bare word as `type=raw,value=WORD`.
        if word and "=" not in word and nearest(word, ("default",)):
            return f"`{word}` here is a rule for a tag of this name", (
                f"write `tags: default` for the default tags, or `type=raw,value={word}` for the tag"
            )
    return None


def _checks(section: ComponentSection) -> tuple[str, str] | None:
    for word in (word for check in section.checks for word in check.run):
        for found in re.finditer(r"\{\{\s*([A-Za-z_]+)\s*\}\}", word):
            near = nearest(found[1], _PLACEHOLDERS)
            if near is not None and found[0] != f"{{{{{near}}}}}":
                return f"`{found[0]}` is not replaced", f"did you mean `{{{{{near}}}}}`?"
    return None


#: Key -> the check of its words: what is wrong and a hint, or None.
CHECKS = {"release_on": _release_on, "bump.types": _types, "tags": _tags, "checks": _checks}


def require_all_words(name: str, section: ComponentSection, document: Document) -> None:
    """Raise `ConfigError` for the first misspelt word of the component called `name`."""
    for key in CHECKS:
        own = f"$.components.{name}.{key}"
        require_words(document.at(own if own in document.positions else f"$.{key}"), key, section)

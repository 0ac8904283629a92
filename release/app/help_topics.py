"""The section of `docs/errors.md` about an error. It depends on the error's class and on the package that raised it.

`tests/unit/app/test_help_topics.py` compares this table with the page and with every place that raises an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import ParamSpec

from release.errors import (
    AmbiguousVersion,
    BareRepository,
    BuildError,
    BuilderUnavailable,
    ConfigError,
    DamagedBlob,
    DeletionDisabled,
    Denied,
    DigestMismatch,
    DirtyTree,
    DubiousOwnership,
    GitError,
    IncompleteTree,
    InputsChanged,
    Interrupted,
    Invalid,
    LogCorrupt,
    LogError,
    LogUnavailable,
    NoCommits,
    NoRepository,
    NotFound,
    Obstructed,
    PartialError,
    RefusedError,
    RegistryError,
    ReleaseError,
    ShallowClone,
    StalePlan,
    TagConflict,
    Terminated,
    Unreachable,
)

_P = ParamSpec("_P")

#: The page, in shipmark's own repository. A path and no URL: no host is known that serves the page for every copy of
#: the repository, and a name that is made up could be registered by somebody else.
PAGE = "docs/errors.md"
#: The topic of a command line that cannot be parsed.
USAGE = "usage"
#: The topic of a defect: an exception that is not a `ReleaseError`.
DEFECT = "unexpected-failure"

#: Class -> package or module below `release` that raises it -> topic. The longest name that fits counts; an empty one
#: fits every module, and errors that were never raised where they were made: `caught` raises them there.
TOPICS: Mapping[type[ReleaseError], Mapping[str, str]] = {
    ReleaseError: {"": DEFECT, "cli.output.stdout": "output"},
    ConfigError: {
        "": USAGE,
        "app.images": "image-name",
        "app.input_files": "unreadable-file",
        "app.log": "log-question",
        "app.log.import_entries": "unreadable-file",
        "app.log.move": "log-store",
        "app.log.open_log": "log-store",
        "app.obtain": "build-option",
        "app.obtain.supplied": "from-image",
        "app.released.deployed": "environment-name",
        "app.releases.decide": "tag-rules",
        "app.releases.gathering": "config-file",
        "app.releases.metadata_context": "metadata-input",
        "app.retention": "retention-policy",
        "app.retention.prune": "prune-approval",
        "app.retention.undo": "prune-approval",
        "app.setup.init": "init",
        "app.setup.lint_dockerfile": "dockerfile-file",
        "app.setup.new_dockerfile": "dockerfile-file",
        "app.versions": "next-version",
        "app.versions.version": "version-format",
        "build.dockerfile.templates": "dockerfile-file",
        "cli.action": "action-input",
        "cli.commands.dockerfile": "dockerfile-file",
        "cli.commands.log": "log-question",
        "cli.commands.metadata": "metadata-input",
        "cli.commands.prune": "prune-approval",
        "cli.output": "output",
        "cli.output.metadata_outputs": "metadata-input",
        "compression": "missing-package",
        "config": "config-file",
        "config.requires": "config-requires",
        "config.variables": "config-variables",
        "filesystem": "unreadable-file",
        "filesystem.cache_folder": "cache-folder",
        "filesystem.cache_limit": "cache-folder",
        "image_names": "image-name",
        "inventory.in_use": "in-use",
        "json_text": "unreadable-file",
        "log.anchor": "log-question",
        "log.answers.mentions": "log-question",
        "log.stores": "log-store",
        "log.timestamps": "log-question",
        "oci": "image-name",
        "plan.earlier": "stale-plan",
        "plan.inputs": "config-file",
        "ref_names": "ref-name",
        "registry": "registry-settings",
        "retention": "retention-policy",
        "tagging": "tag-rules",
        "tagging.expressions": "expression",
        "tagging.formats": "version-format",
        "tagging.released": "version-format",
        "tagging.rules.context": "expression",
        "tagging.rules.javascript": "pattern",
        "tagging.version_text": "version-format",
    },
    GitError: {
        "": "git-failed",
        "app.releases": "git-tag",
        "app.versions": "git-tag",
        "build": "no-repository",
        "git.write": "git-tag",
        "tagging": "git-tag",
    },
    NoRepository: {"": "no-repository"},
    NoCommits: {"": "no-commits"},
    BareRepository: {"": "bare-repository"},
    DubiousOwnership: {"": "dubious-ownership"},
    DirtyTree: {"": "dirty-tree"},
    ShallowClone: {"": "shallow-clone"},
    AmbiguousVersion: {"": "ambiguous-version"},
    IncompleteTree: {"": "incomplete-tree"},
    BuildError: {
        "": "build-failed",
        "app.obtain.builds": "build-context",
        "app.released": "platform",
        "build.buildah.obstacles": "builder-feature",
        "build.buildkit.options": "build-option",
        "build.buildkit.build_secrets": "build-option",
        "build.context": "build-context",
        "build.context.named": "build-option",
        "build.dockerfile": "dockerfile",
        "build.dockerfile.features.needs": "builder-feature",
        "build.embedded": "instruction",
        "build.embedded.base_config": "base-image",
        "build.embedded.layer_changes": "base-image",
        "build.embedded.bases": "base-image",
        "build.embedded.located_bases": "base-image",
        "build.embedded.obstacles": "builder-feature",
        "build.embedded.programs": "platform",
        "build.embedded.read_contexts": "build-option",
        "build.ignore": "build-context",
        "build.task_input": "builder-feature",
        "compression": "build-context",
        "docker": "daemon-image",
        "effects": "platform",
        "effects.image_checks": "check-failed",
        "oci": "platform",
        "plan.supply": "platform",
    },
    BuilderUnavailable: {
        "": "builder-unavailable",
        "build.embedded": "base-image",
        "docker": "docker-daemon",
    },
    RegistryError: {
        "": "registry-failed",
        "image_names": "image-files",
        "layout": "image-files",
        "app.log": "log-and-registry",
        "transfer.delete": "deletion",
    },
    Unreachable: {"": "unreachable"},
    Denied: {
        "": "denied",
        "registry.auth.ecr": "credential-helper",
        "registry.auth.keychain": "credential-helper",
    },
    NotFound: {
        "": "not-found",
        "app.retention.explain": "prune-approval",
        "app.retention.undo": "prune-approval",
        "effects": "content-lost",
    },
    Invalid: {
        "": "invalid-image",
        "app.images": "deletion",
        "registry": "invalid-answer",
        "registry.auth": "token-server",
        "registry.deletion": "deletion",
        "statements": "version-status",
        "transfer.delete": "deletion",
    },
    DeletionDisabled: {"": "deletion"},
    DigestMismatch: {"": "digest-mismatch"},
    DamagedBlob: {"": "damaged-blob"},
    RefusedError: {
        "": "refused",
        "app.images": "deletion",
        "app.images.put_tags": "tag-conflict",
        "app.log": "log-and-registry",
        "app.log.verify_copies": "log-copies",
        "app.obtain": "from-image",
        "app.released": "taken-back",
        "app.releases.build": "untrusted",
        "app.releases.gathering.status": "taken-back",
        "app.retention": "prune-refused",
        "app.session": "untrusted",
        "app.setup": "init",
        "app.versions": "git-tag",
        "cli.commands.log": "log-and-registry",
        "filesystem": "obstructed",
        "git.own_folder": "own-folder",
        "git.way_out": "obstructed",
        "inventory.in_use": "in-use",
        "log.replicate": "log-copies",
        "log.unasked": "untrusted",
        "plan.evidence": "tag-conflict",
        "plan.obtain": "from-image",
        "plan.promote": "backward",
        "plan.rollback_versions": "taken-back",
        "tagging": "untrusted",
        "transfer.delete": "deletion",
        "transfer.holders": "deletion",
    },
    TagConflict: {"": "tag-conflict", "git": "git-tag", "log": "log-conflict"},
    StalePlan: {"": "stale-plan"},
    InputsChanged: {"": "inputs-changed"},
    Obstructed: {"": "obstructed"},
    PartialError: {
        "": "partial",
        "app.releases.unrecorded": "unrecorded",
        "app.retention": "prune-partial",
        "effects.retention": "prune-partial",
        "effects.version_status": "version-status",
    },
    LogError: {
        "": "log-failed",
        "log.chain": "log-record",
        "log.identity": "log-record",
        "log.sealing": "log-record",
        "log.stores.sql": "log-database",
    },
    LogUnavailable: {"": "log-unavailable"},
    LogCorrupt: {"": "log-corrupt"},
    Interrupted: {"": "interrupted"},
    Terminated: {"": "interrupted"},
}


def topic_of(error: ReleaseError) -> str:
    """The topic of an error, by its class and by the module that raised it."""
    return topic(type(error), _raised_in(error))


def topic(cls: type[ReleaseError], module: str) -> str:
    """The topic of an error of class `cls` that `module` raises. `module`: its name below `release`, or empty."""
    rooms = next(TOPICS[base] for base in cls.__mro__ if base in TOPICS)
    names = module.split(".") if module else []
    prefixes = (".".join(names[:length]) for length in range(len(names), -1, -1))
    return next(rooms[prefix] for prefix in prefixes if prefix in rooms)


def help_at(name: str) -> str:
    """Where the section about a topic is, as printed below a message and as the member `help` of `--json` documents."""
    return f"{PAGE}#{name}"


def caught(require: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> ReleaseError | None:
    """The error that `require` raises, for a report that carries it; None if it raises none.

    An error that is only made, and raised by the command line at last, would get the topic of its class.
    """
    try:
        require(*args, **kwargs)
    except ReleaseError as error:
        return error
    return None


def _raised_in(error: ReleaseError) -> str:
    """The module below `release` whose function raised the error: the innermost frame of its traceback."""
    module, entry = "", error.__traceback__
    while entry is not None:
        name = str(entry.tb_frame.f_globals.get("__name__", ""))
        module = name.removeprefix("release.") if name.startswith("release.") else module
        entry = entry.tb_next
    return module

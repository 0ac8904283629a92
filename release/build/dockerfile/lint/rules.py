"""The table of rules. An id is never given a second meaning, since people write it behind `--ignore`."""

from __future__ import annotations

from release.build.dockerfile.lint.findings import Rule, Severity


def _rule(id_: str, severity: Severity, summary: str, hint: str) -> tuple[str, Rule]:
    return id_, Rule(id=id_, severity=severity, summary=summary, hint=hint)


RULES: dict[str, Rule] = dict(
    (
        _rule("syntax", "error", "The file cannot be parsed.", "correct the line"),
        _rule(
            "base-without-digest",
            "warning",
            "A base image has no digest, so the same commit can give another image tomorrow.",
            "write the digest behind the tag, `IMAGE:TAG@sha256:…`; `shipmark image digest IMAGE` prints it",
        ),
        _rule(
            "base-latest",
            "error",
            "A base image has the tag `latest`, or no tag, and no digest.",
            "name a version and its digest, `IMAGE:TAG@sha256:…`; `shipmark image digest IMAGE` prints it",
        ),
        _rule("user-root", "error", "The image runs as root.", "end the last stage with `USER 65532:65532`"),
        _rule(
            "user-missing",
            "warning",
            "The last stage has no `USER`: the base image decides, and most run as root.",
            "end the last stage with `USER 65532:65532`",
        ),
        _rule(
            "user-not-numeric",
            "warning",
            "The user is a name, which `runAsNonRoot` of Kubernetes cannot check.",
            "write the number of the user and of the group, such as `USER 65532:65532`",
        ),
        _rule(
            "add-without-checksum",
            "error",
            "`ADD` downloads a file without a checksum.",
            "add `--checksum=sha256:…`",
        ),
        _rule(
            "secret-value",
            "error",
            "A variable whose name looks like a secret has a value in the file.",
            "remove the value, revoke it, and use `RUN --mount=type=secret,id=…`",
        ),
        _rule(
            "secret-variable",
            "warning",
            "A variable whose name looks like a secret: its value stays in the image's history or configuration.",
            "use `RUN --mount=type=secret,id=…`",
        ),
        _rule(
            "version-too-early",
            "warning",
            "Every release changes the version argument, so the steps after it are never taken from the cache.",
            "move the `ARG` down, directly above the instruction that needs it",
        ),
        _rule(
            "copy-all-without-ignore",
            "warning",
            "The whole context is copied and no ignore file leaves out `.git`, secrets and build output.",
            "add a `.dockerignore`; `shipmark dockerfile new` writes one that lists what the image needs",
        ),
        _rule(
            "shell-form",
            "warning",
            "The program starts in a shell, which does not pass SIGTERM on.",
            'write the words as JSON, such as `ENTRYPOINT ["/app"]`',
        ),
    )
)

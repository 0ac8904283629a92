"""Each rule of `dockerfile lint` finds its example at its line and column, and nothing in the repaired example."""

from __future__ import annotations

import pytest

from release.build.dockerfile.lint.findings import reaches
from release.build.dockerfile.lint.lint import lint
from release.build.dockerfile.lint.rules import RULES
from release.build.dockerfile.templates.render import render
from release.build.dockerfile.templates.texts import TEMPLATES

DIGEST = "sha256:" + "ab" * 32
BASE = f"FROM alpine:3.20@{DIGEST}\n"
USER = "USER 65532:65532\n"

#: Rule -> a text that breaks it, and where; and a text that follows the hint.
CASES: list[tuple[str, str, str, str]] = [
    ("syntax", f"{BASE}{USER}COPPY a b\n", "3:1", f"{BASE}{USER}COPY a b\n"),
    ("base-without-digest", f"FROM alpine:3.20\n{USER}", "1:6", f"{BASE}{USER}"),
    ("base-without-digest", f"FROM alpine:3.20@sha256:abc\n{USER}", "1:6", f"{BASE}{USER}"),
    ("base-without-digest", f"ARG V=1\nFROM alpine:$V\n{USER}", "2:6", f"ARG B\nFROM $B\n{USER}"),
    ("base-latest", f"FROM --platform=linux/amd64 alpine\n{USER}", "1:29", f"{BASE}{USER}"),
    ("base-latest", f"FROM localhost:5000/a:latest\n{USER}", "1:6", f"FROM scratch\n{USER}"),
    (
        "base-latest",
        f"{BASE}COPY --from=busybox /bin/a /a\n{USER}",
        "2:13",
        f"{BASE}COPY --from=0 /a /b\n{USER}",
    ),
    ("user-root", f"{BASE}USER 65532\n  USER root\n", "3:8", f"{BASE}USER root\n{USER}"),
    ("user-root", f"{BASE}USER 0:0\n", "2:6", f"{BASE}USER 1000\n"),
    ("user-missing", BASE, "1:1", f"FROM scratch AS a\n{USER}FROM a\n"),
    ("user-not-numeric", f"{BASE}USER nobody\n", "2:6", f"{BASE}USER $UID\n"),
    (
        "add-without-checksum",
        f"{BASE}ADD https://example.org/a.tgz /\n{USER}",
        "2:5",
        f"{BASE}ADD --checksum={DIGEST} https://example.org/a.tgz /\n{USER}",
    ),
    (
        "add-without-checksum",
        f"{BASE}ADD https://example.org/a.git/b /\n{USER}",
        "2:5",
        f"{BASE}ADD https://example.org/a.git?tag=v1#refs/tags/v1 /\n{USER}",
    ),
    ("secret-value", f"{BASE}ENV A=1 \\\n    DB_PASSWORD=hunter2\n{USER}", "3:5", f"{BASE}ENV A=1\n{USER}"),
    ("secret-variable", f"{BASE}ARG NPM_TOKEN\n{USER}", "2:5", f"{BASE}ARG SSL_CERT_FILE=/etc/ca\n{USER}"),
    (
        "version-too-early",
        f"{BASE}ARG VERSION=1\nRUN apk add git\nRUN make V=$VERSION\n{USER}",
        "2:5",
        f"{BASE}RUN apk add git\nARG VERSION=1\nRUN make V=$VERSION\nRUN strip a\n{USER}",
    ),
    (
        "version-too-early",
        f"{BASE}ARG VERSION\nENV VERSION=$VERSION\nRUN make\n{USER}",
        "2:5",
        f"{BASE}ARG VERSION\nRUN <<EOF\nmake $VERSION\nEOF\n{USER}",
    ),
    ("copy-all-without-ignore", f"{BASE}COPY . /src\n{USER}", "2:1", f"{BASE}COPY src /src\n{USER}"),
    ("shell-form", f"{BASE}{USER}ENTRYPOINT /app -v\n", "3:1", f'{BASE}{USER}ENTRYPOINT ["/app"]\n'),
    ("shell-form", f"{BASE}{USER}CMD /app\n", "3:1", f"{BASE}{USER}CMD exec /app\n"),
]


@pytest.mark.parametrize(("rule", "broken", "place", "repaired"), CASES)
def test_each_lint_rule_finds_its_example_and_accepts_the_remedy(
    rule: str, broken: str, place: str, repaired: str
) -> None:
    found = lint(broken)
    assert [(one.rule, f"{one.line}:{one.column}") for one in found] == [(rule, place)]
    assert found[0].severity == RULES[rule].severity
    assert found[0].hint
    assert lint(repaired) == ()


def test_every_lint_rule_has_an_example() -> None:
    assert {rule for rule, *_ in CASES} == set(RULES)
    assert all(key == rule.id and rule.summary.endswith(".") and rule.hint for key, rule in RULES.items())


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_with_pinned_bases_have_no_finding(name: str) -> None:
    images = {str(stage): f"{image}@{DIGEST}" for stage, image in TEMPLATES[name].bases.items()}
    pinned = {stage: image for stage, image in images.items() if not image.startswith("scratch")}
    assert lint(render(name, bases=pinned).dockerfile, has_ignore=True) == ()
    unpinned = {one.rule for one in lint(render(name).dockerfile, has_ignore=True)}
    assert unpinned == ({"base-without-digest"} if pinned else set())


def test_finding_about_a_secret_does_not_show_its_value() -> None:
    assert "hunter2" not in str(lint(f"{BASE}ENV DB_PASSWORD=hunter2\n"))


def test_lint_allows_copying_the_whole_context_if_an_ignore_file_applies() -> None:
    assert lint(f"{BASE}COPY . /src\n{USER}", has_ignore=True) == ()


def test_dockerfile_without_a_from_is_one_syntax_finding() -> None:
    (found,) = lint("# nothing\n", "docker/Dockerfile")
    assert (found.file, found.line, found.rule) == ("docker/Dockerfile", 1, "syntax")


def test_lint_threshold_counts_findings_of_its_own_severity_and_worse() -> None:
    assert [reaches(one, "warning") for one in ("error", "warning", "info")] == [True, True, False]

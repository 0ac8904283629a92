"""`shipmark dockerfile lint`: checks Dockerfiles, and exits 4 for findings that are severe enough."""

from __future__ import annotations

import os
from urllib.parse import quote

import click
import msgspec

from ci.speech import Level
from release.app.session import Session
from release.app.setup.lint_dockerfile import LintReport, LintRequest, lint_dockerfiles
from release.build.dockerfile.lint.findings import SEVERITIES, Finding, Severity
from release.build.dockerfile.lint.rules import RULES
from release.build.dockerfile.lint.sarif import sarif
from release.cli.options import Command, global_options
from release.cli.output.ci_sink import voice_of
from release.cli.output.foreign import clean
from release.cli.output.stdout import data, document, speak
from release.cli.session import open_session
from release.errors import BuildError, ConfigError
from release.events import Note

#: Annotations of one level (error, warning, notice) that are written. GitHub's runner drops further ones of a step, so
#: further findings are only printed.
_PER_LEVEL = 10
_LEVELS: dict[Severity, Level] = {"error": "error", "warning": "warning", "info": "notice"}
_LIST = "\n".join(f"  {rule.id:25}{rule.severity:9}{rule.summary}" for rule in RULES.values())


@click.command(cls=Command, epilog=f"\b\nRules:\n{_LIST}")
@global_options
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="error",
    help="Exit 4 for findings of this severity or worse [default: error].",
)
@click.option(
    "--ignore",
    "ignored",
    multiple=True,
    metavar="RULE",
    help="Leave this rule out; may be given several times.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, schema `shipmark.lint/1`.")
@click.option("--sarif", "as_sarif", is_flag=True, help="One SARIF 2.1.0 document, for code scanning.")
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.pass_context
def command(
    ctx: click.Context,
    fail_on: Severity,
    ignored: tuple[str, ...],
    as_json: bool,
    as_sarif: bool,
    files: tuple[str, ...],
) -> int:
    """Check Dockerfiles; without FILE, `Dockerfile`.

    Prints `FILE:LINE:COLUMN: SEVERITY: MESSAGE [RULE]` for each finding, and a hint. Exits 0 without findings of the
    severity of --fail-on, else 4. In CI, findings become annotations. hadolint runs as well where it is installed
    (`shipmark[lint]`), without its config files, and in trusted runs the build checks of buildx. A checker that did
    not run is named on stderr.
    """
    if as_json and as_sarif:
        raise ConfigError("`--json` and `--sarif` are two documents", hint="choose one of them")
    session = open_session(ctx)
    request = LintRequest(files=files or ("Dockerfile",), fail_on=fail_on, ignored=ignored)
    report = lint_dockerfiles(session, request)
    if as_json:
        document(msgspec.to_builtins(report))
    elif as_sarif:
        ran = [checker.name for checker in report.checkers if checker.reason is None]
        paths = {one.file: quote(_from_root(session, one)) for one in report.findings}
        document(sarif(report.findings, checkers=ran, paths=paths))
    else:
        data(*_lines(report))
    _annotate(session, report)
    for checker in report.checkers:
        if checker.reason is not None:
            text = f"not run: {checker.name}: {checker.reason}"
            session.sink.emit(Note(level="info", text=text))
    return BuildError.exit_code if report.failed else 0


def _lines(report: LintReport) -> list[str]:
    """A line for each finding, a second line for its hint if there is one, and a last line that counts the findings."""
    lines: list[str] = []
    for one in report.findings:
        lines.append(f"{one.file}:{one.line}:{one.column}: {one.severity}: {one.message} [{one.rule}]")
        lines += [f"  hint: {one.hint}"] if one.hint else []
    counts = {name: sum(one.severity == name for one in report.findings) for name in SEVERITIES}
    said = ", ".join(f"{name}: {count}" for name, count in counts.items() if count)
    files = ", ".join(report.files)
    return [*lines, f"{files}: {said or 'no findings'}"]


def _annotate(session: Session, report: LintReport) -> None:
    """Write findings as annotations beside the lines of the file, in CI systems that have annotations."""
    speaks = voice_of(session.ci.system)
    if speaks is None:
        return
    for severity, level in _LEVELS.items():
        for one in [one for one in report.findings if one.severity == severity][:_PER_LEVEL]:
            text = clean(f"{one.message}\nhint: {one.hint}" if one.hint else one.message)
            speak(
                speaks.annotation(level, text, title=one.rule, file=_from_root(session, one), line=one.line)
            )


def _from_root(session: Session, finding: Finding) -> str:
    """The file's path below the repository's root, by which CI systems find it."""
    path = os.path.abspath(os.path.join(session.directory, finding.file))
    return os.path.relpath(path, os.path.abspath(session.root))

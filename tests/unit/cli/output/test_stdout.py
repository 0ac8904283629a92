"""Every printer, given text that begins like a command of each CI system, prints no command."""

from __future__ import annotations

import csv
import io
import json
import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.speech import VOICES, LogCommand, voice
from release.app.log.reports import ListedRelease
from release.cli.commands.log.list_releases import as_csv
from release.cli.output import stdout
from release.cli.output.ci_sink import CiSink
from release.cli.output.columns import csv_cell
from release.cli.output.foreign import clean, hide, json_text, one_line
from release.cli.output.streams import Escaping, escaping
from release.errors import ReleaseError
from release.events import Event, LastLines, Note, Output, StepEvent
from release.secrets.known import Secrets
from tests.support.openings import ALL, commands_in

PRINTERS: dict[str, Callable[[str], None]] = {
    "data": stdout.data,
    "data, indented": lambda text: stdout.data(f"  {text}"),
    "document": lambda text: stdout.document({"schema": "x/1", text: [text, {"a": text}]}),
    "document, one line": lambda text: stdout.document({"a": text}, indent=None),
    "talk": stdout.talk,
    "complain": lambda text: stdout.complain(text, hint=text),
    "speak": lambda text: stdout.speak(text),  # type: ignore[arg-type]  # a text that is no command of ours
}


def _events(text: str) -> Iterator[Event]:
    for level in ("debug", "info", "warning", "error"):
        yield Note(level=level, text=text, hint=text)
    for state in ("made", "withheld", "failed", "unknown", "conflict", "done"):
        yield StepEvent(step=text, state=state, text=text)
    yield Output(source=text, line=text)
    yield LastLines(step=text, lines=(f"{text}, unseen",))


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("name", PRINTERS)
def test_printers_print_no_ci_command(name: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    PRINTERS[name](text)
    out, err = capsys.readouterr()
    assert out + err
    assert list(commands_in(out + err)) == []


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("sink", [stdout.PlainSink(1), stdout.JsonSink()])
def test_event_sinks_print_no_ci_command(sink: Any, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for event in _events(text):
        sink.emit(event)
    assert list(commands_in(capsys.readouterr().err)) == []


@pytest.mark.parametrize("text", ALL)
@pytest.mark.parametrize("system", sorted(VOICES))
def test_ci_sink_prints_only_its_own_log_commands(
    system: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = CiSink(stdout.PlainSink(1), voice(system))
    for event in _events(text):
        sink.emit(event)
    err = capsys.readouterr().err
    ours = (
        "::warning::",
        "::group::",
        "::endgroup::",
        "##[group]",
        "##[endgroup]",
        "##vso[task.logissue ",
        "--- ",
    )
    for _, line in commands_in(err):
        whole = line if system == "gitlab" else line.lstrip()
        assert whole.startswith(
            ("\x1b[0Ksection_start:", "\x1b[0Ksection_end:") if system == "gitlab" else ours
        ), line
        # And behind it there is no other one.
        rest = whole[2:] if system != "gitlab" else whole.split("\r\x1b[0K", 1)[1]
        assert list(commands_in(f"x{rest}")) == []


@pytest.mark.parametrize(
    ("verbosity", "folds", "later", "is_repeated"),
    [
        pytest.param(0, False, 0, False, id="a terminal, right above the error"),
        pytest.param(0, False, 39, False, id="a terminal, a screen above it"),
        pytest.param(0, False, 41, True, id="a terminal, far above it"),
        pytest.param(0, True, 0, True, id="a folded group"),
        pytest.param(-1, False, 0, True, id="quiet"),
    ],
)
def test_last_lines_are_repeated_where_they_were_not_seen(
    verbosity: int, folds: bool, later: int, is_repeated: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sink = stdout.PlainSink(verbosity, folds=folds)
    for line in ("#7 no such file", *("#8 compiling",) * later):
        sink.emit(Output(source="buildkit", line=line))
    capsys.readouterr()
    sink.emit(LastLines(step="RUN make", lines=("no such file",)))
    told = "the last lines of `RUN make`:\n| no such file\n"
    assert capsys.readouterr().err == (told if is_repeated else "")


@pytest.mark.parametrize("text", ALL)
def test_escaped_json_keeps_its_value(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    value = {"schema": "x/1", "key": text, "list": [text, 1, None, True], "::": {"##[": "##vso["}}
    stdout.document(value)
    assert json.loads(capsys.readouterr().out) == value
    assert json.loads(json_text(value)) == value
    assert "::" not in json_text(value)


@given(
    st.recursive(
        st.text() | st.integers() | st.booleans() | st.none(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_value_is_read_back_from_json_text(value: Any) -> None:
    text = json_text({"value": value}, indent=2)
    assert json.loads(text) == {"value": value}
    assert list(commands_in(text)) == []
    text.encode()


def test_data_prints_each_text_as_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    stdout.data("a\nb", "c")
    assert capsys.readouterr().out == "a\\nb\nc\n"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\\r=1"),
        ("  =1", "'  =1"),
        ("\uff1d1", "'\uff1d1"),
        ("1.4.2", "1.4.2"),
        ("a=b", "a=b"),
        ("one\ntwo", "one\\ntwo"),
        ("::error::x", ": :error::x"),
    ],
)
def test_csv_cell_defuses_formulas(text: str, shown: str) -> None:
    assert csv_cell(text) == shown


@pytest.mark.parametrize("text", [*ALL, '"', 'a","b', "=1\n=2"])
def test_a_release_is_one_record_of_csv(text: str) -> None:
    texts = dict.fromkeys(ListedRelease.__struct_fields__, text)
    row = msgspec.convert({**texts, "targets": [], "tags": [text, text], "rebuild": 1}, ListedRelease)
    lines = as_csv([row, row])
    assert len(lines) == 3
    rows = list(csv.reader(io.StringIO("\n".join(lines))))
    assert {len(row) for row in rows} == {11}
    assert not any(cell.lstrip().startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert list(commands_in("\n".join(lines))) == []


class TestStreams:
    """Text that libraries write to stdout and stderr without the printers of shipmark."""

    @contextmanager
    def _stderr(self) -> Iterator[io.StringIO]:
        kept = io.StringIO()
        with redirect_stderr(escaping(kept, forgiving=True)):
            yield kept

    @pytest.mark.parametrize("text", ALL)
    def test_text_of_libraries_on_stderr_contains_no_ci_command(self, text: str) -> None:
        with self._stderr() as kept:
            print(text, file=sys.stderr)
            sys.stderr.write(warnings.formatwarning(UserWarning(text), UserWarning, text, 1, line=text))
            logging.StreamHandler(sys.stderr).handle(
                logging.LogRecord("library", logging.WARNING, text, 1, text.replace("%", "%%"), None, None)
            )
            try:
                raise ReleaseError(text)
            except ReleaseError:
                traceback.print_exc()
            for letter in text:
                sys.stderr.write(letter)
                sys.stderr.flush()
            guard = sys.stderr
            assert isinstance(guard, Escaping)
            guard.finish()
        assert list(commands_in(kept.getvalue())) == []

    def test_stderr_escapes_a_line_written_in_parts(self) -> None:
        with self._stderr() as kept:
            for part in (":", ":", "error::x", "\n"):
                sys.stderr.write(part)
                sys.stderr.flush()
        assert kept.getvalue() == ": :error::x\n"

    def test_stderr_passes_only_log_commands_of_shipmark(self) -> None:
        with self._stderr() as kept:
            stdout.speak(LogCommand("::group::x"))
            stdout.speak("::group::y")  # type: ignore[arg-type]
        assert kept.getvalue() == "::group::x\n: :group::y\n"

    def test_escaping_stream_hides_attributes_that_write_unescaped(self) -> None:
        guard = escaping(io.TextIOWrapper(io.BytesIO()))
        assert not any(hasattr(guard, name) for name in ("buffer", "detach", "writelines"))

    def test_closed_stderr_raises_no_error_if_forgiving(self) -> None:
        kept = io.StringIO()
        guard = escaping(kept, forgiving=True)
        kept.close()
        print("x", file=guard, flush=True)
        with pytest.raises(ValueError, match="closed"):
            print("x", file=escaping(kept), flush=True)

    def test_letters_that_a_terminal_lacks_are_shown_as_codes(self) -> None:
        raw = io.BytesIO()
        guard = escaping(io.TextIOWrapper(raw, encoding="ascii", write_through=True))
        print("grüße", file=guard, flush=True)
        assert raw.getvalue() == b"gr\\xfc\\xdfe\n"


class TestSecrets:
    """No printer prints a known secret."""

    @pytest.fixture(autouse=True)
    def _known(self) -> None:
        secrets = Secrets()
        secrets.add('hunter2 & "more"', "s3cr3t-t0ken-value")
        hide(secrets)

    @pytest.mark.parametrize("name", PRINTERS)
    @pytest.mark.parametrize(
        "text",
        [
            's3cr3t-t0ken-value, hunter2 & "more"',
            "s3cr3t-\x1b[0mt0ken-value",
            "czNjcjN0LXQwa2VuLXZhbHVl",
            "https://user:pass/wo@rd#x@host/path",
        ],
    )
    def test_printers_print_no_secret(self, name: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
        if "document" in name and "\x1b" in text:
            return  # a value stays as it is, and `\u001b` in it is no colour
        PRINTERS[name](text)
        said = "".join(capsys.readouterr())
        assert "***" in said
        assert not any(part in said for part in ("t0ken-value", "hunter2", "czNjcjN0", "pass/wo", "rd#x"))

    def test_escaping_stream_hides_a_secret(self) -> None:
        kept = io.StringIO()
        print("s3cr3t-t0ken-value", file=escaping(kept), flush=True)
        assert kept.getvalue() == "***\n"


def test_ordinary_text_is_printed_unchanged() -> None:
    for text in (
        "ghcr.io/acme/app:1.4.2@sha256:abc",
        "grüße 日本",
        "https://host.example/a@b",
        "a :: b",
        "| --- | --- |",
        "## x",
    ):
        assert one_line(text) == text == clean(text)

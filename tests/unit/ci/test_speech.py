"""Log commands for each CI system are complete, and foreign text in them starts no further command."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.speech import github, voice
from ci.systems import NAMES

HOSTILE = "50% done\r\n::error::x ##[error]y ##vso[task.complete]z, a:b;c]"


@pytest.mark.parametrize("system", NAMES)
def test_every_ci_system_has_texts_for_groups_annotations_and_masks(system: str) -> None:
    said = voice(system)
    lines = [
        said.group("build"),
        said.end_group("build"),
        said.annotation("warning", "text"),
        said.mask("s3cret"),
    ]
    assert all(isinstance(line, str) for line in lines)
    assert "text" in lines[2]


def test_annotation_for_an_unknown_ci_system_is_plain_text() -> None:
    assert (
        voice("hudson").annotation("error", "boom", file="shipmark.yml", line=3)
        == "error: shipmark.yml:3: boom"
    )


class TestGithub:
    def test_github_annotation_is_escaped(self) -> None:
        said = github.annotation("error", "no tag\nat all", title="a, b: c", file="shipmark.yml", line=3)
        assert said == "::error file=shipmark.yml,line=3,title=a%2C b%3A c::no tag%0Aat all"

    def test_github_annotation_without_file_and_title_has_no_properties(self) -> None:
        assert github.annotation("notice", "100%") == "::notice::100%25"

    def test_github_group_starts_and_ends_with_a_log_command(self) -> None:
        assert (github.group("push"), github.end_group("push")) == ("::group::push", "::endgroup::")

    def test_github_mask_hides_each_line(self) -> None:
        assert github.mask("one\n\ntwo%") == "::add-mask::one\n::add-mask::two%25"
        assert github.mask("") == ""

    def test_github_message_is_cut_at_the_limit(self) -> None:
        said = github.annotation("error", "x" * 5000)
        assert len(said) == len("::error::") + github.MESSAGE
        assert said.endswith("x…")

    def test_github_shows_at_most_ten_annotations_of_a_level(self) -> None:
        kept = github.within_limit([("warning", str(n)) for n in range(25)] + [("error", "e")])
        assert [text for level, text in kept if level == "warning"] == [
            *map(str, range(9)),
            "16 more of level warning: see the log",
        ]
        assert ("error", "e") in kept
        assert github.within_limit([("error", str(n)) for n in range(10)]) == [
            ("error", str(n)) for n in range(10)
        ]

    def test_github_commands_are_stopped_and_resumed_by_a_token(self) -> None:
        assert (github.stop_commands("t0k"), github.resume_commands("t0k")) == (
            "::stop-commands::t0k",
            "::t0k::",
        )


class TestAzure:
    def test_azure_annotation_is_escaped(self) -> None:
        said = voice("azure").annotation("error", "50%; [x]", file="a;b", line=3)
        assert said == "##vso[task.logissue type=error;sourcepath=a%3Bb;linenumber=3;]50%AZP25%3B [x%5D"

    def test_azure_notice_is_escaped_text(self) -> None:
        assert voice("azure").annotation("notice", "##vso[x]") == "## vso[x]"


class TestGitlab:
    def test_gitlab_group_is_a_collapsed_section(self) -> None:
        said = voice("gitlab")
        assert (
            said.group("push: app", at=7)
            == "\x1b[0Ksection_start:7:shipmark_push_app[collapsed=true]\r\x1b[0Kpush: app"
        )
        assert said.end_group("push: app", at=9) == "\x1b[0Ksection_end:9:shipmark_push_app\r\x1b[0K"


def test_buildkite_group_starts_with_three_dashes() -> None:
    assert voice("buildkite").group("push") == "--- push"


@pytest.mark.parametrize("system", ["github", "azure", "gitlab", "buildkite", "none"])
@given(text=st.text(max_size=20).map(lambda text: text + HOSTILE))
def test_foreign_text_in_a_log_command_starts_no_second_command(system: str, text: str) -> None:
    said = voice(system)
    for line in (
        said.group(text),
        said.annotation("error", text, title=text, file=text, line=1),
    ):
        assert "\n" not in line
        assert "\u2028" not in line
        assert line.count("\r") == (1 if "section_start" in line else 0)
        assert line.count("##vso[") <= 1
        assert line.count("##[") <= 1
        if system != "azure":
            assert "##vso[" not in line
            assert "##[" not in line

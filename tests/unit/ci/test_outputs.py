"""Written outputs are read back by the grammar of GitHub's runner and of dotenv files."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.outputs import NAMES, RESULT_LIMIT, Outputs, dotenv, outputs_text
from tests.support.programs.composite import read_outputs

TOKEN = "0123456789abcdef0123"
RELEASE = Outputs(
    version="1.4.2",
    channel="release",
    tags=("ghcr.io/acme/app:1.4.2", "ghcr.io/acme/app:latest"),
    tag_names=("1.4.2", "latest"),
    primary_tag="1.4.2",
    digest="sha256:" + "ab" * 32,
    pushed=True,
    log_entry="cd" * 32,
    json='{"schema":"shipmark.report/1"}',
)


def test_values_of_outputs_are_in_the_order_of_the_output_names() -> None:
    assert tuple(RELEASE.values()) == NAMES
    assert tuple(Outputs().values()) == NAMES
    assert Outputs().values()["pushed"] == "false"


class TestGithub:
    def test_output_file_has_each_value_between_delimiters(self) -> None:
        text = outputs_text({"version": "1.4.2", "tags": "a\nb"}, TOKEN)
        end = f"shipmark_{TOKEN}"
        assert text == f"version<<{end}\n1.4.2\n{end}\ntags<<{end}\na\nb\n{end}\n"

    def test_outputs_of_a_release_are_read_back_from_the_file(self) -> None:
        assert read_outputs(outputs_text(RELEASE.values(), TOKEN)) == RELEASE.values()

    @given(st.dictionaries(st.from_regex(r"\A[a-z][a-z0-9-]{0,8}\Z"), st.text(max_size=60), max_size=4))
    def test_any_value_is_read_back_from_the_output_file(self, values: dict[str, str]) -> None:
        assert read_outputs(outputs_text(values, TOKEN)) == values

    @given(
        st.lists(
            st.sampled_from(["\n", "EOF", "x<<EOF", "a=b", "<<", "=", "\r\n", "::set-output::", ""])
        ).map("".join)
    )
    def test_hostile_value_adds_no_output_to_the_output_file(self, value: str) -> None:
        assert read_outputs(outputs_text({"a": value, "b": "1"}, TOKEN)) == {"a": value, "b": "1"}

    @given(
        st.text(alphabet="shipmark_0\n<=", max_size=12),
        st.lists(st.sampled_from(["", "_", "__", "\n", "b=1"])),
    )
    def test_value_with_the_delimiter_in_it_adds_no_output(self, token: str, ends: list[str]) -> None:
        value = "".join(f"x\nshipmark_{token}{end}\ninjected=1\n" for end in ends)
        assert read_outputs(outputs_text({"a": value, "b": "1"}, token)) == {"a": value, "b": "1"}

    @pytest.mark.parametrize("name", ["", "a b", "a=b", "a\nb", "-a", "a<<b"])
    def test_invalid_output_name_is_left_out(self, name: str) -> None:
        assert read_outputs(outputs_text({name: "x", "b": "1"}, TOKEN)) == {"b": "1"}


class TestResultFile:
    def test_result_file_of_a_release_has_a_line_for_each_output(self) -> None:
        assert dotenv(RELEASE.values()).splitlines() == [
            "SHIPMARK_VERSION=1.4.2",
            "SHIPMARK_CHANNEL=release",
            "SHIPMARK_TAGS=ghcr.io/acme/app:1.4.2 ghcr.io/acme/app:latest",
            "SHIPMARK_TAG_NAMES=1.4.2 latest",
            "SHIPMARK_PRIMARY_TAG=1.4.2",
            "SHIPMARK_DIGEST=sha256:" + "ab" * 32,
            "SHIPMARK_PUSHED=true",
            "SHIPMARK_LOG_ENTRY=" + "cd" * 32,
        ]

    @pytest.mark.parametrize("value", ["a'b", 'a"b', "a$b", "a`b", "a\\b", "a;b", "a\tb", "ä", "a=b", "a#b"])
    def test_value_with_special_characters_is_left_out_of_a_dotenv_result_file(self, value: str) -> None:
        text = dotenv({"version": value, "pushed": "true"})
        assert text == "SHIPMARK_PUSHED=true\nSHIPMARK_OMITTED=version\n"

    def test_tags_are_left_out_of_a_result_file_over_the_limit(self) -> None:
        tags = [f"registry.example.com/team/app:branch-{n}" for n in range(200)]
        text = dotenv({"version": "1.4.2", "tags": "\n".join(tags), "tag-names": "a\nb"}, limit=RESULT_LIMIT)
        assert text == "SHIPMARK_VERSION=1.4.2\nSHIPMARK_TAG_NAMES=a b\nSHIPMARK_OMITTED=tags\n"

    def test_result_file_below_the_limit_is_complete(self) -> None:
        assert dotenv(RELEASE.values(), limit=RESULT_LIMIT) == dotenv(RELEASE.values())

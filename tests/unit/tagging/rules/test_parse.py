"""Tag rules from a config: blocks of lines, lists and mappings, and their order by priority."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.config.document import Position
from release.errors import ConfigError
from release.tagging.rules.evaluate import names_read
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.javascript.numbers import javascript_number
from release.tagging.rules.kinds import KINDS
from release.tagging.rules.model import Flavor
from release.tagging.rules.parse import rules_from_config


def test_rule_that_yaml_split_at_its_comma_has_a_hint_about_quotes() -> None:
    """`tags: [type=raw,value=x]` is a list of two items."""
    for items, is_split in ((["type=raw", "value=x"], True), (["type=raw,priority=5"], False)):
        with pytest.raises(ConfigError, match="`type=raw` needs `value`") as caught:
            rules_from_config(items)
        assert ("needs quotes, since a comma ends an item" in (caught.value.hint or "")) == is_split


def at(line: int, column: int) -> Position:
    return Position(source="shipmark.yml", line=line, column=column)


class TestMappings:
    def test_tag_rule_as_a_mapping_and_as_a_line_is_the_same_rule(self) -> None:
        (line,) = rules_from_config(["type=semver,pattern={{version}},priority=5"])
        (mapping,) = rules_from_config([{"type": "semver", "pattern": "{{version}}", "priority": "5"}])
        assert (line.type, line.attributes, line.priority) == (
            mapping.type,
            mapping.attributes,
            mapping.priority,
        )

    def test_value_in_a_tag_rule_mapping_may_contain_commas_and_quotes(self) -> None:
        (rule,) = rules_from_config([{"type": "match", "pattern": r'"\d{1,3}"'}])
        assert rule.text("pattern") == r'"\d{1,3}"'

    def test_tag_rule_mapping_without_a_type_is_a_raw_rule(self) -> None:
        (rule,) = rules_from_config([{"value": "x"}])
        assert rule.type == "raw"

    @pytest.mark.parametrize(
        ("entry", "message"),
        [
            ({"typ": "raw"}, "shipmark.yml:4:5: unknown attribute `typ`"),
            ({"type": "rew"}, "shipmark.yml:4:5: unknown type `rew`"),
            ({"type": "ref"}, "shipmark.yml:4:5: `type=ref` needs `event`"),
            (
                {"type": "sha", "format": "tiny"},
                "shipmark.yml:4:5: `format=tiny` of `type=sha` must be one of",
            ),
        ],
    )
    def test_invalid_tag_rule_mapping_is_an_error_with_its_position(
        self, entry: dict[str, str], message: str
    ) -> None:
        with pytest.raises(ConfigError) as caught:
            rules_from_config([entry], places=(at(4, 5),))
        assert caught.value.message.startswith(message)


@pytest.mark.parametrize("attribute", ["enable", "prefix", "suffix", "pattern", "value"])
def test_invalid_expression_in_a_tag_rule_is_an_error_when_the_rule_is_parsed(attribute: str) -> None:
    with pytest.raises(ConfigError, match="is never closed"):
        rules_from_config([{"type": "semver", "pattern": "{{version}}", attribute: "{{oops"}])


class TestPlaces:
    def test_error_in_a_block_of_tag_rules_has_the_line_in_the_file(self) -> None:
        with pytest.raises(ConfigError, match=r"^shipmark\.yml:8:10: unknown attribute `b`"):
            rules_from_config("type=raw,a\n  xx,b=c\n", places=(at(7, 5),))

    def test_error_in_a_list_of_tag_rules_has_the_position_in_the_file(self) -> None:
        with pytest.raises(ConfigError, match=r"^shipmark\.yml:9:17: unknown attribute `b`"):
            rules_from_config(["type=raw,a", "type=raw,b=c"], places=(at(8, 3), at(9, 8)))

    def test_error_in_tag_rules_without_file_positions_has_the_number_of_the_rule(self) -> None:
        with pytest.raises(ConfigError, match=r"^tags\[1\]:1:10: unknown attribute `b`"):
            rules_from_config(["type=raw,a", "type=raw,b=c"])

    def test_error_in_a_flavor_block_has_the_line_in_the_file(self) -> None:
        with pytest.raises(ConfigError, match=r"^shipmark\.yml:5:10: `latest=x`"):
            flavor_from_config("prefix=a\nlatest=x", place=at(4, 3))

    def test_error_in_a_flavor_list_has_the_number_of_the_entry(self) -> None:
        with pytest.raises(ConfigError, match=r"^flavor\[1\]:1:8: `latest=x`"):
            flavor_from_config(["prefix=a", "latest=x"])


class TestOrder:
    def test_tag_rules_are_sorted_by_the_default_priorities_of_their_types(self) -> None:
        lines = [
            "type=sha",
            "type=raw,x",
            "type=ref,event=tag",
            "type=edge",
            "type=describe",
            "type=match,pattern=x",
            "type=calver",
            "type=semver,pattern=x",
            "type=schedule",
        ]
        order = [rule.type for rule in rules_from_config(lines)]
        assert order == ["schedule", "calver", "semver", "match", "describe", "edge", "ref", "raw", "sha"]

    def test_tag_rules_of_equal_or_invalid_priority_keep_their_order(self) -> None:
        lines = ["type=raw,a", "type=raw,b,priority=x", "type=raw,c"]
        rules = rules_from_config(lines)
        assert [rule.text("value") for rule in rules] == ["a", "b", "c"]
        assert rules[1].warnings == (
            "tags[1]:1:21: `priority=x` is not a number; the rule keeps its position",
        )

    def test_unknown_time_zone_in_a_tag_rule_gives_a_warning(self) -> None:
        lines = [
            "type=raw,value={{date 'YYYY' tz='Europe/Berln'}}",
            "type=raw,value={{date 'YYYY' tz='Asia/Tokyo'}}",
        ]
        assert [rule.warnings for rule in rules_from_config(lines)] == [
            ("tags[0]:1:30: no time zone is called `Europe/Berln`; UTC is taken",),
            (),
        ]

    def test_empty_list_of_tag_rules_gives_the_default_rules(self) -> None:
        given = [(rule.type, rule.text("event")) for rule in rules_from_config("  # nothing\n")]
        assert given == [("schedule", ""), ("ref", "branch"), ("ref", "tag"), ("ref", "pr")]


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), (" 7 ", 7), ("-1.5", -1.5), ("1e3", 1000), (".5", 0.5), ("5.", 5), ("0x1F", 31), ("0b11", 3),
     ("0o17", 15), ("Infinity", math.inf), ("-Infinity", -math.inf), ("0x" + "f" * 300, math.inf)],
)  # fmt: skip
def test_text_is_converted_to_a_number_as_in_javascript(text: str, number: float) -> None:
    assert javascript_number(text) == number


@pytest.mark.parametrize("text", ["x", "1x", "1_000", "-0x1", "inf", "nan", "1e", "٣", "1,5"])
def test_text_that_is_not_a_number_in_javascript_is_nan(text: str) -> None:
    assert math.isnan(javascript_number(text))


def test_names_in_expressions_of_rules_and_flavor_are_listed() -> None:
    flavor, _ = flavor_from_config("suffix={{date 'Y'}}")
    rules = rules_from_config(["type=raw,{{a}},enable={{b}}", "type=semver,pattern={{not_global}}"])
    assert names_read(rules, flavor) == {"a", "b", "date"}
    assert names_read((), Flavor()) == frozenset()


VALUES = st.text(max_size=12) | st.sampled_from(["{{version}}", "true", "1", "(", "x,y"])


class TestProperties:
    @given(
        st.dictionaries(st.sampled_from(["type", "pattern", "value", "match", "event", "x", "Value"]), VALUES)
    )
    def test_any_mapping_is_a_tag_rule_or_a_config_error(self, entry: dict[str, str]) -> None:
        try:
            rules_from_config([entry])
        except ConfigError as error:
            assert error.message.startswith("tags[0]:1:1: ")  # noqa: PT017

    @given(
        st.sampled_from([*KINDS]),
        st.dictionaries(
            st.sampled_from(["pattern", "value", "match", "event", "prefix", "group", "branch"]), VALUES
        ),
    )
    def test_any_attributes_give_the_same_tag_rule_as_a_line_and_as_a_mapping(
        self, kind: str, attributes: dict[str, str]
    ) -> None:
        entry = {"type": kind, **{name: value.strip() for name, value in attributes.items()}}
        quoted = ",".join('"' + f"{name}={value}".replace('"', '""') + '"' for name, value in entry.items())
        line = '"' + quoted.replace('"', '""') + '"'
        try:
            (expected,) = rules_from_config([entry])
        except ConfigError:
            with pytest.raises(ConfigError):
                rules_from_config([line])
            return
        (found,) = rules_from_config([line])
        assert found.attributes == expected.attributes

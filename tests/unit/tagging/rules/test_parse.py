"""Rules from a config: blocks of lines, lists, mappings; and the order that priorities give."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.config.document import Position
from release.errors import ConfigError
from release.tagging.rules.evaluate import names_read
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.javascript_numbers import javascript_number
from release.tagging.rules.kinds import KINDS
from release.tagging.rules.model import Flavor
from release.tagging.rules.parse import rules_from_config


def at(line: int, column: int) -> Position:
    return Position(source="shipmark.yml", line=line, column=column)


class TestMappings:
    def test_a_mapping_is_the_same_rule_as_its_line(self) -> None:
        (line,) = rules_from_config(["type=semver,pattern={{version}},priority=5"])
        (mapping,) = rules_from_config([{"type": "semver", "pattern": "{{version}}", "priority": "5"}])
        assert (line.type, line.attributes, line.priority) == (
            mapping.type,
            mapping.attributes,
            mapping.priority,
        )

    def test_a_value_needs_no_quotes_for_commas_and_quotes(self) -> None:
        (rule,) = rules_from_config([{"type": "match", "pattern": r'"\d{1,3}"'}])
        assert rule.text("pattern") == r'"\d{1,3}"'

    def test_without_a_type_it_is_raw(self) -> None:
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
    def test_it_is_validated_by_the_same_rules(self, entry: dict[str, str], message: str) -> None:
        with pytest.raises(ConfigError) as caught:
            rules_from_config([entry], places=(at(4, 5),))
        assert caught.value.message.startswith(message)


@pytest.mark.parametrize("attribute", ["enable", "prefix", "suffix", "pattern", "value"])
def test_a_bad_expression_is_found_before_the_rule_applies(attribute: str) -> None:
    with pytest.raises(ConfigError, match="is never closed"):
        rules_from_config([{"type": "semver", "pattern": "{{version}}", attribute: "{{oops"}])


class TestPlaces:
    def test_a_block_s_lines_count_from_its_first_one(self) -> None:
        with pytest.raises(ConfigError, match=r"^shipmark\.yml:8:10: unknown attribute `b`"):
            rules_from_config("type=raw,a\n  xx,b=c\n", places=(at(7, 5),))

    def test_an_entry_of_a_list_has_its_own_place(self) -> None:
        with pytest.raises(ConfigError, match=r"^shipmark\.yml:9:17: unknown attribute `b`"):
            rules_from_config(["type=raw,a", "type=raw,b=c"], places=(at(8, 3), at(9, 8)))

    def test_without_places_the_entry_s_number_tells(self) -> None:
        with pytest.raises(ConfigError, match=r"^tags\[1\]:1:10: unknown attribute `b`"):
            rules_from_config(["type=raw,a", "type=raw,b=c"])

    def test_a_flavor_has_the_place_of_its_block(self) -> None:
        with pytest.raises(ConfigError, match=r"^shipmark\.yml:5:10: `latest=x`"):
            flavor_from_config("prefix=a\nlatest=x", place=at(4, 3))

    def test_a_list_of_flavors_counts_its_entries(self) -> None:
        with pytest.raises(ConfigError, match=r"^flavor\[1\]:1:8: `latest=x`"):
            flavor_from_config(["prefix=a", "latest=x"])


class TestOrder:
    def test_types_have_the_action_s_priorities(self) -> None:
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

    def test_equal_ones_and_those_without_a_number_keep_their_place(self) -> None:
        lines = ["type=raw,a", "type=raw,b,priority=x", "type=raw,c"]
        rules = rules_from_config(lines)
        assert [rule.text("value") for rule in rules] == ["a", "b", "c"]
        assert rules[1].warnings == (
            "tags[1]:1:21: `priority=x` is not a number; the rule keeps its position",
        )

    def test_nothing_given_is_the_action_s_default(self) -> None:
        given = [(rule.type, rule.text("event")) for rule in rules_from_config("  # nothing\n")]
        assert given == [("schedule", ""), ("ref", "branch"), ("ref", "tag"), ("ref", "pr")]


@pytest.mark.parametrize(
    ("text", "number"),
    [("", 0), (" 7 ", 7), ("-1.5", -1.5), ("1e3", 1000), (".5", 0.5), ("5.", 5), ("0x1F", 31), ("0b11", 3),
     ("0o17", 15), ("Infinity", math.inf), ("-Infinity", -math.inf), ("0x" + "f" * 300, math.inf)],
)  # fmt: skip
def test_numbers_are_read_as_javascript_reads_them(text: str, number: float) -> None:
    assert javascript_number(text) == number


@pytest.mark.parametrize("text", ["x", "1x", "1_000", "-0x1", "inf", "nan", "1e", "٣", "1,5"])
def test_what_is_no_number(text: str) -> None:
    assert math.isnan(javascript_number(text))


def test_the_names_that_rules_read_are_known_before_they_run() -> None:
    flavor, _ = flavor_from_config("suffix={{date 'Y'}}")
    rules = rules_from_config(["type=raw,{{a}},enable={{b}}", "type=semver,pattern={{not_global}}"])
    assert names_read(rules, flavor) == {"a", "b", "date"}
    assert names_read((), Flavor()) == frozenset()


VALUES = st.text(max_size=12) | st.sampled_from(["{{version}}", "true", "1", "(", "x,y"])


class TestProperties:
    @given(
        st.dictionaries(st.sampled_from(["type", "pattern", "value", "match", "event", "x", "Value"]), VALUES)
    )
    def test_nothing_but_a_configuration_error_is_raised_for_a_mapping(self, entry: dict[str, str]) -> None:
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
    def test_a_line_and_a_mapping_give_the_same_rule(self, kind: str, attributes: dict[str, str]) -> None:
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

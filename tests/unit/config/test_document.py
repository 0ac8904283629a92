"""Hostile YAML: a document above a limit is an error with its position, and takes no long time."""

from __future__ import annotations

import pytest

from release.config.document import parse
from release.config.load import load
from release.errors import ConfigError
from release.limits import DOCUMENT_DEPTH, DOCUMENT_NODES


def refused(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "shipmark.yml")
    assert caught.value.message.startswith("shipmark.yml:")
    return caught.value.message


def nested_maps(levels: int) -> str:
    return "".join(f"{' ' * level}a:\n" for level in range(levels)) + " " * levels + "b: c\n"


@pytest.mark.parametrize(
    "text",
    [
        "tags: " + "[" * 100_000,
        "tags: " + "{a: " * 100_000,
        "tags:\n" + "- " * 100_000 + "x\n",
        "? " * 100_000 + "x\n",
        nested_maps(900),
    ],
    ids=["brackets", "braces", "dashes", "question marks", "maps"],
)
def test_nesting_above_the_limit_is_refused_with_its_position(text: str) -> None:
    assert f"nested deeper than {DOCUMENT_DEPTH} levels" in refused(text)


def test_nesting_up_to_the_limit_is_read() -> None:
    text = "a: " + "[" * (DOCUMENT_DEPTH - 1) + "x" + "]" * (DOCUMENT_DEPTH - 1)
    value = parse(text, "shipmark.yml").value["a"]
    for _ in range(DOCUMENT_DEPTH - 1):
        (value,) = value
    assert value == "x"


def test_depth_of_an_alias_is_added_to_the_nesting() -> None:
    half = DOCUMENT_DEPTH // 2
    deep = "[" * half + "x" + "]" * half
    assert "nested deeper" in refused(f"a: &a {deep}\nb: {'[' * half}*a{']' * half}\n")


@pytest.mark.parametrize("levels", [6, 10, 60])
def test_values_of_an_alias_are_counted_at_each_use(levels: int) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]" for level in range(1, levels)]
    assert f"more than {DOCUMENT_NODES} values" in refused("\n".join(lines))


def test_yaml_alias_below_the_limit_is_read() -> None:
    value = parse("a: &a [x, y]\nb: *a\nc: {d: *a}\n", "shipmark.yml").value
    assert value == {"a": ["x", "y"], "b": ["x", "y"], "c": {"d": ["x", "y"]}}


def test_yaml_with_many_values_below_long_keys_is_refused() -> None:
    """The path of each value repeats the keys above the value."""
    assert "below long keys" in refused(f"{'k' * 900}:\n  " + "[" + "a," * 90_000 + "]\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &a [*a]", "1:8: an alias that contains itself"),
        ("a: *b", "1:4: no anchor `b` is defined before this alias"),
        ("a: &x 1\nb: &x 2", "2:4: anchor `x` is defined twice"),
        ("a: 1\n---\nb: 2", "2:1: a second document"),
        ("a: 1\n*k : 2", "2:1: no anchor `k` is defined before this alias"),
        ("<<: {a: b}", "1:1: merge keys (`<<`) are not supported"),
        ("? [a]\n: b", "1:3: a key must be text"),
        ("a: !!python/object/apply:os.system [id]", "1:4: tag `tag:yaml.org,2002:python/object/apply:os.system`"),
        ("a: !!binary aGk=", "1:4: tag `tag:yaml.org,2002:binary` is not supported"),
        ("a: !env HOME", "1:4: tag `!env` is not supported"),
        ('a: "\\0"', "1:4: a character that no value may hold"),
        ('a: "\\ud800"', "1:7: found invalid Unicode character escape code"),
    ],
)  # fmt: skip
def test_unsupported_yaml_is_refused_with_its_position(text: str, message: str) -> None:
    assert refused(text).startswith(f"shipmark.yml:{message}")


@pytest.mark.parametrize("text", ["a: b\0c", "\0", "a: \ud800", "\x1b: a"])
def test_characters_that_yaml_forbids_are_refused(text: str) -> None:
    assert "not valid YAML" in refused(text)


def test_keys_that_look_like_other_types_are_text() -> None:
    assert parse("1: a\n~: b\ntrue: c\n1.10: d\n", "f").value == {
        "1": "a",
        "~": "b",
        "true": "c",
        "1.10": "d",
    }


@pytest.mark.parametrize("tag", ["!!str", "!!int", "!!null", "!"])
def test_yaml_tags_of_scalars_do_not_change_the_text(tag: str) -> None:
    assert parse(f"a: {tag} 1.10\n", "f").value == {"a": "1.10"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tags: [{x: [1]}]", "1:12: `tags[0].x`: expected `str`, got `array`"),
        ("components: {a: {image: x}, b: {tags: [y, {z: {}}]}}", "1:47: `components.b.tags[1].z`"),
        ("components: {'a.b': {labels: {c.d: [1]}}}", "1:36: `components.a.b.labels.c.d`"),
        ('"x` - at `$.image[0].y": 1', "1:1: unknown key"),
    ],
)
def test_wrong_type_inside_a_mapping_is_an_error_with_its_position(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text, "shipmark.yml", {})
    assert caught.value.message.startswith(f"shipmark.yml:{message}")

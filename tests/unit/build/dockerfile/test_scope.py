from __future__ import annotations

import pytest

from release.build.dockerfile.instructions import Arg, Env
from release.build.dockerfile.parser import parse
from release.build.dockerfile.scope import Scope, global_scope
from release.oci.image_json import parse_platform


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("ARG A=1\nENV A=2", "2"),
        ("ENV A=1\nARG A=2", "2"),
        ("ENV A=1\nARG A=2\nENV A=3", "3"),
        ("ENV A=1\nARG A", "1"),
        ("ARG A=1 A=$A-2", "1-2"),
        ("ARG A=1\nARG A", "1"),
    ],
)
def test_the_last_env_or_arg_that_sets_a_variable_gives_its_value(text: str, value: str) -> None:
    file = parse(f"FROM scratch\n{text}\n")
    scope = Scope(file, given={}, outer={})
    for each in file.stages[0].instructions:
        if isinstance(each, Arg):
            scope.declare(each)
        elif isinstance(each, Env):
            scope.set_env({pair.key: scope.expand(each, pair.value) for pair in each.pairs})
    assert scope.variables["A"] == value


def test_platform_arguments_are_those_of_the_target_and_of_the_machine_that_builds() -> None:
    file = parse("ARG TARGETARCH\nARG OWN=$BUILDARCH\nFROM scratch\n")
    target, build = parse_platform("linux/arm/v7"), parse_platform("linux/amd64")
    scope = global_scope(file, {}, target, build)
    assert {
        name: scope.variables[name] for name in ("TARGETPLATFORM", "TARGETVARIANT", "BUILDPLATFORM", "OWN")
    } == {
        "TARGETPLATFORM": "linux/arm/v7",
        "TARGETVARIANT": "v7",
        "BUILDPLATFORM": "linux/amd64",
        "OWN": "amd64",
    }
    assert global_scope(file, {}, target).variables["BUILDARCH"] == "arm"


def test_a_given_argument_overrides_a_platform_argument_without_an_arg_line() -> None:
    scope = global_scope(
        parse("FROM scratch\n"), {"TARGETARCH": "mine", "X": "1"}, parse_platform("linux/amd64")
    )
    assert scope.variables["TARGETARCH"] == "mine"
    assert "X" not in scope.variables

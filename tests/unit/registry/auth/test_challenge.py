"""Parsing of `WWW-Authenticate`: every form that registries send, and any other text without an error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.registry.auth.challenge import choose, parse_challenges, scope


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        (
            'Bearer realm="https://a/t",service="r.io",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://a/t", "service": "r.io", "scope": "repository:a/b:pull,push"})],
        ),
        ("Bearer realm=https", [("bearer", {"realm": "https"})]),
        ('BEARER  Realm = "x" ,  service = y', [("bearer", {"realm": "x", "service": "y"})]),
        ('Bearer realm="a\\"b\\\\c"', [("bearer", {"realm": 'a"b\\c'})]),
        ('Bearer realm="a", Basic realm="b"', [("bearer", {"realm": "a"}), ("basic", {"realm": "b"})]),
        (
            'Basic realm="b", Bearer realm="a",error="x"',
            [("basic", {"realm": "b"}), ("bearer", {"realm": "a", "error": "x"})],
        ),
        ("Negotiate, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ("Negotiate YWJj==, Basic realm=x", [("negotiate", {}), ("basic", {"realm": "x"})]),
        ('Bearer realm="unterminated', [("bearer", {})]),
        ("", []),
        (",,,", []),
        ('"x"', []),
    ],
)
def test_www_authenticate_headers_are_parsed_into_challenges(
    header: str, expected: list[tuple[str, dict[str, str]]]
) -> None:
    assert [(item.scheme, item.parameters) for item in parse_challenges(header)] == expected


def test_bearer_challenge_with_a_realm_is_preferred() -> None:
    both = parse_challenges('Basic realm="b", Bearer realm="https://a"')
    assert (chosen := choose(both)) is not None
    assert chosen.scheme == "bearer"
    without = parse_challenges('Bearer service="x", Basic realm="b"')
    assert (chosen := choose(without)) is not None
    assert chosen.scheme == "basic"
    assert choose(parse_challenges("Negotiate")) is None


def test_token_scope_lists_the_repository_and_its_actions() -> None:
    assert scope("acme/app", "pull", "push") == "repository:acme/app:pull,push"


@given(st.text(max_size=200) | st.text(alphabet='Basicre lm="=,\\\t', max_size=100))
def test_parse_challenges_accepts_any_header(header: str) -> None:
    parse_challenges(header)

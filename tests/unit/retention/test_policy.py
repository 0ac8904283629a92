"""How `retention:` is read, and what is said about rules that make no sense."""

from __future__ import annotations

import pytest

from release.config.load import load_policy
from release.errors import ConfigError
from tests.support.retention.model import policy


def test_rule_text_names_place_and_content() -> None:
    made = policy(
        'delete: [{match: ["a-*", b], older_than: 30d}, {untagged: true}]\n'
        "keep: [{semver: true, newest: 5, per: minor}, {log: {newest: 10, per: channel}}, {deployed: true}]"
    )
    assert [*(rule.text for rule in made.delete), *(rule.text for rule in made.keep)] == [
        "delete[0] {match: [a-*, b], older_than: 30d}",
        "delete[1] {untagged: true}",
        "keep[0] {semver: true, newest: 5, per: minor}",
        "keep[1] {log: {newest: 10, per: channel}}",
        "keep[2] {deployed: true}",
    ]


@pytest.mark.parametrize(
    ("rule", "name", "selected"),
    [
        ('{match: "sha-*"}', "sha-1", True),
        ('{match: "sha-*"}', "my-sha-1", False),
        ('{match: "[0-9]*.*"}', "1.4", True),
        ('{pattern: "a|b"}', "b", True),
        ('{pattern: "a|b"}', "ab", False),
        ('{pattern: "a|b"}', "xb", False),
        ("{semver: true}", "1.4.2_r1", True),
        ("{semver: true}", "1.4", False),
        ("{semver: false}", "1.4", True),
        ('{semver: "<1.5"}', "1.4.2", True),
        ('{semver: "<1.5"}', "main", False),
        ('{match: "1.*", semver: "<1.5"}', "1.6.0", False),
    ],
)
def test_rule_selects_whole_tags(rule: str, name: str, selected: bool) -> None:
    from release.retention.selection import version_of

    (made,) = policy(f"delete: [{rule}]").delete
    assert made.selector.selects(name, version_of(name)) is selected


def test_pattern_that_never_ends_is_an_error_and_not_a_match() -> None:
    (made,) = policy('delete: [{pattern: "(a|aa)+[^a]"}]').delete
    with pytest.raises(ConfigError, match=r"needs more than 0.5 s"):
        made.selector.selects("a" * 128, None)


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("keep: [{deployed: true}]", "`retention.delete` has no rule", "write `delete:"),
        ("delete: [{}]", "retention.delete[0] names no tags", 'match: "*"'),
        ("delete: [{older_than: 30d}]", "names no tags, and would match every tag", 'match: "*"'),
        ('delete: [{match: "a", untagged: true}]', "`untagged` images have no tag", "two rules"),
        ("delete: [{match: a, older_than: 30}]", "`30` is not a span of time", "`30d`"),
        ("delete: [{match: []}]", "`match` names no glob", "sha-*"),
        ('delete: [{match: "[a"}]', "`[a` is not a glob", "sha-*"),
        ('delete: [{match: ""}]', "`` matches no tag: it is empty", "sha-*"),
        (
            "delete: [{match: a}]\nkeep: [{match: 'a-*, b-*'}]",
            "matches no tag: no tag has `,`",
            "[sha-*, pr-*]",
        ),
        ("delete: [{match: a}]\nimmutable: ['!v*']", "immutable: `!v*` matches no tag", "sha-*"),
        ('delete: [{pattern: "(a"}]', "`pattern`: `^(?:(a)$` is not a regular expression", None),
        ('delete: [{semver: "1.4.x.y"}]', "`1.4.x.y` is not a range of versions", "^1.4"),
        ("delete: [{match: a}]\nkeep: [{}]", "retention.keep[0] names nothing to keep", "deployed: true"),
        ("delete: [{match: a}]\nkeep: [{per: minor, match: b}]", "`per` and `by` say how", "newest: 5"),
        ("delete: [{match: a}]\nkeep: [{deployed: true, match: b}]", "ask the version log", "two rules"),
        ("delete: [{match: a}]\ngrace: soon", "retention.grace: `soon` is not a span", "24h"),
    ],
)
def test_rule_without_sense_is_an_error_that_helps(text: str, says: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        policy(text)
    assert says in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("text", "says", "hint"),
    [
        ("retention: {delte: []}", "policy.yml:1:13: unknown key `delte`", "did you mean `delete`?"),
        ("retention:\n  delete: [{mach: a}]", "policy.yml:2:13: unknown key `mach`", "did you mean `match`?"),
        ("retention:\n  keep: [{log: {newst: 1}}]", "unknown key `newst`", "did you mean `newest`?"),
        ("retention:\n  limits: {max: 1}", "unknown key `max`", "max_delete"),
        ("retention:\n  limits: {max_fraction: 2}", "policy.yml:2:26", None),
        ("delete: []", "there is no key `retention`", "as in shipmark.yml"),
        ("retention: {}\nimage: a", "policy.yml:2:1: unknown key `image`", "`retention:` alone"),
    ],
)
def test_error_in_a_policy_file_names_its_place(text: str, says: str, hint: str | None) -> None:
    with pytest.raises(ConfigError) as caught:
        load_policy(text, "policy.yml")
    assert says in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")

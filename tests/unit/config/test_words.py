"""Words of the config that are misspelt, in lists that take words of other people, too."""

from __future__ import annotations

import pytest

from release.config.load import load
from release.errors import ConfigError
from release.hints import nearest
from release.tagging.rules.context import RuleContext, global_names
from release.tagging.rules.git_versions import read_calver, read_pep440, read_semver
from release.tagging.rules.variables import NAMES

#: Config, the message's end, the hint's beginning.
WRONG = [
    ("release_on: [pushh]", "`release_on`: no event is called `pushh`", "did you mean `push`?"),
    ("release_on: [push, workflow-dispatch]", "`workflow-dispatch`", "did you mean `workflow_dispatch`?"),
    ("release_on: [IndividualsCI]", "`IndividualsCI`", "did you mean `individualci`?"),
    ("release_on: ['']", "no event is called ``", "write the name of an event"),
    ("bump: {types: {'feat(api)': major}}", "`feat(api)` is not a type of commits", "write `feat`"),
    ("bump: {types: {'feat!': major}}", "`feat!` is not a type of commits", "write `feat`"),
    ("bump: {types: {'': major}}", "`` is not a type of commits", "write the type alone"),
    ("tags: defalt", "`tags`: `defalt` here is a rule for a tag", "write `tags: default`"),
    ("tags: Default", "`Default` here is a rule for a tag", "write `tags: default`"),
    ("tags: [default]", "`default` here is a rule for a tag", "write `tags: default`"),
    ("tags: ['type=sha', defaults]", "`defaults` here is a rule for a tag", "write `tags: default`"),
    (
        "checks: [{name: a, run: [x, '--in={{imgae}}']}]",
        "`{{imgae}}` is not replaced",
        "did you mean `{{image}}`?",
    ),
    (
        "checks: [{name: a, run: [x, '{{ image }}']}]",
        "`{{ image }}` is not replaced",
        "did you mean `{{image}}`?",
    ),
    ("components: {api: {image: a/b, release_on: [scheduel]}}", "`scheduel`", "did you mean `schedule`?"),
]
#: Configs with words that no table has, and that others may have: the events of a trigger, types, tags.
RIGHT = [
    "release_on: [push, PUSH, TAG_PUSH, nightly, deploy, 'SCMTRIGGER,TIMERTRIGGER']",
    "bump: {types: {Docs: patch, 'wip-2': none, büro: minor}}",
    "tags: default",
    "tags: [latest, edge, 'type=raw,value=default', {type: sha}]",
    'checks: [{name: a, run: [x, "{{json .}}", "{{end}}", "{{image}}@{{digest}}"]}]',
]


@pytest.mark.parametrize(("text", "message", "hint"), WRONG)
def test_misspelt_word_is_an_error_with_its_place_and_the_known_word(
    text: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load(f"{text}\n", "shipmark.yml", {})
    assert caught.value.message.startswith("shipmark.yml:1:")
    assert message in caught.value.message
    assert (caught.value.hint or "").startswith(hint)


@pytest.mark.parametrize("text", RIGHT)
def test_word_that_is_like_no_known_one_is_accepted(text: str) -> None:
    load(f"{text}\n", "shipmark.yml", {})


def test_key_of_the_top_level_is_named_for_a_component_that_has_it_from_there() -> None:
    with pytest.raises(ConfigError, match=r"^shipmark\.yml:1:13: "):
        load("release_on: [pushh]\ncomponents: {api: {image: a/b}}\n", "shipmark.yml", {})


def test_names_of_expressions_are_all_known_to_the_check_of_their_spelling() -> None:
    read = [read_semver("1.2.3"), read_pep440("1.2.3"), read_calver("2026.11.20")]
    used = {
        *global_names(RuleContext(now=0)),
        "describe",
        *(name for one in read if one for name in one.names),
    }
    assert used == NAMES


def test_nearest_word_is_found_without_regard_to_case() -> None:
    assert (nearest("VERSON", ["version"]), nearest("x", ["version"])) == ("version", None)

"""Which facts for the log get equal ids, and which facts are refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from release.errors import LogError
from release.log.identity import MESSAGE_LIMIT, checked, fact_id, require_safe, safe_message
from tests.support.logs.facts import built, built_platform, digest, fact, moved, planned, pushed, released

SAME_WHOEVER_WRITES = {"ci": {"system": "jenkins"}, "actor": "bob"}


@pytest.mark.parametrize("make", [built, built_platform, pushed, released, moved])
def test_id_of_a_result_depends_neither_on_the_attempt_nor_on_who_wrote_it(make: Any) -> None:
    assert fact_id(make(attempt="b", **SAME_WHOEVER_WRITES)) == fact_id(make(attempt="a"))


@pytest.mark.parametrize("kind", ["planned", "failed", "cancelled", "abandoned"])
def test_id_of_a_record_about_an_attempt_depends_on_the_attempt_and_not_on_the_reason(kind: str) -> None:
    assert fact_id(fact(kind, attempt="a")) != fact_id(fact(kind, attempt="b"))
    assert fact_id(fact(kind, reason="x")) == fact_id(fact(kind, reason="y", actor="bob"))


def test_abandoned_record_that_names_a_lost_image_has_another_id_than_one_without() -> None:
    settled = fact("abandoned", reason="its run is over")
    assert fact_id({**settled, "lost": f"sha256:{'0' * 64}"}) != fact_id(settled)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (built(), built(image="j")),
        (built(), released()),
        (built(), built(release="s")),
        (built_platform(), built_platform(platform="linux/arm64")),
        (built_platform(), built_platform(image="q")),
        (built_platform(), built_platform(release="s")),
        (pushed(), pushed(tag="1.4.3")),
        (pushed(), pushed(target="elsewhere/app")),
        (pushed(), pushed(image="j")),
        (released(), released(image="j")),
        (moved(), moved(image="j")),
        (moved(), moved(tag="1")),
        (moved(), moved(tags=[{"name": "latest", "result": "withheld", "reason": "2.0.0 is higher"}])),
        (moved(), moved(target="elsewhere/app")),
        (
            {"kind": "saved-manifest", "target": "t", "digest": "d", "follows": 1},
            {"kind": "saved-manifest", "target": "t", "digest": "d", "follows": 2},
        ),
        ({"kind": "note", "text": "a"}, {"kind": "note", "text": "b"}),
        ({"kind": "yanked", "versions": ["1"]}, {"kind": "yanked", "versions": ["2"]}),
        ({"kind": "status", "version": "1", "number": 1}, {"kind": "status", "version": "1", "number": 3}),
    ],
)
def test_different_facts_have_different_ids(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert fact_id(one) != fact_id(other)


def test_id_of_a_built_platform_does_not_depend_on_context_attestations_or_builder() -> None:
    more: dict[str, Any] = {
        "context": {"digest": digest("c")},
        "attestations": [digest("x")],
        "builder": "docker",
        "via": "from",
    }
    assert fact_id(built_platform(**more)) == fact_id(built_platform())


def test_record_of_moving_a_tag_back_has_another_id_than_that_of_the_move() -> None:
    forth = moved(tags=[{"name": "latest", "digest": "sha256:b", "before": "sha256:a", "result": "moved"}])
    back = moved(tags=[{"name": "latest", "digest": "sha256:a", "before": "sha256:b", "result": "moved"}])
    assert fact_id(forth) != fact_id(back)
    assert fact_id(back | {"follows": 7}) != fact_id(back | {"follows": 3})


def test_id_of_a_fact_does_not_depend_on_the_order_of_its_tags() -> None:
    tags = [{"name": "1", "digest": digest("i")}, {"name": "1.4", "digest": digest("i")}]
    assert fact_id(moved(tags=tags)) == fact_id(moved(tags=tags[::-1]))
    assert fact_id(pushed(tags=tags)) == fact_id(pushed(tags=tags[::-1]))


def test_id_of_a_note_does_not_depend_on_its_writer() -> None:
    one = {"kind": "note", "text": "a", "attempt": "x", "actor": "alice", "ci": {"system": "github"}}
    assert fact_id(one) == fact_id({"kind": "note", "text": "a"})


def test_members_of_a_fact_that_are_none_are_left_out_of_its_id_and_of_the_fact() -> None:
    assert fact_id(moved(tags=[{"name": "1", "before": None}])) == fact_id(moved(tags=[{"name": "1"}]))
    assert "plan" not in checked(planned(plan=None))
    image = {"digest": digest("i"), "size": None}
    assert checked(released() | {"image": image})["image"] == {"digest": digest("i")}


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"release": "r"}, "a record without a `kind` cannot be written"),
        (
            {"kind": "note", "project": "p", "text": "t", "seq": 7},
            "sets `seq`, which only the log itself sets",
        ),
        (pushed(target=None), "record `pushed` is malformed: Object missing required field `target`"),
        (planned(lease_ms=1.5), "record `planned` is malformed"),
        (planned(release="r") | {"release": "short"}, r"record `planned` is malformed"),
    ],
)
def test_malformed_facts_for_the_log_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(LogError, match=message):
        checked(wrong)


def test_fact_with_a_float_has_no_id() -> None:
    with pytest.raises(LogError, match=r"record `note` cannot be written: `float` at `\$.text`"):
        fact_id({"kind": "note", "text": 1.5})


def test_fact_of_an_unknown_kind_is_accepted_unchanged() -> None:
    assert checked({"kind": "eclipsed", "by": ["moon"]}) == {"kind": "eclipsed", "by": ["moon"]}


@pytest.mark.parametrize(
    "url",
    [
        "https://alice:secret@example.com/a",
        "https://token@example.com/a",
        "cloned from http://x:y@h/p today",
        "ssh://git:pw@example.com/a",
        "https://a@b@example.com/",
        "HTTPS://token@example.com/a",
    ],
)
def test_facts_with_credentials_in_a_url_are_refused_without_showing_the_url(url: str) -> None:
    with pytest.raises(LogError) as caught:
        require_safe(planned(source={"remote": url}))
    assert "`source.remote`" in caught.value.message
    assert url not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/a@b",
        "git@example.com:acme/app",
        "ssh://git@example.com/acme/app",
        "https://example.com/?mail=a@b.example",
        "mail a@b.example",
    ],
)
def test_facts_with_urls_without_credentials_are_accepted(url: str) -> None:
    require_safe(planned(source={"remote": url}))
    assert safe_message(url) == url


def test_url_credentials_are_found_in_nested_values_and_member_names_of_a_fact() -> None:
    for hidden in ({"tools": {"x": "http://a:b@c"}}, {"targets": [{"tags": [{"http://a:b@c": "y"}]}]}):
        with pytest.raises(LogError, match="credentials"):
            require_safe({"kind": "planned", **hidden})


@given(st.text())
def test_safe_message_holds_no_credentials_and_keeps_the_limit(text: str) -> None:
    message = safe_message(f"{text} https://user:{text}@example.com/ {text}")
    assert len(message.encode()) <= MESSAGE_LIMIT
    require_safe({"kind": "failed", "error": {"message": message}})


def test_safe_message_keeps_the_text_around_a_credential() -> None:
    text = safe_message("push to https://bob:pw@registry.example/v2/ failed: 403\0" + "é" * 3000)
    assert text.startswith("push to https://***@registry.example/v2/ failed: 403é")
    assert len(text.encode()) <= MESSAGE_LIMIT

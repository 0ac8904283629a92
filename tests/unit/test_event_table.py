"""What a run may do, by CI system and event: the rows of `tests/conformance/ci-events.json`."""

from __future__ import annotations

from tests.support.events_page import PAGE, facts_of, rows, text


def test_every_ci_event_permits_what_the_table_says() -> None:
    wrong = []
    for row in rows():
        facts = facts_of(row)
        may = facts.scope.may
        ref = "" if may == "nothing" else facts.git_tag or facts.branch or str(facts.scope.number or "")
        found = (may, ref, facts.ci.prerelease)
        if found != (row["may"], row["ref"], row.get("prerelease")):
            wrong.append((row["system"], row["title"], found, facts.scope.reason))
    assert wrong == []


def test_table_of_ci_events_has_at_least_150_different_rows_of_nine_systems() -> None:
    table = rows()
    assert len(table) >= 150
    assert len({row["system"] for row in table}) >= 9
    assert len({(row["system"], row["title"]) for row in table}) == len(table)


def test_only_trusted_runs_may_do_anything() -> None:
    assert all(facts_of(row).scope.trust.trusted for row in rows() if row["may"] != "nothing")


def test_page_of_ci_events_is_made_from_the_table() -> None:
    assert PAGE.read_text(encoding="utf-8") == text()

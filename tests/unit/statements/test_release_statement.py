"""In-toto statements about releases, made of log entries and not changed by later entries."""

from __future__ import annotations

from typing import Any

from release.log import Entry
from release.log.attested import attested
from release.statements.release_statement import EXTENSION, Attested

KEY = "c" * 64
ONE, TWO = "sha256:" + "1" * 64, "sha256:" + "2" * 64
IMAGE = "ghcr.io/acme/App"


def entries(*facts: dict[str, Any]) -> list[Entry]:
    base = {"release": KEY, "project": "acme", "commit": "a" * 40}
    return [
        Entry(raw=b"", fields={**base, "seq": number, "hash": f"{number:064}", **fact})
        for number, fact in enumerate(facts)
    ]


def pushed(*tags: str, digest: str = ONE, target: str = IMAGE, withheld: str = "") -> dict[str, Any]:
    lines = [{"name": tag, "result": "withheld" if tag == withheld else "created"} for tag in tags]
    return {"kind": "pushed", "target": target, "image": {"digest": digest}, "tags": lines}


def released(digest: str = ONE) -> dict[str, Any]:
    return {"kind": "released", "version": "1.4.2", "image": {"digest": digest}}


def test_statement_names_image_release_and_log_entry() -> None:
    (one,) = attested(entries({"kind": "planned"}, pushed("1.4.2", "sha-a", withheld="sha-a"), released()))
    assert one.statement == {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": IMAGE, "digest": {"sha256": "1" * 64}}],
        "predicateType": "https://in-toto.io/attestation/release/v0.1",
        "predicate": {
            "purl": f"pkg:oci/app@sha256%3A{'1' * 64}?repository_url=ghcr.io/acme/App&tag=1.4.2",
            "packageId": "acme",
            EXTENSION: {
                "release": KEY,
                "version": "1.4.2",
                "commit": "a" * 40,
                "tags": ["1.4.2"],
                "log": f"2:{2:064}",
            },
        },
    }


def test_later_log_entries_do_not_change_a_release_statement() -> None:
    first = entries(pushed("1.4.2"), released())
    later = [*first, *entries({}, {}, pushed("1.4.2", "more"), released(), {"kind": "moved"})[2:]]
    assert list(attested(first)) == list(attested(later))


def test_each_target_of_a_released_image_has_a_statement() -> None:
    log = entries(
        pushed("1.4.2"), pushed("1.4.2", target="oci:dist/image"), pushed("1", digest=TWO), released()
    )
    assert [(one.target, one.digest) for one in attested(log)] == [(IMAGE, ONE), ("oci:dist/image", ONE)]
    assert list(attested(entries(pushed("1.4.2")))) == []
    assert list(attested(log, key="d" * 64)) == []
    assert len(list(attested(log, key=KEY))) == 2


def test_image_recorded_as_lost_has_no_release_statement() -> None:
    lost = {"kind": "abandoned", "lost": ONE}
    assert list(attested(entries(pushed("1.4.2"), released(), lost))) == []
    again = entries(pushed("1.4.2"), released(), lost, pushed("1.4.2", digest=TWO), released(TWO))
    assert [one.digest for one in attested(again)] == [TWO]


def test_package_url_of_an_image_in_a_layout_names_the_folder() -> None:
    (one,) = attested(entries(pushed(target="oci:dist/image"), released()))
    assert isinstance(one, Attested)
    assert one.purl == f"pkg:oci/image@sha256%3A{'1' * 64}?repository_url=oci:dist/image"

"""Every case of docker/metadata-action's own test table, as data (`tests/conformance/metadata-action.json.gz`).

The `meta` cases run twice: with items, and with items joined to text, which the list reader splits again, where the
table has the result of the whole action.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
import pytest

from release.errors import ConfigError
from release.tagging.expressions.render import parse_template
from release.tagging.expressions.source_text import Located, locate
from release.tagging.metadata import (
    DEFAULT_TARGET,
    Metadata,
    MetadataContext,
    MetadataInputs,
    RepositoryFacts,
    evaluate,
    read_inputs,
)
from release.tagging.rules.github import github_run
from release.tagging.rules.images import parse_flavor, parse_images
from release.tagging.rules.listing import parse_items
from release.tagging.rules.parse import parse_rule, parse_rules
from release.tagging.rules.run import Checkout
from tests.support.conformance import table

#: Cases with another result than the action's, and why. All other cases must be equal.
DIFFERENT: dict[str, str] = {}

Case = dict[str, Any]
_LISTS = ("images", "tags", "flavor", "labels", "annotations")
_TABLE: list[Case] = table("metadata-action")["cases"]


def _cases(*kinds: str) -> list[Any]:
    return [
        pytest.param(case, id=case["id"])
        for case in _TABLE
        if case["kind"] in kinds and case["id"] not in DIFFERENT
    ]


def _milliseconds(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _items(texts: list[str], source: str) -> tuple[Located, ...]:
    return tuple(locate(text, source=source) for text in texts)


def _context(case: Case, *, commit_date: bool) -> MetadataContext:
    """Return the rule context of a case. `commit_date`: take the table's date, not that of the event file."""
    repository = case["repo"]
    run = github_run(case["env"], case["event"] or {}, now=_milliseconds(case["now"]))
    run = msgspec.structs.replace(run, default_branch=repository["default_branch"])
    if commit_date:
        run = msgspec.structs.replace(run, commit_date=_milliseconds(case["commit_date"]))
    return MetadataContext(
        run=run,
        repository=RepositoryFacts(
            name=repository["name"],
            description=repository["description"],
            url=repository["html_url"],
            license=repository["license"]["spdx_id"],
        ),
    )


def _answer(case: Case, metadata: Metadata) -> dict[str, Any]:
    """Return the outputs of `metadata` in the form of the table's expected outputs."""
    bake = metadata.bake_files()
    return {
        "version": metadata.version,
        "latest": metadata.latest,
        "tags": list(metadata.tags),
        "labels": [f"{name}={value}" for name, value in metadata.labels.items()],
        "annotations": [f"{name}={value}" for name, value in metadata.annotations.items()],
        "json": metadata.document(),
        "tags_joined": (case["inputs"].get("sepTags") or "\n").join(metadata.tags),
        "bake": bake["bake-file"],
        "bake_tags": bake["bake-file-tags"],
        "bake_labels": bake["bake-file-labels"],
        "bake_annotations": bake["bake-file-annotations"],
    }


@pytest.mark.parametrize("case", _cases("meta"))
def test_metadata_inputs_as_items_give_the_outputs_of_docker_metadata_action(case: Case) -> None:
    inputs = MetadataInputs(
        **{name: _items(case["inputs"].get(name) or [], name) for name in _LISTS},
        bake_target=case["inputs"].get("bakeTarget") or DEFAULT_TARGET,
        # The action's test reads annotations of these two levels from a bake file.
        annotation_levels=("index", "manifest-descriptor")
        if "bake_annotations" in case["expected"]
        else ("manifest",),
    )
    metadata = evaluate(inputs, _context(case, commit_date=True))
    expected = {name: value for name, value in case["expected"].items() if name != "partial"}
    assert {name: _answer(case, metadata)[name] for name in expected} == expected
    if metadata.version is not None and "partial" in case["expected"]:
        latest = 1 if metadata.latest else 0
        names = list(metadata.tag_names)
        assert names[1 : len(names) - latest] == case["expected"]["partial"]


@pytest.mark.parametrize("case", _cases("meta"))
def test_metadata_inputs_as_text_give_the_outputs_of_docker_metadata_action(case: Case) -> None:
    texts = {name: "\n".join(case["inputs"].get(name) or []) for name in _LISTS}
    metadata = evaluate(read_inputs(**texts), _context(case, commit_date=False))
    said = case["e2e"]
    assert (metadata.version or "", list(metadata.tags), list(metadata.tag_names)) == (
        said["version"],
        said["tags"],
        said["tag_names"],
    )


def _rule(text: str) -> dict[str, Any]:
    rule = parse_rule(locate(text, source="tags"))
    return {"type": rule.type, "attrs": rule.attributes}


def _tag(text: str) -> dict[str, Any]:
    return {"tag": _rule(text)}


def _tags(texts: list[str]) -> dict[str, Any]:
    return {"tags": [{"type": r.type, "attrs": r.attributes} for r in parse_rules(_items(texts, "tags"))]}


def _flavor(texts: list[str]) -> dict[str, Any]:
    flavor, _ = parse_flavor(_items(texts, "flavor"))
    return {
        "flavor": {
            "latest": flavor.latest,
            "prefix": flavor.prefix.text if flavor.prefix else "",
            "prefixLatest": flavor.prefix_on_latest,
            "suffix": flavor.suffix.text if flavor.suffix else "",
            "suffixLatest": flavor.suffix_on_latest,
        }
    }


def _images(texts: list[str]) -> dict[str, Any]:
    images, _ = parse_images(_items(texts, "images"))
    return {"images": [{"name": image.name, "enable": image.enable} for image in images]}


def _is_raw(text: str) -> dict[str, Any]:
    try:
        return {"value": parse_template(text).only_name() == "raw"}
    except ConfigError:
        return {"value": False}


def _inputs(given: dict[str, str]) -> dict[str, Any]:
    separators = {
        f"sep{name.title()}": given.get(f"sep-{name}", "\n") for name in ("labels", "tags", "annotations")
    }
    return {
        "inputs": {
            "context": given.get("context", "workflow"),
            "bakeTarget": given.get("bake-target", DEFAULT_TARGET),
            "githubToken": "",
            **separators,
            **{
                name: [item.text for item in parse_items(given.get(name, ""), source=name)] for name in _LISTS
            },
        }
    }


_READERS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "unit-tag-parse": _tag,
    "unit-tag-transform": _tags,
    "unit-flavor": _flavor,
    "unit-image": _images,
    "unit-is-raw": _is_raw,
    "unit-get-inputs": _inputs,
}


@pytest.mark.parametrize("case", _cases(*_READERS))
def test_metadata_inputs_are_parsed_as_by_docker_metadata_action(case: Case) -> None:
    read = _READERS[case["kind"]]
    if "error" in case["expected"]:
        with pytest.raises(ConfigError):
            read(case["input"])
    else:
        assert read(case["input"]) == case["expected"]


@pytest.mark.parametrize("case", _cases("unit-get-context"))
def test_metadata_context_is_taken_from_the_workflow_or_from_git(case: Case) -> None:
    expected = case["expected"]
    committed = _milliseconds(expected["commit_date"])
    checkout = None
    if "env" not in case:  # the table's git: what it answers is what is expected
        checkout = Checkout(ref=expected["ref"], sha=expected["sha"], committed_at=committed // 1000)
    event = {"head_commit": {"id": expected["sha"], "timestamp": expected["commit_date"]}}
    run = github_run(case.get("env") or {}, event, now=0, checkout=checkout)
    assert (run.ref, run.sha, run.commit_date) == (expected["ref"], expected["sha"], committed)


def test_every_kind_of_case_in_the_metadata_action_table_is_tested() -> None:
    assert {case["kind"] for case in _TABLE} == {"meta", "unit-get-context", *_READERS}
    assert {*DIFFERENT} <= {case["id"] for case in _TABLE}

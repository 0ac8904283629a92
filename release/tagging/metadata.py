"""Evaluates the inputs of docker/metadata-action, and gives its outputs: tags, labels, JSON and bake files. Pure.

Deliberate differences to the action: moving tags are guarded where releases are known, a tag that no registry accepts
is an error, nothing is HTML-escaped, no tag is listed twice, indented comments are comments, unknown attributes and
Handlebars blocks are errors, errors name line and column, and no API is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from release.tagging.expressions.render import Names, parse_template, render
from release.tagging.expressions.source_text import Located
from release.tagging.guard import Keep, Move, judge
from release.tagging.metadata_guard import Guarded, Loose, MetadataGuard
from release.tagging.model import Candidate, KnownReleases, Withheld
from release.tagging.rules.context import RuleContext, global_names
from release.tagging.rules.evaluate import RuleTag, evaluate_rules
from release.tagging.rules.images import parse_flavor, parse_images, repositories
from release.tagging.rules.javascript.collation import collation_key
from release.tagging.rules.listing import parse_items
from release.tagging.rules.model import Flavor
from release.tagging.rules.parse import parse_rules

_LABEL = "org.opencontainers.image."
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DEFAULT_TARGET = "docker-metadata-action"


class MetadataInputs(msgspec.Struct, frozen=True, kw_only=True):
    """The action's inputs as items with positions. `annotation_levels`: of all annotations (`manifest`, `index`, …)."""

    images: tuple[Located, ...] = ()
    tags: tuple[Located, ...] = ()
    flavor: tuple[Located, ...] = ()
    labels: tuple[Located, ...] = ()
    annotations: tuple[Located, ...] = ()
    bake_target: str = DEFAULT_TARGET
    annotation_levels: tuple[str, ...] = ("manifest",)


class RepositoryFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts about the repository for labels; unknown text is empty. `license`: an SPDX identifier."""

    name: str = ""
    description: str = ""
    url: str = ""
    license: str = ""


class MetadataContext(msgspec.Struct, frozen=True, kw_only=True):
    """The run, its repository, and the releases that are known.

    `known`: None if moving tags are not guarded. `unguarded`: why not, for a warning; or empty. `git_tags`: the names
    of all git tags, among which a rule's `match=` selects; empty where `known` is None. `label_time`: milliseconds
    since the epoch that labels and annotations take for the time of the run, which is theirs if it is None.
    """

    run: RuleContext
    repository: RepositoryFacts = RepositoryFacts()
    label_time: int | None = None
    known: KnownReleases | None = None
    unguarded: str = ""
    git_tags: tuple[str, ...] = ()


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """The outputs of the action. `tags`: full references; `tag_names`: without repositories; `version`: the first tag.

    `labels` and `annotations` are sorted by name, `annotations` without levels.
    """

    version: str | None
    latest: bool
    images: tuple[str, ...]
    tags: tuple[str, ...]
    tag_names: tuple[str, ...]
    labels: dict[str, str]
    annotations: dict[str, str]
    bake_target: str = DEFAULT_TARGET
    annotation_levels: tuple[str, ...] = ("manifest",)
    withheld: tuple[Withheld, ...] = ()
    warnings: tuple[str, ...] = ()

    def leveled_annotations(self) -> tuple[str, ...]:
        """The annotations as `level:name=value`, first all of one level, then of the next."""
        return tuple(
            f"{level}:{name}={value}"
            for level in self.annotation_levels
            for name, value in self.annotations.items()
        )

    def document(self) -> dict[str, Any]:
        """The content of the output `json`."""
        return {
            "tags": list(self.tags),
            "tag-names": list(self.tag_names),
            "labels": dict(self.labels),
            "annotations": list(self.leveled_annotations()),
        }

    def bake_files(self) -> dict[str, dict[str, Any]]:
        """Name of an output -> the bake definition in this output."""
        arguments = {"DOCKER_META_IMAGES": ",".join(self.images)}
        if self.version is not None:
            arguments["DOCKER_META_VERSION"] = self.version
        tags: dict[str, Any] = {"tags": list(self.tags), "args": arguments}
        labels = {"labels": dict(self.labels)}
        annotations = {"annotations": list(self.leveled_annotations())}
        contents = {
            "bake-file": {"tags": tags["tags"], **labels, "args": arguments},
            "bake-file-tags": tags,
            "bake-file-labels": labels,
            "bake-file-annotations": annotations,
        }
        return {name: {"target": {self.bake_target: content}} for name, content in contents.items()}


def read_inputs(
    *,
    images: str = "",
    tags: str = "",
    flavor: str = "",
    labels: str = "",
    annotations: str = "",
    **rest: Any,
) -> MetadataInputs:
    """Parse the inputs, each a text of several lines. `rest`: `bake_target`, `annotation_levels`."""
    return MetadataInputs(
        images=parse_items(images, source="images"),
        tags=parse_items(tags, source="tags"),
        flavor=parse_items(flavor, source="flavor"),
        labels=parse_items(labels, source="labels"),
        annotations=parse_items(annotations, source="annotations"),
        **rest,
    )


def evaluate(inputs: MetadataInputs, context: MetadataContext) -> Metadata:
    """The outputs for `inputs` in `context`, with the differences to the action that this module's docstring lists.

    Raises `ConfigError` with line and column.
    """
    images, image_warnings = parse_images(inputs.images)
    flavor, flavor_warnings = parse_flavor(inputs.flavor)
    outcome = evaluate_rules(parse_rules(inputs.tags), flavor, context.run)
    names, withheld, loose = _guarded(outcome.tags, flavor, context)
    places = repositories(images)
    tags = tuple(f"{place}:{name}" for place in places for name in names) if places else names
    labelled = context.run
    if context.label_time is not None:
        labelled = msgspec.structs.replace(labelled, now=context.label_time)
    defaults = _defaults(labelled, context.repository, outcome.version)
    global_ = global_names(labelled)
    return Metadata(
        version=outcome.version,
        latest=outcome.latest,
        images=places,
        tags=tags,
        tag_names=names,
        labels=_pairs(defaults, inputs.labels, global_),
        annotations=_pairs(defaults, inputs.annotations, global_),
        bake_target=inputs.bake_target,
        annotation_levels=inputs.annotation_levels,
        withheld=withheld,
        warnings=(*image_warnings, *flavor_warnings, *outcome.warnings, *loose),
    )


def _guarded(
    tags: Sequence[RuleTag], flavor: Flavor, context: MetadataContext
) -> tuple[tuple[str, ...], tuple[Withheld, ...], tuple[str, ...]]:
    """The tag names that may be set, the tags that the guard withholds with its reason, and warnings."""
    guard = MetadataGuard(
        context.run,
        tags,
        flavor,
        known=context.known,
        unguarded=context.unguarded,
        git_tags=context.git_tags,
    )
    names: list[str] = []
    withheld: list[Withheld] = []
    loose: dict[str, list[str]] = {}
    for tag in tags:
        found = guard.of(tag)
        verdict = None
        if isinstance(found, Guarded):
            candidate = Candidate(commit=context.run.sha, version=found.release)
            verdict = judge(found.line, candidate, found.known)
        elif isinstance(found, Loose):
            loose.setdefault(found.reason, []).append(f"`{tag.name}`")
        if verdict is None or isinstance(verdict, Move | Keep):
            names.append(tag.name)
        else:
            rightly = getattr(verdict, "rightly", True)
            withheld.append(Withheld(name=tag.name, reason=verdict.reason, rightly=rightly))
    warnings = (f"{', '.join(named)} may go backwards: {reason}" for reason, named in loose.items())
    return tuple(names), tuple(withheld), tuple(warnings)


def _defaults(run: RuleContext, repository: RepositoryFacts, version: str | None) -> dict[str, str]:
    created = _EPOCH + timedelta(milliseconds=run.now)
    values = {
        "title": repository.name,
        "description": repository.description,
        "url": repository.url,
        "source": repository.url,
        "version": version or "",
        "created": created.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "revision": run.sha,
        "licenses": repository.license,
    }
    return {_LABEL + name: value for name, value in values.items()}


def _pairs(defaults: dict[str, str], items: Sequence[Located], names: Names) -> dict[str, str]:
    """`defaults` overridden by `items`, sorted by name; an item without `=` is ignored."""
    pairs = dict(defaults)
    for item in items:
        key, separator, value = render(parse_template(item), names).partition("=")
        if separator:
            pairs[key] = value
    return dict(sorted(pairs.items(), key=lambda pair: collation_key(pair[0])))

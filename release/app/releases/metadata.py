"""Evaluates docker/metadata-action's inputs for this run: gives tags, labels, annotations and bake files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from release.app.releases.metadata_context import gather_context
from release.app.session import Session
from release.config.model import ComponentSection
from release.tagging.metadata import DEFAULT_TARGET, Metadata, MetadataInputs, evaluate, read_inputs
from release.tagging.model import TagPolicy
from release.versions.model import Scheme


class MetadataRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The action's inputs, as texts of several lines.

    If `images`, `tags`, `flavor`, `labels` or `annotations` is empty, the component's config is used for that input,
    unless `configured` is false.
    `context`: where ref and commit come from, the CI system (`workflow`) or the checkout (`git`). `prefix`: of git
    tags, before the version. `annotation_levels`: `manifest`, `index`, `manifest-descriptor`, `index-descriptor`.
    """

    images: str = ""
    tags: str = ""
    flavor: str = ""
    labels: str = ""
    annotations: str = ""
    bake_target: str = DEFAULT_TARGET
    annotation_levels: tuple[str, ...] = ("manifest",)
    context: Literal["workflow", "git"] = "workflow"
    prefix: str = ""
    component: str | None = None
    configured: bool = True


def metadata(workspace: Session, request: MetadataRequest) -> Metadata:
    """The outputs that docker/metadata-action would give; `document()` gives the action's `json`. Opens no connection.

    Raises `ConfigError` with line and column for an invalid input.
    """
    section = _section(workspace, request.component) if request.configured else ComponentSection()
    inputs = _inputs(request, section)
    policy = TagPolicy(prefix=request.prefix or section.prefix, versions=_scheme(inputs, section))
    context = gather_context(workspace, source=request.context, policy=policy, count=_counts(inputs))
    return evaluate(inputs, context)


def _section(workspace: Session, component: str | None) -> ComponentSection:
    components = workspace.components_named(component)
    # With several components, none of which is named, only the options count: no section can be chosen.
    return components[0].section if len(components) == 1 else ComponentSection()


def _inputs(request: MetadataRequest, section: ComponentSection) -> MetadataInputs:
    return read_inputs(
        images=request.images or _config_images(section),
        tags=request.tags or ("" if section.tags == "default" else _config_lines(section.tags)),
        flavor=request.flavor or _config_lines(section.flavor),
        labels=request.labels or _config_lines(section.labels),
        annotations=request.annotations or _config_lines(section.annotations),
        bake_target=request.bake_target,
        annotation_levels=request.annotation_levels,
    )


def _config_images(section: ComponentSection) -> str:
    given = [*([section.image] if section.image else []), *section.images]
    names = [one if isinstance(one, str) else one.image for one in given]
    return "\n".join(f"name={name}" for name in names if not name.startswith("oci:"))


def _config_lines(value: str | Mapping[str, str] | Sequence[str | Mapping[str, str]]) -> str:
    """A part of the config as input lines for the action's parser.

    A mapping in a list of rules becomes one line, in which each field is quoted twice: the parser unquotes twice.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return "\n".join(_quoted(f"{name}={text}") for name, text in value.items())
    lines = []
    for one in value:
        fields = (
            [one]
            if isinstance(one, str)
            else [_quoted(_quoted(f"{key}={text}")) for key, text in one.items()]
        )
        lines.append(",".join(fields))
    return "\n".join(lines)


def _quoted(field: str) -> str:
    doubled = field.replace('"', '""')
    return f'"{doubled}"'


def _scheme(inputs: MetadataInputs, section: ComponentSection) -> Scheme:
    """The version scheme of git tags: `calver` if all version rules are `calver`, else the config's `versions`."""
    read = {name for name in ("semver", "calver") for item in inputs.tags if f"type={name}" in item.text}
    return "calver" if read == {"calver"} else section.versions


def _counts(inputs: MetadataInputs) -> bool:
    """Whether an input uses `{{commit_count}}`; commits are counted only then, since that walks the whole history."""
    items = (*inputs.tags, *inputs.flavor, *inputs.labels, *inputs.annotations)
    return any("commit_count" in item.text for item in items)

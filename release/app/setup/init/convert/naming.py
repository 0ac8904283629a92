"""The inputs of docker/metadata-action as keys of `shipmark.yml`: images, tags, flavor, labels, annotations. Pure."""

from __future__ import annotations

import re
from typing import Any

from release.app.setup.init.convert.build_options import comma_list, lines_of
from release.app.setup.init.convert.expressions import EXPRESSION, Values
from release.app.setup.init.convert.model import CannotConvert
from release.app.setup.workflows.model import Step
from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.oci.reference import Reference
from release.tagging.rules.images import flavor_from_config
from release.tagging.rules.parse import DEFAULT_RULES

_RULE = "{{env.%s}}"
_IMAGE = "${%s}"
#: Inputs that change no tag here: separators of outputs, a token for labels, a name in bake files.
_IGNORED = frozenset({"github-token", "bake-target", "sep-tags", "sep-labels", "sep-annotations"})
#: Lines of `flavor` that say what is so anyway.
_NO_EFFECT = frozenset(
    {"latest=auto", "prefix=", "suffix=", "prefix=,onlatest=true", "suffix=,onlatest=true"}
)
_LATEST = pattern(r"latest=\s*(\$\{\{.*?\}\})\s*$", re.DOTALL)


def naming_section(step: Step, values: Values) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The keys that name the image, and what was left out, by line. Raises `CannotConvert`."""
    left: list[tuple[int, str]] = []
    flavor, more = _flavor(step.inputs.get("flavor", ""), values, step.input_lines.get("flavor", step.line))
    rules = [values.text(line, form=_RULE) for line in lines_of(step.inputs.get("tags", ""))]
    section: dict[str, Any] = {
        **_images(step, values),
        "tags": [*(rules or DEFAULT_RULES), *more],
        # The rules decide which tags an event gets, as they did in the action.
        "events": "as-action",
        **({"flavor": flavor[0] if len(flavor) == 1 else flavor} if flavor else {}),
    }
    for key in ("labels", "annotations"):
        if found := [values.text(line, form=_RULE) for line in lines_of(step.inputs.get(key, ""))]:
            section[key] = found
    for name, line in step.input_lines.items():
        if name == "context":
            left.append((line, "`context` is left out: shipmark compares git with what the CI system says"))
        elif name not in {"images", "tags", "flavor", "labels", "annotations", *_IGNORED}:
            left.append((line, f"`{name}` is no input that shipmark knows, and is left out"))
    return section, left


def _images(step: Step, values: Values) -> dict[str, Any]:
    line = step.input_lines.get("images", step.line)
    given = lines_of(step.inputs.get("images", ""))
    if len(given) == 1 and "=" not in EXPRESSION.sub("", given[0]):
        given = comma_list(given[0], line) if not EXPRESSION.search(given[0]) else given
    return images_of([_image(one, line) for one in given], values, line)


def images_of(names: list[str], values: Values, line: int) -> dict[str, Any]:
    """`image:` for one name, `images:` for several. Raises `CannotConvert` for a name that is no repository."""
    found = list(dict.fromkeys(name for one in names if (name := _checked(one, values, line))))
    if not found:
        raise CannotConvert(line, "no image is named")
    return {"image": found[0]} if len(found) == 1 else {"images": found}


def _image(text: str, line: int) -> str:
    """The name in one item: `ghcr.io/acme/app`, or `name=…` with `enable=true`."""
    name, fields = "", text.split(",")
    for field in fields:
        key, separator, value = field.partition("=")
        if not separator:
            name = key
        elif key.strip().lower() == "name":
            name = value
        elif key.strip().lower() == "enable" and value.strip() == "false":
            return ""
        elif key.strip().lower() == "enable" and value.strip() != "true":
            raise CannotConvert(
                line, f"`{field.strip()}`: whether an image counts is known only when the job runs"
            )
    return name.strip()


def _checked(name: str, values: Values, line: int) -> str:
    known = values.literal(name)
    if known is not None:
        found = known.strip().lower()  # as the action does
        if found:
            try:
                Reference.parse(found)
            except ConfigError as error:
                raise CannotConvert(line, error.message) from error
        return found
    found = values.text(name, form=_IMAGE)
    if secret := values.secret_names():
        raise CannotConvert(
            line, f"the image's name holds `{secret[0]}`, which looks like a secret: write the name"
        )
    return found


def _flavor(text: str, values: Values, line: int) -> tuple[list[str], list[str]]:
    """The lines of `flavor`, and rules in place of a `latest=` that an expression decides."""
    lines: list[str] = []
    conditions: list[str] = []
    for one in lines_of(text):
        match = _LATEST.fullmatch(one)
        if match is None or values.literal(match[1]) is not None:
            lines.append(values.text(one, form=_RULE))
        else:
            # `latest=` takes no expression, and `enable=` does. The lowest priority: another tag names the version.
            lines.append("latest=false")
            conditions.append(values.text(match[1], form=_RULE))
    affixes = _not_on_latest(lines, line) if conditions else ""
    # A line without effect by itself may take back an earlier one: `prefix=` after `prefix=a-`.
    keys = [one.partition("=")[0].strip() for one in lines]
    kept = [
        one
        for one, key in zip(lines, keys, strict=True)
        if keys.count(key) > 1 or one.replace(" ", "") not in _NO_EFFECT
    ]
    return kept, [f"type=raw,value=latest,enable={one},priority=0{affixes}" for one in conditions]


def _not_on_latest(flavor: list[str], line: int) -> str:
    """The attributes that keep a rule for `latest` without the affixes that the flavor keeps off `latest`."""
    try:
        found, _ = flavor_from_config(flavor)
    except ConfigError as error:
        raise CannotConvert(line, error.message) from error
    plain = {
        "prefix": bool(found.prefix and found.prefix.text) and not found.prefix_on_latest,
        "suffix": bool(found.suffix and found.suffix.text) and not found.suffix_on_latest,
    }
    return "".join(f",{name}=" for name, is_plain in plain.items() if is_plain)

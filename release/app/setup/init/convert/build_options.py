"""The inputs of docker/build-push-action as options of `build:`. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from release.app.setup.init.convert.expressions import EXPRESSION, Values
from release.app.setup.init.convert.model import CannotConvert
from release.app.setup.workflows.model import Step
from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.tagging.rules.listing import parse_items

#: Inputs that the config or the command says.
_TAKEN = frozenset({"tags", "labels", "annotations", "push", "load", "outputs", "github-token"})
#: Inputs that are left out, and what to know about each.
_DROPPED = {
    "no-cache": "shipmark's builds use the builder's cache",
    "no-cache-filters": "shipmark's builds use the builder's cache",
    "pull": "BuildKit looks for newer bases by itself; pin them by digest",
    "attests": "write `provenance:` and `sbom:` in `build:`",
    "call": "`shipmark dockerfile lint` checks Dockerfiles",
    "shm-size": "`build:` has no such option",
    "ulimit": "`build:` has no such option",
    "cgroup-parent": "`build:` has no such option",
    "add-hosts": "`build:` has no such option",
    "allow": "`build:` has no such option",
}
_ARGUMENT = "${%s}"
_VARIABLE = pattern(r"\$\{\w+\}", re.ASCII)
# What `build.args` of shipmark.yml replaces, and docker/build-push-action passes on as it is.
_REPLACED = pattern(r"\{\{[^}]*(?:\}\})?|\$\{[A-Za-z_]\w*\}", re.ASCII)


def lines_of(text: str) -> list[str]:
    """The lines of an input, as they are written, without blank lines and comments."""
    return [line.strip() for line in text.split("\n") if line.strip() and not line.lstrip().startswith("#")]


def _no_comments(name: str, text: str, line: int) -> Iterator[tuple[int, str]]:
    """The lines that look like comments, which docker/build-push-action has none of: it takes them as entries."""
    for entry in text.split("\n"):
        if entry.lstrip().startswith("#"):
            shown = entry.strip()[:40]
            yield line, f"`{shown}` in `{name}` is an entry for docker/build-push-action, and is left out"


def entries_of(text: str, line: int) -> list[str]:
    """The entries of a list input: one a line, or several lines in quotes.

    Docker's actions read such inputs as CSV: quotes around a whole entry are not a part of it, `""` in them is one.
    Raises `CannotConvert` for a quote that is never closed.
    """
    try:
        return [item.text for item in parse_items(text, source="")]
    except ConfigError as error:
        raise CannotConvert(line, "the quotes of an input cannot be read") from error


def comma_list(text: str, line: int) -> list[str]:
    """The entries of an input whose entries have commas or line breaks between them. Raises as `entries_of`."""
    return [one.strip() for entry in entries_of(text, line) for one in entry.split(",") if one.strip()]


def build_section(step: Step, values: Values) -> tuple[dict[str, Any], list[tuple[int, str]]]:
    """The section `build:`, and what was left out, by line. Raises `CannotConvert`."""
    section: dict[str, Any] = {}
    left: list[tuple[int, str]] = []
    for name, text in step.inputs.items():
        line = step.input_lines[name]
        if name in _TAKEN:
            continue
        if name in _DROPPED:
            left.append((line, f"`{name}` is left out: {_DROPPED[name]}"))
        elif name in OPTIONS:
            left += _no_comments(name, text, line)
            for key, value in OPTIONS[name](text, values, line):
                # Three inputs name secrets; their entries are one list.
                section[key] = [*section.get(key, []), *value] if key == "secrets" else value
        else:
            left.append((line, f"`{name}` is no input that shipmark knows, and is left out"))
    if "context" in section and not step.inputs.get("file", "").strip():
        # Without `file`, the Dockerfile is that of the context; shipmark looks in the repository's root first.
        section["dockerfile"] = posixpath.join(section["context"], "Dockerfile")
    return section, left


def _plain(key: str, default: str = "") -> Callable[[str, Values, int], Iterator[tuple[str, Any]]]:
    def convert(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
        found = _known(text.strip(), values, line)
        found = found[2:] if found.startswith("./") and len(found) > 2 else found
        if found not in {default, f"./{default}", ""}:
            yield key, found

    return convert


def _known(text: str, values: Values, line: int) -> str:
    found = values.literal(text)
    if found is None:
        raise CannotConvert(line, f"`{text}` is known only when the job runs, and the config needs it before")
    return found


def _context(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
    found = _known(text.strip(), values, line)
    if "://" in found or found.startswith(("git@", "{{")):
        if found != "{{defaultContext}}":
            raise CannotConvert(line, f"the context `{found}` is not a folder of the checkout")
        return
    found = found.rstrip("/") or "."
    if found not in {".", ""}:
        yield "context", found.removeprefix("./")


def _list(
    key: str, entries: Callable[[str, int], list[str]] = entries_of
) -> Callable[[str, Values, int], Iterator[tuple[str, Any]]]:
    def convert(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
        yield key, [_known(one, values, line) for one in entries(text, line)]

    return convert


def _platforms(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
    yield "platforms", comma_list(_known(text, values, line), line)


def _mapping(key: str) -> Callable[[str, Values, int], Iterator[tuple[str, Any]]]:
    def convert(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
        found = {}
        for entry in entries_of(text, line):
            name, separator, value = entry.partition("=")
            _require_plain(value, line)
            # `NAME` alone takes the step's variable of that name.
            found[name.strip()] = values.text(value, form=_ARGUMENT) if separator else f"${{{name.strip()}}}"
        yield key, found

    return convert


def _require_plain(value: str, line: int) -> None:
    """Raise `CannotConvert` for text that the config would replace. GitHub's own expressions are none."""
    found = _REPLACED.search(EXPRESSION.sub("", value))
    if found is not None:
        raise CannotConvert(
            line,
            f"`{found[0]}` in `{value}` is text for docker/build-push-action, and shipmark.yml would replace it",
        )


def _secrets(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
    entries = []
    for entry in entries_of(text, line):
        name, _, value = entry.partition("=")
        filled = values.text(value, form=_ARGUMENT)
        if not _VARIABLE.fullmatch(filled):
            raise CannotConvert(
                line, f"the value of the secret `{name}` is not one `${{{{ secrets.NAME }}}}`"
            )
        entries.append(f"id={name},env={filled[2:-1]}")
    yield "secrets", entries


def _secret_sources(
    kind: str, entries: Callable[[str, int], list[str]]
) -> Callable[[str, Values, int], Iterator[tuple[str, Any]]]:
    def convert(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
        found = []
        for entry in entries(text, line):
            name, _, value = entry.partition("=")
            found.append(f"id={name},{kind}={_known(value, values, line)}")
        yield "secrets", found

    return convert


def _builder(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
    # `${{ steps.builder.outputs.name }}`: docker/setup-buildx-action makes its builder the current one.
    if "steps." not in text:
        yield "builder_name", _known(text.strip(), values, line)


def _provenance(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
    found = _known(text.strip(), values, line)
    chosen = {"true": "min", "mode=min": "min", "mode=max": "max", "max": "max", "min": "min"}.get(found)
    if chosen is not None:
        yield "provenance", chosen


def _sbom(text: str, values: Values, line: int) -> Iterator[tuple[str, Any]]:
    if _known(text.strip(), values, line) not in {"false", ""}:
        yield "sbom", True


#: Input -> the function that turns its text into options of `build:`.
OPTIONS: Mapping[str, Callable[[str, Values, int], Iterator[tuple[str, Any]]]] = {
    "context": _context,
    "file": _plain("dockerfile", "Dockerfile"),
    "target": _plain("target"),
    "platforms": _platforms,
    "build-args": _mapping("args"),
    "build-contexts": _mapping("contexts"),
    "secrets": _secrets,
    "secret-envs": _secret_sources("env", comma_list),
    "secret-files": _secret_sources("src", entries_of),
    "ssh": _list("ssh", comma_list),
    "cache-from": _list("cache_from"),
    "cache-to": _list("cache_to"),
    "network": _plain("network", "default"),
    "builder": _builder,
    "provenance": _provenance,
    "sbom": _sbom,
}

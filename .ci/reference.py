"""The reference pages of the site, made of the code: commands, configuration, exit codes, log records, JSON documents.

`pages()` is called by `.ci/site.py`, so the pages are never older than the code; nothing of them is committed.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import click
import msgspec

import release
from release import limits
from release.cli.main import shipmark
from release.config.model import config_schema
from release.errors import ReleaseError
from release.schema import cleaned, identifier

ROOT = Path(__file__).resolve().parents[1]
_HEAD = "# {title}\n\nMade of the code of this version by `.ci/reference.py`.\n\n{intro}\n"


def pages() -> dict[str, str]:
    """The pages and schemas, by their paths on the site."""
    # Classes are found below their base class, and only in modules that are imported.
    for module in pkgutil.walk_packages(release.__path__, "release."):
        importlib.import_module(module.name)
    schemas = documents()
    return {
        "reference/commands.md": commands_page(),
        "reference/configuration.md": configuration_page(),
        "reference/exit-codes.md": exit_codes_page(),
        "reference/records.md": records_page(),
        "reference/documents.md": documents_page(schemas),
        "reference/limits.md": limits_page(),
        "reference/schemas/config.schema.json": _json(config_schema()),
        "reference/schemas/log.schema.json": _json(_record_schema()),
        **{f"reference/schemas/{name}.schema.json": _json(one) for name, one in schemas.items()},
    }


def commands_page() -> str:
    """Every command with its usage, help and options."""
    intro = (
        "Options of `shipmark` itself also stand behind the command. Exit codes: [one table](exit-codes.md)."
    )
    parts = [_HEAD.format(title="Every command and option", intro=intro)]
    for path, command in _commands(shipmark, ("shipmark",)):
        context = click.Context(command, info_name=" ".join(path))
        usage = " ".join(command.collect_usage_pieces(context))
        parts += [
            f"## {' '.join(path)}",
            f"```text\n{' '.join(path)} {usage}\n```",
            _prose(inspect.cleandoc(command.help or "")),
        ]
        rows = [
            _option_row(one, context)
            for one in command.params
            if isinstance(one, click.Option) and not one.hidden
        ]
        if rows:
            parts.append(_table(("option", "does", "default", "variable"), rows))
    return "\n\n".join(parts) + "\n"


def configuration_page() -> str:
    """Every key of the configuration, section by section, from the JSON Schema."""
    schema = config_schema()
    intro = "As a JSON Schema: [config.schema.json](schemas/config.schema.json), or `shipmark config schema`."
    parts = [_HEAD.format(title="Every key of shipmark.yml", intro=intro)]
    for name, section in schema["$defs"].items():
        parts += [
            f"## {name}",
            _prose(section.get("description", "")),
            _members(section["properties"], section),
        ]
    return "\n\n".join(parts) + "\n"


def exit_codes_page() -> str:
    """Every exit code with the classes of errors that end with it."""
    codes: dict[int, list[type[ReleaseError]]] = {}
    for cls in _descendants(ReleaseError):
        codes.setdefault(cls.exit_code, []).append(cls)
    intro = "The command prints where each error is [explained](../errors.md)."
    parts = [_HEAD.format(title="Exit codes", intro=intro)]
    for code, classes in sorted(codes.items()):
        rows = [(f"`{cls.__name__}`", _cell(_first_paragraph(cls.__doc__ or ""))) for cls in classes]
        parts += [f"## {code}", _table(("error", "means"), rows)]
    return "\n\n".join(parts) + "\n"


def records_page() -> str:
    """Every kind of record in the version log, with the members that only this kind has."""
    schema = _record_schema()
    shared = schema["$defs"]["OtherKind"]
    kinds = [one["$ref"].rpartition("/")[2] for one in schema["anyOf"]]
    intro = (
        "One line of the log is one record. [Formats](../formats.md) says how they grow; the JSON Schema is "
        "[log.schema.json](schemas/log.schema.json)."
    )
    own = {name: value for name, value in shared["properties"].items() if name != "kind"}
    parts = [_HEAD.format(title="Records of the version log", intro=intro)]
    parts += ["## Members of every record", _members(own, shared)]
    for name in kinds:
        definition = schema["$defs"][name]
        if name == "OtherKind":
            continue
        members = {
            key: value for key, value in definition["properties"].items() if key not in shared["properties"]
        }
        kind = definition["properties"]["kind"]["enum"][0]
        parts += [f"## {kind}", _prose(definition.get("description", "")), _members(members, definition)]
    for name, definition in schema["$defs"].items():
        if name not in kinds:
            parts += [
                f"## {name}",
                _prose(definition.get("description", "")),
                _members(definition["properties"], definition),
            ]
    return "\n\n".join(part for part in parts if part) + "\n"


def documents_page(schemas: Mapping[str, Mapping[str, Any]]) -> str:
    """Every `--json` document of a use case, with its members and its JSON Schema."""
    intro = (
        "The first key is `schema`. Members may be added within one number: "
        "[what stays the same](../stability.md).\n\n"
        "Five documents have no section: `shipmark.decisions/1`, whose `decisions` are a list of "
        "[shipmark.decision/1](#shipmarkdecision-1); `shipmark.config/1`, with the "
        "[keys of the configuration](configuration.md); `shipmark.ci/1`, `shipmark.cache/1` and "
        "`shipmark.cache-clean/1`, of `shipmark ci` and `shipmark cache`."
    )
    parts = [_HEAD.format(title="JSON documents", intro=intro)]
    for name, schema in schemas.items():
        top = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        parts += [f"## {name}", _prose(top.get("description", ""))]
        parts += [
            f"[{name}.schema.json](schemas/{name}.schema.json)",
            _members(top["properties"], top, links=False),
        ]
    return "\n\n".join(parts) + "\n"


def limits_page() -> str:
    """Every limit with its reason, from `release/limits.py`."""
    text = (ROOT / "release" / "limits.py").read_text(encoding="utf-8")
    intro = "What is larger is refused with an error. Sizes are binary: a MiB has 1,048,576 bytes."
    parts = [_HEAD.format(title="Limits", intro=intro)]
    rows = []
    for comment, block in re.findall(r"^((?:#: .*\n)+)((?:[A-Z_]+ = .*\n)+)", text, re.MULTILINE):
        reason = " ".join(line.removeprefix("#: ") for line in comment.splitlines())
        for name in re.findall(r"^([A-Z_]+) = ", block, re.MULTILINE):
            if name in {"KIB", "MIB"}:  # units, no limits
                continue
            shown = _code(name.lower().replace("_", " "))
            rows.append((shown, _amount(name, getattr(limits, name)), _cell(reason)))
    return "\n\n".join([*parts, _table(("limit", "at most", "why"), rows)]) + "\n"


def _amount(name: str, value: float) -> str:
    if name.endswith("_BYTES") and value >= limits.MIB:
        return f"{value / limits.MIB:g} MiB"
    if name.endswith("_BYTES"):
        return f"{value / limits.KIB:g} KiB"
    return f"{value:,}" + (" s" if name.endswith("_SECONDS") else "")


def documents() -> dict[str, dict[str, Any]]:
    """The JSON Schemas of `--json` documents by name: of every Struct of `release.app` with a member `schema`."""
    found = {}
    for cls in _descendants(msgspec.Struct):
        names = _schema_names(cls) if cls.__module__.startswith("release.app") else ()
        for name in names:
            schema = cleaned(msgspec.json.schema(cls))
            found[name.replace("/", "-")] = {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "$id": identifier(name),
                **schema,
            }
    return dict(sorted(found.items()))


def _schema_names(cls: type[msgspec.Struct]) -> tuple[str, ...]:
    """The values that the member `schema` of a Struct may have; none if it has no such member."""
    # Asked first: types of other Structs may be imported for type checkers alone, and then cannot be resolved.
    if "schema" not in cls.__struct_fields__:
        return ()
    field = next(one for one in msgspec.structs.fields(cls) if one.name == "schema")
    return tuple(value for value in get_args(field.type) if str(value).startswith("shipmark."))


def _commands(
    command: click.Command, path: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                yield from _commands(inner, (*path, name))


def _option_row(option: click.Option, context: click.Context) -> tuple[str, ...]:
    names = ", ".join((*option.opts, *option.secondary_opts))
    value = "" if option.is_flag or option.count else f" {option.make_metavar(context)}"
    default = (
        option.default
        if isinstance(option.default, str | int) and not isinstance(option.default, bool)
        else ""
    )
    variables = [option.envvar] if isinstance(option.envvar, str) else list(option.envvar or ())
    return (
        _code(f"{names}{value}"),
        _cell(option.help or ""),
        _code(str(default)) if default != "" else "",
        ", ".join(_code(name) for name in variables),
    )


def _members(properties: Mapping[str, Any], owner: Mapping[str, Any], *, links: bool = True) -> str:
    required = set(owner.get("required", ()))
    rows = [
        (
            _code(name),
            _type(value, links=links),
            "required" if name in required else _default(value),
            _cell(value.get("description", "")),
        )
        for name, value in properties.items()
    ]
    return _table(("member", "type", "default", "meaning"), rows) if rows else ""


def _type(schema: Mapping[str, Any], *, links: bool) -> str:
    """A JSON Schema's type in words, with a link to the section about a type of its own."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})" if links else _code(name)
    if "enum" in schema:
        return ", ".join(_code(json.dumps(value).strip('"')) for value in schema["enum"])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one, links=links) for one in schema["anyOf"]))
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items') or {}, links=links)}"
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"map of {_type(schema['additionalProperties'], links=links)}"
    return str(kind)


def _default(schema: Mapping[str, Any]) -> str:
    return _code(json.dumps(schema["default"])) if schema.get("default") not in (None, "", [], {}) else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _cell(text: str) -> str:
    """Text for a cell of a table: one line, with no pipe that would end the cell."""
    return _prose(" ".join(text.split())).replace("|", "\\|")


def _prose(text: str) -> str:
    """Help text or a docstring as Markdown: `<word>` outside of code is text, and `\\b` of click has no meaning."""
    plain = text.replace("\b\n", "")
    return re.sub(r"`[^`]*`|<", lambda found: "&lt;" if found[0] == "<" else found[0], plain)


def _first_paragraph(text: str) -> str:
    return text.strip().partition("\n\n")[0]


def _descendants(cls: type[Any]) -> list[type[Any]]:
    return [cls, *(deeper for child in cls.__subclasses__() for deeper in _descendants(child))]


def _record_schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(
        (ROOT / "release" / "log" / "record.schema.json").read_text(encoding="utf-8")
    )
    return schema


def _json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"

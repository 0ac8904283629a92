"""Evaluates GitHub's expressions, as far as the actions and workflows of this repository use them.

Known: names (`steps.find.outputs.key`), texts, numbers, `true`, `false`, `null`, `== != && || !`, parentheses,
`toJSON`, `fromJSON`, `contains`, `startsWith`, `endsWith`, `format`, `join`, and the status functions. A name that is
not there is empty, as in the runner. Source: docs.github.com, "Evaluate expressions in workflows and actions".
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

_EMBEDDED = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<op>==|!=|&&|\|\||<=|>=|[<>!(),\[\]])"
    r"|(?P<name>[A-Za-z_][\w-]*(?:\.(?:[A-Za-z_*][\w-]*))*))"
)
#: Members behind a call or an index: `.*.platform`.
_MEMBERS = re.compile(r"(?:\.(?:[A-Za-z_][\w-]*|\*))+")


def text_of(template: str, context: Mapping[str, Any]) -> str:
    """Replace each `${{ … }}` in `template` by its value as text."""
    return _EMBEDDED.sub(lambda match: shown(evaluate(match[1], context)), template)


def value_of(template: Any, context: Mapping[str, Any]) -> Any:
    """The value of a template; one that is a single expression keeps its type."""
    if not isinstance(template, str):
        return template
    match = _EMBEDDED.fullmatch(template.strip())
    return evaluate(match[1], context) if match and "${{" not in match[1] else text_of(template, context)


def is_met(condition: object, context: Mapping[str, Any]) -> bool:
    """Whether an `if:` holds; it may come with or without `${{ }}`."""
    text = str(condition).strip()
    match = _EMBEDDED.fullmatch(text)
    return bool(evaluate(match[1] if match else text, context))


def shown(value: Any) -> str:
    """A value as the runner puts it into a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, dict | list) else f"{value:g}"


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """The value of an expression. Raises `ValueError` for one that is not understood."""
    reader = _Reader(expression, context)
    value = reader.either()
    if reader.rest():
        raise ValueError(f"not understood: {reader.rest()!r} in {expression!r}")
    return value


def _walked(value: Any, parts: list[str]) -> Any:
    """The member of `value` at the path `parts`; `*` stands for all members, and makes a list of what follows."""
    for part in parts:
        if part == "*":
            value = list(value.values()) if isinstance(value, Mapping) else value
        elif isinstance(value, list):
            value = [one.get(part) for one in value if isinstance(one, Mapping)]
        else:
            value = _member(value, part)
    return value


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)


def _contains(inside: Any, wanted: Any) -> bool:
    if isinstance(inside, list):
        return any(_equal(one, wanted) for one in inside)
    return shown(wanted).lower() in shown(inside).lower()


def _format(text: str, *values: Any) -> str:
    return re.sub(r"\{(\d+)\}", lambda match: shown(values[int(match[1])]), text)


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "tojson": _as_json,
    "fromjson": json.loads,
    "contains": _contains,
    "startswith": lambda text, start: shown(text).lower().startswith(shown(start).lower()),
    "endswith": lambda text, end: shown(text).lower().endswith(shown(end).lower()),
    "format": _format,
    "join": lambda values, between=",": between.join(shown(one) for one in values or ()),
}


def _equal(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return (one or "") == (other or "")
    if isinstance(one, str) and isinstance(other, str):
        return one.lower() == other.lower()
    return bool(one == other)


class _Reader:
    def __init__(self, expression: str, context: Mapping[str, Any]) -> None:
        self._text, self._at, self._context = expression, 0, context

    def rest(self) -> str:
        return self._text[self._at :].strip()

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self._text, self._at)

    def _take(self, *operators: str) -> str | None:
        match = self._peek()
        if match is None or match["op"] not in operators:
            return None
        self._at = match.end()
        return match["op"]

    def either(self) -> Any:
        value = self._both()
        while self._take("||"):
            other = self._both()
            value = value or other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._take("&&"):
            other = self._compared()
            value = value and other
        return value

    def _compared(self) -> Any:
        value = self._one()
        while operator := self._take("==", "!="):
            value = _equal(value, self._one()) == (operator == "==")
        return value

    def _one(self) -> Any:
        if self._take("!"):
            return not self._one()
        if self._take("("):
            value = self.either()
            assert self._take(")"), self._text
            return value
        match = self._peek()
        if match is None or match["op"]:
            raise ValueError(f"not understood: {self.rest()!r}")
        self._at = match.end()
        if match["text"] is not None:
            return match["text"][1:-1].replace("''", "'")
        if match["number"] is not None:
            return float(match["number"])
        return self._named(match["name"])

    def _named(self, name: str) -> Any:
        lower = name.lower()
        if self._take("("):
            return self._inside(self._called(lower))
        if lower in ("true", "false", "null"):
            return {"true": True, "false": False}.get(lower)
        return self._inside(_walked(self._context, name.split(".")))

    def _inside(self, value: Any) -> Any:
        """The member that `[…]` and `.name` behind a value lead to."""
        while True:
            if self._take("["):
                key = self.either()
                assert self._take("]"), self._text
                value = value[int(key)] if isinstance(value, list) else _member(value, shown(key))
            elif match := _MEMBERS.match(self._text, self._at):
                self._at = match.end()
                value = _walked(value, match[0][1:].split("."))
            else:
                return value

    def _called(self, name: str) -> Any:
        values = []
        while not self._take(")"):
            values.append(self.either())
            self._take(",")
        if name in ("success", "always", "failure", "cancelled"):
            state = _member(_member(self._context, "job"), "status") or "success"
            return {"success": state == "success", "always": True}.get(name, state == name)
        return _FUNCTIONS[name](*values)


def _member(value: Any, name: str) -> Any:
    if not isinstance(value, Mapping):
        return None
    if name in value:
        return value[name]
    return next((one for key, one in value.items() if str(key).lower() == name.lower()), None)

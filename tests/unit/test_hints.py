"""Every error that users see comes with a hint: each place that makes one passes it, or its class has a usual one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from release.errors import ReleaseError
from tests.support.source import modules
from tests.unit.app.test_help_topics import classes

#: Module -> why its errors need no hint of their own.
WITHOUT = {
    "release.inventory.in_use.sources": "`ask` raises them again, with the number of the source to mend",
    "release.registry.auth.credential_helper": "`_call` raises them again, with the variable that does without",
    "release.build.context.digest": "end a thread whose result nobody waits for",
    "release.build.embedded.layer_writer": "end a thread whose result nobody waits for",
}


def named(call: ast.Call) -> str:
    """Return the last part of the name that is called."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


@cache
def makers() -> frozenset[str]:
    """Return the names of error classes without a usual hint."""
    return frozenset(cls.__name__ for cls in classes(ReleaseError) if cls.usual_hint is None)


def lacks(call: ast.Call) -> bool:
    """Return whether the call passes no hint, or None in some case."""
    if any(keyword.arg is None for keyword in call.keywords):
        return False
    given = [keyword.value for keyword in call.keywords if keyword.arg == "hint"]
    return not given or any(is_none(part) for part in alternatives(given[0]))


def alternatives(value: ast.expr) -> Iterator[ast.expr]:
    """Yield the values that the expression may have, as far as its form shows."""
    match value:
        case ast.IfExp():
            yield from alternatives(value.body)
            yield from alternatives(value.orelse)
        case ast.BoolOp():
            yield from alternatives(value.values[-1])
        case ast.Call(func=ast.Attribute(attr="get"), args=[_]):
            yield ast.Constant(None)
        case _:
            yield value


def is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value in (None, "")


def test_every_error_that_users_see_is_made_with_a_hint() -> None:
    silent: dict[str, list[str]] = {}
    for name, tree in modules():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and named(node) in makers() and lacks(node):
                silent.setdefault(name, []).append(f"{node.lineno}: {ast.unparse(node)}")
    assert silent.keys() == WITHOUT.keys(), {at: silent[at] for at in silent.keys() - WITHOUT.keys()}

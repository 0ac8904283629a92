"""Decoding of JSON into typed values: from several threads at once, and by one module only."""

from __future__ import annotations

import ast
import subprocess
import sys

import msgspec
import pytest

from release.decoding import convert, decode, decoder
from tests.support.source import modules

#: Six threads decode into the same new types, over and over; without the lock the process dies of a segmentation fault.
_RACE = """
import sys, threading, msgspec
from release.decoding import convert, decode, decoder

sys.setswitchinterval(1e-6)

def use(ready, outer, inner, at):
    ready.wait()
    if at % 2 == 0:
        decode(b'{"i": {"a1": 1}, "b9": [{"a9": 3}], "b19": [{"a19": 3}]}', outer)
    else:
        convert({"i": {"a1": 1}, "b19": [{"a19": 3}]}, outer)
    decoder(inner).decode(b'{"a1": 1}')

for number in range(300):
    inner = msgspec.defstruct(f"I{number}", [(f"a{k}", int | None, None) for k in range(20)])
    outer = msgspec.defstruct(f"O{number}", [("i", inner), *((f"b{k}", list[inner] | None, None) for k in range(20))])
    ready = threading.Barrier(6)
    threads = [threading.Thread(target=use, args=(ready, outer, inner, at)) for at in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print("whole")
"""


class Line(msgspec.Struct, frozen=True):
    """Type with one number, to decode into."""

    number: int


def test_threads_may_decode_into_a_new_type_at_the_same_time() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _RACE], capture_output=True, text=True, check=False, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "whole\n")


def test_decoding_converts_texts_to_numbers_only_if_not_strict() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode(b'{"number": "1"}', Line)
    with pytest.raises(msgspec.ValidationError):
        convert({"number": "1"}, Line)
    assert (
        decode(b'{"number": "1"}', Line, strict=False)
        == convert({"number": "1"}, Line, strict=False)
        == Line(1)
    )
    assert decoder(Line).decode(b'{"number": 2}') == Line(2)


def _typed_calls(tree: ast.Module) -> list[str]:
    """Return the calls in a module that make msgspec analyse a type; decoding into plain values does not."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {"msgspec.json.decode": 1, "msgspec.json.Decoder": 0, "msgspec.convert": -1}
    return [
        name
        for call in calls
        if (name := ast.unparse(call.func)) in names
        and (len(call.args) > names[name] or any(keyword.arg == "type" for keyword in call.keywords))
    ]


def test_only_release_decoding_calls_msgspec_with_a_type() -> None:
    assert {
        name: calls
        for name, tree in modules()
        if (calls := _typed_calls(tree)) and name != "release.decoding"
    } == {}
    assert len(_typed_calls(dict(modules())["release.decoding"])) == 4


def test_only_meta_is_imported_by_name_from_msgspec() -> None:
    taken = {
        alias.name
        for _, tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).partition(".")[0] == "msgspec"
        for alias in node.names
    }
    assert taken <= {"Meta"}

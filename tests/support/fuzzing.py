"""Feeds damaged examples to parsers, which must parse each or raise a `ReleaseError`, within a time limit.

`SHIPMARK_FUZZ=100000` sets how many inputs each parser gets; the seed is fixed, so that a failure can be repeated.
"""

from __future__ import annotations

import copy
import faulthandler
import json
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from release.errors import ReleaseError

COUNT = int(os.environ.get("SHIPMARK_FUZZ") or 1000)
#: CPU seconds that one input may take.
SLOWEST = 1.0
#: Seconds after which an input counts as a hang: the process ends and shows where it was.
_HANG = 60
_BATCH = 50
#: Every how manieth input has a piece that is repeated without end.
_PUMPED = 300

_BYTES = (
    *(b"\0", b"\xff", b"\n", b"\r\n", b'"', b"'", b"\\", b"{", b"[", b"]", b"}", b"(", b")", b"..", b"/", b":", b"@"),
    *(b"-1", b"9" * 30, b"9" * 5000, b"null", b"true", b"1e999", b"\xed\xa0\x80", b"\xc3\xa9", b"\xe2\x80\xa8"),
    *(b"*", b"**", b"?", b"$", b"${", b"{{", b"}}", b"!", b"&", b"<<", b"#", b"=", b",", b" ", b"\t", b"%", b"~", b"^"),
)  # fmt: skip
_VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1 << 62, 1 << 70, 1.5, "", "x", "\0", "\ud800", "a" * 3000, "\x1b[31m", "..", "é\u2028",
    [], [[]], {}, {"": {}}, ["x", 1, None], {"a": [1]},
)  # fmt: skip


class Parser(NamedTuple):
    """A parser to fuzz. `parse` takes bytes; `seeds`: valid inputs; `words`: tokens of the language that `parse` reads.

    `understood`: the smallest acceptable share of damaged inputs that parse without an error, since a fuzzer whose
    inputs all fail at the first byte tests nothing. `pumped`: the size in bytes of inputs with one piece repeated.
    """

    name: str
    parse: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    words: tuple[bytes, ...] = ()
    understood: float = 0.01
    pumped: int = 100_000


def as_text(function: Callable[[str], object]) -> Callable[[bytes], object]:
    """Make a function of bytes from one of text: invalid UTF-8 becomes lone surrogates, as in environment variables."""
    return lambda raw: function(raw.decode("utf-8", "surrogateescape"))


def fuzz(parser: Parser, count: int = COUNT, *, printable: bool = False) -> None:
    """Feed `parser` its seeds and `count` damaged inputs.

    Raises `AssertionError` for an error that is no `ReleaseError` or has no message, a slow answer, or too few inputs
    that parse. `printable`: error messages must be printable too, since they may quote bytes of a foreign server.
    """
    understood = 0
    try:
        for number, raw in enumerate(damaged(parser.seeds, count, parser.words, parser.pumped)):
            if number % _BATCH == 0:
                # Python cannot interrupt a loop in C; this timer prints the traceback and ends the process.
                faulthandler.dump_traceback_later(_HANG, exit=True, file=2)
            started = time.process_time()
            refusal = _refusal(parser, raw)
            assert time.process_time() - started < SLOWEST, f"{parser.name} is slow: {raw!r}"
            understood += refusal is None
            assert refusal is None or (
                refusal.message and (not printable or refusal.message.isprintable())
            ), raw
    finally:
        faulthandler.cancel_dump_traceback_later()
    assert understood >= count * parser.understood


def _refusal(parser: Parser, raw: bytes) -> ReleaseError | None:
    try:
        parser.parse(raw)
    except ReleaseError as error:
        return error
    except Exception as error:
        raise AssertionError(f"{parser.name}: {raw!r}") from error
    return None


def damaged(
    seeds: tuple[bytes, ...], count: int, words: tuple[bytes, ...] = (), pumped: int = 100_000
) -> Iterator[bytes]:
    """Yield the seeds, then `count` inputs: random bytes, or seeds with damaged bytes or, if JSON, damaged values."""
    chance = random.Random(20)
    documents = [document for seed in seeds if (document := _document(seed)) is not None]
    yield from seeds
    for number in range(count):
        if number % 50 == 0:
            yield chance.randbytes(chance.randrange(200))
        elif number % _PUMPED == 1:
            yield _pumped(seeds, words, pumped, chance)
        elif documents and number % 3 == 0:
            try:
                yield _encoded(_damaged_value(copy.deepcopy(chance.choice(documents)), chance))
            except RecursionError:  # three deep values in one another
                yield b"[" * 1500
        else:
            yield _damaged_bytes(seeds, words, chance)


def _damaged_bytes(seeds: tuple[bytes, ...], words: tuple[bytes, ...], chance: random.Random) -> bytes:
    raw = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 3, 8))):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(9):
            case 0 if raw:
                raw[at % len(raw)] ^= 1 << chance.randrange(8)
            case 1 | 2:
                raw[at:at] = chance.choice((*_BYTES, *words, *words))
            case 3:
                del raw[at : at + chance.choice((1, 2, 7, 60))]
            case 4:
                raw[at : at + 1] = bytes([chance.randrange(256)])
            case 5:
                raw[at:at] = raw[: chance.randrange(80)]
            case 6:
                piece = bytes(raw[at : at + chance.randrange(1, 30)])
                raw[at:at] = piece * chance.choice((1, 2, 50, 400))
            case 7:
                other = chance.choice(seeds)
                raw[at:] = other[chance.randrange(len(other) + 1) :]
            case _:
                del raw[at:]
    return bytes(raw)


def _pumped(seeds: tuple[bytes, ...], words: tuple[bytes, ...], size: int, chance: random.Random) -> bytes:
    """Return a seed with a piece repeated to about `size` bytes, on which a parser of quadratic time takes seconds."""
    seed = chance.choice(seeds)
    at = chance.randrange(len(seed) + 1)
    piece = chance.choice(
        (b" ", b"\t", b"a", b"9", b"\\", seed[at : at + chance.randrange(1, 8)] or b"x", *words)
    )
    return seed[:at] + piece * (size // len(piece)) + chance.choice((seed[at:], b"", b"!", b"x" + seed[at:]))


def _document(seed: bytes) -> Any:
    try:
        document = json.loads(seed)
    except ValueError:
        return None
    return document if isinstance(document, dict | list) else None


def _encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _damaged_value(value: Any, chance: random.Random) -> Any:
    for _ in range(chance.choice((1, 1, 2, 4))):
        holders = [holder for holder in _holders(value) if holder]
        if not holders:
            break
        holder = chance.choice(holders)
        key: Any = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        match chance.randrange(5):
            case 0:
                del holder[key]
            case 1:
                holder[key] = [copy.deepcopy(holder[key])]
            case 2 if isinstance(holder, dict):
                holder[chance.choice(("", "x", "\0", str(key) * 2))] = holder.pop(key)
            case 3:
                deep: Any = "x"
                for _ in range(chance.choice((3, 70, 400))):
                    deep = [deep]
                holder[key] = deep
            case _:
                holder[key] = copy.deepcopy(chance.choice(_VALUES))
    return value


def _holders(value: Any) -> Iterator[Any]:
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _holders(inner)

"""Compares platforms as containerd does. Pure. Source: `database.go` and `compare.go` of containerd's `platforms`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeVar

from release.lazy_pattern import pattern

# Names outside of Go, and what they mean. An architecture's second part is a variant.
_SYSTEMS = {"macos": "darwin"}
_ALIASES = {
    "aarch64": ("arm64", ""),
    "armel": ("arm", "v6"),
    "armhf": ("arm", "v7"),
    "i386": ("386", ""),
    "x86-64": ("amd64", ""),
    "x86_64": ("amd64", ""),
}
# Variants that are the same as none, the variant that `arm` alone means, and spellings without `v`.
_DEFAULTS = {
    ("amd64", "v1"): "",
    ("arm64", "8"): "",
    ("arm64", "v8"): "",
    ("arm64", "v8.0"): "",
    ("arm64", "9"): "v9",
    ("arm64", "9.0"): "v9",
    ("arm64", "v9.0"): "v9",
    ("arm", ""): "v7",
    ("arm", "5"): "v5",
    ("arm", "6"): "v6",
    ("arm", "7"): "v7",
    ("arm", "8"): "v8",
}
# Variants that a processor of the first one can run, the best first.
_LOWER = {
    ("arm", "v8"): ("v7", "v6", "v5"),
    ("arm", "v7"): ("v6", "v5"),
    ("arm", "v6"): ("v5",),
    ("amd64", "v4"): ("v3", "v2", ""),
    ("amd64", "v3"): ("v2", ""),
    ("amd64", "v2"): ("",),
}
_ARM64 = pattern(r"v([89])(?:\.([0-9]))?", re.ASCII)
# The minor version of Armv8 whose features Armv9.0 has; Armv9.1 has those of Armv8.6, and so on up to Armv8.9.
_MINOR_OF_V9 = 5
_LAST_MINOR = 9
#: The systems and architectures of Go, and those of WebAssembly, which Docker runs as `wasi/wasm`.
#: Source: `internal/syslist` of Go 1.25.
_SYSTEM_NAMES = (
    "aix android darwin dragonfly freebsd hurd illumos ios js linux nacl netbsd openbsd plan9 solaris wasi wasip1"
    " windows zos"
)
_ARCHITECTURE_NAMES = (
    "386 amd64 amd64p32 arm arm64 arm64be armbe loong64 mips mips64 mips64le mips64p32 mips64p32le mipsle ppc ppc64"
    " ppc64le riscv riscv64 s390 s390x sparc sparc64 wasm"
)
SYSTEMS = frozenset(_SYSTEM_NAMES.split())
ARCHITECTURES = frozenset(_ARCHITECTURE_NAMES.split())


def normal(platform: str) -> str:
    """One spelling for equal platforms: `linux/arm64/v8` is `linux/arm64`, `arm` is `linux/arm/v7`.

    An architecture alone is one of Linux. A system alone stays as it is: containerd takes this machine's architecture.
    """
    return _joined(*_parts(platform))


Image = TypeVar("Image")


def best(named: Iterable[tuple[str, Image]], wanted: str) -> Image | None:
    """The image that runs best on `wanted`, of those with the names of their platforms; of equal ones the first."""
    by_name: dict[str, Image] = {}
    for name, image in named:
        by_name.setdefault(normal(name), image)
    return next((by_name[name] for name in acceptable(wanted) if name in by_name), None)


def acceptable(platform: str) -> tuple[str, ...]:
    """The platforms whose images run on `platform`, the best first, each as `normal` spells it."""
    system, architecture, variant = _parts(platform)
    lower = _lower_arm64(variant) if architecture == "arm64" else _LOWER.get((architecture, variant), ())
    return tuple(_joined(system, architecture, each) for each in (variant, *lower))


def _lower_arm64(variant: str) -> tuple[str, ...]:
    """The variants below one of arm64, the best first: `v9.1` runs `v9`, `v8.6`, …, `v8.1` and the plain arm64."""
    found = _ARM64.fullmatch(variant)
    if found is None:
        return ()
    minor = int(found[2] or 0)
    lower = [f"v{found[1]}.{one}" for one in range(minor - 1, -1, -1)]
    if found[1] == "9":
        lower += [f"v8.{one}" for one in range(min(minor + _MINOR_OF_V9, _LAST_MINOR), -1, -1)]
    return tuple(_DEFAULTS.get(("arm64", one), one) for one in lower)


def _parts(platform: str) -> tuple[str, str, str]:
    text = platform.lower()
    if text in ARCHITECTURES or text in _ALIASES:
        text = f"linux/{text}"
    system, _, rest = text.partition("/")
    architecture, _, variant = rest.partition("/")
    if architecture in _ALIASES:
        architecture, implied = _ALIASES[architecture]
        # `i386`, `armel` and `armhf` mean one variant, whatever is written behind them.
        variant = variant if architecture in ("amd64", "arm64") else implied
    return _SYSTEMS.get(system, system), architecture, _DEFAULTS.get((architecture, variant), variant)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)

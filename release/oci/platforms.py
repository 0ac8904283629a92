"""Compares platforms as containerd does. Pure. Source: `database.go` and `compare.go` of containerd's `platforms`."""

from __future__ import annotations

# Names of architectures outside of Go, and what they mean. The second part is a variant.
_ALIASES = {
    "aarch64": ("arm64", ""),
    "armel": ("arm", "v6"),
    "armhf": ("arm", "v7"),
    "i386": ("386", ""),
    "x86-64": ("amd64", ""),
    "x86_64": ("amd64", ""),
}
# Variants that are the same as none, and the variant that `arm` alone means.
_DEFAULTS = {
    ("amd64", "v1"): "",
    ("arm64", "8"): "",
    ("arm64", "v8"): "",
    ("arm", ""): "v7",
    ("arm", "7"): "v7",
}
# Variants that a processor of the first one can run, the best first.
_LOWER = {
    ("arm", "v7"): ("v6", "v5"),
    ("arm", "v6"): ("v5",),
    ("amd64", "v4"): ("v3", "v2", ""),
    ("amd64", "v3"): ("v2", ""),
    ("amd64", "v2"): ("",),
}


def normal(platform: str) -> str:
    """One spelling for equal platforms: `linux/arm64/v8` is `linux/arm64`, `linux/arm` is `linux/arm/v7`."""
    system, architecture, variant = _parts(platform)
    return _joined(system, architecture, variant)


def acceptable(platform: str) -> tuple[str, ...]:
    """The platforms whose images run on `platform`, the best first, each as `normal` spells it."""
    system, architecture, variant = _parts(platform)
    lower = _LOWER.get((architecture, variant), ())
    return tuple(_joined(system, architecture, each) for each in (variant, *lower))


def _parts(platform: str) -> tuple[str, str, str]:
    system, _, rest = platform.lower().partition("/")
    architecture, _, variant = rest.partition("/")
    architecture, implied = _ALIASES.get(architecture, (architecture, ""))
    variant = variant or implied
    return system, architecture, _DEFAULTS.get((architecture, variant), variant)


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)

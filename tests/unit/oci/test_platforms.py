"""Which image of an index fits a platform, as containerd decides it."""

from __future__ import annotations

import pytest

from release.oci.platforms import acceptable, normal


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/x86_64", "linux/amd64"),
        ("Linux/AMD64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/i386", "linux/386"),
        ("linux/riscv64", "linux/riscv64"),
        ("windows/amd64", "windows/amd64"),
        ("macOS/arm64/v8.0", "darwin/arm64"),
        ("linux/arm64/9", "linux/arm64/v9"),
        ("linux/arm/6", "linux/arm/v6"),
        ("linux/armhf/v6", "linux/arm/v7"),
        ("x86-64", "linux/amd64"),
        ("linux", "linux"),
    ],
)
def test_spellings_of_one_platform_are_equal(written: str, means: str) -> None:
    assert normal(written) == means
    assert normal(means) == means


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        ("linux/arm/v7", ("linux/arm/v7", "linux/arm/v6", "linux/arm/v5")),
        ("linux/arm/v8", ("linux/arm/v8", "linux/arm/v7", "linux/arm/v6", "linux/arm/v5")),
        ("linux/amd64/v3", ("linux/amd64/v3", "linux/amd64/v2", "linux/amd64")),
        ("linux/arm64/v8.2", ("linux/arm64/v8.2", "linux/arm64/v8.1", "linux/arm64")),
        (
            "linux/arm64/v9.1",
            (
                *("linux/arm64/v9.1", "linux/arm64/v9"),
                *(f"linux/arm64/v8.{minor}" for minor in (6, 5, 4, 3, 2, 1)),
                "linux/arm64",
            ),
        ),
        ("linux/amd64", ("linux/amd64",)),
        ("linux/arm64", ("linux/arm64",)),
    ],
)
def test_an_older_variant_runs_on_a_newer_processor_and_not_the_other_way_round(
    wanted: str, taken: tuple[str, ...]
) -> None:
    assert acceptable(wanted) == taken

"""The machine that a program is for, read from the first bytes of its file: tables of ELF and Mach-O headers."""

from __future__ import annotations

import struct

import pytest

from release.build.embedded.machines import Program, program_of
from release.oci.image_json import parse_platform


def elf(machine: int, *, bits: int = 64, big: bool = False, kind: int = 2) -> bytes:
    start = b"\x7fELF" + bytes([2 if bits == 64 else 1, 2 if big else 1, 1]) + bytes(9)
    return start + struct.pack(">HH" if big else "<HH", kind, machine) + bytes(40)


def mach_o(machine: int, kind: int = 2, order: str = "<") -> bytes:
    return struct.pack(f"{order}IIII", 0xFEEDFACF, machine, 3, kind) + bytes(16)


@pytest.mark.parametrize(
    ("start", "architecture"),
    [
        (elf(62), "amd64"),
        (elf(62, kind=3), "amd64"),
        (elf(3, bits=32), "386"),
        (elf(183), "arm64"),
        (elf(40, bits=32), "arm"),
        (elf(21), "ppc64le"),
        (elf(21, big=True), "ppc64"),
        (elf(22, big=True), "s390x"),
        (elf(243), "riscv64"),
        (elf(258), "loong64"),
        (elf(8, bits=32, big=True), "mips"),
        (elf(8), "mips64le"),
    ],
)
def test_machine_of_an_elf_program_is_read_from_its_header(start: bytes, architecture: str) -> None:
    for is_executable in (True, False):  # shared libraries are not executable in many images
        found = program_of(start, is_executable=is_executable)
        assert found == Program(system="linux", architecture=architecture)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\x7fELF",
        elf(62)[:19],
        elf(62, kind=1),  # an object file
        elf(62, kind=4),  # a core dump
        elf(247),  # BPF
        elf(224),  # a GPU
        elf(243, big=True),  # no such machine
        b"#!/bin/sh\n",
        b"MZ" + bytes(60),  # Windows
        b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + bytes(20),  # a class of Java 8
        mach_o(0x01000007, kind=6),  # a library
        mach_o(0x01000007)[:15],
    ],
)
def test_files_of_other_kinds_are_not_recognised_as_programs(start: bytes) -> None:
    assert program_of(start, is_executable=True) is None


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        (mach_o(0x01000007), "macOS (amd64)"),
        (mach_o(0x0100000C), "macOS (arm64)"),
        (mach_o(0x0100000C, order=">"), "macOS (arm64)"),
        (b"\xca\xfe\xba\xbe\x00\x00\x00\x02" + bytes(20), "macOS (several machines)"),
    ],
)
def test_mach_o_program_is_recognised_only_if_executable(start: bytes, shown: str) -> None:
    found = program_of(start, is_executable=True)
    assert found is not None
    assert str(found) == shown
    assert not found.runs_on(parse_platform("linux/arm64"))
    assert program_of(start, is_executable=False) is None


@pytest.mark.parametrize(
    ("architecture", "platform", "runs"),
    [
        ("amd64", "linux/amd64", True),
        ("amd64", "linux/amd64/v3", True),
        ("386", "linux/amd64", True),
        ("amd64", "linux/386", False),
        ("arm", "linux/arm64", True),
        ("arm", "linux/arm/v7", True),
        ("arm64", "linux/arm/v7", False),
        ("amd64", "linux/arm64", False),
        ("ppc64", "linux/ppc64le", False),
        ("amd64", "freebsd/arm64", True),
    ],
)
def test_machine_runs_programs_of_its_own_and_its_32_bit_architecture(
    architecture: str, platform: str, runs: bool
) -> None:
    assert Program(system="linux", architecture=architecture).runs_on(parse_platform(platform)) is runs

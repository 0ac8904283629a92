"""Finds out for which machine a program is, from the first bytes of its file. Pure.

Only executables and shared libraries count. Object files, kernel modules and programs for devices (BPF, GPUs,
microcontrollers) are data for a Linux machine. Windows programs are not looked at: .NET assemblies and installers of
Python packages lie in many Linux images.

Source: System V ABI, "ELF header"; `loader.h` and `fat.h` of Mach-O.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from release.oci.image_json import Platform

#: First bytes of a file that `program_of` needs: the ELF header up to the end of `e_machine`. Mach-O needs 16.
NEEDED = 20
_ELF = b"\x7fELF"
_EXECUTABLE_TYPES = (2, 3)  # ET_EXEC, ET_DYN
_BIG_ENDIAN = 2  # ELFDATA2MSB
_64_BIT = 2  # ELFCLASS64
#: e_machine -> architecture as in platforms, by (class is 64 bit, is big endian).
_MACHINES: dict[int, dict[tuple[bool, bool], str]] = {
    3: {(False, False): "386"},
    8: {
        (False, True): "mips",
        (False, False): "mipsle",
        (True, True): "mips64",
        (True, False): "mips64le",
    },
    20: {(False, True): "ppc"},
    21: {(True, True): "ppc64", (True, False): "ppc64le"},
    22: {(True, True): "s390x", (False, True): "s390"},
    40: {(False, False): "arm"},
    62: {(True, False): "amd64", (False, False): "amd64"},  # 32 bits: the x32 ABI
    183: {(True, False): "arm64"},
    243: {(True, False): "riscv64"},
    258: {(True, False): "loong64"},
}
_MACH_O = (b"\xfe\xed\xfa\xce", b"\xfe\xed\xfa\xcf", b"\xce\xfa\xed\xfe", b"\xcf\xfa\xed\xfe")
_MACH_O_EXECUTABLE = 2  # MH_EXECUTE
# Java classes begin with the bytes of a universal Mach-O file, too. Where that has the number of its machines (a few),
# a class has the version of its format, which is 43 at least.
_FAT, _FEWEST_OF_JAVA = b"\xca\xfe\xba\xbe", 43
#: Further architectures whose programs a machine runs: wine and old drivers bring 32-bit programs into 64-bit images.
_ALSO_RUNS = {"amd64": ("386",), "arm64": ("arm",)}


_Order = Literal["big", "little"]


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """The machine that a program is for. `system`: `linux` for every ELF file, `darwin` for Mach-O."""

    system: str
    architecture: str

    def __str__(self) -> str:
        return f"macOS ({self.architecture})" if self.system == "darwin" else self.architecture

    def runs_on(self, platform: Platform) -> bool:
        """Whether a machine of `platform` runs the program."""
        if platform.os != "linux":
            return True  # not judged: other systems than Linux have ELF files, too
        own = platform.architecture
        return self.system == "linux" and (
            self.architecture == own or self.architecture in _ALSO_RUNS.get(own, ())
        )


def program_of(start: bytes, *, is_executable: bool) -> Program | None:
    """The program in a file that begins with `start`; None for any other file.

    `is_executable`: whether the file's mode makes it executable.
    """
    if start.startswith(_ELF):
        return _elf(start)
    if is_executable and start[:4] in _MACH_O:
        return _mach_o(start)
    if is_executable and start[:4] == _FAT and len(start) >= 8:
        is_fat = _number(start, 4, 4, "big") < _FEWEST_OF_JAVA
        return Program(system="darwin", architecture="several machines") if is_fat else None
    return None


def _number(start: bytes, at: int, size: int, order: _Order) -> int:
    return int.from_bytes(start[at : at + size], order)


def _elf(start: bytes) -> Program | None:
    if len(start) < NEEDED:
        return None
    is_big = start[5] == _BIG_ENDIAN
    order: _Order = "big" if is_big else "little"
    kind, machine = _number(start, 16, 2, order), _number(start, 18, 2, order)
    architecture = _MACHINES.get(machine, {}).get((start[4] == _64_BIT, is_big))
    if kind not in _EXECUTABLE_TYPES or architecture is None:
        return None
    return Program(system="linux", architecture=architecture)


def _mach_o(start: bytes) -> Program | None:
    if len(start) < 16:
        return None
    order: _Order = "big" if start[0] == 0xFE else "little"
    machine, kind = _number(start, 4, 4, order), _number(start, 12, 4, order)
    if kind != _MACH_O_EXECUTABLE:
        return None
    names = {0x01000007: "amd64", 0x0100000C: "arm64", 7: "386"}
    return Program(system="darwin", architecture=names.get(machine, "unknown"))

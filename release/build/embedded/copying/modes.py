"""File modes as `--chmod` writes them: octal, or symbolic as in chmod(1). Pure.

Source: POSIX, chmod, "Operands", with a umask of 0 as in BuildKit: `+x` means `a+x`.
"""

from __future__ import annotations

import msgspec

from release.lazy_pattern import pattern

_OCTAL = pattern(r"[0-7]{1,5}")
_CLAUSE = pattern(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_ACTION = pattern(r"([-+=])([rwxXst]*|[ugo])(?=[-+=]|$)")
_SHIFT = {"u": 6, "g": 3, "o": 0}
_BITS = {"r": 0o4, "w": 0o2, "x": 0o1}
_ALL = 0o7777  # largest mode: permissions of three classes, setuid, setgid and the sticky bit
_EXECUTE = 0o111  # the execute bits of all classes: `X` adds its bit to files that have one of them (POSIX)


class ModeChange(msgspec.Struct, frozen=True, kw_only=True):
    """What `--chmod` does. `number`: of an octal mode; `actions`: of a symbolic one: classes, sign, permissions."""

    number: int | None = None
    actions: tuple[tuple[str, str, str], ...] = ()

    def of(self, mode: int, *, is_folder: bool) -> int:
        """The new mode of a file or folder."""
        if self.number is not None:
            return self.number
        original = mode
        for who, sign, permissions in self.actions:
            mode = _apply(mode, who, sign, _bits(mode, original, permissions, is_folder))
        return mode


def read_mode(text: str) -> ModeChange | None:
    """The change of permissions that `text` describes; None if `text` is neither an octal nor a symbolic mode."""
    if _OCTAL.fullmatch(text):
        number = int(text, 8)
        return ModeChange(number=number) if number <= _ALL else None
    clauses = [_CLAUSE.fullmatch(part) for part in text.split(",")]
    actions = tuple(
        ((match[1] or "a").replace("a", "ugo"), action[1], action[2])
        for match in clauses
        if match is not None
        for action in _ACTION.finditer(match[2])
    )
    return None if None in clauses else ModeChange(actions=actions)


def _bits(mode: int, original: int, permissions: str, is_folder: bool) -> tuple[int, str]:
    """Permission bits for one class, and which of `s` and `t` are meant."""
    if permissions in _SHIFT:  # a copy of another class: `g=u`
        return mode >> _SHIFT[permissions] & 0o7, ""
    found = 0
    for letter in permissions:
        found |= _BITS.get(letter, 0)
        if letter == "X" and (is_folder or original & _EXECUTE):
            found |= _BITS["x"]
    return found, "".join(letter for letter in permissions if letter in "st")


def _apply(mode: int, who: str, sign: str, bits: tuple[int, str]) -> int:
    plain, special = bits
    named = sum(plain << _SHIFT[each] for each in set(who))
    if "s" in special:
        named |= (0o4000 if "u" in who else 0) | (0o2000 if "g" in who else 0)
    if "t" in special:
        named |= 0o1000 if {"u", "g"} & set(who) else 0
    if sign == "-":
        return mode & ~named
    if sign == "=":
        mode &= ~sum(0o7 << _SHIFT[each] for each in set(who))
        mode &= ~((0o4000 if "u" in who else 0) | (0o2000 if "g" in who else 0))
        mode &= ~(0o1000 if "t" in special or set(who) == set("ugo") else 0)
    return mode | named

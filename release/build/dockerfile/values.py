"""Ports of `EXPOSE` and signals of `STOPSIGNAL`. Pure.

Follows BuildKit 0.34 (`dockerfile2llb/convert_expose.go`) and github.com/moby/sys/signal for Linux.
"""

from __future__ import annotations

import ipaddress

from release.digits import number_in
from release.lazy_pattern import pattern

_LARGEST_PORT = 65_535  # port numbers of TCP, UDP and SCTP have 16 bits
_PROTOCOLS = ("tcp", "udp", "sctp")
_SIGNALS = frozenset(
    """
    ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM TRAP
    TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ RTMIN RTMAX
    """.split()  # noqa: SIM905  # forty quoted names would hide the list
)
_REAL_TIME = pattern(r"RTMIN\+([1-9]|1[0-5])|RTMAX-([1-9]|1[0-4])")
_NUMBER = pattern(r"[+-]?[0-9]{1,18}")


def parse_ports(text: str) -> tuple[str, ...] | None:
    """The ports that one word of `EXPOSE` names, like `80/tcp`; None for a word that is not a port.

    An address and a port of the host in front (`127.0.0.1:8080:80`) are checked and left out.
    """
    front, _, inner = text.rpartition(":")
    address, _, host = front.rpartition(":")
    port, _, protocol = inner.partition("/")
    protocol = protocol.lower() or "tcp"
    found = _range(port)
    if found is None or protocol not in _PROTOCOLS or not _is_address(address):
        return None
    if host and not _fits(_range(host), found):
        return None
    return tuple(f"{number}/{protocol}" for number in found)


# Largest user or group id: ids have 32 bits, and chown(2) reads the highest (-1) as "do not change". A larger number in
# `--chown` is looked up as a name.
LARGEST_ID = (1 << 32) - 2


def is_signal(text: str) -> bool:
    """Whether the text is a name of a signal, with or without `SIG`, or a number except 0."""
    if _NUMBER.fullmatch(text):
        return int(text) != 0
    name = text.upper().removeprefix("SIG")
    return name in _SIGNALS or _REAL_TIME.fullmatch(name) is not None


def _range(text: str) -> range | None:
    start, dash, end = text.partition("-")
    first = number_in(start, most=_LARGEST_PORT)
    last = number_in(end, most=_LARGEST_PORT) if dash else first
    return None if first is None or last is None or last < first else range(first, last + 1)


def _fits(host: range | None, inner: range) -> bool:
    return host is not None and (len(host) == len(inner) or len(inner) == 1)


def _is_address(text: str) -> bool:
    if not text:
        return True
    try:
        ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True

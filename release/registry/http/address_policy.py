"""Decides to which IP addresses a registry may redirect us. Pure.

A registry on the internet must not make us send requests into our own network or to a cloud's metadata service, which
it cannot reach itself (server-side request forgery). The check uses the address of the connection, not the host name.
"""

from __future__ import annotations

import ipaddress
from enum import IntEnum

_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class Reach(IntEnum):
    """From where an address can be reached; larger numbers mean from fewer places.

    A registry's answer must not lead to an address with a larger number than the registry's own address has.
    """

    # Link-local addresses are last: only the machine itself has services there (the cloud's metadata, with
    # credentials), and no registry, so nothing leads there.
    GLOBAL = 0
    PRIVATE = 1
    LOOPBACK = 2
    LINK = 3  # link-local (metadata services), unspecified, multicast, reserved


def reach_of(address: str) -> Reach:
    """The reach of an IP address; text that is not an address counts as `LINK`, which no registry may lead to."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return Reach.LINK
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = _embedded(parsed)
        if inner is not None:
            return reach_of(str(inner))
    if parsed.is_loopback:
        return Reach.LOOPBACK
    if parsed.is_link_local or parsed.is_unspecified or parsed.is_multicast:
        return Reach.LINK
    if parsed.is_global:
        return Reach.GLOBAL
    if isinstance(parsed, ipaddress.IPv4Address) and parsed.is_reserved:
        return Reach.LINK
    return Reach.PRIVATE


def may_lead_to(registry: Reach, address: Reach) -> bool:
    """Whether a registry whose address has reach `registry` may send us to one of reach `address`."""
    if address is Reach.LINK:
        return registry is Reach.LINK
    return address <= registry


def is_loopback_host(host: str) -> bool:
    """Whether a host name (without port) always means this machine: `localhost`, `127.x`, `[::1]`."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside an IPv6 address (mapped, 6to4, NAT64), or None."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None

"""Opens sockets to registries and proxies: each address is checked first; TLS is added where the URL says so."""

from __future__ import annotations

import errno
import socket
from typing import TYPE_CHECKING, Any

from release.errors import Invalid
from release.registry.http.address_policy import Reach, reach_of
from release.registry.http.watchdog import Exchange

if TYPE_CHECKING:
    import ssl


def open_socket(exchange: Exchange, host: str, port: int, *, is_proxy: bool = False) -> socket.socket:
    """Connect to the first address of the host that answers, after checking each.

    Addresses of a proxy are not checked, since the user named it.
    """
    found = _resolve(host, port)
    last: OSError = OSError(errno.EADDRNOTAVAIL, "its name has no address")
    for position, (family, kind, protocol, _, address) in enumerate(found):
        if not is_proxy:
            _require_allowed(exchange, host, str(address[0]))
        is_last = position == len(found) - 1
        seconds = exchange.limits.connect if is_last else exchange.limits.other_address
        try:
            return _connect(exchange, (family, kind, protocol), address, seconds)
        except OSError as error:
            last = error
    raise last


def _resolve(host: str, port: int) -> list[Any]:
    try:
        # As bytes the name is taken as it is. For text Python would load the tables of international names.
        name = host.encode("ascii") if host.isascii() else host
        return socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM)
    except (UnicodeError, OverflowError, ValueError) as error:
        raise socket.gaierror(socket.EAI_NONAME, str(error)) from error


def _require_allowed(exchange: Exchange, host: str, address: str) -> None:
    reach: Reach = reach_of(address)
    why = exchange.accept(reach)
    if why is not None:
        raise Invalid(
            f"`{host}` leads to {address}: {why}",
            hint="a host outside may not send requests into this network: check its DNS entry, or name the inner host",
        )
    exchange.reach = reach


def _connect(exchange: Exchange, kind: tuple[int, int, int], address: Any, seconds: float) -> socket.socket:
    opened = socket.socket(*kind)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.settimeout(seconds)
        exchange.attach(opened)
        opened.connect(address)
        opened.settimeout(exchange.limits.connect)
    except BaseException:
        opened.close()
        raise
    return opened


def with_tls(sock: Any, context: ssl.SSLContext, host: str) -> Any:
    """The socket with TLS, after the handshake. Names in certificates have no trailing dot."""
    import ssl  # imported late: plain http needs no TLS

    name = host.rstrip(".")
    if isinstance(sock, ssl.SSLSocket):
        from release.registry.http.nested_tls import NestedTls

        return NestedTls(sock, context, name)
    return context.wrap_socket(sock, server_hostname=name)


def has_only_tickets(sock: Any) -> bool:
    """Whether what came on an idle TLS connection are messages of TLS itself, which are read here.

    Servers send session tickets after the handshake (RFC 8446, section 4.6.1).
    """
    import ssl

    if not isinstance(sock, ssl.SSLSocket):
        return False
    sock.settimeout(0)
    try:
        sock.recv(1)
    except ssl.SSLWantReadError:
        return True
    except OSError:
        return False
    return False

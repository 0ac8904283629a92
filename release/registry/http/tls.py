"""Decides for each host: which certificates are valid, whether plain http is allowed, which proxy is used."""

from __future__ import annotations

import ipaddress
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from release.errors import ConfigError
from release.lazy_pattern import pattern
from release.registry.http.address_policy import is_loopback_host
from release.registry.http.authorities import verified

if TYPE_CHECKING:
    import ssl

# Between entries of NO_PROXY: commas by the usual rule; spaces as curl has them; `|` and `;` as in Java's and Windows'
# settings, from which CI systems make the variable.
_BETWEEN = pattern(r"[,;|\s]+")


class Trust:
    """Decisions about hosts, from the environment and the configuration.

    `insecure`: hosts (`registry.lan`, `registry.lan:5000`) that the user named: any certificate is accepted, and plain
    http too. `ca`: a PEM file with further authorities; see `authorities.verified`. `as_client`: whether the client
    identifies itself by a certificate to hosts that have one on this machine; see `host_certificates`.
    """

    def __init__(
        self,
        *,
        env: Mapping[str, str],
        insecure: frozenset[str] = frozenset(),
        ca: str | None = None,
        as_client: bool = True,
    ) -> None:
        self._env = env
        self._as_client = as_client
        self._insecure = insecure
        self._ca = ca
        # By whether certificates are verified, and the folder with certificates for the host.
        self._contexts: dict[tuple[bool, str | None], ssl.SSLContext] = {}
        # Guards `_contexts`: threads that connect at once share one context, since loading the authorities is slow.
        self._lock = threading.Lock()

    def verifies(self, host: str) -> bool:
        """Whether the host must have a valid certificate. `host`: with its port, if it has one."""
        return not self._named_insecure(host)

    def allows_http(self, host: str) -> bool:
        """Whether plain http is allowed: for loopback, or if named insecure."""
        return is_loopback_host(_name(host)) or self._named_insecure(host)

    def context(self, host: str) -> ssl.SSLContext:
        """TLS settings for the host, made once. Raises `ConfigError` for a file of certificates that cannot be used."""
        from release.registry.http.host_certificates import add_from, folder_for  # imported late: with ssl

        key = verifies, folder = self.verifies(host), folder_for(host, self._env)
        with self._lock:
            if key not in self._contexts:
                context = verified(self._env, self._ca) if verifies else _unverified()
                if folder is not None:
                    add_from(folder, context, as_client=self._as_client)
                context.set_alpn_protocols(["http/1.1"])
                self._contexts[key] = context
            return self._contexts[key]

    def proxy(self, scheme: str, host: str) -> str | None:
        """The proxy's URL for a host, from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`, or None."""
        names = (f"{scheme}_proxy", f"{scheme}_proxy".upper(), "all_proxy", "ALL_PROXY")
        name = next((one for one in names if self._env.get(one)), None)
        without = self._env.get("no_proxy") or self._env.get("NO_PROXY") or ""
        entries = [entry for entry in _BETWEEN.split(without.lower()) if entry]
        if name is None or any(_covers(entry, scheme, host) for entry in entries):
            return None
        return _proxy_url(self._env[name].strip(), name)

    def _named_insecure(self, host: str) -> bool:
        return host in self._insecure or _name(host) in self._insecure


def _proxy_url(text: str, variable: str) -> str:
    """The proxy's URL. Raises `ConfigError`, which does not show the value: it may hold a password."""
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme.startswith("socks"):
        raise ConfigError(
            f"`{variable}` names a SOCKS proxy, and shipmark speaks only to http and https proxies",
            hint="name an http proxy, or list the registry in NO_PROXY",
        )
    if not host or parts.scheme not in ("http", "https"):
        raise ConfigError(f"`{variable}` is not the URL of a proxy", hint="write `http://HOST:PORT`")
    return url


def _covers(entry: str, scheme: str, host: str) -> bool:
    """Whether an entry of NO_PROXY covers the host.

    Entries are `*`, a domain and its subdomains (`example.com`, `.example.com`, `*.example.com`), also with a port, an
    address, a network, and `<local>` of Windows: names without a dot.
    """
    name, port = _name(host).rstrip("."), _port(scheme, host)
    if entry == "*" or (entry == "<local>" and "." not in name and ":" not in name):
        return True
    try:
        return ipaddress.ip_address(name) in ipaddress.ip_network(entry.strip("[]"), strict=False)
    except ValueError:
        pass
    if "/" in entry:
        return False
    try:
        parts = urlsplit(f"//{entry}")
        wanted = parts.port
    except ValueError:
        return False
    if wanted is not None and wanted != port:
        return False
    suffix = (parts.hostname or "").removeprefix("*").removeprefix(".").rstrip(".")
    return bool(suffix) and (name == suffix or name.endswith(f".{suffix}"))


def _port(scheme: str, host: str) -> int:
    return urlsplit(f"//{host}").port or (443 if scheme == "https" else 80)


def _unverified() -> ssl.SSLContext:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""

"""Hints for connections on which no TLS was agreed. Pure."""

from __future__ import annotations

_AUTHORITY = "if a private authority signed it, name its file in SHIPMARK_CA_FILE (or all in SSL_CERT_FILE)"
_OTHER_NAME = "write the name for which the certificate is, or have it made for this name as well"
#: By `verify_code`: OpenSSL's X509_V_ERR_*.
_BY_CODE = {
    9: "the certificate is not valid yet: check this machine's clock",
    10: "have the registry's certificate renewed; if it is new, check this machine's clock",
    62: _OTHER_NAME,  # another host name
    64: _OTHER_NAME,  # another address
}
_PLAIN = (
    "the port speaks no TLS: check the port; for a registry that has plain http, set `insecure: true` beside its image"
    " in the config"
)
_CLIENT = (
    "the registry wants a certificate of the client: put it into `/etc/docker/certs.d/HOST:PORT/` as `client.cert` and"
    " `client.key`, as for docker"
)
#: By the end of `reason`: OpenSSL's name of the error, or of the alert that the server sent.
_BY_REASON = {
    "WRONG_VERSION_NUMBER": _PLAIN,
    "HTTP_REQUEST": _PLAIN,
    "PACKET_LENGTH_TOO_LONG": _PLAIN,
    "RECORD_LAYER_FAILURE": _PLAIN,
    "CERTIFICATE_REQUIRED": _CLIENT,
    "ALERT_BAD_CERTIFICATE": _CLIENT,
    "PROTOCOL_VERSION": "the registry offers only TLS 1.1 or older: have TLS 1.2 switched on there",
    "UNSUPPORTED_PROTOCOL": "the registry offers only TLS 1.1 or older: have TLS 1.2 switched on there",
}


def speaks_no_tls(error: BaseException) -> bool:
    """Whether an `ssl.SSLError` shows that the server answered without TLS."""
    return tls_hint(error) == _PLAIN


def tls_hint(error: BaseException) -> str | None:
    """What helps after an `ssl.SSLError`; None where that is not known."""
    code = getattr(error, "verify_code", None)
    if code is not None:
        return _BY_CODE.get(code, _AUTHORITY)
    reason = getattr(error, "reason", None) or ""
    return next((hint for name, hint in _BY_REASON.items() if reason.endswith(name)), None)

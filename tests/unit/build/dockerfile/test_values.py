from __future__ import annotations

import pytest

from release.build.dockerfile.values import is_signal, parse_ports


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("80", ("80/tcp",)),
        ("0", ("0/tcp",)),
        ("53/UDP", ("53/udp",)),
        ("80/", ("80/tcp",)),
        ("8000-8002/sctp", ("8000/sctp", "8001/sctp", "8002/sctp")),
        ("80-80", ("80/tcp",)),
        ("8080:80", ("80/tcp",)),
        ("127.0.0.1:8080:80/udp", ("80/udp",)),
        ("127.0.0.1::80", ("80/tcp",)),
        ("[::1]:8080:80", ("80/tcp",)),
        ("8000-8001:80-81", ("80/tcp", "81/tcp")),
        ("8000-8009:80", ("80/tcp",)),
    ],
)
def test_a_port_is_read_with_its_protocol(text: str, ports: tuple[str, ...]) -> None:
    assert parse_ports(text) == ports


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "65536",
        "-1",
        "80-",
        "81-80",
        "80/icmp",
        "/tcp",
        "8000-8001:80-83",
        "x:80",
        "host:1:80",
        "9" * 5000,
    ],
)
def test_a_text_that_is_not_a_port_is_refused(text: str) -> None:
    assert parse_ports(text) is None


@pytest.mark.parametrize(
    "text", ["SIGTERM", "term", "Sigusr1", "9", "-1", "RTMIN+15", "SIGRTMAX-14", "SIGRTMIN"]
)
def test_a_signal_has_a_name_or_a_number(text: str) -> None:
    assert is_signal(text)


@pytest.mark.parametrize(
    "text", ["", "0", "SIGFOO", "TERM+1", "RTMIN+16", "RTMAX-15", "SIG", "1x", "9" * 5000]
)
def test_a_text_that_is_not_a_signal_is_refused(text: str) -> None:
    assert not is_signal(text)

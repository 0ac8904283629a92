"""Answers byte for byte as servers send them: what is read of each, and the reason why a broken one is refused."""

from __future__ import annotations

from typing import Any

import pytest

from release.errors import Invalid
from release.registry.http.responses import Incoming, Response
from release.registry.http.sending import head_of

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"


class Wire:
    """A socket that receives `data`, at most `most` bytes at a time, and then the end."""

    def __init__(self, data: bytes, most: int) -> None:
        self._data, self._most = data, most

    def recv(self, size: int) -> bytes:
        count = min(size, self._most)
        piece, self._data = self._data[:count], self._data[count:]
        return piece

    def recv_into(self, view: memoryview) -> int:
        data = self.recv(len(view))
        view[: len(data)] = data
        return len(data)


def answer(data: bytes, *, method: str = "GET", most: int = 1 << 20) -> Response:
    return Response(Incoming(Wire(data, most)), method)


def whole(response: Response, size: int = 7) -> bytes:
    parts = []
    while data := response.read(size):
        parts.append(data)
    return b"".join(parts)


def whole_into(response: Response) -> bytes:
    found, view = bytearray(), memoryview(bytearray(7))
    while count := response.readinto(view):
        found += view[:count]
    return bytes(found)


#: Name -> answer, method, status, body, whether another request may follow.
READ: dict[str, tuple[bytes, str, int, bytes, bool]] = {
    "length": (OK + b"Content-Length: 10\r\n\r\n0123456789", "GET", 200, b"0123456789", True),
    "empty": (OK + b"Content-Length: 0\r\n\r\n", "GET", 200, b"", True),
    "same length twice": (OK + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", "GET", 200, b"ab", True),
    "head": (OK + b"Content-Length: 10\r\n\r\n", "HEAD", 200, b"", True),
    "head in chunks": (CHUNKED, "HEAD", 200, b"", True),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", "GET", 204, b"", True),
    "no reason": (b"HTTP/1.1 201\r\nContent-Length: 0\r\n\r\n", "PUT", 201, b"", True),
    "line feeds alone": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nab", "GET", 200, b"ab", True),
    "to the end": (OK + b"\r\nabc", "GET", 200, b"abc", False),
    "length that is no number": (OK + b"Content-Length: -1\r\n\r\nabc", "GET", 200, b"abc", False),
    "connection: close": (OK + b"Connection: Close\r\nContent-Length: 1\r\n\r\na", "GET", 200, b"a", False),
    "1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "GET", 200, b"a", False),
    "1.0, kept": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\na",
        "GET",
        200,
        b"a",
        True,
    ),
    "chunks": (CHUNKED + b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n", "GET", 200, b"abc0123456789", True),
    "trailer": (CHUNKED + b"1\r\na\r\n0\r\nX-Digest: y\r\n\r\n", "GET", 200, b"a", True),
    "chunks and a length": (
        OK + b"Content-Length: 9\r\nTransfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "GET",
        200,
        b"a",
        False,
    ),
    "interim answers": (
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
        + OK
        + b"Content-Length: 1\r\n\r\na",
        "GET",
        200,
        b"a",
        True,
    ),
    "bytes that nobody asked for": (OK + b"Content-Length: 1\r\n\r\naHTTP/1.1 200", "GET", 200, b"a", False),
}


@pytest.mark.parametrize("name", READ)
@pytest.mark.parametrize("most", [1, 1 << 20])
@pytest.mark.parametrize("read", [whole, whole_into])
def test_answer_is_read_in_pieces_of_any_size(name: str, most: int, read: Any) -> None:
    data, method, status, body, may_be_followed = READ[name]
    response = answer(data, method=method, most=most)
    assert (response.status, read(response)) == (status, body)
    # With one byte at a time, what follows the answer has not come yet.
    assert response.may_be_followed == (may_be_followed or (name.startswith("bytes") and most == 1))


BROKEN = {
    "nothing": (b"", "the connection ended before the answer did"),
    "part of a line": (b"HTTP/1.1 2", "broke off within a line"),
    "head without its end": (OK + b"Content-Length: 3\r\n", "the connection ended before the answer did"),
    "another protocol": (b"SSH-2.0-OpenSSH_9\r\n", "does not begin as HTTP/1.1 does"),
    "version 2": (b"HTTP/2 200 OK\r\n\r\n", "does not begin as HTTP/1.1 does"),
    "status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", "does not begin as HTTP/1.1 does"),
    "status of other digits": (b"HTTP/1.1 \xb2\xb3\xb2 OK\r\n\r\n", "does not begin as HTTP/1.1 does"),
    "status below 100": (b"HTTP/1.1 099 X\r\n\r\n", "no valid status"),
    "no colon": (OK + b"no colon\r\n\r\n", "no colon"),
    "endless line": (OK + b"X: " + b"a" * (1 << 17), "has more than 65536 bytes"),
    "endless headers": (OK + b"X: a\r\n" * 102 + b"\r\n", "more than 100 headers"),
    "endless interim answers": (b"HTTP/1.1 100 Continue\r\n\r\n" * 12, "without end"),
    "two lengths": (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", "two lengths"),
    "short body": (OK + b"Content-Length: 3\r\n\r\nab", "the answer ended early"),
    "short chunk": (CHUNKED + b"3\r\nab", "the answer ended early"),
    "no last chunk": (CHUNKED + b"2\r\nab\r\n", "the connection ended before the answer did"),
    "size that is no number": (CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n", "states no size"),
    "endless size": (CHUNKED + b"1" * 30 + b"\r\nab\r\n0\r\n\r\n", "states no size"),
    "long chunk": (CHUNKED + b"1\r\nabc\r\n0\r\n\r\n", "longer than stated"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("most", [1, 1 << 20])
def test_broken_answer_is_refused_with_its_reason(name: str, most: int) -> None:
    data, why = BROKEN[name]
    with pytest.raises(OSError, match=why):
        whole(answer(data, most=1000 if name.startswith("endless") and most == 1 else most))


def test_bytes_before_the_connection_breaks_are_given_first() -> None:
    view = memoryview(bytearray(10))
    response = answer(OK + b"Content-Length: 9\r\n\r\nabc")
    assert (response.readinto(view), response.readinto(view)) == (3, 0)
    assert not response.may_be_followed
    response = answer(CHUNKED + b"9\r\nabc")
    assert response.readinto(view) == 3
    with pytest.raises(OSError, match="ended early"):
        response.readinto(view)


def test_headers_are_found_in_any_case_and_repeated_ones_are_joined() -> None:
    challenges = b"www-authenticate: Basic\r\nWWW-Authenticate:\tBearer \r\n"
    others = b"X Y: ignored\r\nA:\r\n b\r\nL\xe9: x\r\nM: \xe9\r\n"
    headers = answer(OK + challenges + others + b"\r\n").headers
    assert headers["WWW-AUTHENTICATE"] == "Basic, Bearer"
    assert dict(headers) == {"www-authenticate": "Basic, Bearer", "a": " b", "m": "\xe9"}
    assert headers.get("X Y") is None


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\x00b", "a\x7fb", "caf\xe9"])
def test_request_with_characters_that_could_end_a_line_is_not_sent(value: str) -> None:
    with pytest.raises(Invalid, match="`Authorization`") as caught:
        head_of("GET", "/v2/", {"Host": "a", "Authorization": value})
    assert value not in str(caught.value)
    with pytest.raises(Invalid, match="`line`"):
        head_of("GET", f"/v2/{value}", {"Host": "a"})

"""Requests from bytes in any pieces, answers to bytes, without a connection."""
from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.protocol.message import (ENVIRON, Incoming, Outgoing, Unacceptable, error, http_date,
                                     is_repeatable, repeated, split_target)

BODIES = st.binary(max_size=300)
TOKENS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=10).map("x-".__add__)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20)


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[at:at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@given(st.data(), st.booleans(), BODIES, st.dictionaries(TOKENS, VALUES, max_size=5), st.binary(max_size=20))
def test_the_pieces_do_not_matter(
    data, in_chunks: bool, body: bytes, headers: dict[str, str], next_: bytes
) -> None:
    head = (
        b"PUT /der/1?a=%20&l=5 HTTP/1.1\r\nHost: x\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode()
    )
    if in_chunks:
        sent = head + b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 7)
    else:
        sent = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=10)))
    incoming = Incoming(300)
    *before, request = [incoming.feed(sent[a:b]) for a, b in pairwise([0, *cuts, len(sent)])]
    assert before == [None] * len(cuts) and request
    environ = request.environ_on(ENVIRON)
    assert environ["wsgi.input"].read() == body
    assert (environ["REQUEST_METHOD"], environ["PATH_INFO"], environ["QUERY_STRING"]) == (
        "PUT",
        "/der/1",
        "a=%20&l=5",
    )
    assert environ["CONTENT_LENGTH"] == str(len(body))
    assert {key: value for key, value in environ.items() if key.startswith("HTTP_X_")} == {
        "HTTP_" + name.upper().replace("-", "_"): value for name, value in headers.items()}
    assert request.rest == b"" and not ENVIRON.keys() & {"wsgi.input", "HTTP_HOST"}
    assert Incoming(300).feed(sent + next_) == request._replace(rest=next_)


@given(st.integers(0, 300), BODIES, st.booleans())
def test_a_body_may_be_so_large(limit: int, body: bytes, in_chunks: bool) -> None:
    head = b"POST /mup HTTP/1.1\r\nHost: x\r\n"
    sent = head + (b"Transfer-Encoding: chunked\r\n\r\n" + chunked(body, 50) if in_chunks else
                   b"Content-Length: %d\r\n\r\n" % len(body) + body)
    if len(body) <= limit:
        assert (request := Incoming(limit).feed(sent)) and request.body == body
    else:
        with pytest.raises(Unacceptable) as refusal:
            Incoming(limit).feed(sent)
        assert refusal.value.status == 413


@given(st.binary(max_size=200))
def test_whatever_comes_is_refused_in_one_way(sent: bytes) -> None:
    try:
        if request := Incoming(100).feed(sent):
            request.environ_on(ENVIRON)
    except Unacceptable as refusal:
        assert refusal.status in (400, 413, 414, 431, 501)


@pytest.mark.parametrize(
    "target, path, query",
    [
        ("/", "/", ""),
        ("/dcap?", "/dcap", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/a#b?c", "/a", ""),
        ("//a/b", "//a/b", ""),
        ("https://host:8443/edev?l=1", "/edev", "l=1"),
        ("http://host", "/", ""),
    ],
)
def test_targets(target: str, path: str, query: str) -> None:
    assert split_target(target) == (path, query)


@pytest.mark.parametrize("target", ["*", "dcap", "ftp://host/x", "https:///x", "http://[/"])
def test_what_is_no_target(target: str) -> None:
    with pytest.raises(Unacceptable):
        split_target(target)


def encoded(
    status: str, headers: list[tuple[str, str]], *parts: bytes, method: str = "GET", keep: bool = True
) -> bytes:
    answer = Outgoing()
    answer.start(status, headers)
    head, _, body = answer.encode(parts, method, keep).partition(b"\r\n\r\n")
    return b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Date: ")) + b"|" + body


@pytest.mark.parametrize(
    "got, wanted",
    [
        (
            encoded("200 OK", [("A", "b")], b"x", b"yz"),
            b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 3\r\nConnection: keep-alive|xyz",
        ),
        (
            encoded("201 Created", [("Location", "/a")]),
            b"HTTP/1.1 201 Created\r\nLocation: /a\r\nContent-Length: 0\r\nConnection: keep-alive|",
        ),
        (
            encoded(
                "200 OK",
                [("Content-Length", "9"), ("Transfer-Encoding", "chunked"), ("Connection", "x")],
                b"xy",
                keep=False,
            ),
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close|xy",
        ),
        (
            encoded("200 OK", [("Content-Length", "9")], method="HEAD"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: keep-alive|",
        ),
        (
            encoded("200 OK", [], b"xy", method="HEAD"),
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive|",
        ),
        (
            encoded("304 Not Modified", [("ETag", '"1"')]),
            b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\nContent-Length: 0\r\nConnection: keep-alive|',
        ),
        (encoded("204 No Content", [], b"x"), b"HTTP/1.1 204 No Content\r\nConnection: keep-alive|"),
    ],
)
def test_answers(got: bytes, wanted: bytes) -> None:
    assert got == wanted


@pytest.mark.parametrize("name, value", [("A", "b\r\nC: d"), ("A\r\nC", "d"), ("A", "b\n"), ("A", "\rb")])
def test_a_header_stays_in_its_line(name: str, value: str) -> None:
    with pytest.raises(ValueError):
        encoded("200 OK", [(name, value)])


def test_start_response_twice() -> None:
    answer = Outgoing()
    answer.start("200 OK", [])
    with pytest.raises(AssertionError):
        answer.start("200 OK", [])
    answer.start("500 Oh", [], exc_info=(None, None, None))
    assert answer.status == "500 Oh"


def test_errors_are_those_of_the_standard() -> None:
    assert error(413).partition(b"\r\n\r\n")[2] == \
        b'<Error xmlns="urn:ieee:std:2030.5:ns"><reasonCode>2</reasonCode></Error>'
    assert error(400).startswith(b"HTTP/1.1 400 Bad Request\r\n")


def test_the_date() -> None:
    assert http_date(784111777) == "Date: Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize("sent, is_kept", [
    (b"GET /dcap HTTP/1.1\r\nHost: x\r\nAccept: application/sep+xml\r\n\r\n", True),
    (b"GET /dcap HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 500 + b"\r\n\r\n", False),
    (b"PUT /dcap HTTP/1.1\r\nHost: x\r\n\r\n", False),
    (b"GET /dcap HTTP/1.1\r\nHost: x\r\n", False),
])
def test_short_requests_without_a_body_are_kept_parsed(sent: bytes, is_kept: bool) -> None:
    assert is_repeatable(sent) is is_kept


def test_what_is_kept_parsed_is_what_is_parsed_anew_and_no_request_changes_it() -> None:
    sent = b"GET /dcap?l=1 HTTP/1.1\r\nHost: x\r\nAccept: application/sep+xml\r\n\r\n"
    request = repeated(sent, 100)
    assert request is repeated(sent, 100) and request == Incoming(100).feed(sent)
    environ = request.environ_on(ENVIRON | {"REMOTE_ADDR": "127.0.0.1"})
    environ.clear()
    assert request == Incoming(100).feed(sent)
    assert request.environ_on({})["wsgi.input"] is not request.environ_on({})["wsgi.input"]


@pytest.mark.parametrize("sent", [
    b"GET /dcap HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n",  # the body is still to come
    b"GET /dcap HTTP/1.1\r\nHost: x\r\n\r\nGET /tm HTTP/1.1\r\nHost: x\r\n\r\n",
])
def test_what_is_not_one_whole_request_is_not_kept(sent: bytes) -> None:
    assert repeated(sent, 100) is None


def test_a_refused_request_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(Unacceptable):
            repeated(b"GET /dcap HTTP/1.1\r\n\r\n", 100)  # no Host

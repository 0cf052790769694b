"""Odd values in addresses and forms are refused in words: nothing fails, and nothing odd becomes a tag."""
from __future__ import annotations

from urllib.parse import quote

import pytest
from flask import Flask

from server.console import running
from server.operators import sessions
from tests.conftest import on_sqlite
from tests.server.console.conftest import Person

pytestmark = on_sqlite
ODD = (b"\0", b"\xff\xed\xa0\x80", b"9" * 5000, b"1e400", b"99999999999999999999",
       b"'\"><script>alert(1)</script>", b"\r\nX: y", b"[]", b"../../etc/passwd", b"0001-01-01T00:00:00Z")
NAMES = ("sort", "cursor", "back", "done", "area", "vder", "order", "device", "text", "by", "west", "start",
         "limit", "kind", "event", "rule", "device-list-sort", "device-list-cursor", "vder-list-cursor")
FORMS = ("vder create", "message send", "user create", "certificate check", "dispatch order", "audit tail",
         "control post", "feeder import", "device import")
FILES = (b"\0", b"[" * 5000, b'{"lfdi":"\\ud800"}',
         b'{"type":"Feature","geometry":{"type":[]},"properties":{"name":"a"}}')


def _fits(status: int, page: bytes) -> bool:
    return (status < 500 or status == 501) and b"<script>alert" not in page


@pytest.mark.parametrize("odd", ODD)
def test_odd_addresses(admin: Person, interface: Flask, odd: bytes) -> None:
    text = quote(odd)
    query = "&".join(f"{name}={text}" for name in NAMES)
    for rule in interface.url_map.iter_rules():
        if not rule.rule.startswith("/console") or "GET" not in (rule.methods or ()) or "assets" in rule.rule:
            continue
        head, _, rest = rule.rule.partition("<")
        href = f"{head}{text}{rest.partition('>')[2].partition('<')[0]}" if rest else f"{head}?{query}"
        answer = admin.open(href)
        assert _fits(answer.status_code, answer.data), (href[:80], answer.status_code)


@pytest.mark.parametrize("name", FORMS)
def test_odd_forms(admin: Person, name: str) -> None:
    for number, odd in enumerate((*ODD, *FILES)):
        body = b""
        for argument in running.find(name).arguments:
            begin = f'--B\r\nContent-Disposition: form-data; name="{argument.name}"'.encode()
            file = b'; filename="f"' if argument.kind.__name__ == "UploadedFile" else b""
            body += begin + file + b"\r\n\r\n" + (odd if file or number < len(ODD) else b"") + b"\r\n"
        body += b'--B\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n'
        body += sessions.form_key(admin.cookie).encode() + b"\r\n--B--\r\n"
        answer = admin.open(f"/console/do/{quote(name)}", method="POST", data=body,
                            headers={"Content-Type": "multipart/form-data; boundary=B"})
        assert _fits(answer.status_code, answer.data), (name, odd[:60], answer.status_code)
        assert answer.status_code != 403

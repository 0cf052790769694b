"""The page of certificates."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from certs import dev
from server.config import settings
from server.devices import endingcertificates, enrolment
from server.devices.identity import Peer
from server.operators import sessions
from tests.conftest import NOON, on_sqlite
from tests.server.console.conftest import Person, text

pytestmark = on_sqlite
HREF = "/console/certificates"
DAY = 86_400


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tree") / "certs"
    dev.make_dev(path, 1)
    return path


def checked(admin: Person, status: int = 200, **fields: Any) -> str:
    return admin.send(HREF, status, **fields).data.decode()


def test_a_certificate_is_pasted(admin: Person, tree: Path) -> None:
    settings.client_ca = str(tree / "ca.pem")
    assert "Would this certificate be let in?" in text(admin.see(HREF))
    pem, entry = (tree / "device-1.pem").read_text(), dev.read_entries(tree)[1]
    page = checked(admin, pem=pem)
    assert "does not let this certificate in" in text(page) and f"lfdi={entry['lfdi']}" in page
    enrolment.enrol(entry["lfdi"], name="roof")
    page = text(checked(admin, pem=pem))
    assert "lets this certificate in, as the device roof" in page and "it does not end" in page
    assert "Counterpoise development root" in page


def test_a_file_is_dropped(admin: Person, tree: Path) -> None:
    settings.client_ca = str(tree / "ca.pem")
    content = (tree / "device-1.pem").read_bytes()
    key = sessions.form_key(admin.cookie)
    body = (f'--x\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{key}\r\n'
            '--x\r\nContent-Disposition: form-data; name="file"; filename="a.pem"\r\n\r\n').encode()
    answer = admin.open(HREF, method="POST", data=body + content + b"\r\n--x--\r\n",
                        headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 200 and dev.read_entries(tree)[1]["lfdi"] in answer.data.decode()


def test_what_is_no_certificate(admin: Person) -> None:
    assert "not a certificate" in text(checked(admin, 400, pem="hello"))
    assert "either the text or" in text(checked(admin, 400))


def test_those_that_end_first(admin: Person) -> None:
    settings.certificate = settings.client_ca = "/nowhere.pem"
    assert "None of them ends within a year" in text(admin.see(HREF))
    enrolled = enrolment.enrol("AB" * 20, name="old")
    endingcertificates.forget()
    endingcertificates.note(Peer(enrolled.lfdi, 1, NOON + 90 * DAY))
    endingcertificates.flush()
    endingcertificates.forget()
    assert "old" in (page := admin.see(HREF)) and f"/console/devices/{enrolled.lfdi}" in page

"""`file`: what is published is checked first, and what is refused leaves nothing."""
from __future__ import annotations

import hashlib
from typing import Any

import pytest

from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.grid.groups import virtualders
from server.models import FileContent, FilePart
from server.operations import files
from server.operations.declaration import UploadedFile
from server.resources import store
from tests import peers
from tests.conftest import NOON, on_sqlite

pytestmark = [on_sqlite, pytest.mark.usefixtures("server")]
IMAGE = UploadedFile("x1.bin", b"image" * 30_000)
PRODUCT: dict[str, Any] = {"mf_id": 37244, "mf_model": "X1", "mf_ver": "2.1"}


def test_it_is_published_with_what_was_said() -> None:
    enrolment.enrol(peers.lfdi(1), name="one")
    digest = hashlib.sha256(IMAGE.content).hexdigest()
    detail = files.publish(IMAGE, **PRODUCT, mf_hw_ver="B", type="8001", device="one", activate_at=NOON + 60,
                           sha256=digest.upper())
    assert (detail["kind"], detail["seen_by"], detail["may_load"]) == ("8001", "one", 1)
    assert detail["warnings"] == []
    assert (detail["size"], detail["sha256"], detail["name"]) == (150_000, digest, "x1.bin")
    document = store.get("/file/1")
    assert document is not None and document.audience == peers.lfdi(1)
    assert document.submitted["lFDI"] == peers.lfdi(1) and document.submitted["mfHwVer"] == "B"
    assert [row["href"] for row in files.list_files()] == ["/file/1"]


@pytest.mark.parametrize("typed, name, listed", [
    ("images/2.1/x1.bin", None, "x1.bin"), (r"C:\images\x1.bin", None, "x1.bin"),
    ("x1.bin", "X1 of May", "X1 of May"), ("<stdin>", None, "<stdin>")])
def test_it_is_called_as_the_file_is_without_folders(typed: str, name: str | None, listed: str) -> None:
    assert files.publish(IMAGE._replace(name=typed), **PRODUCT, name=name)["name"] == listed


def test_who_may_load_it_and_what_is_like_it_is_said() -> None:
    virtualders.create("empty")
    assert files.publish(IMAGE, **PRODUCT, vder="empty")["warnings"] == ["no device may load it"]
    warnings = files.publish(IMAGE, **PRODUCT)["warnings"]
    assert warnings[-1] == "/file/1 is for the same model and version"
    assert [row["seen_by"] for row in files.list_files()] == ["empty", "all devices"]


@pytest.mark.parametrize("content, more, words", [
    (b"", {}, "empty"), (b"x" * 1025, {}, "file_bytes"), (b"x", {"sha256": "00"}, "2d711642b726b044"),
    (b"x", {"type": "04"}, "8000"), (b"x", {"type": "firmware"}, "software"),
    (b"x", {"device": "nobody"}, "nobody"), (b"x", {"vder": "none"}, "none"),
    (b"x", {"device": "a", "vder": "b"}, "not both"), (b"x", {"mf_ver": "more than 16 bytes"}, "mfVer")])
def test_what_cannot_be_published_leaves_nothing(content: bytes, more: dict[str, Any], words: str) -> None:
    settings.file_bytes = 1024
    with pytest.raises(Refused, match=words):
        files.publish(UploadedFile("x", content), **{**PRODUCT, **more})
    assert FileContent.select().count() == FilePart.select().count() == 0
    assert store.get("/file/1") is None


def test_a_file_that_is_not_there_is_refused_by_name() -> None:
    for operation in (files.show, files.devices, files.activate, files.withdraw):
        with pytest.raises(Refused, match="/file/7"):
            operation("/file/7")
    with pytest.raises(Refused, match="not both"):
        files.activate("/file/7", at=NOON, hold=True)

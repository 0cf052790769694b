"""File download: the list and its query, the bytes and their ranges, FileStatus (IEEE 2030.5-2018, 9.8)."""
from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import enrolment
from server.errors import Refused
from server.functionsets import filedownload
from server.grid.fleet import publishedfiles
from server.grid.groups import virtualders
from server.models import FileContent, FilePart, FileProgress
from server.protocol import filetransfers
from server.resources import filecontents, store
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer
from tests.standard.every_resource import sample

IMAGE = bytes(range(256)) * 600  # two parts and a bit
MORE: dict[str, Any] = {"type": "0000", "mfID": 37244, "mfModel": "X1", "mfVer": "1.0"}


def publish(content: bytes = b"image", vder: str | None = None, **said: Any) -> str:
    """Publish a file; its href."""
    stored = filecontents.add(content, "image.bin")
    return publishedfiles.publish(stored, {**MORE, **said}, vder)["href"]


def listed(device: Peer, query: str = "") -> list[str]:
    return [file["href"] for file in device.get(f"/file?l=99{query}").data.get("File", [])]


def informed(device: Peer, **said: Any) -> None:
    """Let a device put its DeviceInformation."""
    information = {**sample("DeviceInformation"), "mfID": 37244, "mfModel": "X1", "mfHwVer": "B",
                   "mfSerNum": "7", **said}
    assert device.put("/edev/1/di", "DeviceInformation", information).status in (201, 204)


# --- FileList -------------------------------------------------------------------------------------

def test_the_list_is_by_maker_model_and_newest_version(device: Peer) -> None:
    """9.8.2.2, table 36: mfID and mfModel ascending, mfVer descending, href ascending."""
    for maker, model, version in ((5, "b", "1"), (5, "a", "1"), (5, "a", "2"), (2, "z", "9"), (5, "a", "2")):
        publish(mfID=maker, mfModel=model, mfVer=version)
    assert listed(device) == ["/file/4", "/file/3", "/file/5", "/file/2", "/file/1"]


@pytest.mark.parametrize("query, hrefs", [
    ("", "1234"), ("&mfID=2", "4"), ("&mfID=3", ""), ("&mfModel=X1", "123"), ("&mfModel=x1", ""),
    ("&type=00", "134"), ("&type=0000", "134"), ("&type=8001", "2"),
    ("&mfVer=1.9", "14"), ("&mfVer=1.10", "14"), ("&mfVer=1.2&mfID=37244", "123"), ("&mfVer=2", "4"),
    ("&mfHwVer=A", "124"), ("&mfHwVer=B", "1234"), ("&mfSerNum=7", "134"), ("&mfSerNum=8", "1234"),
    ("&anything=1", "1234")])
@on_sqlite
def test_a_query_selects_by_elements_of_file(device: Peer, query: str, hrefs: str) -> None:
    """9.8.2 and the schema's File: lists are filtered by its elements. What a File does not limit meets every
    value, and mfVer is the least version."""
    publish(mfVer="1.10")
    publish(mfVer="1.9.1" if "1.9" not in query and "1.10" not in query else "1.8", type="8001", mfSerNum="8")
    publish(mfVer="1.2", mfHwVer="B")
    publish(mfID=2, mfModel="Y", mfVer="3")
    assert sorted(listed(device, query)) == [f"/file/{number}" for number in hrefs]
    page = device.get(f"/file?s=1&l=1{query}").data
    assert (page["all"], page["results"]) == (len(hrefs), min(1, max(0, len(hrefs) - 1)))


@pytest.mark.parametrize("query", ["mfID=x", "type=zz", "lFDI=-", "mfID="])
@on_sqlite
def test_a_value_that_cannot_be_is_refused_by_name(device: Peer, query: str) -> None:
    reply = device.get(f"/file?{query}")
    assert reply.status == 400 and query.partition("=")[0].encode() in reply.body


@pytest.mark.parametrize("one, other, newer", [
    ("1.10", "1.9", True), ("2", "1.99", True), ("1.0", "1.0", False), ("1.0b", "1.0a", True),
    ("1.0-rc1", "1.0", True), ("V2", "V10", False)])
def test_versions_compare_by_their_numbers(one: str, other: str, newer: bool) -> None:
    assert (filedownload.version_key(one) > filedownload.version_key(other)) is newer


def test_a_device_gets_what_is_for_its_product(device: Peer) -> None:
    """9.8 and the schema's File: mfID, mfModel, mfHwVer and mfSerNum say for what it is. The link counts what
    the list has."""
    hrefs = [publish(**said) for said in (
        {}, {"mfHwVer": "A"}, {"mfHwVer": "B"}, {"mfSerNum": "8"}, {"mfModel": "X2"}, {"mfID": 2})]
    assert sorted(listed(device)) == hrefs, "as long as it has not said what it is"
    informed(device)
    assert sorted(listed(device)) == [hrefs[0], hrefs[2]]
    assert device.get("/dcap").data["FileListLink"] == {"href": "/file", "all": 2}
    informed(device, mfModel="X3")
    assert listed(device) == [] and "FileListLink" not in device.get("/dcap").data


def test_a_file_of_one_device_is_seen_by_it_alone(device: Peer, peer: Callable[[int], Peer]) -> None:
    """The schema's File: lFDI is the one device that it is for."""
    enrolment.enrol(peers.lfdi(2), name="two")
    href = publish(lFDI=peers.lfdi(2))
    assert listed(device) == [] and listed(peer(2)) == [href]
    assert [device.get(at).status for at in (href, f"{href}/content")] == [404, 404]
    assert peer(2).get(href).data["fileURI"] == f"{href}/content"
    assert peer(2).client.open(f"{href}/content", environ_overrides=peer(2).environ).data == b"image"


def test_a_file_of_a_virtual_der_is_its_members(device: Peer, peer: Callable[[int], Peer]) -> None:
    enrolment.enrol(peers.lfdi(2), name="two")
    virtualders.create("street", members=["two"])
    href = publish(vder="street")
    assert listed(device) == [] and listed(peer(2)) == [href]


@on_sqlite
def test_a_stranger_gets_nothing(device: Peer, peer: Callable[[int], Peer]) -> None:
    href = publish()
    assert [peer(9).get(at).status for at in (href, f"{href}/content")] == [404, 404]
    enrolment.suspend(enrolment.find("one"))
    assert device.get(f"{href}/content").status == 403


@pytest.mark.parametrize("kind, known", [("0003", True), ("8000", True), ("0004", False), ("7FFF", False)])
@on_sqlite
def test_reserved_types_are_refused(server: None, kind: str, known: bool) -> None:
    """The schema's File: type 0 to 3, and 8000 to FFFF for makers."""
    if known:
        publish(type=kind)
    else:
        with pytest.raises(Refused, match="reserved"):
            publish(type=kind)


# --- the bytes ------------------------------------------------------------------------------------

class Loaded:
    """The answer to a request for bytes."""

    def __init__(self, device: Peer, href: str, method: str = "GET", **headers: str):
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = device.client.open(href, method=method, headers=fields, environ_overrides=device.environ)
        self.status, self.headers, self.data = answer.status_code, answer.headers, answer.data


def test_the_file_is_served_whole_with_its_digest(device: Peer) -> None:
    """9.8.2.3: the loader gets fileURI. RFC 9530: Repr-Digest is of all bytes."""
    href = publish(IMAGE)
    whole = Loaded(device, f"{href}/content")
    digest = hashlib.sha256(IMAGE)
    assert (whole.status, whole.data) == (200, IMAGE)
    assert whole.headers["Content-Length"] == str(len(IMAGE)) == str(device.get(href).data["size"])
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Repr-Digest"] == f"sha-256=:{base64.b64encode(digest.digest()).decode()}:"
    assert whole.headers["ETag"] == f'"{digest.hexdigest()}"'
    head = Loaded(device, f"{href}/content", "HEAD")
    assert (head.status, head.data, head.headers) == (200, b"", whole.headers)
    assert Loaded(device, f"{href}/content", If_None_Match=whole.headers["ETag"]).status == 304
    assert filetransfers.transfers.count == 0


END = len(IMAGE)
PART = filecontents.PART_BYTES


@pytest.mark.parametrize("asked, begin, end", [
    ("bytes=0-99", 0, 100), ("bytes=100-100", 100, 101), ("bytes=0-", 0, END), ("bytes=150000-", 150000, END),
    ("bytes=-10", END - 10, END), ("bytes=-9999999", 0, END), ("bytes=0-9999999", 0, END),
    (f"bytes={PART - 1}-{PART}", PART - 1, PART + 1), (f"bytes={PART}-{2 * PART - 1}", PART, 2 * PART),
    (f"bytes=10-{2 * PART + 5}", 10, 2 * PART + 6)])
@on_sqlite
def test_a_range_is_served(device: Peer, asked: str, begin: int, end: int) -> None:
    """9.8.2.3 and RFC 9110, 14: 206 with Content-Range, which tells the size of all."""
    part = Loaded(device, f"{publish(IMAGE)}/content", Range=asked)
    assert (part.status, part.data) == (206, IMAGE[begin:end])
    assert part.headers["Content-Range"] == f"bytes {begin}-{end - 1}/{END}"
    assert part.headers["Content-Length"] == str(end - begin)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-1", "bytes=-", "lines=1-2", "bytes=x-"])
@on_sqlite
def test_what_is_no_single_range_gets_the_whole(device: Peer, asked: str) -> None:
    """RFC 9110, 14.2: a server may leave a Range unheeded."""
    assert Loaded(device, f"{publish()}/content", Range=asked).status == 200


@pytest.mark.parametrize("asked", ["bytes=5-", "bytes=999-1000", "bytes=-0"])
@on_sqlite
def test_a_range_beyond_the_end_is_refused_with_the_size(device: Peer, asked: str) -> None:
    """9.8.2.3, RFC 9110, 15.5.17."""
    refused = Loaded(device, f"{publish()}/content", Range=asked)
    assert (refused.status, refused.headers["Content-Range"]) == (416, "bytes */5")


def test_a_load_goes_on_where_it_was_interrupted_only_with_the_same_bytes(device: Peer) -> None:
    """RFC 9110, 13.1.5: If-Range."""
    href = publish()
    etag = Loaded(device, f"{href}/content").headers["ETag"]
    assert Loaded(device, f"{href}/content", Range="bytes=3-", If_Range=etag).data == b"ge"
    assert Loaded(device, f"{href}/content", Range="bytes=3-", If_Range='"other"').data == b"image"


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@on_sqlite
def test_the_bytes_are_only_read(device: Peer, method: str) -> None:
    refused = Loaded(device, f"{publish()}/content", method)
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD")


@on_sqlite
def test_a_busy_server_says_when_to_come_again(device: Peer) -> None:
    """9.8.2.3: 503 with Retry-After, which the loader counts and waits for. A short range always fits."""
    href = publish(IMAGE)
    settings.file_transfers = 1
    filetransfers.transfers.enter()
    try:
        busy = Loaded(device, f"{href}/content")
        assert (busy.status, busy.headers["Retry-After"]) == (503, str(filetransfers.RETRY_AFTER_S))
        assert Loaded(device, f"{href}/content", Range="bytes=0-99").status == 206
    finally:
        filetransfers.transfers.leave()
    assert Loaded(device, f"{href}/content").status == 200


@on_sqlite
def test_a_transfer_breaks_off_when_its_file_is_withdrawn(device: Peer) -> None:
    href = publish(IMAGE)
    stored = filecontents.of(href)
    assert stored is not None
    parts = filetransfers._bytes(stored, filetransfers.ByteRange(0, END))
    assert next(parts) == IMAGE[:PART]
    publishedfiles.withdraw(href)
    with pytest.raises(ConnectionAbortedError, match="withdrawn"):
        next(parts)


def test_a_withdrawn_file_leaves_nothing(device: Peer) -> None:
    href = publish(IMAGE)
    put_status(device, href)
    publishedfiles.withdraw(href)
    assert [table.select().count() for table in (FileContent, FilePart, FileProgress)] == [0, 0, 0]
    assert listed(device) == [] and device.get(f"{href}/content").status == 404


def test_bytes_of_an_interrupted_publication_go_with_the_next(server: None) -> None:
    filecontents.add(b"left behind", "a")
    clock.advance(86400 + 1)
    href = publish()
    assert [content.href for content in FileContent.select()] == [href]
    assert FilePart.select().count() == 1


# --- FileStatus -----------------------------------------------------------------------------------

def status(href: str | None = "/file/1", **more: Any) -> dict[str, Any]:
    link = {} if href is None else {"FileLink": {"href": href}}
    return {**link, "loadPercent": 0, "nextRequestAttempt": NOON + 60, "request503Count": 0,
            "requestFailCount": 0, "status": 1, "statusTime": NOON - 5, **more}


def put_status(device: Peer, href: str | None = "/file/1", **more: Any) -> int:
    return device.put("/edev/1/fs", "FileStatus", status(href, **more)).status


@pytest.fixture
def file(device: Peer) -> Iterator[str]:
    yield publish()


def test_the_life_of_a_load_is_recorded_with_its_times(device: Peer, file: str) -> None:
    """The schema's FileStatus: status, statusTime by the device's clock, loadPercent of the last attempt."""
    steps = [(1, 0), (1, 60), (2, 60), (1, 0), (3, 100), (5, 100), (7, 100), (8, 100)]
    for number, (code, percent) in enumerate(steps):
        clock.turn_to(NOON + 10 * number)
        at = NOON + 10 * number - 5 if number != 1 else NOON - 5
        assert put_status(device, file, status=code, loadPercent=percent, statusTime=at, request503Count=2,
                          requestFailCount=1) in (201, 204)
    row, = publishedfiles.devices(file)
    assert (row["device"], row["status"], row["loaded_percent"]) == ("one", "activated", 100)
    assert (row["busy_answers"], row["failed_requests"], row["since_at"]) == (2, 1, NOON + 65)
    history = [(change["status"], change["at"] - NOON, change["told_at"] - NOON) for change in row["history"]]
    assert history == [
        ("loading", -5, 0), ("load failed", 15, 20), ("loading", 25, 30), ("verifying", 35, 40),
        ("verified", 45, 50), ("activating", 55, 60), ("activated", 65, 70)]
    assert publishedfiles.show(file)["progress"] == [{"status": "activated", "devices": 1}]
    assert [*publishedfiles.devices(file, failed=True)] == [*publishedfiles.devices(file, "loading")] == []


@on_sqlite
def test_what_is_kept_of_one_device_is_bounded(device: Peer, file: str) -> None:
    for number in range(40):
        put_status(device, file, status=number % 2, statusTime=NOON - 100 + number)
    row, = publishedfiles.devices(file)
    assert len(row["history"]) == 32 and row["since_at"] == NOON - 61


@on_sqlite
def test_a_clock_that_is_ahead_dates_nothing_ahead(device: Peer, file: str) -> None:
    put_status(device, file, statusTime=NOON + 10 ** 8)
    assert [row["since_at"] for row in publishedfiles.devices(file)] == [NOON]


@pytest.mark.parametrize("href, accepted", [
    ("/file/1", True), ("/file/7", False), ("/edev/1", False), ("/file/1/content", False),
    ("https://localhost/file/1", True), ("https://localhost/file/7", False),
    ("https://files.example/fw/7", True), (None, True)])
def test_a_file_link_leads_to_a_file_that_the_device_sees(
        device: Peer, file: str, href: str | None, accepted: bool) -> None:
    """The schema's FileStatus: FileLink is the File that is loaded; others' servers are not looked at."""
    assert (put_status(device, href) in (201, 204)) is accepted
    assert FileProgress.select().count() == (accepted and href in ("/file/1", "https://localhost/file/1"))


def test_a_device_goes_on_telling_of_a_file_that_was_withdrawn(device: Peer, file: str) -> None:
    put_status(device, file)
    store.remove(file)
    assert put_status(device, file, status=8, loadPercent=100) == 204
    assert put_status(device, "/file/7") == 400


def test_what_a_device_said_goes_with_it(device: Peer, file: str) -> None:
    put_status(device, file)
    enrolment.remove(enrolment.find("one"))
    assert FileProgress.select().count() == 0


# --- activation -----------------------------------------------------------------------------------

def test_the_time_of_activation_is_said_and_taken_back(device: Peer, file: str) -> None:
    """The schema's File: without activateTime a device loads, and waits until a later GET has one."""
    assert "activateTime" not in device.get(file).data
    assert publishedfiles.activate(file, NOON + 3600)["activate_at"] == NOON + 3600
    assert device.get(file).data["activateTime"] == NOON + 3600
    assert device.get("/file?l=1").data["File"][0]["activateTime"] == NOON + 3600
    publishedfiles.activate(file, None)
    assert "activateTime" not in device.get(file).data
    assert Loaded(device, f"{file}/content").data == b"image"

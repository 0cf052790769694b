"""SelfDevice: the server as a device, and who may write there (IEEE 2030.5-2018, 8.4 and 9.3)."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from certs import authority
from server import clock
from server.config import settings
from server.devices import access, devicelogs, enrolment, identity
from server.functionsets import selflog
from server.resources import hooks, schema
from server.resources.quotas import OverQuota
from tests import peers
from tests.conftest import NOON
from tests.peers import Peer

LOG_EVENT = {"createdDateTime": NOON, "functionSet": 0, "logEventCode": 0, "logEventID": 1,
             "logEventPEN": 40732, "profileID": 2}


def test_a_server_has_a_device_information_of_itself(device: Peer) -> None:
    """9.3.3: whoever serves resources has one, which SelfDevice links to."""
    link = device.get("/sdev").data["DeviceInformationLink"]["href"]
    reply = device.get(link)
    assert (reply.status, reply.name, reply.data["href"]) == (200, "DeviceInformation", link)
    assert reply.data["mfModel"] == "Counterpoise" and reply.data["swVer"]
    required = {field.key for field in schema.type_spec("DeviceInformation").elements
                if field.required and field.edition != 2023}
    assert required <= reply.data.keys() and "SupportedLocaleListLink" not in reply.data
    assert device.get("/edev/1/di").data["SupportedLocaleListLink"]["href"] == "/edev/1/di/loc"


def test_the_server_is_who_its_certificate_says(device: Peer, tmp_path: Path) -> None:
    """The schema's SelfDevice: sFDI and lFDI of the certificate that it presents; a start with another one
    changes them."""
    certificate = authority.server(authority.root("root"), ["localhost"])
    settings.certificate = str(tmp_path / "server.pem")
    Path(settings.certificate).write_bytes(certificate.pem())
    hooks.run_seeds()
    own = device.get("/sdev").data
    assert (own["lFDI"], own["sFDI"]) == (identity.lfdi(certificate.der), identity.sfdi(own["lFDI"]))
    assert device.get("/sdev/di").data["lFDI"] == own["lFDI"]


def test_what_is_below_self_device_is_the_server_s(device: Peer) -> None:
    """8.4.3: nobody else writes there."""
    information = device.get("/sdev/di").data
    for method in ("put", "post"):
        assert getattr(device, method)("/sdev/di", "DeviceInformation", information).status in (403, 405)
    assert device.delete("/sdev/di").status == 405
    assert device.put("/sdev", "SelfDevice", device.get("/sdev").data).status == 403


def test_a_start_with_the_same_software_changes_nothing(device: Peer) -> None:
    before = device.get("/sdev/di").etag
    clock.advance(86400)
    hooks.run_seeds()
    assert device.get("/sdev/di").etag == before


def logged() -> list[tuple[str, str, str]]:
    return [(row["function_set"], row["event"], row["details"]) for row in devicelogs.rows(None, 99)]


def test_the_server_says_that_it_operates(device: Peer) -> None:
    status = device.get(device.get("/sdev").data["DeviceStatusLink"]["href"])
    assert (status.name, status.data["opState"], status.data["changedTime"]) == ("DeviceStatus", 2, NOON)
    clock.advance(60)
    assert device.get("/sdev/dstat").data["changedTime"] == NOON + 60


def test_a_write_to_the_server_s_own_is_logged_once_for_a_while(device: Peer) -> None:
    """8.4.4, table 20; it is for operators, and so is who it was."""
    information = device.get("/sdev/di").data
    for _ in range(3):
        device.put("/sdev/di", "DeviceInformation", information)
    sfdi = str(enrolment.find("one").sfdi)
    assert logged() == [("self device", "write to the server's own resources", sfdi)]
    link = device.get("/sdev").data["LogEventListLink"]
    assert device.get(link["href"]).data["all"] == 0 and "all" not in link
    assert device.get("/sdev/lel/1").status == 404


def test_who_is_refused_is_logged(device: Peer, peer: Callable[[int], Peer]) -> None:
    """6.10, table 13: who is not registered, and who may not."""
    for href in ("/edev/1", "/derp", "/unheard"):
        peer(9).get(href)
    enrolment.suspend(enrolment.find("one"))
    device.get("/edev/1")
    assert [event for _, event, _ in logged()] == ["access refused", "not registered"]


def foreign_writes(two: Peer) -> list[int]:
    """What a device tries with what is another's, and how each is answered."""
    status = {"readingTime": NOON, "inverterStatus": {"dateTime": NOON, "value": 1}}
    answer = {"createdDateTime": NOON, "endDeviceLFDI": peers.lfdi(1), "status": 1, "subject": "AB" * 16}
    return [two.put("/edev/1/der/1/ders", "DERStatus", status).status,
            two.delete("/edev/1").status, two.post("/edev/1/lel", "LogEvent", LOG_EVENT).status,
            two.get("/edev/1/di").status, two.post("/rsps/1/rsp", "Response", answer).status]


def test_who_reaches_for_another_device_s_is_logged_by_every_method(
    device: Peer, peer: Callable[[int], Peer]
) -> None:
    """6.10, table 13: access failed, within PUT, POST and DELETE too, though the answer is 404."""
    enrolment.enrol(peers.lfdi(2))
    two = peer(2)
    device.put("/edev/1/di", "DeviceInformation", device.get("/sdev/di").data)
    for number in range(5):
        selflog.forget()
        assert foreign_writes(two)[number] in (403, 404)
    selflog.forget()
    assert foreign_writes(two) == [404, 404, 404, 404, 403]
    assert set(logged()) == {("security", "access refused", str(identity.sfdi(peers.lfdi(2))))}


def test_what_is_merely_not_there_or_not_valid_is_not_logged(device: Peer) -> None:
    """The standard has no code for it."""
    assert device.get("/edev/1/der/77").status == device.get("/derp/77").status == 404
    assert device.request("PUT", "/edev/1/di", b"<x/>").status == 400
    assert device.delete("/derp/1").status in (403, 404, 405)
    assert not [event for _, event, _ in logged() if event != "access refused"]


def test_a_quota_is_no_refused_access(device: Peer) -> None:
    """It raises an alarm, which says more."""
    assert access.log_event(OverQuota(403, device.lfdi, "too many"), "/edev/1/sub", device.lfdi) is None


def test_what_refusals_add_is_bounded(device: Peer, peer: Callable[[int], Peer]) -> None:
    """Of each kind, so that one does not hide another; extendedData counts what was left out."""
    for number in range(2, selflog.MOST + 9):
        peer(number).get("/derp")
    assert len(logged()) == selflog.MOST
    clock.advance(1)
    selflog.tls_alert("10.0.0.9", 42)
    assert next(devicelogs.rows(None, 1))["event"] == "TLS alert: bad certificate"
    selflog._logged.clear()
    clock.advance(1)
    peer(99).get("/derp")
    assert next(devicelogs.rows(None, 1))["extended_data"] == 7


def test_however_many_are_refused_the_list_has_an_end(server: None) -> None:
    settings.log_events = 10
    for number in range(15):
        selflog._logged.clear()
        clock.advance(1)
        selflog.tls_alert(f"10.0.0.{number}", 42)
    assert [row["details"] for row in devicelogs.rows(None, 99)] == [f"10.0.0.{n}" for n in range(14, 4, -1)]


def test_that_the_time_was_adjusted_is_for_every_device(device: Peer) -> None:
    """CORE-006: TM_TIME_ADJUSTED, function set 12, in the log of SelfDevice."""
    selflog.time_adjusted()
    event, = device.get("/sdev/lel").data["LogEvent"]
    keys = ("functionSet", "logEventCode", "profileID", "logEventPEN", "createdDateTime")
    assert [event[key] for key in keys] == [12, 0, 2, 40732, NOON]
    assert device.post("/sdev/lel", "LogEvent", event).status == 403

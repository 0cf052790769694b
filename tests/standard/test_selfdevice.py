"""SelfDevice: the server as a device, and who may write there (IEEE 2030.5-2018, 8.4 and 9.3)."""
from __future__ import annotations

from pathlib import Path

from certs import authority
from server import clock
from server.config import settings
from server.devices import identity
from server.resources import hooks, schema
from tests.peers import Peer


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

"""The how-to pages as a whole: every command, typed in the order in which the pages print them, does what it
says."""
from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from flask import Flask

from certs import dev
from server import clock
from server.cli import common, main
from server.config import settings
from server.devices import enrolment, lastcontact
from server.grid.groups import virtualders
from tests import peers
from tests.conftest import NOON
from tests.test_docs import ROOT, code
from tests.wsgi import Client

PAGES = (
    "enrol-devices",
    "make-virtual-ders",
    "dispatch",
    "stop-a-virtual-der",
    "limit-connection-points",
    "demand-response",
    "ev-charging",
    "businesses",
    "balance-an-area",
    "report",
    "customers",
    "publish-prices",
    "feed-function-sets",
    "update-devices",
    "audit",
    "personal-data",
    "connect-a-client",
    "aggregators",
    "users",
    "console",
    "install",
    "run-in-production",
    "upgrade",
    "back-up",
)
# `move` would need a PostgreSQL, an archive old entries
ENDLESS = re.compile(
    r"counterpoise (serve|work|move|console)\b|.* --follow|.* audit verify .*(archive|audit-0)")
BATTERY = {"modesSupported": "00D00084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 80,
           "rtgMaxWh": {"multiplier": 0, "value": 10_000}}
ELM_12, ELM_14 = "3E4F45AB31EDFE5B67E343E5E4562E31984E23E5", "7C6B5A49382716050F1E2D3C4B5A69788796A5B4"
DAYS = range(15, 18)
SERIES = "start,value\n" + "".join(
    f"2025-06-{day}T{hour:02}:00Z,{100 * hour}\n" for day in DAYS for hour in range(24)
)
SAMPLES = ROOT / "tests" / "samples"
FILES = {
    "program.xml": (SAMPLES / "MessagingProgram.xml").read_text(),
    "message.json": json.dumps({"TextMessage": {
        "mRID": "0B", "creationTime": NOON, "priority": 1, "textMessage": "Peak from 5 to 7 pm",
        "EventStatus": {"currentStatus": 0, "dateTime": NOON, "potentiallySuperseded": False},
        "interval": {"start": NOON, "duration": 7200}}}),
    "firmware.bin": "X1 2.1",
    "bills.csv": (
        "device,account,customer,agreement,location,start,end,bill,reading,tier,value,charge,charge_kind\n"
        "12 Elm Street,A-1001,R. Berg,S-1,12 Elm Street,2025-05-01,2025-06-01,48.20,,,,,\n"
        "12 Elm Street,A-1001,,S-1,,2025-05-01,2025-06-01,,history,1,100.5,20.10,\n"
        "12 Elm Street,A-1001,,S-1,,2025-05-01,2025-06-01,,history,2,,5.60,tax\n"
        "12 Elm Street,A-1001,,S-1,,2025-06-01,2025-07-01,,projection,,240,46.00,\n"),
    "contracts.csv": "device,block,kind,power_w,notice_s\ndairy engine,spare,generator,100000,600\n",
    "members.csv": "device,name,kind,labels\nd1,,battery,feeder=F12 phase=a\n",
    "weather.csv": SERIES.replace("00\n", "\n"),
    "tomorrow.csv": SERIES, "import.csv": SERIES, "prices.csv": SERIES, "pv-tomorrow.csv": SERIES,
    "last-weeks.csv": SERIES.replace("2025-06-1", "2025-06-0"),
    "nothing-else.csv": "start,value\n2025-06-08T00:00Z,0\n2025-06-08T00:15Z,0\n",
    "tariff.csv": "start,end,price,export_price,tier\n" + "".join(
        f"2025-06-16T{hour:02}:00,2025-06-16T{hour + 6:02}:00,0.{hour + 20},0.07,1\n" for hour in (0, 6, 12)),
    "envelope.csv": "start,export_limit\n2025-06-15T12:00Z,5000\n2025-06-15T12:05Z,4000\n",
    "arrivals.csv": "arrive,depart,wh,w\n2025-06-15T18:00Z,2025-06-16T06:00Z,12000,7000\n",
    "roofs.json": json.dumps([{"lfdi": peers.lfdi(number)} for number in range(61, 64)]),
    "devices.json": json.dumps([{"lfdi": peers.lfdi(number), "name": f"d{number}", "kind": "battery",
                                 "labels": {"feeder": "F12"}} for number in range(1, 4)]),
}


def commands(page: str) -> list[str]:
    """The commands of a page that end by themselves; what a shell would substitute is a made-up LFDI."""
    lines = (line.text for line in code(ROOT / "docs" / "how-to" / f"{page}.md"))
    return [re.sub(r'"\$\(.*?\)"', peers.lfdi(99), line) for line in lines
            if line.startswith("counterpoise ") and not ENDLESS.match(line)]


def before_virtual_ders(peer: Callable[[str], peers.Peer]) -> None:
    """Three batteries have reported what they are, and there is a thermostat; the first page ended by
    removing a device."""
    enrolment.enrol(ELM_12, name="12 Elm Street", kind="ev_charger", labels={"feeder": "F12"})
    enrolment.enrol(peers.lfdi(9), name="thermostat", kind="thermostat", labels={"feeder": "F12"})
    for number in range(1, 4):
        device = enrolment.find(f"d{number}")
        der, client = f"{enrolment.href(device)}/der/1", peer(device.lfdi)
        assert client.put(f"{der}/dercap", "DERCapability", BATTERY).status == 204
        charge = {"dateTime": NOON, "value": 5000}
        assert (
            client.put(f"{der}/ders",
                       "DERStatus", {"readingTime": NOON, "stateOfChargeStatus": charge}).status
            == 204
        )
    lastcontact.flush()


def before_charging(peer: Callable[[str], peers.Peer]) -> None:
    """A car asks for energy, another one offers some."""
    for lfdi, sign in ((ELM_12, 1), (ELM_14, -1)):
        request = {
            "mRID": f"{lfdi[:30]}01",
            "creationTime": NOON,
            "intervalRequested": {"start": NOON, "duration": 36_000},
            "energyRequested": {"multiplier": 0, "value": 14_000 * sign},
            "powerRequested": {"multiplier": 0, "value": 7000 * sign},
            "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
        }
        href = f"{enrolment.href(enrolment.find(lfdi))}/frq"
        assert peer(lfdi).post(href, "FlowReservationRequest", request).status == 201


def before_businesses(peer: Callable[[str], peers.Peer]) -> None:
    """A cold store and an engine are enrolled and have been in contact; the engine has said what it is."""
    enrolment.enrol(peers.lfdi(21), name="cold store", kind="load_switch")
    engine = enrolment.enrol(peers.lfdi(22), name="dairy engine", kind="generator")
    rating = {"modesSupported": "00000080", "rtgMaxW": {"multiplier": 3, "value": 250}, "type": 2}
    for lfdi in (peers.lfdi(21), peers.lfdi(22)):
        assert peer(lfdi).get("/dcap").status == 200
    der = f"{enrolment.href(engine)}/der/1"
    assert peer(engine.lfdi).put(f"{der}/dercap", "DERCapability", rating).status == 204
    lastcontact.flush()


def before_dispatch(peer: Callable[[str], peers.Peer]) -> None:
    """The feeder can take less than the second order asks for, which is clipped and then overridden."""
    virtualders.update("F12", export_limit_w=4000.0)


def before_customers(peer: Callable[[str], peers.Peer]) -> None:
    """A charger mirrors its meter."""
    assert peer(ELM_12).post("/mup", "MirrorUsagePoint", {
        "mRID": "0A", "deviceLFDI": ELM_12, "roleFlags": "0002", "serviceCategoryKind": 0,
        "status": 1}).status == 201


BEFORE = {"make-virtual-ders": before_virtual_ders, "dispatch": before_dispatch,
          "ev-charging": before_charging, "businesses": before_businesses,
          "customers": before_customers}
"""What devices do before the commands of a page make sense."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files that the pages name."""
    monkeypatch.chdir(tmp_path)
    dev.make_dev(tmp_path / "certs" / "dev")
    shutil.copy("certs/dev/device-1.pem", "device.pem")
    for name, text in FILES.items():
        Path(name).write_text(text)
    yield tmp_path


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_commands_of_the_how_to_pages_work_in_their_order(
    database: str, server: None, folder: Path, application: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(common, "ask", lambda question, yes: None)  # the answer is yes

    def peer(lfdi: str) -> peers.Peer:
        return peers.Peer(Client(application), lfdi)

    for page in PAGES:
        BEFORE.get(page, lambda peer: None)(peer)
        for text in commands(page):
            settings.clock, settings.database = clock.spec(), database
            result = CliRunner().invoke(
                main, shlex.split(text, comments=True)[1:], input="y\n", catch_exceptions=False
            )
            assert result.exit_code == 0, f"{page}: {text}: {result.output}"


def test_no_page_is_forgotten() -> None:
    assert {*PAGES, "README"} == {page.stem for page in (ROOT / "docs" / "how-to").glob("*.md")}

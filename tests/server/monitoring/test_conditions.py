"""Conditions raise their alarms and clear them, each by its threshold."""
from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from server import alarms, clock, diskspace, worker
from server.alarmfindings import Finding
from server.alarmkinds import KINDS
from server.config import SETTINGS, settings
from server.devices import enrolment
from server.grid.groups import virtualders
from server.grid.series import forecasts, measurements, signals
from server.grid.series.intervals import iso
from server.models import Balance, Device, DispatchOrder, Membership, ResponseRecord, Share, VirtualDER
from server.monitoring import conditions
from server.monitoring.conditions import CONDITIONS, Condition
from tests import peers
from tests.conftest import NOON

STEP, HOUR, DAY = 900, 3600, 86400


def seen(kind: str) -> dict[str, str]:
    """Look for a kind; the alarms that stand, detail by source."""
    conditions.check(conditions.of_kind(kind))
    return {row["source"]: row["detail"] for row in alarms.rows(kind=kind)}


@pytest.fixture
def town(server: None) -> VirtualDER:
    """An area that is balanced automatically, without members."""
    virtualders.create("town")
    row = virtualders.find("town")
    Balance.create(vder=row, automatic=True)
    return row


def test_a_signal_that_stops(town: VirtualDER) -> None:
    assert seen("signal") == {}
    signals.put("town", "imbalance", [5.0] * 16, NOON, STEP, issue_interval_s=HOUR)
    assert seen("signal") == {}
    clock.turn_to(NOON + HOUR * 3 // 2 + 1)
    assert "town has stopped arriving" in seen("signal")["area town"]
    signals.put("town", "imbalance", [5.0] * 16, NOON + 2 * HOUR, STEP, issue_interval_s=HOUR)
    assert seen("signal") == {}
    Balance.update(automatic=False).execute()
    clock.turn_to(NOON + DAY)
    assert seen("signal") == {}, "it is used for nothing"


def test_a_signal_that_begins_later_has_not_stopped(town: VirtualDER) -> None:
    signals.put("town", "imbalance", [5.0, None, *[5.0] * 6], NOON + 2 * STEP, STEP)
    assert f"town has no values from {iso(NOON + 3 * STEP)}" in seen("signal")["area town"]
    signals.put("town", "imbalance", [5.0] * 8, NOON + 2 * STEP, STEP)
    assert seen("signal") == {}


def test_a_signal_that_ends(town: VirtualDER) -> None:
    signals.put("town", "imbalance", [5.0] * 8, NOON, STEP)
    clock.turn_to(NOON + HOUR)
    assert seen("signal") == {}
    clock.turn_to(NOON + HOUR + STEP)
    assert "before the horizon" in seen("signal")["area town"]


def test_a_forecast_that_is_missing(town: VirtualDER) -> None:
    forecasts.put("town", "load", [-5.0] * 8, NOON, STEP, "weather service")
    assert seen("forecast") == {}
    clock.turn_to(NOON + HOUR + 1)
    assert "the forecast of load of town ends at" in seen("forecast")["area town"]
    forecasts.put("town", "load", [-5.0] * 16, NOON + HOUR, STEP, "weather service")
    assert seen("forecast") == {}
    clock.turn_to(NOON + 10 * DAY)
    assert seen("forecast") == {}, "it is given up"


def test_a_schedule_whose_load_is_unknown(town: VirtualDER) -> None:
    signals.put("town", "schedule", [5000.0] * 16, NOON, STEP)
    assert "has never been read" in seen("forecast")["area town"]
    measurements.record(town, NOON - STEP, STEP, load=-4000.0)
    assert seen("forecast") == {}


def test_a_plan_that_is_not_met(town: VirtualDER) -> None:
    settings.alarm_plan_w, settings.alarm_plan_share = 1000.0, 0.5
    for number, after_w in enumerate((0.0, 4000.0, 9000.0, 8000.0, 9000.0, 10_000.0)):
        start = NOON + number * STEP
        measurements.record(town, start, STEP, expected=500.0, after=after_w, before=15_000.0)
    clock.turn_to(NOON + 4 * STEP)
    assert seen("plan") == {}, "4750 W are less than half of what there would be without control"
    clock.turn_to(NOON + 6 * STEP)
    assert seen("plan") == {"area town": "over the last hour it drew +9.0 kW beside its signal where +0.5 kW "
                                         "was planned: 8.5 kW more"}
    settings.alarm_plan_w = 9000.0
    assert seen("plan") == {}
    settings.alarm_plan_w = 1000.0
    assert seen("plan") and not clock.turn_to(NOON + 2 * DAY) and seen("plan") == {}, "nothing is known"


def test_a_limit_that_is_exceeded(town: VirtualDER) -> None:
    virtualders.create("street", parent="town", import_limit_w=5000.0)
    street = virtualders.find("street")
    clock.turn_to(NOON + STEP)
    measurements.record(street, NOON, STEP, premises=-5090.0)
    assert seen("limit") == {}, "within what meters err by"
    measurements.record(street, NOON, STEP, premises=-7000.0)
    assert "2.0 kW beyond its import limit of 5000 W" in seen("limit")["virtual DER street"]
    clock.turn_to(NOON + 4 * STEP)
    assert seen("limit") == {}


def test_devices_that_are_silent(town: VirtualDER) -> None:
    for number in range(1, 11):
        enrolment.enrol(peers.lfdi(number), name=f"d{number}")
    assert seen("silent devices") == {}, "none was ever here"
    Device.update(last_contact_at=NOON).execute()
    for name in ("d1", "d2"):
        Membership.create(device=enrolment.find(name), vder=town)
    clock.turn_to(NOON + settings.alarm_silence_s + 1)
    Device.update(last_contact_at=clock.now()).where(Device.name != "d1").execute()
    assert seen("silent devices") == {
        "area town": "1 of 2 devices (50%) were not in contact for 30 min or longer"}, "one in ten of all"
    settings.alarm_silent_share = 0.05
    assert seen("silent devices").keys() == {"area town", "all devices"}
    enrolment.suspend(enrolment.find("d1"))
    assert seen("silent devices") == {}


def test_responses_that_fall_away(town: VirtualDER) -> None:
    order = DispatchOrder.create(vder=town, quantity="watts", value=1.0, addressing="device", start=NOON,
                                 duration_s=HOUR, created_at=NOON - 10)
    for number in range(1, 11):
        Share.create(order=order, lfdi=peers.lfdi(number), event_href="/derp/1/derc/1", mrid="AB")
    assert seen("responses") == {}, "they had no time to respond"
    clock.turn_to(NOON + 600)
    for number in range(1, 8):
        ResponseRecord.create(href=f"/rsps/1/rsp/{number}", subject="AB", lfdi=peers.lfdi(number), status=1,
                              created_at=NOON, received_at=NOON)
    assert seen("responses") == {
        "virtual DER town": f"7 of 10 members (70%) have responded to order {order.id}"}
    settings.alarm_response_share = 0.7
    assert seen("responses") == {}


def test_the_clock_of_a_device(device: peers.Peer) -> None:
    def respond(number: int, off_s: int) -> None:
        ResponseRecord.create(href=f"/rsps/1/rsp/{number}", subject="AB", lfdi=device.lfdi, status=1,
                              created_at=clock.now() + off_s, received_at=clock.now())
    respond(1, -500)
    assert seen("device clock") == {}, "it may have been sent late"
    respond(2, -90)
    assert seen("device clock") == {"device 1": "its Responses of the last two hours are -90 s off or more"}
    clock.turn_to(NOON + 3 * HOUR)
    assert seen("device clock"), "nothing new is known"
    respond(3, 2)
    respond(4, 400)
    assert seen("device clock") == {}


def write(path: Path, *ends: int) -> None:
    """Write a file of certificates that end at these instants."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, "root")])
    path.write_bytes(b"".join(
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(datetime.fromtimestamp(end, UTC) - timedelta(days=900))
        .not_valid_after(datetime.fromtimestamp(end, UTC)).sign(key, hashes.SHA256())
        .public_bytes(Encoding.PEM) for end in ends))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_certificate_that_is_about_to_end(server: None, tmp_path: Path) -> None:
    settings.certificate, settings.client_ca = str(tmp_path / "server.pem"), str(tmp_path / "ca.pem")
    assert seen("certificate") == {}, "that there are no files is for `check` to say"
    write(tmp_path / "server.pem", NOON + 40 * DAY)
    write(tmp_path / "ca.pem", NOON + 400 * DAY, NOON + 20 * DAY)
    found = seen("certificate")
    assert list(found) == [f"certificate CN=root of {tmp_path}/ca.pem"]
    assert "ends on 2025-07-05" in next(iter(found.values()))
    clock.turn_to(NOON + 11 * DAY)
    assert len(seen("certificate")) == 2
    write(tmp_path / "server.pem", NOON + 400 * DAY)
    write(tmp_path / "ca.pem", NOON + 400 * DAY)
    assert seen("certificate") == {}


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_disk_of_postgresql_is_watched_by_its_errors_alone(server: None) -> None:
    alarms.raise_alarm("disk", "postgresql://…", "it is full")
    assert seen("disk"), "it lapses"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_conditions_are_looked_at_when_due_and_a_faulty_one_stops_no_other(
    server: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[str] = []

    def fault() -> Iterator[Finding]:
        looked.append("signal")
        raise ValueError("a fault")
        yield

    def find() -> Iterator[Finding]:
        looked.append("limit")
        yield Finding("virtual DER x", "beyond")
    finders: dict[str, Callable[[], Iterator[Finding]]] = {"signal": fault, "limit": find}
    monkeypatch.setattr(conditions, "CONDITIONS", tuple(
        Condition(kind=kind, what="", find=finder) for kind, finder in finders.items()))
    worker.turn()
    assert looked == ["signal", "limit"]
    assert {(row["kind"], row["source"]) for row in alarms.rows()} == {
        ("work", "condition signal"), ("limit", "virtual DER x")}
    worker.turn()
    clock.turn_to(NOON + 59)
    worker.turn()
    assert len(looked) == 2
    clock.turn_to(NOON + 60)
    worker.turn()
    assert len(looked) == 4


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_table_is_whole(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert {condition.kind for condition in CONDITIONS} <= KINDS.keys()
    named = {name for condition in CONDITIONS for name in condition.thresholds}
    others = ("alarm_mail", "alarm_webhook", "alarm_interval", "alarm_retry", "alarm_severity", "alarm_days")
    assert named - {"webhook_retry_hours"} == {
        name for name in SETTINGS if name.startswith("alarm_") and not name.startswith(others)}
    monkeypatch.setattr(diskspace, "free_bytes", lambda: 1 << 40)
    alarms.raise_alarm("worker", "counterpoise work", "it has not run for 4 minutes")
    rows = {row["kind"]: row for row in conditions.rows()}
    assert rows["worker"]["standing"] == 1 and rows["worker"]["thresholds"] == {"alarm_worker_s": "3m"}
    assert rows["silent devices"]["thresholds"] == {"alarm_silence_s": "30m", "alarm_silent_share": "10%"}

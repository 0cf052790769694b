"""What monitoring systems are answered: health, readiness, metrics; and that the dashboard fits them."""
from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peewee
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics

from server import alarms, clock
from server.config import settings
from server.devices import exchanges, lastcontact, processcounts, processes
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.grid.series import measurements
from server.models import Balance, KeyValue, Plan
from server.monitoring import measures, presence, web
from server.protocol import background, requestcounts
from tests import peers
from tests.conftest import NOON, on_sqlite

ROOT = Path(__file__).parents[3]
STEP = 900
write = background.TASKS["writing exchanges and counts"]


@pytest.fixture(autouse=True)
def _forgotten(server: None) -> Iterator[None]:
    def forget() -> None:
        for module in (exchanges, requestcounts, processes, presence, measures):
            module.forget()
    forget()
    yield
    forget()


def get(path: str, method: str = "GET", **environ: str) -> tuple[str, dict[str, str], str]:
    """Status, headers and body of an answer."""
    started: list[Any] = []
    parts = web.application(
        {"REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1", **environ},
        lambda status, headers: started.extend((status, dict(headers))))  # type: ignore[arg-type]
    return started[0], started[1], b"".join(parts).decode()


def samples(text: str) -> dict[str, float]:
    """The samples of a text in the format of Prometheus, strictly: each is of a family that is declared."""
    found: dict[str, float] = {}
    family = ""
    for line in text.splitlines():
        if declared := re.fullmatch(r"# (HELP|TYPE) ([a-z_]+) (.+)", line):
            assert declared[1] == "HELP" or declared[3] in ("counter", "gauge", "histogram")
            family = declared[2]
            continue
        match = re.fullmatch(r'(([a-z_]+)(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*\})?) (-?[\d.e+-]+)', line)
        assert match and re.fullmatch(f"{family}(_bucket|_sum|_count)?", match[2]), line
        assert match[1] not in found, line
        found[match[1]] = float(match[3])
    return found


def busy(device: peers.Peer) -> None:
    """Have something of everything that is measured."""
    presence.beat()
    virtualders.create('a "b"\\', members=["one"])
    area = virtualders.find('a "b"\\')
    plan = Plan.create(vder=area, start=NOON, step_s=STEP, steps=4, created_at=NOON, solver_s=1.5, body={})
    Balance.create(vder=area, automatic=True, plan_id=plan.id, last_step_start=NOON, last_error="late")
    measurements.record(area, NOON - STEP, STEP, expected=100.0, before=4000.0, after=250.0)
    control = dercontrols.post('a "b"\\', {"opModConnect": True}, 600, NOON)
    assert device.get("/edev/1").status == 200 and device.get("/edev/99").status == 404
    assert device.get(control["href"]).status == 200 and device.get("/nowhere").status == 404
    assert device.get("/edev/1/der?l=5").status == 200
    device.post("/rsps/1/rsp", "DERControlResponse", {
        "createdDateTime": NOON, "endDeviceLFDI": device.lfdi, "status": 1, "subject": control["mrid"]})
    requestcounts.handshake()
    lastcontact.flush()
    write()
    alarms.raise_alarm("quota", "device 1", "17 requests")


def test_what_is_measured(device: peers.Peer) -> None:
    busy(device)
    status, headers, body = get("/metrics")
    assert status == "200 OK" and headers["Content-Type"].startswith("text/plain; version=0.0.4")
    found = samples(body)
    for name, value in {
        'requests_total{function_set="edev",method="GET",status="200"}': 1,
        'requests_total{function_set="edev",method="GET",status="404"}': 1,
        'requests_total{function_set="der",method="GET",status="200"}': 1,
        'requests_total{function_set="derp",method="GET",status="200"}': 1,
        'requests_total{function_set="none",method="GET",status="404"}': 1,
        'request_duration_seconds_count{function_set="edev"}': 2,
        'request_duration_seconds_bucket{function_set="edev",le="+Inf"}': 2,
        "handshakes_total": 1,
        "processes": 1,
        'devices{state="seen"}': 1,
        'devices{state="stale"}': 0,
        'events{state="active"}': 1,
        'responses{status="1"}': 1,
        'plan_solver_seconds{area="a \\"b\\"\\\\"}': 1.5,
        'area_failed{area="a \\"b\\"\\\\"}': 1,
        'area_imbalance_watts{area="a \\"b\\"\\\\",what="measured"}': 250,
        'queue{queue="notifications"}': 0,
        'alarms{acknowledged="no",severity="warning"}': 1,
        "worker_silence_seconds": 0,
    }.items():
        assert found["counterpoise_" + name] == value, name
    assert found["counterpoise_answer_bytes_total"] > 500
    clock.turn_to(NOON + settings.alarm_silence_s + 1)
    assert get("/metrics")[2] == body, "a second scraper causes no second reading"
    measures.forget()
    assert samples(get("/metrics")[2])['counterpoise_devices{state="stale"}'] == 1


@on_sqlite
def test_a_monitoring_system_may_ask_for_openmetrics(device: peers.Peer) -> None:
    busy(device)
    accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
    _, headers, body = get("/metrics", HTTP_ACCEPT=accept)
    assert headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    families = {family.name: family for family in openmetrics(body)}  # which is strict
    assert families["counterpoise_requests"].type == "counter"
    plain = samples(get("/metrics")[2])
    assert {sample.name for family in families.values() for sample in family.samples} == {
        name.partition("{")[0] for name in plain}


def test_what_a_process_counted_that_has_ended_stays_counted(device: peers.Peer) -> None:
    device.get("/tm")
    write()
    told = json.loads(KeyValue.get(KeyValue.name.startswith(processes.PREFIX)).value)
    key = "tm GET 200"
    KeyValue.create(name="process:other", value=json.dumps({**told, "written_at": time.time() - 100}))
    processcounts.read()
    assert processcounts.total()["requests"][key] == 2 and processcounts.total()["running"] == 1
    for _ in range(2):
        gone = json.dumps({**told, "written_at": time.time() - processcounts.FOLD_S - 1})
        KeyValue.update(value=gone).where(KeyValue.name == "process:other").execute()
        processcounts.fold()
        processcounts.read()
        assert processcounts.total()["requests"][key] == 2
        assert processcounts.total()["latencies"]["tm"] == [2 * n for n in told["latencies"]["tm"]]
    assert not KeyValue.select().where(KeyValue.name == "process:other").exists()


@on_sqlite
def test_every_panel_and_rule_names_metrics_that_exist(device: peers.Peer) -> None:
    busy(device)
    names = {name.partition("{")[0] for name in samples(get("/metrics")[2])}
    rules = (ROOT / "deploy/prometheus-rules.yml").read_text()
    recorded = set(re.findall(r"- record: (\S+)", rules))
    dashboard = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    queries += re.findall(r"expr: (.+)", rules)
    named = {name for query in queries for name in re.findall(r"\bcounterpoise[a-z0-9_:]+", query)}
    assert named and named - names - recorded == set()
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in named}
    declared = {measures.PREFIX + measure.name for measure in measures.MEASURES}
    assert declared - shown == set(), "measured and never looked at"
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


@on_sqlite
def test_who_may_see_the_metrics(server: None) -> None:
    assert get("/metrics")[0] == "200 OK"
    assert get("/metrics", REMOTE_ADDR="::1")[0] == "200 OK"
    for environ in ({"REMOTE_ADDR": "10.0.0.1"}, {"REMOTE_ADDR": ""},
                    {"HTTP_X_FORWARDED_FOR": "127.0.0.1"},
                    {"HTTP_AUTHORIZATION": "Bearer x", "REMOTE_ADDR": "10.0.0.1"}):
        status, headers, body = get("/metrics", **environ)
        assert status.startswith("401") and headers["WWW-Authenticate"] == "Bearer"
        assert "metrics_token" in body
    settings.metrics_token = hashlib.sha256(b"abc").hexdigest().upper()
    assert get("/metrics")[0].startswith("401")
    assert get("/metrics", HTTP_AUTHORIZATION="Bearer abd")[0].startswith("401")
    assert get("/metrics", HTTP_AUTHORIZATION="Bearer abc", REMOTE_ADDR="10.0.0.1")[0] == "200 OK"


@on_sqlite
def test_health_and_readiness(server: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert get("/healthz")[2] == "ok\n"
    assert get("/healthz", "HEAD")[2] == "" and get("/healthz", "POST")[0].startswith("405")
    assert get("/nothing")[0].startswith("404")
    assert get("/healthz", HTTP_X_REQUEST_ID="shift-7")[1]["X-Request-ID"] == "shift-7"
    assert len(get("/healthz", HTTP_X_REQUEST_ID="a\r\nSet-Cookie: x")[1]["X-Request-ID"]) == 12
    status, _, body = get("/readyz")
    assert status.startswith("503") and json.loads(body)["faults"] == {"worker": "it has never run"}
    presence.beat()
    assert json.loads(get("/readyz")[2]) == {"ready": True, "faults": {}}
    clock.turn_to(NOON + settings.alarm_worker_s + 1)
    assert json.loads(get("/readyz")[2])["faults"] == {"worker": "it does not run"}

    def fail(*_: object) -> None:
        raise peewee.OperationalError("server closed the connection unexpectedly")
    monkeypatch.setattr(web, "check_schema", fail)
    monkeypatch.setattr(web, "discard_connection", lambda: None)
    status, _, body = get("/readyz")
    assert status.startswith("503") and list(json.loads(body)["faults"]) == ["database"]
    assert get("/healthz")[0] == "200 OK"
    monkeypatch.setattr(measures, "written", fail)
    assert get("/metrics")[0].startswith("503")
    monkeypatch.setattr(measures, "written", lambda accept: 1 / 0)
    status, _, body = get("/metrics")
    assert status.startswith("500") and "ZeroDivisionError" not in body and "reference" in body

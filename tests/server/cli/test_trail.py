"""Every verb that changes state leaves one entry in the audit trail, and every other verb leaves the state as
it was."""
from __future__ import annotations

import atexit
import json
import os
import pwd
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from peewee import fn

from certs import dev
from server import actors, alarms, audit, clock, models
from server.cli import audit as audit_table
from server.cli import common, main
from server.cli.reference import declared
from server.config import settings
from server.devices import enrolment, lastcontact, traces
from server.grid.balance import plans
from server.grid.controls import defaultcontrols, dercontrols, drevents, messages, operatingenvelopes, tariffs
from server.grid.customers import prepaychanges
from server.grid.dispatch import stops
from server.grid.fleet import contracts, feeders, participation, publishedfiles
from server.grid.groups import virtualders
from server.grid.series import signals
from server.models import AlarmRecord, Approval, AuditEntry, DispatchOrder, Plan, VirtualDER
from server.monitoring import changehooks, hookposts
from server.operations.declaration import Operation, Role
from server.operators import local, tokens, users
from server.resources import filecontents, store
from tests import peers, prepared
from tests.conftest import NOON
from tests.ordered import create_order
from tests.server.cli.test_ev import WANTED

# What an operator types, and the `what` and `subject` of the entry that it leaves.
SAMPLES = Path(__file__).parents[2] / "samples"
ONE, TWO = f"{peers.lfdi(1)} one", f"{peers.lfdi(2)} two"
CHANGES = {
    "enrol": (f"{peers.lfdi(9)} --name nine", "device enrol", f"{peers.lfdi(9)} nine"),
    "enrol --from": ("{devices}", "device enrol", "2 devices"),
    "device import": ("{enrolments}", "device enrol", "1 devices"),
    "device rate": ("one --max-injection 4kW", "device rate", ONE),
    "device update": ("one --profile csip", "device update", ONE),
    "device configure": ("one --locale en-IE", "device configure", ONE),
    "device respond": ("one /tp/1/rc/1 --consume-below 0.1 --reduce-above 0.4", "device respond", ONE),
    "device label": ("one feeder=F2 --name uno", "device label", ONE),
    "device move": ("one --aggregator fleet", "device move", f"1 devices to {peers.lfdi(7)}"),
    "device suspend": ("one", "device suspend", ONE),
    "device restore": ("two", "device restore", TWO),
    "device erase": ("one --yes", "device erase", peers.lfdi(1)),
    "device remove": ("one --yes", "device remove", ONE),
    "vder create": ("wind --parent street", "vder create", "wind"),
    "vder update": ("solar --primacy 9", "vder update", "solar"),
    "vder split": ("ruled --by name", "vder split", "ruled by name"),
    "vder delete": ("empty --yes", "vder delete", "empty"),
    "vder default": ("solar opModMaxLimW=90%", "vder default", "solar"),
    "vder default --clear": ("street", "vder default", "street"),
    "vder members add": ("empty one two", "vder members add", "empty"),
    "vder members remove": ("solar one --yes", "vder members remove", "solar"),
    "vder members import": ("empty {members}", "vder members import", "empty"),
    "control post": ("solar opModConnect=no --duration 5m", "control post", "solar /derp/2/derc/2"),
    "control cancel": ("/derp/1/derc/1", "control cancel", "/derp/1/derc/1"),
    "control curve": (
        "solar --type opModVoltVar --point 1,2 --y-ref-type 1",
        "control curve",
        "solar /derp/2/dc/1",
    ),
    "dispatch order": ("solar --limit 40 --duration 5m", "dispatch", "solar order {next}"),
    "dispatch override": ("{order}", "dispatch override", "solar order {next}"),
    "dispatch extend": ("{order} --by 5m", "dispatch extend", "solar order {next}"),
    "dispatch cancel": ("{order}", "dispatch cancel", "solar order {order}"),
    "envelope put": ("one --csv {envelope} --step 15m", "envelope put", "one from {envelope}"),
    "envelope clear": ("three", "envelope clear", "three"),
    "stop order": ("solar", "stop", "solar order {next}"),
    "resume": ("halted", "resume", "halted"),
    "dr event create": (
        "street --duty 50 --duration 5m --category thermostat",
        "dr event create",
        "street /dr/1/edc/2",
    ),
    "dr event cancel": ("/dr/1/edc/1", "dr event cancel", "/dr/1/edc/1"),
    "ev grant": ("one --power 1000 --duration 1h --start +1h", "ev grant", "/edev/1/frq/1"),
    "ev cancel": ("one", "ev cancel", "/edev/1/frq/1"),
    "signal put": ("street --flat 100", "signal put", "street imbalance"),
    "signal push": ("street price 0.3", "signal put", "street price"),
    "signal withdraw": ("street --kind imbalance", "signal withdraw", "street imbalance"),
    "forecast put": ("street load --csv {series}", "forecast put", "street load"),
    "history import": ("street load --csv {series}", "history import", "street load"),
    "plan run": ("street --horizon 1h", "plan run", "street plan {next_plan}"),
    "plan approve": ("{plan}", "plan approve", "street plan {plan}"),
    "plan publish": ("{plan}", "plan publish", "street plan {plan}"),
    "plan auto": ("street on", "plan auto", "street"),
    "opt-out set": ("one --until +2h", "opt-out set", ONE),
    "opt-out clear": ("two", "opt-out clear", TWO),
    "contract set": ("one --events 5", "contract set", ONE),
    "contract remove": ("one --block pump --yes", "contract remove", ONE),
    "contract import": ("{contracts}", "contract import", "{contracts}"),
    "message send": ("solar hello --duration 1h", "message send", "solar /msg/3/txt/1"),
    "message cancel": ("/msg/2/txt/1", "message cancel", "/msg/2/txt/1"),
    "file publish": ("{message_program} --mf-id 37244 --mf-model X1 --mf-ver 2.0", "file publish",
                     "/file/2 X1 2.0"),
    "file activate": ("/file/1", "file activate", "/file/1 X1 1.0"),
    "file withdraw": ("/file/1 --yes", "file withdraw", "/file/1 X1 1.0"),
    "bill import": ("{bills}", "bill import", "{bills}"),
    "bill remove": ("two --yes", "bill remove", "two /bill/1"),
    "prepay set": ("one --mode esi --currency EUR", "prepay set", "one /ppy/2"),
    "prepay credit": ("two -5 --token 123455", "prepay credit", "two /ppy/1"),
    "prepay service": ("two disconnected", "prepay service", "two /ppy/1"),
    "prepay override": ("two --duration 1h", "prepay override", "two /ppy/1"),
    "prepay remove": ("two --yes", "prepay remove", "two /ppy/1"),
    "mirror remove": ("/mup/1 --yes", "mirror remove", f"{peers.lfdi(1)} /mup/1"),
    "signal publish": ("solar", "signal publish", "solar"),
    "tariff import": ("solar {tariff}", "tariff import", "solar /tp/2"),
    "tariff set": ("street 0.3", "tariff set", "street /tp/1"),
    "tariff cancel": ("/tp/1", "tariff cancel", "/tp/1"),
    "resource post": ("/msg {message_program}", "resource post", "/msg/3"),
    "resource put": ("/msg/1 {message_program}", "resource put", "/msg/1"),
    "resource delete": ("/msg/1 --yes", "resource delete", "/msg/1"),
    "device trace on": ("one --for 5m", "device trace", ONE),
    "device trace off": ("two", "device trace", TWO),
    "feeder import": ("{feeders}", "feeder import", "1 features of {feeders}"),
    "feeder remove": ("F1 --yes", "feeder remove", "F1"),
    "certificate issue": ("roof", "certificate issue", "roof"),
    "alarm ack": ("{alarm}", "alarm ack", "alarm {alarm}, quota, device 1"),
    "subscription end": ("/edev/1/sub/1", "subscription end", "/edev/1/sub/1"),
    "approval limit": ("street --orders 5kW", "approval limit", "street"),
    "approval reject": ("{approval}", "approval decide", "street approval {approval}"),
    "user create": ("ann --role viewer", "user create", "ann"),
    "user update": ("kate --role approver", "user update", "kate"),
    "user disable": ("kate", "user update", "kate"),
    "user password": ("kate --password-stdin", "user password", "kate"),
    "user remove": ("kate --yes", "user remove", "kate"),
    "token create": ("kate market", "token create", "kate market"),
    "token revoke": ("kate desk --yes", "token revoke", "kate desk"),
    "webhook add": ("market https://hooks.example.org/", "webhook add", "market"),
    "webhook remove": ("desk --yes", "webhook remove", "desk"),
    "poll-rate": ("60", "rate set", "poll"),
    "post-rate": ("60 --device one", "rate set", "post"),
}
# What only looks, or changes nothing in a healthy database.
LOOKS = {
    "reindex": "",
    "device list": "",
    "device show": "one",
    "device alarms": "solar",
    "device log": "one",
    "device network": "one",
    "device configuration": "one",
    "device follows": "one",
    "map": "",
    "feeder list": "",
    "feeder import --dry-run": "{feeders} --only",
    "certificate check": "--file {certificates}/device-1.pem",
    "certificate list": "",
    "setting list": "--changed",
    "device export": "one",
    "device export-list": "",
    "device erase --dry-run": "one",
    "vder list": "",
    "vder show": "solar",
    "vder forecast": "solar",
    "vder match": "name=one",
    "vder status": "solar",
    "vder capability": "solar --horizon 1h",
    "vder members list": "solar",
    "vder members validate": "",
    "control list": "",
    "control show": "/derp/1/derc/1",
    "preview": "one",
    "dispatch list": "",
    "dispatch show": "{order}",
    "dispatch shares": "{order}",
    "stop list": "",
    "envelope list": "",
    "envelope show": "three",
    "envelope put --dry-run": "one --csv {envelope} --step 15m",
    "envelope clear --dry-run": "three",
    "dr event list": "",
    "dr event show": "/dr/1/edc/1",
    "ev sessions": "",
    "responses": "",
    "alarm list": "",
    "trace": "one",
    "alarm conditions": "",
    "approval list": "",
    "approval limits": "",
    "user list": "",
    "user show": "kate",
    "token list": "",
    "webhook list": "",
    "webhook show": "desk",
    "webhook test": "desk",
    "clock show": "",
    "readings": "one",
    "audit tail": "",
    "audit verify": "",
    "audit export": "",
    "settings": "",
    "operations": "",
    "vder default": "solar",
    "message list": "",
    "message show": "/msg/2/txt/1",
    "file list": "",
    "file show": "/file/1",
    "file devices": "/file/1",
    "bill import --dry-run": "{bills}",
    "bill list": "",
    "bill show": "two",
    "prepay list": "",
    "prepay show": "two",
    "mirror list": "",
    "tariff list": "",
    "tariff show": "/tp/1",
    "tariff import --dry-run": "solar {tariff}",
    "tariff set --dry-run": "street 0.3",
    "tariff cancel --dry-run": "/tp/1",
    "resource get": "/msg/1",
    "resource list": "/msg",
    "subscription list": "",
    "poll-rate": "",
    "post-rate": "",
    "signal show": "",
    "forecast show": "street",
    "opt-out list": "",
    "contract show": "one",
    "contract list": "",
    "contract blocks": "",
    "plan areas": "",
    "plan list": "",
    "plan show": "{plan}",
    "plan diff": "{plan} {plan}",
    "plan auto": "street",
    "plan run --dry-run": "street --horizon 1h",
    "history show": "street",
    "history roll": "--from 2025-06-15T11:00",
    "signal put --dry-run": "street --flat 100",
    "signal publish --dry-run": "solar",
    "signal withdraw --dry-run": "street --kind imbalance --from +1h",
    "forecast put --dry-run": "street load --csv {series}",
    "history import --dry-run": "street load --csv {series}",
    "vder members import --dry-run": "empty {members}",
    "control post --dry-run": "solar opModConnect=no --duration 5m",
    "dispatch order --dry-run": "solar --limit 40 --duration 5m",
    "dr event create --dry-run": "street --duty 50 --duration 5m --category thermostat",
    "report event": "{order} --html {series}.html",
    "report day": "street --html {series}.html",
    "report month": "street --html {series}.html",
    "report nonresponders": "street",
    "report unmet": "street",
    "report bill": "solar",
    "report calls": "street",
    "baseline show": "{order}",
    "baseline compute": "street --start now --end +1h",
    "ev grant --dry-run": "one --power 1000 --duration 1h --start +1h",
}
# Processes, which are no change of state, files of certificates, which have no database, and copies of a
# whole database (see test_backup).
APART = {"serve", "work", "console", "init", "check", "demo", "backup", "restore", "move", "certs dev",
         "certs device", "certs operator", "certs show", "certs verify", "certs revoke", "certificate revoke",
         "clock accept",
         "approval approve"}  # which leaves two entries: see test_approvals

PLAN = {**{name: [] for name in ("dispatch_groups", "names", "kind", "group", "power", "energy", "exceeded")},
        **{name: [0.0] * 4 for name in ("imbalance", "before", "net", "curtailed")}}
FEEDER = {"type": "Feature", "properties": {"name": "F1"},
          "geometry": {"type": "LineString", "coordinates": [[16.3, 48.2], [16.4, 48.3]]}}
PASSWORD = "a window over the yard"
Typed = Callable[..., Result]
ENVELOPE = "start,export_limit\n2025-06-15T12:00Z,4000\n"


def verbs(command: click.Command = main, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not isinstance(command, click.Group):
        yield " ".join(path)
        return
    for name, below in command.commands.items():
        yield from verbs(below, (*path, name))


def plain(verb: str) -> str:
    return verb.partition(" --")[0]


def test_every_verb_is_in_a_table_here() -> None:
    """A new verb has to be told: what it leaves in the trail, or that it changes nothing."""
    assert set(verbs()) == {plain(verb) for verb in (*CHANGES, *LOOKS, *APART)}


def make_halted(peer: Any) -> None:
    """Make a virtual DER of one inverter that is stopped."""
    number = enrolment.enrol(peers.lfdi(3), name="three").id
    assert peer(3).put(f"/edev/{number}/der/1/dercap", "DERCapability", {
        "modesSupported": "00100000", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4}).status == 204
    virtualders.create("halted", members=["three"])
    operatingenvelopes.put(ENVELOPE, "limits.csv", "three", step_s=900)
    stops.stop("halted")


@pytest.fixture
def run(request: pytest.FixtureRequest, peer: Any, tmp_path: Path) -> Typed:
    """Type a command line at a street with something of everything in it; of users only for their commands,
    since there is nobody to approve anything then."""
    prepared.begin_with("trail", lambda: make_street(peer))
    named = getattr(request.node, "callspec", None)
    subject = named.params.get("verb") or named.params.get("operation") if named else None
    if str(getattr(subject, "name", subject)).startswith(("user", "token")):
        users.create("kate", Role.OPERATOR)
        tokens.create("kate", "desk", None, "", 3600)
    shutil.copytree(certificates(), tmp_path / "certs")
    settings.certificate_authority = str(tmp_path / "certs")
    settings.client_ca = str(tmp_path / "certs/ca.pem")
    (tmp_path / "feeders.json").write_text(json.dumps(FEEDER))
    changehooks.add("desk", "https://hooks.example.org/", [], "")
    request.getfixturevalue("monkeypatch").setattr(hookposts, "post", lambda *_: 204)
    (tmp_path / "envelope.csv").write_text(ENVELOPE)
    (tmp_path / "tariff.csv").write_text("start,price\n2025-06-15T12:00Z,0.3\n2025-06-15T13:00Z,0.2\n")
    (tmp_path / "devices.json").write_text(
        json.dumps([{"lfdi": peers.lfdi(8), "pin": 123455}, {"lfdi": peers.lfdi(9)}])
    )
    (tmp_path / "enrolments.csv").write_text(f"lfdi,name\n{peers.lfdi(9)},nine\n{peers.lfdi(1)},one\n")
    (tmp_path / "members.csv").write_text("device,kind\none,pv\ntwo,\n")
    (tmp_path / "bills.csv").write_text(
        "device,start,end,currency,bill,value\none,2025-05-01,2025-06-01,EUR,48.20,250\n")
    (tmp_path / "contracts.csv").write_text("device,block,kind,power_w\none,pump,load,5000\n")
    (tmp_path / "series.csv").write_text("start,value\n2025-06-15T10:00:00Z,-5\n2025-06-15T10:15:00Z,-6\n")

    def invoke(*words: str, fails: bool = False) -> Result:
        settings.clock = clock.spec()
        result = CliRunner().invoke(main, list(words), input=PASSWORD, catch_exceptions=False)
        assert (result.exit_code != 0) == fails, result.output
        return result
    return invoke


@lru_cache(maxsize=1)
def certificates() -> Path:
    """A tree of certificates, to be copied."""
    path = Path(tempfile.mkdtemp()) / "certs"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    dev.make_dev(path, 1)
    return path


def make_street(peer: Any) -> None:
    """Make a street with something of everything in it."""
    enrolment.enrol(peers.lfdi(1), pin=123455, name="one")
    device = peer(1)
    enrolment.suspend(enrolment.enrol(peers.lfdi(2), name="two"))
    contracts.set_block("one", "pump", "load", {"power_w": 100.0})
    participation.opt_out("two")
    virtualders.create("street")
    virtualders.create("solar", parent="street", members=["one"])
    virtualders.create("empty")
    virtualders.create("ruled", rule="name = two")
    assert device.put("/edev/1/der/1/dercap", "DERCapability", {
        "modesSupported": "00100084", "rtgMaxW": {"multiplier": 0, "value": 5000}, "type": 4}).status == 204
    assert device.post("/edev/1/frq", "FlowReservationRequest", WANTED).status == 201
    device.put("/edev/1/cfg", "Configuration", {"currentLocale": "en", "userDeviceName": "roof"})
    dercontrols.post("street", {"opModConnect": True}, 600)
    defaultcontrols.set_default("street", {"opModMaxLimW": 5000})
    drevents.create("street", {"DutyCycle": {"normalValue": 50}}, 600, category=1)
    assert device.post("/edev/1/sub", "Subscription", {
        "subscribedResource": "/derp", "encoding": 0, "level": "+S1", "limit": 1,
        "notificationURI": "https://10.0.0.1/n"}).status == 201
    traces.switch("two", 900)
    alarms.raise_alarm("quota", "device 1", "17 requests, 16 are allowed")
    lastcontact.flush()
    enrolment.enrol(peers.lfdi(7), name="fleet", kind=enrolment.AGGREGATOR)
    create_order("solar", 600, limit=50.0)
    DispatchOrder.update(clipped_w=-500.0).execute()
    signals.put("street", "imbalance", [1000.0] * 96, NOON, 900)
    signals.put("solar", "price", [0.3] * 96, NOON - 900, 900)
    plans.save(plans.balance_of(virtualders.find("street")).vder, NOON, 900, PLAN, requested_by="bob")
    store.add("MessagingProgram", "/msg", {"locale": "en", "primacy": 1})
    messages.send("street", "storm", 600)
    publishedfiles.publish(filecontents.add(b"image", "image.bin"),
                           {"type": "0000", "mfID": 37244, "mfModel": "X1", "mfVer": "1.0"}, None)
    store.add("CustomerAccount", "/bill", {"currency": 978, "pricePowerOfTenMultiplier": -2}, peers.lfdi(2))
    prepaychanges.configure("two", "esi", "EUR", {"balance": "20"})
    device.post("/mup", "MirrorUsagePoint", {"mRID": "AA", "deviceLFDI": peers.lfdi(1), "roleFlags": "0002",
                                             "serviceCategoryKind": 0, "status": 1})
    tariffs.set_price("street", 0.25, NOON + 86400)
    feeders.load(json.dumps(FEEDER), "feeders.json")
    Approval.create(vder=virtualders.find("street"), operation="dispatch order", power_w=2.0, limit_w=1.0,
                    arguments={"vder": "solar", "limit_percent": 30.0, "duration_s": 600},
                    requested_by="bob", signed_in=False, requested_at=NOON, valid_until=NOON + 900)
    make_halted(peer)


def filled(words: str, folder: Path) -> str:
    order, plan = DispatchOrder.get(DispatchOrder.quantity == "limit").id, Plan.get().id
    return words.format(
        devices=folder / "devices.json",
        enrolments=folder / "enrolments.csv",
        members=folder / "members.csv",
        contracts=folder / "contracts.csv",
        bills=folder / "bills.csv",
        series=folder / "series.csv",
        envelope=folder / "envelope.csv",
        feeders=folder / "feeders.json",
        certificates=folder / "certs",
        tariff=folder / "tariff.csv",
        message_program=SAMPLES / "MessagingProgram.xml",
        order=order,
        alarm=AlarmRecord.get().id,
        next=DispatchOrder.select(fn.max(DispatchOrder.id)).scalar() + 1,
        plan=plan,
        approval=Approval.get().id,
        next_plan=plan + 1,
    )


def line(verb: str, words: str, folder: Path) -> list[str]:
    return [*verb.split(), *filled(words, folder).split()]


@pytest.mark.parametrize("verb", CHANGES)
def test_a_verb_that_changes_state_leaves_one_entry(run: Typed, verb: str, tmp_path: Path) -> None:
    words, what, subject = CHANGES[verb]
    subject, who = filled(subject, tmp_path), local.actor("alice")
    run("--as", "alice", "--reason", "as agreed", *line(verb, words, tmp_path))
    entry, = audit.entries()
    assert (entry["who"], entry["operation"], entry["subject"], entry["reason"]) == (
        who,
        what,
        subject,
        "as agreed",
    )
    assert entry["before"] != entry["after"] and audit.verify() == [] and "123455" not in json.dumps(entry)
    assert PASSWORD not in json.dumps(entry)


def snapshot() -> dict[str, list[Any]]:
    return {table._meta.table_name: sorted(map(repr, table.select().tuples()))
            for table in models.tables() if table is not models.Counter}


@pytest.mark.parametrize("verb", LOOKS)
def test_any_other_verb_leaves_the_state_as_it_was(run: Typed, verb: str, tmp_path: Path) -> None:
    before = snapshot()
    run(*line(verb, LOOKS[verb], tmp_path))
    assert snapshot() == before


# Operations that change something and leave no entry, or only sometimes.
ALSO = {"approval approve": "{approval}", "certificate revoke": "--file {certificates}/device-1.pem --yes",
        "clock accept": "--yes", "device export": "one",
        "device export-list": "", "webhook test": "desk",
        "history roll": "--from 2025-06-15T11:00", "reindex": ""}
DRY_RUNS = {**{verb: words for verb, (words, *_) in CHANGES.items()}, **ALSO}


def test_every_operation_that_changes_something_is_tried_here() -> None:
    assert {operation.name for operation in declared() if operation.changes} == set(map(plain, DRY_RUNS))


@pytest.mark.parametrize("verb", DRY_RUNS)
def test_a_dry_run_changes_nothing(run: Typed, verb: str, tmp_path: Path) -> None:
    def everything() -> list[Any]:
        return [sorted(map(repr, table.select().tuples())) for table in models.tables()]
    before = everything()
    words = line(verb, DRY_RUNS[verb].replace("--yes", ""), tmp_path)
    assert "Dry run: nothing was changed." in run(*words, "--dry-run").stderr
    assert everything() == before


DESTROYING = {"remove", "delete", "erase", "purge", "revoke", "reset", "prune"}


def test_what_destroys_asks_first() -> None:
    asking = {operation.name for operation in declared() if operation.confirm}
    assert {operation.name for operation in declared()
            if DESTROYING & set(operation.name.split())} | {"clock accept"} <= asking


@pytest.mark.parametrize("operation", [operation for operation in declared() if operation.confirm],
                         ids=lambda operation: operation.name)
def test_what_asks_is_refused_where_nobody_can_answer(
    run: Typed, operation: Operation, tmp_path: Path
) -> None:
    before = snapshot()
    words = line(operation.name, DRY_RUNS[operation.name], tmp_path)
    assert "--yes" in words
    refused = run(*(word for word in words if word != "--yes"), fails=True)
    assert "There is no terminal" in refused.stderr and snapshot() == before


@pytest.mark.parametrize("answer, left", [("y", False), ("n", True)])
def test_on_a_terminal_it_is_asked_by_name(
    run: Typed, monkeypatch: pytest.MonkeyPatch, answer: str, left: bool
) -> None:
    monkeypatch.setattr(common, "is_terminal", lambda: True)
    result = CliRunner().invoke(main, ["vder", "delete", "empty"], input=answer)
    assert "Delete empty, its program" in result.stderr
    assert VirtualDER.select().where(VirtualDER.name == "empty").exists() is left


def test_who_is_acting_is_said_or_set_or_the_user(run: Typed) -> None:
    run("--as", "alice", "vder", "create", "a")
    run("vder", "create", "b")
    settings.operator = "control room"
    run("vder", "create", "c")
    run("--as", "bob", "vder", "create", "d")
    assert [entry["who"] for entry in audit.entries()] == [
        "alice",
        pwd.getpwuid(os.getuid()).pw_name,
        "control room",
        "bob",
    ]


def test_a_user_without_a_name_has_a_number(run: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_001)
    run("vder", "create", "a")
    assert [entry["who"] for entry in audit.entries()] == ["uid 4000000001"]


@pytest.fixture
def trail(run: Typed) -> list[dict[str, Any]]:
    """Three entries: alice's, bob's a minute later, alice's two minutes later."""
    for number, who in enumerate(("alice", "bob", "alice")):
        clock.turn_to(NOON + 60 * number)
        run("--as", who, "--reason", f"why {number}", "vder", "update", "solar", "--primacy", str(number))
    return audit.entries()


def test_the_tail_is_read_in_words_and_in_json(run: Typed, trail: list[dict[str, Any]]) -> None:
    table = run("audit", "tail", "-n", "2").output
    assert (
        "primacy 0 -> 1" in table
        and "2025-06-15T12:02:00Z" in table
        and "why 2" in table
        and "why 0" not in table
    )
    assert json.loads(run("audit", "tail", "--json").stdout) == trail
    for words, numbers in (
        (("--who", "bob"), [2]),
        (("--since", "2025-06-15T12:01:00"), [2, 3]),
        (("--what", "device"), []),
        (("--subject", "solar", "-n", "1"), [3]),
    ):
        assert [entry["id"] for entry in json.loads(run("audit", "tail", *words, "--json").stdout)] == numbers


@pytest.mark.parametrize("lines, expected", [("1", [3, 4]), ("0", [4])])
def test_the_tail_is_followed(
    run: Typed, trail: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, lines: str, expected: list[int]
) -> None:
    turns = iter(
        (lambda: audit.add(actors.Actor("carol"), "vder update", "solar", None, {"primacy": 7}), lambda: None)
    )

    def pause(seconds: float) -> None:
        turn = next(turns, None)
        if turn is None:
            raise KeyboardInterrupt
        turn()
    monkeypatch.setattr(time, "sleep", pause)
    output = run("audit", "tail", "--follow", "--json", "-n", lines, fails=True).stdout
    assert [json.loads(text)["id"] for text in output.splitlines() if text.startswith("{")] == expected


def test_it_is_followed_in_words(
    run: Typed, trail: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(seconds: float) -> None:
        raise KeyboardInterrupt
    monkeypatch.setattr(time, "sleep", stop)
    assert "2025-06-15T12:02:00Z  alice  vder update  solar  primacy 1 -> 2  why 2" in run(
        "audit", "tail", "--follow", "-n", "1", fails=True).output


def test_a_whole_trail_is_verified_and_one_that_is_not_fails(run: Typed, trail: list[dict[str, Any]]) -> None:
    last = trail[-1]["hash"]
    verified = json.loads(run("audit", "verify", "--json").stdout)
    assert verified == {"entries": 3, "hash": last, "complete": True}
    assert "no entry of the hash" in run("audit", "verify", "--known", "f" * 64, fails=True).output
    AuditEntry.delete().where(AuditEntry.id == 2).execute()
    assert "entry 2 is missing" in run("audit", "verify", fails=True).output
    expected = json.loads(run("audit", "verify", "--json", fails=True).stdout)
    assert expected["complete"] is False and expected["faults"] == ["entry 2 is missing"]


def test_an_export_is_verified_without_the_database(
    run: Typed, trail: list[dict[str, Any]], tmp_path: Path
) -> None:
    file = tmp_path / "trail.jsonl"
    run("audit", "export", str(file))
    lines = file.read_text().splitlines()
    assert (
        list(map(json.loads, lines))
        == trail
        == list(map(json.loads, run("audit", "export").stdout.splitlines()))
    )
    AuditEntry.delete().execute()
    expected = json.loads(run("audit", "verify", str(file), "--json").stdout)
    assert expected == {"entries": 3, "hash": trail[-1]["hash"], "complete": True}
    file.write_text("\n".join([lines[0], lines[1].replace("bob", "eve"), lines[2]]))
    assert "entry 2 was altered" in run("audit", "verify", str(file), fails=True).output
    assert (
        "this is not an audit log" in run("audit", "verify", str(tmp_path / "members.csv"), fails=True).output
    )
    file.write_text('{"id": 1}')
    assert "an entry has other fields" in run("audit", "verify", str(file), fails=True).output


def test_of_a_list_of_many_a_table_shows_the_first() -> None:
    entry: Any = {"before": {"devices": []}, "after": {"devices": ["A", "B", "C", "D"], "count": 4}}
    assert audit_table._change(entry) == 'count 4, devices ["A", "B" and 2 more]'
    entry = {"before": {"listed": ["A"]}, "after": {"listed": ["A", "B"]}}
    assert audit_table._change(entry) == 'listed ["A"] -> ["A", "B"]'

"""Every command with --json prints JSON and nothing else, as a process whose standard output is a pipe."""
from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click
import pytest

from server import alarms, clock
from server.cli import main
from server.cli.reference import declared
from server.config import settings
from server.devices import enrolment
from server.models import Device
from tests import peers
from tests.conftest import NOON
from tests.server.grid.conftest import Home
from tests.server.monitoring.receivers import Webhook, serving
from tests.typedresults import mismatches

ROOT = Path(__file__).parents[3]
MEASURED = json.dumps({"start": NOON - 86400, "step": 3600, "values": [1000.0] * 24})
EXPECTED = json.dumps({"start": NOON, "step": 900, "values": [1000.0] * 96})
IMBALANCE = json.dumps({"start": NOON, "step": 900, "values": [1500.0] * 8 + [-1500.0] * 8 + [0.0] * 80})

# A day's work, in the order in which it is done: the command, its arguments, and what it reads from standard
# input.
COMMANDS: list[tuple[str, str, str]] = [
    ("settings", "", ""),
    ("operations", "", ""),
    ("certs dev", "--path {tmp}/certs --devices 1", ""),
    ("certs device", "more --path {tmp}/certs", ""),
    ("certs operator", "kate --path {tmp}/certs", ""),
    ("certs show", "{tmp}/certs/more.pem", ""),
    ("certs verify", "{tmp}/certs/more.pem --ca {tmp}/certs/ca.pem", ""),
    ("certs revoke", "{tmp}/certs/more.pem --path {tmp}/certs --yes", ""),
    ("enrol", "{lfdi} --name spare --kind pv --label feeder=F1", ""),
    ("device list", "", ""),
    ("device show", "d1", ""),
    ("device label", "spare phase=a", ""),
    ("device move", "spare --aggregator=", ""),
    ("device alarms", "", ""),
    ("device update", "spare --profile csip-aus", ""),
    ("device log", "d1", ""),
    ("device network", "d1", ""),
    ("device configure", "d1 --user-name roof --time-zone Europe/Dublin --low-charge 30min", ""),
    ("device follows", "d1", ""),
    ("device configuration", "d1", ""),
    ("device rate", "d1 --capacity 9000", ""),
    ("device suspend", "spare", ""),
    ("device restore", "spare", ""),
    ("vder create", "town", ""),
    ("vder create", "homes --parent town --rule kind=battery --export-limit 800", ""),
    ("vder create", "chargers --parent town --rule kind=evcharger", ""),
    ("vder create", "warmth --parent town --rule kind=thermostat", ""),
    ("vder create", "spares", ""),
    ("vder split", "warmth --by kind", ""),
    ("vder list", "", ""),
    ("vder show", "homes", ""),
    ("vder match", "kind=battery", ""),
    ("vder update", "spares --primacy 120", ""),
    ("vder members add", "spares spare", ""),
    ("vder members list", "spares", ""),
    ("vder members remove", "spares spare --yes", ""),
    ("vder members import", "spares {tmp}/members.csv", ""),
    ("vder members validate", "town", ""),
    ("vder status", "town", ""),
    ("vder capability", "town --horizon 4h", ""),
    ("vder default", "homes opModMaxLimW=90%", ""),
    ("device export", "spare", ""),
    ("device import", "- --relabel", "lfdi,name\n" + "00" * 20 + ",nobody\n"),
    ("device export-list", "--pins", ""),
    ("device remove", "spare --yes", ""),
    ("device erase", "d3 --dry-run", ""),
    ("vder delete", "spares --yes", ""),
    ("opt-out set", "d2 --until +1d", ""),
    ("opt-out list", "", ""),
    ("opt-out clear", "d2", ""),
    ("contract set", "d1 --events 9", ""),
    ("contract show", "d1", ""),
    ("contract list", "", ""),
    ("contract set", "d1 --block all --power 5kW", ""),
    ("contract blocks", "", ""),
    ("contract import", "{tmp}/contracts.csv", ""),
    ("contract remove", "d1 --block pump --yes", ""),
    ("contract remove", "d1 --block all --yes", ""),
    ("map", "", ""),
    ("feeder import", "{tmp}/feeders.json", ""),
    ("feeder list", "", ""),
    ("feeder remove", "F1 --yes", ""),
    ("control post", "homes opModMaxLimW=50% --start +2h --duration 1h", ""),
    ("control list", "homes", ""),
    ("control show", "/derp/2/derc/1", ""),
    ("control cancel", "/derp/2/derc/1", ""),
    ("control curve", "homes --type opModVoltVar --point 9500,44 --point 10500,-44 --y-ref-type 1", ""),
    ("preview", "d1", ""),
    ("dispatch order", "homes --target 1000 --start +1m --duration 10m", ""),
    ("dispatch list", "", ""),
    ("dispatch show", "1", ""),
    ("dispatch shares", "1", ""),
    ("dispatch extend", "1 --by 5m", ""),
    ("baseline show", "1", ""),
    ("baseline compute", "homes --start 2025-06-15T10:00Z --end 2025-06-15T11:00Z", ""),
    ("report event", "1", ""),
    ("report calls", "town", ""),
    ("dispatch override", "1 --reason storm", ""),
    ("dispatch cancel", "3", ""),
    ("envelope put", "d1 --csv - --step 15m", "start,export_limit\n2025-06-15T12:00Z,4000\n"),
    ("envelope list", "", ""),
    ("envelope show", "d1", ""),
    ("envelope clear", "d1", ""),
    ("stop order", "homes", ""),
    ("stop list", "", ""),
    ("resume", "homes", ""),
    ("dr event create", "warmth --offset 2 --start +15m --duration 1h", ""),
    ("dr event list", "", ""),
    ("dr event show", "/dr/4/edc/1", ""),
    ("dr event cancel", "/dr/4/edc/1", ""),
    ("ev sessions", "", ""),
    ("ev grant", "d2 --power 3500 --start +5m --duration 4h", ""),
    ("ev cancel", "d2", ""),
    ("history import", "homes premises --from-json -", MEASURED),
    ("history roll", "--from 2025-06-15T10:00Z", ""),
    ("history show", "homes --from 2025-06-14T12:00Z", ""),
    ("forecast put", "homes load --from-json -", EXPECTED),
    ("forecast show", "homes", ""),
    ("vder forecast", "homes --horizon 2h", ""),
    ("signal put", "town --from-json -", IMBALANCE),
    ("signal push", "town measured -250", ""),
    ("signal show", "", ""),
    ("plan run", "town", ""),
    ("plan run", "town --dry-run", ""),
    ("plan run", "town --reason again", ""),
    ("plan areas", "", ""),
    ("plan list", "", ""),
    ("plan show", "1", ""),
    ("plan diff", "1 2", ""),
    ("plan auto", "town --approval yes", ""),
    ("plan approve", "2", ""),
    ("plan publish", "2", ""),
    ("signal withdraw", "town --kind measured", ""),
    ("signal publish", "town", ""),
    ("responses", "", ""),
    ("readings", "d1", ""),
    ("vder update", "homes --export-limit inf", ""),
    ("approval limit", "homes --orders 1W", ""),
    ("approval limits", "", ""),
    ("dispatch order", "homes --target 500 --start +3h --duration 10m", ""),
    ("dispatch order", "homes --target 700 --start +4h --duration 10m", ""),
    ("approval list", "", ""),
    ("approval approve", "1", ""),
    ("approval reject", "2", ""),
    ("approval limit", "homes --orders inf", ""),
    ("user create", "kate --role operator --vder town --password-stdin", "a window over the yard"),
    ("user list", "", ""),
    ("user show", "kate", ""),
    ("user update", "kate --role approver", ""),
    ("user password", "kate --password-stdin", "a window over the meadow"),
    ("token create", "kate market --role viewer --for 30d", ""),
    ("token list", "kate", ""),
    ("token revoke", "kate market --yes", ""),
    ("user disable", "kate", ""),
    ("user remove", "kate --yes", ""),
    ("subscription list", "--device d2", ""),
    ("subscription end", "/edev/2/sub/1 --moved-to https://other.example/derp", ""),
    ("message send", "town storm --duration 1h", ""),
    ("message list", "", ""),
    ("message show", "/msg/1/txt/1", ""),
    ("message cancel", "/msg/1/txt/1", ""),
    ("file publish", "{tmp}/program.xml --mf-id 37244 --mf-model X1 --mf-ver 2.0", ""),
    ("file list", "", ""),
    ("file show", "/file/1", ""),
    ("file devices", "/file/1", ""),
    ("file activate", "/file/1 --at +1h", ""),
    ("file withdraw", "/file/1 --yes", ""),
    ("bill import", "{tmp}/bills.csv --currency EUR", ""),
    ("bill list", "", ""),
    ("bill show", "d1", ""),
    ("bill remove", "d1 --yes", ""),
    ("prepay set", "d1 --mode esi --currency EUR --balance 20 --low 5 --emergency 3", ""),
    ("prepay credit", "d1 -15.50 --token T1", ""),
    ("prepay credit", "d1 5 --at +1h", ""),
    ("prepay service", "d1 disconnected --at +2h", ""),
    ("prepay override", "d1 --duration 1h", ""),
    ("prepay list", "", ""),
    ("prepay show", "d1", ""),
    ("prepay remove", "d1 --yes", ""),
    ("tariff import", "homes -", "start,end,price\n2025-06-15T12:00Z,2025-06-15T13:00Z,0.3\n"),
    ("tariff set", "homes 0.25 --export-price 0.08 --block 500=0.3", ""),
    ("device respond", "d1 /tp/2/rc/1 --consume-below 0.1 --reduce-above 0.4", ""),
    ("tariff list", "", ""),
    ("tariff show", "/tp/2", ""),
    ("tariff cancel", "/tp/2", ""),
    ("resource post", "/msg {tmp}/program.xml", ""),
    ("resource list", "/msg", ""),
    ("resource get", "/msg/2", ""),
    ("resource put", "/msg/2 {tmp}/program.xml --for d1", ""),
    ("resource delete", "/msg/2 --yes", ""),
    ("poll-rate", "60 --kind EndDeviceList", ""),
    ("post-rate", "60 --device d1", ""),
    ("report day", "town --date 2025-06-15", ""),
    ("report month", "town --month 2025-06", ""),
    ("report nonresponders", "town", ""),
    ("report unmet", "town", ""),
    ("signal put", "homes --kind price --flat 0.3 --start -2h --for 1d", ""),
    ("report bill", "homes", ""),
    ("mirror list", "", ""),
    ("mirror remove", "/mup/1 --yes", ""),
    ("webhook add", "desk {hook} --kind alarm --kind order", ""),
    ("webhook list", "", ""),
    ("webhook show", "desk", ""),
    ("webhook test", "desk", ""),
    ("webhook remove", "desk --yes", ""),
    ("alarm list", "", ""),
    ("device trace on", "d1 --for 15min --bodies", ""),
    ("device trace off", "d1", ""),
    ("trace", "d1", ""),
    ("alarm conditions", "", ""),
    ("alarm ack", "1", ""),
    ("certificate check", "--file {tmp}/certs/more.pem", ""),
    ("certificate list", "--within 365d", ""),
    ("certificate issue", "roof", ""),
    ("certificate revoke", "--file {tmp}/certs/roof.pem --yes", ""),
    ("setting list", "--changed", ""),
    ("clock show", "", ""),
    ("clock accept", "--yes", ""),
    ("audit tail", "", ""),
    ("audit verify", "", ""),
    ("audit export", "", ""),
    ("reindex", "", ""),
    ("backup", "{tmp}/all.backup", ""),
]
DECLARED = {operation.name: operation for operation in declared()}
LINES = {"audit export"}  # prints an object a line
WHO = dict.fromkeys(("plan approve", "approval approve"), ("--as", "somebody else"))
PROCESSES = ("plan run town", "vder list")  # also as processes that begin with nothing


def commands(command: click.Command, path: str = "") -> Iterator[str]:
    """Every command with --json, as it is typed."""
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            yield from commands(below, f"{path} {name}")
    elif any("--json" in option.opts for option in command.params):
        yield path.strip()


def test_every_command_with_json_is_among_them() -> None:
    # what `check` finds depends on the machine (test_check), the others want a database alone (test_backup)
    assert {command for command, _, _ in COMMANDS} == set(commands(main)) - {"check", "restore", "move"}


@pytest.fixture
def environment(server: None, peer: Any, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A battery, a charger with a car and a thermostat; the environment in which commands find it."""
    homes = [
        Home(
            peer(number), enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind=kind, category=category)
        )
        for number, kind, category in ((1, "battery", None), (2, "evcharger", None), (3, "thermostat", 1))
    ]
    Device.update(last_contact_at=NOON).execute()
    homes[0].rate(80, 5000, 5000, 10_000)
    homes[0].charge(0.5)
    homes[0].post(0)
    homes[1].rate(82, 0, 7000)
    assert (
        peer(2)
        .post(
            "/edev/2/frq",
            "FlowReservationRequest",
            {
                "mRID": "0A",
                "creationTime": NOON,
                "energyRequested": {"multiplier": 0, "value": 14_000},
                "powerRequested": {"multiplier": 0, "value": 7000},
                "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
                "intervalRequested": {"start": NOON, "duration": 36_000},
            },
        )
        .status
        == 201
    )
    assert peer(2).post("/edev/2/sub", "Subscription", {
        "subscribedResource": "/derp", "encoding": 0, "level": "+S1", "limit": 1,
        "notificationURI": "https://10.0.0.1/n"}).status == 201
    (tmp_path / "members.csv").write_text("device\nspare\n")
    shutil.copy(ROOT / "tests/samples/MessagingProgram.xml", tmp_path / "program.xml")
    (tmp_path / "feeders.json").write_text(json.dumps({
        "type": "Feature", "properties": {"name": "F1"},
        "geometry": {"type": "LineString", "coordinates": [[16.3, 48.2], [16.4, 48.3]]}}))
    (tmp_path / "contracts.csv").write_text("device,block,kind,power_w\nd1,pump,load,5000\n")
    (tmp_path / "bills.csv").write_text(
        "device,start,end,bill,value,charge\nd1,2025-05-01,2025-06-01,48.2,250,40\n")
    alarms.raise_alarm("quota", "device 1", "101 responses to one event, 100 are allowed")
    receiver = Webhook()
    with serving(receiver):
        yield {**os.environ, "COUNTERPOISE_DATABASE": settings.database, "COUNTERPOISE_CLOCK": clock.spec(),
               "COUNTERPOISE_CLIENT_CA": f"{tmp_path}/certs/ca.pem",
               "COUNTERPOISE_CERTIFICATE_AUTHORITY": f"{tmp_path}/certs",
               "OPENBLAS_NUM_THREADS": "1",
               "COUNTERPOISE_WEBHOOK_NETWORKS": "127.0.0.0/8", "HOOK": receiver.url}


def parse(command: str, text: str) -> Any:
    """What was printed, as a strict reader of JSON takes it."""
    texts = text.splitlines() if command in LINES else [text]
    return [
        json.loads(part, parse_constant=lambda name: pytest.fail(f"{command}: {name} is not JSON"))
        for part in texts
    ]


def answer(process: subprocess.Popen[str], words: list[str], stdin: str) -> dict[str, Any]:
    pipes: tuple[IO[str] | None, IO[str] | None] = process.stdin, process.stdout
    assert pipes[0] is not None and pipes[1] is not None
    print(json.dumps({"words": words, "stdin": stdin}), file=pipes[0], flush=True)
    return dict(json.loads(pipes[1].readline()))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_every_command_prints_json_of_its_type_and_nothing_else(
    environment: dict[str, str], tmp_path: Path
) -> None:
    faults: dict[str, Any] = {}
    with subprocess.Popen([sys.executable, "-m", "tests.server.cli.forking"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
        for command, arguments, stdin in COMMANDS:
            words = [
                *WHO.get(command, ()),
                *command.split(),
                *arguments.format(tmp=tmp_path, lfdi=peers.lfdi(9), hook=environment["HOOK"]).split(),
                "--json",
            ]
            ran = answer(process, words, stdin)
            try:
                assert ran["code"] == 0
                documents = parse(command, ran["stdout"])
                assert documents
            except (AssertionError, ValueError):
                faults[" ".join(words)] = ran
                continue
            if command in DECLARED:
                result = documents if command in LINES else documents[0]
                if wrong := mismatches(result, DECLARED[command].result):
                    faults[" ".join(words)] = wrong
        assert process.stdin is not None
        process.stdin.close()
    assert not faults, json.dumps(faults, indent=1)
    for line in PROCESSES:
        text = subprocess.run(
            [sys.executable, "-m", "server", *line.split(), "--json"],
            env=environment,
            cwd=ROOT,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        ).stdout
        assert parse(line, text)

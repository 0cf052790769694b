"""`demo`, which is `make run`: a small neighbourhood at real speed over mutual TLS, told as it happens."""
from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from certs import dev
from clients import neighbourhood
from clients.fleet import Fleet
from clients.reporter import Happening
from server import clock
from server.cli import common, run, vder
from server.config import settings
from server.errors import Refused
from server.grid import dispatch, virtualders
from server.models import db
from server.protocol.functionsets import edev
from server.resources import rates

DATABASE = "var/demo.db"
TOP = "neighbourhood"
GROUPS = {"solar": "inverter", "batteries": "battery", "chargers": "evcharger", "thermostats": "thermostat"}
BEGIN = 11 * 3600  # the demonstration begins at eleven, when there is some sun


@click.command()
@click.option("--devices", default=8, show_default=True, help="Devices in the neighbourhood; the first is left for you.")
@click.option("--rate", default=60.0, show_default=True, help="How many times as fast as real time it runs.")
@click.option("--stop", is_flag=True, help="Stop when the story is told instead of going on until Ctrl-C.")
def demo(devices: int, rate: float, stop: bool) -> None:
    """Watch a neighbourhood enrol, follow its virtual DER, answer and report.

    The server, its worker and the devices are real processes and real TLS; the database is made anew.
    """
    known = _prepare(devices, rate)
    try:
        with _server():
            story = Story(known, rate)
            story.tell(stop)
    except (KeyboardInterrupt, BrokenPipeError):
        click.echo("\nstopped")
    except Refused as refused:
        raise click.ClickException(refused.why) from None


def _prepare(devices: int, rate: float) -> list[dict[str, Any]]:
    """Certificates, settings and an empty database with its virtual DERs; the entries of the devices."""
    certs = Path(settings.certificate).parent
    known = [entry for entry in dev.make_dev(certs, devices) if entry["kind"] == "device"]
    for path in Path(DATABASE).parent.glob(Path(DATABASE).name + "*"):
        path.unlink()
    settings.database = f"sqlite:///{DATABASE}"
    settings.registration, settings.default_vder, settings.pins = True, TOP, str(certs / "devices.json")
    today = int(time.time()) // 86400 * 86400
    clock.run(rate, today + BEGIN)
    settings.clock = clock.spec()
    common.open_house()
    for name, kind in GROUPS.items():
        virtualders.create(name, rule=f"kind = {kind}", parent=TOP, purpose="kind")
    first = known[0]
    edev.enrol(first["lfdi"], first["pin"], first["name"])
    for kind in ("DERControlList", "DERProgramList", "FunctionSetAssignmentsList"):
        rates.decide("poll", kind, "", 120)
    return known[:devices]


@contextmanager
def _server() -> Iterator[None]:
    """The devices' door and its worker as processes of their own, until the block ends."""
    environment = run.prepare()
    common.open_house()
    processes = [subprocess.Popen(run.gunicorn(), env=environment),
                 subprocess.Popen([sys.executable, "-m", "server", "work"], env=environment)]
    try:
        _wait(processes)
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait(10)


def _wait(processes: list[subprocess.Popen[bytes]], patience: float = 30) -> None:
    """Until the door is open."""
    import socket
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if any(process.poll() is not None for process in processes):
            raise click.ClickException(f"the server did not start (is port {settings.port} free?)")
        try:
            socket.create_connection((settings.host, settings.port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise click.ClickException("the server did not answer")


class Story:
    """What is shown, in order."""

    def __init__(self, known: list[dict[str, Any]], rate: float):
        self.rate = rate
        self.lfdis = {entry["name"]: entry["lfdi"] for entry in known}
        self.enrolled = threading.Semaphore(0)
        certs = Path(settings.certificate).parent
        where = neighbourhood.Server(f"https://{settings.host}:{settings.port}", "/dcap", certs, rate)
        logging.getLogger("clients").setLevel(logging.ERROR)
        self.fleet = Fleet(neighbourhood.clients(known[1:], where, self.happens))
        self.kinds = {client.name: client.plant.kind for client in self.fleet.clients}  # type: ignore[attr-defined]

    def happens(self, what: Happening) -> None:
        """Print a line; a device that has enrolled is told apart by its kind, so that its groups find it."""
        if what.what == "reading":
            return
        self.say(what.at, f"{what.name:<10} {what.what:<10} {what.detail}")
        if what.what == "enrolled":
            with db.connection_context():
                edev.relabel(edev.find(self.lfdis[what.name]), {}, name=what.name, kind=self.kinds[what.name])
            self.enrolled.release()

    def say(self, at: int, line: str) -> None:
        click.echo(f"{common.iso(at)[11:19]}  {line}")

    def title(self, text: str) -> None:
        click.secho(f"\n{text}", bold=True)

    def sleep(self, seconds: float) -> None:
        """So many seconds of the demonstration's clock."""
        time.sleep(seconds / self.rate)

    def tell(self, stop: bool) -> None:
        """From the first handshake to the last reading."""
        self.title(f"{len(self.kinds)} devices find the server, register and report "
                   f"(https://{settings.host}:{settings.port}, clock at {self.rate:g}x)")
        with self.fleet:
            for _ in self.kinds:
                self.enrolled.acquire(timeout=60)
            self.sleep(600)
            self.title("What the virtual DERs can do")
            common.show(vder.capabilities(TOP), False)
            orders = [self.order("solar", limit=10.0), self.order("batteries", watts=3000.0)]
            self.sleep(orders[0]["start"] - clock.now() + 1200)
            for order in orders:
                self.title(f"Order {order['id']} on {order['vder']}: what came of it")
                came = dispatch.show(order["id"])
                common.show({key: came[key] for key in ("planned_w", "delivered_w", "answers", "devices")}, False)
            self.farewell()
            if not stop:
                threading.Event().wait()

    def order(self, group: str, **wish: Any) -> dict[str, Any]:
        self.title(f"counterpoise dispatch {group} " + " ".join(f"--{name} {value:g}" for name, value in wish.items())
                   + " --start +5m --duration 15m")
        order = dispatch.order(group, start=clock.now() + 300, duration=900, **wish)
        common.show(order["shares"], False)
        return order

    def farewell(self) -> None:
        certs = Path(settings.certificate).parent
        self.title("The neighbourhood goes on until Ctrl-C. Try it from another terminal:")
        click.echo(f"""
  export COUNTERPOISE_DATABASE=sqlite:///{DATABASE}
  .venv/bin/counterpoise vder list
  .venv/bin/counterpoise device list
  .venv/bin/counterpoise dispatch batteries --watts -2000 --duration 15m --dry-run
  .venv/bin/counterpoise responses

  curl --cacert {certs}/ca.pem --cert {certs}/device-1.pem --key {certs}/device-1.key \\
       https://localhost:{settings.port}/dcap
""")


COMMANDS = (demo,)

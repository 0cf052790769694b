"""What requests of random devices cost: CPU of this process, and of PostgreSQL's for its connection."""
from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from server import clock
from server.models import is_postgres
from server.protocol import app
from server.resources import sql
from tests import peers
from tests.wsgi import Client

CALLS = 400
WARM_UP = 20


class Caller(NamedTuple):
    """A device: its number and LFDI, and the href of its mirror."""
    number: int
    lfdi: str
    mirror: str


class Cost(NamedTuple):
    """CPU milliseconds of a request, without the database's and in all."""
    own_ms: float
    total_ms: float


Ask = Callable[[peers.Peer, Caller, int], peers.Reply]


def get(path: str) -> Ask:
    """Return a GET of a path, in which {number} is the caller's."""
    return lambda peer, caller, _: peer.get(path.format(number=caller.number))


def put_status(peer: peers.Peer, caller: Caller, turn: int) -> peers.Reply:
    """PUT a DERStatus with other values than the last one."""
    at = clock.now() + turn
    return peer.put(f"/edev/{caller.number}/der/1/ders", "DERStatus", {
        "readingTime": at, "stateOfChargeStatus": {"dateTime": at, "value": 5000 + turn}})


def post_reading(peer: peers.Peer, caller: Caller, turn: int) -> peers.Reply:
    """POST a value of five minutes."""
    period = {"start": clock.now() - 86_400 + 300 * turn, "duration": 300}
    return peer.post(caller.mirror, "MirrorMeterReading", {
        "mRID": quantity(caller), "Reading": {"timePeriod": period, "value": turn}})


CASES: dict[str, Ask] = {
    "GET DeviceCapability": get("/dcap"),
    "GET Time": get("/tm"),
    "GET EndDeviceList": get("/edev?l=10"),
    "GET FunctionSetAssignmentsList": get("/edev/{number}/fsa?l=10"),
    "GET DERProgramList": get("/derp?l=10"),
    "GET DERControlList": get("/derp/1/derc?l=10"),
    "GET DERList": get("/edev/{number}/der?l=10"),
    "PUT DERStatus": put_status,
    "POST MirrorMeterReading": post_reading,
}


def callers(count: int = CALLS) -> list[Caller]:
    """Return so many of the devices, always the same in a database of one size."""
    total, = sql.row("SELECT count(*) FROM document WHERE parent = '/mup'")
    chosen = random.Random(1).choices(range(total), k=count)
    return [caller(sql.row("SELECT lfdi FROM device WHERE id = ?", number + 1)[0]) for number in chosen]


def caller(lfdi: str) -> Caller:
    """Return a device that has a mirror."""
    return Caller(*sql.row(
        "SELECT device.id, lfdi, document.href FROM device JOIN document ON document.audience = lfdi AND "
        "document.parent = '/mup' WHERE lfdi = ?", lfdi))


def quantity(caller: Caller) -> str:
    """Return the mRID of what its mirror measures."""
    mrid: str
    mrid, = sql.row("SELECT mrid FROM document WHERE href = ?",
                    f"{caller.mirror.replace('/mup/', '/upt/')}/mr/1")
    return mrid


def measure() -> dict[str, Cost]:
    """Return the cost of each case, from CALLS requests of random devices."""
    application, chosen = app.create(), callers()
    backend = int(sql.row("SELECT pg_backend_pid()")[0]) if is_postgres() else None
    costs = {}
    for name, ask in CASES.items():
        for caller in chosen[:WARM_UP]:
            _call(application, ask, caller, 1)
        own, database = time.process_time(), cpu_s(backend)
        for turn, caller in enumerate(chosen):
            _call(application, ask, caller, 2 + turn % 200)
        own_ms = (time.process_time() - own) / len(chosen) * 1e3
        costs[name] = Cost(own_ms, own_ms + (cpu_s(backend) - database) / len(chosen) * 1e3)
    return costs


def _call(application: app.DeviceInterface, ask: Ask, caller: Caller, turn: int) -> None:
    reply = ask(peers.Peer(Client(application), caller.lfdi), caller, turn)
    assert reply.status < 300, (caller, reply.status)


def cpu_s(pid: int | None) -> float:
    """Return the CPU seconds of a process on this machine, 0 for none."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 if pid is not None else 0.0

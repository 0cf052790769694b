"""How many readings a second are taken, in sets, by two processes that post and write at the same time.

`python -m tests.load.scale.readings URL SIZE PART` is one of them: for SECONDS it posts sets of SIZE readings
of five minutes for random devices, and prints how many readings were taken in how many seconds. What it costs
to make the documents is contained.
"""
from __future__ import annotations

import subprocess
import sys
import time

from server import clock
from server.config import settings
from server.models import db
from server.protocol import app
from server.resources import sql
from tests import peers
from tests.load import databases
from tests.load.scale import requests
from tests.load.servers import ROOT
from tests.wsgi import Client

PROCESSES = 2
SECONDS = 8.0
SIZES = (12, 288)  # an hour, and a day
STEP_S = 300
MOST_EACH_MS = 0.2  # 5,000 a second


def measure() -> dict[int, float]:
    """Return the milliseconds that a reading takes, by the clock, by the size of the sets."""
    return {size: _each_ms(size) for size in SIZES}


def _each_ms(size: int) -> float:
    running = [subprocess.Popen(
        [sys.executable, "-m", "tests.load.scale.readings", settings.database, str(size), str(part)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for part in range(PROCESSES)]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    rate = 0.0
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
    for process in running:
        assert process.stdout is not None
        count, seconds = process.stdout.read().split()
        rate += int(count) / float(seconds)
        assert process.wait() == 0
    return 1e3 / rate


def post_set(peer: peers.Peer, caller: requests.Caller, size: int, turn: int) -> peers.Reply:
    """POST a set of readings, each turn the one before that of the last turn."""
    point = caller.mirror.replace("/mup/", "/upt/")
    mrid, = sql.row("SELECT mrid FROM document WHERE href = ?", f"{point}/mr/1")
    start = clock.now() // 86_400 * 86_400 - (turn + 1) * size * STEP_S
    return peer.post(caller.mirror, "MirrorMeterReading", {"mRID": mrid, "MirrorReadingSet": [{
        "mRID": f"{size:X}{start:X}", "timePeriod": {"start": start, "duration": size * STEP_S},
        "Reading": [{"value": 1000 + number, "localID": f"{number:02X}"} for number in range(size)]}]})


def main() -> None:
    url, size, part = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    databases.connect(url)
    settings.quota_readings_per_day = 1_000_000_000
    application, callers = app.create(), requests.callers()[part::PROCESSES]
    for caller in callers[:requests.WARM_UP]:
        assert post_set(peers.Peer(Client(application), caller.lfdi), caller, size, 0).status == 201
    print("ready", flush=True)
    sys.stdin.read()
    count, began = 0, time.monotonic()
    while time.monotonic() < began + SECONDS:
        turn, number = divmod(count, len(callers))
        caller = callers[number]
        assert post_set(peers.Peer(Client(application), caller.lfdi), caller, size, 1 + turn).status == 201
        count += 1
    print(count * size, time.monotonic() - began)
    db.close()


if __name__ == "__main__":
    main()

"""A day of the demonstration at 600 times real time: who did not answer, what was logged, what grows."""
from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import tempfile
import time
from contextlib import closing, suppress
from pathlib import Path

from tests.flows.server import ROOT, Process, free_port
from tests.soak.outcome import Outcome

RATE = 600
KB = 1024
GROWTH_MB_PER_HOUR = 20.0
"""Of all processes of the server, after the first two simulated hours; beyond it something leaks."""
_ROLES = {"gunicorn": "serve", "work": "work"}
# Members that were asked by events that are over, and those of them that never answered.
_UNANSWERED = """
    SELECT count(*), sum(NOT EXISTS (
        SELECT 1 FROM response_record WHERE response_record.subject = share.mrid
        AND response_record.lfdi = share.lfdi))
    FROM share JOIN document ON document.href = share.event_href
    WHERE document.status IS NOT NULL AND document.until < ?"""


def prove(homes: int, hours: float, rate: float = RATE) -> Outcome:
    """Run so many hours of the demonstration's day with so many homes."""
    outcome = Outcome(f"a day at {rate:g}x", f"{hours:g} h with {homes} homes")
    with tempfile.TemporaryDirectory(prefix="soak-day") as name:
        folder = Path(name)
        files = {"CERTIFICATE": "server.pem", "KEY": "server.key", "CLIENT_CA": "ca.pem"}
        environment = {"PYTHONPATH": str(ROOT), "COUNTERPOISE_PORT": str(free_port()),
                       "COUNTERPOISE_CONSOLE_PORT": str(free_port()),
                       "OPENBLAS_NUM_THREADS": "1",
                       **{f"COUNTERPOISE_{key}": str(folder / "certs/dev" / file) for key,
                          file in files.items()}}
        process = Process(
            [sys.executable, "-u", "-m", "server", "demo", "--homes", str(homes), "--rate", str(rate),
             "--hours", str(hours)], folder / "demo.log", environment, folder)
        samples = _watch(process, folder, hours, rate)
        text = process.text
        if process.popen.returncode != 0:
            outcome.faults.append(f"it ended with {process.popen.returncode}: {text[-1500:]}")
        outcome.faults += [f"a traceback: {last}" for last in re.findall(
            r"Traceback \(most recent call last\):(?:\n[ \t].*)*\n(.*)", text)]
        words = [line for line in text.split("\n") if re.search(r" (ERROR|CRITICAL) ", line)]
        outcome.faults += words[:5]
        _judge(outcome, samples, folder, text)
    return outcome


def _watch(process: Process, folder: Path, hours: float, rate: float) -> list[tuple[float, float, float]]:
    """Until the process ends: simulated hours, memory of the server (MB), size of its database (MB)."""
    samples, seen = [], 0
    end = time.monotonic() + 300 + 3 * hours * 3600 / rate
    while process.popen.poll() is None and time.monotonic() < end:
        time.sleep(0.5)
        steps = len(re.findall(r"^\d\d:\d\d  imbalance", process.text, re.M))
        if steps // 4 > seen:
            seen = steps // 4
            database = sum(path.stat().st_size for path in (folder / "var/demo").glob("demo.db*"))
            samples.append((float(seen), _memory_mb(process.popen.pid), database / KB / KB))
    if process.popen.poll() is None:
        process.kill()
    return samples


def _memory_mb(pid: int) -> float:
    """Resident memory of the processes of the server below one, in MB."""
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        with suppress(OSError, ValueError):
            children = Path(f"/proc/{one}/task/{one}/children").read_text().split()
            waiting += [int(child) for child in children]
            words = Path(f"/proc/{one}/cmdline").read_text().split("\0")
            if one != pid and any(role in words for role in _ROLES):
                total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return total * os.sysconf("SC_PAGE_SIZE") / KB / KB


def _judge(outcome: Outcome, samples: list[tuple[float, float, float]], folder: Path, text: str) -> None:
    path = folder / "var/demo/demo.db"
    if not path.exists():
        outcome.faults.append("there is no database")
        return
    with closing(sqlite3.connect(path)) as database:
        (last,) = database.execute("SELECT max(until) FROM document WHERE kind = 'DERControl'").fetchone()
        asked, unanswered = database.execute(_UNANSWERED, ((last or 0) - 3600,)).fetchone()
        alarms = database.execute("SELECT kind, count(*) FROM alarm_record GROUP BY kind").fetchall()
    outcome.lost = int(unanswered or 0)
    outcome.figures = {"answers asked for": asked, "alarms": json.dumps(dict(alarms))}
    if (said := re.search(r"RMS imbalance .*", text)):
        outcome.figures["result"] = said[0]
    if len(samples) >= 4:
        (first_h, first_mb, first_db), (last_h, last_mb, last_db) = samples[1], samples[-1]
        span_h = last_h - first_h
        growth = (last_mb - first_mb) / span_h
        outcome.figures["memory"] = f"{first_mb:.0f} to {last_mb:.0f} MB, {growth:+.1f} MB per simulated hour"
        grown = (last_db - first_db) / span_h
        outcome.figures["database"] = f"{last_db:.0f} MB, {grown:+.2f} MB per simulated hour"
        if growth > GROWTH_MB_PER_HOUR:
            outcome.faults.append(f"memory grows by {growth:.1f} MB per simulated hour")

"""The demonstration in steps: a small town for an hour, over TLS, kept in balance, reported; and it leaves
nothing behind."""
from __future__ import annotations

import json
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.flows.server import ROOT, Process, free_port, until

pytestmark = pytest.mark.flow


def environment() -> dict[str, str]:
    return {"PYTHONPATH": str(ROOT), "COUNTERPOISE_PORT": str(free_port()),
            "COUNTERPOISE_CONSOLE_PORT": str(free_port())}


def demo(folder: Path, *words: str) -> Process:
    return Process(
        [sys.executable, "-u", "-m", "server", "demo", "--homes", "8", *words],
        folder / "demo.log",
        environment(),
        folder,
    )


def left(folder: Path) -> list[str]:
    """The command lines of processes that still run in this folder."""
    leftovers = []
    for pid in Path("/proc").glob("[0-9]*"):
        try:
            if (pid / "cwd").resolve() == folder:
                leftovers.append((pid / "cmdline").read_text())
        except OSError:
            continue
    return leftovers


def test_some_steps_and_the_report(tmp_path: Path) -> None:
    process = demo(tmp_path, "--fast", "--hours", "1.5", "--date", "2026-06-21")
    assert process.popen.wait(120) == 0, process.text
    lines = re.findall(r"^(\d\d:\d\d)  imbalance +([+-][\d.]+) -> +([+-][\d.]+) kW", process.text, re.M)
    assert [at for at, _, _ in lines] == ["00:15", "00:30", "00:45", "01:00", "01:15", "01:30"]
    assert any(before != after for _, before, after in lines), process.text  # somebody moved something
    assert "Traceback" not in process.text
    report, = re.findall(r"^The report: (.*)$", process.text, re.M)
    assert "<html" in (tmp_path / report).read_text()
    with sqlite3.connect(tmp_path / "var/demo/demo.db") as database:
        (known,) = database.execute(
            "SELECT count(*) FROM device WHERE last_contact_at IS NOT NULL"
        ).fetchone()
        assert known == len([interval for share in (tmp_path / "var/demo").glob("devices-*.json")
                             for interval in json.loads(share.read_text())])
    database.close()
    assert {path.name for path in tmp_path.iterdir()} == {"var", "demo.log"} and not left(tmp_path)


def test_an_evening_of_high_prices(tmp_path: Path) -> None:
    """Homes shift, businesses are called for the spike and only then, limits hold, and the sun is used."""
    process = demo(tmp_path, "--fast", "--begin", "16.75", "--hours", "3.75", "--date", "2026-06-21")
    assert process.popen.wait(400) == 0, process.text
    assert "Traceback" not in process.text
    moved = line_of(process.text, "At the price of 3.00").split(":")[1]
    kwh = {name.strip(): float(energy) for name, energy in re.findall(r"([a-z ]+) ([+-][\d.]+)", moved)}
    assert kwh["cars"] < -1 and kwh["batteries"] < -1, "they wait, and give"
    assert kwh["cold store"] < -3 and kwh["engine"] < -8 and abs(kwh["solar"]) < 0.1
    bill = re.findall(r"-?[\d.]+", line_of(process.text, "Bill of the street"))
    without, cost, calls = map(float, bill[:3])
    assert cost + calls < 0.5 * without
    with sqlite3.connect(tmp_path / "var/demo/demo.db") as database:
        called = database.execute(
            "SELECT d.name, c.start % 86400, c.until % 86400 FROM block_call c "
            "JOIN device d ON d.id = c.device_id WHERE c.until > c.start ORDER BY d.name").fetchall()
        assert {name for name, _, _ in called} == {"cold store", "gas engine"}
        assert all(18 * 3600 <= start < until <= 20 * 3600 for _, start, until in called), called
        answers = database.execute(
            "SELECT d.name, count(DISTINCT r.status) FROM response_record r JOIN device d ON d.lfdi = r.lfdi "
            "WHERE d.name IN ('cold store', 'gas engine') GROUP BY d.name").fetchall()
        assert [count >= 3 for _, count in answers] == [True, True], "received, started, completed"
        (limits,) = database.execute(
            "SELECT count(*) FROM dispatch_order o JOIN virtual_der v ON v.id = o.vder_id "
            "WHERE o.quantity = 'limit' AND v.name LIKE 'street%'").fetchone()
        assert not limits, "solar is never limited at a price above zero"
    database.close()
    export, limit = map(float, re.findall(r"([\d.]+) kW[,;]", line_of(process.text, "Export at most")))
    assert export <= limit


def line_of(text: str, beginning: str) -> str:
    """The line of the summary that begins so."""
    return next(line for line in text.splitlines() if line.startswith(beginning))


@pytest.mark.restart
def test_it_is_stopped_in_the_middle_and_leaves_no_process(tmp_path: Path) -> None:
    process = demo(tmp_path, "--rate", "600")
    until(lambda: "imbalance" in process.text, 90, why=lambda: process.text)
    assert process.stop(60) == 0 and "stopped" in process.text
    until(lambda: not left(tmp_path), 10, why=lambda: str(left(tmp_path)))


def test_a_port_in_use_is_said_in_a_sentence(tmp_path: Path) -> None:
    import socket
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        process = subprocess.run(
            [sys.executable, "-m", "server", "--set", f"port={taken.getsockname()[1]}", "demo"],
            env={**environment()},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert process.returncode == 1
    assert "cannot be used" in process.stderr and "Traceback" not in process.stderr
    assert not (tmp_path / "var").exists()

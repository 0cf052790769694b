"""Clients that read alone: a device's meter, and what a server has."""
from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from clients.transport.connection import Connection
from tests.flows.server import Server, entries
from tests.thirdparty.procedures import Outcome
from tests.thirdparty.utility import Command

NAME, POWER_W, ENERGY_WH = "device-1", 1234, 56_789
"""The device that is read, and what its meter says."""
_KINDS: dict[str, dict[str, Any]] = {
    "power": {"commodity": 1, "kind": 37, "uom": 38, "flowDirection": 1, "accumulationBehaviour": 12},
    "energy": {"commodity": 1, "kind": 12, "uom": 72, "flowDirection": 1, "accumulationBehaviour": 9}}


def run(python: Path, scripts: Path, server: Server, command: Command) -> Iterator[Outcome]:
    """Enrol a device that mirrors its meter, and let each client read it."""
    device = command("enrol", entries(server.certs)[NAME]["lfdi"])
    with closing(Connection(server.https(NAME))) as connection:
        connection.post("/mup", "MirrorUsagePoint", {
            "mRID": "0A01", "deviceLFDI": device["lfdi"], "roleFlags": "0003", "serviceCategoryKind": 0,
            "status": 1, "description": "Meter", "MirrorMeterReading": [
                {"mRID": f"0A1{number}", "description": name, "Reading": {"value": value},
                 "ReadingType": {**_KINDS[name], "powerOfTenMultiplier": 0}}
                for number, (name, value) in enumerate((("power", POWER_W), ("energy", ENERGY_WH)))]})
    tests: dict[str, tuple[str, Callable[[str], bool], list[str | Path]]] = {
        "aio2030dot5": ("Discover and read a meter", reads_meter, [
            "-m", "aio2030dot5", "read", "--host", "127.0.0.1", "--port", str(server.port), *files(server)]),
        "gridappsd": ("Read DeviceCapability and EndDevice", reads_device, [
            scripts / "gridappsd.py", server.address, server.certs / f"{NAME}.pem",
            server.certs / f"{NAME}.key", server.certs / "ca.pem", str(device["id"])])}
    for client, (about, is_right, words) in tests.items():
        process = subprocess.run([python, *words], capture_output=True, text=True, timeout=120, check=False)
        passed = process.returncode == 0 and is_right(process.stdout)
        why = "" if passed else (process.stderr or process.stdout).strip().rpartition("\n")[2]
        yield Outcome(client, "read", about, passed, why)


def files(server: Server) -> list[str]:
    """The device's certificate and key, as aio2030dot5 is given them."""
    return ["--cert", f"{server.certs}/{NAME}.pem", "--key", f"{server.certs}/{NAME}.key"]


def reads_meter(output: str) -> bool:
    """Whether both values were read, each as what it is."""
    read = {line.split()[0]: float(line.split()[1]) for line in output.splitlines()}
    return (read.get("power"), read.get("energy_summation_delivered")) == (POWER_W, ENERGY_WH)


def reads_device(output: str) -> bool:
    """Whether both documents were understood."""
    (capability, *links), (device, *elements) = json.loads(output)
    return (capability, device) == ("DeviceCapability", "EndDevice") and (
        "EndDeviceListLink" in links and "lFDI" in elements)

"""A database with a virtual DER of many members, whose rows are inserted without any document."""
from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peewee import chunked

from server import clock, functionsets, grid, models
from server.grid.groups import virtualders
from server.models import (ChargingSession, DerState, Device, DeviceType, Membership, Meter, Participation,
                           VirtualDER)

FEEDERS = 10
_KINDS = ("storage",) * 5 + ("pv",) * 7 + ("ev",) * 5 + ("thermal",) * 3
_TYPES = {"storage": 80, "pv": 4, "ev": 82, "thermal": 0}
_MODES = "opModFixedW opModMaxLimW opModTargetW"
# Defaults that the mapper would insert, as SQL.
_DEFAULTS: dict[Any, dict[str, str]] = {
    Device: {"name": "''", "kind": "''", "labels": "'{}'", "state": "'enrolled'", "manager": "''"},
    Membership: {"listed": "0"},
    DerState: {"connected": "1"},
    Meter: {"peak_load_w": "0"},
    ChargingSession: {"cancelled": "0"},
    Participation: {"opt_out_reason": "''", "tier": "0"},
}
Rows = list[dict[str, Any]]


@contextmanager
def area_with(count: int) -> Iterator[VirtualDER]:
    """Yield a virtual DER with so many members in FEEDERS virtual DERs below it, in a database of its own."""
    functionsets.load()
    grid.load()
    with TemporaryDirectory() as folder:
        models.connect(f"sqlite:///{Path(folder)}/grid.db")
        area = virtualders.find(virtualders.create("area")["id"])
        feeders = [
            virtualders.create(f"feeder {number}", parent="area", import_limit_w=50e6)["id"]
            for number in range(FEEDERS)
        ]
        numbers = random.Random(1)
        with models.db.atomic():
            for some in chunked(range(1, count + 1), 5000):
                _fill(list(some), area.id, feeders, numbers)
        yield area
        models.db.close()


def _fill(devices: list[int], area: int, feeders: list[int], numbers: random.Random) -> None:
    now = clock.now()
    kinds = {device: numbers.choice(_KINDS) for device in devices}
    power = {device: numbers.uniform(2000, 7000) for device in devices}
    every: list[tuple[Any, Rows]] = [
        (
            Device,
            [
                {
                    "id": device,
                    "lfdi": f"{device:040X}",
                    "sfdi": device,
                    "enrolled_at": 0,
                    "last_contact_at": now,
                }
                for device in devices
            ],
        ),
        (
            Membership,
            [
                {"vder": vder, "device": device}
                for device in devices
                for vder in (area, feeders[device % FEEDERS])
            ],
        ),
        (
            DeviceType,
            [
                {"device": device, "kind": kind, "category": int(kind == "thermal")}
                for device, kind in kinds.items()
            ],
        ),
        (
            DerState,
            [
                {
                    "href": f"/edev/{device}/der/1",
                    "device": device,
                    "der_type": _TYPES[kind],
                    "max_injection_w": 0.0 if kind in ("ev", "thermal") else power[device],
                    "max_absorption_w": 0.0 if kind == "pv" else power[device],
                    "capacity_wh": 2.5 * power[device] if kind == "storage" else None,
                    "soc": numbers.random() if kind == "storage" else None,
                    "soc_at": now if kind == "storage" else None,
                    "modes": _MODES,
                }
                for device, kind in kinds.items()
            ],
        ),
        (
            Meter,
            [
                {
                    "href": f"/upt/{device}/mr/1",
                    "device": device,
                    "kind": kind,
                    "factor": 1.0,
                    "read_at": now,
                    "injection_w": power[device] * numbers.uniform(0, 1) * (1 if kind == "pv" else -1),
                }
                for device, kind in kinds.items()
            ],
        ),
        (
            ChargingSession,
            [
                {
                    "href": f"/edev/{device}/frq/1",
                    "device": device,
                    "arrival_at": now - 3600,
                    "departure_at": now + 3600 * numbers.randint(2, 12),
                    "energy_wh": 10_000.0,
                    "power_w": power[device],
                    "reported_need_wh": 8000.0,
                    "reported_at": now,
                }
                for device, kind in kinds.items()
                if kind == "ev"
            ],
        ),
        (Participation, [{"device": device, "response_rate": numbers.uniform(0.7, 1)} for device in devices]),
    ]
    for table, rows in every:
        if rows:
            columns = [table._meta.fields[name].column_name for name in rows[0]]
            models.db.connection().executemany(
                f"INSERT INTO {table._meta.table_name} ({', '.join(columns)}, "
                f"{', '.join(_DEFAULTS.get(table, {}))}) VALUES ("
                f"{', '.join('?' * (len(columns)))}, {', '.join(_DEFAULTS.get(table, {}).values())})".replace(
                    ", )", ")"
                ),
                [tuple(row.values()) for row in rows],
            )

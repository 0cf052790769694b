"""A house with many members, made of rows: what devices would have said, without their saying it."""
from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from peewee import chunked

from server import clock, functionsets, models
from server.grid.groups import virtualders
from server.models import Conduct, Device, Membership, Meter, Nature, Unit, VirtualDER, Visit

FEEDERS = 10
_KINDS = ("store",) * 5 + ("sun",) * 7 + ("car",) * 5 + ("heat",) * 3
_TYPES = {"store": 80, "sun": 4, "car": 82, "heat": 0}
_MODES = "opModFixedW opModMaxLimW opModTargetW"
# What the mapper would have put where nothing is said.
_DEFAULTS: dict[Any, dict[str, str]] = {
    Device: {"name": "''", "kind": "''", "labels": "'{}'", "state": "'enrolled'", "manager": "''"}, Membership: {"listed": "0"},
    Unit: {"connected": "1"}, Meter: {"peak": "0"}, Visit: {"cancelled": "0"}, Conduct: {"out_reason": "''", "tier": "0"}}
Rows = list[dict[str, Any]]


@contextmanager
def house(count: int) -> Iterator[VirtualDER]:
    """A database of its own with so many members in FEEDERS virtual DERs below one, which it gives."""
    functionsets.load()
    with TemporaryDirectory() as folder:
        models.connect(f"sqlite:///{Path(folder)}/house.db")
        area = virtualders.find(virtualders.create("area")["id"])
        feeders = [virtualders.create(f"feeder {number}", parent="area", import_limit=50e6)["id"] for number in range(FEEDERS)]
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
        (Device, [{"id": device, "lfdi": f"{device:040X}", "sfdi": device, "enrolled_at": 0, "seen_at": now}
                  for device in devices]),
        (Membership, [{"vder": vder, "device": device} for device in devices for vder in (area, feeders[device % FEEDERS])]),
        (Nature, [{"device": device, "what": kind, "category": int(kind == "heat")} for device, kind in kinds.items()]),
        (Unit, [{"href": f"/edev/{device}/der/1", "device": device, "type": _TYPES[kind],
                 "inject": 0.0 if kind in ("car", "heat") else power[device], "absorb": 0.0 if kind == "sun" else power[device],
                 "capacity": 2.5 * power[device] if kind == "store" else None,
                 "charge": numbers.random() if kind == "store" else None, "charge_at": now if kind == "store" else None,
                 "modes": _MODES} for device, kind in kinds.items()]),
        (Meter, [{"href": f"/upt/{device}/mr/1", "device": device, "what": kind, "factor": 1.0, "at": now,
                  "watts": power[device] * numbers.uniform(0, 1) * (1 if kind == "sun" else -1)} for device, kind in kinds.items()]),
        (Visit, [{"href": f"/edev/{device}/frq/1", "device": device, "arrive": now - 3600, "depart": now + 3600 * numbers.randint(2, 12),
                  "energy": 10_000.0, "power": power[device], "said": 8000.0, "said_at": now}
                 for device, kind in kinds.items() if kind == "car"]),
        (Conduct, [{"device": device, "response": numbers.uniform(0.7, 1)} for device in devices])]
    for table, rows in every:
        if rows:
            columns = [table._meta.fields[name].column_name for name in rows[0]]
            models.db.connection().executemany(
                f"INSERT INTO {table._meta.table_name} ({', '.join(columns)}, {', '.join(_DEFAULTS.get(table, {}))}) VALUES ("
                f"{', '.join('?' * (len(columns)))}, {', '.join(_DEFAULTS.get(table, {}).values())})"
                .replace(", )", ")"), [tuple(row.values()) for row in rows])

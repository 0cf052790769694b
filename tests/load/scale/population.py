"""Databases with any number of devices, on SQLite or PostgreSQL.

The first devices, the template, are enrolled and report as devices do. The others are copies of their rows
with other numbers, LFDIs and mRIDs, since a hundred thousand that report would take an hour.
"""
from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from server import clock, models
from server.devices import access, enrolment, identity
from server.grid.groups import virtualders
from server.models import db, is_postgres
from server.resources import hooks, ordering, sql, store

TEMPLATE = 1000
FEEDERS = 20
AREA = "area"
SEPARATOR = "\x1f"
Data = dict[str, Any]
Row = tuple[Any, ...]
# By table: its columns, and the condition for the rows of a device, with its LFDI or its number.
_TABLES = {
    "device": "lfdi = :lfdi",
    "audience": "lfdi = :lfdi",
    "membership": "device_id = :number",
    "der_state": "device_id = :number",
    "device_type": "device_id = :number",
    "meter": "device_id = :number",
    "document": "audience = :lfdi",
}


def build(count: int, known: Mapping[int, str] = MappingProxyType({})) -> None:
    """Fill the open database, which is empty, with so many devices: a multiple of TEMPLATE, or fewer.

    `known` are the LFDIs of those that have a certificate, by number from 0.
    """
    hooks.run_seeds()
    virtualders.create(AREA)
    for feeder in range(FEEDERS):
        virtualders.create(f"feeder {feeder}", rule=f"feeder = F{feeder}", parent=AREA)
    size = min(TEMPLATE, count)
    for begin in range(0, size, 100):
        with store.transaction():
            for number in range(begin, min(begin + 100, size)):
                _enrol(known.get(number) or lfdi(number), number)
    if count > size:
        _copy(count // size, known)
    with db.atomic():
        sql.execute("UPDATE device SET last_contact_at = ?", clock.now())
    sql.execute("ANALYZE")


def lfdi(number: int) -> str:
    """Return the LFDI of a device without a certificate."""
    return identity.lfdi(number.to_bytes(8, "big"))


def _enrol(lfdi: str, number: int) -> None:
    """Enrol an inverter or a battery that has reported what it is and does, and mirrors a meter."""
    storage = number % 3 == 0
    device = enrolment.enrol(
        lfdi, pin=123455, name=f"device {number}", kind="battery" if storage else "inverter",
        labels={"feeder": f"F{number % FEEDERS}"})
    now, caller = clock.now(), access.caller(lfdi, device.sfdi)
    der = f"{enrolment.href(device)}/der/1"
    capability: Data = {"modesSupported": "00500088", "rtgMaxW": {"multiplier": 0, "value": 5000},
                        "type": 83 if storage else 4}
    if storage:
        capability |= {"rtgMaxChargeRateW": {"multiplier": 0, "value": 5000},
                       "rtgMaxWh": {"multiplier": 0, "value": 13_500}}
    store.put(f"{der}/dercap", capability, caller=caller)
    store.put(f"{der}/derg", {"setMaxW": {"multiplier": 0, "value": 5000}, "updatedTime": now,
                              "setGradW": 100}, caller=caller)
    store.put(f"{der}/ders", {
        "readingTime": now, "genConnectStatus": {"dateTime": now, "value": "07"},
        "stateOfChargeStatus": {"dateTime": now, "value": 5000 + number}}, caller=caller)
    store.post("MirrorUsagePoint", "/mup", {
        "mRID": f"A{number:031X}", "deviceLFDI": lfdi, "roleFlags": "49", "serviceCategoryKind": 0,
        "status": 1, "MirrorMeterReading": [{
            "mRID": f"B{number:031X}", "ReadingType": {"uom": 38, "powerOfTenMultiplier": 0}}],
    }, lfdi, caller)


def _copy(copies: int, known: Mapping[int, str]) -> None:
    """Copy the rows of the template, so that there are `copies` of each device in all."""
    offsets = {kind: int(sql.row("SELECT value FROM counter WHERE name = ?", f"/{kind}")[0])
               for kind in ("edev", "mup", "upt")}
    columns = {name: [column.name for column in db.obj.get_columns(name)] for name in _TABLES}
    rows = sql.rows("SELECT id, lfdi FROM device ORDER BY id")
    devices = [_Template(number, lfdi, offsets, columns) for number, lfdi in rows]
    for copy in range(1, copies):
        with db.atomic():
            for name in _TABLES:
                _insert(name, columns[name], (
                    row for index, device in enumerate(devices)
                    for row in device.rows(name, copy, known.get(copy * len(devices) + index))))
    for kind, offset in offsets.items():
        sql.execute("UPDATE counter SET value = ? WHERE name = ?", offset * copies, f"/{kind}")


class _Template:
    """The rows of a device as texts in which what differs between copies is replaced by marks."""

    def __init__(self, number: int, lfdi: str, offsets: dict[str, int], columns: dict[str, list[str]]):
        self.number, self.lfdi, self.offsets = number, lfdi, offsets
        self.values = {name: sql.rows(
            f"SELECT {', '.join(columns[name])} FROM {name} WHERE "
            f"{_TABLES[name].replace(':lfdi', '?').replace(':number', '?')}",
            lfdi if ":lfdi" in _TABLES[name] else number) for name in _TABLES}
        self.numbers = {"edev": number}
        for kind in ("mup", "upt"):
            href = sql.row("SELECT href FROM document WHERE parent = ? AND audience = ?", f"/{kind}", lfdi)[0]
            self.numbers[kind] = int(href.rpartition("/")[2])
        self.mrids = [mrid for mrid, in sql.rows(
            "SELECT mrid FROM document WHERE audience = ? AND mrid IS NOT NULL", lfdi)]
        self.columns = columns

    def rows(self, name: str, copy: int, known: str | None) -> Iterator[Row]:
        """Yield the rows of a copy, which has this LFDI, if one is known."""
        new_lfdi = known or lfdi((copy << 32) + self.number)
        changes = [(self.lfdi, new_lfdi), (str(identity.sfdi(self.lfdi)), str(identity.sfdi(new_lfdi)))]
        for kind, number in self.numbers.items():
            new = f"/{kind}/{number + copy * self.offsets[kind]}"
            changes += [(f"/{kind}/{number}{end}", f"{new}{end}") for end in ("/", '"', SEPARATOR)]
        changes += [(mrid, f"{copy:06X}{mrid[6:]}") for mrid in self.mrids]
        for row in self.values[name]:
            yield self._row(name, row, changes, new_lfdi, copy)

    def _row(
        self, name: str, row: Row, changes: list[tuple[str, str]], new_lfdi: str, copy: int
    ) -> Row:
        values: Data = dict(zip(self.columns[name], row, strict=True))
        texts = {column: value if isinstance(value, str) else bytes(value).decode()
                 for column, value in values.items()
                 if column != "sort" and isinstance(value, (str, bytes, memoryview))}
        text = SEPARATOR.join([*texts.values(), ""])
        for old, new in changes:
            text = text.replace(old, new)
        for column, part in zip(texts, text.split(SEPARATOR), strict=False):
            values[column] = part if isinstance(values[column], str) else part.encode()
        for column in values:
            if column == "device_id" or name == "device" and column == "id":
                values[column] = self.number + copy * self.offsets["edev"]
            elif column == "sfdi":
                values[column] = identity.sfdi(new_lfdi)
        if name == "document" and (values["mrid"] or values["parent"] in ("/edev", "/mup", "/upt")):
            submitted = models.Document.submitted.python_value(values["submitted"])
            values["sort"] = ordering.list_position(values["kind"], values["href"], submitted).sort
        return tuple(values.values())


def _insert(name: str, columns: Sequence[str], rows: Iterator[Row]) -> None:
    names = ", ".join(columns)
    if not is_postgres():
        sql.many(f"INSERT INTO {name} ({names}) VALUES ({sql.marks(len(columns))})", rows)
        return
    with db.obj.cursor() as cursor, cursor.copy(f"COPY {name} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)

"""What is stored of a device and its owner: found, exported, and erased.

Tables with a foreign key to Device are found by that; HOLDINGS says how rows of a device are found in the
others, and WITHOUT why a table has none. A test compares both with the models.
"""
from __future__ import annotations

import operator
import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import reduce
from typing import Any, TypedDict

import peewee

from server import clock
from server.devices import enrolment, identity
from server.errors import Refused
from server.models import (AlarmNotice, AlarmRecord, Approval, Audience, AuditEntry, Balance, BalanceLimit,
                           Counter, Device, DeviceExchange, DeviceTrace, DispatchOrder, Document,
                           ErasedMember, FeederLine, FileContent, FilePart, FileProgress, KeyValue,
                           Measurement, MembershipWork, OperatorSession, OperatorToken, OperatorUser, Plan,
                           PointEnvelope, PowerLimit, QuarterHours, Rate, Reading, ReadingSet, ResourceChange,
                           ResponseRecord, Series, Share, SignInFailure, StateChange, Subscription, Table,
                           ThermalParameters, VirtualDER, tables, vder_audience)
from server.models.requests import KeyedRequest, OperatorJob
from server.models.webhooks import Webhook
from server.resources import sql, store
from server.units import Instant, Lfdi

FORMAT, VERSION = "counterpoise-device-export", 1
_PSEUDONYM = "erased-"


@dataclass(frozen=True)
class Subject:
    """The device that data is about: its LFDI and, unless it was removed before, its row.

    `meters` are the hrefs of its MeterReadings, `vder` is the virtual DER by which it is addressed alone.
    """
    lfdi: Lfdi
    device: Device | None
    meters: tuple[str, ...]
    vder: int | None

    @property
    def number(self) -> int:
        """Its number; 0, which no device has, where it was removed."""
        return self.device.id if self.device is not None else 0


class Erasure(StrEnum):
    """What erasing does with the rows of a device."""
    DELETED = "deleted"
    PSEUDONYMISED = "pseudonymised"  # the LFDI is replaced by a name that nothing leads back from
    KEPT = "kept"


@dataclass(frozen=True)
class Holding:
    """A table that has rows of devices: which are those of one, and what becomes of them."""
    table: type[Table]
    rows: Callable[[Subject], Any]
    erasure: Erasure = Erasure.DELETED


class DeviceExport(TypedDict):
    """All that is stored of a device: by table, its rows as objects of columns. Instants are seconds, UTC."""
    format: str
    version: int
    exported_at: Instant
    lfdi: Lfdi
    tables: dict[str, list[dict[str, Any]]]


def subject(name: str) -> Subject:
    """Return the device of this LFDI, SFDI, number or name, or the removed one of this LFDI.

    Refused (404) where nothing is stored of it.
    """
    try:
        device = enrolment.find(name)
        lfdi = device.lfdi
    except Refused:
        device, lfdi = None, name.replace("-", "").upper()
        if not identity.is_lfdi(lfdi):
            raise
    own = None if device is None else VirtualDER.get_or_none(VirtualDER.device == device)
    documents = Document.select(Document.href).where(
        (Document.kind == "MeterReading") & (Document.audience == lfdi)).order_by(Document.href)
    about = Subject(lfdi, device, tuple(row.href for row in documents), own.id if own is not None else None)
    stored = (holding for holding in HOLDINGS if holding.erasure is not Erasure.KEPT)
    if device is None and not any(_select(holding, about).exists() for holding in stored):
        raise Refused(404, f"nothing is stored of a device {lfdi}")
    return about


def _documents(about: Subject) -> Any:
    condition = Document.audience == about.lfdi
    if about.vder is not None:
        condition |= Document.audience == vder_audience(about.vder)
    if about.device is not None:
        href = enrolment.href(about.device)
        condition |= (Document.href == href) | sql.is_below(Document.href, href)
    return condition


def _sets(about: Subject) -> Any:
    return ReadingSet.meter.in_(about.meters)


def _alarms(about: Subject) -> Any:
    device = f"device {about.number}"
    return (AlarmRecord.source == device) | AlarmRecord.source.startswith(f"{device},") | (
        AlarmRecord.source == about.lfdi)


def _entries(about: Subject) -> Any:
    texts = (AuditEntry.subject, AuditEntry.before.cast("TEXT"), AuditEntry.after.cast("TEXT"))
    return reduce(operator.or_, (peewee.fn.COALESCE(text, "").contains(about.lfdi) for text in texts))


HOLDINGS = (
    Holding(Device, lambda about: Device.lfdi == about.lfdi),
    Holding(Audience, lambda about: (Audience.lfdi == about.lfdi) | (Audience.audience == about.lfdi)),
    Holding(Document, _documents),
    Holding(ReadingSet, _sets),
    Holding(Reading, lambda about: Reading.set.in_(ReadingSet.select(ReadingSet.id).where(_sets(about)))),
    Holding(QuarterHours, lambda about: QuarterHours.meter.in_(about.meters)),
    Holding(Rate, lambda about: Rate.lfdi == about.lfdi),
    Holding(FileProgress, lambda about: FileProgress.lfdi == about.lfdi),
    Holding(Subscription, lambda about: Subscription.lfdi == about.lfdi),
    Holding(ResourceChange, lambda about: ResourceChange.audience == about.lfdi),
    Holding(StateChange, lambda about: StateChange.audience.in_(
        (about.lfdi, vder_audience(about.vder or 0)))),
    Holding(AlarmRecord, _alarms),
    Holding(DeviceExchange, lambda about: DeviceExchange.lfdi == about.lfdi),
    Holding(DeviceTrace, lambda about: DeviceTrace.lfdi == about.lfdi),
    Holding(KeyedRequest, lambda about: KeyedRequest.answer.contains(about.lfdi)),
    Holding(OperatorJob, lambda about: OperatorJob.answer.contains(about.lfdi)),
    Holding(PointEnvelope, lambda about: PointEnvelope.vder == about.vder),
    Holding(ThermalParameters, lambda about: ThermalParameters.vder == about.vder),
    Holding(DispatchOrder, lambda about: DispatchOrder.vder == about.vder),
    # The shares of an order and the responses to an event add up as before.
    Holding(Share, lambda about: Share.lfdi == about.lfdi, Erasure.PSEUDONYMISED),
    Holding(ResponseRecord, lambda about: ResponseRecord.lfdi == about.lfdi, Erasure.PSEUDONYMISED),
    # Entries are chained by hashes, and say who answers for what was done.
    Holding(AuditEntry, _entries, Erasure.KEPT),
)
# Tables that say nothing of a single device, and why.
WITHOUT: dict[type[Table], str] = {
    Counter: "the last number of each list, so that none is given twice",
    KeyValue: "values that processes share",
    FeederLine: "lines of the network, not of owners of devices",
    FileContent: "of files as they are offered; what is for one device goes with its File",
    FilePart: "the bytes of these",
    Series: "of virtual DERs; that of a single device goes with its virtual DER",
    Measurement: "sums over the members of virtual DERs",
    Plan: "sums over clusters of members",
    Balance: "how a virtual DER is kept in balance",
    AlarmNotice: "what people are still to be told of an alarm; it goes with that",
    MembershipWork: "up to which device all were compared with the rules of virtual DERs",
    OperatorUser: "of people who use the operator interface, not of owners of devices",
    OperatorToken: "of these",
    OperatorSession: "of these",
    Approval: "of what operators asked for on virtual DERs",
    PowerLimit: "of virtual DERs",
    Webhook: "of receivers that operators name",
    BalanceLimit: "of virtual DERs",
    SignInFailure: "of attempts to be one of these, by hashes of names and addresses",
    ErasedMember: "of devices that were erased, by names that nothing leads back from",
}


def holdings() -> list[Holding]:
    """Return every table that has rows of devices, those that others refer to first."""
    declared = {holding.table: holding for holding in HOLDINGS}
    return [declared.get(table) or _by_key(table, key) for table in tables()
            for key in [_device_key(table)] if table in declared or key is not None]


def _device_key(table: type[Table]) -> Any:
    """Return the foreign key of a table to Device; None where it has none."""
    keys = table._meta.model_refs.get(Device)
    return keys[0] if keys else None


def _by_key(table: type[Table], key: Any) -> Holding:
    return Holding(table, lambda about: key == about.number)


def _select(holding: Holding, about: Subject) -> Any:
    return holding.table.select().where(holding.rows(about))


def export(about: Subject) -> DeviceExport:
    """Return all that is stored of a device.

    What is rendered from the content of a document (its `body`) is left out.
    """
    content: dict[str, Any] = {}
    for holding in holdings():
        columns = [column for column in holding.table._meta.sorted_fields
                   if not isinstance(column, peewee.BlobField)]
        query = holding.table.select(*columns).where(holding.rows(about))
        content[_name(holding)] = list(query.order_by(*_key(holding.table)).dicts())
    return {"format": FORMAT, "version": VERSION, "exported_at": clock.now(), "lfdi": about.lfdi,
            "tables": content}


def _name(holding: Holding) -> str:
    return str(holding.table._meta.table_name)


def _key(table: type[Table]) -> tuple[Any, ...]:
    key: tuple[Any, ...] = table._meta.get_primary_keys()
    return key


def pseudonym() -> str:
    """Return a new name for a device that is erased. It is written down nowhere else."""
    return f"{_PSEUDONYM}{os.urandom(8).hex()}"


def erase(about: Subject, name: str) -> dict[Erasure, dict[str, int]]:
    """Delete the rows of a device, or replace its LFDI in them by `name`; return how many, by table.

    Joins a transaction if there is one.
    """
    with store.transaction():
        counts: dict[Erasure, dict[str, int]] = {erasure: {} for erasure in Erasure}
        for holding in holdings():
            if number := _select(holding, about).count():
                counts[holding.erasure][_name(holding)] = number
        responses: list[Any] = list(ResponseRecord.select().where(ResponseRecord.lfdi == about.lfdi).dicts())
        _remove_documents(about)
        ResponseRecord.delete().where(ResponseRecord.lfdi == about.lfdi).execute()
        for response in responses:  # they went with their documents
            ResponseRecord.insert({**response, "lfdi": name}).execute()
        Share.update(lfdi=name).where(Share.lfdi == about.lfdi).execute()
        for holding in reversed(holdings()):
            if holding.erasure is Erasure.DELETED:
                holding.table.delete().where(holding.rows(about)).execute()
    return counts


def _remove_documents(about: Subject) -> None:
    """Remove the documents of a device, each with what follows from that, the EndDevice first."""
    if about.device is not None:
        enrolment.remove(about.device)
    hrefs = [row.href for row in Document.select(Document.href).where(Document.audience == about.lfdi)]
    for href in sorted(hrefs, key=len):
        if store.get(href) is not None:  # else it was below another
            store.remove(href)

"""What is stored of a device: every table is looked at, everything is exported, and nothing is left."""
from __future__ import annotations

import json
from typing import Any

import peewee
import pytest

from server import actors, alarms, audit, clock, models
from server.devices import enrolment, personaldata
from server.devices.personaldata import HOLDINGS, WITHOUT, Erasure
from server.errors import Refused
from server.grid.fleet import participation
from server.grid.groups import singledevices, virtualders
from server.models import AuditEntry, Device, ReadingSet, ResponseRecord, Share
from server.resources import pollrates, store
from tests import peers
from tests.ordered import create_order
from tests.server.grid.conftest import Home

LFDI = peers.lfdi(1)


def refers(table: Any) -> bool:
    """Whether a column of a table is an LFDI, or a foreign key to a device."""
    return bool(table._meta.model_refs.get(Device)) or "lfdi" in table._meta.fields


def unaccounted(tables: list[Any]) -> list[str]:
    """The tables that are neither found by their key to Device, nor in HOLDINGS, nor said to have no rows of
    devices."""
    declared = {holding.table for holding in HOLDINGS} | WITHOUT.keys()
    return [table.__name__ for table in tables
            if table not in declared and not table._meta.model_refs.get(Device)]


def test_every_table_is_accounted_for() -> None:
    assert unaccounted(models.tables()) == []
    assert all(WITHOUT.values())
    found = {holding.table for holding in personaldata.holdings()}
    assert {table for table in models.tables() if refers(table)} - found == {models.ErasedMember}


def test_a_new_table_with_an_lfdi_is_not_overlooked() -> None:
    class Household(peewee.Model):
        lfdi = peewee.TextField()
    assert unaccounted([*models.tables(), Household]) == ["Household"]


def test_rows_that_refer_to_a_device_go_with_it() -> None:
    for table in models.tables():
        for key in table._meta.model_refs.get(Device, []):
            assert key.on_delete == "CASCADE", f"{table.__name__}.{key.name}"


@pytest.fixture
def stored(peer: Any) -> Home:
    """A battery with something in every table that can have it; it has a neighbour."""
    homes = []
    for number in (1, 2):
        device = enrolment.enrol(peers.lfdi(number), name=f"d{number}", kind="battery")
        Device.update(last_contact_at=clock.now()).where(Device.id == device.id).execute()
        homes.append(Home(peer(number), device))
        homes[-1].rate(80, 5000, 5000, 10_000)
        homes[-1].charge(0.5)
        homes[-1].post(0)
    virtualders.create("street", members=["d1", "d2"])
    participation.set_contract("d1", max_events=5)
    pollrates.set_rate("poll", "", LFDI, 60)
    alarms.raise_alarm("quota", "device 1", "too many")
    alarms.raise_alarm("quota", "device 1, DER 1", "too many")
    alarms.raise_alarm("quota", "device 2", "too many")
    with actors.acting("alice", "as agreed"):
        enrolment.relabel(enrolment.find("d1"), {"feeder": "F1"})
    singledevices.ensure([homes[0].device], stronger_than=50)
    create_order("street", 600, watts=9000.0)
    homes[0].answer(Share.get(Share.lfdi == LFDI).mrid, 1)
    clock.turn_to(clock.now() + 1800)
    homes[0].post(1000, clock.now() - 1500, 600)
    return homes[0]


def everything() -> str:
    """All that the database has, as text, but the audit log."""
    return "\n".join(repr(row) for table in models.tables() if table is not AuditEntry
                     for row in table.select().tuples())


def test_everything_is_exported(stored: Home) -> None:
    exported = json.loads(json.dumps(personaldata.export(personaldata.subject("d1"))))
    tables = exported["tables"]
    assert exported["format"] == "counterpoise-device-export" and exported["version"] == 1
    assert exported["lfdi"] == LFDI
    assert {name for name, rows in tables.items() if rows} >= {
        "device", "audience", "document", "reading_set", "reading", "response_record", "share", "der_state",
        "meter", "device_type", "membership", "alarm_record", "audit_entry", "participation", "rate",
        "virtual_der"}
    assert {row["kind"] for row in tables["document"]} >= {
        "EndDevice", "Registration", "DERStatus", "DERControlResponse", "UsagePoint", "DERProgram"}
    assert len(tables["alarm_record"]) == 2 and peers.lfdi(2) not in json.dumps(tables)


def test_nothing_is_left_but_figures_and_the_audit_log(stored: Home) -> None:
    store.reindex()  # the time has gone on
    others = {table: table.select().count() for table in (ReadingSet, ResponseRecord, Share)}
    neighbour = personaldata.export(personaldata.subject("d2"))["tables"]
    with actors.acting("alice", "the owner asked for it"):
        about = personaldata.subject("d1")
        counts = personaldata.erase(about, personaldata.pseudonym())
    assert LFDI not in everything() and "'d1'" not in everything() and "device 1'" not in everything()
    assert counts[Erasure.DELETED]["reading"] >= 2 and counts[Erasure.PSEUDONYMISED] == {
        "share": 1, "response_record": 1}
    assert counts[Erasure.KEPT]["audit_entry"] >= 1
    assert Share.select().count() == others[Share]
    assert ResponseRecord.select().count() == others[ResponseRecord]
    assert ReadingSet.select().count() < others[ReadingSet]
    after = personaldata.export(personaldata.subject("d2"))["tables"]
    assert {name: rows for name, rows in after.items() if name != "document"} == {
        name: rows for name, rows in neighbour.items() if name != "document"}
    assert audit.verify() == [] and LFDI in repr(list(AuditEntry.select().dicts()))
    assert store.reindex() == 0 and LFDI not in everything()


def test_what_a_removed_device_has_left_is_erased_by_its_lfdi(stored: Home) -> None:
    enrolment.remove(enrolment.find("d1"))
    assert LFDI in everything()
    about = personaldata.subject(LFDI)
    assert personaldata.export(about)["tables"]["reading"]
    personaldata.erase(about, personaldata.pseudonym())
    assert LFDI not in everything()
    with pytest.raises(Refused, match=f"nothing is stored of a device {LFDI}"):
        personaldata.subject(LFDI)


def test_the_same_device_may_be_enrolled_again(stored: Home) -> None:
    personaldata.erase(personaldata.subject("d1"), personaldata.pseudonym())
    again = enrolment.enrol(LFDI, name="again")
    tables = personaldata.export(personaldata.subject("again"))["tables"]
    assert again.id != 1 and not tables["share"] and not tables["reading"]

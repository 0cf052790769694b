"""LFDIs are identities; SFDIs, which have 36 bits of them, may be shared."""
from __future__ import annotations

from typing import Any

import pytest

from server.devices import enrolment, identity
from server.errors import Refused
from server.grid.groups import singledevices, virtualders
from server.models import Device, db
from server.resources import pollrates, store
from server.resources.codes import DeviceCategory
from tests import peers

FIRST, SECOND = (f"ABCDEF012{digit * 31}" for digit in "34")


@pytest.mark.usefixtures("server")
def test_two_devices_may_share_an_sfdi() -> None:
    first, second = enrolment.enrol(FIRST, name="a"), enrolment.enrol(SECOND, name="b")
    assert first.sfdi == second.sfdi == identity.sfdi(FIRST)
    assert enrolment.find(FIRST).name == "a" and enrolment.find(SECOND).name == "b"
    assert {vder.name for vder in singledevices.ensure([first, second], 100).values()} == {
        f"device {first.sfdi} (1)", f"device {first.sfdi} (2)"}
    assert store.reindex() == 0


@pytest.mark.usefixtures("server")
def test_what_is_shared_is_answered_with_the_candidates() -> None:
    for lfdi in (FIRST, SECOND):
        enrolment.enrol(lfdi, name="twin")
    for name in ("twin", str(identity.sfdi(FIRST))):
        with pytest.raises(Refused, match=f"2 devices are called '{name}': device 1 .*, device 2 "):
            enrolment.find(name)
    with pytest.raises(Refused, match="no device is called 'x'"):
        enrolment.find("x")


@pytest.mark.usefixtures("server")
def test_an_lfdi_is_enrolled_once() -> None:
    enrolment.enrol(FIRST)
    with pytest.raises(Refused, match=f"{FIRST} is enrolled already"):
        enrolment.enrol(FIRST)
    assert Device.select().count() == 1


@pytest.mark.usefixtures("server")
def test_many_are_enrolled_and_relabelled_by_as_many_statements_as_few(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    virtualders.create("north", rule="feeder = F1")
    monkeypatch.setattr(pollrates, "_CACHE_S", float("inf"))  # they are read now and then, by the clock
    executed: list[str] = []
    cls = type(db.obj)
    original = cls.execute_sql

    def execute(self: Any, statement: str, *more: Any, **options: Any) -> Any:
        if not statement.startswith("PRAGMA"):  # after a long transaction
            executed.append(statement)
        return original(self, statement, *more, **options)

    monkeypatch.setattr(cls, "execute_sql", execute)
    counts = []
    for begin, many in ((100, 5), (200, 20)):
        executed.clear()
        devices = enrolment.enrol_all(
            enrolment.Entry(f"{begin + number:040X}", 111115, f"d{begin + number}") for number in range(many))
        enrolled = len(executed)
        enrolment.relabel_all([enrolment.renamed(device, {"feeder": "F1"}, None, None) for device in devices])
        counts.append((enrolled, len(executed) - enrolled))
    assert counts[0] == counts[1]
    assert virtualders.show("north")["members"] == 25 and store.reindex() == 0


@pytest.mark.usefixtures("server")
@pytest.mark.parametrize(("wrong", "why"), [
    (enrolment.Entry("12" * 20, 5), "the last digit"),
    (enrolment.Entry("zz"), "is not 40 hexadecimal digits"),
    (enrolment.Entry(FIRST), "is enrolled already, or is there twice"),
    (enrolment.Entry("12" * 20, manager=SECOND), "no aggregator is enrolled"),
    (enrolment.Entry("12" * 20, name="77"), "looks like the number")])
def test_of_many_all_or_none_are_enrolled(wrong: enrolment.Entry, why: str) -> None:
    with pytest.raises(Refused, match=why):
        enrolment.enrol_all([enrolment.Entry(FIRST), wrong])
    assert not Device.select().count() and not store.items("/edev")


@pytest.mark.parametrize("stated, kind, category", [
    (None, "load_switch", DeviceCategory.LOAD_SWITCH),
    (DeviceCategory.THERMOSTAT, "load_switch", DeviceCategory.THERMOSTAT),
    (None, "battery", None),
])
@pytest.mark.usefixtures("server")
def test_what_becomes_a_load_is_categorised_as_at_enrolment(
    stated: DeviceCategory | None, kind: str, category: DeviceCategory | None
) -> None:
    device = enrolment.enrol(peers.lfdi(1), kind="device", category=stated)
    enrolment.relabel(device, {}, kind=kind)
    document = store.get(enrolment.href(device)).submitted
    assert document.get("deviceCategory") == (None if category is None else f"{category:08X}")

"""Every resource by every method for every kind of caller, by the table of resources.

IEEE 2030.5-2018, 6.8; CSIP 2.1, 6.1.2 to 6.1.7. `make soak ARGS=access` asks the same over mutual TLS.
"""
from __future__ import annotations

from typing import Any

import pytest

from server import clock
from server.config import settings
from server.devices import aggregators, enrolment
from server.models import db
from server.resources.table import METHODS
from tests import prepared
from tests.conftest import on_sqlite
from tests.peers import Peer
from tests.standard import accessmatrix, every_resource
from tests.standard.accessmatrix import AGENT, KINDS, UTILITY_ENROLS, Kind, Policy
from tests.wsgi import Client

OWNER = every_resource.LFDI
UNKNOWN = {who: kind for who, kind in KINDS.items() if kind.rights == "nobody"}


@pytest.fixture
def matrix(server: None) -> None:
    """Every resource, all of it one device's, which an aggregator manages."""
    def fill() -> None:
        every_resource.fill(2023)
        accessmatrix.prepare()
    prepared.begin_with("matrix", fill)
    clock.turn_to(every_resource.NOW)


def wrong(application: Any, kinds: dict[str, Kind], policy: Policy) -> list[str]:
    """Ask everything, each request undone before the next, and return what is answered wrongly."""
    settings.registration, settings.strict_access = policy.registration, policy.strict_access
    callers = {who: Peer(Client(application), kind.lfdi) for who, kind in kinds.items()}
    faults = []
    for case in accessmatrix.cases(kinds, policy):
        with db.atomic() as change:
            reply = callers[case.who].request(case.method, case.href, case.body, **case.headers)
            change.rollback()
        if reply.status not in case.right:
            faults.append(f"{case.who}: {case.method} {case.href} ({case.row.name}) is {reply.status}, "
                          f"not {case.right}")
        if reply.status == 405 and reply.headers["Allow"] != case.row.allow:
            faults.append(f"{case.method} {case.href}: Allow is {reply.headers['Allow']}")
    return faults


@on_sqlite
def test_where_the_utility_enrols(matrix: None, application: Any) -> None:
    assert not wrong(application, KINDS, UTILITY_ENROLS)


@on_sqlite
def test_where_devices_register_and_the_owner_is_connected_directly(matrix: None, application: Any) -> None:
    aggregators.move([enrolment.find(OWNER)], None)
    kinds = {"the owner": KINDS["the owner"], "no more its aggregator": Kind(AGENT, "other", True), **UNKNOWN}
    assert not wrong(application, kinds, Policy(registration=True, managed=False))


@on_sqlite
def test_with_strict_access_an_unknown_certificate_reads_one_resource(matrix: None, application: Any) -> None:
    assert not wrong(application, UNKNOWN, Policy(strict_access=True))


SUSPENDED = {
    "the owner": {"the owner": Kind(OWNER, "suspended"), "its aggregator": Kind(AGENT, "other", True)},
    "its aggregator": {"the owner": Kind(OWNER, "owner"), "its aggregator": Kind(AGENT, "suspended", True)}}


@on_sqlite
@pytest.mark.parametrize("who", SUSPENDED)
def test_a_device_or_its_aggregator_is_suspended(matrix: None, application: Any, who: str) -> None:
    """A suspended device is not there for its aggregator; a suspended aggregator harms no device."""
    enrolment.suspend(enrolment.find(KINDS[who].lfdi))
    assert not wrong(application, SUSPENDED[who], UTILITY_ENROLS)


@on_sqlite
def test_a_wrong_answer_is_found(matrix: None, application: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a list of devices told to anybody, or another's status taken, this test would not pass."""
    monkeypatch.setattr(accessmatrix, "OPEN", accessmatrix.OPEN | {"EndDevice"})
    kinds = {"a removed device": KINDS["a removed device"]}
    assert {fault.partition(" is ")[0] for fault in wrong(application, kinds, UTILITY_ENROLS)} == {
        f"a removed device: {method} /edev/1 (EndDevice)" for method in METHODS}

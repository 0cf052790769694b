"""UTIL-001 to -004 and AGG-001 to -012: an aggregator, its four devices in two branches, what it is told."""
from __future__ import annotations

import pytest

from server import clock
from server.devices import enrolment
from server.grid.controls import defaultcontrols, dercontrols
from tests import peers
from tests.conftest import NOON, on_sqlite
from tests.peers import Peer
from tests.standard.csip import client, scenarios, topology
from tests.standard.csip.client import Subscriber
from tests.standard.csip.scenarios import ALIKE, FIRST, INDEPENDENT, LOWER, UPPER
from tests.standard.csip.test_core import put_der_documents

pytestmark = on_sqlite
NAMES = list(topology.DEVICES)


def path(name: str) -> list[str]:
    """The programs of a device, from its service point up."""
    return [topology.DEVICES[name][1], *topology.ABOVE[name[:3]]]


def test_util_001_each_device_has_the_programs_of_all_above_it(fleet: Peer) -> None:
    """A list of five; each device has seven programs, by primacy; the aggregator has none."""
    assert len(client.items(fleet, "/edev")) == 5
    assert {name: client.programs(fleet, name) for name in NAMES} == {name: path(name) for name in NAMES}
    own = next(item for item in client.items(fleet, "/edev") if item["lFDI"] == fleet.lfdi)
    assert "SubscriptionListLink" in own and "FunctionSetAssignmentsListLink" not in own
    assert not any("SubscriptionListLink" in client.end_device(fleet, name) for name in NAMES)


def test_util_002_an_aggregator_reports_for_its_devices(fleet: Peer) -> None:
    """Its own PIN; the documents of each device's DER, by its certificate (erratum 3)."""
    own = next(item for item in client.items(fleet, "/edev") if item["lFDI"] == fleet.lfdi)
    assert fleet.get(own["RegistrationLink"]["href"]).data["pIN"] == topology.PIN
    for name in NAMES:
        put_der_documents(fleet, client.end_device(fleet, name))


def subscribe_to_all(aggregator: Subscriber) -> None:
    """Subscribe to the list of programs of each device's assignment, and to each list of controls once."""
    lists, controls = [], {}
    for name in NAMES:
        device = client.end_device(aggregator.client, name)
        for assignment in client.linked(aggregator.client, device, "FunctionSetAssignmentsList"):
            lists.append(assignment["DERProgramListLink"]["href"])
            for program in client.linked(aggregator.client, assignment, "DERProgramList"):
                controls[program["DERControlListLink"]["href"]] = program["description"]
    assert len(lists) == 4 and len(controls) == 13, "programs that devices share are the same for each"
    aggregator.subscribe(*lists, *controls)


def test_util_003_subscriptions_of_an_aggregator(aggregator: Subscriber) -> None:
    """To the programs of each device (erratum 12) and to the controls, in its own list."""
    subscribe_to_all(aggregator)
    assert len(client.items(aggregator.client, "/edev/1/sub")) == 17


@pytest.mark.parametrize("vder, concerned", [
    ("SPA1", ["EDA1"]), ("FDA", ["EDA1", "EDA2"]), ("SY", NAMES)])
def test_util_004_a_control_is_told_and_answered_for_each_device(
    aggregator: Subscriber, vder: str, concerned: list[str]
) -> None:
    """One notification of the list of controls; received, started, completed for each device below."""
    subscribe_to_all(aggregator)
    control = dercontrols.post(vder, FIRST, 120, NOON + 180)
    changed = f"{topology.program(vder)}/derc"
    assert aggregator.told() == [(changed, 0)] and aggregator.shows(changed)
    (event,) = aggregator.notice(changed)["Resource"]["DERControl"]
    assert event["mRID"] == control["mrid"]
    lfdis = [peers.lfdi(topology.DEVICES[name][0]) for name in concerned]
    assert concerned == [name for name in NAMES if vder in path(name)]
    for second, status in ((0, 1), (180, 2), (300, 3)):
        clock.turn_to(NOON + second)
        for lfdi in lfdis:
            client.answer(aggregator.client, event, status, lfdi=lfdi)
    assert client.answers(aggregator.client, event) == {lfdi: [1, 2, 3] for lfdi in lfdis}


def test_agg_001_a_new_device_is_told(aggregator: Subscriber) -> None:
    """Enrolled by the utility while the aggregator runs."""
    aggregator.subscribe("/edev")
    enrolment.enrol(peers.lfdi(6), name="EDA1X", manager=aggregator.client.lfdi)
    assert aggregator.told() == [("/edev", 0)] and aggregator.shows("/edev")
    listed = aggregator.notice("/edev")["Resource"]
    assert listed["all"] == 6 and peers.lfdi(6) in [item["lFDI"] for item in listed["EndDevice"]]


def test_agg_002_defaults_alone(fleet: Peer) -> None:
    """Devices below the transformer have both programs, with its default first; the others have the system's
    alone."""
    scenarios.defaults_only(fleet, "SY", "TFA")
    stated = {}
    for name in NAMES:
        with_default = [vder for vder in client.programs(fleet, name) if vder in ("SY", "TFA")]
        stated[name] = client.default(fleet, with_default[0])
    assert stated == {"EDA1": LOWER, "EDA2": LOWER, "EDB1": UPPER, "EDB2": UPPER}


def answered_by_all(fleet: Peer, event_href: str, names: list[str]) -> None:
    """Answer an event for devices, each once."""
    event = fleet.get(event_href).data
    lfdis = [peers.lfdi(topology.DEVICES[name][0]) for name in names]
    for lfdi in lfdis:
        client.answer(fleet, event, 1, 2, 3, lfdi=lfdi)
    assert client.answers(fleet, event) == {lfdi: [1, 2, 3] for lfdi in lfdis}


def test_agg_003_a_control_alone(fleet: Peer) -> None:
    answered_by_all(fleet, scenarios.one_control(fleet, "TFA"), ["EDA1", "EDA2"])


def test_agg_004_a_control_and_defaults(fleet: Peer) -> None:
    defaultcontrols.set_default("SY", UPPER)
    answered_by_all(fleet, scenarios.one_control(fleet, "TFA", default=LOWER), ["EDA1", "EDA2"])
    assert client.default(fleet, "SY") == UPPER


def test_agg_005_two_controls_of_a_program_one_after_another(fleet: Peer) -> None:
    scenarios.one_after_another(fleet, "TFA", "TFA")


def test_agg_006_controls_of_two_programs_one_after_another(fleet: Peer) -> None:
    scenarios.one_after_another(fleet, "SY", "TFA")


def overlapping(aggregator: Subscriber, base: scenarios.Base, late: str = "") -> None:
    """The scenario, with a subscription to either list: each is told of a control that is posted there,
    begins or ends, and of none of the other."""
    lists = {vder: f"{topology.program(vder)}/derc" for vder in ("SY", "TFA")}
    aggregator.subscribe(*lists.values())

    def posted(vder: str) -> None:
        concerned = lists.values() if vder == late else [lists[vder]]  # the other one has begun meanwhile
        assert aggregator.told() == sorted((href, 0) for href in concerned)
        assert aggregator.shows(lists[vder])
    scenarios.overlapping(aggregator.client, "SY", "TFA", base, late=late, posted=posted)
    assert {resource for resource, _ in aggregator.told()} == set(lists.values()), "they are over"


def test_agg_007_alike_and_posted_before(aggregator: Subscriber) -> None:
    overlapping(aggregator, ALIKE)


def test_agg_008_alike_and_the_transformer_s_posted_later(aggregator: Subscriber) -> None:
    overlapping(aggregator, ALIKE, late="TFA")


def test_agg_009_alike_and_the_system_s_posted_later(aggregator: Subscriber) -> None:
    overlapping(aggregator, ALIKE, late="SY")


def test_agg_010_independent_and_posted_before(aggregator: Subscriber) -> None:
    overlapping(aggregator, INDEPENDENT)


def test_agg_011_independent_and_the_transformer_s_posted_later(aggregator: Subscriber) -> None:
    overlapping(aggregator, INDEPENDENT, late="TFA")


def test_agg_012_independent_and_the_system_s_posted_later(aggregator: Subscriber) -> None:
    overlapping(aggregator, INDEPENDENT, late="SY")

"""Opting out and in, contracts, by operators and by devices' answers."""
import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import dercontrols
from server.grid.fleet import fleetstate, participation
from server.grid.groups import virtualders
from server.models import Participation
from server.resources.codes import OPT_OUTS

HOUR = 3600


@pytest.fixture
def event(battery):
    """A battery in a virtual DER, and a control of an hour that it is told of: (battery, href, mRID)."""
    device = battery(1)
    virtualders.create("all", "*")
    href = dercontrols.post("all", {"opModFixedW": 5000}, HOUR)["href"]
    return device, href, device.client.get(href).data["mRID"]


def out():
    return {row["lfdi"]: (row["opted_out_until"], row["opt_out_reason"]) for row in participation.opted_out()}


def test_an_operator_takes_a_device_out_and_back(battery):
    device = battery(1)
    virtualders.create("all", "*")
    vder = virtualders.find("all")
    participation.opt_out("d1", clock.now() + HOUR, "on holiday")
    assert out() == {device.lfdi: (clock.now() + HOUR, "on holiday")}
    assert fleetstate.read(vder, clock.now()).excluded == {1: "opted out"}
    participation.opt_in("d1")
    assert out() == {} and fleetstate.read(vder, clock.now()).excluded == {}
    assert participation.opt_out("d1")["opted_out_until"] == "cleared"
    clock.advance(10 ** 9)
    assert list(out()) == [device.lfdi]


def test_what_cannot_be_is_refused(battery):
    battery(1)
    with pytest.raises(Refused, match="has not opted out"):
        participation.opt_in("d1")
    with pytest.raises(Refused, match="is in the past: specify until when"):
        participation.opt_out("d1", clock.now())
    with pytest.raises(Refused, match="a limit is 0 or more"):
        participation.set_contract("d1", max_hours=-1)


@pytest.mark.parametrize("status", sorted(OPT_OUTS))
def test_a_device_that_opts_out_of_an_event_is_left_alone_until_that_is_over(event, status):
    device, href, mrid = event
    device.answer(mrid, 2)
    assert out() == {}
    device.answer(mrid, status)
    end = clock.now() + HOUR
    assert out() == {device.lfdi: (end, f"opted out of {href}")}
    assert Participation.get().response_rate == 1.0, "it is counted against no one"
    clock.turn_to(end)
    assert out() == {}


def test_it_may_opt_in_again_unless_an_operator_took_it_out(event):
    device, _, mrid = event
    device.answer(mrid, 4)
    device.answer(mrid, 5)
    assert out() == {}
    participation.opt_out("d1", clock.now() + 5 * HOUR, "repair")
    device.answer(mrid, 4, at=clock.now() + 1)
    device.answer(mrid, 5, at=clock.now() + 2)
    assert out() == {device.lfdi: (clock.now() + 5 * HOUR, "repair")}


def test_an_answer_to_what_is_over_takes_nobody_out(event):
    device, _, mrid = event
    clock.advance(HOUR)
    device.answer(mrid, 10)
    assert out() == {}


def test_contracts_are_changed_one_limit_at_a_time(battery):
    battery(1)
    assert list(participation.contracts()) == []
    participation.set_contract("d1", max_events=10, tier=2)
    participation.set_contract("d1", max_hours=3.5)
    row, = participation.contracts()
    assert (row["max_events"], row["max_hours"], row["tier"]) == (10, 3.5, 2)
    participation.set_contract("d1", max_events=None, max_hours=None, tier=0)
    assert list(participation.contracts()) == [] and participation.show("d1")["response_rate"] == 1.0

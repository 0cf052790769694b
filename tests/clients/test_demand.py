"""A thermostat and a charger at the real device interface, in one process, with the clock turned: load
controls and flow reservations from the operator's command to the readings; one of each kind on both
engines."""
from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from clients.devices.battery import Battery
from clients.devices.evcharger import EvCharger, current_session
from clients.devices.thermostat import Thermostat
from clients.events import reservation
from clients.events.reservation import DesiredReservation
from clients.simulation.weather import DAY, Site
from server import clock
from server.grid.controls import drevents, evsessions, reservations
from server.grid.fleet import power
from server.resources import store
from tests.clients.fixtures import LFDI, DeviceFixture, mean_injection_w, statuses
from tests.conftest import on_sqlite

COLD = Site("x", 60.0, 0.0)
WINTER = 1_768_478_400 // DAY * DAY
CAR = Site("seed")
STAY = current_session(CAR, WINTER + 22 * 3600)
assert STAY is not None


# --- load controls --------------------------------------------------------------------------------

@pytest.fixture
def thermostat(start: Callable[..., DeviceFixture]) -> DeviceFixture:
    """A thermostat on a winter's day that has sent its documents."""
    device = start(Thermostat(site=COLD, name="t"), WINTER + 12 * 3600)
    device.run(600)
    return device


@on_sqlite
def test_a_thermostat_tells_that_it_follows_and_what_it_could_shed(thermostat: DeviceFixture) -> None:
    assert not thermostat.details("error")
    assert store.get("/edev/1/fsa/1").submitted["DemandResponseProgramListLink"]["all"] == 1
    sheds = [document.submitted for document in store.items("/edev/1/lsl")]
    assert len(sheds) == 1 and sheds[0]["DemandResponseProgramLink"] == {"href": "/dr/1"}
    thermostat.run(2 * 3600)
    assert len(store.items("/edev/1/lsl")) == 1
    assert thermostat.transport.count("PUT", "/edev/1/lsl/1") > 1, "the pump switches"
    latest, = (document.submitted for document in store.items("/edev/1/lsl"))
    assert (latest["sheddablePower"]["value"] > 0) == (thermostat.model.injection_w < 0)


@on_sqlite
def test_an_offset_is_followed_to_its_end_and_answered_with_what_was_done(thermostat: DeviceFixture) -> None:
    usual = thermostat.model
    event = drevents.create("street", {"Offset": {"heatingOffset": 100}}, 7200, clock.now() + 600)
    thermostat.run(600 + 7200 - 60)
    assert [mode for mode in thermostat.device.event_client.active_modes] == ["heatingOffset"]
    assert 19 <= thermostat.model.indoor_c < 20.5 and not thermostat.model.uncomfortable, (
        "down to the limit of comfort"
    )
    thermostat.run(240)
    assert statuses() == [1, 2, 3]
    row, = drevents.show(event["href"])["devices"]
    assert (row["answer"], row["applied"]) == ("completed", {"Offset": {"heatingOffset": 15}})
    assert thermostat.details("control")[-1] == "nothing" and usual.setpoint_c == thermostat.model.setpoint_c


@on_sqlite
def test_heat_ahead_then_use_less(thermostat: DeviceFixture) -> None:
    drevents.create("street", {"SetPoint": {"heatingSetpoint": 2250}}, 3600, clock.now() + 120, forward=True)
    thermostat.run(120 + 3600)
    assert thermostat.model.indoor_c > 21.4
    drevents.create("street", {"DutyCycle": {"normalValue": 0}}, 3600, clock.now() + 120)
    begin = clock.now() + 120
    thermostat.run(120 + 3600 + 120)
    assert mean_injection_w(begin + 60, 3480) == 0 and statuses() == [1, 2, 3, 1, 2, 3]
    assert thermostat.model.indoor_c > 19


@on_sqlite
@pytest.mark.parametrize("mandatory, expected", [(False, [1, 2, 4, 10]), (True, [1, 2, 3])])
def test_comfort_is_left_only_where_the_contract_says_so(start: Callable[..., DeviceFixture], mandatory: bool,
                                                         expected: list[int]) -> None:
    device = start(Thermostat(site=COLD, name="t"), WINTER + 12 * 3600, rate=900)
    device.run(1000)
    event = drevents.create(
        "street", {"DutyCycle": {"normalValue": 0}}, 10 * 3600, clock.now() + 900, mandatory=mandatory
    )
    device.run(10 * 3600 + 2800)
    assert statuses() == expected
    row, = drevents.show(event["href"])["devices"]
    assert row["opted_out"] is not mandatory
    if not mandatory:
        assert 0 < row["overridden_s"] < 10 * 3600


@on_sqlite
def test_a_short_override_within_what_is_allowed_counts(thermostat: DeviceFixture) -> None:
    event = drevents.create(
        "street", {"Offset": {"heatingOffset": 10}}, 1800, clock.now() + 60, override_s=600
    )
    thermostat.run(300)
    for out, seconds in ((True, 300), (False, 1800)):
        thermostat.device.event_client.opt(event["mrid"], out)
        thermostat.run(seconds)
    assert statuses() == [1, 2, 4, 5, 8]
    row, = drevents.show(event["href"])["devices"]
    assert 240 <= row["overridden_s"] <= 300 and row["answer"] == "partially completed with opt-out"


def test_called_off_it_goes_on_as_before(thermostat: DeviceFixture) -> None:
    event = drevents.create("street", {"Offset": {"heatingOffset": 10}}, 3600)
    thermostat.run(180)
    drevents.cancel(event["href"])
    thermostat.run(120)
    assert statuses() == [1, 2, 6] and not thermostat.device.event_client.active_modes


# --- flow reservations ----------------------------------------------------------------------------

@pytest.fixture
def start_charger(start: Callable[..., DeviceFixture]) -> Callable[..., DeviceFixture]:
    """Start a charger, half an hour before its car arrives."""
    return lambda **options: start(EvCharger(site=CAR, name="c"), STAY.arrival - 1800, **options)


def test_a_car_comes_asks_is_granted_charges_and_is_full(start_charger: Callable[..., DeviceFixture]) -> None:
    device = start_charger(rate=300)
    device.run(1500)
    assert list(evsessions.list_sessions()) == [] and "PEVInfo" not in store.get("/edev/1/ps").submitted
    device.run_until(STAY.arrival + 700)
    session, = evsessions.list_sessions("street")
    assert session["power_w"] == 7400 and session["window_end"] == STAY.departure
    assert session["energy_wh"] == pytest.approx(STAY.energy_wh, abs=130)
    assert session["granted_wh"] == session["energy_wh"]
    assert session["vehicle"]["timeChargeIsNeeded"] == STAY.departure
    begin, end = session["granted_start"], session["granted_start"] + session["granted_duration_s"]
    device.run_until(end + 900)
    assert device.model.chargeable_wh < reservation.MIN_ENERGY_WH and statuses() == [1, 2, 3]
    assert device.model.absorbed_wh == pytest.approx(STAY.energy_wh, abs=reservation.MIN_ENERGY_WH)
    session, = evsessions.list_sessions("street")
    period = 7400 * 300 / 3600
    assert (
        session["served_wh"] == pytest.approx(device.model.absorbed_wh, abs=2 * period)
        and session["answer"] == "completed"
    )
    assert begin < end and session["state"] == "over"
    assert not device.details("error")


@on_sqlite
@pytest.mark.parametrize("every", [0, 300, 900])
def test_a_car_asks_when_it_is_plugged_in_and_draws_nothing_before(
    start_charger: Callable[..., DeviceFixture], every: int
) -> None:
    device = start_charger(rate=900, import_limit_w=0)
    if every:
        device.run_in_steps(STAY.arrival + 2 * every, every)
    else:
        device.run_until(STAY.arrival + 5)
    request, = store.items("/edev/1/frq")
    assert request.submitted["intervalRequested"]["start"] == STAY.arrival + 1
    assert device.model.absorbed_wh <= 7400 / 3600 + 1e-6, "a second's worth, until it was noticed"
    vehicle = store.get("/edev/1/ps").submitted["PEVInfo"]
    assert vehicle["energyRequestNow"]["value"] == pytest.approx(STAY.energy_wh, abs=3)
    assert vehicle["timeChargeIsNeeded"] == STAY.departure


@on_sqlite
def test_a_grant_is_followed_to_the_second_and_to_the_watt_hour_in_coarse_steps(
    start_charger: Callable[..., DeviceFixture],
) -> None:
    device = start_charger(rate=900, import_limit_w=0)
    device.run_in_steps(STAY.arrival + 1800)
    request = store.items("/edev/1/frq")[0].href
    begin = clock.now() // 900 * 900 + 1800
    reservations.grant(request, 4000, 3 * 3600, begin, 5100)
    models = []
    for _ in range(12):
        device.run_in_steps(clock.now() + 900)
        models.append(device.model)
    drawn = {clock.now() - 900 * back: after.absorbed_wh - before.absorbed_wh
             for back, (before, after) in enumerate(zip(models[-2::-1], models[:0:-1], strict=True))}
    assert {at - begin: round(wh) for at, wh in drawn.items() if wh > 1} == {
        900: 1000, 1800: 1000, 2700: 1000, 3600: 1000, 4500: 1000, 5400: 100}


@on_sqlite
def test_one_grant_after_the_other_is_one_request(start_charger: Callable[..., DeviceFixture]) -> None:
    """Each for a quarter of an hour, as the balance gives them: the car asks for no more than it has."""
    device = start_charger(rate=300, import_limit_w=0)
    device.run_in_steps(STAY.arrival + 1800)
    begin = clock.now() // 900 * 900 + 900
    for number, watts in enumerate((2000, 3000, 0, 4000)):
        device.run_in_steps(begin + 900 * number - 300)
        reservations.grant(store.items("/edev/1/frq")[0].href, watts, 900, begin + 900 * number)
    device.run_in_steps(begin + 3300)
    assert len(store.items("/edev/1/frq")) == 1
    assert device.model.absorbed_wh == pytest.approx(500 + 750 + 4000 * 600 / 3600, abs=5)
    assert not device.details("error")


@on_sqlite
def test_what_was_granted_for_a_while_between_two_polls_is_followed_all_the_same(
    start_charger: Callable[..., DeviceFixture],
) -> None:
    """Though the list no longer has it when the device comes to look."""
    device = start_charger(rate=900, import_limit_w=0)
    device.run_in_steps(STAY.arrival + 1800, 900)
    begin = clock.now() // 900 * 900 + 900
    reservations.grant(store.items("/edev/1/frq")[0].href, 4000, 300, begin + 200)
    before = device.model.absorbed_wh
    device.run_in_steps(begin + 900, 900)
    assert device.model.absorbed_wh - before == pytest.approx(4000 * 300 / 3600, abs=5)


@on_sqlite
def test_until_it_is_granted_something_a_car_waits_but_not_too_long(
    start_charger: Callable[..., DeviceFixture],
) -> None:
    device = start_charger(rate=900, import_limit_w=0)
    device.run_until(STAY.arrival + 6 * 3600)
    assert device.model.absorbed_wh < 130, "before it read the request's status"
    device.run_until(STAY.departure - 1)
    assert device.model.chargeable_wh < reservation.MIN_ENERGY_WH, "at last it charges all the same"
    assert 4 in statuses()


@on_sqlite
def test_a_revised_grant_is_followed_from_its_start(start_charger: Callable[..., DeviceFixture]) -> None:
    device = start_charger()
    device.run_until(STAY.arrival + 600)
    begin = clock.now() + 300
    reservations.grant(list(evsessions.list_sessions())[0]["request"], 2000, 2 * 3600, begin)
    device.run(300 + 3600)
    assert device.model.injection_w == -2000
    assert mean_injection_w(begin + 120, 3000) == pytest.approx(-2000, abs=1)
    assert statuses() == [1, 2, 1, 2, 7] or statuses() == [1, 2, 1, 7, 2]


@on_sqlite
def test_no_more_energy_is_taken_than_was_granted(start_charger: Callable[..., DeviceFixture]) -> None:
    device = start_charger()
    device.run_until(STAY.arrival + 600)
    reservations.grant(list(evsessions.list_sessions())[0]["request"], 7000, 3600, clock.now() + 120, 2000)
    device.run(120)
    before = device.model.absorbed_wh
    device.run(3500)
    assert 1900 < device.model.absorbed_wh - before <= 2000


def test_a_grant_taken_back_stops_the_charge(start_charger: Callable[..., DeviceFixture]) -> None:
    device = start_charger()
    device.run_until(STAY.arrival + 600)
    assert device.model.injection_w == -7400
    reservations.cancel(list(evsessions.list_sessions())[0]["request"])
    device.run(180)
    assert device.model.injection_w == 0 and statuses() == [1, 2, 6]


@on_sqlite
def test_a_car_that_leaves_takes_its_request_back(start_charger: Callable[..., DeviceFixture]) -> None:
    device = start_charger(import_limit_w=0)
    device.run_until(STAY.arrival + 600)
    reservations.grant(list(evsessions.list_sessions())[0]["request"], 0, 3600)
    object.__setattr__(device.model, "site", Site("another"))
    assert current_session(Site("another"), clock.now() + 60) is None, "it is away"
    device.run(240)
    request, = store.items("/edev/1/frq")
    assert request.submitted["RequestStatus"]["requestStatus"] == 1
    assert {document.status["currentStatus"] for document in store.items("/edev/1/frp")} <= {2, 4}


class ReservingBattery(Battery):
    """A battery that wants the flow reservation that a test sets."""
    modes: ClassVar[frozenset[str]] = Battery.modes | {reservation.MODE}
    reservation_to_request: ClassVar[DesiredReservation | None] = None

    @property
    def desired_reservation(self) -> DesiredReservation | None:
        return self.reservation_to_request


@pytest.mark.parametrize("energy", [6000, -4000])
def test_from_the_order_over_the_wire_to_the_reading_and_back_in_both_directions(
    start: Callable[..., DeviceFixture], energy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned, in W of charging; powerAvailable in the XML likewise; injected by the device with the other
    sign; read by the meter as injection, and in the session as charging again."""
    begin = WINTER + 12 * 3600
    desired = DesiredReservation(begin, begin + 4 * 3600, energy, 3000)
    monkeypatch.setattr(ReservingBattery, "reservation_to_request", desired)
    device = start(ReservingBattery(site=COLD, name="b"), begin)
    device.run(180)
    session, = evsessions.list_sessions()
    assert (session["energy_wh"], session["power_w"]) == (energy, 3000)
    sign = 1 if energy > 0 else -1
    planned, granted_from = sign * 2000, begin + 600
    granted = reservations.grant(session["request"], planned, 3600, granted_from)
    assert f"<value>{planned}</value>" in (store.get(granted["href"]).body.decode())
    device.run_until(granted_from + 3600 - 30)
    assert device.model.injection_w == -planned
    assert device.device.event_client.order.target_w == -planned
    assert mean_injection_w(granted_from + 60, 3400) == pytest.approx(-planned, abs=1)
    assert power.latest([LFDI])[LFDI].injection_w == pytest.approx(-planned, abs=1)
    session, = evsessions.list_sessions()
    before = mean_injection_w(begin, 600)
    served = session["served_wh"] + before * 600 / 3600
    assert served == pytest.approx(planned * (3600 - 30) / 3600, rel=0.05) and session["granted_w"] == planned

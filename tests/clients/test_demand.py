"""A thermostat and a charger at the real device interface, in one process, with the clock turned: load
controls and flow reservations from the operator's command to the readings."""
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
from tests.clients.scene import ME, Scene, coarsely, read, statuses

COLD = Site("x", 60.0, 0.0)
WINTER = 1_768_478_400 // DAY * DAY
CAR = Site("seed")
STAY = current_session(CAR, WINTER + 22 * 3600)
assert STAY is not None


# --- load controls --------------------------------------------------------------------------------

@pytest.fixture
def room(play: Callable[..., Scene]) -> Scene:
    """A thermostat on a winter's day that has told what it is."""
    scene = play(Thermostat(site=COLD, name="t"), WINTER + 12 * 3600)
    scene.live(600)
    return scene


def test_a_thermostat_tells_that_it_follows_and_what_it_could_shed(room: Scene) -> None:
    assert not room.said("error")
    assert store.get("/edev/1/fsa/1").submitted["DemandResponseProgramListLink"]["all"] == 1
    scarce = [document.submitted for document in store.items("/edev/1/lsl")]
    assert len(scarce) == 1 and scarce[0]["DemandResponseProgramLink"] == {"href": "/dr/1"}
    room.live(2 * 3600)
    assert len(store.items("/edev/1/lsl")) == 1 and room.line.count("PUT", "/edev/1/lsl/1") > 1, "on and off"
    latest, = (document.submitted for document in store.items("/edev/1/lsl"))
    assert (latest["sheddablePower"]["value"] > 0) == (room.device.model.injection_w < 0)


def test_an_offset_is_followed_to_its_end_and_answered_with_what_was_done(room: Scene) -> None:
    usual = room.device.model
    event = drevents.create("street", {"Offset": {"heatingOffset": 100}}, 7200, clock.now() + 600)
    room.live(600 + 7200 - 60)
    assert [mode for mode in room.device.event_client.active_modes] == ["heatingOffset"]
    assert 19 <= room.device.model.indoor_c < 20.5 and not room.device.model.uncomfortable, (
        "down to the limit of comfort"
    )
    room.live(240)
    assert statuses() == [1, 2, 3]
    device, = drevents.show(event["href"])["devices"]
    assert (device["answer"], device["applied"]) == ("completed", {"Offset": {"heatingOffset": 15}})
    assert room.said("control")[-1] == "nothing" and usual.setpoint_c == room.device.model.setpoint_c


def test_heat_ahead_then_use_less(room: Scene) -> None:
    drevents.create("street", {"SetPoint": {"heatingSetpoint": 2250}}, 3600, clock.now() + 120, forward=True)
    room.live(120 + 3600)
    assert room.device.model.indoor_c > 21.4
    drevents.create("street", {"DutyCycle": {"normalValue": 0}}, 3600, clock.now() + 120)
    begin = clock.now() + 120
    room.live(120 + 3600 + 120)
    assert read(begin + 60, 3480) == 0 and statuses() == [1, 2, 3, 1, 2, 3]
    assert room.device.model.indoor_c > 19


@pytest.mark.parametrize("mandatory, expected", [(False, [1, 2, 4, 10]), (True, [1, 2, 3])])
def test_comfort_is_left_only_where_the_contract_says_so(play: Callable[..., Scene], mandatory: bool,
                                                         expected: list[int]) -> None:
    scene = play(Thermostat(site=COLD, name="t"), WINTER + 12 * 3600, rate=900)
    scene.live(1000)
    event = drevents.create(
        "street", {"DutyCycle": {"normalValue": 0}}, 10 * 3600, clock.now() + 900, mandatory=mandatory
    )
    scene.live(10 * 3600 + 2800)
    assert statuses() == expected
    device, = drevents.show(event["href"])["devices"]
    assert device["opted_out"] is not mandatory
    if not mandatory:
        assert 0 < device["overridden_s"] < 10 * 3600


def test_a_short_override_within_what_is_allowed_counts(room: Scene) -> None:
    event = drevents.create(
        "street", {"Offset": {"heatingOffset": 10}}, 1800, clock.now() + 60, override_s=600
    )
    room.live(300)
    for out, seconds in ((True, 300), (False, 1800)):
        room.device.event_client.opt(event["mrid"], out)
        room.live(seconds)
    assert statuses() == [1, 2, 4, 5, 8]
    device, = drevents.show(event["href"])["devices"]
    assert 240 <= device["overridden_s"] <= 300 and device["answer"] == "partially completed with opt-out"


def test_called_off_it_goes_on_as_before(room: Scene) -> None:
    event = drevents.create("street", {"Offset": {"heatingOffset": 10}}, 3600)
    room.live(180)
    drevents.cancel(event["href"])
    room.live(120)
    assert statuses() == [1, 2, 6] and not room.device.event_client.active_modes


# --- flow reservations ----------------------------------------------------------------------------

@pytest.fixture
def garage(play: Callable[..., Scene]) -> Callable[..., Scene]:
    """A charger, half an hour before its car comes."""
    return lambda **how: play(EvCharger(site=CAR, name="c"), STAY.arrival - 1800, **how)


def test_a_car_comes_asks_is_granted_charges_and_is_full(garage: Callable[..., Scene]) -> None:
    scene = garage(rate=300)
    scene.live(1500)
    assert evsessions.list_sessions() == [] and "PEVInfo" not in store.get("/edev/1/ps").submitted
    scene.live_until(STAY.arrival + 700)
    one, = evsessions.list_sessions("street")
    assert one["power_w"] == 7400 and one["window_end"] == STAY.departure
    assert one["energy_wh"] == pytest.approx(STAY.energy_wh, abs=130)
    assert one["granted_wh"] == one["energy_wh"]
    assert one["vehicle"]["timeChargeIsNeeded"] == STAY.departure
    begin, end = one["granted_start"], one["granted_start"] + one["granted_duration_s"]
    scene.live_until(end + 900)
    assert scene.device.model.chargeable_wh < reservation.MIN_ENERGY_WH and statuses() == [1, 2, 3]
    assert scene.device.model.absorbed_wh == pytest.approx(STAY.energy_wh, abs=reservation.MIN_ENERGY_WH)
    one, = evsessions.list_sessions("street")
    period = 7400 * 300 / 3600
    assert (
        one["served_wh"] == pytest.approx(scene.device.model.absorbed_wh, abs=2 * period)
        and one["answer"] == "completed"
    )
    assert begin < end and one["state"] == "over"
    assert not scene.said("error")


@pytest.mark.parametrize("every", [0, 300, 900])
def test_a_car_asks_when_it_is_plugged_in_and_draws_nothing_before(
    garage: Callable[..., Scene], every: int
) -> None:
    scene = garage(rate=900, import_limit_w=0)
    if every:
        coarsely(scene, STAY.arrival + 2 * every, every)
    else:
        scene.live_until(STAY.arrival + 5)
    request, = store.items("/edev/1/frq")
    assert request.submitted["intervalRequested"]["start"] == STAY.arrival + 1
    assert scene.device.model.absorbed_wh <= 7400 / 3600 + 1e-6, "a second's worth, until it was noticed"
    vehicle = store.get("/edev/1/ps").submitted["PEVInfo"]
    assert vehicle["energyRequestNow"]["value"] == pytest.approx(STAY.energy_wh, abs=3)
    assert vehicle["timeChargeIsNeeded"] == STAY.departure


def test_a_grant_is_followed_to_the_second_and_to_the_watt_hour_in_coarse_steps(
    garage: Callable[..., Scene],
) -> None:
    scene = garage(rate=900, import_limit_w=0)
    coarsely(scene, STAY.arrival + 1800)
    request = store.items("/edev/1/frq")[0].href
    begin = clock.now() // 900 * 900 + 1800
    reservations.grant(request, 4000, 3 * 3600, begin, 5100)
    models = []
    for _ in range(12):
        coarsely(scene, clock.now() + 900)
        models.append(scene.device.model)
    drawn = {clock.now() - 900 * back: after.absorbed_wh - before.absorbed_wh
             for back, (before, after) in enumerate(zip(models[-2::-1], models[:0:-1], strict=True))}
    assert {at - begin: round(wh) for at, wh in drawn.items() if wh > 1} == {
        900: 1000, 1800: 1000, 2700: 1000, 3600: 1000, 4500: 1000, 5400: 100}


def test_one_grant_after_the_other_is_one_request(garage: Callable[..., Scene]) -> None:
    """Each for a quarter of an hour, as the balance gives them: the car asks for no more than it has."""
    scene = garage(rate=300, import_limit_w=0)
    coarsely(scene, STAY.arrival + 1800)
    begin = clock.now() // 900 * 900 + 900
    for number, watts in enumerate((2000, 3000, 0, 4000)):
        coarsely(scene, begin + 900 * number - 300)
        reservations.grant(store.items("/edev/1/frq")[0].href, watts, 900, begin + 900 * number)
    coarsely(scene, begin + 3300)
    assert len(store.items("/edev/1/frq")) == 1
    assert scene.device.model.absorbed_wh == pytest.approx(500 + 750 + 4000 * 600 / 3600, abs=5)
    assert not scene.said("error")


def test_what_was_granted_for_a_while_between_two_polls_is_followed_all_the_same(
    garage: Callable[..., Scene],
) -> None:
    """Though the list no longer has it when the device comes to look."""
    scene = garage(rate=900, import_limit_w=0)
    coarsely(scene, STAY.arrival + 1800, 900)
    begin = clock.now() // 900 * 900 + 900
    reservations.grant(store.items("/edev/1/frq")[0].href, 4000, 300, begin + 200)
    before = scene.device.model.absorbed_wh
    coarsely(scene, begin + 900, 900)
    assert scene.device.model.absorbed_wh - before == pytest.approx(4000 * 300 / 3600, abs=5)


def test_until_it_is_granted_something_a_car_waits_but_not_too_long(garage: Callable[..., Scene]) -> None:
    scene = garage(rate=900, import_limit_w=0)
    scene.live_until(STAY.arrival + 6 * 3600)
    assert scene.device.model.absorbed_wh < 130, "what it drew before it was told"
    scene.live_until(STAY.departure - 1)
    assert scene.device.model.chargeable_wh < reservation.MIN_ENERGY_WH, "at last it charges all the same"
    assert 4 in statuses()


def test_a_revised_grant_is_followed_from_its_start(garage: Callable[..., Scene]) -> None:
    scene = garage()
    scene.live_until(STAY.arrival + 600)
    begin = clock.now() + 300
    reservations.grant(evsessions.list_sessions()[0]["request"], 2000, 2 * 3600, begin)
    scene.live(300 + 3600)
    assert scene.device.model.injection_w == -2000 and read(begin + 120, 3000) == pytest.approx(-2000, abs=1)
    assert statuses() == [1, 2, 1, 2, 7] or statuses() == [1, 2, 1, 7, 2]


def test_no_more_energy_is_taken_than_was_granted(garage: Callable[..., Scene]) -> None:
    scene = garage()
    scene.live_until(STAY.arrival + 600)
    reservations.grant(evsessions.list_sessions()[0]["request"], 7000, 3600, clock.now() + 120, 2000)
    scene.live(120)
    before = scene.device.model.absorbed_wh
    scene.live(3500)
    assert 1900 < scene.device.model.absorbed_wh - before <= 2000


def test_a_grant_taken_back_stops_the_charge(garage: Callable[..., Scene]) -> None:
    scene = garage()
    scene.live_until(STAY.arrival + 600)
    assert scene.device.model.injection_w == -7400
    reservations.cancel(evsessions.list_sessions()[0]["request"])
    scene.live(180)
    assert scene.device.model.injection_w == 0 and statuses() == [1, 2, 6]


def test_a_car_that_leaves_takes_its_request_back(garage: Callable[..., Scene]) -> None:
    scene = garage(import_limit_w=0)
    scene.live_until(STAY.arrival + 600)
    reservations.grant(evsessions.list_sessions()[0]["request"], 0, 3600)
    object.__setattr__(scene.device.model, "site", Site("another"))
    assert current_session(Site("another"), clock.now() + 60) is None, "it is away"
    scene.live(240)
    request, = store.items("/edev/1/frq")
    assert request.submitted["RequestStatus"]["requestStatus"] == 1
    assert {each.status["currentStatus"] for each in store.items("/edev/1/frp")} <= {2, 4}


class Reserving(Battery):
    """A battery that reserves what it is told to."""
    modes: ClassVar[frozenset[str]] = Battery.modes | {reservation.MODE}
    errand: ClassVar[DesiredReservation | None] = None

    @property
    def desired_reservation(self) -> DesiredReservation | None:
        return self.errand


@pytest.mark.parametrize("energy", [6000, -4000])
def test_from_the_order_over_the_wire_to_the_reading_and_back_in_both_directions(
    play: Callable[..., Scene], energy: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned, in W of charging; powerAvailable in the XML likewise; injected by the device with the other
    sign; read by the meter as injection, and in the session as charging again."""
    begin = WINTER + 12 * 3600
    monkeypatch.setattr(Reserving, "errand", DesiredReservation(begin, begin + 4 * 3600, energy, 3000))
    scene = play(Reserving(site=COLD, name="b"), begin)
    scene.live(180)
    one, = evsessions.list_sessions()
    assert (one["energy_wh"], one["power_w"]) == (energy, 3000)
    sign = 1 if energy > 0 else -1
    planned, start = sign * 2000, begin + 600
    made = reservations.grant(one["request"], planned, 3600, start)
    assert f"<value>{planned}</value>" in (store.get(made["href"]).body.decode())
    scene.live_until(start + 3600 - 30)
    assert scene.device.model.injection_w == -planned
    assert scene.device.event_client.order.target_w == -planned
    assert read(start + 60, 3400) == pytest.approx(-planned, abs=1)
    assert power.latest([ME])[ME].watts == pytest.approx(-planned, abs=1)
    (one,) = evsessions.list_sessions()
    before = read(begin, 600)
    served = one["served_wh"] + before * 600 / 3600
    assert served == pytest.approx(planned * (3600 - 30) / 3600, rel=0.05) and one["granted_w"] == planned

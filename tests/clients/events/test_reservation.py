"""When a device asks for a flow reservation, when it takes it back, and what is left of a grant."""
from __future__ import annotations

from typing import Any

import pytest

from clients.devices.evcharger import EvCharger
from clients.events.control import ActiveMode, Settings, power_order
from clients.events.reservation import (NO_POWER, DesiredReservation, PendingRequest, RequestMessage,
                                        next_request, power_within_energy)

CAR = DesiredReservation(1000, 40_000, 14_000, 7000)
A, B = "0A", "0B"


def asked(mrid: str = A, end: int = 40_000) -> dict[str, Any]:
    wish = CAR._replace(end=end)
    return next_request(PendingRequest(), wish, False, [], mrid, 1000)[1][0].request


def test_a_car_that_comes_asks_for_what_it_wants() -> None:
    state, (messages,) = next_request(PendingRequest(), CAR, False, [], A, 1000)
    assert messages == RequestMessage(
        {
            "mRID": A,
            "creationTime": 1000,
            "durationRequested": 7200,
            "RequestStatus": {"dateTime": 1000, "requestStatus": 0},
            "energyRequested": {"multiplier": 0, "value": 14_000},
            "powerRequested": {"multiplier": 0, "value": 7000},
            "intervalRequested": {"start": 1000, "duration": 39_000},
        }
    )
    assert state.waiting and next_request(state, CAR._replace(start=1060), False, [], B, 1060) == (state, [])


LISTED = [{"href": "/frq/7", "mRID": "000B"}, {"href": "/frq/8", "mRID": "000A"}]
TAKEN = RequestMessage(asked() | {"RequestStatus": {"dateTime": 2000, "requestStatus": 1}}, "/frq/8")


@pytest.mark.parametrize("wish, running, messages", [
    (None, False, [TAKEN]), (None, True, [TAKEN]),                  # the car has left
    (CAR._replace(charge_wh=50), False, [TAKEN]),                      # it needs nothing more
    # it has what was granted: that is over soon
    (CAR._replace(charge_wh=50), True, []),
    (CAR._replace(charge_wh=9000), True, []), (CAR, False, []),
    (CAR._replace(end=90_000), False, [TAKEN])])  # another car
def test_it_takes_back_what_it_does_not_need(
    wish: DesiredReservation | None, running: bool, messages: list[RequestMessage]
) -> None:
    state, done = next_request(PendingRequest(asked()), wish, running, LISTED, B, 2000)
    assert done == messages and (state.request is None) == bool(messages)


def test_what_the_server_does_not_list_yet_is_taken_back_when_it_does() -> None:
    state, messages = next_request(PendingRequest(asked()), None, False, [], B, 2000)
    assert messages == [] and state.request is not None and not state.waiting
    assert next_request(state, None, False, LISTED, B, 2000) == (PendingRequest(), [TAKEN])


def test_the_rest_is_asked_for_when_a_grant_has_run_its_course() -> None:
    done = PendingRequest(asked(), completed=True)
    assert not done.waiting
    state, messages = next_request(done, CAR._replace(charge_wh=5000), False, LISTED, B, 2000)
    assert [
        (message.request["mRID"], message.request["RequestStatus"]["requestStatus"], message.href)
        for message in messages
    ] == [(A, 1, "/frq/8"), (B, 0, None)]
    assert state.waiting and state.request is not None and state.request["mRID"] == B
    assert next_request(done, CAR._replace(charge_wh=50), False, LISTED, B, 2000) == (done, [])
    assert next_request(done, None, False, LISTED, B, 2000) == (PendingRequest(), [])


def test_who_has_no_time_left_waits_no_longer() -> None:
    assert not PendingRequest(asked(), urgent=True).waiting


def grant(energy: int, power: int) -> dict[str, Any]:
    return {
        "energyAvailable": {"multiplier": 0, "value": energy},
        "powerAvailable": {"multiplier": 0, "value": power},
    }


@pytest.mark.parametrize(
    "energy, power, flowed, left",
    [
        (14_000, 7000, 0, 7000),
        (14_000, 7000, 13_000, 7000),
        (14_000, 7000, 13_950, 3000),
        (14_000, 7000, 14_001, 0),
        (-14_000, -7000, 0, -7000),
        (-14_000, -7000, -13_950, -3000),
        (-14_000, -7000, -14_001, 0),
        (0, 0, 0, 0),
    ],
)
def test_no_more_than_was_granted_flows(energy: int, power: int, flowed: float, left: int) -> None:
    assert power_within_energy(grant(energy, power), flowed, 60)["powerAvailable"]["value"] == left


@pytest.mark.parametrize("power, target", [(7000, -7000), (-3000, 3000), (0, 0)])
def test_the_sign_turns_since_there_charging_is_positive(power: int, target: float) -> None:
    settings = Settings(5000, 7000, 5000, 0)
    order = power_order({"FlowReservationResponse": ActiveMode(grant(14_000, power), A)}, settings, {})
    assert order.target_w == target
    assert power_order({"FlowReservationResponse": ActiveMode(NO_POWER, A)}, settings, {}).target_w == 0
    with_control = {"FlowReservationResponse": ActiveMode(grant(1, power), A),
                    "opModTargetW": ActiveMode({"multiplier": 0, "value": 77}, B)}
    assert power_order(with_control, settings, {}).target_w == 77


def test_a_vehicle_tells_what_it_wants() -> None:
    model = EvCharger(
        arrival=1000, departure=40_000, demand_wh=20_000.0, charged_wh=6000.0, at=2000.0, injection_w=-7400.0
    )
    assert model.desired_reservation == DesiredReservation(
        2000, 40_000, 14_000, 7400
    ) and EvCharger().desired_reservation is None is EvCharger().pev_info(0)
    assert model.pev_info(2000) == {
        "chargingPowerNow": {"multiplier": 0, "value": 7400},
        "energyRequestNow": {"multiplier": 0, "value": 14_000},
        "maxForwardPower": {"multiplier": 0, "value": 7400},
        "minimumChargingDuration": 6811,
        "targetStateOfCharge": 10_000,
        "timeChargeIsNeeded": 40_000,
        "timeChargingStatusPEV": 2000,
    }

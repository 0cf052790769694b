"""An area in balance, as tests of the controller, planning, publishing and evaluation prepare it."""
from __future__ import annotations

from dataclasses import asdict

from server import actors, clock
from server.grid.balance import controller
from server.grid.groups import virtualders
from server.grid.optimisation.metertrust import TRUSTED, MeterTrust
from server.grid.series import signals
from server.grid.series.areameter import AreaMeter
from server.models import Balance, Device, DispatchOrder, Meter, Share
from server.resources import store
from tests.conftest import NOON

STEP = 900
T = NOON + STEP
NEED = {
    "energyRequested": {"multiplier": 0, "value": 14_000},
    "powerRequested": {"multiplier": 0, "value": 7000},
    "RequestStatus": {"dateTime": NOON, "requestStatus": 0},
}


def asks(home, energy=14_000, hours=10, start=None):
    start = clock.now() if start is None else start
    data = {**NEED, "mRID": f"F{home.device.id:05X}", "creationTime": start,
            "energyRequested": {"multiplier": 0, "value": energy},
            "intervalRequested": {"start": start, "duration": round(hours * 3600)}}
    reply = home.client.post(f"/edev/{home.device.id}/frq", "FlowReservationRequest", data)
    assert reply.status == 201
    return reply.location


def has(home, watts):
    """What a thermostat says of the heat pump that it switches."""
    assert (
        home.client.put(
            f"/edev/{home.device.id}/di",
            "DeviceInformation",
            {
                "functionsImplemented": f"{1 << 13:016X}",
                "lFDI": home.lfdi,
                "mfDate": 0,
                "mfHwVer": "1",
                "mfID": 0,
                "mfModel": "m",
                "mfSerNum": "1",
                "primaryPower": 1,
                "secondaryPower": 0,
                "swActTime": 0,
                "swVer": "1",
                "DRLCCapabilities": {
                    "averageEnergy": {"multiplier": 0, "value": 500},
                    "maxDemand": {"multiplier": 0, "value": watts},
                    "optionsImplemented": "0001",
                },
            },
        ).status
        == 204
    )


AT_ONCE = 14_000  # what the cars draw if they charge when they come, which is in the signal


def needs(watts, start=NOON):
    """A day's signal: so much too much is drawn for an hour from `start` on, the cars' charging in it, so
    much too little for the next."""
    signals.put("town", "imbalance", [watts] * 4 + [-watts] * 4 + [0.0] * 100, start, STEP)


def controls(vder, start=T):
    """What the virtual DER's events say of a step."""
    return [control.submitted for control in store.items(f"{virtualders.find(vder).program}/derc")
            if control.submitted["interval"]["start"] == start]


def at(instant):
    """The worker's turn at this instant; everyone has been heard of just before."""
    clock.turn_to(instant)
    Device.update(last_contact_at=instant).execute()
    Meter.update(read_at=instant).execute()
    with actors.acting("test"):
        return controller.run_due()


def believes_its_meter(area="town"):
    """The area's meter has been right for some time."""
    meter = AreaMeter(trust=MeterTrust(state=TRUSTED))
    Balance.update(meter=asdict(meter)).where(Balance.vder == virtualders.find(area)).execute()


def reads(homes, step, powers):
    """Everyone posts what it did in a step; power by home, W of injection."""
    for home, watts in zip(homes, powers, strict=True):
        home.post(watts, start=step, duration=STEP)


def as_asked(neighbourhood):
    """W of injection of each home in the step at T, pumps that nobody asked of anything as usual."""
    planned_w = {
        row.lfdi: row.planned_w for row in Share.select().join(DispatchOrder).where(DispatchOrder.start == T)
    }
    return [planned_w.get(home.lfdi, -1000.0 if home in neighbourhood[6:] else 0.0) for home in neighbourhood]

"""Devices in the store, enrolled, rated and with readings, through the device interface that they would
use."""
import pytest

from server import clock
from server.devices import enrolment, lastcontact
from server.grid.balance import areasettings
from server.grid.groups import virtualders
from server.models import Device
from tests import peers, prepared
from tests.server.grid.balancedarea import asks, has

CONNECT, ENERGIZE, FIXED_W, MAX_LIM_W, TARGET_W = 1 << 2, 1 << 3, 1 << 7, 1 << 20, 1 << 22
ALL = CONNECT | ENERGIZE | FIXED_W | MAX_LIM_W | TARGET_W


def watts(value):
    return {"multiplier": 0, "value": round(value)}


class Home:
    """A device with one DER, and what it sends."""

    def __init__(self, client, device):
        self.client, self.device = client, device
        self.der = f"{enrolment.href(device)}/der/1"

    @property
    def lfdi(self):
        return self.device.lfdi

    def put(self, step, name, data):
        assert self.client.put(f"{self.der}/{step}", name, data).status == 204

    def rate(self, der_type, inject=0, absorb=0, wh=0, modes=ALL):
        data = {"modesSupported": f"{modes:08X}", "rtgMaxW": watts(inject), "type": der_type}
        if absorb:
            data |= {"rtgMaxChargeRateW": watts(absorb), "rtgMaxDischargeRateW": watts(inject)}
        if wh:
            data |= {"rtgMaxWh": watts(wh)}
        self.put("dercap", "DERCapability", data)

    def charge(self, fraction):
        now = clock.now()
        self.put("ders", "DERStatus", {"readingTime": now, "stateOfChargeStatus": {
            "dateTime": now, "value": round(fraction * 10_000)}})

    def post(self, injection, start=None, duration=60, flow=19):
        """Mirror a reading of power; with flow 1 (forward) it counts as consumption."""
        start = clock.now() - duration if start is None else start
        period = {"start": start, "duration": duration}
        tail = f"{self.device.id:08X}"
        reply = self.client.post(
            "/mup",
            "MirrorUsagePoint",
            {
                "mRID": f"A0{tail}",
                "roleFlags": "0009",
                "serviceCategoryKind": 0,
                "status": 1,
                "deviceLFDI": self.lfdi,
                "MirrorMeterReading": [
                    {
                        "mRID": f"B{flow:03X}{tail}",
                        "Reading": {"timePeriod": period, "value": round(injection)},
                        "ReadingType": {
                            "flowDirection": flow,
                            "powerOfTenMultiplier": 0,
                            "uom": 38,
                            "dataQualifier": 2,
                        },
                    }
                ],
            },
        )
        assert reply.status in (201, 204)

    def answer(self, mrid, status, at=None, kind="DERControlResponse"):
        reply = self.client.post(
            "/rsps/1/rsp",
            kind,
            {
                "createdDateTime": clock.now() if at is None else at,
                "endDeviceLFDI": self.lfdi,
                "status": status,
                "subject": mrid,
            },
        )
        assert reply.status in (201, 204)


@pytest.fixture
def home(peer):
    """Enrol device N, which has just been in contact: `home(1, kind="battery", feeder="F1")`."""
    def enrol(number, kind="battery", in_contact=True, category=None, **labels):
        device = enrolment.enrol(
            peers.lfdi(number), name=f"d{number}", kind=kind, labels=labels, category=category
        )
        if in_contact:
            Device.update(last_contact_at=clock.now()).where(Device.id == device.id).execute()
        return Home(peer(number), device)
    return enrol


@pytest.fixture
def battery(home):
    """A battery of 5 kW either way and 10 kWh, half full, idle."""
    def create(number, inject=5000, absorb=5000, wh=10_000, charge=0.5, injection=0, modes=ALL, **labels):
        device = home(number, "battery", **labels)
        device.rate(80, inject, absorb, wh, modes)
        device.charge(charge)
        device.post(injection)
        return device
    return create


@pytest.fixture
def panels(home):
    """An inverter of 6 kW with this injection."""
    def create(number, inject=6000, injection=3000, modes=CONNECT | MAX_LIM_W, **labels):
        device = home(number, "inverter", **labels)
        device.rate(4, inject, modes=modes)
        device.put("dera", "DERAvailability", {"readingTime": clock.now(), "statWAvail": watts(injection)})
        device.post(injection)
        return device
    return create


@pytest.fixture
def neighbourhood(home, battery, peer):
    """Four batteries of 5 kW and 10 kWh, two chargers whose cars want 14 kWh in ten hours, two heat pumps of
    2 kW that draw 1 kW: by kind, below one area."""
    prepared.begin_with("neighbourhood", lambda: _make_neighbourhood(home, battery))
    return [Home(peer(number), Device.get(Device.lfdi == peers.lfdi(number))) for number in range(1, 9)]


def _make_neighbourhood(home, battery):
    virtualders.create("town")
    for name, kind in (("batteries", "battery"), ("chargers", "evcharger"), ("warmth", "thermostat")):
        virtualders.create(name, rule=f"kind = {kind}", parent="town", purpose="kind")
    batteries = [battery(number) for number in (1, 2, 3, 4)]
    chargers = [home(number, "evcharger") for number in (5, 6)]
    thermostats = [home(number, "thermostat", category=1) for number in (7, 8)]
    for charger in chargers:
        charger.rate(82, 0, 7000)
    for thermostat in thermostats:
        has(thermostat, 2000)
        thermostat.post(-1000)
    for other in (*batteries, *chargers):
        other.post(0)
    areasettings.set_automatic("town", on=True)
    for charger in chargers:
        asks(charger)
    lastcontact.flush()


@pytest.fixture
def cold_store(home):
    """A cold store that draws so many W, and can be told to draw less by load controls."""
    def create(number, load=300_000, sheddable=None, duration=None, **labels):
        device = home(number, "load_switch", category=1 << 9, **labels)
        if load is not None:
            device.post(-load)
        if sheddable is not None:
            data = {"sheddablePower": {"multiplier": 3, "value": sheddable // 1000}}
            data |= {} if duration is None else {"availabilityDuration": duration}
            assert device.client.post(f"/edev/{device.device.id}/lsl", "LoadShedAvailability",
                                      data).status == 201
        return device
    return create


@pytest.fixture
def generator(home):
    """An engine of so many W that stands still."""
    def create(number, rated=200_000, der_type=2, modes=ALL, **labels):
        device = home(number, "generator", **labels)
        data = {"modesSupported": f"{modes:08X}", "type": der_type,
                "rtgMaxW": {"multiplier": 3, "value": rated // 1000}}
        device.put("dercap", "DERCapability", data)
        device.post(0)
        return device
    return create

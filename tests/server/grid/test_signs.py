"""Which way power flows, from what is planned over XML to a simulated device, to its readings and back: both
directions."""
import pytest

from clients.devices.battery import Battery
from clients.devices.device import Device, Identity
from clients.devices.evcharger import EvCharger
from clients.devices.thermostat import Thermostat
from clients.simulation.weather import Site
from server import actors, clock
from server.config import settings
from server.devices import enrolment, identity, lastcontact
from server.errors import Refused
from server.grid.balance import areasettings, controller
from server.grid.controls import drevents, evsessions, reservations
from server.grid.fleet import eligibility, fleetstate, power
from server.grid.groups import virtualders
from server.grid.reports import orderprogress, performance
from server.grid.series import devicereadings, signals
from server.models import Device as Enrolled
from server.resources import store
from tests import peers
from tests.clients.inprocess import InProcess
from tests.conftest import NOON, on_sqlite
from tests.ordered import create_order

STEP = 900
T = NOON + STEP
EVENING = Site("seed", 0.0, 125.0)  # noon UTC is past eight there: the car has come
WINTER = 1_768_478_400


@pytest.fixture
def live(server, application):
    """Enrols a client for each plant, all of them in the virtual DER `town`; how they live until an
    instant."""
    settings.poll_rate = settings.post_rate = 60

    def devices(*models):
        clients = []
        for number, model in enumerate(models, 1):
            lfdi = peers.lfdi(number)
            enrolment.enrol(lfdi, pin=123455, name=model.name, kind=model.kind, category=model.category)
            line = InProcess(application, lfdi)
            clients.append(
                Device(
                    Identity(lfdi, identity.sfdi(lfdi), 123455), model, line.connection(), clock=clock.precise
                )
            )
        virtualders.create("town", members=[model.name for model in models])
        wakes = dict.fromkeys(range(len(clients)), 0.0)

        def until(instant):
            while min(wakes.values()) <= instant:
                device = min(wakes, key=wakes.get)
                clock.turn_to(max(wakes[device], clock.precise()))
                wakes[device] = clients[device].step(clock.precise())
            clock.turn_to(instant)
            lastcontact.flush()
        return clients, until
    return devices


def read(number, start, end):
    """What was injected by the readings, each way of asking for it: they agree."""
    lfdi = peers.lfdi(number)
    mean = power.mean([lfdi], start, end)[lfdi]
    if (end - start) % STEP == 0 and start % STEP == 0:
        row, = devicereadings.mean_injection_w([Enrolled.get(Enrolled.lfdi == lfdi).id], start, end, STEP)
        assert row.mean() == pytest.approx(mean, abs=50)
    return mean


@on_sqlite
@pytest.mark.parametrize("watts", [2000, -2000])
def test_a_battery_that_is_ordered_to(live, watts):
    (client,), until = live(Battery(name="one", site=EVENING))
    until(NOON + 300)
    devices = create_order("town", 1800, T, target=watts)
    control, = store.items(f"{virtualders.find('town').program}/derc")
    assert f"<opModFixedW>{watts * 2}</opModFixedW>".encode() in control.body
    until(T + STEP)
    assert client.model.injection_w == pytest.approx(watts, abs=20)
    assert power.latest([peers.lfdi(1)])[peers.lfdi(1)].injection_w == pytest.approx(watts, abs=20)
    step, = performance.event_performance(devices["id"])["power"]
    assert step["measured_w"] == pytest.approx(watts, abs=50)
    assert step["delivered_w"] == pytest.approx(watts - step["baseline_w"], abs=1)
    assert orderprogress.show(devices["id"])["delivered_w"] == pytest.approx(step["delivered_w"], abs=1)
    until(T + STEP + 120)
    assert read(1, T, T + STEP) == pytest.approx(watts, rel=0.1)


@pytest.mark.parametrize("imbalance", [2000.0, -2000.0])
def test_a_battery_of_an_area_in_balance(live, imbalance):
    """Where too much is drawn (+) it injects."""
    (client,), until = live(Battery(name="one", site=EVENING))
    until(T - 60)
    signals.put("town", "imbalance", [imbalance] * 4 + [0.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", on=True)
    with actors.acting("test"):
        assert controller.run_due() == 1
    until(T + STEP - 60)
    control, = store.items(f"{virtualders.find('town').program}/derc")
    fixed = control.submitted["DERControlBase"]["opModFixedW"]
    assert client.model.injection_w == pytest.approx(fixed / 10_000 * 5000, abs=20)
    assert client.model.injection_w * imbalance > 0 and abs(client.model.injection_w) > 500
    assert read(1, T + 120, T + STEP - 60) == pytest.approx(client.model.injection_w, rel=0.1)


@on_sqlite
def test_a_car_that_asks_charges_as_it_is_granted(live):
    (client,), until = live(EvCharger(name="one", site=EVENING))
    until(T - 300)
    asked = evsessions.request_of(Enrolled.get())
    with pytest.raises(Refused, match="charging, which is positive"):
        reservations.grant(asked, -3000, 3600, T)
    grant = reservations.grant(asked, 3000, 3600, T)
    body = store.get(grant["href"]).body
    assert b"<value>3000</value>" in body and b"<value>-" not in body
    until(T + STEP)
    assert client.model.injection_w == pytest.approx(-3000, abs=50)
    until(T + STEP + 120)
    assert read(1, T, T + STEP) == pytest.approx(-3000, rel=0.1)
    session, = evsessions.list_sessions("town")
    assert session["energy_wh"] > 0 and session["served_wh"] > 500


@on_sqlite
@pytest.mark.parametrize("imbalance, charges", [(40_000.0, False), (-16_000.0, True)])
def test_a_car_of_an_area_in_balance(live, imbalance, charges):
    """Where too much is drawn (+) it waits, where too little (-) it charges."""
    (client,), until = live(EvCharger(name="one", site=EVENING))
    until(T - 60)
    signals.put("town", "imbalance", [imbalance] * 4 + [-imbalance] * 4 + [0.0] * 60, NOON, STEP)
    areasettings.set_automatic("town", on=True)
    with actors.acting("test"):
        controller.run_due()
    until(T + STEP - 120)
    assert (client.model.injection_w < -1000) == charges
    assert read(1, T + 180, T + STEP - 180) == pytest.approx(client.model.injection_w, abs=50)


@on_sqlite
def test_a_car_that_offers_gives_as_it_is_granted(live):
    """Discharge is negative in a FlowReservation, from what the car asks to what it is granted; injection in
    its readings."""
    (client,), until = live(EvCharger(name="one", site=EVENING, max_discharge_w=5000.0, spare_wh=9000.0))
    virtualders.update("town", export_limit_w=0.0)
    until(T - 300)
    asked = evsessions.request_of(Enrolled.get())
    assert (
        b"<value>-5000</value>" in store.get(asked).body
        and list(evsessions.list_sessions("town"))[0]["energy_wh"] < -1000
    )
    with pytest.raises(Refused, match="discharging, which is negative"):
        reservations.grant(asked, 3000, 3600, T)
    grant = reservations.grant(asked, -3000, 3600, T)
    assert store.get(grant["href"]).body.count(b"<value>-3000</value>") == 2
    until(T + STEP)
    assert client.model.injection_w == pytest.approx(3000, abs=50)
    assert power.latest([peers.lfdi(1)])[peers.lfdi(1)].injection_w == pytest.approx(3000, abs=50)
    until(T + STEP + 120)
    assert read(1, T, T + STEP) == pytest.approx(3000, rel=0.1)
    session, = evsessions.list_sessions("town")
    assert session["served_wh"] < -500 and session["vehicle"]["chargingPowerNow"]["value"] == -3000
    assert session["vehicle"]["energyRequestNow"]["value"] > 0 and session["answer"] == "started"


@on_sqlite
def test_a_car_that_offers_in_an_area_in_balance(live):
    """No plan takes an offer for a need; it gives what the area lacks, and what an operator takes of it."""
    (client,), until = live(EvCharger(name="one", site=EVENING, max_discharge_w=5000.0, spare_wh=9000.0))
    signals.put("town", "imbalance", [4000.0] * 100, NOON, STEP)
    areasettings.set_automatic("town", on=True)
    until(T - 60)
    with actors.acting("test"):
        controller.run_due()
    state = fleetstate.read(virtualders.find("town"), clock.now())
    assert not len(state.ev.device) and list(state.excluded.values()) == [eligibility.OFFERS]
    until(T + STEP)
    taken, offered = evsessions.list_sessions("town")
    assert taken["granted_w"] == -4000 and taken["served_wh"] == pytest.approx(-1000, abs=20)
    assert client.model.injected_wh == pytest.approx(1000, abs=20)
    reservations.grant(offered["request"], -3000, 1800)
    until(T + 2 * STEP)
    with actors.acting("test"):
        controller.run_due()
    until(T + 2 * STEP + 300)
    assert client.model.injection_w == pytest.approx(3000, abs=50), "nor is it called off by the balance"


@on_sqlite
@pytest.mark.parametrize("forward", [False, True])
def test_a_thermostat_that_is_to_draw_less_or_more(live, forward):
    clock.turn_to(WINTER)
    cold = Site("x", 60.0, 0.0)
    clients, until = live(*(Thermostat(name=name, site=cold) for name in ("one", "two")))
    virtualders.create("half", members=["one"])
    until(WINTER + 2 * STEP)
    drevents.create("half", {"Offset": {"heatingOffset": 15}}, 3600, WINTER + 3 * STEP, forward=forward)
    until(WINTER + 7 * STEP + 120)
    ordered, usual = (read(number, WINTER + 3 * STEP, WINTER + 7 * STEP) for number in (1, 2))
    assert (ordered < usual - 200) if forward else (ordered > usual + 200)
    assert usual < 0

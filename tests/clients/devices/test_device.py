"""A device at the real device interface, in one process, with the clock turned: a day in milliseconds."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask

from clients.devices.aggregator import Aggregator
from clients.devices.battery import Battery
from clients.devices.device import Device
from clients.devices.inverter import Inverter
from clients.devices.thermostat import Thermostat
from clients.reports.reporter import Trace
from clients.simulation.weather import Site
from clients.transport.mtls import HttpReply
from server import clock
from server.config import settings
from server.devices import enddevices, enrolment
from server.errors import Refused
from server.grid.groups import virtualders
from server.resources import numbering, pollrates, store
from tests import peers
from tests.clients import fixtures
from tests.clients.fixtures import LFDI, PIN, DeviceFixture
from tests.clients.inprocess import InProcess

OTHER, AGENT = (peers.lfdi(number) for number in (2, 3))


@pytest.fixture
def device(server: None, application: Flask) -> DeviceFixture:
    """A device with a 5 kW inverter that is not enrolled yet; it polls every 120 s and posts every 300 s."""
    settings.poll_rate, settings.post_rate = 120, 300
    return fixtures.create(application, Inverter(name="one", site=Site("seed")))


@pytest.fixture
def enrolled(device: DeviceFixture) -> DeviceFixture:
    """The same device, enrolled and in the virtual DERs `system` and, below that, `street`."""
    enrolment.enrol(LFDI, pin=PIN, name="one")
    virtualders.create("system", members=["one"])
    virtualders.create("street", members=["one"], parent="system")
    return device


def post(vder: str, start: int, duration: int, required: str = "07", **base: Any) -> str:
    """Post a DERControl for a virtual DER, starting in so many seconds; return its href."""
    program = virtualders.show(vder)["program"]
    return store.add("DERControl", f"{program}/derc", {
        "creationTime": clock.now(), "interval": {"start": clock.now() + start, "duration": duration},
        "responseRequired": required, "DERControlBase": base})


def responses() -> list[tuple[int, int]]:
    """Return (seconds after noon, status) of every Response that the server has."""
    data = [document.submitted for document in fixtures.stored_responses()]
    return sorted((response["createdDateTime"] % 43200, response["status"]) for response in data)


def test_it_reads_what_concerns_it_and_only_that(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    assert enrolled.details("enrolled") == ["/edev/1"] and not enrolled.details("error")
    read = [href.partition("?")[0] for method, href in enrolled.transport.requests if method == "GET"]
    assert read[:3] == ["/dcap", "/tm", "/edev"]
    assert read.count("/dcap") == 2
    assert len(read) == len(set(read)) + 1, "each once, and DeviceCapability again as a known device"
    assert {"/edev", "/edev/1/rg", "/edev/1/fsa", "/edev/1/der"} < set(read)


def test_it_polls_at_the_advertised_rate(enrolled: DeviceFixture) -> None:
    enrolled.run(1190)
    assert enrolled.transport.count("GET", "/edev/1/fsa?") == 10
    assert enrolled.transport.count("GET", "/tm") == 10


def test_it_is_not_followed_without_an_end_device_and_registers_where_it_may(device: DeviceFixture) -> None:
    device.run(250)
    error, = device.details("error")
    assert "no EndDeviceListLink" in error and not device.details("enrolled")
    assert not device.transport.count("POST", "/edev"), "it is shown no list to register in"
    settings.registration = True
    device.run(130)
    assert device.details("registered") == [LFDI] and device.details("enrolled") == ["/edev/1"]
    assert device.details("metering") == ["/mup/1"], "a known device has discovered more"


def test_a_refused_registration_is_tried_once_for_every_poll(
        device: DeviceFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise Refused(403, "not you")
    settings.registration = True
    monkeypatch.setattr(enddevices, "_check_registration", refuse)
    device.run(250)
    assert device.details("error") and not device.details("enrolled")
    assert device.transport.count("POST", "/edev") == 3


def test_another_pin_is_noticed_and_nothing_followed(device: DeviceFixture) -> None:
    enrolment.enrol(LFDI, pin=111115, name="one")
    virtualders.create("street", members=["one"])
    post("street", 60, 600, opModMaxLimW=0)
    device.run(300)
    assert device.details("error") == ["Registration has another PIN (111115)"]
    assert not device.details("enrolled")
    assert not responses() and not device.transport.count("PUT")
    store.put("/edev/1/rg", {"dateTimeRegistered": clock.now(), "pIN": PIN})
    device.run(130)
    assert device.details("enrolled") and {status for _, status in responses()} == {1, 2}


def test_it_says_what_it_is_and_how_it_is(enrolled: DeviceFixture) -> None:
    enrolled.run(1000)
    device = enrolled.device
    der = {
        kind: store.get(f"/edev/1/der/1/{step}").submitted
        for kind, step in (  # type: ignore[union-attr]
            ("DERCapability", "dercap"),
            ("DERSettings", "derg"),
            ("DERStatus", "ders"),
            ("DERAvailability", "dera"),
        )
    }
    assert der["DERCapability"]["type"] == 4
    assert (
        der["DERCapability"]["rtgMaxW"] == {"multiplier": 0, "value": 5000} == der["DERSettings"]["setMaxW"]
    )
    assert der["DERStatus"]["genConnectStatus"]["value"] == "07"
    assert der["DERAvailability"]["statWAvail"]["value"] == pytest.approx(device.model.available_w, rel=0.2)
    assert store.get("/edev/1/di").submitted["lFDI"] == LFDI     # type: ignore[union-attr]
    assert enrolled.transport.count("PUT", "/edev/1/der/1/dercap") == 1, "what does not change is sent once"
    assert enrolled.transport.count("PUT", "/edev/1/der/1/ders") == 4, "at the start and every 300 s"


def test_it_posts_readings_that_sum_to_its_meter(enrolled: DeviceFixture) -> None:
    enrolled.run(1000)
    point = enrolled.transport.connection()
    sets = point.get("/upt/1/mr/2/rs?l=9").data["ReadingSet"]
    values = [point.get(f"{item['href']}/r").data["Reading"][0]["value"] for item in sets]
    assert len(sets) == 3 and all(item["timePeriod"]["duration"] == 300 for item in sets)
    meter = enrolled.model.injected_wh
    assert sum(values) == pytest.approx(meter * 900 / 1000, rel=0.1) and meter > 100


LIMIT = {"opModMaxLimW": 1000}


def test_a_control_is_followed_and_answered(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    post("street", 200, 300, **LIMIT)
    enrolled.run(205)
    free = enrolled.model.available_w
    assert free > 1000
    enrolled.run(10)
    assert enrolled.model.injection_w == 500, "10 percent of 5 kW"
    status = store.get("/edev/1/der/1/ders").submitted  # type: ignore[union-attr]
    assert status["localControlModeStatus"]["value"] == 1 and status["readingTime"] % 43200 == 210, (
        "it says so at once"
    )
    enrolled.run(400)
    assert enrolled.model.injection_w > 1000
    assert responses() == [(120, 1), (210, 2), (510, 3)]
    assert enrolled.details("control") == ["opModMaxLimW 1000", "nothing"]


def test_an_assignment_s_own_time_rules_its_events(
    enrolled: DeviceFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """9.2.3: by a Time that is ten minutes ahead an event begins ten minutes earlier, and is answered in that
    Time; the device's clock stays the server's."""
    exchange = enrolled.transport.exchange

    def elsewhere(method: str, href: str, body: bytes | None, headers: dict[str, str]) -> HttpReply:
        if href != "/tm2":
            reply = exchange(method, href, body, headers)
            own, other = b'<TimeLink href="/tm"/>', b'<TimeLink href="/tm2"/>'
            return reply._replace(body=reply.body.replace(own, other)) if "/fsa" in href else reply
        reply, now = exchange(method, "/tm", body, {}), clock.now()
        own, other = b"<currentTime>%d" % now, b"<currentTime>%d" % (now + 600)
        return reply._replace(body=reply.body.replace(own, other))
    monkeypatch.setattr(enrolled.transport, "exchange", elsewhere)
    noon = clock.now()
    post("street", 1200, 300, opModMaxLimW=0)
    enrolled.run(1199)
    assert ("GET", "/tm2") not in enrolled.transport.requests
    assert [status for _, status in responses()] == [1, 2, 3]
    assert [second - noon % 43200 for second, _ in responses()][1:] == [1200, 1500]
    assert abs(enrolled.device.now - clock.precise()) < 1


def test_a_ramp_takes_its_time(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    post("street", 200, 900, opModMaxLimW=0, rampTms=40000)
    enrolled.run(205)
    free = enrolled.model.injection_w
    enrolled.run(205)
    assert 0.3 * free < enrolled.model.injection_w < 0.7 * free
    enrolled.run(400)
    assert enrolled.model.injection_w == 0


def test_the_rate_of_its_usage_point_goes_before_that_of_its_end_device(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    pollrates.set_rate("post", "MirrorUsagePoint", "", 100)
    store.apply_rates()
    enrolled.run(1000)
    assert enrolled.transport.count("POST", "/mup/1") == 1 + 7, "at 300 s, and from then on every 100 s"


@pytest.mark.parametrize(
    "modes, statuses", [({"opModConnect": True}, [1, 2]), ({"opModFixedW": 0}, [1, 2, 4])]
)
def test_a_customer_who_is_cold_opts_out_of_what_makes_them_so(
    enrolled: DeviceFixture, modes: dict[str, Any], statuses: list[int]
) -> None:
    site = Site("seed", latitude=-70.0)
    enrolled.device.event_client.model = Thermostat(name="one", site=site, indoor_c=15.0)
    post("street", 60, 600, **modes)
    enrolled.run(300)
    assert [status for _, status in responses()] == statuses


@pytest.mark.parametrize("required, statuses", [("00", []), ("01", [1]), ("02", [2, 3]), ("03", [1, 2, 3])])
def test_only_what_is_asked_is_answered(enrolled: DeviceFixture, required: str, statuses: list[int]) -> None:
    enrolled.run(10)
    post("street", 200, 300, required, **LIMIT)
    enrolled.run(600)
    assert [status for _, status in responses()] == statuses


def test_a_cancelled_control_is_left_and_answered(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    href = post("street", 100, 900, **LIMIT)
    enrolled.run(300)
    store.cancel(href)
    enrolled.run(130)
    assert [status for _, status in responses()] == [1, 2, 6] and enrolled.model.injection_w > 500


def test_the_nearer_program_goes_first(enrolled: DeviceFixture) -> None:
    post("system", 100, 500, **LIMIT)
    post("street", 300, 300, opModMaxLimW=400)
    enrolled.run(700)
    assert responses() == [(0, 1), (0, 1), (100, 2), (300, 2), (300, 14), (600, 3)]
    assert enrolled.details("control") == ["opModMaxLimW 1000", "opModMaxLimW 400", "nothing"]


def test_the_default_holds_between_events_and_goes_with_the_group(enrolled: DeviceFixture) -> None:
    program = virtualders.show("street")["program"]
    store.put(
        f"{program}/dderc",
        {"mRID": numbering.new_mrid(), "DERControlBase": {"opModMaxLimW": 2000}, "setGradW": 500},
    )
    post("street", 200, 100, **LIMIT)
    enrolled.run(700)
    assert enrolled.details("control") == ["opModMaxLimW 2000", "opModMaxLimW 1000", "opModMaxLimW 2000"]
    assert store.get("/edev/1/der/1/derg").submitted["setGradW"] == 500    # type: ignore[union-attr]
    virtualders.update("street", remove=["one"])
    enrolled.run(130)
    assert enrolled.details("control")[-1] == "nothing"


def test_it_goes_on_alone_while_the_line_is_cut_and_answers_later(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    post("street", 300, 300, **LIMIT)
    enrolled.run(150)
    enrolled.transport.down = True
    enrolled.run(290)
    assert enrolled.model.injection_w == 500 and enrolled.details("error")
    assert [status for _, status in responses()] == [1]
    enrolled.transport.down = False
    enrolled.run(400)
    assert responses() == [(120, 1), (310, 2), (610, 3)]


def test_the_customer_opts_out(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    href = post("street", 100, 400, **LIMIT)
    enrolled.run(200)
    enrolled.device.event_client.opt(store.get(href).submitted["mRID"], True)      # type: ignore[union-attr]
    enrolled.run(400)
    assert [status for _, status in responses()] == [1, 2, 4, 8] and enrolled.model.injection_w > 500


def test_alarms_are_logged_when_they_come_and_go(device: DeviceFixture) -> None:
    enrolment.enrol(LFDI, pin=PIN, name="one")
    device.device.event_client.model = Inverter(name="one", site=Site("seed", voltage_rise_percent=30.0))
    device.run(200)
    virtualders.create("street", members=["one"])
    post("street", 0, 9000, opModMaxLimW=0)
    device.run(300)
    logged = [document.submitted for document in store.items("/edev/1/lel")]
    codes = [event["logEventCode"] for event in sorted(logged, key=lambda event: event["logEventID"])]
    assert codes and codes == [2, 3] * (len(codes) // 2) and device.model.alarms == 0


def test_a_removed_usage_point_is_stated_again(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    store.remove("/mup/1")
    enrolled.run(700)
    assert enrolled.transport.count("POST", "/mup") > 2 and len(store.items("/mup")) == 1


def test_a_removed_device_follows_nothing(enrolled: DeviceFixture) -> None:
    post("street", 0, 9000, **LIMIT)
    enrolled.run(200)
    store.remove("/edev/1")
    enrolled.run(200)
    assert enrolled.details("control")[-1] == "nothing" and enrolled.model.injection_w > 500


@pytest.mark.parametrize("slow", [3600, -3600])
def test_it_keeps_to_the_servers_time(enrolled: DeviceFixture, slow: int) -> None:
    """Its own clock is an hour slow, or fast."""
    def own() -> float:
        return clock.precise() - slow
    device = Device(enrolled.device.identity, enrolled.model, enrolled.transport.connection(), clock=own)
    post("street", 100, 300, **LIMIT)
    start = wake = own()
    while wake < start + 500:
        clock.turn_to(wake + slow)
        wake = device.step(own())
        assert own() < wake <= own() + 60
    assert device.timebase.offset_s == pytest.approx(slow, abs=1) and abs(device.now - clock.now()) <= 1
    assert responses() == [(0, 1), (100, 2), (400, 3)]
    assert enrolled.transport.count("GET", "/tm") == 5, "and reads Time again at its rate"
    assert enrolled.transport.count("GET", "/dcap") == 6


def test_a_clock_that_is_set_back_does_not_stop_it(enrolled: DeviceFixture) -> None:
    enrolled.run(10)
    slow = [0.0]
    device = Device(enrolled.device.identity, enrolled.model, enrolled.transport.connection(),
                    clock=lambda: clock.precise() - slow[0])

    def run(seconds: int) -> int:
        before, wake, until = (
            enrolled.transport.count("GET", "/edev/1/fsa?"),
            clock.precise(),
            clock.precise() + seconds,
        )
        while wake < until:
            clock.turn_to(wake)
            wake = device.step(clock.precise() - slow[0]) + slow[0]
        return enrolled.transport.count("GET", "/edev/1/fsa?") - before
    assert run(600) == 5
    meter, reports = device.model.injected_wh, enrolled.transport.count("PUT", "/edev/1/der/1/ders")
    slow[0] -= 3600
    clock.advance(-3600)
    post("street", 300, 200, **LIMIT)
    assert 4 <= run(600) <= 5 and abs(device.now - clock.now()) <= 1
    assert enrolled.transport.count("PUT", "/edev/1/der/1/ders") >= reports + 2
    assert device.model.injected_wh > meter
    assert [status for _, status in responses()] == [1, 2, 3]


def test_an_aggregator_follows_and_answers_for_each(
    server: None, application: Flask, peer: Callable[[int], Any]
) -> None:
    settings.poll_rate, settings.post_rate = 120, 300
    enrolment.enrol(AGENT, name="agent", kind="aggregator")
    for number, lfdi in ((1, LFDI), (2, OTHER)):
        enrolment.enrol(lfdi, name=f"home-{number}", manager=AGENT)
    virtualders.create("both", members=["home-1", "home-2"])
    virtualders.create("second", members=["home-2"], parent="both")
    transport, traces = InProcess(application, AGENT), list[Trace]()
    fleet = {LFDI: Inverter(name="home-1", site=Site("a")), OTHER: Battery(name="home-2", site=Site("b"))}
    aggregator = Aggregator(
        "agent", fleet, transport.connection(), on_event=traces.append, clock=clock.precise
    )
    post("both", 100, 400, **LIMIT)
    post("second", 200, 100, opModFixedW=-5000)
    fixtures.run(aggregator, 250)
    models = [event_client.model for event_client in aggregator.event_clients]
    powers = {model.name: model.injection_w for model in models}
    assert powers == {"home-1": 500, "home-2": -2500}
    fixtures.run(aggregator, 400)
    answered = [
        (response.submitted["endDeviceLFDI"], response.submitted["status"])
        for response in fixtures.stored_responses()
    ]
    assert sorted(answered) == sorted(
        [(LFDI, 1), (LFDI, 2), (LFDI, 3), *[(OTHER, status) for status in (1, 1, 2, 2, 3, 3)]]
    )
    assert {point.submitted["deviceLFDI"] for point in store.items("/mup")} == {LFDI, OTHER}
    assert not [trace for trace in traces if trace.kind == "error"]


def test_what_changes_often_is_polled_often_and_the_rest_seldom(enrolled: DeviceFixture) -> None:
    settings.poll_rate = 3600
    pollrates.set_rate("poll", "DERProgramList", "", 300)
    store.apply_rates()
    enrolled.run(400)
    enrolled.transport.requests.clear()
    post("street", 800, 300, **LIMIT)
    enrolled.run(300)
    assert responses() == [(600, 1)]
    assert enrolled.transport.count("GET", "/edev") == 0
    read = [enrolled.transport.count("GET", href) for href in ("/derp/1/", "/derp/1/dderc")]
    assert read == [1, 1], "nor lists that are empty"

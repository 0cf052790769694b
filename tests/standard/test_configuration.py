"""Configuration and NetworkStatus: what devices put, and operators read and set (IEEE 2030.5-2018, 9.5 and
9.7)."""
from __future__ import annotations

from typing import Any

import pytest

from server.devices import enrolment
from server.errors import BadArgument, Refused
from server.functionsets import dstrules, network
from server.grid.controls import tariffs
from server.grid.groups import virtualders
from server.operations import devicereports
from server.resources import store
from tests.conftest import NOON
from tests.peers import Peer
from tests.standard.every_resource import sample

CFG = "/edev/1/cfg"


# --- rules of daylight saving ---------------------------------------------------------------------

@pytest.mark.parametrize("zone, offset_s, saving_s, start, end", [
    ("Europe/Dublin", 0, 3600, "last Sunday of March at 01:00", "last Sunday of October at 02:00"),
    ("America/New_York", -18000, 3600, "second Sunday of March at 02:00",
     "first Sunday of November at 02:00"),
    ("Australia/Lord_Howe", 37800, 1800, "first Sunday of October at 02:00",
     "first Sunday of April at 02:00"),
    ("Asia/Jerusalem", 7200, 3600, "Friday on or after 23 March at 02:00", "last Sunday of October at 02:00"),
    ("Asia/Kolkata", 19800, 0, "none", "none")])
def test_a_time_zone_is_said_by_rules(zone: str, offset_s: int, saving_s: int, start: str, end: str) -> None:
    """DstRuleType; the clock of a rule is the one in force until then."""
    rules = dstrules.of_zone(zone, 2026)
    assert (rules.tz_offset_s, rules.dst_offset_s) == (offset_s, saving_s)
    assert (dstrules.in_words(rules.start), dstrules.in_words(rules.end)) == (start, end)


def test_rules_have_the_bits_of_the_schema() -> None:
    assert dstrules.of_zone("Europe/Dublin", 2026)[2:] == ("3E0E1000", "AE0E2000")
    rule = dstrules.ClockRule(month=3, operator=0, day=31, weekday=0, hour=1, second=1830)
    assert dstrules.decoded(rule.encoded()) == rule
    assert dstrules.in_words(rule.encoded()) == "31 March at 01:30:30"


@pytest.mark.parametrize("zone, why", [
    ("Nowhere", "there is no time zone"), ("../etc/passwd", "there is no time zone"),
    ("Africa/Casablanca", "by one rule a year")])
def test_a_zone_without_such_a_rule_is_refused(zone: str, why: str) -> None:
    with pytest.raises(Refused, match=why):
        dstrules.of_zone(zone, 2026)


@pytest.mark.parametrize("digits, words", [
    ("0", "none"), ("FFFFFFFF", "none"), ("D0000000", "no rule: D0000000"),
    ("10118000", "no rule: 10118000")])
def test_what_is_no_rule_says_so(digits: str, words: str) -> None:
    assert dstrules.in_words(digits) == words


# --- Configuration --------------------------------------------------------------------------------

def test_an_operator_reads_what_the_device_has_put(device: Peer) -> None:
    with pytest.raises(Refused, match="device configure"):
        devicereports.show_configuration("one")
    assert device.put(CFG, "Configuration", sample("Configuration")).status == 201
    assert devicereports.show_configuration("one") == {
        "configuration": CFG, "name": "Roof and garage", "locale": "en-IE", "price_thresholds": [],
        "battery_installed_at": 1735689600, "low_charge_threshold_s": 1800, "tz_offset_s": 0,
        "dst_offset_s": 3600, "dst_start": "last Sunday of March at 01:00",
        "dst_end": "last Sunday of October at 02:00"}


def test_an_operator_sets_parts_of_it_which_the_device_reads(device: Peer) -> None:
    """8.4.3: a Configuration may be written; what is not given stays."""
    devicereports.configure("one", time_zone="Europe/Dublin", low_charge_threshold_s=600)
    read = device.get(CFG).data
    assert (read["currentLocale"], read["userDeviceName"]) == ("en", "one")
    assert read["TimeConfiguration"] == {"dstEndRule": "AE0E2000", "dstOffset": 3600,
                                         "dstStartRule": "3E0E1000", "tzOffset": 0}
    devicereports.configure("one", name="Roof", locale="de-AT", battery_installed_at=1735689600,
                            time_zone="none")
    read = device.get(CFG).data
    assert (read["currentLocale"], read["userDeviceName"]) == ("de-AT", "Roof")
    assert read["PowerConfiguration"] == {"batteryInstallTime": 1735689600, "lowChargeThreshold": 600}
    assert "TimeConfiguration" not in read
    assert device.get("/edev/1").data["ConfigurationLink"]["href"] == CFG


@pytest.mark.parametrize("values, why", [
    ({}, "specify at least one"), ({"name": "ü" * 17}, "34 octets"), ({"name": ""}, "0 octets"),
    ({"locale": "no language"}, "currentLocale"), ({"time_zone": "Mars/Base"}, "time zone")])
def test_what_cannot_be_set_is_refused_and_nothing_changes(
    device: Peer, values: dict[str, Any], why: str
) -> None:
    with pytest.raises((BadArgument, Refused), match=why):
        devicereports.configure("one", **values)
    assert device.get(CFG).status == 404


def test_a_rule_that_the_schema_reserves_is_the_device_s_to_say_and_no_operator_s(device: Peer) -> None:
    """Of devices, codes are kept as they come."""
    odd = sample("Configuration")
    odd["TimeConfiguration"] = {**odd["TimeConfiguration"], "dstEndRule": "D0000000"}
    assert device.put(CFG, "Configuration", odd).status == 201
    assert devicereports.show_configuration("one")["dst_end"] == "no rule: D0000000"
    with pytest.raises(Refused, match="dstEndRule: D0000000 is no rule; FFFFFFFF"):
        store.put(CFG, odd)


def test_an_operator_says_at_which_prices_a_device_responds(device: Peer) -> None:
    virtualders.create("street", members=["one"])
    tariffs.set_price("street", 0.3, NOON + 86400)
    component = device.get("/tp/1/rc").data["RateComponent"][0]["href"]
    devicereports.respond("one", component, consume_below=0.18, reduce_above=0.42)
    devicereports.respond("one", component, consume_below=0.2, reduce_above=0.42)
    threshold, = device.get(f"{CFG}/prcfg").data["PriceResponseCfg"]
    scale = 10.0 ** device.get("/tp/1").data["pricePowerOfTenMultiplier"]
    assert [round(threshold[key] * scale, 9) for key in ("consumeThreshold", "maxReductionThreshold")] == [
        0.2, 0.42]
    shown, = devicereports.show_configuration("one")["price_thresholds"]
    assert (shown["component"], shown["consume_below"]) == (component, threshold["consumeThreshold"])
    for href, low, why in ((component, 0.5, "above maxReductionThreshold"),
                           ("/derp/1", 0.1, "no RateComponent")):
        with pytest.raises(Refused, match=why):
            devicereports.respond("one", href, consume_below=low, reduce_above=0.42)


# --- NetworkStatus --------------------------------------------------------------------------------

@pytest.fixture
def reported(device: Peer) -> Peer:
    """A device that has reported an interface with all that is below one."""
    for path, kind in (("ns", "IPInterface"), ("ns/1/addr", "IPAddr"), ("ns/1/addr/1/rpl", "RPLInstance"),
                       ("ns/1/addr/1/rpl/1/srt", "RPLSourceRoutes"), ("ns/1/ll", "LLInterface"),
                       ("ns/1/ll/1/nbh", "Neighbor")):
        assert device.post(f"/edev/1/{path}", kind, sample(kind)).status == 201, kind
    return device


def test_an_operator_reads_the_network_of_a_device(reported: Peer) -> None:
    """9.5: interfaces, addresses, routes, links and neighbours, in words."""
    interface, = devicereports.show_network("one")
    shown = [interface[key] for key in ("index", "name", "state", "faults")]  # type: ignore[literal-required]
    assert shown == [1, "eth0", "up", 0]
    assert interface["addresses"] == [{"address": "2001:db8::3", "meshes": [
        {"instance": 30, "tree": 1, "root": False, "rank": 512, "version": 240,
         "routes": [{"destination": "2001:db8::7", "via": "2001:db8::5"}]}]}]
    assert interface["links"] == [{
        "eui64": "021122FFFE334455", "layer": "wireless pan", "received": 120934, "sent": 88120,
        "retries": 211, "damaged": 3,
        "neighbors": [{"short_address": "1235", "quality": 212, "child": False}]}]


@pytest.mark.parametrize("path, kind", [
    ("ns", "IPInterface"), ("ns/1/addr", "IPAddr"), ("ns/1/addr/1/rpl", "RPLInstance"),
    ("ns/1/addr/1/rpl/1/srt", "RPLSourceRoutes"), ("ns/1/ll", "LLInterface"), ("ns/1/ll/1/nbh", "Neighbor")])
def test_what_a_device_posts_again_after_a_restart_is_updated(reported: Peer, path: str, kind: str) -> None:
    again = reported.post(f"/edev/1/{path}", kind, sample(kind))
    assert (again.status, again.location) == (204, f"/edev/1/{path}/1")
    assert reported.get(f"/edev/1/{path}").data["all"] == 1


def test_another_interface_is_another_one(reported: Peer) -> None:
    other = {**sample("IPInterface"), "ifIndex": 2}
    assert reported.post("/edev/1/ns", "IPInterface", other).location == "/edev/1/ns/2"
    unnumbered = {key: value for key, value in sample("IPInterface").items() if key != "ifIndex"}
    assert reported.post("/edev/1/ns", "IPInterface", unnumbered).status == 201
    assert len(network.interfaces(enrolment.href(enrolment.find("one")))) == 3


def test_codes_that_nobody_has_defined_are_shown_as_numbers(device: Peer) -> None:
    device.post("/edev/1/ns", "IPInterface", {"ifOperStatus": 99})
    device.post("/edev/1/ns/1/addr", "IPAddr", {"address": "FFFFC0A80001"})
    interface, = devicereports.show_network("one")
    assert (interface["state"], interface["addresses"][0]["address"]) == ("99", "192.168.0.1")

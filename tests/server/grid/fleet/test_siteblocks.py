"""What blocks of members can give: by contract, by what their devices report, and by what they draw."""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from server import clock
from server.grid.fleet import contracts, eligibility, fleetstate
from server.grid.fleet.siteblocks import SiteBlock
from server.grid.groups import virtualders
from server.models import BlockCall, DeviceType, VirtualDER
from tests.conftest import NOON

pytestmark = pytest.mark.usefixtures("server")
Create = Callable[..., Any]


@pytest.fixture
def everyone() -> VirtualDER:
    virtualders.create("all", "*")
    return virtualders.find("all")


def blocks(area: VirtualDER) -> list[SiteBlock]:
    return list(fleetstate.read(area, clock.now()).blocks)


@pytest.mark.parametrize("der_type, absorb, wh, kind", [
    (2, 0, 0, "generator"), (3, 0, 0, "generator"), (5, 0, 0, "generator"), (6, 0, 0, "generator"),
    (1, 0, 0, "generator"), (1, 50_000, 0, "storage"), (1, 0, 20_000, "storage")])
def test_every_type_of_der_is_of_a_kind(
    home: Create, everyone: VirtualDER, der_type: int, absorb: int, wh: int, kind: str
) -> None:
    device = home(1, "generator")
    device.rate(der_type, 30_000, absorb // 2, wh)
    assert DeviceType.get().kind == kind
    state = fleetstate.read(everyone, clock.now())
    assert (len(state.blocks), len(state.storage)) == ((1, 0) if kind == "generator" else (0, 1))


def test_a_generator_without_a_contract_gives_its_rating(generator: Create, everyone: VirtualDER) -> None:
    generator(1)
    block, = blocks(everyone)
    assert (block.kind, block.contracted, block.available_w, block.reason) == ("generator", False, 200e3, "")


def test_a_contract_bounds_a_generator_and_the_rating_a_contract(
    generator: Create, everyone: VirtualDER
) -> None:
    generator(1)
    contracts.set_block("d1", "diesel", "generator", {"power_w": 150e3, "notice_s": 600})
    contracts.set_block("d1", "gas", "generator", {"power_w": 100e3, "least_power_w": 40e3, "price_kwh": 1.0})
    assert [(block.name, block.available_w) for block in blocks(everyone)] == [("diesel", 150e3),
                                                                               ("gas", 50e3)]
    contracts.set_block("d1", "gas", None, {"least_power_w": 60e3})
    assert [block.available_w for block in blocks(everyone)] == [150e3, 0.0], "it cannot run so low"


def test_a_load_sheds_no_more_than_it_draws_or_reports(cold_store: Create, everyone: VirtualDER) -> None:
    for number, (load, sheddable, expected) in enumerate([
            (30_000, None, 25e3), (20_000, None, 20e3), (30_000, 10_000, 10e3), (None, None, 25e3)], 1):
        cold_store(number, load, sheddable)
        contracts.set_block(f"d{number}", "compressors", "load", {"power_w": 25e3})
        assert blocks(everyone)[-1].available_w == expected


def test_what_is_reported_without_a_contract_counts_too(cold_store: Create, everyone: VirtualDER) -> None:
    cold_store(1, 30_000, 12_000, 5400)
    block, = blocks(everyone)
    assert (block.contracted, block.available_w, block.longest_s) == (False, 12e3, 5400)
    assert "it reports that it can reduce its load for 5400 s" in block.breaches(NOON, 7200, NOON)[0]
    cold_store(2, 30_000)
    assert [block.device for block in blocks(everyone)] == [1], "it reports nothing that can be shed"


def test_what_is_called_now_would_be_drawn_otherwise(cold_store: Create, everyone: VirtualDER) -> None:
    device = cold_store(1, 5000)
    contracts.set_block("d1", "compressors", "load", {"power_w": 25e3})
    BlockCall.create(device=device.device.id, block="compressors", start=NOON - 60, until=NOON + 60,
                     called_w=20e3, called_at=NOON - 60, terms={"power_w": 25e3})
    block, = blocks(everyone)
    assert block.available_w == 25e3 and block.calls == ((NOON - 60, NOON + 60),)
    assert block.breaches(NOON, 600, NOON) == ["it is called for that time already"]


def test_who_cannot_be_told_is_excluded_and_why(
    generator: Create, cold_store: Create, everyone: VirtualDER
) -> None:
    generator(1, modes=4)  # opModConnect alone
    generator(2)
    contracts.set_block("d2", "island", "generator", {"power_w": 1e5, "island": True})
    cold_store(3)
    contracts.set_block("d3", "all", "load", {"power_w": 1e5})
    from server.grid.fleet import participation
    participation.opt_out("d3")
    state = fleetstate.read(everyone, clock.now())
    assert state.excluded == {1: eligibility.MODES, 2: eligibility.UNREAD_SITE, 3: eligibility.OPTED_OUT}
    assert [block.breaches(NOON, 600, NOON) for block in state.blocks] == [
        [eligibility.MODES], [eligibility.UNREAD_SITE], [eligibility.OPTED_OUT]]


def test_an_island_gives_what_its_site_draws(generator: Create, everyone: VirtualDER) -> None:
    device = generator(1)
    contracts.set_block("d1", "island", "generator", {"power_w": 1e5, "island": True})
    reading = {"mRID": "C1", "Reading": {"timePeriod": {"start": NOON - 60, "duration": 60}, "value": 30_000},
               "ReadingType": {"flowDirection": 1, "powerOfTenMultiplier": 0, "uom": 38, "dataQualifier": 2}}
    assert device.client.post("/mup", "MirrorUsagePoint", {
        "mRID": "C0", "roleFlags": "0003", "serviceCategoryKind": 0, "status": 1, "deviceLFDI": device.lfdi,
        "MirrorMeterReading": [reading]}).status == 201
    assert [block.available_w for block in blocks(everyone)] == [30e3]


def test_the_storage_of_a_site_keeps_its_reserve_and_its_power(battery: Create, everyone: VirtualDER) -> None:
    battery(1)
    contracts.set_block("d1", "battery", "storage", {"power_w": 3000.0, "reserve_percent": 40.0})
    batteries = fleetstate.read(everyone, clock.now()).fleet.batteries
    assert (batteries.charge[0], batteries.discharge[0], batteries.least[0]) == (3000, 3000, 4000)


def test_excluding_a_device_excludes_its_blocks(generator: Create, everyone: VirtualDER) -> None:
    generator(1)
    state = fleetstate.excluding(fleetstate.read(everyone, clock.now()), [1], "ordered")
    assert not state.blocks and state.excluded == {1: "ordered"}

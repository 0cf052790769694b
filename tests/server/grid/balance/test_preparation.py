"""Storage that steps address singly has its program before the first step."""
from __future__ import annotations

from server import clock
from server.grid.balance import areasettings, controller, preparation
from server.grid.groups import singledevices, virtualders
from server.models import VirtualDER
from server.resources import store
from tests.server.grid.balancedarea import T, needs


def prepared() -> set[int]:
    return {vder.device_id for vder in VirtualDER.select().where(VirtualDER.device.is_null(False))}


def test_batteries_have_programs_before_the_first_step(neighbourhood, monkeypatch):
    needs(6000.0)
    areasettings.set_automatic("town", addressing="device")
    batteries = {home.device.id for home in neighbourhood[:4]}
    assert preparation.prepare_due() == len(batteries) and prepared() == batteries
    assert preparation.prepare_due() == 0

    def refuse(*_):
        raise AssertionError("all programs are there")
    monkeypatch.setattr(singledevices, "ensure", refuse)
    clock.turn_to(T - 300)
    assert controller.decide(virtualders.find("town"), T) == 1
    assert all(store.items(f"{vder.program}/derc")
               for vder in VirtualDER.select().where(VirtualDER.device.is_null(False)))


def test_groups_that_are_told_by_one_control_need_none(neighbourhood):
    needs(6000.0)
    areasettings.set_automatic("town")
    assert preparation.prepare_due() == 0 and prepared() == set()


def test_no_area_no_programs(neighbourhood):
    needs(6000.0)
    areasettings.set_automatic("town", False, addressing="device")
    assert preparation.prepare_due() == 0 and prepared() == set()


def test_a_turn_ends_after_a_while_and_the_next_goes_on(neighbourhood, monkeypatch):
    needs(6000.0)
    areasettings.set_automatic("town", addressing="device")
    monkeypatch.setattr(preparation, "TOGETHER", 2)
    monkeypatch.setattr(preparation, "TURN_S", 0.0)
    assert preparation.prepare_due() == 2 and len(prepared()) == 2
    assert preparation.prepare_due() == 2 and len(prepared()) == 4
    assert preparation.prepare_due() == 0


def test_an_area_that_is_switched_off_gets_no_more(neighbourhood, monkeypatch):
    """The list of the last look is longer than one slice."""
    needs(6000.0)
    areasettings.set_automatic("town", addressing="device")
    monkeypatch.setattr(preparation, "TOGETHER", 2)
    monkeypatch.setattr(preparation, "TURN_S", 0.0)
    assert preparation.prepare_due() == 2
    areasettings.set_automatic("town", False, addressing="device")
    assert preparation.prepare_due() == 0 and len(prepared()) == 2

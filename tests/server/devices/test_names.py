"""Names and kinds of devices."""
from __future__ import annotations

import pytest

from server.devices import enrolment, names
from server.errors import Refused
from tests import peers


def enrolled(*called: str) -> list[int]:
    """Enrol devices with these names; their numbers."""
    return [enrolment.enrol(peers.lfdi(number), name=name, kind="battery").id
            for number, name in enumerate(called, 1)]


@pytest.mark.parametrize("name, reason", [
    ("1", "looks like the number of a device"), ("007", "looks like the number"),
    ("AB" * 20, "looks like an LFDI")])
def test_a_name_that_looks_like_a_number_or_an_lfdi_is_refused(server: None, name: str, reason: str) -> None:
    number, = enrolled("a")
    for attempt in (lambda: enrolment.enrol(peers.lfdi(2), name=name),
                    lambda: enrolment.relabel(enrolment.find("a"), {}, name)):
        with pytest.raises(Refused, match=reason) as refused:
            attempt()
        assert refused.value.status == 400
    assert enrolment.find(str(number)).name == "a"


def test_a_number_is_that_of_a_device_even_where_another_is_named_by_it(server: None) -> None:
    """Databases have such names from before they were refused."""
    first, second = enrolled("a", "b")
    device = enrolment.find("b")
    device.name = str(first)
    device.save()
    assert enrolment.find(str(first)).name == "a" and enrolment.find(str(second)).id == second


def test_devices_of_one_name_are_listed_and_the_second_is_warned_of(server: None) -> None:
    first, second = enrolled("elm", "elm")
    with pytest.raises(Refused) as refused:
        enrolment.find("elm")
    for part in ("2 devices are called 'elm'", f"device {first} (LFDI {peers.lfdi(1)[:8]}…, battery)",
                 f"device {second} ", "specify the number"):
        assert part in refused.value.why
    warning, = names.warnings(enrolment.find(str(second)))
    assert f"'elm' is also the name of device {first} " in warning
    enrolment.relabel(enrolment.find(str(second)), {}, "oak")
    assert names.warnings(enrolment.find("oak")) == []


def test_a_name_that_does_not_exist_is_refused_with_a_similar_one(server: None) -> None:
    enrolled("12 Elm Street")
    with pytest.raises(Refused, match="no device is called '12 elm stret'; did you mean 12 Elm Street\\?"):
        enrolment.find("12 elm stret")


@pytest.mark.parametrize("kind, canonical", [
    ("evcharger", "ev_charger"), ("EV-Charger", "ev_charger"), ("Battery", "battery")])
def test_a_kind_may_have_another_case_or_separator(kind: str, canonical: str) -> None:
    assert names.check_kind(kind) == canonical


@pytest.mark.parametrize("kind, meant", [("thermostatt", "thermostat"), ("ev_chrger", "ev_charger")])
def test_a_kind_that_is_not_in_the_list_is_refused_with_a_similar_one(kind: str, meant: str) -> None:
    with pytest.raises(Refused, match=f"kinds are pv, .*; did you mean {meant}\\?"):
        names.check_kind(kind)


def test_kinds_of_the_list_and_none_are_taken() -> None:
    assert [names.check_kind(kind) for kind in ("", *names.KINDS)] == ["", *names.KINDS]

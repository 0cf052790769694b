import pytest

from server import clock
from server.grid.controls import defaultcontrols, dercontrols, drevents, effectivecontrol, preview
from server.grid.controls.effectivecontrol import Program
from server.grid.groups import virtualders
from server.resources import events
from tests.server.grid.fleet.test_fleetstate import car, pump  # noqa: F401


def control(number, start, end, base, created=0, category=events.EVERY_CATEGORY):
    event = events.from_data(
        "DERControl",
        f"e{number}",
        {
            "mRID": f"{number:02X}",
            "creationTime": created,
            "interval": {"start": start, "duration": end - start},
            "DERControlBase": base,
            "deviceCategory": f"{category:08X}",
        },
    )
    return event, base


A, B, C = {"opModFixedW": 1}, {"opModFixedW": 2}, {"opModMaxLimW": 3, "opModFixedW": 3}
SYSTEM = Program("system", 100, (control(1, 100, 200, A),), {"opModConnect": True, "opModFixedW": 9})
SERVICE = Program("service", 50, (control(2, 150, 250, B),), {"opModMaxLimW": 8})

CASES = [
    (SYSTEM, SERVICE, 50, {"opModConnect": ("system", None), "opModFixedW": ("system", None),
                           "opModMaxLimW": ("service", None)}),
    (SYSTEM, SERVICE, 120, {"opModConnect": ("system", None), "opModFixedW": ("system", "e1"),
                            "opModMaxLimW": ("service", None)}),
    (SYSTEM, SERVICE, 180, {"opModConnect": ("system", None), "opModFixedW": ("service", "e2"),
                            "opModMaxLimW": ("service", None)}),
    (SYSTEM, SERVICE, 240, {"opModConnect": ("system", None), "opModFixedW": ("service", "e2"),
                            "opModMaxLimW": ("service", None)}),
    (SYSTEM, SERVICE, 250, {"opModConnect": ("system", None), "opModFixedW": ("system", None),
                            "opModMaxLimW": ("service", None)}),
]


@pytest.mark.parametrize("first, second, now, expected", CASES, ids=[str(case[2]) for case in CASES])
def test_by_primacy_mode_by_mode_then_the_defaults(first, second, now, expected):
    for programs in ([first, second], [second, first]):
        modes = effectivecontrol.effective_control(programs, now)
        assert {mode: (setting.program, setting.event) for mode, setting in modes.items()} == expected


def test_the_newest_wins_where_two_of_a_program_share_a_mode():
    both = Program("p", 1, (control(1, 0, 100, A, created=5), control(2, 0, 100, C, created=9)), {})
    assert {
        mode: setting.value for mode, setting in effectivecontrol.effective_control([both], 50).items()
    } == C
    other = Program("p", 1, (control(1, 0, 100, A, created=9), control(2, 0, 100, C, created=5)), {})
    assert effectivecontrol.effective_control([other], 50)["opModFixedW"].value == 1


def test_equal_primacy_of_two_programs_the_newest_wins():
    older, newer = (
        Program("o", 5, (control(1, 0, 9, A, 1),), {}),
        Program("n", 5, (control(2, 0, 9, B, 2),), {}),
    )
    for programs in ([older, newer], [newer, older]):
        assert effectivecontrol.effective_control(programs, 5)["opModFixedW"].program == "n"


def test_controls_for_other_categories_do_not_count():
    only = Program("p", 1, (control(1, 0, 100, A, category=2),), {"opModFixedW": 7})
    assert effectivecontrol.effective_control([only], 50, categories=1)["opModFixedW"].value == 7
    assert effectivecontrol.effective_control([only], 50, categories=3)["opModFixedW"].value == 1


def test_what_a_device_follows(battery):
    home = battery(1)
    virtualders.create("system", primacy=100)
    virtualders.create("north", "*", parent="system", primacy=50)
    href = dercontrols.post("system", {"opModFixedW": 100}, 600, clock.now() + 60)["href"]
    defaultcontrols.set_default("north", {"opModFixedW": 5, "opModMaxLimW": 9000})
    default = {"vder": "north", "control": None, "reason": "the default: no event sets it"}
    now, later = preview.preview(home.device), preview.preview(home.device, clock.now() + 60)
    assert now["follows"] == [
        {
            "mode": "opModFixedW",
            "value": 5,
            "in_words": ["fixed W 0.05 % of setMaxW, or setMaxDischargeRateW of storage"],
            **default,
            "reason": default["reason"] + "; also set by system (100)",
        },
        {"mode": "opModMaxLimW", "value": 9000,
         "in_words": ["max limit W 90 % of setMaxW"], **default},
    ]
    assert later["follows"][0] == {"mode": "opModFixedW", "value": 100, "vder": "system", "control": href,
                                   "in_words": ["fixed W 1 % of setMaxW, or setMaxDischargeRateW of storage"],
                                   "reason": "an event, primacy 100; also set by north (50)"}
    assert [(row["vder"], row["control"], row["outcome"]) for row in now["programs"]] == [
        ("north", None, "followed"), ("system", None, "no event or default then")]
    assert [(row["vder"], row["control"], row["status"], row["outcome"]) for row in later["programs"]] == [
        ("north", None, "default", f"followed in part; opModFixedW is decided by {href}"),
        ("system", href, "active", "followed"),
    ]


def test_events_that_are_not_followed_say_why(battery):
    home = battery(1)
    virtualders.create("system", primacy=100)
    virtualders.create("north", "*", parent="system", primacy=50)
    first = dercontrols.post("system", {"opModFixedW": 100}, 600)["href"]
    clock.advance(1)
    second = dercontrols.post("system", {"opModFixedW": 200}, 600)["href"]
    third = dercontrols.post("north", {"opModFixedW": 300}, 600)["href"]
    fourth = dercontrols.post("north", {"opModMaxLimW": 300}, 600)["href"]
    dercontrols.cancel(fourth)
    shown = preview.preview(home.device)
    assert {row["control"]: row["outcome"] for row in shown["programs"]} == {
        first: f"superseded by {second}",
        second: f"opModFixedW is decided by {third}",
        third: "followed",
        fourth: "cancelled",
    }
    assert [row["mode"] for row in shown["follows"]] == ["opModFixedW"]


def test_an_event_that_by_chance_is_over_before_its_period_is_over(battery):
    home = battery(1)
    virtualders.create("system", "*")
    href = dercontrols.post("system", {"opModFixedW": 100}, 600, randomize_duration=-300)["href"]
    outcomes = {
        at: {
            row["control"]: row["outcome"]
            for row in preview.preview(home.device, clock.now() + at)["programs"]
        }
        for at in (10, 590, 610)
    }
    assert outcomes[10] == {href: "followed"} and outcomes[590][href] in ("followed", "over")
    assert outcomes[610] == {None: "no event or default then"}


def test_load_controls_and_reservations_are_followed_too(car, pump):  # noqa: F811
    charger, thermostat = car(1), pump(2)
    virtualders.create("street", "*")
    offset = drevents.create("street", {"Offset": {"heatingOffset": 10}}, 600, category=1)["href"]
    other = drevents.create("street", {"DutyCycle": {"normalValue": 50}}, 600, category=4)["href"]
    clock.advance(400)
    row, = preview.preview(thermostat.device, clock.now())["follows"]
    assert (row["mode"], row["value"]["heatingOffset"], row["control"], row["reason"]) == (
        "Offset",
        10,
        offset,
        "an event, primacy 100",
    )
    assert {row["control"]: row["outcome"] for row in preview.preview(thermostat.device)["programs"]} == {
        None: "no event or default then", offset: "followed", other: "not for devices of this category"}
    assert preview.preview(charger.device)["follows"][-1]["mode"] == "powerAvailable"
    assert preview.preview(charger.device)["follows"][-1]["value"] == 7000

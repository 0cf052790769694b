import pytest

from server import clock
from server.errors import Refused
from server.grid.controls import dercontrols
from server.grid.groups import virtualders
from server.resources import codec


@pytest.fixture
def north(battery):
    home = battery(1)
    vder = virtualders.create("north", "kind = battery")
    return home, vder["program"]


def test_a_control_reaches_the_members(north):
    home, program = north
    posted = dercontrols.post(
        "north", {"opModFixedW": 2500}, 900, clock.now() + 60, randomize_start=30, ramp_s=5,
        category=0x01000000, description="peak", response_required=7,
    )
    document = home.client.get(posted["href"]).data
    assert document["interval"] == {"start": clock.now() + 60, "duration": 900}
    assert document["DERControlBase"] == {"opModFixedW": 2500, "rampTms": 500}
    assert (document["randomizeStart"], document["deviceCategory"], document["description"]) == (
        30,
        "01000000",
        "peak",
    )
    assert (document["responseRequired"], document["mRID"]) == ("07", posted["mrid"])
    assert document["EventStatus"]["currentStatus"] == 0 and posted["status"] == "scheduled"
    assert posted["warnings"] == [] and posted["href"].startswith(f"{program}/derc/")


def test_the_longest_control(north):
    """CSIP 4.4.1: who wants an answer to a setting posts a control without an end in practice."""
    posted = dercontrols.post("north", {"opModMaxLimW": 5000}, 2 ** 32 - 1)
    assert (posted["duration_s"], posted["status"]) == (2 ** 32 - 1, "active")
    clock.advance(10 * 365 * 86400)
    assert north[0].client.get(posted["href"]).data["EventStatus"]["currentStatus"] == 1
    with pytest.raises(Refused, match="duration"):
        dercontrols.post("north", {"opModMaxLimW": 5000}, 2 ** 32)


def test_without_a_start_it_begins_now(north):
    posted = dercontrols.post("north", {"opModConnect": False}, 60)
    assert (posted["start"], posted["status"], posted["warnings"]) == (clock.now(), "active", [])


def test_a_dry_run_shows_the_xml_and_leaves_nothing(north):
    home, program = north
    posted = dercontrols.post("north", {"opModFixedW": 2500}, 900, dry_run=True)
    name, data = codec.decode(posted["xml"][0].encode())
    assert (
        name == "DERControl"
        and data["DERControlBase"] == {"opModFixedW": 2500}
        and data["href"] == posted["href"]
    )
    assert list(dercontrols.list_controls("north")) == [] and home.client.get(posted["href"]).status == 404
    assert dercontrols.post("north", {"opModFixedW": 2500}, 900)["href"] == posted["href"]


def test_the_list_and_one_of_it(north):
    first = dercontrols.post("north", {"opModFixedW": 1}, 60, clock.now() + 600)
    second = dercontrols.post("north", {"opModFixedW": 2}, 60)
    virtualders.create("south")
    assert [row["href"] for row in dercontrols.list_controls("north")] == [second["href"], first["href"]]
    assert {row["vder"] for row in dercontrols.list_controls()} == {"north"}
    clock.advance(60)
    assert [row["status"] for row in dercontrols.list_controls("north")] == ["scheduled"]
    assert [row["status"] for row in dercontrols.list_controls("north", ended=True)] == [
        "over",
        "scheduled",
    ]
    shown = dercontrols.show(first["href"])
    assert shown["base"] == {"opModFixedW": 1} and codec.decode(shown["xml"].encode())[0] == "DERControl"


def test_cancelled_now_or_later(north):
    home, _ = north
    first = dercontrols.post("north", {"opModFixedW": 1}, 600)
    assert dercontrols.cancel(first["href"], reason="storm")["status"] == "cancelled"
    assert home.client.get(first["href"]).data["EventStatus"]["reason"] == "storm"
    with pytest.raises(Refused, match="cancelled already"):
        dercontrols.cancel(first["href"])
    second = dercontrols.post("north", {"opModMaxLimW": 1}, 600)
    assert dercontrols.cancel(second["href"], at=clock.now() + 60, randomized=True)["status"] == "active"
    clock.advance(60)
    assert dercontrols.show(second["href"])["status"] == "cancelled with randomization"


@pytest.mark.parametrize("base, duration, start, more, status, why", [
    ({"opModFixedW": 1}, 0, 0, {}, 400, "at least one second"),
    ({"opModFixedW": 1}, 60, -60, {}, 400, "would be over"),
    ({"opModFixedW": 1}, 60, 0, {"randomize_start": 3601}, 400, "randomizeStart 3601"),
    ({"opModFixedW": 1}, 60, 0, {"randomize_duration": -3601}, 400, "randomizeDuration -3601"),
    ({}, 60, 0, {}, 400, "at least one mode"),
    ({"rampTms": 5}, 60, 0, {}, 400, "at least one mode"),
    ({"opModFixedW": 1}, 60, 0, {"ramp_s": 656}, 400, "ramp 656"),
    ({"opModFixedW": 10_001}, 60, 0, {}, 400, "opModFixedW: -100 to 100 % are possible, not 100.01 %"),
    ({"opModMaxLimW": -1}, 60, 0, {}, 400, "opModMaxLimW: 0 to 100 %"),
    ({"opModTargetW": {"multiplier": 0, "value": 40_000}}, 60, 0, {}, 400, "40000. is not a valid value"),
    ({"csipaus:opModImpLimW": {"multiplier": 0, "value": -5}}, 60, 0, {}, 400, "a limit cannot be negative"),
    ({"opModMaxLimW": 5000}, 60, 0, {"randomize_duration": -60}, 400,
     "randomizeDuration -60 s: an event of 60 s would be shortened to nothing"),
    ({"opModFixdW": 1}, 60, 0, {}, 400, "has no opModFixdW"),
    ({"csipaus:opModNothing": {"multiplier": 0, "value": 4}}, 60, 0, {}, 400, "opModNothing"),
    ({"opModVoltVar": {"href": "/derp/1/dc/9"}}, 60, 0, {}, 400, "no curve /derp/1/dc/9"),
])
def test_what_is_refused_leaves_nothing(north, base, duration, start, more, status, why):
    with pytest.raises(Refused, match=why) as caught:
        dercontrols.post("north", base, duration, clock.now() + start, **more)
    assert caught.value.status == status and list(dercontrols.list_controls("north", ended=True)) == []
